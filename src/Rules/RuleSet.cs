using System.Collections.Frozen;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Rules;

/// <summary>A limit of the vital-sign rule, in the metric's unit.</summary>
public sealed record Limit(Metric Metric, double Min, double Max);

/// <summary>The parameters of one rule. What a rule doesn't use is ignored; docs/rules.md says which means what.</summary>
public sealed record RuleSettings
{
    public bool Enabled { get; init; } = true;
    public required Severity Severity { get; init; }
    public double Below { get; init; } = double.NegativeInfinity;
    public double Above { get; init; } = double.PositiveInfinity;
    public TimeSpan Window { get; init; } = TimeSpan.FromHours(24);
    public TimeSpan WelfareAfter { get; init; } = TimeSpan.FromHours(48);
    public int Missed { get; init; } = 4;
    public IReadOnlyList<string> Words { get; init; } = ["sos", "pressed", "double", "triple", "long"];
    public IReadOnlyList<Limit> Limits { get; init; } = [];

    /// <summary>Changes what the section names, keeps the rest.</summary>
    internal RuleSettings With(YamlSection yaml)
    {
        var severity = Severity;
        if (yaml.Text("severity") is { } text && !Enum.TryParse(text, ignoreCase: true, out severity)) yaml.Refuse("severity", text, "is not one of technical, warning, high, critical");
        var limits = new List<Limit>();
        foreach (var limit in yaml.Sections("limits"))
        {
            if (limit.Text("metric", required: true) is not { } name) continue;
            if (!Metric.TryParse(name, out var metric)) limit.Refuse("metric", name, "is not a metric (src/Model/Metric.cs lists them)");
            limits.Add(new Limit(metric, limit.Number("min") ?? double.NegativeInfinity, limit.Number("max") ?? double.PositiveInfinity));
            limit.NoOthers();
        }

        var window = yaml.Duration("window") ?? Window;
        if (window < TimeSpan.FromMinutes(1) || window > TimeSpan.FromDays(6)) yaml.Refuse("window", window.ToString(), "is not between 1m and 6d");
        var words = yaml.Texts("words");
        var changed = this with
        {
            Enabled = yaml.Flag("enabled") ?? Enabled, Severity = severity, Below = yaml.Number("below") ?? Below, Above = yaml.Number("above") ?? Above, Window = window,
            WelfareAfter = yaml.Duration("welfareAfter") ?? WelfareAfter, Missed = yaml.Whole("missed", 1, 1000) ?? Missed,
            Words = words.Count > 0 ? words : Words, Limits = limits.Count > 0 ? limits : Limits,
        };
        yaml.NoOthers();
        return changed;
    }
}

/// <summary>The rules in force: kinds, parameters and whom they apply to, read from <c>config/rules.yaml</c>.</summary>
public sealed class RuleSet
{
    /// <summary>The kinds there is a rule for.</summary>
    private static readonly AlarmKind[] Kinds =
    [
        AlarmKind.NoWater, AlarmKind.NoElectricity, AlarmKind.Sos, AlarmKind.Fall, AlarmKind.VoiceHelp, AlarmKind.Smoke, AlarmKind.Gas, AlarmKind.WaterLeak, AlarmKind.VitalSign,
        AlarmKind.Wandering, AlarmKind.ColdHome, AlarmKind.HotHome, AlarmKind.DeviceSilent, AlarmKind.DeviceNeverSeen, AlarmKind.BatteryLow, AlarmKind.Tamper, AlarmKind.ClockWrong,
    ];

    private readonly FrozenDictionary<string, RuleSettings> byKind;
    private readonly IReadOnlyList<(string Kind, string? Area, bool? KeyClass, string? Resident, YamlSection? Set)> overrides;

    private RuleSet(Dictionary<string, RuleSettings> byKind, List<(string, string?, bool?, string?, YamlSection?)> overrides)
    {
        this.byKind = byKind.ToFrozenDictionary(StringComparer.Ordinal);
        this.overrides = overrides;
    }

    /// <summary>The rules of one resident, by kind name.</summary>
    public FrozenDictionary<string, RuleSettings> For(ResidentFacts facts)
    {
        Dictionary<string, RuleSettings>? changed = null;
        foreach (var o in overrides)
        {
            if (o.Area is not null && !facts.Area.Value.StartsWith(o.Area, StringComparison.Ordinal)) continue;
            if (o.KeyClass is { } key && key != facts.KeyClass) continue;
            if (o.Resident is not null && o.Resident != facts.Id.Value) continue;
            changed ??= new Dictionary<string, RuleSettings>(byKind);
            if (o.Set is not null) changed[o.Kind] = changed[o.Kind].With(o.Set);
        }

        return changed?.ToFrozenDictionary(StringComparer.Ordinal) ?? byKind;
    }

    /// <summary>Reads a rules file; all its problems come at once, and then there is no rule set.</summary>
    public static RuleSet? Load(string path, List<Problem> problems)
    {
        var before = problems.Count;
        if (YamlSection.Load(path, problems) is not { } yaml) return null;
        var found = new Dictionary<string, RuleSettings>(StringComparer.Ordinal);
        foreach (var kind in Kinds) found[kind.Name] = new RuleSettings { Severity = kind.DefaultSeverity, Enabled = false };
        foreach (var (name, section) in yaml.Section("rules", required: true)?.Children() ?? [])
        {
            if (found.TryGetValue(name, out var settings)) found[name] = (settings with { Enabled = true }).With(section);
            else section.Refuse(name, name, "is not a kind there is a rule for; there are " + string.Join(", ", Kinds.Select(k => k.Name)));
        }

        foreach (var kind in Kinds.Where(k => k.DefaultSeverity == Severity.Critical && !found[k.Name].Enabled))
            yaml.Refuse("rules", kind.Name, "is missing or disabled: a cry for help is never switched off for everybody");
        var overrides = new List<(string, string?, bool?, string?, YamlSection?)>();
        foreach (var section in yaml.Sections("overrides"))
        {
            var kind = section.Text("kind", required: true) ?? "";
            if (kind.Length > 0 && !found.ContainsKey(kind)) section.Refuse("kind", kind, "is not a kind there is a rule for");
            var of = section.Text("class");
            if (of is not (null or "key" or "general")) section.Refuse("class", of, "is neither key nor general");
            var set = section.Section("set", required: true);
            if (set is not null && found.TryGetValue(kind, out var settings)) settings.With(set); // files its problems now, not at the first resident
            overrides.Add((kind, section.Text("area"), of is null ? null : of == "key", section.Text("resident"), set));
            section.NoOthers();
        }

        yaml.NoOthers();
        return problems.Count > before ? null : new RuleSet(found, overrides);
    }
}
