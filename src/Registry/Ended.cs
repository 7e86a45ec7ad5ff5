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
                    await store.DeleteAsync(
                        null,
                        [.. Metric.All.Where(m => m.Class == data)],
                        now.Date.AddDays(-Math.Max(days, leastDays)),
                        cancellation
                    );
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

    /// <summary>Deletes what was stored for purposes that were refused or withdrawn long enough ago, a person at a time.</summary>
    public async Task WithdrawnAsync(RecordsDb db, DateTime now, CancellationToken cancellation)
    {
        var before = now.AddDays(-options.WithdrawnDays);
        foreach (var (purpose, refused) in Purposes)
        {
            var due = await db
                .Consents.AsNoTracking()
                .Where(c => c.Purpose == purpose && c.Decision != ConsentDecision.Given && c.DataEndedAt == null && c.RecordedAt <= before)
                .ToListAsync(cancellation);
            foreach (var person in due.GroupBy(c => c.ResidentId, StringComparer.Ordinal))
            {
                var resident = await db
                    .Residents.AsNoTracking()
                    .Include(r => r.Devices)
                    .FirstOrDefaultAsync(r => r.Id == person.Key, cancellation);
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
        await store.DeleteAsync(
            await db.PlacesOfAsync(resident.Id, cancellation),
            [.. Metric.All.Where(m => (m.EndedBy & refused) != 0)],
            before,
            cancellation
        );
        if (refused != Refusals.Monitoring)
            return;
        List<string> devices = [.. resident.Devices.Select(d => d.Id)];
        await db.DailyUse.Where(d => d.ResidentId == resident.Id).ExecuteDeleteAsync(cancellation);
        await db.DailyActivity.Where(d => d.ResidentId == resident.Id).ExecuteDeleteAsync(cancellation);
        await db.SlowChanges.Where(d => d.ResidentId == resident.Id).ExecuteDeleteAsync(cancellation);
        await db.Rejected.Where(p => devices.Contains(p.Device) && p.Received < before).ExecuteDeleteAsync(cancellation);
    }
}
