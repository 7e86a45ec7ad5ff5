using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Rules;

/// <summary>The rules in force: kinds, parameters and whom they apply to, read from <c>config/rules.yaml</c>.</summary>
public sealed class RuleSet
{
    private static readonly string[] DayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

    private readonly EffectiveRules common;
    private readonly List<(RuleOverride Where, Action<EffectiveRules> Apply)> overrides;
    private readonly Dictionary<string, EffectiveRules> shared = [];

    private RuleSet(
        EffectiveRules common,
        List<(RuleOverride Where, Action<EffectiveRules> Apply)> overrides,
        IReadOnlySet<DateOnly> holidays
    )
    {
        this.common = common;
        this.overrides = overrides;
        Holidays = holidays;
    }

    /// <summary>The defaults in code, without a file: what config/rules.yaml says as shipped.</summary>
    public static RuleSet Default { get; } = new(new EffectiveRules(), [], new HashSet<DateOnly>());

    internal IReadOnlySet<DateOnly> Holidays { get; }

    /// <summary>Reads a rules file; all its problems come at once, and then there is no rule set.</summary>
    /// <param name="path">The YAML file; the holidays it names stand beside it.</param>
    /// <param name="problems">Receives what is wrong, with file, line, id and value.</param>
    public static RuleSet? Load(string path, List<Problem> problems)
    {
        var before = problems.Count;
        if (YamlSection.Load(path, problems) is not { } top)
            return null;
        top.Text("$schema");
        var holidays = new HashSet<DateOnly>();
        if (top.Text("holidays") is { } name)
            ReadHolidays(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, name), problems, holidays);

        var common = new EffectiveRules();
        foreach (var set in ReadRules(top))
            set(common);
        var overrides = new List<(RuleOverride, Action<EffectiveRules>)>();
        var number = 0;
        foreach (var section in top.Sections("overrides"))
        {
            number++;
            section.Id = $"overrides[{number}]";
            var where = new RuleOverride(section.Text("area"), section.Text("class"), section.Text("resident"));
            if (where.Area is { } area && !AreaCode.TryParse(area, out _))
                section.Refuse(
                    "area",
                    area,
                    new Wording("is not an area code of 2, 4, 6, 9 or 12 digits", "不是 2、4、6、9 或 12 位区划代码")
                );
            if (where.Class is { } c && c is not ("key" or "general"))
                section.Refuse("class", c, new Wording("is neither key nor general", "应为 key（重点）或 general（一般）"));
            if (where.Resident is { } r && !ResidentId.TryParse(r, out _))
                section.Refuse("resident", r, new Wording("is not a resident's id", "不是服务对象编号"));
            if (where is { Area: null, Class: null, Resident: null })
                section.Refuse(
                    "area",
                    "",
                    new Wording("an override has to say whom it is for: area, class or resident", "须写明适用对象：area、class 或 resident")
                );
            foreach (var set in ReadRules(section))
                overrides.Add((where, set));
            section.NoOthers();
        }

        top.NoOthers();
        return problems.Count > before ? null : new RuleSet(common, overrides, holidays);
    }

    /// <summary>The rules as they hold for one resident.</summary>
    internal EffectiveRules For(ResidentFacts? facts)
    {
        if (facts is null || overrides.Count == 0)
            return common;
        var key = "";
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
            return shared[key] = rules;
        }
    }

    /// <summary>Every rule as it holds for a resident, with what set each value: later overrides win over earlier ones.</summary>
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
    private static readonly Wording ForAll = new("for all", "全体");

    private static List<Action<EffectiveRules>> ReadRules(YamlSection top)
    {
        var sets = new List<Action<EffectiveRules>>();
        if (top.Section("rules") is not { } rules)
            return sets;
        foreach (var (name, section) in rules.Children())
        {
            if (!AlarmKind.TryParse(name, out var kind) || ReferenceEquals(kind, AlarmKind.ServiceTrouble))
            {
                var known = AlarmKind.All.Where(k => !ReferenceEquals(k, AlarmKind.ServiceTrouble)).Select(k => k.Name).ToList();
                rules.Refuse(
                    name,
                    name,
                    new Wording(
                        "is not an alarm kind; known are " + string.Join(", ", known),
                        "没有这种警情类型，可用的有：" + string.Join("、", known)
                    )
                );
                continue;
            }

            ReadKind(kind, section, sets);
            section.NoOthers();
        }

        return sets;
    }

    private static void ReadKind(AlarmKind kind, YamlSection section, List<Action<EffectiveRules>> sets)
    {
        var life = kind.DefaultSeverity == Severity.Critical;
        if (section.Flag("enabled") is { } enabled)
        {
            if (!enabled && life)
                section.Refuse("enabled", "false", new Wording("a life-safety rule can't be switched off", "关乎生命安全的规则不能停用"));
            sets.Add(r => r.Enable(kind, enabled));
        }

        if (section.Text("severity") is { } text)
        {
            if (!Enum.TryParse<Severity>(text, ignoreCase: true, out var severity) || char.IsAsciiDigit(text[0]))
                section.Refuse(
                    "severity",
                    text,
                    new Wording("is not one of technical, warning, high, critical", "应为 technical、warning、high 或 critical")
                );
            else if (life && severity != Severity.Critical)
                section.Refuse(
                    "severity",
                    text,
                    new Wording("a life-safety rule is always critical", "关乎生命安全的规则级别始终为 critical（紧急）")
                );
            else
                sets.Add(r => r.SetSeverity(kind, severity));
        }

        foreach (var parameter in Parameter.All)
        {
            if (!ReferenceEquals(parameter.Kind, kind) || section.Text(parameter.Name) is not { } value)
                continue;
            if (parameter.Read(value) is { } number)
                sets.Add(r => r[parameter.Id] = number);
            else
                section.Refuse(parameter.Name, value, new Wording("is not " + parameter.Expected.En, "应为" + parameter.Expected.Zh));
        }

        if (ReferenceEquals(kind, AlarmKind.Sos) && section.Has("ignore"))
        {
            var words = section.Texts("ignore").ToHashSet(StringComparer.OrdinalIgnoreCase);
            foreach (var word in words)
                if (word is "sos" or "pressed")
                    section.Refuse("ignore", word, new Wording("is a call for help and can't be ignored", "是求助信号，不能忽略"));
            words.Add("");
            sets.Add(r => r.IgnoredPresses = words);
        }

        if (ReferenceEquals(kind, AlarmKind.Wandering))
        {
            foreach (var zone in section.Sections("zones"))
                if (ReadZone(zone) is { } read)
                    sets.Add(r => r.Zones.Add(read));
        }

        if (section.Section("when") is not { } when)
            return;
        if (life)
        {
            section.Refuse("when", "", new Wording("a life-safety rule holds at any time", "关乎生命安全的规则全天有效，不能限定时段"));
            return;
        }

        var window = ReadWindow(when);
        when.NoOthers();
        sets.Add(r => r.SetWindow(kind, window));
    }

    private static RuleWindow ReadWindow(YamlSection when)
    {
        var days = 0;
        foreach (var day in when.Texts("weekdays"))
        {
            var index = Array.IndexOf(DayNames, day);
            if (index < 0)
                when.Refuse(
                    "weekdays",
                    day,
                    new Wording("is not one of " + string.Join(", ", DayNames), "应为 " + string.Join("、", DayNames))
                );
            else
                days |= 1 << index;
        }

        var use = HolidayUse.Any;
        if (when.Text("holidays") is { } text && !Enum.TryParse(text, ignoreCase: true, out use))
            when.Refuse("holidays", text, new Wording("is not one of any, skip, only", "应为 any、skip 或 only"));
        return new RuleWindow(Clock(when, "from"), Clock(when, "to"), days == 0 ? 127 : days, use);
    }

    private static int Clock(YamlSection when, string key)
    {
        if (when.Text(key) is not { } text)
            return 0;
        if (TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time))
            return (int)time.ToTimeSpan().TotalSeconds;
        when.Refuse(key, text, new Wording("is not a time of day such as 22:00", "不是时刻，应如 22:00"));
        return 0;
    }

    private static Zone? ReadZone(YamlSection section)
    {
        var points = new List<(double, double)>();
        foreach (var text in section.Texts("points"))
        {
            var parts = text.Split(',');
            if (
                parts.Length == 2
                && double.TryParse(parts[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var latitude)
                && Math.Abs(latitude) <= 90
                && double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var longitude)
                && Math.Abs(longitude) <= 180
            )
                points.Add((latitude, longitude));
            else
                section.Refuse(
                    "points",
                    text,
                    new Wording("is not 'latitude, longitude' in WGS-84 degrees", "不是“纬度, 经度”（WGS-84，度）")
                );
        }

        var radius = section.Number("radius", 1, 1e6) ?? 0;
        var name = section.Text("name") ?? "zone";
        section.NoOthers();
        if (points.Count >= 3 || (points.Count == 1 && radius > 0))
            return new Zone(name, [.. points], radius);
        section.Refuse(
            "points",
            points.Count.ToString(CultureInfo.InvariantCulture),
            new Wording(
                "a zone is one point with a radius in metres, or a polygon of at least three points",
                "区域应为一个点加半径（米），或至少三个点围成的多边形"
            )
        );
        return null;
    }

    private static void ReadHolidays(string path, List<Problem> problems, HashSet<DateOnly> into)
    {
        if (YamlSection.Load(path, problems) is not { } top)
            return;
        foreach (var section in top.Sections("holidays"))
        {
            section.Id = section.Text("name", required: true) ?? "";
            section.Text("source");
            var first = Day(section, "from");
            var last = Day(section, "to");
            if (first is { } a && last is { } b)
            {
                if (b < a || b.DayNumber - a.DayNumber > 30)
                    section.Refuse(
                        "to",
                        b.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                        new Wording("is before the first day or more than 30 days after it", "早于首日，或在首日 30 天之后")
                    );
                else
                    for (var day = a; day <= b; day = day.AddDays(1))
                        into.Add(day);
            }

            section.NoOthers();
        }

        top.NoOthers();
    }

    private static DateOnly? Day(YamlSection section, string key)
    {
        if (section.Text(key, required: true) is not { } text)
            return null;
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
            return day;
        section.Refuse(key, text, new Wording("is not a date such as 2026-02-15", "不是日期，应如 2026-02-15"));
        return null;
    }

    /// <summary>Whom an override is for; what is not said doesn't matter.</summary>
    private sealed record RuleOverride(string? Area, string? Class, string? Resident)
    {
        public bool AppliesTo(ResidentFacts facts) =>
            (Area is null || (facts.Area.Value ?? "").StartsWith(Area, StringComparison.Ordinal))
            && (Class is null || facts.KeyClass == (Class == "key"))
            && (Resident is null || facts.Id.Value == Resident);

        public Wording Words =>
            Wording.Join([
                .. new[]
                {
                    Area is null ? null : new Wording("area " + Area, "区域 " + Area),
                    Class is null ? null : new Wording("class " + Class, Class == "key" ? "重点对象" : "一般对象"),
                    Resident is null ? null : new Wording("resident " + Resident, "服务对象 " + Resident),
                }.OfType<Wording>(),
            ]);
    }
}
