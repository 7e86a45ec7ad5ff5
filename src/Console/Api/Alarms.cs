using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Records;

namespace Vigil.Console.Api;

internal static class Alarms
{
    private const int LongestNote = 2000;

    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet("alarms", async (string? state, string? kind, string? area, int? offset, int? limit, [AsParameters] Caller caller) =>
        {
            await using var db = await caller.OpenAsync();
            var bound = caller.Area;
            var query = db.Alarms.AsNoTracking().Where(a => a.Area.StartsWith(bound));
            if (state is not null)
            {
                if (!TryState(state, out var s)) return Caller.Wrong($"'{state}' is not one of open, acknowledged, in-hand, resolved");
                query = query.Where(a => a.State == s);
            }

            if (kind is not null)
            {
                if (!AlarmKind.TryParse(kind, out _)) return Caller.Wrong($"'{kind}' is not an alarm kind");
                query = query.Where(a => a.Kind == kind);
            }

            if (area is not null) query = query.Where(a => a.Area.StartsWith(area));
            var page = await caller.PageAsync(query.Include(a => a.Resident).OrderByDescending(a => a.Severity).ThenByDescending(a => a.OpenedAt).ThenBy(a => a.Id), offset, limit);
            await caller.AuditAsync("read", "alarms", $"{page.Count} alarms");
            return Results.Ok(page.Select(Brief));
        });
        read.MapGet("alarms/{id:guid}", async (Guid id, [AsParameters] Caller caller) =>
        {
            await using var db = await caller.OpenAsync();
            var bound = caller.Area;
            var alarm = await db.Alarms.AsNoTracking().AsSplitQuery().Include(a => a.Resident).Include(a => a.Timeline).Include(a => a.Steps).FirstOrDefaultAsync(a => a.Id == id && a.Area.StartsWith(bound), caller.Cancellation);
            if (alarm is null) return Caller.Missing("alarm", id.ToString());
            await caller.AuditAsync("read", $"alarm:{id}");
            return Results.Ok(new
            {
                alarm = Brief(alarm),
                timeline = alarm.Timeline.OrderBy(t => t.Id).Select(t => new { t.Time, t.What, t.Who, t.Text, t.TextZh }),
                steps = alarm.Steps.OrderBy(s => s.Order).Select(s => new { s.Order, s.To, s.Via, s.DueAt, state = s.State.ToString().ToLowerInvariant(), s.StartedAt, s.FinishedAt, s.Note }),
            });
        });
        write.MapPost("alarms/{id:guid}/acknowledge", (Guid id, NoteRequest? body, AlarmDesk desk, [AsParameters] Caller caller) =>
            ChangeAsync(caller, id, body?.Note, note => desk.AcknowledgeAsync(id, caller.Who, note, caller.Cancellation)));
        write.MapPost("alarms/{id:guid}/in-hand", (Guid id, NoteRequest? body, AlarmDesk desk, [AsParameters] Caller caller) =>
            ChangeAsync(caller, id, body?.Note, note => desk.TakeInHandAsync(id, caller.Who, note, caller.Cancellation)));
        write.MapPost("alarms/{id:guid}/note", (Guid id, NoteRequest body, AlarmDesk desk, [AsParameters] Caller caller) => string.IsNullOrWhiteSpace(body.Note)
            ? Task.FromResult(Caller.Wrong("'note' is empty"))
            : ChangeAsync(caller, id, body.Note, note => desk.NoteAsync(id, caller.Who, note, caller.Cancellation)));
        write.MapPost("alarms/{id:guid}/reopen", (Guid id, NoteRequest? body, AlarmDesk desk, [AsParameters] Caller caller) =>
            ChangeAsync(caller, id, body?.Note, note => desk.ReopenAsync(id, caller.Who, note, caller.Cancellation)));
        write.MapPost("alarms/{id:guid}/resolve", (Guid id, ResolveRequest body, AlarmDesk desk, [AsParameters] Caller caller) => TryResolution(body.Resolution, out var resolution)
            ? ChangeAsync(caller, id, body.Note, note => desk.ResolveAsync(id, caller.Who, resolution, note, caller.Cancellation))
            : Task.FromResult(Caller.Wrong($"'{body.Resolution}' is not one of {Resolutions}")));
        read.MapGet("notices", async (Guid? alarm, int? offset, int? limit, [AsParameters] Caller caller) =>
        {
            await using var db = await caller.OpenAsync();
            var bound = caller.Area;
            var page = await caller.PageAsync(
                from n in db.Notices.AsNoTracking() join a in db.Alarms on n.AlarmId equals a.Id
                where a.Area.StartsWith(bound) && (alarm == null || n.AlarmId == alarm) orderby n.CreatedAt descending, n.Id
                select n, offset, limit);
            await caller.AuditAsync("read", "notices", $"{page.Count} notices");
            return page.Select(n => new
            {
                n.Id, n.AlarmId, n.Channel, n.Provider, n.Recipient, n.RecipientName, Address = Caller.Masked(n.Address), Text = caller.User.HasClaim("scope", Access.Admin) ? n.Text : WithoutLink(n.Text), State = n.State.ToString().ToLowerInvariant(),
                n.Attempts, n.CreatedAt, n.SentAt, n.FinishedAt, n.Note,
            });
        });
    }

    internal static object Brief(Alarm a) => new
    {
        a.Id, a.Subject, resident = a.ResidentId, name = a.Resident?.Name ?? a.Subject, a.Area, a.Kind, severity = ((Severity)a.Severity).ToString().ToLowerInvariant(), state = StateName(a.State), a.Episode,
        device = a.DeviceId, a.Reason, a.ReasonZh, a.RaisedAt, a.OpenedAt, a.ClearedAt, a.AcknowledgedAt, a.AcknowledgedBy, a.SeenWellBy, a.ResolvedAt, a.ResolvedBy,
        resolution = a.Resolution == Resolution.None ? null : a.Resolution.ToString(), a.Repeats, a.Version,
    };

    internal static string StateName(AlarmState state) => state == AlarmState.InHand ? "in-hand" : state.ToString().ToLowerInvariant();

    /// <summary>The link in a message is one person's key to one alarm: whoever may read notices may not answer in that person's name.</summary>
    internal static string WithoutLink(string text)
    {
        var at = text.IndexOf("/c/", StringComparison.Ordinal);
        if (at < 0) return text;
        var end = at + 3;
        while (end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || text[end] is '-' or '_')) end++;
        return text[..(at + 3)] + "…" + text[end..];
    }

    private static bool TryState(string text, out AlarmState state)
    {
        foreach (var s in Enum.GetValues<AlarmState>())
        {
            state = s;
            if (StateName(s) == text) return true;
        }

        state = default;
        return false;
    }

    internal const string Resolutions = "true, false-away, false-habit, false-device, false-mistake, test, technical";

    internal static bool TryResolution(string? text, out Resolution resolution) =>
        Enum.TryParse((text ?? "").Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out resolution)
        && Enum.IsDefined(resolution) && resolution is not (Resolution.None or Resolution.Cleared) && !char.IsAsciiDigit(text![0]);

    private static async Task<IResult> ChangeAsync(Caller caller, Guid id, string? note, Func<string, Task> change)
    {
        if (note?.Length > LongestNote) return Caller.Wrong($"'note' is longer than {LongestNote} characters");
        await using var db = await caller.OpenAsync();
        var bound = caller.Area;
        if (!await db.Alarms.AnyAsync(a => a.Id == id && a.Area.StartsWith(bound), caller.Cancellation)) return Caller.Missing("alarm", id.ToString());
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

    internal sealed record NoteRequest(string? Note);
    internal sealed record ResolveRequest(string? Resolution, string? Note);
}
