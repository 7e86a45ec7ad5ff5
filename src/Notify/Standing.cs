using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>The part of an alarm's state that findings, answers and time change. See <see cref="AlarmLife"/>.</summary>
internal sealed record Standing
{
    public required AlarmState State { get; init; }
    public required Severity Severity { get; init; }
    public required string Episode { get; init; }
    public required DateTime OpenedAt { get; init; }
    public DateTime? ClearedAt { get; init; }
    public DateTime? AcknowledgedAt { get; init; }
    public string? AcknowledgedBy { get; init; }
    public DateTime? SeenWellBy { get; init; }
    public DateTime? ResolvedAt { get; init; }
    public string? ResolvedBy { get; init; }
    public Resolution Resolution { get; init; }
    public int Repeats { get; init; }
    public int Version { get; init; }
    public int Round { get; init; }
    public DateTime? RangAt { get; init; }
    public DateTime? ReopenedAt { get; init; }

    public static Standing Of(Alarm alarm) =>
        new()
        {
            State = alarm.State,
            Severity = alarm.Severity,
            Episode = alarm.Episode,
            OpenedAt = alarm.OpenedAt,
            ClearedAt = alarm.ClearedAt,
            AcknowledgedAt = alarm.AcknowledgedAt,
            AcknowledgedBy = alarm.AcknowledgedBy,
            SeenWellBy = alarm.SeenWellBy,
            ResolvedAt = alarm.ResolvedAt,
            ResolvedBy = alarm.ResolvedBy,
            Resolution = alarm.Resolution,
            Repeats = alarm.Repeats,
            Version = alarm.Version,
            Round = alarm.Round,
            RangAt = alarm.RangAt,
            ReopenedAt = alarm.ReopenedAt,
        };

    /// <summary>Until it is resolved an alarm keeps its open key, so that no second one opens for its subject and kind.</summary>
    public void WriteTo(Alarm alarm)
    {
        (alarm.State, alarm.Severity, alarm.Episode, alarm.ClearedAt) = (State, Severity, Episode, ClearedAt);
        (alarm.AcknowledgedAt, alarm.AcknowledgedBy, alarm.SeenWellBy) = (AcknowledgedAt, AcknowledgedBy, SeenWellBy);
        (alarm.ResolvedAt, alarm.ResolvedBy, alarm.Resolution) = (ResolvedAt, ResolvedBy, Resolution);
        (alarm.Repeats, alarm.Version, alarm.Round, alarm.RangAt, alarm.ReopenedAt) = (Repeats, Version, Round, RangAt, ReopenedAt);
        alarm.OpenKey = State == AlarmState.Resolved ? null : alarm.OpenKey ?? KeyOf(alarm.Subject, alarm.Kind);
    }

    /// <summary>The open key: unique among the alarms that are not resolved, so that one is open for a subject and kind.</summary>
    public static string KeyOf(string subject, string kind) => $"{subject}|{kind}";
}
