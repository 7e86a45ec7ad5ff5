using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Rules;
using Vigil.Storage.Readings;

namespace Vigil.Web.Api;

/// <summary>The rules: what holds for a resident and why, a proposal tried on somebody's own past, and the file put in force.</summary>
internal static class RulesApi
{
    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write, RouteGroupBuilder admin)
    {
        read.MapGet(
                "rules",
                async (RulesDesk rules, [AsParameters] Caller caller) =>
                    new RulesAnswer(Path.GetFileName(rules.Path), rules.Own, await rules.ReadAsync(caller.Cancellation))
            )
            .Answers<RulesAnswer>("The rules file in force");
        read.MapGet(
                "residents/{id}/rules",
                async (string id, RulesDesk rules, Policies policies, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is not { } r)
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("read", $"resident:{id}", "rules");
                    return Results.Ok(
                        new ResidentRules(
                            [
                                .. rules
                                    .Explain(r)
                                    .Select(e => new RuleAnswer(
                                        e.Kind.Name,
                                        e.Enabled,
                                        Name(e.Severity),
                                        e.From.En,
                                        [.. e.Parameters.Select(p => new ExplainedParameter(p.Name, p.Value, p.From.En))]
                                    )),
                            ],
                            [
                                .. Enum.GetValues<Severity>()
                                    .OrderDescending()
                                    .Select(s => (Severity: s, Policy: policies.For(new AlarmFacts(s, "", r.Area, r.Id, r.KeyClass))))
                                    .Select(p => new PolicyAnswer(
                                        Name(p.Severity),
                                        p.Policy.Id,
                                        p.Policy.SeenWellBy.TotalMinutes,
                                        [
                                            .. p.Policy.Steps.Select(s => new PolicyStepAnswer(
                                                s.To,
                                                [.. s.Via.Select(v => v.Word())],
                                                s.Wait.TotalMinutes,
                                                s.Repeat
                                            )),
                                        ]
                                    )),
                            ]
                        )
                    );
                }
            )
            .Answers<ResidentRules>("The rules and policies that apply to a resident, and what set each value", 404);
        write
            .MapPost(
                "rules/try",
                async (TryRequest body, RulesDesk rules, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(body.Resident ?? "") is not { } r)
                        return Caller.Missing("resident", body.Resident ?? "");
                    await caller.AuditAsync("read", $"resident:{r.Id}", "rules tried");
                    try
                    {
                        var trial = await rules.TryAsync(body.Yaml ?? "", r.Id, caller.Cancellation);
                        return trial.Problems.Count > 0
                            ? Refused(trial.Problems)
                            : Results.Ok(
                                new TrialAnswer([.. trial.Now.Select(DryAlarmAnswer.Of)], [.. trial.Proposed.Select(DryAlarmAnswer.Of)])
                            );
                    }
                    catch (ReadingStoreException e)
                    {
                        return Results.Problem(e.Message, statusCode: StatusCodes.Status503ServiceUnavailable);
                    }
                }
            )
            .Answers<TrialAnswer>("Tries a rules file on a resident's last 90 days; nothing is saved", 404, 422, 503);
        admin
            .MapPut(
                "rules",
                async (SaveRequest body, RulesDesk rules, [AsParameters] Caller caller) =>
                {
                    if (caller.Area.Length > 0)
                        return Results.Problem(
                            "the rules hold for every area, and this caller is bound to one",
                            statusCode: StatusCodes.Status403Forbidden
                        );
                    var problems = await rules.SaveAsync(body.Yaml ?? "", caller.Who, caller.Cancellation);
                    return problems.Count > 0 ? Refused(problems) : Results.NoContent();
                }
            )
            .Changes("Puts a rules file in force, whole or not at all", 422);
        read.MapGet(
                "scripts",
                (Scripts scripts) =>
                    AlarmKind.All.Select(k => new ScriptAnswer(k.Name, scripts.For(k.Name, "zh"), scripts.For(k.Name, "en")))
            )
            .Answers<IReadOnlyList<ScriptAnswer>>("What the desk does for each kind of alarm, in order");
    }

    private static IResult Refused(IReadOnlyList<Problem> problems) =>
        Results.Problem(
            $"{problems.Count} problems; nothing was saved",
            statusCode: StatusCodes.Status422UnprocessableEntity,
            extensions: new Dictionary<string, object?> { ["problems"] = problems }
        );

    private static string Name(Severity severity) => severity.ToString().ToLowerInvariant();

    /// <summary>A rules file to try.</summary>
    /// <param name="Yaml">The whole file.</param>
    /// <param name="Resident">On whose past.</param>
    internal sealed record TryRequest(string? Yaml, string? Resident);

    /// <summary>A rules file to save.</summary>
    /// <param name="Yaml">The whole file.</param>
    internal sealed record SaveRequest(string? Yaml);

    /// <summary>The rules file.</summary>
    /// <param name="Own">False for the shipped one, which is not written to.</param>
    internal sealed record RulesAnswer(string File, bool Own, string Yaml);

    /// <summary>What applies to a resident.</summary>
    internal sealed record ResidentRules(IReadOnlyList<RuleAnswer> Rules, IReadOnlyList<PolicyAnswer> Policies);

    /// <summary>A rule as it holds for a resident.</summary>
    /// <param name="From">What set it: as shipped, for all, or the override that did.</param>
    internal sealed record RuleAnswer(
        string Kind,
        bool Enabled,
        string Severity,
        string From,
        IReadOnlyList<ExplainedParameter> Parameters
    );

    /// <param name="Name">Key in rules.yaml.</param>
    /// <param name="Value">As one would write it in rules.yaml.</param>
    /// <param name="From">What set it: <c>as shipped</c>, <c>for all</c>, or the override that did.</param>
    internal sealed record ExplainedParameter(string Name, string Value, string From);

    /// <summary>Who is told, in what order, at a severity.</summary>
    /// <param name="SeenWellByMinutes">How long an acknowledgement holds.</param>
    internal sealed record PolicyAnswer(string Severity, string Id, double SeenWellByMinutes, IReadOnlyList<PolicyStepAnswer> Steps);

    /// <summary>A step of a policy.</summary>
    /// <param name="WaitMinutes">Until the next.</param>
    /// <param name="Repeat">How often it is run.</param>
    internal sealed record PolicyStepAnswer(string To, IReadOnlyList<string> Via, double WaitMinutes, int Repeat);

    /// <summary>Alarms of the last 90 days under two sets of rules.</summary>
    /// <param name="Now">Under the rules in force.</param>
    /// <param name="Proposed">Under the proposal.</param>
    internal sealed record TrialAnswer(IReadOnlyList<DryAlarmAnswer> Now, IReadOnlyList<DryAlarmAnswer> Proposed);

    /// <summary>An alarm that would have been raised.</summary>
    internal sealed record DryAlarmAnswer(string Kind, string Severity, DateTime Raised, DateTime? Cleared, string Reason, string ReasonZh)
    {
        public static DryAlarmAnswer Of(Rules.DryAlarm a) => new(a.Kind.Name, Name(a.Severity), a.Raised, a.Cleared, a.Reason, a.ReasonZh);
    }

    /// <summary>The response script of an alarm kind.</summary>
    internal sealed record ScriptAnswer(string Kind, IReadOnlyList<string> Zh, IReadOnlyList<string> En);
}
