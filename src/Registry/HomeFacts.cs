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
    /// <summary>
    /// The homes as they were in a period: the running service asks for now, a backtest for its whole period. An absence counts until it
    /// was ended; one that was ended before the period is left out.
    /// </summary>
    /// <param name="db">The records.</param>
    /// <param name="residents">Of whom; null for all.</param>
    /// <param name="from">Start of the period, UTC.</param>
    /// <param name="to">Its end.</param>
    /// <param name="cancellation">Cancels the reading.</param>
    /// <param name="each">Called with every device as it is read, those without a home too.</param>
    public async Task<IReadOnlyList<ResidentFacts>> ReadAsync(
        RecordsDb db,
        IReadOnlyCollection<string>? residents,
        DateTime from,
        DateTime to,
        CancellationToken cancellation,
        Action<Device>? each = null
    )
    {
        // Only the small facts are kept, not the rows: a county has hundreds of thousands of devices.
        var devices = new Dictionary<string, List<DeviceFacts>>(StringComparer.Ordinal);
        await foreach (
            var device in db
                .Devices.AsNoTracking()
                .Where(d => residents == null || residents.Contains(d.ResidentId))
                .AsAsyncEnumerable()
                .WithCancellation(cancellation)
        )
        {
            each?.Invoke(device);
            if (device.ResidentId is not { } home || FactsOf(device) is not { } expected)
                continue;
            if (!devices.TryGetValue(home, out var list))
                devices[home] = list = [];
            list.Add(expected);
        }

        var absences = (
            await db
                .Absences.AsNoTracking()
                .Where(a =>
                    (residents == null || residents.Contains(a.ResidentId)) && a.Until > from && (a.EndedAt == null || a.EndedAt > from)
                )
                .ToListAsync(cancellation)
        ).ToLookup(a => a.ResidentId, StringComparer.Ordinal);
        var watches = await WatchesAsync(db, from, cancellation);
        var found = new List<ResidentFacts>();
        await foreach (
            var row in db
                .Residents.AsNoTracking()
                .Where(r => residents == null || residents.Contains(r.Id))
                .AsAsyncEnumerable()
                .WithCancellation(cancellation)
        )
            found.Add(Of(row, devices.GetValueOrDefault(row.Id) ?? [], absences[row.Id], watches, to));
        return found;
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
            Absences =
            [
                .. absences
                    .Select(a => new AbsenceFacts(a.From, a.EndedAt < a.Until ? a.EndedAt.Value : a.Until, a.Author))
                    .Where(a => a.Until > a.From), // one that was ended before it began doesn't count
            ],
            WatchFrom = watchFrom,
            WatchUntil = watchUntil,
        };
    }

    /// <summary>Null where the device's profile no longer exists: it can't be read, so nothing is expected of it.</summary>
    private DeviceFacts? FactsOf(Device device) =>
        reporting(device.Profile) is { } profile
            ? new DeviceFacts(
                new DeviceId(device.Id),
                // A county that moves in brings devices installed years ago: they get their grace from the day they are registered here.
                device.RegisteredAt > device.InstalledAt
                    ? device.RegisteredAt
                    : device.InstalledAt,
                device.ReportMinutes is { } minutes ? TimeSpan.FromMinutes(minutes) : profile.Every,
                profile.Expects
            )
            {
                Label = device.Label,
                OnlyCalls = profile.OnlyCalls,
            }
            : null;

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
