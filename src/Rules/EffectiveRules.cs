using Vigil.Model;

namespace Vigil.Rules;

/// <summary>A place where the resident may stay without an alarm: a circle or a polygon, WGS-84 degrees.</summary>
internal sealed record Zone(string Name, (double Latitude, double Longitude)[] Points, double RadiusMetres);

/// <summary>The rules as they hold for one resident, overrides applied. Shared by all residents with the same overrides.</summary>
internal sealed class EffectiveRules
{
    private static readonly int Kinds = AlarmKind.All.Count;
    private static readonly Dictionary<AlarmKind, int> Index = AlarmKind.All.Select((k, i) => (k, i)).ToDictionary(p => p.k, p => p.i);

    private readonly double[] values;
    private readonly bool[] enabled;
    private readonly Severity[] severities;
    private readonly RuleWindow[] windows;

    public EffectiveRules()
    {
        values = new double[Parameter.All.Length];
        foreach (var p in Parameter.All)
            values[(int)p.Id] = p.Read(p.Default) ?? throw new InvalidOperationException($"default of {p.Id}");
        enabled = Enumerable.Repeat(true, Kinds).ToArray();
        severities = [.. AlarmKind.All.Select(k => k.DefaultSeverity)];
        windows = Enumerable.Repeat(RuleWindow.Always, Kinds).ToArray();
    }

    private EffectiveRules(EffectiveRules other)
    {
        values = [.. other.values];
        enabled = [.. other.enabled];
        severities = [.. other.severities];
        windows = [.. other.windows];
        Zones = [.. other.Zones];
        IgnoredPresses = other.IgnoredPresses;
    }

    public List<Zone> Zones { get; } = [];

    /// <summary>Button words that are not a call for help.</summary>
    public HashSet<string> IgnoredPresses { get; set; } = new(StringComparer.OrdinalIgnoreCase) { "released", "release", "test", "" };

    public double this[RuleParameter parameter]
    {
        get => values[(int)parameter];
        set => values[(int)parameter] = value;
    }

    /// <summary>A duration in ticks.</summary>
    public long Ticks(RuleParameter parameter) => (long)(values[(int)parameter] * TimeSpan.TicksPerSecond);

    public bool Enabled(AlarmKind kind) => enabled[Index[kind]];

    public Severity SeverityOf(AlarmKind kind) => severities[Index[kind]];

    public RuleWindow Window(AlarmKind kind) => windows[Index[kind]];

    /// <summary>Whether a moment, UTC ticks, lies in the hours of a rule.</summary>
    public bool IsActiveAt(AlarmKind kind, long at, in RuleContext context)
    {
        var window = Window(kind);
        return window.IsAlways || window.Contains(Phrases.ToLocal(at, context.Zone), context.Engine.Rules.Calendar);
    }

    public void Enable(AlarmKind kind, bool value) => enabled[Index[kind]] = value;

    public void SetSeverity(AlarmKind kind, Severity value) => severities[Index[kind]] = value;

    public void SetWindow(AlarmKind kind, RuleWindow value) => windows[Index[kind]] = value;

    public EffectiveRules Copy() => new(this);

    /// <summary>Turns off what a resident has refused.</summary>
    public void Respect(Refusals refused)
    {
        foreach (var kind in AlarmKind.All)
            if ((Consents.Ending(kind) & refused) != 0)
                Enable(kind, false);
    }
}
