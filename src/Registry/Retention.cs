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

    /// <summary>So long ago at most somebody can say that a device was moved; and a day of another zone.</summary>
    private const int EnteredLate = 32;

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
        var entered = await db
            .Devices.Where(d => db.FormerPlaces.Any(p => p.DeviceId == d.Id))
            .Select(d => new { d.Id, d.RegisteredAt })
            .ToDictionaryAsync(d => d.Id, d => d.RegisteredAt, StringComparer.Ordinal, cancellation);
        var lately = now.AddDays(-DaysAgain);
        var emptied = former
            .Where(p =>
                !devices.Contains(p.Key) && p.Any(place => place.Until >= lately || entered.GetValueOrDefault(place.DeviceId) >= lately)
            )
            .Select(p => p.Key);
        foreach (var home in devices.Select(d => d.Key).Concat(emptied))
        {
            var not = refused.GetValueOrDefault(home);
            if (not.HasFlag(Refusals.Monitoring))
                continue;
            var last = await db.DailyUse.Where(d => d.ResidentId == home).MaxAsync(d => (DateOnly?)d.Day, cancellation);
            var first = last?.AddDays(-DaysAgain) ?? today.AddDays(-FirstDays);
            var late = LateDay(devices[home], former[home], entered, last, now);
            if (late < first)
                first = late.Value;
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

            // Of a meter that had left by then there is no use on days that it alone told of.
            if (late is not null)
                db.DailyUse.RemoveRange(
                    known.Values.Where(d => d.Day >= late && d.Day < today && !days.Any(counted => counted.Day == d.Day))
                );
            await db.SaveChangesAsync(cancellation);
            db.ChangeTracker.Clear();
            try
            {
                await activity.RunAsync(db, home, [.. devices[home]], [.. former[home]], not, today, late, cancellation);
            }
            catch (Exception e) when (e is not OutOfMemoryException and not ReadingStoreException && !cancellation.IsCancellationRequested)
            {
                db.ChangeTracker.Clear();
                ActivityFailed?.Invoke(home, e);
            }
        }

        return written;
    }

    /// <summary>
    /// The first day that was rolled up with devices that were elsewhere, as somebody has entered since; as far as its readings are still
    /// there. Null: none was.
    /// </summary>
    private DateOnly? LateDay(
        IEnumerable<Device> here,
        IEnumerable<FormerPlace> former,
        Dictionary<string, DateTime> entered,
        DateOnly? last,
        DateTime now
    )
    {
        DateOnly LocalDay(DateTime utc) => DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(utc, zone));
        var (kept, water) = (options.KeepDays, keep?.DaysOf(Metric.WaterVolume.Class) ?? 0);
        var raw = Math.Min(kept > 0 ? kept : int.MaxValue, water > 0 ? water : int.MaxValue);
        // Of the first day whose readings are there the total before it may be gone.
        var least = LocalDay(now).AddDays(-(int)Math.Min(EnteredLate, Math.Max((long)raw, DaysAgain + 3) - 2));
        var days = here.Where(d => d.PlacedAt is not null)
            .Select(d => (At: LocalDay(d.PlacedAt!.Value), Entered: LocalDay(d.RegisteredAt)))
            .Concat(former.Select(p => (At: LocalDay(p.Until), Entered: LocalDay(entered.GetValueOrDefault(p.DeviceId)))))
            .Where(d => d.At <= last && d.Entered > last && d.At >= LocalDay(now).AddDays(-EnteredLate))
            .Select(d => d.At)
            .ToList();
        return days.Count == 0 ? null
            : days.Min() > least ? days.Min()
            : least;
    }
}
