using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Why a heightened watch was not changed.</summary>
internal enum WatchRefusal
{
    /// <summary>There is no such area.</summary>
    NoSuchArea,

    /// <summary>The area lies above the one that the person is bound to: its watch is shown to them and not theirs to change.</summary>
    AreaAbove,

    /// <summary>The reason or the end can't be used.</summary>
    Invalid,
}

/// <summary>Heightened watch over counties, towns and villages.</summary>
internal static class AreaOperations
{
    private static readonly TimeSpan LongestWatch = TimeSpan.FromDays(31);

    /// <summary>Puts an area on heightened watch until a time, or ends it (null).</summary>
    /// <returns>Null when done; else why not, for the API in words.</returns>
    public static async Task<(WatchRefusal Why, string Words)?> WatchAsync(
        IDbContextFactory<RecordsDb> records,
        string who,
        DateTime now,
        string code,
        DateTime? until,
        string reason,
        CancellationToken cancellation
    )
    {
        if (until is { } end && (end <= now || end - now > LongestWatch))
            return (WatchRefusal.Invalid, $"'until' has to lie ahead, by {LongestWatch.TotalDays:0} days at most");
        if (until is not null && string.IsNullOrWhiteSpace(reason))
            return (WatchRefusal.Invalid, "a watch has a reason");
        if (reason.Length > 200)
            return (WatchRefusal.Invalid, "'reason' is longer than 200 characters");
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.Areas.FirstOrDefaultAsync(a => a.Code == code, cancellation) is not { } area)
            return (WatchRefusal.NoSuchArea, $"there is no area '{code}'");
        if (!code.StartsWith(db.Within, StringComparison.Ordinal))
            return (WatchRefusal.AreaAbove, $"area '{code}' lies above '{db.Within}', which you are bound to");
        area.WatchFrom =
            until is null ? null
            : area.WatchUntil > now ? area.WatchFrom ?? now
            : now;
        // An ended watch ends now rather than being emptied: LiveRegistry tells by the latest end that something changed.
        area.WatchUntil = until ?? now;
        area.WatchReason = until is null ? "" : reason.Trim();
        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(now, who, "watch", $"area:{code}", until is { } u ? $"until {u:O}: {reason}" : "ended", cancellation);
        return null;
    }
}
