using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>Absences end by themselves and never silence SOS, smoke, gas or falls.</summary>
internal static class Absences
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(366);

    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet(
                "absences",
                async (string? resident, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    var bound = caller.Area;
                    await caller.AuditAsync("read", resident is null ? "absences" : $"resident:{resident}", "absences");
                    return await caller.PageAsync(
                        from a in db.Absences.AsNoTracking()
                        join r in db.Residents on a.ResidentId equals r.Id
                        where r.Area.StartsWith(bound) && (resident == null || a.ResidentId == resident)
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
                    var row = await AddAsync(
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
                    await EndAsync(caller.Records, caller.Area, caller.Who, caller.Now, id, caller.Cancellation)
                        ? Results.NoContent()
                        : Caller.Missing("running absence", id.ToString())
            )
            .Changes("Says that a resident is back", 404);
    }

    internal static async Task<Absence> AddAsync(
        IDbContextFactory<RecordsDb> records,
        TimeProvider clock,
        string who,
        string resident,
        DateTime from,
        DateTime until,
        string reason,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var row = new Absence
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()),
            ResidentId = resident,
            From = from,
            Until = until,
            Author = who,
            Reason = reason,
        };
        db.Absences.Add(row);
        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(
            clock.GetUtcNow().UtcDateTime,
            who,
            "absence",
            $"resident:{resident}",
            $"{from:O} to {until:O}",
            cancellation
        );
        return row;
    }

    internal static async Task<bool> EndAsync(
        IDbContextFactory<RecordsDb> records,
        string area,
        string who,
        DateTime now,
        Guid id,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var row = await db.Absences.FirstOrDefaultAsync(
            a => a.Id == id && a.EndedAt == null && db.Residents.Any(r => r.Id == a.ResidentId && r.Area.StartsWith(area)),
            cancellation
        );
        if (row is null)
            return false;
        (row.EndedAt, row.EndedBy) = (now, who);
        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(now, who, "absence", $"resident:{row.ResidentId}", "ended", cancellation);
        return true;
    }

    /// <summary>An absence to be.</summary>
    /// <param name="Resident">Whose.</param>
    /// <param name="Until">After its beginning, by a year at most.</param>
    /// <param name="Reason">Such as a stay in hospital.</param>
    internal sealed record AbsenceRequest(string Resident, DateTimeOffset From, DateTimeOffset Until, string? Reason = null);
}
