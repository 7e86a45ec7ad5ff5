using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Registry.Edits;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>Visitors, officers of the desks, and their shifts.</summary>
internal static class PeopleApi
{
    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write, RouteGroupBuilder supervise, RouteGroupBuilder admin)
    {
        MapVisitors(read, write);
        MapOfficers(read, admin);
        MapShifts(read, supervise);
    }

    private static void MapVisitors(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet(
                "visitors",
                async (string? search, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    var query = db.Visitors.AsNoTracking();
                    if (search?.Trim() is { Length: > 0 } words)
                        query = query.Where(v => v.Name.Contains(words) || v.Id.Contains(words) || v.Area.StartsWith(words));
                    var page = await caller.PageAsync(query.OrderBy(v => v.Id), offset, limit);
                    return page.Select(v => VisitorAnswer.Of(v, caller.All.Keys));
                }
            )
            .Lists<VisitorAnswer>("Visitors, ordered by number");
        read.MapGet(
                "visitors/{id}",
                async (string id, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    return await db.Visitors.AsNoTracking().FirstOrDefaultAsync(v => v.Id == id, caller.Cancellation) is { } visitor
                        ? Results.Ok(VisitorAnswer.Of(visitor, caller.All.Keys))
                        : Caller.Missing("visitor", id);
                }
            )
            .Answers<VisitorAnswer>("A visitor of the registry", 404);
        write
            .MapPost("visitors", (RegistryEdit edit, [AsParameters] Caller caller) => caller.AddAsync(edit, RecordKind.Visitor, "visitors"))
            .Adds(RecordKind.Visitor, "Registers a visitor", 409);
        write
            .MapPatch(
                "visitors/{id}",
                (string id, RegistryEdit edit, [AsParameters] Caller caller) => caller.ChangeAsync(edit, RecordKind.Visitor, id)
            )
            .Edits(RecordKind.Visitor, "Changes a visitor, says when they are away and who stands in");
        write
            .MapDelete(
                "visitors/{id}",
                (string id, string? version, RegistryEdit edit, [AsParameters] Caller caller) =>
                    caller.RemoveAsync(edit, RecordKind.Visitor, id, version)
            )
            .Changes("Removes a visitor whom no resident has any more", 404, 409);
    }

    private static void MapOfficers(RouteGroupBuilder read, RouteGroupBuilder admin)
    {
        read.MapGet(
                "officers",
                async (string? search, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    var query = db.DutyOfficers.AsNoTracking();
                    if (search?.Trim() is { Length: > 0 } words)
                        query = query.Where(o => o.Name.Contains(words) || o.Id.Contains(words) || o.Area.StartsWith(words));
                    var page = await caller.PageAsync(query.OrderBy(o => o.Id), offset, limit);
                    return page.Select(o => OfficerAnswer.Of(o, caller.All.Keys));
                }
            )
            .Lists<OfficerAnswer>("Duty officers and supervisors, ordered by number");
        read.MapGet(
                "officers/{id}",
                async (string id, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    return await db.DutyOfficers.AsNoTracking().FirstOrDefaultAsync(o => o.Id == id, caller.Cancellation) is { } officer
                        ? Results.Ok(OfficerAnswer.Of(officer, caller.All.Keys))
                        : Caller.Missing("officer", id);
                }
            )
            .Answers<OfficerAnswer>("A duty officer or supervisor", 404);
        admin
            .MapPost("officers", (RegistryEdit edit, [AsParameters] Caller caller) => caller.AddAsync(edit, RecordKind.Officer, "officers"))
            .Adds(RecordKind.Officer, "Registers a duty officer or supervisor", 409);
        admin
            .MapPatch(
                "officers/{id}",
                (string id, RegistryEdit edit, [AsParameters] Caller caller) => caller.ChangeAsync(edit, RecordKind.Officer, id)
            )
            .Edits(RecordKind.Officer, "Changes a duty officer or supervisor, says when they are away and who stands in");
        admin
            .MapDelete(
                "officers/{id}",
                (string id, string? version, RegistryEdit edit, [AsParameters] Caller caller) =>
                    caller.RemoveAsync(edit, RecordKind.Officer, id, version)
            )
            .Changes("Removes an officer whom no desk needs any more", 404, 409);
    }

    private static void MapShifts(RouteGroupBuilder read, RouteGroupBuilder supervise)
    {
        read.MapGet(
                "shifts",
                async (string? who, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    var page = await caller.PageAsync(
                        db.Shifts.AsNoTracking().Where(s => who == null || s.Who == who).OrderBy(s => s.Who).ThenBy(s => s.Id),
                        offset,
                        limit
                    );
                    return page.Select(s => ShiftAnswer.Of(s, caller.All.Keys));
                }
            )
            .Lists<ShiftAnswer>("The rota: who has no shift is always on duty");
        supervise
            .MapPost(
                "shifts",
                (RegistryEdit edit, [AsParameters] Caller caller) => caller.AddAsync(edit, RecordKind.Shift, "shifts", ownerField: "who")
            )
            .Adds(RecordKind.Shift, "Adds a shift of an officer or a visitor", 404);
        supervise
            .MapPatch(
                "shifts/{id}",
                (string id, RegistryEdit edit, [AsParameters] Caller caller) => caller.ChangeAsync(edit, RecordKind.Shift, id)
            )
            .Edits(RecordKind.Shift, "Changes a shift");
        supervise
            .MapDelete(
                "shifts/{id}",
                (string id, string? version, RegistryEdit edit, [AsParameters] Caller caller) =>
                    caller.RemoveAsync(edit, RecordKind.Shift, id, version)
            )
            .Changes("Removes a shift; whoever has none left is always on duty", 404, 409);
    }
}

/// <summary>A visitor.</summary>
/// <param name="Phone">Masked.</param>
/// <param name="Mail">Masked.</param>
/// <param name="Language">zh, yue or en.</param>
/// <param name="AwayFrom">First day away.</param>
/// <param name="AwayUntil">Last day away.</param>
/// <param name="SubstituteId">Who goes instead.</param>
/// <param name="Version">To be given back with a change.</param>
internal sealed record VisitorAnswer(
    string Id,
    string Name,
    string Area,
    string Phone,
    string Mail,
    string Language,
    DateOnly? AwayFrom,
    DateOnly? AwayUntil,
    string? SubstituteId,
    string Version
)
{
    public static VisitorAnswer Of(Visitor v, FieldKeys? keys) =>
        new(
            v.Id,
            v.Name,
            v.Area,
            Caller.Masked(v.Phone),
            v.Mail.Length == 0 ? "" : Vigil.Registry.ImportChanges.Shown("mail", v.Mail).En,
            v.Language,
            v.AwayFrom,
            v.AwayUntil,
            v.SubstituteId,
            RecordKind.Visitor.VersionOf(keys, v)
        );
}

/// <summary>A duty officer or supervisor.</summary>
/// <param name="Area">Is told of all residents whose area begins with it.</param>
/// <param name="Phone">Masked.</param>
/// <param name="Mail">Masked.</param>
/// <param name="Language">zh, yue or en.</param>
/// <param name="AwayFrom">First day away.</param>
/// <param name="AwayUntil">Last day away.</param>
/// <param name="SubstituteId">Who takes the shifts meanwhile.</param>
/// <param name="Version">To be given back with a change.</param>
internal sealed record OfficerAnswer(
    string Id,
    string Name,
    bool Supervisor,
    string Area,
    string Phone,
    string Mail,
    string Language,
    DateOnly? AwayFrom,
    DateOnly? AwayUntil,
    string? SubstituteId,
    string Version
)
{
    public static OfficerAnswer Of(DutyOfficer o, FieldKeys? keys) =>
        new(
            o.Id,
            o.Name,
            o.Supervisor,
            o.Area,
            Caller.Masked(o.Phone),
            o.Mail.Length == 0 ? "" : Vigil.Registry.ImportChanges.Shown("mail", o.Mail).En,
            o.Language,
            o.AwayFrom,
            o.AwayUntil,
            o.SubstituteId,
            RecordKind.Officer.VersionOf(keys, o)
        );
}

/// <summary>A line of the rota.</summary>
/// <param name="Who">officer: or visitor: and the number.</param>
/// <param name="Days">Weekdays on which it begins: 1 is Monday, 7 Sunday.</param>
/// <param name="Hours">Such as 20:00-08:00, which ends on the next day.</param>
/// <param name="FirstDay">Null: without limit.</param>
/// <param name="LastDay">Null: without limit.</param>
/// <param name="Version">To be given back with a change.</param>
internal sealed record ShiftAnswer(Guid Id, string Who, string Days, string Hours, DateOnly? FirstDay, DateOnly? LastDay, string Version)
{
    public static ShiftAnswer Of(Shift s, FieldKeys? keys)
    {
        string Text(string field) => RecordKind.Shift.Fields.First(f => f.Name == field).Text(s);
        return new(s.Id, s.Who, Text("days"), Text("hours"), s.FirstDay, s.LastDay, RecordKind.Shift.VersionOf(keys, s));
    }
}
