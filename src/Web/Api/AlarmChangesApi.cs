using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Notify;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>What people do with alarms.</summary>
internal static class AlarmChangesApi
{
    /// <summary>Alarms that one request may change together.</summary>
    public const int LargestBulk = 500;

    private const int LongestNote = 2000;

    public static void Map(RouteGroupBuilder write)
    {
        write
            .MapPost(
                "alarms/{id:guid}/acknowledge",
                (Guid id, NoteRequest? body, AlarmDesk desk, [AsParameters] Caller caller) =>
                    ChangeAsync(caller, id, body?.Note, note => desk.AcknowledgeAsync(id, caller.Who, note, caller.Cancellation))
            )
            .Changes("Acknowledges an alarm: escalation pauses until 'seen well by' runs out", 404, 409);
        write
            .MapPost(
                "alarms/{id:guid}/in-hand",
                (Guid id, NoteRequest? body, AlarmDesk desk, [AsParameters] Caller caller) =>
                    ChangeAsync(caller, id, body?.Note, note => desk.TakeInHandAsync(id, caller.Who, note, caller.Cancellation))
            )
            .Changes("Says that somebody is on the way", 404, 409);
        write
            .MapPost(
                "alarms/{id:guid}/hand-over",
                (Guid id, HandOverRequest body, AlarmDesk desk, [AsParameters] Caller caller) =>
                    string.IsNullOrWhiteSpace(body.To) || body.To.Length > 100
                        ? Task.FromResult(Caller.Wrong("'to' has 1 to 100 characters"))
                        : ChangeAsync(
                            caller,
                            id,
                            body.Note,
                            note => desk.HandOverAsync(id, caller.Who, body.To.Trim(), note, caller.Cancellation)
                        )
            )
            .Changes("Hands an alarm over to somebody else, who answers for it from now on", 404, 409);
        write
            .MapPost(
                "alarms/{id:guid}/note",
                (Guid id, NoteRequest body, AlarmDesk desk, [AsParameters] Caller caller) =>
                    string.IsNullOrWhiteSpace(body.Note)
                        ? Task.FromResult(Caller.Wrong("'note' is empty"))
                        : ChangeAsync(caller, id, body.Note, note => desk.NoteAsync(id, caller.Who, note, caller.Cancellation))
            )
            .Changes("Adds a note to the timeline", 404, 409);
        write
            .MapPost(
                "alarms/{id:guid}/reopen",
                (Guid id, NoteRequest? body, AlarmDesk desk, [AsParameters] Caller caller) =>
                    ChangeAsync(caller, id, body?.Note, note => desk.ReopenAsync(id, caller.Who, note, caller.Cancellation))
            )
            .Changes("Opens an alarm that was resolved too early: everybody is told again", 404, 409);
        write
            .MapPost(
                "alarms/{id:guid}/resolve",
                (Guid id, ResolveRequest body, AlarmDesk desk, [AsParameters] Caller caller) =>
                    AlarmOperations.TryResolution(body.Resolution, out var resolution)
                        ? ChangeAsync(
                            caller,
                            id,
                            body.Note,
                            note => desk.ResolveAsync(id, caller.Who, resolution, note, caller.Cancellation)
                        )
                        : Task.FromResult(Caller.Wrong($"'{body.Resolution}' is not one of {AlarmOperations.Resolutions}"))
            )
            .Changes("Resolves an alarm with a coded reason", 404, 409);
        write
            .MapPost(
                "alarms/bulk",
                async (BulkRequest body, AlarmDesk desk, [AsParameters] Caller caller) =>
                {
                    if (body.Alarms is not { Count: >= 1 and <= LargestBulk } alarms)
                        return Caller.Wrong($"'alarms' has 1 to {LargestBulk} ids");
                    if (string.IsNullOrWhiteSpace(body.Note) || body.Note.Length > LongestNote)
                        return Caller.Wrong($"'note' says why, in 1 to {LongestNote} characters");
                    var resolution = Resolution.None;
                    if (body.Action is not ("acknowledge" or "in-hand" or "note" or "resolve"))
                        return Caller.Wrong($"'{body.Action}' is not one of acknowledge, in-hand, note, resolve");
                    if (body.Action == "resolve" && !AlarmOperations.TryResolution(body.Resolution, out resolution))
                        return Caller.Wrong($"'{body.Resolution}' is not one of {AlarmOperations.Resolutions}");
                    var changed = await AlarmOperations.ChangeManyAsync(
                        desk,
                        caller.Records,
                        caller.Who,
                        alarms,
                        body.Action,
                        resolution,
                        body.Note.Trim(),
                        caller.Cancellation
                    );
                    return Results.Ok(new BulkAnswer(changed.Done, [.. changed.Refused.Select(r => new BulkRefused(r.Alarm, r.Why.En))]));
                }
            )
            .Answers<BulkAnswer>("Changes many alarms together, in an outage: one reason, and a line on each one's own timeline", 400);
    }

    private static async Task<IResult> ChangeAsync(Caller caller, Guid id, string? note, Func<string, Task> change)
    {
        if (note?.Length > LongestNote)
            return Caller.Wrong($"'note' is longer than {LongestNote} characters");
        await using var db = await caller.OpenAsync();
        if (!await db.Alarms.AnyAsync(a => a.Id == id, caller.Cancellation))
            return Caller.Missing("alarm", id.ToString());
        try
        {
            await change(note ?? "");
            return Results.NoContent();
        }
        catch (AlarmConflictException e)
        {
            return Results.Problem(e.Message, statusCode: StatusCodes.Status409Conflict);
        }
    }

    /// <summary>A note for the timeline.</summary>
    /// <param name="Note">At most 2,000 characters.</param>
    internal sealed record NoteRequest(string? Note = null);

    /// <summary>Who answers for an alarm from now on.</summary>
    /// <param name="To">Name of the person.</param>
    /// <param name="Note">For the timeline.</param>
    internal sealed record HandOverRequest(string? To, string? Note = null);

    /// <summary>How an alarm ends.</summary>
    /// <param name="Resolution">true, false-away, false-habit, false-device, false-mistake, test or technical.</param>
    /// <param name="Note">For the timeline.</param>
    internal sealed record ResolveRequest(string? Resolution = null, string? Note = null);

    /// <summary>A change of many alarms.</summary>
    /// <param name="Alarms">Their ids, 500 at most.</param>
    /// <param name="Action">acknowledge, in-hand, note or resolve.</param>
    /// <param name="Note">The reason; needed.</param>
    /// <param name="Resolution">For resolve: true, false-away, false-habit, false-device, false-mistake, test or technical.</param>
    internal sealed record BulkRequest(IReadOnlyList<Guid>? Alarms, string? Action, string? Note, string? Resolution = null);
}
