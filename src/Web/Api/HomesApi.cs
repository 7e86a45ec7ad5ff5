using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Registry.Edits;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>A resident's own data, contacts and household, as they are edited.</summary>
internal static class HomesApi
{
    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        MapResidents(write);
        MapContacts(read, write);
        MapHousehold(write);
    }

    private static void MapResidents(RouteGroupBuilder write)
    {
        write
            .MapGet(
                "residents/{id}/record",
                async (string id, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    if (await db.Residents.AsNoTracking().FirstOrDefaultAsync(r => r.Id == id, caller.Cancellation) is not { } r)
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("read", $"resident:{id}", "record");
                    return Results.Ok(
                        new RecordAnswer(
                            RecordKind.Resident.VersionOf(db.Keys, r),
                            RecordKind.Resident.Fields.ToDictionary(
                                f => f.Name,
                                f =>
                                    f.Text(r) is not { Length: > 0 } text ? null
                                    : f.IsMasked ? f.Masked(text).En
                                    : text
                            )
                        )
                    );
                }
            )
            .Answers<RecordAnswer>("A resident's own data (Annex 1) with their version, to be edited", 404);
        write
            .MapPost(
                "residents",
                (RegistryEdit edit, [AsParameters] Caller caller) => caller.AddAsync(edit, RecordKind.Resident, "residents")
            )
            .Adds(RecordKind.Resident, "Registers a resident", 409);
        write
            .MapPatch(
                "residents/{id}",
                (string id, RegistryEdit edit, [AsParameters] Caller caller) => caller.ChangeAsync(edit, RecordKind.Resident, id)
            )
            .Edits(RecordKind.Resident, "Changes a resident's own data; what the body doesn't name stays");
    }

    private static void MapContacts(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet(
                "residents/{id}/contacts",
                async (string id, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    if (!await db.Residents.AnyAsync(r => r.Id == id, caller.Cancellation))
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("read", $"resident:{id}", "contacts");
                    var page = await caller.PageAsync(
                        db.Contacts.AsNoTracking().Where(c => c.ResidentId == id).OrderBy(c => c.Order),
                        offset,
                        limit
                    );
                    return Results.Ok(page.Select(c => ContactAnswer.Of(c, caller.All.Keys)));
                }
            )
            .Lists<ContactAnswer>("A resident's contacts in the order in which they are told", 404);
        write
            .MapPost(
                "residents/{id}/contacts",
                (string id, RegistryEdit edit, [AsParameters] Caller caller) =>
                    caller.AddAsync(edit, RecordKind.Contact, $"residents/{Uri.EscapeDataString(id)}/contacts", id)
            )
            .Adds(RecordKind.Contact, "Adds a contact, behind the others unless the order says where", 404);
        write
            .MapPatch(
                "residents/{id}/contacts/{contact}",
                (string id, string contact, RegistryEdit edit, [AsParameters] Caller caller) =>
                    caller.ChangeAsync(edit, RecordKind.Contact, contact, id)
            )
            .Edits(RecordKind.Contact, "Changes a contact; another order moves those between");
        write
            .MapDelete(
                "residents/{id}/contacts/{contact}",
                (string id, string contact, string? version, RegistryEdit edit, [AsParameters] Caller caller) =>
                    caller.RemoveAsync(edit, RecordKind.Contact, contact, version, id)
            )
            .Changes("Removes a contact; those behind move up", 404, 409);
    }

    private static void MapHousehold(RouteGroupBuilder write)
    {
        write
            .MapGet(
                "residents/{id}/household",
                async (string id, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    if (!await db.Residents.AnyAsync(r => r.Id == id, caller.Cancellation))
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("read", $"resident:{id}", "household");
                    var page = await caller.PageAsync(
                        db.Set<HouseholdMember>().AsNoTracking().Where(m => m.ResidentId == id).OrderBy(m => m.Order),
                        offset,
                        limit
                    );
                    return Results.Ok(page.Select(m => MemberAnswer.Of(m, caller.All.Keys)));
                }
            )
            .Lists<MemberAnswer>("Who belongs to a resident's household", 404);
        write
            .MapPost(
                "residents/{id}/household",
                (string id, RegistryEdit edit, [AsParameters] Caller caller) =>
                    caller.AddAsync(edit, RecordKind.Member, $"residents/{Uri.EscapeDataString(id)}/household", id)
            )
            .Adds(RecordKind.Member, "Adds somebody to a resident's household", 404);
        write
            .MapPatch(
                "residents/{id}/household/{member}",
                (string id, string member, RegistryEdit edit, [AsParameters] Caller caller) =>
                    caller.ChangeAsync(edit, RecordKind.Member, member, id)
            )
            .Edits(RecordKind.Member, "Changes a household member");
        write
            .MapDelete(
                "residents/{id}/household/{member}",
                (string id, string member, string? version, RegistryEdit edit, [AsParameters] Caller caller) =>
                    caller.RemoveAsync(edit, RecordKind.Member, member, version, id)
            )
            .Changes("Removes a household member", 404, 409);
    }
}
