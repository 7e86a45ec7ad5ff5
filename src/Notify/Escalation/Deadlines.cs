using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// When the service's clock is set, everything that waits is moved by the same amount, in one transaction: a step that was due in 40 s is
/// still due in 40 s. Times of past events stay as they are, except those that waits of unresolved alarms are counted from.
/// </summary>
public static class Deadlines
{
    /// <summary>Times of sending are moved as far back as limits count them (their longest window).</summary>
    private static readonly TimeSpan Recently = TimeSpan.FromHours(3);

    /// <summary>Nobody else writes meanwhile: SQLite has one writer at a time, and on PostgreSQL the tables are locked.</summary>
    /// <param name="db">In a write transaction; the caller commits.</param>
    /// <param name="by">How far the clock is set forward; negative: back.</param>
    /// <param name="now">The moment before, by the old time.</param>
    /// <param name="en">Goes on the timeline of each alarm that isn't resolved.</param>
    /// <param name="zh">The same in Chinese.</param>
    /// <param name="cancellation">Leaves everything as it was.</param>
    /// <returns>Alarms that are not resolved.</returns>
    public static async Task<int> MoveAsync(RecordsDb db, TimeSpan by, DateTime now, string en, string zh, CancellationToken cancellation)
    {
        if (db is PostgresRecords)
            await db.Database.ExecuteSqlRawAsync(
                """LOCK TABLE "Alarms", "Steps", "Notices", "Digests", "WebhookDeliveries" IN EXCLUSIVE MODE""",
                cancellation
            );
        var (seconds, recent) = (by.TotalSeconds, now - Recently);
        await db
            .Steps.Where(s => s.State == StepState.Waiting)
            .ExecuteUpdateAsync(u => u.SetProperty(s => s.DueAt, s => s.DueAt.AddSeconds(seconds)), cancellation);
        await db
            .Notices.Where(n => n.State == NoticeState.Waiting || n.State == NoticeState.Sending || n.State == NoticeState.Deferred)
            .ExecuteUpdateAsync(
                u =>
                    u.SetProperty(n => n.DueAt, n => n.DueAt.AddSeconds(seconds))
                        .SetProperty(n => n.CreatedAt, n => n.CreatedAt.AddSeconds(seconds)),
                cancellation
            );
        // The limits and the watch over receipts count from these.
        await db
            .Notices.Where(n => n.SentAt > recent)
            .ExecuteUpdateAsync(u => u.SetProperty(n => n.SentAt, n => n.SentAt!.Value.AddSeconds(seconds)), cancellation);
        await db
            .Alarms.Where(a => a.SeenWellBy != null)
            .ExecuteUpdateAsync(u => u.SetProperty(a => a.SeenWellBy, a => a.SeenWellBy!.Value.AddSeconds(seconds)), cancellation);
        await db
            .Alarms.Where(a => a.State != AlarmState.Resolved && a.AcknowledgedAt != null)
            .ExecuteUpdateAsync(u => u.SetProperty(a => a.AcknowledgedAt, a => a.AcknowledgedAt!.Value.AddSeconds(seconds)), cancellation);
        await db
            .Alarms.Where(a => a.State != AlarmState.Resolved)
            .ExecuteUpdateAsync(u => u.SetProperty(a => a.OpenedAt, a => a.OpenedAt.AddSeconds(seconds)), cancellation);
        await db
            .Digests.Where(d => d.SentAt == null && d.GivenUpAt == null)
            .ExecuteUpdateAsync(u => u.SetProperty(d => d.DueAt, d => d.DueAt.AddSeconds(seconds)), cancellation);
        await db
            .WebhookDeliveries.Where(d => d.DeliveredAt == null && d.GivenUpAt == null)
            .ExecuteUpdateAsync(
                u =>
                    u.SetProperty(d => d.DueAt, d => d.DueAt.AddSeconds(seconds))
                        .SetProperty(d => d.CreatedAt, d => d.CreatedAt.AddSeconds(seconds)),
                cancellation
            );
        var open = await db.Alarms.Where(a => a.State != AlarmState.Resolved).Select(a => a.Id).ToListAsync(cancellation);
        foreach (var id in open)
            Timeline.Add(db, id, now + by, TimelineEvent.ClockSet, "service", en, zh);
        await db.SaveChangesAsync(cancellation);
        return open.Count;
    }

    /// <summary>When anything was last written down about an alarm; null before the first.</summary>
    public static Task<DateTime?> NewestAsync(RecordsDb db, CancellationToken cancellation) =>
        db.Timeline.OrderByDescending(t => t.Id).Select(t => (DateTime?)t.Time).FirstOrDefaultAsync(cancellation);
}
