using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Console.Api;

/// <summary>Visit records (Annex 2 of the policy document).</summary>
internal static class Visits
{
    public static readonly string[] Forms = ["home", "phone", "video", "remote"];

    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet("visits", async (string? resident, int? offset, int? limit, [AsParameters] Caller caller) =>
        {
            await using var db = await caller.OpenAsync();
            var bound = caller.Area;
            await caller.AuditAsync("read", resident is null ? "visits" : $"resident:{resident}", "visits");
            return await caller.PageAsync(
                from v in db.Visits.AsNoTracking() join r in db.Residents on v.ResidentId equals r.Id
                where r.Area.StartsWith(bound) && (resident == null || v.ResidentId == resident) orderby v.Time descending, v.Id select v, offset, limit);
        });
        write.MapPost("visits", async (VisitRequest body, [AsParameters] Caller caller) =>
        {
            if (await caller.ResidentAsync(body.Resident) is not { } resident) return Caller.Missing("resident", body.Resident);
            var row = new Visit
            {
                Id = Guid.CreateVersion7(caller.Clock.GetUtcNow()), ResidentId = body.Resident, VisitorId = resident.VisitorId, AlarmId = body.Alarm, Time = body.Time?.UtcDateTime ?? caller.Now, Form = body.Form,
                Condition = body.Condition ?? "", Needs = body.Needs ?? "", Actions = body.Actions ?? "", Notes = body.Notes ?? "", RecordedBy = caller.Who,
            };
            return await AddAsync(caller.Records, row, caller.Now, caller.Cancellation) is { } wrong ? Caller.Wrong(wrong) : Results.Created($"/api/v1/visits/{row.Id}", row);
        });
    }

    /// <returns>Null when it is recorded; else what is wrong with it.</returns>
    internal static async Task<string?> AddAsync(IDbContextFactory<RecordsDb> records, Visit row, DateTime now, CancellationToken cancellation)
    {
        if (!Forms.Contains(row.Form)) return $"'{row.Form}' is not one of {string.Join(", ", Forms)}";
        if (row.Time > now.AddMinutes(10)) return "the visit lies in the future";
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (row.AlarmId is { } alarm && !await db.Alarms.AnyAsync(a => a.Id == alarm && a.ResidentId == row.ResidentId, cancellation)) return $"there is no alarm '{alarm}' of this resident";
        db.Visits.Add(row);
        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(now, row.RecordedBy, "visit", $"resident:{row.ResidentId}", row.Form, cancellation);
        return null;
    }

    internal sealed record VisitRequest(string Resident, string Form, Guid? Alarm, DateTimeOffset? Time, string? Condition, string? Needs, string? Actions, string? Notes);
}
