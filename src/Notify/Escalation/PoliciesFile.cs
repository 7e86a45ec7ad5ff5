using System.Globalization;
using Vigil.Model;
using Vigil.Settings;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>Reads <c>policies.yaml</c>.</summary>
internal static class PoliciesFile
{
    /// <summary>The policies in the order of the file; null, with all its problems, when it can't be used.</summary>
    public static IReadOnlyList<Policy>? Read(string path, List<Problem> problems)
    {
        var before = problems.Count;
        if (YamlSection.Load(path, problems) is not { } yaml)
            return null;
        var found = yaml.Sections("policies").Select(ReadPolicy).ToList();
        yaml.NoOthers();
        foreach (var twice in found.GroupBy(p => p.Id).Where(g => g.Count() > 1))
            yaml.Refuse("policies", twice.Key, new Wording("is the id of two policies", "两条策略用了同一编号"));
        foreach (var severity in Enum.GetValues<Severity>())
            if (!found.Exists(p => p.TakesAll(severity)))
                yaml.Refuse(
                    "policies",
                    Name(severity),
                    new Wording(
                        "no policy takes every alarm of this severity: somebody would be told nothing",
                        "没有策略覆盖此级别的全部警情：会有人得不到通知"
                    )
                );
        return problems.Count > before ? null : found;
    }

    private static Policy ReadPolicy(YamlSection yaml)
    {
        yaml.Id = yaml.Text("id", required: true) ?? "";
        var severities = new List<Severity>();
        foreach (var text in yaml.Texts("severity"))
        {
            if (Enum.TryParse<Severity>(text, ignoreCase: true, out var severity) && Enum.IsDefined(severity))
                severities.Add(severity);
            else
                yaml.Refuse(
                    "severity",
                    text,
                    new Wording("is not one of technical, warning, high, critical", "应为 technical、warning、high 或 critical")
                );
        }

        foreach (var kind in yaml.Texts("kind"))
            if (!AlarmKind.TryParse(kind, out _))
                yaml.Refuse("kind", kind, new Wording("is not an alarm kind", "没有这种警情类型"));
        foreach (var area in yaml.Texts("area"))
            if (!AreaCode.TryParse(area, out _))
                yaml.Refuse("area", area, new Wording("is not an area code of 6, 9 or 12 digits", "不是 6、9 或 12 位区划代码"));
        var keyClass = yaml.Text("class") switch
        {
            null => (bool?)null,
            "key" => true,
            "general" => false,
            var other => Refused(yaml, other),
        };
        var quiet = HoursOf(yaml, "quiet");
        var until = yaml.Text("until") switch
        {
            null or "acknowledged" => PlanEnd.Acknowledged,
            "told" => PlanEnd.Told,
            var other => RefusedEnd(yaml, other),
        };
        // Quiet hours and early ends are only for alarms that can wait (invariant 9).
        if (severities.Count == 0 || severities.Exists(s => s >= Severity.High))
        {
            if (quiet is { } q)
                yaml.Refuse(
                    "quiet",
                    q.ToString(),
                    new Wording(
                        "quiet hours are for warning and technical alarms alone; name them under severity",
                        "免打扰时段只适用于 warning 和 technical 警情，请在 severity 中写明"
                    )
                );
            if (until == PlanEnd.Told)
                yaml.Refuse(
                    "until",
                    "told",
                    new Wording(
                        "a high or critical alarm ends when somebody answers for it, not when somebody was told",
                        "high 和 critical 警情须有人确认才结束，通知到人不算"
                    )
                );
        }

        var steps = yaml.Sections("steps").Select(ReadStep).ToList();
        if (steps.Count == 0)
            yaml.Refuse("steps", "", new Wording("a policy has at least one step", "策略至少要有一步"));
        var policy = new Policy(
            yaml.Id,
            severities,
            yaml.Texts("kind"),
            yaml.Texts("area"),
            yaml.Texts("resident"),
            keyClass,
            HoursOf(yaml, "hours"),
            yaml.Duration("seenWellBy") ?? TimeSpan.FromHours(4),
            yaml.Duration("renotifyAfter") ?? TimeSpan.FromHours(2),
            quiet,
            until,
            steps
        );
        if (yaml.Duration("ringAgainAfter") is { } ring)
        {
            if (ring < Policy.ShortestRing || ring > Policy.LongestRing)
                yaml.Refuse(
                    "ringAgainAfter",
                    yaml.Text("ringAgainAfter") ?? "",
                    new Wording("is not between 10s and 5m", "应在 10s 至 5m 之间")
                );
            policy = policy with { RingAgainAfter = ring };
        }

        yaml.NoOthers();
        return policy;
    }

    private static PolicyStep ReadStep(YamlSection step)
    {
        var to = step.Text("to", required: true) ?? "";
        if (to.Length > 0 && !Recipient.IsPlace(to))
            step.Refuse(
                "to",
                to,
                new Wording(
                    "is not one of contacts, contact 1…9, visitor, duty, supervisor",
                    "应为 contacts、contact 1…9、visitor、duty 或 supervisor"
                )
            );
        var via = new List<Channel>();
        var texts = step.Texts("via");
        if (texts.Count == 0)
            step.Refuse("via", "", new Wording("names no channel", "没有写明渠道"));
        foreach (var text in texts)
            if (Words.TryParse<Channel>(text, out var channel) && channel != Channel.SelfTest)
                via.Add(channel);
            else
                step.Refuse("via", text, new Wording("is not one of sms, voice, mail, webhook", "应为 sms、voice、mail 或 webhook"));
        var read = new PolicyStep(to, via, step.Duration("wait") ?? TimeSpan.FromMinutes(5), step.Whole("repeat", 1, 20) ?? 1);
        step.NoOthers();
        return read;
    }

    private static Hours? HoursOf(YamlSection yaml, string key)
    {
        if (yaml.Text(key) is not { } text)
            return null;
        if (Hours.TryParse(text, out var hours))
            return hours;
        yaml.Refuse(key, text, new Wording("is not a span of the day such as 22:00-07:00", "不是时段，应如 22:00-07:00"));
        return null;
    }

    private static bool? Refused(YamlSection yaml, string value)
    {
        yaml.Refuse("class", value, new Wording("is neither key nor general", "应为 key（重点）或 general（一般）"));
        return null;
    }

    private static PlanEnd RefusedEnd(YamlSection yaml, string value)
    {
        yaml.Refuse("until", value, new Wording("is neither acknowledged nor told", "应为 acknowledged 或 told"));
        return PlanEnd.Acknowledged;
    }

    private static string Name(Severity severity) => severity.ToString().ToLower(CultureInfo.InvariantCulture);
}
