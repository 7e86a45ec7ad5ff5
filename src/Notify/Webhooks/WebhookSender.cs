using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;
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

    private const int Batch = 100;

    private readonly Pace pace = new(TimeProvider.System); // in real time, also where the service's clock runs faster
    private readonly WebhookQueue queue = new(records, clock);
    private readonly WebhookPost post = new(connections);
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
        post.Dispose();
        base.Dispose();
    }

    /// <summary>Looks once: turns what is new into messages, and sends what is due.</summary>
    public async Task CycleAsync(CancellationToken cancellation)
    {
        while (await queue.FillAsync(cancellation) >= WebhookQueue.Batch)
        {
            // there is more
        }

        await SendDueAsync(cancellation);
        Interlocked.Exchange(ref turned, clock.GetTimestamp());
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
                : await post.TryAsync(webhook, delivery, cancellation);
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

    private void Wake(AlarmChange change) => pace.Wake();

    [LoggerMessage(Level = LogLevel.Error, Message = "Webhooks failed; they go on in a second")]
    private static partial void LogFailed(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Webhook '{Name}': the message '{Event}' is given up: {Note}")]
    private static partial void LogGivenUp(ILogger logger, string name, string @event, string note);
}
