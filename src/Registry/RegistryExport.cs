using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>The registry as a file that <see cref="RegistryImport"/> reads: every column that it knows.</summary>
public static partial class RegistryExport
{
    private const int ReadAtOnce = 1000;

    private static readonly (string Column, Func<Resident, object?> Value)[] Own =
    [
        ("id", r => r.Id),
        ("name", r => r.Name),
        ("area", r => r.Area),
        ("identity", r => FieldKeys.Readable(r.IdentityNumber)),
        ("gender", r => r.Gender),
        ("birth", r => RegistryRow.Shown(r.BirthDate)),
        ("phone", r => FieldKeys.Readable(r.Phone)),
        ("address", r => r.Address),
        ("registered address", r => r.RegisteredAddress),
        ("disability certificate", r => FieldKeys.Readable(r.DisabilityCertificate)),
        ("filed", r => RegistryRow.Shown(r.FiledOn)),
        ("categories", r => r.Categories),
        ("key", r => r.KeyClass),
        ("consent", r => r.ConsentService),
        ("share", r => r.ConsentDailyLife),
        ("drinking water", r => r.DrinkingWater),
        ("electricity", r => r.ElectricitySafety),
        ("gas", r => r.GasSafety),
        ("housing", r => r.Housing),
        ("income", r => r.MonthlyIncome),
        ("pension", r => r.MonthlyPension),
        ("benefits", r => r.MonthlyBenefits),
        ("helped by", r => r.HelpedBy),
        ("help contact", r => r.HelpContact),
        ("help", r => r.Help),
        ("latitude", r => r.HomeLatitude),
        ("longitude", r => r.HomeLongitude),
        ("radius", r => r.HomeRadiusMetres),
        ("visitor id", r => r.VisitorId),
        ("visitor name", r => r.Visitor?.Name),
        ("visitor phone", r => FieldKeys.Readable(r.Visitor?.Phone)),
    ];

    private static readonly (string Part, Func<Contact, object?> Value)[] OfContact =
    [
        ("name", c => c.Name),
        ("relation", c => c.Relation),
        ("phone", c => FieldKeys.Readable(c.Phone)),
        ("mail", c => FieldKeys.Readable(c.Mail)),
        ("language", c => c.Language),
        ("digest", c => c.DailyDigest),
    ];

    private static readonly (string Part, Func<HouseholdMember, object?> Value)[] OfMember =
    [
        ("name", m => m.Name),
        ("gender", m => m.Gender),
        ("identity", m => FieldKeys.Readable(m.IdentityNumber)),
        ("relation", m => m.Relation),
        ("health", m => FieldKeys.Readable(m.Health)),
        ("support", m => m.Supported),
    ];

    private static readonly (string Part, Func<Device, object?> Value)[] OfDevice =
    [
        ("id", d => d.Id),
        ("profile", d => d.Profile),
        ("installed", d => RegistryRow.Shown(DateOnly.FromDateTime(d.InstalledAt))),
        ("report", d => d.ReportMinutes),
    ];

    /// <summary>The residents: headings, and rows in the order of the ids; they are read while they are taken.</summary>
    public static async Task<(string[] Headings, IEnumerable<IReadOnlyList<object?>> Rows)> ReadAsync(
        IDbContextFactory<RecordsDb> records,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var contacts = await db.Contacts.MaxAsync(c => (int?)c.Order, cancellation) ?? 0;
        var members = await db.Set<HouseholdMember>().MaxAsync(m => (int?)m.Order, cancellation) ?? 0;
        var devices =
            await db.Devices.Where(d => d.ResidentId != null).GroupBy(d => d.ResidentId).Select(g => (int?)g.Count()).MaxAsync(cancellation)
            ?? 0;
        string[] headings =
        [
            .. Own.Select(o => o.Column),
            .. Numbered("contact", contacts, OfContact.Select(p => p.Part)),
            .. Numbered("household", members, OfMember.Select(p => p.Part)),
            .. Numbered("device", devices, OfDevice.Select(p => p.Part)),
        ];
        return (
            headings,
            Residents(records)
                .Select(r =>
                    (IReadOnlyList<object?>)
                        [
                            .. Own.Select(o => o.Value(r)),
                            .. Cells(contacts, n => r.Contacts.Find(c => c.Order == n), OfContact),
                            .. Cells(members, n => r.Household.Find(m => m.Order == n), OfMember),
                            .. Cells(
                                devices,
                                n => r.Devices.OrderBy(d => d.Id, StringComparer.Ordinal).ElementAtOrDefault(n - 1),
                                OfDevice
                            ),
                        ]
                )
        );
    }

    private static IEnumerable<string> Numbered(string kind, int most, IEnumerable<string> parts) =>
        Enumerable.Range(1, most).SelectMany(n => parts.Select(p => $"{kind} {n} {p}"));

    private static IEnumerable<object?> Cells<T>(int most, Func<int, T?> find, (string Part, Func<T, object?> Value)[] parts)
        where T : class => Enumerable.Range(1, most).Select(find).SelectMany(x => parts.Select(p => x is null ? null : p.Value(x)));

    private static IEnumerable<Resident> Residents(IDbContextFactory<RecordsDb> records)
    {
        for (var last = ""; ; )
        {
            using var db = records.CreateDbContext();
#pragma warning disable CA1309 // the database compares, in the order in which it sorts
            var page = db
                .Residents.AsNoTracking()
                .AsSplitQuery()
                .Include(r => r.Contacts)
                .Include(r => r.Household)
                .Include(r => r.Devices)
                .Include(r => r.Visitor)
                .Where(r => string.Compare(r.Id, last) > 0)
                .OrderBy(r => r.Id)
                .Take(ReadAtOnce)
                .ToList();
#pragma warning restore CA1309
            foreach (var resident in page)
                yield return resident;
            if (page.Count < ReadAtOnce)
                yield break;
            last = page[^1].Id;
        }
    }
}
