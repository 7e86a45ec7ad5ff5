using System.Collections.Frozen;

namespace Vigil.Model;

/// <summary>How urgent an alarm is; higher values are more urgent. Critical ones never wait for a limit, an absence or an outage.</summary>
public enum Severity
{
    /// <summary>About a device, not a person (unless it lasts).</summary>
    Technical = 0,
    Warning = 1,
    High = 2,
    Critical = 3,
}

/// <summary>The kind of an alarm. Its name is the same in rules, policies, messages, API and UI.</summary>
public sealed record AlarmKind(string Name, Severity DefaultSeverity)
{
    public static readonly AlarmKind Sos = new("sos", Severity.Critical);
    public static readonly AlarmKind Fall = new("fall", Severity.Critical);
    public static readonly AlarmKind Smoke = new("smoke", Severity.Critical);
    public static readonly AlarmKind Gas = new("gas", Severity.Critical);
    public static readonly AlarmKind VoiceHelp = new("voice-help", Severity.Critical);
    public static readonly AlarmKind NoWater = new("no-water", Severity.High);
    public static readonly AlarmKind NoElectricity = new("no-electricity", Severity.High);
    public static readonly AlarmKind Inactivity = new("inactivity", Severity.High);
    public static readonly AlarmKind NotBack = new("not-back", Severity.High);
    public static readonly AlarmKind Wandering = new("wandering", Severity.High);
    public static readonly AlarmKind VitalSign = new("vital-sign", Severity.High);
    public static readonly AlarmKind WaterLeak = new("water-leak", Severity.High);
    public static readonly AlarmKind ColdHome = new("cold-home", Severity.High);
    public static readonly AlarmKind HotHome = new("hot-home", Severity.High);
    public static readonly AlarmKind WaterRunning = new("water-running", Severity.Warning);
    public static readonly AlarmKind Overuse = new("overuse", Severity.Warning);
    public static readonly AlarmKind DoorOpen = new("door-open", Severity.Warning);
    public static readonly AlarmKind OutOfBed = new("out-of-bed", Severity.Warning);
    public static readonly AlarmKind DeviceSilent = new("device-silent", Severity.Technical);
    public static readonly AlarmKind DeviceNeverSeen = new("device-never-seen", Severity.Technical);
    public static readonly AlarmKind SensorFault = new("sensor-fault", Severity.Technical);
    public static readonly AlarmKind BatteryLow = new("battery-low", Severity.Technical);
    public static readonly AlarmKind Tamper = new("tamper", Severity.Technical);
    public static readonly AlarmKind ClockWrong = new("clock-wrong", Severity.Technical);
    public static readonly AlarmKind Outage = new("outage", Severity.Technical);

    /// <summary>
    /// Trouble of the service itself: its disk, its stores, its broker. Not raised by a rule.
    /// </summary>
    public static readonly AlarmKind ServiceTrouble = new("service-trouble", Severity.High);

    public static IReadOnlyList<AlarmKind> All { get; } =
    [
        Sos,
        Fall,
        Smoke,
        Gas,
        VoiceHelp,
        NoWater,
        NoElectricity,
        Inactivity,
        NotBack,
        Wandering,
        VitalSign,
        WaterLeak,
        ColdHome,
        HotHome,
        WaterRunning,
        Overuse,
        DoorOpen,
        OutOfBed,
        DeviceSilent,
        DeviceNeverSeen,
        SensorFault,
        BatteryLow,
        Tamper,
        ClockWrong,
        Outage,
        ServiceTrouble,
    ];

    private static readonly FrozenDictionary<string, AlarmKind> ByName = All.ToFrozenDictionary(k => k.Name, StringComparer.Ordinal);

    public static bool TryParse(string? name, out AlarmKind kind)
    {
        if (name is not null && ByName.TryGetValue(name, out var found))
        {
            kind = found;
            return true;
        }

        kind = null!;
        return false;
    }

    /// <exception cref="FormatException">Not one of <see cref="All"/>.</exception>
    public static AlarmKind Parse(string name) =>
        TryParse(name, out var kind) ? kind : throw new FormatException($"'{name}' is not an alarm kind");

    public override string ToString() => Name;
}

/// <summary>How a finding changes its episode.</summary>
public enum FindingChange
{
    /// <summary>The episode begins.</summary>
    Opened,

    /// <summary>It goes on; the reason or the severity changed, or it happened again (a second press).</summary>
    Updated,

    /// <summary>The episode is over: something was used again, or the cause is gone.</summary>
    Cleared,
}

/// <summary>
/// What a rule found, with its reason in words. Committed once by <see cref="Key"/>: the same finding twice is one.
/// </summary>
/// <param name="Subject">The resident's id, <c>area:{code}</c> for an outage, <c>device:{id}</c> for a device in nobody's home.</param>
/// <param name="Kind">What kind of trouble.</param>
/// <param name="Severity">How urgent it is now.</param>
/// <param name="Change">Opened, updated or cleared.</param>
/// <param name="Episode">The permanent name of the episode: derived from the readings alone, so the same live, in a backtest and after a
/// restart.</param>
/// <param name="Sequence">Counts the findings of the episode, from 0.</param>
/// <param name="Time">When it became true, in reading time, UTC.</param>
/// <param name="Reason">Why, in words, English.</param>
/// <param name="ReasonZh">Why, in words, Chinese.</param>
/// <param name="Device">The device it comes from, where there is one.</param>
/// <param name="Notify">Whether an update is to notify people again (a second SOS press is).</param>
public sealed record Finding(
    string Subject,
    AlarmKind Kind,
    Severity Severity,
    FindingChange Change,
    string Episode,
    int Sequence,
    DateTime Time,
    string Reason,
    string ReasonZh,
    DeviceId? Device = null,
    bool Notify = false
)
{
    /// <summary>
    /// The name of something that happened at one moment, such as a press: that of an episode beginning with it. Null otherwise.
    /// </summary>
    public string? Event { get; init; }

    /// <summary>
    /// Identifies the finding, which is committed once. A press may be judged again by rules with another state (after a start without the
    /// readings) and then open an episode instead of updating one: by its event it is still the same press.
    /// </summary>
    public string Key => Event is { } name ? $"{Subject}|{Kind.Name}|{name}|0" : $"{Subject}|{Kind.Name}|{Episode}|{Sequence}";

    /// <summary>
    /// Nothing is to be looked after any more, as when consent was withdrawn: whoever has taken the alarm has nothing left to do.
    /// </summary>
    public bool IsFinal { get; init; }

    /// <summary>Where it is, when no resident says so; empty when that isn't known. Not part of the finding's identity.</summary>
    public string Area { get; init; } = "";

    /// <summary>W3C traceparent of the reading that caused it; null when nothing is traced. Not part of the finding's identity.</summary>
    public string? Trace { get; init; }
}
