using Vigil.Model;

namespace Vigil.Rules;

/// <summary>What a rule may say when: a window of the local day, weekdays, holidays.</summary>
/// <param name="From">Seconds after midnight; equal to <paramref name="To"/> means the whole day.</param>
/// <param name="To">Seconds after midnight; before <paramref name="From"/> means over midnight.</param>
/// <param name="Weekdays">Bit 0 is Sunday; 127 is every day.</param>
/// <param name="Holidays">Any day, not on holidays, or on holidays only.</param>
internal readonly record struct RuleWindow(int From, int To, int Weekdays, HolidayUse Holidays)
{
    public static readonly RuleWindow Always = new(0, 0, 127, HolidayUse.Any);

    public bool IsAlways => this == Always;

    public bool Contains(DateTime local, IReadOnlySet<DateOnly> holidays)
    {
        var second = (int)local.TimeOfDay.TotalSeconds;
        var day = local;
        if (From < To && (second < From || second >= To))
            return false;
        if (From > To)
        {
            if (second >= To && second < From)
                return false;
            if (second < To)
                day = local.AddDays(-1); // the night belongs to the day it began on
        }

        if ((Weekdays & (1 << (int)day.DayOfWeek)) == 0)
            return false;
        return Holidays == HolidayUse.Any || holidays.Contains(DateOnly.FromDateTime(day)) == (Holidays == HolidayUse.Only);
    }

    /// <summary>
    /// The first moment from <paramref name="at"/> on that lies in the window, UTC ticks; 0 when none does within a year.
    /// </summary>
    public long Next(long at, TimeZoneInfo zone, IReadOnlySet<DateOnly> holidays)
    {
        var local = Phrases.ToLocal(at, zone);
        if (Contains(local, holidays))
            return at;
        for (var day = local.Date; day <= local.Date.AddDays(366); day = day.AddDays(1))
        {
            var opens = From == To ? day : day.AddSeconds(From);
            if (opens <= local || !Contains(opens, holidays))
                continue;
            // An hour that summer time leaves out begins when it would have ended; one that comes twice begins the first time.
            if (zone.IsInvalidTime(opens))
                opens = opens.AddHours(1);
            var offset = zone.IsAmbiguousTime(opens) ? zone.GetAmbiguousTimeOffsets(opens).Max() : zone.GetUtcOffset(opens);
            return Math.Max(at, (opens - offset).Ticks);
        }

        return 0;
    }
}

internal enum HolidayUse
{
    Any,
    Skip,
    Only,
}

/// <summary>A place where the resident may be without anybody worrying: a circle or a polygon, WGS-84 degrees.</summary>
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

    /// <summary>Words of a button that are no call for help.</summary>
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

    /// <summary>Whether a rule says anything at a moment, UTC ticks.</summary>
    public bool SpeaksAt(AlarmKind kind, long at, in Turn turn)
    {
        var window = Window(kind);
        return window.IsAlways || window.Contains(Phrases.ToLocal(at, turn.Zone), turn.Engine.Rules.Holidays);
    }

    public void Enable(AlarmKind kind, bool value) => enabled[Index[kind]] = value;

    public void SetSeverity(AlarmKind kind, Severity value) => severities[Index[kind]] = value;

    public void SetWindow(AlarmKind kind, RuleWindow value) => windows[Index[kind]] = value;

    public EffectiveRules Copy() => new(this);
}
