using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Webhooks;

/// <summary>Turns what happens to alarms into messages that wait to be sent to other systems.</summary>
internal sealed class WebhookQueue(IDbContextFactory<RecordsDb> records, TimeProvider clock)
{
    /// <summary>Most lines of timelines at a time.</summary>
    public const int Batch = 100;

    /// <summary>
    /// So many lines before the last one seen are looked at again, if they are of the last minute: on PostgreSQL a line with a lower number
    /// may become visible later.
    /// </summary>
    private const int LookBack = 200;

    /// <summary>
    /// Turns new lines of the timelines into rows; returns how many lines were looked at for the webhook that is furthest behind.
    /// </summary>
    public async Task<int> FillAsync(CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.Webhooks.AsNoTracking().Where(w => !w.Disabled).MinAsync(w => (long?)w.SeenTimeline, cancellation) is not { } seen)
            return 0;
        var newest = await db.Timeline.MaxAsync(t => (long?)t.Id, cancellation) ?? 0;
        if (newest <= seen)
            return 0;
        var from = db.Database.ProviderName!.Contains("Npgsql", StringComparison.Ordinal) ? seen - LookBack : seen;
        var lines = await db
            .Timeline.AsNoTracking()
            .Where(t => t.Id > from && t.Id <= seen + Batch)
            .OrderBy(t => t.Id)
            .ToListAsync(cancellation);
        var recent = lines.Count == 0 ? default : lines.Max(l => l.Time).AddMinutes(-1);
        var wanted = lines.Where(l => WebhookEvents.All.Contains(l.What.Word())).ToList();
        var ids = wanted.Select(l => l.AlarmId).Distinct().ToList();
        var alarms = await db.Alarms.AsNoTracking().Where(a => ids.Contains(a.Id)).ToDictionaryAsync(a => a.Id, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        await using var transaction = await WriteTurn.BeginAsync(db, first: false, cancellation);
        foreach (var webhook in await db.Webhooks.Where(w => !w.Disabled && w.SeenTimeline < seen + Batch).ToListAsync(cancellation))
        {
            var events = webhook.Events.Split(',');
            var rows = wanted
                // Looking back never reaches lines from before the webhook was made.
                .Where(l =>
                    events.Contains(l.What.Word())
                    && alarms.TryGetValue(l.AlarmId, out var a)
                    && a.Area != RecordsDb.Nowhere
                    && a.Area.StartsWith(webhook.Area, StringComparison.Ordinal)
                    && (l.Id > webhook.SeenTimeline || (l.Time > webhook.CreatedAt && l.Time > recent))
                )
                // A microsecond apart, so that they go out in the order in which it happened.
                .Select(
                    (l, i) =>
                        new WebhookDelivery
                        {
                            Id = WebhookEvents.IdOf(webhook.Id, l.Id),
                            WebhookId = webhook.Id,
                            AlarmId = l.AlarmId,
                            Event = l.What.Word(),
                            Body = WebhookEvents.Body(l, alarms[l.AlarmId]),
                            CreatedAt = now.AddTicks(i * TimeSpan.TicksPerMicrosecond),
                            DueAt = now,
                        }
                )
                .ToList();
            var keys = rows.Select(r => r.Id).ToList();
            var known = await db.WebhookDeliveries.Where(d => keys.Contains(d.Id)).Select(d => d.Id).ToListAsync(cancellation);
            db.WebhookDeliveries.AddRange(rows.Where(r => !known.Contains(r.Id)));
            webhook.SeenTimeline = Math.Max(webhook.SeenTimeline, Math.Min(newest, seen + Batch));
        }

        try
        {
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }
        catch (Exception e) when (e is DbUpdateException or DbException)
        {
            return 0; // another instance did the same: looked at again in a second
        }

        return (int)Math.Min(Batch, newest - seen);
    }
}
