using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry.Activity;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// Writes each past day's use and activity into the records (the daily roll-up) and deletes raw readings older than the retention time. A
/// day's use is kept when its readings are deleted, its activity for thirteen months.
/// </summary>
public sealed class Retention(
    IReadingStore store,
    IDbContextFactory<RecordsDb> records,
    TimeZoneInfo zone,
    ReadingsOptions options,
    TimeProvider clock,
    RetentionOptions? keep = null
)
{
    private readonly ActivityRollUp activity = new(store, zone, clock);
    private Ended? ended;

    /// <summary>Past days that are rolled up again each time, since readings may arrive days late.</summary>
    private const int DaysAgain = 7;

    /// <summary>How many days the first roll-up goes back.</summary>
    private const int FirstDays = 400;

    /// <summary>
    /// Told of a resident whose activity could not be worked out, and why: the others' is, and it is tried again with the next run.
    /// </summary>
    public Action<string, Exception>? ActivityFailed { get; set; }

    /// <summary>Told what the store of readings could not delete, and why; it is tried again with the next run.</summary>
    public Action<string, Exception>? NotDeleted { get; set; }

    /// <summary>To be run once a day, some time after midnight; more often does no harm.</summary>
    /// <param name="now">UTC.</param>
    /// <returns>Days written.</returns>
    public async Task<int> RunAsync(DateTime now, CancellationToken cancellation)
    {
        var written = await RollUpAsync(now, cancellation);
        // Only after the roll-up: when that fails, nothing is deleted.
        if (keep is not null)
        {
            ended ??= new Ended(store, keep, (what, e) => NotDeleted?.Invoke(what, e));
            await using var db = await records.CreateDbContextAsync(cancellation);
            await ended.WithdrawnAsync(db, now, cancellation);
            await ended.ByAgeAsync(db, now, DaysAgain + 3, cancellation);
        }

        if (options.KeepDays > 0)
            await store.DeleteBeforeAsync(now.Date.AddDays(-Math.Max(options.KeepDays, DaysAgain + 3)), cancellation);
        return written;
    }

    /// <summary>The stored days of a resident; their raw readings may be deleted by now.</summary>
    public async Task<IReadOnlyList<DayOfUse>> ReadAsync(string resident, DateOnly from, DateOnly to, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db
            .DailyUse.AsNoTracking()
            .Where(d => d.ResidentId == resident && d.Day >= from && d.Day <= to)
            .OrderBy(d => d.Day)
            .Select(d => new DayOfUse(d.Day, d.Litres, d.KilowattHours, d.FirstUse, d.LastUse))
            .ToListAsync(cancellation);
    }

    private async Task<int> RollUpAsync(DateTime now, CancellationToken cancellation)
    {
        var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(now, zone));
        var written = 0;
        await using var db = await records.CreateDbContextAsync(cancellation);
        var refused = (
            await db
                .Residents.AsNoTracking()
                .Where(r => r.RefusesMonitoring || r.RefusesHealth || r.RefusesLocation)
                .Select(r => new
                {
                    r.Id,
                    r.RefusesMonitoring,
                    r.RefusesHealth,
                    r.RefusesLocation,
                })
                .ToListAsync(cancellation)
        ).ToDictionary(
            r => r.Id,
            r =>
                (r.RefusesMonitoring ? Refusals.Monitoring : 0)
                | (r.RefusesHealth ? Refusals.Health : 0)
                | (r.RefusesLocation ? Refusals.Location : 0),
            StringComparer.Ordinal
        );
        var devices = (await db.Devices.AsNoTracking().Where(d => d.ResidentId != null).ToListAsync(cancellation)).ToLookup(
            d => d.ResidentId!,
            StringComparer.Ordinal
        );
        // Few: of meters that were replaced, and devices that were taken away or moved.
        var former = (await db.FormerPlaces.AsNoTracking().ToListAsync(cancellation)).ToLookup(p => p.ResidentId, StringComparer.Ordinal);
        var lately = now.AddDays(-DaysAgain);
        var emptied = former.Where(p => !devices.Contains(p.Key) && p.Any(place => place.Until >= lately)).Select(p => p.Key);
        foreach (var home in devices.Select(d => d.Key).Concat(emptied))
        {
            var not = refused.GetValueOrDefault(home);
            if (not.HasFlag(Refusals.Monitoring))
                continue;
            var last = await db.DailyUse.Where(d => d.ResidentId == home).MaxAsync(d => (DateOnly?)d.Day, cancellation);
            var first = last?.AddDays(-DaysAgain) ?? today.AddDays(-FirstDays);
            var places = DevicePlaces.Of(devices[home], former[home]);
            // Read until now and not until midnight: yesterday's use is complete only with the first meter total of today.
            var days = await DailyLife.ReadAsync(store, places, DailyLife.Midnight(first, zone), now, zone, cancellation);
            var known = await db.DailyUse.Where(d => d.ResidentId == home && d.Day >= first).ToDictionaryAsync(d => d.Day, cancellation);
            foreach (var day in days.Where(d => d.Day < today))
            {
                if (!known.TryGetValue(day.Day, out var row))
                    db.DailyUse.Add(row = new DailyUse { ResidentId = home, Day = day.Day });
                (row.Litres, row.KilowattHours, row.FirstUse, row.LastUse) = (day.Litres, day.KilowattHours, day.FirstUse, day.LastUse);
                written++;
            }

            await db.SaveChangesAsync(cancellation);
            db.ChangeTracker.Clear();
            try
            {
                await activity.RunAsync(db, home, [.. devices[home]], [.. former[home]], not, today, cancellation);
            }
            catch (Exception e) when (e is not OutOfMemoryException and not ReadingStoreException && !cancellation.IsCancellationRequested)
            {
                db.ChangeTracker.Clear();
                ActivityFailed?.Invoke(home, e);
            }
        }

        return written;
    }
}
