using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>Reads alarms.</summary>
internal static class AlarmsApi
{
    public static void Map(RouteGroupBuilder read)
    {
        read.MapGet(
                "alarms",
                async (
                    string? state,
                    string? kind,
                    string? area,
                    string? resident,
                    string? format,
                    int? offset,
                    int? limit,
                    [AsParameters] Caller caller
                ) =>
                {
                    await using var db = await caller.OpenAsync();
                    if (format is not (null or "json" or "csv" or "xlsx"))
                        return Caller.Wrong($"'{format}' is not one of json, csv, xlsx");
                    var query = db.Alarms.AsNoTracking();
                    if (state == "unresolved")
                        query = query.Where(a => a.State < AlarmState.Resolved);
                    else if (state is not null)
                    {
                        if (!TryState(state, out var s))
                            return Caller.Wrong($"'{state}' is not one of open, acknowledged, in-hand, resolved, unresolved");
                        query = query.Where(a => a.State == s);
                    }

                    if (kind is not null)
                    {
                        if (!AlarmKind.TryParse(kind, out _))
                            return Caller.Wrong($"'{kind}' is not an alarm kind");
                        query = query.Where(a => a.Kind == kind);
                    }

                    if (area is not null)
                        query = query.Where(a => a.Area.StartsWith(area));
                    if (resident is not null)
                        query = query.Where(a => a.ResidentId == resident);
                    if (format is "csv" or "xlsx")
                    {
                        return await caller.SheetAsync(
                            query.OrderBy(a => a.OpenedAt).ThenBy(a => a.Id),
                            "alarms",
                            format,
                            [
                                "id",
                                "subject",
                                "area",
                                "kind",
                                "severity",
                                "state",
                                "raised",
                                "opened",
                                "acknowledged",
                                "acknowledged by",
                                "resolved",
                                "resolution",
                                "reason",
                            ],
                            a =>
                                [
                                    a.Id,
                                    a.Subject,
                                    a.Area,
                                    a.Kind,
                                    a.Severity,
                                    AlarmOperations.StateName(a.State),
                                    a.RaisedAt,
                                    a.OpenedAt,
                                    a.AcknowledgedAt,
                                    a.AcknowledgedBy,
                                    a.ResolvedAt,
                                    a.Resolution,
                                    a.Reason,
                                ]
                        );
                    }

                    var page = await caller.PageAsync(
                        query
                            .Include(a => a.Resident)
                            .OrderByDescending(a => a.Severity)
                            .ThenByDescending(a => a.OpenedAt)
                            .ThenBy(a => a.Id),
                        offset,
                        limit
                    );
                    var (told, next) = await AlarmOperations.ToldAndNextAsync(db, [.. page.Select(a => a.Id)], caller.Cancellation);
                    await caller.AuditAsync("read", "alarms", $"{page.Count} alarms");
                    return Results.Ok(page.Select(a => AlarmAnswer.Of(a, told.GetValueOrDefault(a.Id, []), next.GetValueOrDefault(a.Id))));
                }
            )
            .Lists<AlarmAnswer>("Alarms, the most severe first, with who has been told and who is next", 400);
        read.MapGet(
                "alarms/{id:guid}",
                async (Guid id, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    var alarm = await db
                        .Alarms.AsNoTracking()
                        .AsSplitQuery()
                        .Include(a => a.Resident)
                        .Include(a => a.Timeline)
                        .Include(a => a.Steps)
                        .FirstOrDefaultAsync(a => a.Id == id, caller.Cancellation);
                    if (alarm is null)
                        return Caller.Missing("alarm", id.ToString());
                    var (told, next) = await AlarmOperations.ToldAndNextAsync(db, [id], caller.Cancellation);
                    await caller.AuditAsync("read", $"alarm:{id}");
                    return Results.Ok(
                        new AlarmWhole(
                            AlarmAnswer.Of(alarm, told.GetValueOrDefault(id, []), next.GetValueOrDefault(id)),
                            [
                                .. alarm
                                    .Timeline.OrderBy(t => t.Id)
                                    .Select(t => new TimelineAnswer(t.Time, t.What.Word(), t.Who, t.Text, t.TextZh)),
                            ],
                            [
                                .. alarm
                                    .Steps.OrderBy(s => s.Order)
                                    .Select(s => new StepAnswer(
                                        s.Order,
                                        s.To,
                                        Words.List(s.Via),
                                        s.DueAt,
                                        s.State.ToString().ToLowerInvariant(),
                                        s.StartedAt,
                                        s.FinishedAt,
                                        s.Note.En
                                    )),
                            ]
                        )
                    );
                }
            )
            .Answers<AlarmWhole>("An alarm with its timeline and its escalation plan", 404);
    }

    private static bool TryState(string text, out AlarmState state)
    {
        foreach (var s in Enum.GetValues<AlarmState>())
        {
            state = s;
            if (AlarmOperations.StateName(s) == text)
                return true;
        }

        state = default;
        return false;
    }
}
