using System.Security.Claims;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Console.Api;

/// <summary>The HTTP API under <c>/api/v1</c>. Every read of a resident's data is written to the audit log; what lies outside the caller's area does not exist for it.</summary>
internal static class ApiEndpoints
{
    private const int LargestPage = 500;

    public static void MapApi(this IEndpointRouteBuilder app)
    {
        var read = app.MapGroup("/api/v1").RequireAuthorization(Access.Read);
        var write = app.MapGroup("/api/v1").RequireAuthorization(Access.Write);
        MapResidents(read);
        MapDevices(read, write);
        MapAlarms(read, write);
        MapVisits(read, write);
    }

    private static void MapResidents(RouteGroupBuilder read)
    {
        read.MapGet("residents", async (IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, int? offset, int? limit, CancellationToken c) =>
        {
            await using var db = await records.CreateDbContextAsync(c);
            var area = user.Area();
            return (await db.Residents.AsNoTracking().Where(r => r.Area.StartsWith(area)).OrderBy(r => r.Id).Skip(offset ?? 0).Take(Math.Clamp(limit ?? 100, 1, LargestPage)).ToListAsync(c))
                .Select(r => new { r.Id, r.Name, r.Area, r.KeyClass, r.Categories });
        });
        read.MapGet("residents/{id}", async (string id, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, TimeProvider clock, CancellationToken c) =>
        {
            if (await FindAsync(records, id, user, c) is not { } r) return Missing("resident", id);
            await records.AddAsync(clock.GetUtcNow().UtcDateTime, user.Who(), "read", $"resident:{id}", "registry", c);
            return Results.Ok(new
            {
                r.Id, r.Name, r.Area, r.KeyClass, r.Categories, r.Gender, r.BirthDate, r.Address, r.Language, r.ConsentService, r.ConsentDailyLife, r.HomeLatitude, r.HomeLongitude, r.HomeRadiusMetres,
                Contacts = r.Contacts.OrderBy(x => x.Order).Select(x => new { x.Order, x.Name, x.Relation, Phone = Masked(x.Phone) }),
                Visitor = r.Visitor?.Name,
                Devices = r.Devices.Select(d => new { d.Id, d.Profile, d.InstalledAt, d.FirstSeenAt, d.LastSeenAt }),
            });
        });
        read.MapGet("residents/{id}/readings", async (string id, string? metric, DateTimeOffset? from, DateTimeOffset? to, int? limit, IDbContextFactory<RecordsDb> records, IReadingStore store, ClaimsPrincipal user, TimeProvider clock, CancellationToken c) =>
        {
            if (await FindAsync(records, id, user, c) is not { } r) return Missing("resident", id);
            Metric? of = null;
            if (metric is not null && !Metric.TryParse(metric, out of)) return Results.Problem($"'{metric}' is not a metric", statusCode: StatusCodes.Status400BadRequest);
            await records.AddAsync(clock.GetUtcNow().UtcDateTime, user.Who(), "read", $"resident:{id}", $"readings {metric}", c);
            var now = clock.GetUtcNow();
            var query = new ReadingQuery([.. r.Devices.Select(d => new DeviceId(d.Id))], of, (from ?? now.AddDays(-1)).UtcDateTime, (to ?? now.AddMinutes(10)).UtcDateTime, Math.Clamp(limit ?? 10_000, 1, 100_000));
            var rows = new List<object>();
            await foreach (var x in store.QueryAsync(query, c))
                rows.Add(new { device = x.Device.Value, metric = x.Metric.Name, channel = x.Channel, time = x.Time, received = x.Received, value = x.Value, unit = x.Metric.Unit, longitude = x.Metric.Kind == MetricKind.Location ? x.Longitude : (double?)null, @event = x.Event, flags = x.Flags.ToString() });
            return Results.Ok(rows);
        });
        read.MapGet("residents/{id}/daily", async (string id, DateTimeOffset? from, DateTimeOffset? to, IDbContextFactory<RecordsDb> records, IReadingStore store, ClaimsPrincipal user, TimeProvider clock, TimeZoneInfo zone, CancellationToken c) =>
        {
            if (await FindAsync(records, id, user, c) is not { } r) return Missing("resident", id);
            await records.AddAsync(clock.GetUtcNow().UtcDateTime, user.Who(), "read", $"resident:{id}", "daily life", c);
            var now = clock.GetUtcNow();
            return Results.Ok(await DailyLife.ReadAsync(store, [.. r.Devices.Select(d => new DeviceId(d.Id))], (from ?? now.AddDays(-7)).UtcDateTime, (to ?? now.AddMinutes(10)).UtcDateTime, zone, c));
        });
    }

    private static void MapDevices(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet("devices", async (IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, int? offset, int? limit, CancellationToken c) =>
        {
            await using var db = await records.CreateDbContextAsync(c);
            var area = user.Area();
            return await (from d in db.Devices join r in db.Residents on d.ResidentId equals r.Id into owners from r in owners.DefaultIfEmpty()
                          where area == "" || (r != null && r.Area.StartsWith(area)) orderby d.Id
                          select new { d.Id, d.Profile, d.ResidentId, d.Label, d.InstalledAt, d.FirstSeenAt, d.LastSeenAt, d.ReportMinutes })
                .Skip(offset ?? 0).Take(Math.Clamp(limit ?? 100, 1, LargestPage)).ToListAsync(c);
        });
        read.MapGet("devices/unbound", async (IDbContextFactory<RecordsDb> records, CancellationToken c) =>
        {
            await using var db = await records.CreateDbContextAsync(c);
            return (await db.Unbound.AsNoTracking().OrderByDescending(u => u.LastSeenAt).Take(LargestPage).ToListAsync(c))
                .Select(u => new { u.Id, u.Profile, u.Topic, u.FirstSeenAt, u.LastSeenAt, u.Messages, LastPayload = Preview(u.LastPayload), u.Announced });
        });
        write.MapPost("devices/unbound/{id}/bind", async (string id, BindRequest request, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, TimeProvider clock, CancellationToken c) =>
        {
            if (await FindAsync(records, request.Resident, user, c) is null) return Missing("resident", request.Resident);
            await using var db = await records.CreateDbContextAsync(c);
            if (await db.Unbound.FindAsync([id], c) is not { } waiting) return Missing("unbound device", id);
            var now = clock.GetUtcNow().UtcDateTime;
            db.Devices.Add(new Device { Id = id, Profile = request.Profile ?? waiting.Profile, ResidentId = request.Resident, InstalledAt = now, Label = request.Label ?? "" });
            db.Unbound.Remove(waiting);
            (await db.Residents.FindAsync([request.Resident], c))!.UpdatedAt = now;
            await db.SaveChangesAsync(c);
            await records.AddAsync(now, user.Who(), "bind", $"device:{id}", $"to resident:{request.Resident}", c);
            return Results.NoContent();
        });
        read.MapGet("rejected", async (IDbContextFactory<RecordsDb> records, int? limit, CancellationToken c) =>
        {
            await using var db = await records.CreateDbContextAsync(c);
            return (await db.Rejected.AsNoTracking().OrderByDescending(r => r.Id).Take(Math.Clamp(limit ?? 100, 1, LargestPage)).ToListAsync(c))
                .Select(r => new { r.Id, r.Received, r.Topic, r.Username, r.Device, r.Profile, r.Reason, Payload = Convert.ToBase64String(r.Payload), Preview = Preview(r.Payload) });
        });
    }

    private static void MapAlarms(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet("alarms", async (string? state, string? kind, string? area, int? offset, int? limit, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, CancellationToken c) =>
        {
            await using var db = await records.CreateDbContextAsync(c);
            var bound = user.Area();
            var query = db.Alarms.AsNoTracking().Where(a => a.Area.StartsWith(bound));
            if (state is not null)
            {
                if (!TryState(state, out var s)) return Results.Problem($"'{state}' is not one of open, acknowledged, in-hand, resolved", statusCode: StatusCodes.Status400BadRequest);
                query = query.Where(a => a.State == s);
            }

            if (kind is not null) query = query.Where(a => a.Kind == kind);
            if (area is not null) query = query.Where(a => a.Area.StartsWith(area));
            return Results.Ok((await query.Include(a => a.Resident).OrderByDescending(a => a.Severity).ThenByDescending(a => a.OpenedAt).Skip(offset ?? 0).Take(Math.Clamp(limit ?? 100, 1, LargestPage)).ToListAsync(c)).Select(Brief));
        });
        read.MapGet("alarms/{id:guid}", async (Guid id, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, TimeProvider clock, CancellationToken c) =>
        {
            await using var db = await records.CreateDbContextAsync(c);
            var bound = user.Area();
            var alarm = await db.Alarms.AsNoTracking().Include(a => a.Resident).Include(a => a.Timeline).Include(a => a.Steps).FirstOrDefaultAsync(a => a.Id == id && a.Area.StartsWith(bound), c);
            if (alarm is null) return Missing("alarm", id.ToString());
            await records.AddAsync(clock.GetUtcNow().UtcDateTime, user.Who(), "read", $"alarm:{id}", "", c);
            return Results.Ok(new
            {
                alarm = Brief(alarm),
                timeline = alarm.Timeline.OrderBy(t => t.Id).Select(t => new { t.Time, t.What, t.Who, t.Text, t.TextZh }),
                steps = alarm.Steps.OrderBy(s => s.Order).Select(s => new { s.Order, s.To, s.Via, s.DueAt, state = s.State.ToString().ToLowerInvariant(), s.StartedAt, s.FinishedAt, s.Note }),
            });
        });
        write.MapPost("alarms/{id:guid}/acknowledge", (Guid id, NoteRequest? body, AlarmDesk desk, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, CancellationToken c) =>
            ChangeAsync(records, id, user, () => desk.AcknowledgeAsync(id, user.Who(), body?.Note ?? "", c), c));
        write.MapPost("alarms/{id:guid}/in-hand", (Guid id, NoteRequest? body, AlarmDesk desk, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, CancellationToken c) =>
            ChangeAsync(records, id, user, () => desk.TakeInHandAsync(id, user.Who(), body?.Note ?? "", c), c));
        write.MapPost("alarms/{id:guid}/note", (Guid id, NoteRequest body, AlarmDesk desk, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, CancellationToken c) =>
            ChangeAsync(records, id, user, () => desk.NoteAsync(id, user.Who(), body.Note ?? "", c), c));
        write.MapPost("alarms/{id:guid}/reopen", (Guid id, NoteRequest? body, AlarmDesk desk, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, CancellationToken c) =>
            ChangeAsync(records, id, user, () => desk.ReopenAsync(id, user.Who(), body?.Note ?? "", c), c));
        write.MapPost("alarms/{id:guid}/resolve", (Guid id, ResolveRequest body, AlarmDesk desk, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, CancellationToken c) =>
            Enum.TryParse<Resolution>((body.Resolution ?? "").Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var resolution) && resolution is not (Resolution.None or Resolution.Cleared)
                ? ChangeAsync(records, id, user, () => desk.ResolveAsync(id, user.Who(), resolution, body.Note ?? "", c), c)
                : Task.FromResult(Results.Problem($"'{body.Resolution}' is not one of true, false-away, false-habit, false-device, false-mistake, test, technical", statusCode: StatusCodes.Status400BadRequest)));
        read.MapGet("notices", async (Guid? alarm, int? limit, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, CancellationToken c) =>
        {
            await using var db = await records.CreateDbContextAsync(c);
            var bound = user.Area();
            return (await (from n in db.Notices.AsNoTracking() join a in db.Alarms on n.AlarmId equals a.Id
                           where a.Area.StartsWith(bound) && (alarm == null || n.AlarmId == alarm) orderby n.CreatedAt descending
                           select n).Take(Math.Clamp(limit ?? 100, 1, LargestPage)).ToListAsync(c))
                .Select(n => new { n.Id, n.AlarmId, n.Channel, n.Provider, n.Recipient, n.RecipientName, Address = Masked(n.Address), n.Text, State = n.State.ToString().ToLowerInvariant(), n.Attempts, n.CreatedAt, n.SentAt, n.FinishedAt, n.Note });
        });
    }

    private static void MapVisits(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        write.MapPost("absences", async (AbsenceRequest body, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, TimeProvider clock, CancellationToken c) =>
        {
            if (await FindAsync(records, body.Resident, user, c) is null) return Missing("resident", body.Resident);
            if (body.Until <= body.From || body.Until - body.From > TimeSpan.FromDays(366)) return Results.Problem("'until' has to lie after 'from', by a year at most", statusCode: StatusCodes.Status400BadRequest);
            await using var db = await records.CreateDbContextAsync(c);
            var row = new Absence { Id = Guid.CreateVersion7(clock.GetUtcNow()), ResidentId = body.Resident, From = body.From.UtcDateTime, Until = body.Until.UtcDateTime, Author = user.Who(), Reason = body.Reason ?? "" };
            db.Absences.Add(row);
            await db.SaveChangesAsync(c);
            return Results.Created($"/api/v1/absences/{row.Id}", row);
        });
        read.MapGet("visits", async (string? resident, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, CancellationToken c) =>
        {
            await using var db = await records.CreateDbContextAsync(c);
            var bound = user.Area();
            return await (from v in db.Visits.AsNoTracking() join r in db.Residents on v.ResidentId equals r.Id where r.Area.StartsWith(bound) && (resident == null || v.ResidentId == resident) orderby v.Time descending select v).Take(LargestPage).ToListAsync(c);
        });
        write.MapPost("visits", async (VisitRequest body, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, TimeProvider clock, CancellationToken c) =>
        {
            if (await FindAsync(records, body.Resident, user, c) is not { } resident) return Missing("resident", body.Resident);
            if (body.Form is not ("home" or "phone" or "video" or "remote")) return Results.Problem($"'{body.Form}' is not one of home, phone, video, remote", statusCode: StatusCodes.Status400BadRequest);
            await using var db = await records.CreateDbContextAsync(c);
            var now = clock.GetUtcNow();
            var row = new Visit
            {
                Id = Guid.CreateVersion7(now), ResidentId = body.Resident, VisitorId = resident.VisitorId, AlarmId = body.Alarm, Time = (body.Time ?? now).UtcDateTime, Form = body.Form,
                Condition = body.Condition ?? "", Needs = body.Needs ?? "", Actions = body.Actions ?? "", Notes = body.Notes ?? "", RecordedBy = user.Who(),
            };
            db.Visits.Add(row);
            await db.SaveChangesAsync(c);
            return Results.Created($"/api/v1/visits/{row.Id}", row);
        });
        read.MapGet("statistics", async (DateTimeOffset? from, DateTimeOffset? to, IDbContextFactory<RecordsDb> records, ClaimsPrincipal user, TimeProvider clock, CancellationToken c) =>
            Results.Ok(await Statistics.ReadAsync(records, user.Area(), (from ?? clock.GetUtcNow().AddDays(-30)).UtcDateTime, (to ?? clock.GetUtcNow()).UtcDateTime, c)));
    }

    internal static object Brief(Alarm a) => new
    {
        a.Id, a.Subject, resident = a.ResidentId, name = MessageName(a), a.Area, a.Kind, severity = ((Severity)a.Severity).ToString().ToLowerInvariant(), state = StateName(a.State), a.Episode,
        device = a.DeviceId, a.Reason, a.ReasonZh, a.RaisedAt, a.OpenedAt, a.ClearedAt, a.AcknowledgedAt, a.AcknowledgedBy, a.SeenWellBy, a.ResolvedAt, a.ResolvedBy,
        resolution = a.Resolution == Resolution.None ? null : a.Resolution.ToString(), a.Repeats, a.Version,
    };

    internal static string StateName(AlarmState state) => state switch { AlarmState.InHand => "in-hand", _ => state.ToString().ToLowerInvariant() };

    private static string MessageName(Alarm a) => a.Resident?.Name ?? a.Subject;

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

    private static async Task<IResult> ChangeAsync(IDbContextFactory<RecordsDb> records, Guid id, ClaimsPrincipal user, Func<Task> change, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var bound = user.Area();
        if (!await db.Alarms.AnyAsync(a => a.Id == id && a.Area.StartsWith(bound), cancellation)) return Missing("alarm", id.ToString());
        try
        {
            await change();
            return Results.NoContent();
        }
        catch (AlarmConflictException e)
        {
            return Results.Problem(e.Message, statusCode: StatusCodes.Status409Conflict);
        }
    }

    private static async Task<Resident?> FindAsync(IDbContextFactory<RecordsDb> records, string id, ClaimsPrincipal user, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var area = user.Area();
        return await db.Residents.AsNoTracking().Include(r => r.Contacts).Include(r => r.Devices).Include(r => r.Visitor).FirstOrDefaultAsync(r => r.Id == id && r.Area.StartsWith(area), cancellation);
    }

    private static IResult Missing(string what, string id) => Results.Problem($"there is no {what} '{id}'", statusCode: StatusCodes.Status404NotFound);

    /// <summary>138****1234.</summary>
    internal static string Masked(string phone) => phone.Length > 7 && phone[0] == '+' ? phone[..^8] + "****" + phone[^4..] : phone.Length > 0 ? "***" : "";

    private static string Preview(byte[] payload)
    {
        var shown = payload.AsSpan(0, Math.Min(payload.Length, 512));
        return shown.IndexOfAnyInRange((byte)0, (byte)8) < 0 && System.Text.Unicode.Utf8.IsValid(shown) ? Encoding.UTF8.GetString(shown) : Convert.ToHexString(shown);
    }

    internal sealed record NoteRequest(string? Note);
    internal sealed record ResolveRequest(string? Resolution, string? Note);
    internal sealed record BindRequest(string Resident, string? Profile, string? Label);
    internal sealed record AbsenceRequest(string Resident, DateTimeOffset From, DateTimeOffset Until, string? Reason);
    internal sealed record VisitRequest(string Resident, string Form, Guid? Alarm, DateTimeOffset? Time, string? Condition, string? Needs, string? Actions, string? Notes);
}
