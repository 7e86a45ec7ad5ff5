using Vigil.Model;

namespace Vigil.Rules;

/// <summary>The rules in force: kinds, parameters and whom they apply to, read from <c>config/rules.yaml</c>.</summary>
public sealed class RuleSet
{
    private readonly EffectiveRules common;
    private readonly List<(RuleOverride Where, Action<EffectiveRules> Apply)> overrides;
    private readonly Dictionary<string, EffectiveRules> shared = [];

    internal RuleSet(EffectiveRules common, List<(RuleOverride Where, Action<EffectiveRules> Apply)> overrides, WorkCalendar calendar)
    {
        this.common = common;
        this.overrides = overrides;
        Calendar = calendar;
    }

    /// <summary>The defaults in code, which are those of config/rules.yaml as shipped.</summary>
    public static RuleSet Default { get; } = new(new EffectiveRules(), [], WorkCalendar.None);

    internal WorkCalendar Calendar { get; }

    /// <summary>Reads a rules file. With problems, which are all reported at once, there is no rule set.</summary>
    /// <param name="path">The YAML file; the holidays file that it names is in the same folder.</param>
    /// <param name="problems">Receives what is wrong, with file, line, id and value.</param>
    public static RuleSet? Load(string path, List<Problem> problems) => RulesFile.Read(path, problems);

    /// <summary>The rules as they hold for one resident.</summary>
    internal EffectiveRules For(ResidentFacts? facts)
    {
        if (facts is null || (overrides.Count == 0 && facts.Refused == Refusals.None))
            return common;
        var key = facts.Refused == Refusals.None ? "" : $"{facts.Refused};";
        for (var i = 0; i < overrides.Count; i++)
            if (overrides[i].Where.AppliesTo(facts))
                key += $"{i},";
        if (key.Length == 0)
            return common;
        lock (shared)
        {
            if (shared.TryGetValue(key, out var found))
                return found;
            var rules = common.Copy();
            foreach (var (where, apply) in overrides)
                if (where.AppliesTo(facts))
                    apply(rules);
            rules.Respect(facts.Refused);
            return shared[key] = rules;
        }
    }

    /// <summary>Every rule as it holds for a resident, and what set each value: later overrides win over earlier ones.</summary>
    public IReadOnlyList<ExplainedRule> Explain(ResidentFacts facts)
    {
        var (rules, shipped) = (common.Copy(), new EffectiveRules());
        var from = Parameter.All.Select(p => rules[p.Id].Equals(shipped[p.Id]) ? AsShipped : ForAll).ToArray();
        var kinds = AlarmKind.All.ToDictionary(
            k => k,
            k => (rules.Enabled(k), rules.SeverityOf(k)) == (shipped.Enabled(k), shipped.SeverityOf(k)) ? AsShipped : ForAll
        );
        foreach (var (where, apply) in overrides.Where(o => o.Where.AppliesTo(facts)))
        {
            var before = rules.Copy();
            apply(rules);
            foreach (var p in Parameter.All)
                if (!rules[p.Id].Equals(before[p.Id]))
                    from[(int)p.Id] = where.Words;
            foreach (var k in AlarmKind.All)
                if ((rules.Enabled(k), rules.SeverityOf(k)) != (before.Enabled(k), before.SeverityOf(k)))
                    kinds[k] = where.Words;
        }

        foreach (var kind in AlarmKind.All.Where(k => (Consents.Ending(k) & facts.Refused) != 0))
            kinds[kind] = NoConsent;
        rules.Respect(facts.Refused);
        return
        [
            .. AlarmKind
                .All.Where(k => !ReferenceEquals(k, AlarmKind.ServiceTrouble))
                .Select(k => new ExplainedRule(
                    k,
                    rules.Enabled(k),
                    rules.SeverityOf(k),
                    kinds[k],
                    [
                        .. Parameter
                            .All.Where(p => ReferenceEquals(p.Kind, k))
                            .Select(p => new ExplainedParameter(p.Name, p.Write(rules[p.Id]), from[(int)p.Id])),
                    ]
                )),
        ];
    }

    private static readonly Wording AsShipped = new("as shipped", "出厂设置");
    private static readonly Wording NoConsent = new("no consent", "未同意");
    private static readonly Wording ForAll = new("for all", "全体");
}
