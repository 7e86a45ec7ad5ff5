using System.Security.Claims;
using Microsoft.EntityFrameworkCore;
using Vigil.Notify.Webhooks;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Other systems that are told of alarms, within the area of who adds or changes them.</summary>
internal static class WebhookOperations
{
    public static async Task<(string? Wrong, Webhook? Row, string? Secret)> AddAsync(
        IDbContextFactory<RecordsDb> records,
        OutwardConnections connections,
        TimeProvider clock,
        ClaimsPrincipal user,
        string? name,
        string? url,
        string? area,
        IReadOnlyList<string>? events,
        CancellationToken cancellation
    )
    {
        if (name?.Trim() is not { Length: >= 1 and <= 100 } named)
            return ("'name' has 1 to 100 characters", null, null);
        if (url is not { Length: <= 500 })
            return ("'url' has at most 500 characters", null, null);
        if (connections.Refuses(url) is { } refused)
            return ($"'url' {refused}", null, null);
        var (who, within) = (user.Who(), area is { Length: > 0 } ? area : user.Area());
        if (!user.Covers(within) || within.Length > 12 || within.Any(c => !char.IsAsciiDigit(c)))
            return ($"'area' is no area code within '{user.Area()}'", null, null);
        if (events is not { Count: > 0 } || events.FirstOrDefault(e => !WebhookEvents.All.Contains(e)) is not null)
            return ($"'events' is some of {string.Join(", ", WebhookEvents.All)}", null, null);
        var (row, secret) = await WebhookEvents.AddAsync(records, clock, named, url, within, events.Distinct(), who, cancellation);
        await records.AddAsync(clock.GetUtcNow().UtcDateTime, who, "webhook", $"webhook:{row.Id}", $"{named} of '{within}'", cancellation);
        return (null, row, secret);
    }

    public static async Task<bool> ChangeAsync(
        IDbContextFactory<RecordsDb> records,
        string who,
        DateTime now,
        Guid id,
        string change,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.Webhooks.FirstOrDefaultAsync(w => w.Id == id, cancellation) is not { } row)
            return false;
        if (change == "ping")
            await WebhookEvents.PingAsync(records, TimeProvider.System.GetUtcNow().UtcDateTime, id, cancellation);
        else if (change == "delete")
            db.Webhooks.Remove(row);
        else if (row.Disabled != (change == "disable"))
        {
            row.Disabled = change == "disable";
            // What happened while it was off is not told afterwards.
            if (!row.Disabled)
                row.SeenTimeline = await db.Timeline.MaxAsync(t => (long?)t.Id, cancellation) ?? 0;
        }

        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(now, who, "webhook", $"webhook:{id}", change, cancellation);
        return true;
    }
}
