using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>Absences end by themselves and never silence SOS, smoke, gas or falls.</summary>
internal static class AbsencesApi
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(366);

    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet(
                "absences",
                async (string? resident, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    await caller.AuditAsync("read", resident is null ? "absences" : $"resident:{resident}", "absences");
                    return await caller.PageAsync(
                        from a in db.Absences.AsNoTracking()
                        where resident == null || a.ResidentId == resident
                        orderby a.From descending, a.Id
                        select new AbsenceAnswer(a.Id, a.ResidentId, a.From, a.Until, a.Author, a.Reason, a.EndedAt, a.EndedBy),
                        offset,
                        limit
                    );
                }
            )
            .Lists<AbsenceAnswer>("Absences, the newest first");
        write
            .MapPost(
                "absences",
                async (AbsenceRequest body, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(body.Resident) is null)
                        return Caller.Missing("resident", body.Resident);
                    if (body.Until <= body.From || body.Until - body.From > Longest)
                        return Caller.Wrong("'until' has to lie after 'from', by a year at most");
                    var row = await AbsenceOperations.AddAsync(
                        caller.Records,
                        caller.Clock,
                        caller.Who,
                        body.Resident,
                        body.From.UtcDateTime,
                        body.Until.UtcDateTime,
                        body.Reason ?? "",
                        caller.Cancellation
                    );
                    return Results.Created($"/api/v1/absences/{row.Id}", AbsenceAnswer.Of(row));
                }
            )
            .Creates<AbsenceAnswer>("Says that a resident is away, from when until when", 404);
        write
            .MapPost(
                "absences/{id:guid}/end",
                async (Guid id, [AsParameters] Caller caller) =>
                    await AbsenceOperations.EndAsync(caller.Records, caller.Who, caller.Now, id, caller.Cancellation)
                        ? Results.NoContent()
                        : Caller.Missing("running absence", id.ToString())
            )
            .Changes("Says that a resident is back", 404);
    }

    /// <summary>A new absence.</summary>
    /// <param name="Resident">Number of the resident.</param>
    /// <param name="Until">The end: after the beginning, by a year at most.</param>
    /// <param name="Reason">Such as a stay in hospital.</param>
    internal sealed record AbsenceRequest(string Resident, DateTimeOffset From, DateTimeOffset Until, string? Reason = null);
}
