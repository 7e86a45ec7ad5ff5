using System.Data.Common;
using System.Globalization;
using System.Net.Http;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Channels.Webhook;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Notify.Webhooks;

/// <summary>
/// Tells other systems of alarms: each line of a timeline becomes a row for each webhook that wants it, and each row is sent, signed
/// (Standard Webhooks 1.0.0), until it is taken or a day has passed. A message sent again has the same id. One receiver that hangs holds up
/// no other, and people are told by the escalation whatever happens here.
/// </summary>
public sealed partial class WebhookSender(
    IDbContextFactory<RecordsDb> records,
    AlarmDesk desk,
    OutwardConnections connections,
    TimeProvider clock,
    ILogger<WebhookSender> log
) : BackgroundService
{
    /// <summary>Waits between tries; the last one goes on until the day is over.</summary>
    public static readonly IReadOnlyList<TimeSpan> Waits =
    [
        TimeSpan.FromSeconds(5),
        TimeSpan.FromSeconds(30),
        TimeSpan.FromMinutes(2),
        TimeSpan.FromMinutes(10),
        TimeSpan.FromMinutes(30),
        TimeSpan.FromHours(1),
    ];

    public static readonly TimeSpan GiveUpAfter = TimeSpan.FromDays(1);

    private static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    /// <summary>While a message is under way nobody else takes it; longer than a try lasts.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    /// <summary>
    /// So many lines before the last one seen are looked at again, if they are of the last minute: on PostgreSQL a line with a lower number
    /// may become visible later.
    /// </summary>
    private const int LookBack = 200;

    private const int Batch = 100;

    private readonly Pace pace = new(TimeProvider.System); // in real time, also where the service's clock runs faster
    private readonly HttpClient http = new(connections.Handler())
    {
        Timeout = TimeSpan.FromSeconds(10),
        MaxResponseContentBufferSize = 1 << 16,
    };
    private long? cleaned;
    private long turned = clock.GetTimestamp();

    /// <summary>How long ago it last looked.</summary>
    public TimeSpan SinceCycle => clock.GetElapsedTime(Interlocked.Read(ref turned));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        desk.Changed += Wake;
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                try
                {
                    await CycleAsync(stoppingToken);
                }
                catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
                {
                    LogFailed(log, e);
                }

                await pace.NextAsync([], stoppingToken);
            }
        }
        finally
        {
            desk.Changed -= Wake;
        }
    }

    public override void Dispose()
    {
        pace.Dispose();
        http.Dispose();
        base.Dispose();
    }

    /// <summary>Looks once: turns what is new into messages, and sends what is due.</summary>
    public async Task CycleAsync(CancellationToken cancellation)
    {
        while (await CollectAsync(cancellation) >= Batch)
        {
            // there is more
        }

        await SendDueAsync(cancellation);
        Interlocked.Exchange(ref turned, clock.GetTimestamp());
    }

    /// <summary>
    /// Turns new lines of the timelines into rows; returns how many lines were looked at for the webhook that is furthest behind.
    /// </summary>
    private async Task<int> CollectAsync(CancellationToken cancellation)
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

    /// <summary>Sends what is due, each receiver on its own.</summary>
    private async Task SendDueAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var sends = new List<Task>();
        await using var db = await records.CreateDbContextAsync(cancellation);
        // Each receiver's own: what waits for one that is down must not crowd out what is for the others.
        foreach (
            var webhook in await db
                .Webhooks.AsNoTracking()
                .Where(w =>
                    db.WebhookDeliveries.Any(d => d.WebhookId == w.Id && d.DeliveredAt == null && d.GivenUpAt == null && d.DueAt <= now)
                )
                .ToListAsync(cancellation)
        )
        {
            var due = await db
                .WebhookDeliveries.AsNoTracking()
                .Where(d => d.WebhookId == webhook.Id && d.DeliveredAt == null && d.GivenUpAt == null && d.DueAt <= now)
                .OrderBy(d => d.CreatedAt)
                .ThenBy(d => d.Id)
                .Take(Batch)
                .ToListAsync(cancellation);
            sends.Add(SendToAsync(webhook, due, cancellation));
        }

        await Task.WhenAll(sends);
        if (cleaned is { } last && clock.GetElapsedTime(last) < TimeSpan.FromHours(1))
            return;
        cleaned = clock.GetTimestamp();
        var old = now - Kept;
        await db.WebhookDeliveries.Where(d => d.CreatedAt < old).ExecuteDeleteAsync(cancellation);
    }

    /// <summary>In order, until one isn't taken: a receiver that is down is asked once, not a hundred times.</summary>
    private async Task SendToAsync(Webhook webhook, List<WebhookDelivery> due, CancellationToken cancellation)
    {
        var begun = clock.GetTimestamp();
        foreach (var delivery in due)
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            var (now, wasDue) = (clock.GetUtcNow().UtcDateTime, delivery.DueAt);
            var mine = await db
                .WebhookDeliveries.Where(d => d.Id == delivery.Id && d.DueAt == wasDue && d.DeliveredAt == null && d.GivenUpAt == null)
                .ExecuteUpdateAsync(
                    u => u.SetProperty(d => d.DueAt, now + Lease).SetProperty(d => d.Attempts, d => d.Attempts + 1),
                    cancellation
                );
            if (mine == 0)
                continue;
            var (taken, gone, note) = webhook.Disabled
                ? (false, true, new Wording("the webhook is switched off", "对接已停用"))
                : await TryAsync(webhook, delivery, cancellation);
            var after = clock.GetUtcNow().UtcDateTime;
            var end = !taken && (gone || after - delivery.CreatedAt >= GiveUpAfter);
            var next = after + Waits[Math.Min(delivery.Attempts, Waits.Count - 1)];
            await db
                .WebhookDeliveries.Where(d => d.Id == delivery.Id)
                .ExecuteUpdateAsync(
                    u =>
                        u.SetProperty(d => d.Note.En, note.En)
                            .SetProperty(d => d.Note.Zh, note.Zh)
                            .SetProperty(d => d.DueAt, next)
                            .SetProperty(d => d.DeliveredAt, taken ? after : null)
                            .SetProperty(d => d.GivenUpAt, end ? after : null),
                    cancellation
                );
            if (end)
                LogGivenUp(log, webhook.Name, delivery.Event, note.En);
            // A slow receiver gets the rest with the next look.
            if ((!taken && !webhook.Disabled) || clock.GetElapsedTime(begun) > Lease)
                return;
        }
    }

    private async Task<(bool Taken, bool Gone, Wording Note)> TryAsync(
        Webhook webhook,
        WebhookDelivery delivery,
        CancellationToken cancellation
    )
    {
        if (connections.Refuses(webhook.Url) is { } refused)
            return (false, false, OutwardConnections.OfAddress(refused));
        if (!WebhookSignature.IsSecret(webhook.Secret))
            return (false, !FieldKeys.IsUnreadable(webhook.Secret), new Wording("the secret can't be read", "签名密钥无法读取"));
        try
        {
            // a receiver refuses what is older than minutes by its own clock
            var now = TimeProvider.System.GetUtcNow();
            using var request = new HttpRequestMessage(HttpMethod.Post, webhook.Url)
            {
                Content = new StringContent(delivery.Body, Encoding.UTF8, "application/json"),
            };
            WebhookSignature.Sign(request, [webhook.Secret], $"msg_{delivery.Id:N}", now, delivery.Body);
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            var status = (int)answer.StatusCode;
            return (status is >= 200 and < 300, status == 410, new Wording($"answered {status}", $"应答 {status}"));
        }
        catch (Exception e)
            when (e is HttpRequestException or TaskCanceledException or UriFormatException && !cancellation.IsCancellationRequested)
        {
            return (
                false,
                false,
                e is HttpRequestException inward && OutwardConnections.WasRefused(inward)
                    ? OutwardConnections.Inside
                    : new Wording("does not answer", "没有应答")
            );
        }
    }

    private void Wake(AlarmChange change) => pace.Wake();

    [LoggerMessage(Level = LogLevel.Error, Message = "Webhooks failed; they go on in a second")]
    private static partial void LogFailed(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Webhook '{Name}': the message '{Event}' is given up: {Note}")]
    private static partial void LogGivenUp(ILogger logger, string name, string @event, string note);
}
