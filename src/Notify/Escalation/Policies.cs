using System.Globalization;
using System.Text.RegularExpressions;
using Vigil.Model;
using Vigil.Settings;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>A step as written.</summary>
/// <param name="To">contacts, contact 1…9, visitor, duty, supervisor.</param>
/// <param name="Via">Channels in order.</param>
/// <param name="Wait">How long until the next step.</param>
/// <param name="Repeat">How often the step is run, a wait apart.</param>
public sealed record PolicyStep(string To, IReadOnlyList<string> Via, TimeSpan Wait, int Repeat);

public sealed record Policy(
    string Id, IReadOnlyList<Severity> Severities, IReadOnlyList<string> Kinds, IReadOnlyList<string> Areas, IReadOnlyList<string> Residents,
    TimeSpan SeenWellBy, TimeSpan RenotifyAfter, IReadOnlyList<PolicyStep> Steps)
{
    public bool Fits(Severity severity, string kind, string area, string? resident) =>
        (Severities.Count == 0 || Severities.Contains(severity)) && (Kinds.Count == 0 || Kinds.Contains(kind))
        && (Areas.Count == 0 || Areas.Any(a => area.StartsWith(a, StringComparison.Ordinal))) && (Residents.Count == 0 || (resident is not null && Residents.Contains(resident)));
}

/// <summary>The escalation policies in force, from <c>config/policies.yaml</c>.</summary>
public sealed partial class Policies
{
    private static readonly string[] Channels = ["sms", "voice", "mail", "webhook"];

    private readonly IReadOnlyList<Policy> policies;

    private Policies(IReadOnlyList<Policy> policies) => this.policies = policies;

    /// <summary>The first that fits; every severity has one, the file was checked for it.</summary>
    public Policy For(Severity severity, string kind, string area, string? resident) => policies.First(p => p.Fits(severity, kind, area, resident));

    /// <summary>Reads a policies file; null, with all its problems, when it can't be used.</summary>
    public static Policies? Load(string path, List<Problem> problems)
    {
        var before = problems.Count;
        if (YamlSection.Load(path, problems) is not { } yaml) return null;
        var found = yaml.Sections("policies").Select(Read).ToList();
        yaml.NoOthers();
        foreach (var severity in Enum.GetValues<Severity>())
            if (!found.Exists(p => p.Kinds.Count == 0 && p.Areas.Count == 0 && p.Residents.Count == 0 && (p.Severities.Count == 0 || p.Severities.Contains(severity))))
                yaml.Refuse("policies", Name(severity), "no policy takes every alarm of this severity: somebody would be told nothing");
        return problems.Count > before ? null : new Policies(found);
    }

    /// <summary>The plan of an alarm as rows; the first step is due now.</summary>
    public static List<EscalationStep> Plan(Policy policy, Guid alarm, DateTime now, Func<Guid> id)
    {
        var rows = new List<EscalationStep>();
        var due = now;
        foreach (var step in policy.Steps)
        {
            for (var i = 0; i < step.Repeat; i++)
            {
                rows.Add(new EscalationStep { Id = id(), AlarmId = alarm, Order = rows.Count + 1, To = step.To, Via = string.Join(',', step.Via), DueAt = due, WaitSeconds = (int)step.Wait.TotalSeconds });
                due += step.Wait;
            }
        }

        return rows;
    }

    private static Policy Read(YamlSection yaml)
    {
        yaml.Id = yaml.Text("id", required: true) ?? "";
        var severities = new List<Severity>();
        foreach (var text in yaml.Texts("severity"))
        {
            if (Enum.TryParse<Severity>(text, ignoreCase: true, out var severity)) severities.Add(severity);
            else yaml.Refuse("severity", text, "is not one of technical, warning, high, critical");
        }

        foreach (var kind in yaml.Texts("kind"))
            if (!AlarmKind.TryParse(kind, out _)) yaml.Refuse("kind", kind, "is not an alarm kind");
        foreach (var area in yaml.Texts("area"))
            if (!AreaCode.TryParse(area, out _)) yaml.Refuse("area", area, "is not an area code of 6, 9 or 12 digits");
        var steps = new List<PolicyStep>();
        foreach (var step in yaml.Sections("steps"))
        {
            var to = step.Text("to", required: true) ?? "";
            if (to.Length > 0 && !Recipient().IsMatch(to)) step.Refuse("to", to, "is not one of contacts, contact 1…9, visitor, duty, supervisor");
            var via = step.Texts("via");
            if (via.Count == 0) step.Refuse("via", "", "names no channel");
            foreach (var channel in via)
                if (!Channels.Contains(channel)) step.Refuse("via", channel, "is not one of sms, voice, mail, webhook");
            steps.Add(new PolicyStep(to, via, step.Duration("wait") ?? TimeSpan.FromMinutes(5), step.Whole("repeat", 1, 20) ?? 1));
            step.NoOthers();
        }

        if (steps.Count == 0) yaml.Refuse("steps", "", "a policy has at least one step");
        var policy = new Policy(
            yaml.Id, severities, yaml.Texts("kind"), yaml.Texts("area"), yaml.Texts("resident"),
            yaml.Duration("seenWellBy") ?? TimeSpan.FromHours(4), yaml.Duration("renotifyAfter") ?? TimeSpan.FromHours(2), steps);
        yaml.NoOthers();
        return policy;
    }

    private static string Name(Severity severity) => severity.ToString().ToLower(CultureInfo.InvariantCulture);

    [GeneratedRegex("^(contacts|contact [1-9]|visitor|duty|supervisor)$")]
    private static partial Regex Recipient();
}
