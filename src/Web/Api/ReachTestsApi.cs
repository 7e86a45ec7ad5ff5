using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Notify.Reach;
using Vigil.Registry.Edits;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>Whether the number of somebody who is told of a resident reaches them.</summary>
/// <param name="Name">Of the contact or visitor.</param>
/// <param name="Relation">Of a contact; empty for the visitor.</param>
/// <param name="Number">Masked.</param>
/// <param name="State">untried, asked, verified, failed or unsent.</param>
/// <param name="At">When it was asked, verified or failed.</param>
/// <param name="Reason">Why it failed or could not be sent.</param>
internal sealed record NumberAnswer(string Name, string Relation, string Number, string State, DateTime? At, string Reason);

/// <summary>Numbers that will be tested.</summary>
internal sealed record ReachTestsAsked(int Numbers);

/// <summary>Reach tests: whether contacts, visitors and officers answer at their numbers.</summary>
internal static class ReachTestsApi
{
    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write, RouteGroupBuilder admin)
    {
        MapPerson(read, write, RecordKind.Visitor, "visitors/{id}/reach-tests", "a visitor");
        MapPerson(read, admin, RecordKind.Officer, "officers/{id}/reach-tests", "a duty officer or supervisor");
        read.MapGet(
                "residents/{id}/reach-tests",
                async (string id, int? offset, int? limit, ReachTests tests, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    if (await ReachOperations.OfAsync(db, tests, id, caller.Cancellation) is not { } found)
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("read", $"resident:{id}", "reach tests");
                    return Results.Ok(
                        caller
                            .Page(found, offset, limit)
                            .Select(n => new NumberAnswer(n.Name, n.Role, Shown(n.Address), n.State.Word(), n.At, n.Why.En))
                    );
                }
            )
            .Lists<NumberAnswer>("Whether the numbers of a resident's contacts and visitor reach them", 404);
        write
            .MapPost(
                "residents/{id}/reach-tests",
                async (string id, ReachTests tests, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is null)
                        return Caller.Missing("resident", id);
                    await using var db = await caller.OpenAsync();
                    return Results.Ok(
                        new ReachTestsAsked(await ReachOperations.AskAsync(db, tests, [id], caller.Who, caller.Now, caller.Cancellation))
                    );
                }
            )
            .Answers<ReachTestsAsked>("Tests the numbers of a resident's contacts and visitor, in the hours for it", 404);
    }

    private static void MapPerson(RouteGroupBuilder read, RouteGroupBuilder ask, RecordKind kind, string path, string whose)
    {
        read.MapGet(
                path,
                async (string id, int? offset, int? limit, ReachTests tests, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    return await ReachOperations.OfPersonAsync(db, tests, kind, id, caller.Cancellation) is { } found
                        ? Results.Ok(
                            caller
                                .Page(found, offset, limit)
                                .Select(n => new NumberAnswer(n.Name, n.Role, Shown(n.Address), n.State.Word(), n.At, n.Why.En))
                        )
                        : Caller.Missing(kind.Word.En, id);
                }
            )
            .Lists<NumberAnswer>($"Whether the number of {whose} reaches them", 404);
        ask.MapPost(
                path,
                async (string id, ReachTests tests, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    return
                        await ReachOperations.AskPersonAsync(db, tests, kind, id, caller.Who, caller.Now, caller.Cancellation) is { } asked
                        ? Results.Ok(new ReachTestsAsked(asked))
                        : Caller.Missing(kind.Word.En, id);
                }
            )
            .Answers<ReachTestsAsked>($"Tests the number of {whose}, in the hours for it", 404);
    }

    private static string Shown(string address) =>
        address.IndexOf('@', StringComparison.Ordinal) is > 0 and var at ? address[..1] + "***" + address[at..] : Caller.Masked(address);
}
