using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Registry.Activity;

/// <summary>
/// Writes the figures of a resident's past days into the records, and once a week those that have moved away from the person's own months.
/// A week of readings at a time; each is saved by itself.
/// </summary>
internal sealed class ActivityRollUp(IReadingStore store, TimeZoneInfo zone, TimeProvider clock)
{
    /// <summary>Past days that are looked at again: readings may arrive a day late.</summary>
    private const int DaysAgain = 2;

    /// <summary>How many days the first roll-up goes back: what a comparison needs.</summary>
    private const int FirstDays = SlowChanges.RecentDays + SlowChanges.EarlierDays + 1;

    /// <summary>Thirteen months: what is more private than a meter is not kept for ever.</summary>
    public const int KeepDays = 396;

    private const int DaysAtOnce = 7;
    private static readonly TimeSpan SilentAfter = TimeSpan.FromDays(3);

    /// <param name="db">Its change tracker is emptied.</param>
    /// <param name="resident">Whose days.</param>
    /// <param name="devices">All that are in the home.</param>
    /// <param name="former">Those that were, and when.</param>
    /// <param name="refused">By the resident: readings of it don't count.</param>
    /// <param name="today">Local; the day before is the last that is written.</param>
    /// <param name="late">From this day on devices were elsewhere than it was thought when it was written; null: they weren't.</param>
    /// <param name="cancellation">Stops between two weeks of readings.</param>
    public async Task RunAsync(
        RecordsDb db,
        string resident,
        IReadOnlyList<Device> devices,
        IReadOnlyList<FormerPlace> former,
        Refusals refused,
        DateOnly today,
        DateOnly? late,
        CancellationToken cancellation
    )
    {
        var stored = db.DailyActivity.Where(d => d.ResidentId == resident);
        var (oldest, newest) = (
            await stored.MinAsync(d => (DateOnly?)d.Day, cancellation),
            await stored.MaxAsync(d => (DateOnly?)d.Day, cancellation)
        );
        var monday = today.AddDays(-((int)today.DayOfWeek + 6) % 7);
        var compare = newest is null || newest < monday.AddDays(-1); // the first roll-up of this week
        var first = newest?.AddDays(-DaysAgain) is { } again && again > today.AddDays(-FirstDays) ? again : today.AddDays(-FirstDays);
        if (late < first)
            first = late.Value;
        List<DailyActivity> rows = [];
        for (; first < today; first = first.AddDays(DaysAtOnce))
        {
            var last = first.AddDays(DaysAtOnce - 1) < today ? first.AddDays(DaysAtOnce - 1) : today.AddDays(-1);
            rows = await WriteAsync(db, resident, devices, former, refused, first, last, today, cancellation);
            // Together with the last days, which say that this week has been compared.
            if (last == today.AddDays(-1) && compare)
                await CompareAsync(db, resident, devices, former, rows, today, cancellation);
            await db.SaveChangesAsync(cancellation);
            db.ChangeTracker.Clear();
        }

        if (oldest < today.AddDays(-KeepDays))
            await stored.Where(d => d.Day < today.AddDays(-KeepDays)).ExecuteDeleteAsync(cancellation);
    }

    private async Task<List<DailyActivity>> WriteAsync(
        RecordsDb db,
        string resident,
        IReadOnlyList<Device> devices,
        IReadOnlyList<FormerPlace> former,
        Refusals refused,
        DateOnly first,
        DateOnly last,
        DateOnly today,
        CancellationToken cancellation
    )
    {
        var readings = new List<Reading>();
        var found = store.QueryAsync(
            DevicePlaces.Of(devices, former),
            null,
            DailyLife.Midnight(first, zone) - DayFigures.Margin,
            DailyLife.Midnight(last.AddDays(1), zone) + DayFigures.Margin,
            cancellation
        );
        await foreach (var reading in found)
            if ((reading.Metric.EndedBy & refused) == 0 && SignsOfLife.Tells(reading))
                readings.Add(reading);
        var labels = former.OrderBy(p => p.Until).GroupBy(p => p.DeviceId).ToDictionary(p => p.Key, p => p.Last().Label);
        foreach (var device in devices)
            labels[device.Id] = device.Label;
        var places = new Dictionary<(DeviceId, string), Place>();
        Place PlaceOf(DeviceId device, string channel)
        {
            if (!places.TryGetValue((device, channel), out var place))
                places[(device, channel)] = place = Places.Of(channel, labels.GetValueOrDefault(device.Value) ?? "", device.Value);
            return place;
        }

        var known = await db
            .DailyActivity.Where(d => d.ResidentId == resident && d.Day >= first && d.Day <= last)
            .ToDictionaryAsync(d => d.Day, cancellation);
        var rows = DayFigures.Of(resident, readings, PlaceOf, first, last, zone).ToList();
        foreach (var row in rows)
        {
            if (known.TryGetValue(row.Day, out var before))
                db.Entry(before).CurrentValues.SetValues(row);
            else if (row.Day == today.AddDays(-1) || IsAnythingKnown(row))
                db.DailyActivity.Add(row);
        }

        return rows;
    }

    private static bool IsAnythingKnown(DailyActivity row) =>
        (row.Rose ?? row.BedExits ?? row.ToiletVisits ?? row.Meals ?? row.MinutesOut) is not null;

    private async Task CompareAsync(
        RecordsDb db,
        string resident,
        IReadOnlyList<Device> devices,
        IReadOnlyList<FormerPlace> former,
        List<DailyActivity> newest,
        DateOnly today,
        CancellationToken cancellation
    )
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var since = today.AddDays(-FirstDays);
        // A sensor that came or fell silent changes what is seen of a person who goes on as before.
        if (devices.Any(d => d.LastSeenAt is { } seen && seen < now - SilentAfter && seen > now.AddDays(-FirstDays)))
            return;
        if (devices.Count == 0)
            return;
        // So does one that came, was replaced or was taken away.
        var changed = devices
            .Select(d => d.FirstSeenAt is { } seen && seen > d.InstalledAt ? seen : d.InstalledAt)
            .Concat(former.Select(p => p.Until))
            .Max();
        if (LocalDay(changed) is var came && came >= since)
            since = came.AddDays(1);
        var absences = await db
            .Absences.AsNoTracking()
            .Where(a => a.ResidentId == resident)
            .Select(a => new { a.From, Until = a.EndedAt ?? a.Until })
            .ToListAsync(cancellation);
        bool AtHome(DateOnly day) => !absences.Any(a => LocalDay(a.From) <= day && day <= LocalDay(a.Until));
        var activity = await db
            .DailyActivity.AsNoTracking()
            .Where(d => d.ResidentId == resident && d.Day >= since && d.Day < newest[0].Day)
            .ToListAsync(cancellation);
        var use = await db.DailyUse.AsNoTracking().Where(d => d.ResidentId == resident && d.Day >= since).ToListAsync(cancellation);
        var figures = PersonFigures.Of(activity.Concat(newest).Where(d => d.Day >= since && AtHome(d.Day)), use.Where(d => AtHome(d.Day)));
        var remembered = now - SlowChanges.Remembered;
        var told = await db
            .SlowChanges.AsNoTracking()
            .Where(c => c.ResidentId == resident && c.FoundAt >= remembered)
            .OrderBy(c => c.FoundAt)
            .ToListAsync(cancellation);
        foreach (var (figure, days) in figures)
        {
            var found = figure == DailyFigure.Rises ? SlowChanges.FindRising(days, today, zone) : SlowChanges.Find(figure, days, today);
            if (found is { } change && !SlowChanges.IsTold(told.LastOrDefault(c => c.Figure == figure), change.Before, change.Now))
                db.SlowChanges.Add(
                    new SlowChange
                    {
                        ResidentId = resident,
                        Figure = figure,
                        FoundAt = now,
                        Month = change.Month,
                        Before = change.Before,
                        Now = change.Now,
                    }
                );
        }
    }

    private DateOnly LocalDay(DateTime utc) => DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(utc, zone));
}
