using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>
/// Counties, towns and villages, and the heightened watch over them (极端恶劣天气、传统节日): limits tighten and visits are asked for.
/// </summary>
internal static class Areas
{
    private static readonly TimeSpan LongestWatch = TimeSpan.FromDays(31);

    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet(
                "areas",
                async (int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    var bound = caller.Area;
                    return await caller.PageAsync(
                        db.Areas.AsNoTracking()
                            .Where(a => a.Code.StartsWith(bound))
                            .OrderBy(a => a.Code)
                            .Select(a => new AreaAnswer(a.Code, a.Name, a.WatchFrom, a.WatchUntil, a.WatchReason)),
                        offset,
                        limit
                    );
                }
            )
            .Lists<AreaAnswer>("Counties, towns and villages");
        write
            .MapPost(
                "areas/{code}/watch",
                async (string code, WatchRequest body, [AsParameters] Caller caller) =>
                    await WatchAsync(
                        caller.Records,
                        caller.Area,
                        caller.Who,
                        caller.Now,
                        code,
                        body.Until?.UtcDateTime,
                        body.Reason ?? "",
                        caller.Cancellation
                    )
                        is { } wrong
                        ? wrong == MissingArea
                            ? Caller.Missing("area", code)
                            : Caller.Wrong(wrong)
                        : Results.NoContent()
            )
            .Changes("Puts an area on heightened watch until a time, or ends the watch (no time)", 404);
    }

    private const string MissingArea = "missing";

    /// <summary>Puts an area on heightened watch until a time, or ends it (null).</summary>
    /// <returns>Null when done; else what is wrong.</returns>
    internal static async Task<string?> WatchAsync(
        IDbContextFactory<RecordsDb> records,
        string bound,
        string who,
        DateTime now,
        string code,
        DateTime? until,
        string reason,
        CancellationToken cancellation
    )
    {
        if (until is { } end && (end <= now || end - now > LongestWatch))
            return $"'until' has to lie ahead, by {LongestWatch.TotalDays:0} days at most";
        if (until is not null && string.IsNullOrWhiteSpace(reason))
            return "a watch has a reason";
        if (reason.Length > 200)
            return "'reason' is longer than 200 characters";
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.Areas.FirstOrDefaultAsync(a => a.Code == code && a.Code.StartsWith(bound), cancellation) is not { } area)
            return MissingArea;
        area.WatchFrom =
            until is null ? null
            : area.WatchUntil > now ? area.WatchFrom ?? now
            : now;
        // Ended now rather than emptied: whoever follows the latest end (the rules) sees that it changed.
        area.WatchUntil = until ?? now;
        area.WatchReason = until is null ? "" : reason.Trim();
        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(now, who, "watch", $"area:{code}", until is { } u ? $"until {u:O}: {reason}" : "ended", cancellation);
        return null;
    }

    /// <summary>A heightened watch: limits tighten and visits are asked for.</summary>
    /// <param name="Until">By 31 days at most; null ends the watch.</param>
    /// <param name="Reason">Such as a typhoon; a watch needs one.</param>
    internal sealed record WatchRequest(DateTimeOffset? Until = null, string? Reason = null);
}
