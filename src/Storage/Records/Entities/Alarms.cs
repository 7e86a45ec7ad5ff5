using Vigil.Model;

namespace Vigil.Storage.Records;

public enum AlarmState
{
    Open = 0,
    Acknowledged = 1,

    /// <summary>A visitor is on the way.</summary>
    InHand = 2,
    Resolved = 3,
}

/// <summary>Coded reason of a closed alarm.</summary>
public enum Resolution
{
    None = 0,

    /// <summary>Somebody needed help.</summary>
    True = 1,
    FalseAway = 2,
    FalseHabit = 3,
    FalseDevice = 4,
    FalseMistake = 5,
    Test = 6,
    Technical = 7,

    /// <summary>The cause went away by itself before anybody answered.</summary>
    Cleared = 8,
}

/// <summary>Something that somebody has to answer for. One open alarm per subject and kind.</summary>
public sealed class Alarm
{
    /// <summary>How the subject of an alarm begins that a device in nobody's home has raised.</summary>
    public const string OfDevice = "device:";

    /// <summary>
    /// The same, with the name of a sender: of all the devices that it has spoken for beyond a number. No device's id is so.
    /// </summary>
    public const string OfManyDevices = OfDevice + "#";

    public Guid Id { get; set; }

    /// <summary>Resident id, <c>area:{code}</c>, or <see cref="OfDevice"/> and the id of a device that was in nobody's home.</summary>
    public required string Subject { get; set; }
    public string? ResidentId { get; set; }
    public Resident? Resident { get; set; }
    public required string Area { get; set; }
    public required string Kind { get; set; }
    public Severity Severity { get; set; }
    public AlarmState State { get; set; }
    public required string Episode { get; set; }
    public string? DeviceId { get; set; }
    public required string Reason { get; set; }
    public required string ReasonZh { get; set; }

    /// <summary>When it began, by the time of measurement.</summary>
    public DateTime RaisedAt { get; set; }

    /// <summary>When the alarm was written down.</summary>
    public DateTime OpenedAt { get; set; }

    /// <summary>When the cause went away by itself; the alarm stays until somebody resolves it if it was acknowledged.</summary>
    public DateTime? ClearedAt { get; set; }
    public DateTime? AcknowledgedAt { get; set; }
    public string? AcknowledgedBy { get; set; }

    /// <summary>"Seen well by": when it runs out, escalation resumes above whoever acknowledged.</summary>
    public DateTime? SeenWellBy { get; set; }
    public DateTime? ResolvedAt { get; set; }
    public string? ResolvedBy { get; set; }
    public Resolution Resolution { get; set; }

    /// <summary>How often it happened again.</summary>
    public int Repeats { get; set; }

    /// <summary>"subject|kind" while not resolved, else null: its unique index keeps one open alarm per subject and kind.</summary>
    public string? OpenKey { get; set; }

    /// <summary>Counts the changes; the concurrency token of the row.</summary>
    public int Version { get; set; }

    /// <summary>
    /// The version with which the present round of telling people began: when it opened, was opened again, or happened again. An answer to
    /// a notice of an earlier round doesn't count.
    /// </summary>
    public int Round { get; set; }

    /// <summary>When people last began to be told because it happened again; null when it never did.</summary>
    public DateTime? RangAt { get; set; }

    /// <summary>When it last happened again after somebody had acknowledged it, and was opened again at once.</summary>
    public DateTime? ReopenedAt { get; set; }

    /// <summary>
    /// W3C traceparent of its opening, by which the trace of a later notice is linked to that of the reading; empty without tracing.
    /// </summary>
    public string Trace { get; set; } = "";
    public List<TimelineEntry> Timeline { get; set; } = [];
    public List<EscalationStep> Steps { get; set; } = [];
}

/// <summary>What happened to an alarm, who did it, when and why. Only ever appended.</summary>
public sealed class TimelineEntry
{
    public long Id { get; set; }
    public Guid AlarmId { get; set; }
    public DateTime Time { get; set; }
    public required TimelineEvent What { get; set; }

    /// <summary>Who: <c>rules</c>, <c>escalation</c>, <c>contact:…</c>, <c>visitor:…</c>, <c>duty:…</c>, <c>api:…</c>.</summary>
    public required string Who { get; set; }
    public required string Text { get; set; }
    public string TextZh { get; set; } = "";
}

/// <summary>The key of a finding that has been committed, by which one that comes again is recognised.</summary>
public sealed class CommittedFinding
{
    /// <summary>subject|kind|episode|sequence.</summary>
    public required string Key { get; set; }
    public DateTime CommittedAt { get; set; }
}
