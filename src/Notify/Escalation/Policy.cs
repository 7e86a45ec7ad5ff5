using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>A step as written.</summary>
/// <param name="To">contacts, contact 1…9, visitor, duty, supervisor.</param>
/// <param name="Via">Channels in order.</param>
/// <param name="Wait">How long until the next step.</param>
/// <param name="Repeat">How often the step is run, a wait apart.</param>
public sealed record PolicyStep(string To, IReadOnlyList<Channel> Via, TimeSpan Wait, int Repeat);

/// <summary>When a plan has done its work.</summary>
public enum PlanEnd
{
    /// <summary>Somebody answers for it. High and critical alarms know no other end.</summary>
    Acknowledged,

    /// <summary>Somebody has been told: enough for a flat battery.</summary>
    Told,
}

/// <summary>Whom an alarm is about, as far as policies look at it.</summary>
/// <param name="Resident">Null for an area's alarm.</param>
/// <param name="KeyClass">Key (重点) rather than general (一般); null when no resident is known.</param>
/// <param name="LocalTime">Time of day where the resident lives, when the alarm opens.</param>
public sealed record AlarmFacts(
    Severity Severity,
    string Kind,
    string Area,
    string? Resident,
    bool? KeyClass = null,
    TimeOnly? LocalTime = null
);

/// <summary>Who is told, in what order; an empty list of a condition takes all.</summary>
public sealed record Policy(
    string Id,
    IReadOnlyList<Severity> Severities,
    IReadOnlyList<string> Kinds,
    IReadOnlyList<string> Areas,
    IReadOnlyList<string> Residents,
    bool? KeyClass,
    Hours? At,
    TimeSpan SeenWellBy,
    TimeSpan RenotifyAfter,
    Hours? Quiet,
    PlanEnd Until,
    IReadOnlyList<PolicyStep> Steps
)
{
    /// <summary>Shortest and longest <see cref="RingAgainAfter"/>: people who press again must be heard.</summary>
    internal static readonly TimeSpan ShortestRing = TimeSpan.FromSeconds(10),
        LongestRing = TimeSpan.FromMinutes(5);

    /// <summary>
    /// A critical alarm that happens again sooner than this after people were told of it is counted, and told when it happens after that.
    /// </summary>
    public TimeSpan RingAgainAfter { get; init; } = TimeSpan.FromSeconds(60);

    public bool Fits(AlarmFacts alarm) =>
        (Severities.Count == 0 || Severities.Contains(alarm.Severity))
        && (Kinds.Count == 0 || Kinds.Contains(alarm.Kind))
        && (Areas.Count == 0 || Areas.Any(a => alarm.Area.StartsWith(a, StringComparison.Ordinal)))
        && (Residents.Count == 0 || (alarm.Resident is not null && Residents.Contains(alarm.Resident)))
        && (KeyClass is null || KeyClass == alarm.KeyClass)
        && (At is null || (alarm.LocalTime is { } time && At.Value.Contains(time)));

    /// <summary>Takes every alarm of a severity, whatever else it is.</summary>
    internal bool TakesAll(Severity severity) =>
        (Severities.Count == 0 || Severities.Contains(severity))
        && Kinds.Count == 0
        && Areas.Count == 0
        && Residents.Count == 0
        && KeyClass is null
        && At is null;
}
