using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// Rows 值班班次 (duty shift) and 探访班次 (visitor shift): the shifts of a person in a file replace all that person had before. They are
/// read when all other rows have been, all at once.
/// </summary>
internal sealed class RotaImport(RecordsDb db, KnownRecords known, DateTime now, ImportOptions options, ImportChanges changes)
{
    /// <returns>Whether anything changes.</returns>
    public async Task<bool> ReadAsync(IReadOnlyList<RegistryRow> rows, CancellationToken cancellation)
    {
        var shifts = new List<Shift>();
        foreach (var row in rows)
            if (Read(row) is { } shift)
                shifts.Add(shift);
        var people = shifts.Select(s => s.Who).Distinct().ToArray();
        var before = (await db.Shifts.Where(s => EF.Parameter(people).Contains(s.Who)).ToListAsync(cancellation)).ToLookup(s => s.Who);
        var any = false;
        foreach (var person in shifts.GroupBy(s => s.Who))
        {
            var kind = person.Key.StartsWith("officer:", StringComparison.Ordinal) ? ImportKind.DutyShift : ImportKind.VisitorShift;
            if (before[person.Key].Select(Hours).Order().SequenceEqual(person.Select(Hours).Order()))
            {
                changes.Count(kind, Fate.Unchanged, person.Count());
                continue;
            }

            any = true;
            changes.Count(kind, before[person.Key].Any() ? Fate.Changed : Fate.New, person.Count());
            known.Removed.AddRange(before[person.Key]);
            known.NewShifts.AddRange(person);
        }

        return any;
    }

    private static (int, TimeOnly, TimeOnly, DateOnly?, DateOnly?) Hours(Shift s) => (s.Days, s.From, s.Until, s.FirstDay, s.LastDay);

    private Shift? Read(RegistryRow row)
    {
        var id = row["id"];
        if (id.Length == 0)
            return null; // said already
        var duty = row.Kind is ImportKind.DutyShift;
        var area = duty ? known.Officers.GetValueOrDefault(id)?.Area : known.Visitors.GetValueOrDefault(id)?.Area;
        if (area is null)
            row.Wrong(
                "id",
                id,
                new Wording(
                    $"is no {(duty ? "duty officer or supervisor" : "visitor")} of this file or of an earlier import",
                    duty ? "此文件和以往的导入中没有此值班人员或主管" : "此文件和以往的导入中没有此探访人"
                )
            );
        if (area?.StartsWith(options.Bound, StringComparison.Ordinal) == false)
            row.Wrong(
                "id",
                id,
                new Wording(
                    $"belongs to an area outside {options.Bound}, which you are bound to",
                    $"所属区域不在您的管理范围 {options.Bound} 内"
                )
            );
        var shift = new Shift { Id = Guid.CreateVersion7(new DateTimeOffset(now)), Who = (duty ? "officer:" : "visitor:") + id };
        row.Quietly(() => ShiftCells.Shift(row, shift));
        return shift;
    }
}
