using System.Security.Claims;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Webhooks;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Other systems that are told of alarms, within the area of who adds or changes them.</summary>
internal static class WebhookOperations
{
    public static async Task<(Wording? Wrong, Webhook? Row, string? Secret)> AddAsync(
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
            return (new Wording("'name' has 1 to 100 characters", "名称应为 1 至 100 个字符"), null, null);
        if (url is not { Length: <= 500 })
            return (new Wording("'url' has at most 500 characters", "接收地址不超过 500 个字符"), null, null);
        if (connections.Refuses(url) is { } refused)
            return (new Wording($"'url' {refused.En}", $"接收地址{refused.Zh}"), null, null);
        var (who, within) = (user.Who(), area is { Length: > 0 } ? area : user.Area());
        if (!user.Covers(within) || within.Length > 12 || within.Any(c => !char.IsAsciiDigit(c)))
            return (new Wording($"'area' is no area code within '{user.Area()}'", $"区域不是“{user.Area()}”范围内的区划代码"), null, null);
        if (events is not { Count: > 0 } || events.FirstOrDefault(e => !WebhookEvents.All.Contains(e)) is not null)
            return (new Wording($"'events' is some of {string.Join(", ", WebhookEvents.All)}", "请至少选择一种告知的事件"), null, null);
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
            // Switched on again, it is not told of what happened while it was off.
            if (!row.Disabled)
                row.SeenTimeline = await db.Timeline.MaxAsync(t => (long?)t.Id, cancellation) ?? 0;
        }

        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(now, who, "webhook", $"webhook:{id}", change, cancellation);
        return true;
    }
}
