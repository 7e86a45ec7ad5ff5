using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Rules;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>What is expected of a device by its profile.</summary>
/// <param name="Every">How often it reports; null when that isn't known.</param>
/// <param name="Expects">Metrics that are expected from its installation on.</param>
/// <param name="OnlyCalls">It watches nobody: a button, a smoke or gas detector.</param>
public readonly record struct Reporting(TimeSpan? Every, IReadOnlyList<Metric> Expects, bool OnlyCalls = false);

/// <summary>What is expected of devices of a profile; null when there is no such profile.</summary>
public delegate Reporting? ReportingOf(string profile);

/// <summary>
/// What the rules have to know of a home, from the records. The running service, a backtest and the trial of rules all read it here, so
/// that they judge the same home alike.
/// </summary>
public sealed class HomeFacts(ReportingOf reporting)
{
    /// <summary>Homes that are read at once.</summary>
    private const int Batch = 2000;

    /// <summary>What is expected of devices of a profile that report every so many minutes.</summary>
    private readonly ConcurrentDictionary<(string Profile, int? Minutes), Expected> expectations = [];

    /// <summary>
    /// The homes as they were in a period: the running service asks for now, a backtest for its whole period. An absence counts until it
    /// was ended; one that was ended before the period is left out.
    /// </summary>
    /// <param name="db">The records.</param>
    /// <param name="residents">Of whom; null for all.</param>
    /// <param name="from">Start of the period, UTC.</param>
    /// <param name="to">Its end.</param>
    /// <param name="cancellation">Cancels the reading.</param>
    public async Task<IReadOnlyList<ResidentFacts>> ReadAsync(
        RecordsDb db,
        IReadOnlyCollection<string>? residents,
        DateTime from,
        DateTime to,
        CancellationToken cancellation
    )
    {
        var (absences, watches) = (await AbsencesAsync(db, residents, from, cancellation), await WatchesAsync(db, from, cancellation));
        var found = await Homes(db.Residents.Where(r => residents == null || residents.Contains(r.Id))).ToListAsync(cancellation);
        var devices = await Devices(db.Devices.Where(d => residents == null || residents.Contains(d.ResidentId))).ToListAsync(cancellation);
        return Of(found, devices, absences, watches, to);
    }

    /// <summary>
    /// All homes as they are now, and all devices, those without a home too. They are read some thousands at once, on several processors,
    /// so that a county is known in seconds and its rows are never all in memory. What changes meanwhile may be read or not.
    /// </summary>
    /// <param name="records">The records.</param>
    /// <param name="now">UTC.</param>
    /// <param name="devices">Takes devices; called by several threads, and before their homes are.</param>
    /// <param name="homes">Takes homes; called by several threads.</param>
    /// <param name="cancellation">Cancels the reading.</param>
    public async Task ReadAllAsync(
        IDbContextFactory<RecordsDb> records,
        DateTime now,
        Action<IReadOnlyList<Device>> devices,
        Action<IReadOnlyList<ResidentFacts>> homes,
        CancellationToken cancellation
    )
    {
        await using var first = await records.CreateDbContextAsync(cancellation);
        var (absences, watches) = (await AbsencesAsync(first, null, now, cancellation), await WatchesAsync(first, now, cancellation));
        devices(await Devices(first.Devices.Where(d => d.ResidentId == null)).ToListAsync(cancellation));
        using var turn = new SemaphoreSlim(1, 1);
        var last = "";
        if (await ReadSomeAsync(first))
            await Task.WhenAll(Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Task.Run(ReadRestAsync, cancellation)));

        async Task ReadRestAsync()
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            while (await ReadSomeAsync(db)) { }
        }

        // False when there are no more.
        async Task<bool> ReadSomeAsync(RecordsDb db)
        {
            await turn.WaitAsync(cancellation);
            List<Resident> some;
            string after;
            try
            {
                after = last;
#pragma warning disable CA1309 // the database compares, in the order in which it sorts
                some = await Homes(db.Residents.Where(r => string.Compare(r.Id, after) > 0).OrderBy(r => r.Id).Take(Batch))
                    .ToListAsync(cancellation);
                if (some.Count == 0)
                    return false;
                last = some[^1].Id;
            }
            finally
            {
                turn.Release();
            }

            var until = some[^1].Id;
            var theirs = await Devices(
                    db.Devices.Where(d => string.Compare(d.ResidentId, after) > 0 && string.Compare(d.ResidentId, until) <= 0)
                )
                .ToListAsync(cancellation);
#pragma warning restore CA1309
            var read = Of(some, theirs, absences, watches, now);
            devices(theirs);
            homes(read);
            return some.Count == Batch;
        }
    }

    /// <summary>Areas that were under heightened watch after a moment.</summary>
    public static async Task<IReadOnlyList<Area>> WatchesAsync(RecordsDb db, DateTime from, CancellationToken cancellation) =>
        await db.Areas.AsNoTracking().Where(a => a.WatchUntil > from).ToListAsync(cancellation);

    /// <summary>A known home under the watches as they are now; the same where they change nothing for it.</summary>
    public static ResidentFacts Watched(ResidentFacts home, IReadOnlyList<Area> watches, DateTime to)
    {
        var (from, until) = WatchOf(home.Area.Value, watches, to);
        return from == home.WatchFrom && until == home.WatchUntil ? home : home with { WatchFrom = from, WatchUntil = until };
    }

    /// <summary>A home from rows that were read already.</summary>
    /// <param name="resident">The resident.</param>
    /// <param name="devices">What is expected of the devices in the home.</param>
    /// <param name="absences">The resident's absences.</param>
    /// <param name="watches">Areas with a heightened watch.</param>
    /// <param name="to">End of the period.</param>
    public static ResidentFacts Of(
        Resident resident,
        IReadOnlyList<DeviceFacts> devices,
        IEnumerable<Absence> absences,
        IEnumerable<Area> watches,
        DateTime to
    )
    {
        var (watchFrom, watchUntil) = WatchOf(resident.Area, watches, to);
        return new ResidentFacts
        {
            Id = new ResidentId(resident.Id),
            Area = new AreaCode(resident.Area),
            KeyClass = resident.KeyClass,
            Refused = resident.Refused,
            Home = resident is { HomeLatitude: { } lat, HomeLongitude: { } lon } ? (lat, lon) : null,
            HomeRadiusMetres = resident.HomeRadiusMetres,
            Devices = devices,
            Absences = absences
                .Select(a => new AbsenceFacts(a.From, a.EndedAt < a.Until ? a.EndedAt.Value : a.Until, a.Author))
                .Where(a => a.Until > a.From) // one that was ended before it began doesn't count
                .ToArray(),
            WatchFrom = watchFrom,
            WatchUntil = watchUntil,
        };
    }

    /// <summary>The homes of these residents with their devices, whose texts they share from now on.</summary>
    private List<ResidentFacts> Of(
        List<Resident> residents,
        List<Device> devices,
        ILookup<string, Absence> absences,
        IReadOnlyList<Area> watches,
        DateTime to
    )
    {
        var theirs = new Dictionary<string, (string Id, List<DeviceFacts> Devices)>(residents.Count, StringComparer.Ordinal);
        foreach (var resident in residents)
        {
            theirs[resident.Id] = (resident.Id, []);
            resident.Area = string.Intern(resident.Area);
        }

        foreach (var device in devices)
        {
            if (device.ResidentId is null || !theirs.TryGetValue(device.ResidentId, out var home))
                continue; // registered since the residents were read: a change that follows
            device.ResidentId = home.Id;
            if (FactsOf(device) is { } expected)
                home.Devices.Add(expected);
        }

        return residents.ConvertAll(r => Of(r, theirs[r.Id].Devices.ToArray(), absences[r.Id], watches, to));
    }

    /// <summary>Null where the device's profile no longer exists: it can't be read, so nothing is expected of it.</summary>
    private DeviceFacts? FactsOf(Device device)
    {
        if (!expectations.TryGetValue((device.Profile, device.ReportMinutes), out var expected))
        {
            if (reporting(device.Profile) is not { } profile)
                return null;
            expected = expectations.GetOrAdd(
                (device.Profile, device.ReportMinutes),
                new Expected(
                    device.ReportMinutes is { } minutes ? TimeSpan.FromMinutes(minutes) : profile.Every,
                    profile.Expects,
                    profile.OnlyCalls
                )
            );
        }

        // A county that moves in brings devices installed years ago: they get their grace from the day they are registered here.
        var installed = device.RegisteredAt > device.InstalledAt ? device.RegisteredAt : device.InstalledAt;
        return new DeviceFacts(new DeviceId(device.Id), installed, expected) { Label = device.Label };
    }

    /// <summary>What is asked of a resident's row: the others, some of which are sealed, cost more than these.</summary>
    private static IQueryable<Resident> Homes(IQueryable<Resident> of) =>
        of.Select(r => new Resident
        {
            Id = r.Id,
            Name = "",
            Area = r.Area,
            KeyClass = r.KeyClass,
            RefusesMonitoring = r.RefusesMonitoring,
            RefusesLocation = r.RefusesLocation,
            RefusesHealth = r.RefusesHealth,
            HomeLatitude = r.HomeLatitude,
            HomeLongitude = r.HomeLongitude,
            HomeRadiusMetres = r.HomeRadiusMetres,
        });

    private static IQueryable<Device> Devices(IQueryable<Device> of) =>
        of.Select(d => new Device
        {
            Id = d.Id,
            Profile = d.Profile,
            ResidentId = d.ResidentId,
            Label = d.Label,
            InstalledAt = d.InstalledAt,
            RegisteredAt = d.RegisteredAt,
            RetiredAt = d.RetiredAt,
            ReportMinutes = d.ReportMinutes,
        });

    private static async Task<ILookup<string, Absence>> AbsencesAsync(
        RecordsDb db,
        IReadOnlyCollection<string>? residents,
        DateTime from,
        CancellationToken cancellation
    ) =>
        (
            await db
                .Absences.AsNoTracking()
                .Where(a =>
                    (residents == null || residents.Contains(a.ResidentId)) && a.Until > from && (a.EndedAt == null || a.EndedAt > from)
                )
                .ToListAsync(cancellation)
        ).ToLookup(a => a.ResidentId, StringComparer.Ordinal);

    /// <summary>
    /// The heightened watch over a home that ends last, joined with earlier ones that it follows without a gap (first a village's, then its
    /// county's).
    /// </summary>
    private static (DateTime From, DateTime? Until) WatchOf(string area, IEnumerable<Area> areas, DateTime to)
    {
        DateTime from = default;
        DateTime? until = null;
        foreach (
            var watch in areas
                // A watch that was ended early has lost its start, so nobody knows how long it held: it is left out.
                .Where(a => area.StartsWith(a.Code, StringComparison.Ordinal) && a.WatchUntil is not null)
                .Where(a => a.WatchFrom is not null || a.WatchUntil > to)
                .OrderByDescending(a => a.WatchUntil)
        )
        {
            var begun = watch.WatchFrom ?? default;
            if (until is null)
                (from, until) = (begun, watch.WatchUntil);
            else if (watch.WatchUntil >= from && begun < from)
                from = begun;
        }

        return (from, until);
    }
}
