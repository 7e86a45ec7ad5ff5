using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Registry;
using Vigil.Registry.Search;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>Visit records (Annex 2 of the policy document).</summary>
internal static class VisitsApi
{
    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet(
                "visits",
                async (string? resident, string? format, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    if (format is not (null or "json" or "csv" or "xlsx"))
                        return Caller.Wrong($"'{format}' is not one of json, csv, xlsx");
                    await caller.AuditAsync("read", resident is null ? "visits" : $"resident:{resident}", "visits");
                    var query =
                        from v in db.Visits.AsNoTracking()
                        where resident == null || v.ResidentId == resident
                        orderby v.Time descending, v.Id
                        select new VisitAnswer(
                            v.Id,
                            v.ResidentId,
                            v.VisitorId,
                            v.AlarmId,
                            v.Time,
                            v.Form,
                            v.Condition,
                            v.Needs,
                            v.Actions,
                            v.Notes,
                            v.Satisfaction,
                            v.RecordedBy
                        );
                    return format is "csv" or "xlsx"
                        ? await caller.SheetAsync(
                            query,
                            "visits",
                            format,
                            [
                                "id",
                                "resident",
                                "visitor",
                                "alarm",
                                "time",
                                "form",
                                "condition",
                                "needs",
                                "actions",
                                "notes",
                                "satisfaction",
                                "recorded by",
                            ],
                            v =>
                                [
                                    v.Id,
                                    v.ResidentId,
                                    v.VisitorId,
                                    v.AlarmId,
                                    v.Time,
                                    v.Form,
                                    v.Condition,
                                    v.Needs,
                                    v.Actions,
                                    v.Notes,
                                    v.Satisfaction,
                                    v.RecordedBy,
                                ]
                        )
                        : Results.Ok(await caller.PageAsync(query, offset, limit));
                }
            )
            .Lists<VisitAnswer>("Visit records, the newest first", 400);
        read.MapGet(
                "visits/asked",
                async (string? visitor, int? days, int? offset, int? limit, SearchIndex index, [AsParameters] Caller caller) =>
                {
                    var (asked, total) = await VisitPlan.PageAsync(
                        caller.Records,
                        index,
                        visitor,
                        caller.Now,
                        TimeSpan.FromDays(Math.Clamp(days ?? 1, 0, 60)),
                        Caller.Offset(offset),
                        Caller.Limit(limit),
                        caller.Cancellation
                    );
                    await caller.AuditAsync("read", "visits asked for", $"{asked.Count} residents");
                    return caller.Page((asked.ToList(), total));
                }
            )
            .Lists<VisitAsked>("Visits asked for by alarms, a heightened watch or the policy's frequency, the most urgent first");
        write
            .MapPost(
                "visits",
                async (VisitRequest body, AlarmDesk desk, SearchIndex index, [AsParameters] Caller caller) =>
                {
                    // The form on a visitor's phone shows why its record was refused.
                    if (await caller.ResidentAsync(body.Resident) is not { } resident)
                        return Caller.Missing(new Wording($"there is no resident '{body.Resident}'", $"没有服务对象“{body.Resident}”"));
                    var resolution = Resolution.None;
                    if (body.Resolve is { } asked && !AlarmOperations.TryResolution(asked, out resolution))
                        return Caller.Wrong(
                            new Wording($"'{asked}' is not one of {AlarmOperations.Resolutions}", $"办结类别“{asked}”不对")
                        );
                    if (body.Resolve is not null && body.Alarm is null)
                        return Caller.Wrong(new Wording("'resolve' needs an 'alarm'", "未指明要办结的警情"));
                    var row = new Visit
                    {
                        Id = body.Id ?? Guid.CreateVersion7(caller.Clock.GetUtcNow()),
                        ResidentId = body.Resident,
                        VisitorId = resident.VisitorId,
                        AlarmId = body.Alarm,
                        Time = body.Time?.UtcDateTime ?? caller.Now,
                        Form = body.Form,
                        Condition = body.Condition ?? "",
                        Needs = body.Needs ?? "",
                        Actions = body.Actions ?? "",
                        Notes = body.Notes ?? "",
                        Satisfaction = body.Satisfaction ?? "",
                        RecordedBy = caller.Who,
                    };
                    if (await VisitOperations.AddAsync(caller.Records, index, row, caller.Now, caller.Cancellation) is { } wrong)
                        return Caller.Wrong(wrong);
                    if (body.Alarm is { } alarm && resolution != Resolution.None)
                    {
                        try
                        {
                            await desk.ResolveAsync(
                                alarm,
                                caller.Who,
                                resolution,
                                VisitOperations.Resolves(row.Form, ""),
                                caller.Cancellation
                            );
                        }
                        catch (AlarmConflictException)
                        {
                            // Somebody else resolved the alarm while this record waited for a connection: the visit is recorded all the
                            // same.
                        }
                    }

                    return Results.Created($"/api/v1/visits/{row.Id}", VisitAnswer.Of(row));
                }
            )
            .Creates<VisitAnswer>("Records a visit; sent again under the same id it is recorded once", 404);
    }

    /// <summary>A visit record (Annex 2).</summary>
    /// <param name="Resident">Number of the resident.</param>
    /// <param name="Form">home, phone, video or remote.</param>
    /// <param name="Alarm">The alarm for which it was made.</param>
    /// <param name="Time">When; now by default.</param>
    /// <param name="Condition">The rows of Annex 2, such as 行动能力：较差.</param>
    /// <param name="Needs">老年人服务需求.</param>
    /// <param name="Actions">实施关爱服务建议.</param>
    /// <param name="Notes">Anything else.</param>
    /// <param name="Satisfaction">老年人服务满意度评价.</param>
    /// <param name="Id">The sender's own id of the record, so that sending it again records it once.</param>
    /// <param name="Resolve">Resolves the alarm with this outcome.</param>
    internal sealed record VisitRequest(
        string Resident,
        string Form,
        Guid? Alarm = null,
        DateTimeOffset? Time = null,
        string? Condition = null,
        string? Needs = null,
        string? Actions = null,
        string? Notes = null,
        string? Satisfaction = null,
        Guid? Id = null,
        string? Resolve = null
    );
}
