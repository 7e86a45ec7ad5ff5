using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Webhooks;

/// <summary>The events that other systems can be told of: those of an alarm's timeline that change the alarm.</summary>
public static class WebhookEvents
{
    private static readonly TimelineEvent[] Told =
    [
        TimelineEvent.Opened,
        TimelineEvent.Repeated,
        TimelineEvent.Severity,
        TimelineEvent.Acknowledged,
        TimelineEvent.InHand,
        TimelineEvent.HandedOver,
        TimelineEvent.Cleared,
        TimelineEvent.Resolved,
        TimelineEvent.Reopened,
    ];

    /// <summary>As other systems name them.</summary>
    public static readonly IReadOnlyList<string> All = [.. Told.Select(e => e.Word())];

    /// <summary>A trial message that an administrator asked for; it is about no alarm.</summary>
    public const string Ping = "ping";

    /// <summary>Adds a webhook with a secret of its own; it is told of what happens from now on.</summary>
    /// <returns>The secret, to be shown once.</returns>
    public static async Task<(Webhook Row, string Secret)> AddAsync(
        IDbContextFactory<RecordsDb> records,
        TimeProvider clock,
        string name,
        string url,
        string area,
        IEnumerable<string> events,
        string who,
        CancellationToken cancellation
    )
    {
        var secret = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await using var db = await records.CreateDbContextAsync(cancellation);
        var row = new Webhook
        {
            Id = clock.NewId(),
            Name = name,
            Url = url,
            Area = area,
            Secret = secret,
            Events = string.Join(',', events),
            CreatedBy = who,
            CreatedAt = clock.GetUtcNow().UtcDateTime,
            SeenTimeline = await db.Timeline.MaxAsync(t => (long?)t.Id, cancellation) ?? 0,
        };
        db.Webhooks.Add(row);
        await db.SaveChangesAsync(cancellation);
        return (row, secret);
    }

    /// <summary>Queues a trial message.</summary>
    public static async Task PingAsync(IDbContextFactory<RecordsDb> records, DateTime now, Guid webhook, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        db.WebhookDeliveries.Add(
            new WebhookDelivery
            {
                Id = Guid.NewGuid(),
                WebhookId = webhook,
                Event = Ping,
                Body = JsonSerializer.Serialize(
                    new
                    {
                        type = Ping,
                        timestamp = now,
                        data = new { },
                    },
                    JsonSerializerOptions.Web
                ),
                CreatedAt = now,
                DueAt = now,
            }
        );
        await db.SaveChangesAsync(cancellation);
    }

    /// <summary>The message about a line of the timeline: numbers, codes and reasons; no name, no phone number, no address.</summary>
    internal static string Body(TimelineEntry line, Alarm alarm) =>
        JsonSerializer.Serialize(
            new
            {
                type = $"alarm.{line.What.Word()}",
                timestamp = line.Time,
                data = new
                {
                    alarm = alarm.Id,
                    line.Who,
                    note = line.Text,
                    kind = alarm.Kind,
                    severity = alarm.Severity.ToString().ToLowerInvariant(),
                    state = alarm.State == AlarmState.InHand ? "in-hand" : alarm.State.ToString().ToLowerInvariant(),
                    resident = alarm.ResidentId,
                    alarm.Area,
                    device = alarm.DeviceId,
                    alarm.Reason,
                    alarm.ReasonZh,
                    alarm.RaisedAt,
                    alarm.OpenedAt,
                    resolution = alarm.Resolution == Resolution.None ? null : alarm.Resolution.ToString(),
                },
            },
            JsonSerializerOptions.Web
        );

    /// <summary>The id of the message about a line: always the same, so that a line is never turned into two messages.</summary>
    internal static Guid IdOf(Guid webhook, long line)
    {
        Span<byte> both = stackalloc byte[24],
            hash = stackalloc byte[32];
        webhook.TryWriteBytes(both);
        BitConverter.TryWriteBytes(both[16..], line);
        SHA256.HashData(both, hash);
        return new Guid(hash[..16]);
    }
}
