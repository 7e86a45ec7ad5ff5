using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>Ends what is kept: classes of data by their age, and what was stored for a purpose that somebody has withdrawn.</summary>
/// <param name="store">Readings.</param>
/// <param name="options">For how long each is kept.</param>
/// <param name="failed">Told what the store could not delete, and why: the rest is done, and it is tried again in the next night.</param>
internal sealed class Ended(IReadingStore store, RetentionOptions options, Action<string, Exception> failed)
{
    /// <summary>Up to where each class was deleted since the start.</summary>
    private readonly Dictionary<DataClass, DateTime> doneUntil = [];

    /// <summary>
    /// Days in one deletion, and how many deletions the first pass of a process makes before it takes all older ones together: readings of
    /// all classes lie mixed, and no reading is stored while one runs.
    /// </summary>
    private const int Window = 30,
        FirstWindows = 25;

    /// <summary>Readings arrive days late.</summary>
    private const int LateDays = 10;

    /// <summary>So many rows at once, so that no other writer waits for long.</summary>
    private const int AtOnce = 5000;

    /// <summary>A decision is in force within two seconds: what was stored until then is of before.</summary>
    private static readonly TimeSpan InForce = TimeSpan.FromSeconds(10);

    private static readonly (Purpose Purpose, Refusals Refused)[] Purposes =
    [
        (Purpose.Monitoring, Refusals.Monitoring),
        (Purpose.Location, Refusals.Location),
        (Purpose.Health, Refusals.Health),
    ];

    /// <param name="db">All records.</param>
    /// <param name="now">UTC.</param>
    /// <param name="leastDays">Raw readings are needed for so long in any case.</param>
    /// <param name="cancellation">Stops between two deletions.</param>
    public async Task ByAgeAsync(RecordsDb db, DateTime now, int leastDays, CancellationToken cancellation)
    {
        foreach (var data in Enum.GetValues<DataClass>())
            if (options.DaysOf(data) is > 0 and var days)
                try
                {
                    await EndAsync(data, now.Date.AddDays(-Math.Max(days, leastDays)), cancellation);
                }
                catch (ReadingStoreException e)
                {
                    failed($"readings of class {data.Word()}", e);
                }

        if (options.DailyUseDays > 0)
        {
            var oldest = DateOnly.FromDateTime(now).AddDays(-options.DailyUseDays);
            await db.DailyUse.Where(d => d.Day < oldest).ExecuteDeleteAsync(cancellation);
        }

        if (options.RejectedDays > 0)
        {
            var oldest = now.AddDays(-options.RejectedDays);
            await db.Rejected.Where(p => p.Received < oldest).ExecuteDeleteAsync(cancellation);
        }

        if (options.NoticeDays > 0)
        {
            var oldest = now.AddDays(-options.NoticeDays);
            var old = db.Notices.Where(n =>
                n.CreatedAt < oldest && db.Alarms.Any(a => a.Id == n.AlarmId && a.State == AlarmState.Resolved)
            );
            int gone;
            do gone = await old.OrderBy(n => n.Id).Take(AtOnce).ExecuteDeleteAsync(cancellation);
            while (gone == AtOnce);
        }
    }

    /// <summary>What of a class was measured before a moment, the oldest first.</summary>
    private async Task EndAsync(DataClass data, DateTime before, CancellationToken cancellation)
    {
        Metric[] metrics = [.. Metric.All.Where(m => m.Class == data)];
        var from = doneUntil.TryGetValue(data, out var done) ? done.AddDays(-LateDays) : DateTime.UnixEpoch;
        var until = doneUntil.ContainsKey(data) ? from : before.AddDays(-Window * FirstWindows);
        while (until < before)
        {
            until = until.AddDays(Window) < before ? until.AddDays(Window) : before;
            await store.DeleteAsync(null, metrics, until, cancellation, from);
            from = until;
        }

        doneUntil[data] = before;
    }

    /// <summary>Deletes what was stored for purposes that were refused or withdrawn long enough ago, a person at a time.</summary>
    public async Task WithdrawnAsync(RecordsDb db, DateTime now, CancellationToken cancellation)
    {
        var before = now.AddDays(-options.WithdrawnDays);
        foreach (var (purpose, refused) in Purposes)
        {
            var due = await db
                .Consents.AsNoTracking()
                .Where(c => c.Purpose == purpose && c.Decision != ConsentDecision.Given && c.DataEndedAt == null && c.RecordedAt <= before)
                // What was stored before it was given again may stay.
                .Where(c =>
                    !db.Consents.Any(g =>
                        g.ResidentId == c.ResidentId
                        && g.Purpose == purpose
                        && g.Decision == ConsentDecision.Given
                        && g.RecordedAt > c.RecordedAt
                    )
                )
                .ToListAsync(cancellation);
            foreach (var person in due.GroupBy(c => c.ResidentId, StringComparer.Ordinal))
            {
                var resident = await db.Residents.AsNoTracking().FirstOrDefaultAsync(r => r.Id == person.Key, cancellation);
                if (resident is null || resident.Agrees(purpose))
                    continue; // erased, or given again since: what was stored may stay
                try
                {
                    await EndAsync(db, resident, refused, person.Max(c => c.RecordedAt) + InForce, cancellation);
                }
                catch (ReadingStoreException e)
                {
                    failed($"what {person.Key} has withdrawn", e);
                    continue;
                }

                var done = person.Select(c => c.Id).ToList();
                await db
                    .Consents.Where(c => done.Contains(c.Id))
                    .ExecuteUpdateAsync(u => u.SetProperty(c => c.DataEndedAt, now), cancellation);
            }
        }
    }

    private async Task EndAsync(RecordsDb db, Resident resident, Refusals refused, DateTime before, CancellationToken cancellation)
    {
        var places = await db.PlacesOfAsync(resident.Id, cancellation);
        await store.DeleteAsync(places, [.. Metric.All.Where(m => (m.EndedBy & refused) != 0)], before, cancellation);
        if (refused != Refusals.Monitoring)
            return;
        await db.DailyUse.Where(d => d.ResidentId == resident.Id).ExecuteDeleteAsync(cancellation);
        await db.DailyActivity.Where(d => d.ResidentId == resident.Id).ExecuteDeleteAsync(cancellation);
        await db.SlowChanges.Where(d => d.ResidentId == resident.Id).ExecuteDeleteAsync(cancellation);
        foreach (var (device, from, until) in places)
            await db
                .Rejected.Where(p => p.Device == device.Value && p.Received >= from && p.Received < until && p.Received < before)
                .ExecuteDeleteAsync(cancellation);
    }
}
