using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Registry.Edits;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>
/// Counties, towns and villages, and the heightened watch over them (极端恶劣天气、传统节日): limits tighten and visits are asked for.
/// </summary>
internal static class AreasApi
{
    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write, RouteGroupBuilder admin)
    {
        MapEdits(admin);
        read.MapGet(
                "areas",
                async (int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    var page = await caller.PageAsync(db.Areas.AsNoTracking().OrderBy(a => a.Code), offset, limit);
                    return page.Select(a => new AreaAnswer(
                        a.Code,
                        a.Name,
                        a.WatchFrom,
                        a.WatchUntil,
                        a.WatchReason,
                        RecordKind.Area.VersionOf(caller.All.Keys, a)
                    ));
                }
            )
            .Lists<AreaAnswer>("Counties, towns and villages of the caller's area, and those that it lies in");
        write
            .MapPost(
                "areas/{code}/watch",
                async (string code, WatchRequest body, [AsParameters] Caller caller) =>
                    await AreaOperations.WatchAsync(
                        caller.Records,
                        caller.Who,
                        caller.Now,
                        code,
                        body.Until?.UtcDateTime,
                        body.Reason ?? "",
                        caller.Cancellation
                    )
                        is { } refused
                        ? Results.Problem(
                            refused.Words,
                            statusCode: refused.Why switch
                            {
                                WatchRefusal.NoSuchArea => StatusCodes.Status404NotFound,
                                WatchRefusal.AreaAbove => StatusCodes.Status403Forbidden,
                                _ => StatusCodes.Status400BadRequest,
                            }
                        )
                        : Results.NoContent()
            )
            .Changes("Puts an area on heightened watch until a time, or ends the watch (no time)", 404);
    }

    private static void MapEdits(RouteGroupBuilder admin)
    {
        admin
            .MapPost("areas", (RegistryEdit edit, [AsParameters] Caller caller) => caller.AddAsync(edit, RecordKind.Area, "areas"))
            .Adds(RecordKind.Area, "Adds a county, town or village", 409);
        admin
            .MapPatch(
                "areas/{code}",
                (string code, RegistryEdit edit, [AsParameters] Caller caller) => caller.ChangeAsync(edit, RecordKind.Area, code)
            )
            .Edits(RecordKind.Area, "Renames an area");
        admin
            .MapDelete(
                "areas/{code}",
                (string code, string? version, RegistryEdit edit, [AsParameters] Caller caller) =>
                    caller.RemoveAsync(edit, RecordKind.Area, code, version)
            )
            .Changes("Removes an area that nobody lives or works in", 404, 409);
    }

    /// <summary>A heightened watch: limits tighten and visits are asked for.</summary>
    /// <param name="Until">By 31 days at most; null ends the watch.</param>
    /// <param name="Reason">Such as a typhoon; a watch needs one.</param>
    internal sealed record WatchRequest(DateTimeOffset? Until = null, string? Reason = null);
}

/// <summary>A county, town or village.</summary>
/// <param name="Code">6, 9 or 12 digits.</param>
/// <param name="WatchFrom">Heightened watch since.</param>
/// <param name="WatchUntil">Heightened watch until.</param>
/// <param name="Version">Of code and name; to be given back with a change.</param>
internal sealed record AreaAnswer(string Code, string Name, DateTime? WatchFrom, DateTime? WatchUntil, string WatchReason, string Version);
