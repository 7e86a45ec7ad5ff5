using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>What a resident agrees to, for each purpose by itself.</summary>
internal static class ConsentsApi
{
    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet(
                "residents/{id}/consents",
                async (string id, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is not { } r)
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("read", $"resident:{id}", "consents");
                    await using var db = await caller.OpenAsync();
                    var history = await ConsentOperations.HistoryAsync(db, id, caller.Cancellation);
                    return Results.Ok(
                        new ConsentsAnswer(
                            [
                                .. Enum.GetValues<Purpose>()
                                    .Select(p => new PurposeAnswer(
                                        p.Word(),
                                        r.Agrees(p),
                                        history.Find(c => c.Purpose == p) is { } last ? ConsentAnswer.Of(last) : null
                                    )),
                            ],
                            [.. history.Select(ConsentAnswer.Of)]
                        )
                    );
                }
            )
            .Answers<ConsentsAnswer>("What a resident agrees to, and how it came to that", 404);
        write
            .MapPost(
                "residents/{id}/consents",
                async (string id, ConsentRequest body, TimeZoneInfo zone, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is null)
                        return Caller.Missing("resident", id);
                    if (
                        !Words.TryParse<Purpose>(body.Purpose, out var purpose)
                        || !Words.TryParse<ConsentDecision>(body.Decision, out var decision)
                        || !Words.TryParse<ConsentBy>(body.By ?? "resident", out var by)
                    )
                        return Caller.Wrong(
                            $"'purpose' is one of {Listed<Purpose>()}, 'decision' of {Listed<ConsentDecision>()}, "
                                + "'by' of resident, guardian, family"
                        );
                    var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(caller.Now, zone));
                    var made = new DecisionMade(
                        purpose,
                        decision,
                        by,
                        body.Name?.Trim() ?? "",
                        body.Relation?.Trim() ?? "",
                        body.On ?? today,
                        body.How?.Trim() ?? ""
                    );
                    if (ConsentOperations.Refuses(made, today) is { } why)
                        return Caller.Wrong(why);
                    return
                        await ConsentOperations.RecordAsync(caller.Records, caller.Who, caller.Now, id, made, caller.Cancellation)
                            is { } row
                        ? Results.Created($"/api/v1/residents/{Uri.EscapeDataString(id)}/consents", ConsentAnswer.Of(row))
                        : Caller.Missing("resident", id);
                }
            )
            .Creates<ConsentAnswer>("Writes a decision down; it is in force within two seconds", 404);
    }

    private static string Listed<T>()
        where T : struct, Enum => string.Join(", ", Words.All<T>());

    /// <summary>A decision about one purpose.</summary>
    /// <param name="Purpose">visits, monitoring, daily-life, location or health.</param>
    /// <param name="Decision">given, refused or withdrawn.</param>
    /// <param name="By">resident (by default), guardian or family.</param>
    /// <param name="Name">Of the guardian or family member.</param>
    /// <param name="Relation">Of the guardian or family member to the resident.</param>
    /// <param name="On">The day it was said or signed; today by default.</param>
    /// <param name="How">On which paper, or how it was said: 1 to 500 characters.</param>
    internal sealed record ConsentRequest(
        string Purpose,
        string Decision,
        string? How,
        string? By = null,
        string? Name = null,
        string? Relation = null,
        DateOnly? On = null
    );

    /// <param name="Purposes">Each purpose, as it holds now.</param>
    /// <param name="History">All decisions, the newest first.</param>
    internal sealed record ConsentsAnswer(IReadOnlyList<PurposeAnswer> Purposes, IReadOnlyList<ConsentAnswer> History);

    /// <summary>A purpose, as it holds now.</summary>
    /// <param name="Purpose">visits, monitoring, daily-life, location or health.</param>
    /// <param name="Agreed">Where nobody has decided yet: true, but for daily-life.</param>
    /// <param name="Last">The decision that holds; null when none was written down.</param>
    internal sealed record PurposeAnswer(string Purpose, bool Agreed, ConsentAnswer? Last);

    /// <summary>A decision that was written down.</summary>
    /// <param name="By">resident, guardian, family, or unstated by a registry file.</param>
    /// <param name="Name">Of the guardian or family member.</param>
    /// <param name="Relation">To the resident.</param>
    /// <param name="On">The day it was said or signed.</param>
    /// <param name="How">On which paper, or how; the name of the registry file.</param>
    /// <param name="RecordedBy">The account that wrote it down.</param>
    /// <param name="DataEndedAt">When data of the purpose that was stored before was deleted.</param>
    internal sealed record ConsentAnswer(
        Guid Id,
        string Purpose,
        string Decision,
        string By,
        string Name,
        string Relation,
        DateOnly On,
        string How,
        string RecordedBy,
        DateTime RecordedAt,
        DateTime? DataEndedAt
    )
    {
        public static ConsentAnswer Of(Consent c) =>
            new(
                c.Id,
                c.Purpose.Word(),
                c.Decision.Word(),
                c.By.Word(),
                c.Name,
                c.Relation,
                c.On,
                c.How,
                c.RecordedBy,
                c.RecordedAt,
                c.DataEndedAt
            );
    }
}
