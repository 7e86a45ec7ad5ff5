using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Registry;

public static partial class RegistryExport
{
    private static readonly (string Column, Func<Area, object?> Value)[] OfArea = [("area", a => a.Code), ("name", a => a.Name)];

    private static readonly (string Column, Func<Visitor, object?> Value)[] OfVisitor =
    [
        ("id", v => v.Id),
        ("name", v => v.Name),
        ("area", v => v.Area),
        ("phone", v => FieldKeys.Readable(v.Phone)),
        ("mail", v => FieldKeys.Readable(v.Mail)),
        ("language", v => v.Language),
        ("substitute", v => v.SubstituteId),
        ("away from", v => RegistryRow.Shown(v.AwayFrom)),
        ("away until", v => RegistryRow.Shown(v.AwayUntil)),
    ];

    private static readonly (string Column, Func<DutyOfficer, object?> Value)[] OfOfficer =
    [
        ("id", o => o.Id),
        ("name", o => o.Name),
        ("area", o => o.Area),
        ("phone", o => FieldKeys.Readable(o.Phone)),
        ("mail", o => FieldKeys.Readable(o.Mail)),
        ("webhook", o => FieldKeys.Readable(o.Webhook)),
        ("language", o => o.Language),
        ("substitute", o => o.SubstituteId),
        ("away from", o => RegistryRow.Shown(o.AwayFrom)),
        ("away until", o => RegistryRow.Shown(o.AwayUntil)),
    ];

    private static readonly (string Column, Func<Shift, object?> Value)[] OfShift =
    [
        ("id", s => s.Who[(s.Who.IndexOf(':', StringComparison.Ordinal) + 1)..]),
        ("days", s => ShiftCells.Days(s.Days)),
        ("hours", s => ShiftCells.Hours(s.From, s.Until)),
        ("first day", s => RegistryRow.Shown(s.FirstDay)),
        ("last day", s => RegistryRow.Shown(s.LastDay)),
    ];

    /// <summary>
    /// All that an import knows, a record a row: areas, visitors, officers and supervisors, residents, shifts, in this order, so that
    /// whatever a row stands on comes before it.
    /// </summary>
    public static async Task<(string[] Headings, IEnumerable<IReadOnlyList<object?>> Rows)> ReadWholeAsync(
        IDbContextFactory<RecordsDb> records,
        CancellationToken cancellation
    )
    {
        var (own, residents) = await ReadAsync(records, cancellation);
        string[] headings =
        [
            "record",
            .. own,
            .. OfOfficer.Select(o => o.Column).Concat(OfVisitor.Select(v => v.Column)).Concat(OfShift.Select(s => s.Column)).Except(own),
        ];
        var places = headings.Index().ToDictionary(h => h.Item, h => h.Index);
        await using var db = await records.CreateDbContextAsync(cancellation);
        var areas = await db.Areas.AsNoTracking().OrderBy(a => a.Code).ToListAsync(cancellation);
        // One without an area is made by the rows of the residents it visits, which have its name and phone.
        var visitors = await db.Visitors.AsNoTracking().Where(v => v.Area != "").OrderBy(v => v.Id).ToListAsync(cancellation);
        var officers = await db.DutyOfficers.AsNoTracking().OrderBy(o => o.Id).ToListAsync(cancellation);
        var shifts = await db.Shifts.AsNoTracking().ToListAsync(cancellation);
        return (headings, Rows());

        IEnumerable<IReadOnlyList<object?>> Rows()
        {
            foreach (var area in areas)
                yield return Row(ImportKind.Area, area, OfArea);
            foreach (var visitor in visitors)
                yield return Row(ImportKind.Visitor, visitor, OfVisitor);
            foreach (var officer in officers)
                yield return Row(officer.Supervisor ? ImportKind.Supervisor : ImportKind.Duty, officer, OfOfficer);
            foreach (var cells in residents)
                yield return [ImportChanges.Word(ImportKind.Resident).En, .. cells, .. new object?[headings.Length - 1 - cells.Count]];
            foreach (var shift in shifts.OrderBy(s => s.Who, StringComparer.Ordinal).ThenBy(Hours))
                yield return Row(
                    shift.Who.StartsWith("officer:", StringComparison.Ordinal) ? ImportKind.DutyShift : ImportKind.VisitorShift,
                    shift,
                    OfShift
                );
        }

        object?[] Row<T>(ImportKind kind, T record, (string Column, Func<T, object?> Value)[] columns)
        {
            var row = new object?[headings.Length];
            row[0] = ImportChanges.Word(kind).En;
            foreach (var (column, value) in columns)
                row[places[column]] = value(record);
            return row;
        }
    }

    /// <summary>Shifts have no number of their own: they are written in the order of what they say.</summary>
    private static (DateOnly, DateOnly, TimeOnly, TimeOnly, int) Hours(Shift s) =>
        (s.FirstDay ?? DateOnly.MinValue, s.LastDay ?? DateOnly.MaxValue, s.From, s.Until, s.Days);
}
