using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Rules;

/// <summary>Reads <c>rules.yaml</c>.</summary>
internal static class RulesFile
{
    public static RuleSet? Read(string path, List<Problem> problems)
    {
        var before = problems.Count;
        if (YamlSection.Load(path, problems) is not { } top)
            return null;
        top.Text("$schema");
        var calendar = top.Text("holidays") is { } name
            ? HolidaysFile.Read(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, name), problems)
            : WorkCalendar.None;

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
        return problems.Count > before ? null : new RuleSet(common, overrides, calendar);
    }

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
                if (ZoneSection.Read(zone) is { } read)
                    sets.Add(r => r.Zones.Add(read));
        }

        if (section.Section("when") is not { } when)
            return;
        if (life)
        {
            section.Refuse("when", "", new Wording("a life-safety rule holds at any time", "关乎生命安全的规则全天有效，不能限定时段"));
            return;
        }

        var window = RuleWindowSection.Read(when);
        when.NoOthers();
        sets.Add(r => r.SetWindow(kind, window));
    }
}
