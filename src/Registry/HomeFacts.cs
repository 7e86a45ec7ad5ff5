using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Rules;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>What a device's profile lets expect of it.</summary>
/// <param name="Every">How often it reports; null when that isn't known.</param>
/// <param name="Expects">Metrics that are expected from its installation on.</param>
public readonly record struct Reporting(TimeSpan? Every, IReadOnlyList<Metric> Expects);

/// <summary>What is expected of devices of a profile; null when there is no such profile.</summary>
public delegate Reporting? ReportingOf(string profile);

/// <summary>
/// What the rules are told of a home, from the records. The running service, a backtest and the console's trial all ask here, or the same
/// home would be judged differently by each.
/// </summary>
public sealed class HomeFacts(ReportingOf reporting)
{
    /// <summary>
    /// The homes as they were in a stretch of time: the running service asks for now, whoever judges the past for all of it. An absence
    /// counts until it was ended, so one that has been ended by the first moment is no longer there.
    /// </summary>
    /// <param name="db">The records.</param>
    /// <param name="resident">One home; null for all.</param>
    /// <param name="from">The first moment that is judged, UTC.</param>
    /// <param name="to">The last.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <param name="each">Told of every device as it is read, those in stock too.</param>
    public async Task<IReadOnlyList<ResidentFacts>> ReadAsync(
        RecordsDb db,
        string? resident,
        DateTime from,
        DateTime to,
        CancellationToken cancellation,
        Action<Device>? each = null
    )
    {
        // What is expected of a device is small; its row is forgotten as soon as that is known: a county has hundreds of thousands.
        var devices = new Dictionary<string, List<DeviceFacts>>(StringComparer.Ordinal);
        await foreach (
            var device in db
                .Devices.AsNoTracking()
                .Where(d => resident == null || d.ResidentId == resident)
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
                .Where(a => (resident == null || a.ResidentId == resident) && a.Until > from && (a.EndedAt == null || a.EndedAt > from))
                .ToListAsync(cancellation)
        ).ToLookup(a => a.ResidentId, StringComparer.Ordinal);
        var watches = await db.Areas.AsNoTracking().Where(a => a.WatchUntil > from).ToListAsync(cancellation);
        var found = new List<ResidentFacts>();
        await foreach (
            var row in db
                .Residents.AsNoTracking()
                .Where(r => resident == null || r.Id == resident)
                .AsAsyncEnumerable()
                .WithCancellation(cancellation)
        )
            found.Add(Of(row, devices.GetValueOrDefault(row.Id) ?? [], absences[row.Id], watches, to));
        return found;
    }

    /// <summary>A home whose rows are at hand.</summary>
    /// <param name="resident">Whose.</param>
    /// <param name="devices">What is expected of those in the home.</param>
    /// <param name="absences">Of the resident.</param>
    /// <param name="watches">Areas with a heightened watch.</param>
    /// <param name="to">The last moment that is judged.</param>
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
            Home = resident is { HomeLatitude: { } lat, HomeLongitude: { } lon } ? (lat, lon) : null,
            HomeRadiusMetres = resident.HomeRadiusMetres,
            Devices = devices,
            Absences =
            [
                .. absences
                    .Select(a => new AbsenceFacts(a.From, a.EndedAt < a.Until ? a.EndedAt.Value : a.Until, a.Author))
                    .Where(a => a.Until > a.From), // one that was taken back before it began never was
            ],
            WatchFrom = watchFrom,
            WatchUntil = watchUntil,
        };
    }

    /// <summary>Null where its profile is gone: it can't be read, and isn't missed.</summary>
    private DeviceFacts? FactsOf(Device device) =>
        reporting(device.Profile) is { } profile
            ? new DeviceFacts(
                new DeviceId(device.Id),
                device.InstalledAt,
                device.ReportMinutes is { } minutes ? TimeSpan.FromMinutes(minutes) : profile.Every,
                profile.Expects
            )
            : null;

    /// <summary>The newest watch over a home, with what it followed without a gap: a village's, then its county's.</summary>
    private static (DateTime From, DateTime? Until) WatchOf(string area, IEnumerable<Area> areas, DateTime to)
    {
        DateTime from = default;
        DateTime? until = null;
        foreach (
            var watch in areas
                // When a watch began that was ended early isn't kept: of such a one nothing is said.
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
