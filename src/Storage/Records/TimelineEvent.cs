namespace Vigil.Storage.Records;

/// <summary>
/// What happened to an alarm. Its word (opened, in-hand, call-ended…) is what is stored, what the audit log is chained with and what other
/// systems are told.
/// </summary>
public enum TimelineEvent
{
    Opened,

    /// <summary>It happened again.</summary>
    Repeated,

    /// <summary>Its reason changed.</summary>
    Updated,

    /// <summary>It became more severe.</summary>
    Severity,

    /// <summary>How often it has happened by now, where people were not told of each time.</summary>
    Counted,

    /// <summary>Somebody has to answer for it anew.</summary>
    Reopened,
    Acknowledged,

    /// <summary>A visitor is on the way.</summary>
    InHand,

    /// <summary>Somebody else answers for it from now on.</summary>
    HandedOver,
    Note,
    Resolved,

    /// <summary>The cause went away by itself.</summary>
    Cleared,

    /// <summary>Somebody who was told said that they can't take it.</summary>
    Declined,

    /// <summary>An answer did not count: it came from another number, or was to an older telling.</summary>
    Refused,

    /// <summary>A step of the plan ran.</summary>
    Step,

    /// <summary>A step, or somebody of it, was passed over.</summary>
    Skipped,

    /// <summary>The plan is at its end and nobody has answered.</summary>
    Exhausted,

    /// <summary>Nobody of a step could be reached.</summary>
    Unreached,

    /// <summary>A provider has accepted a message.</summary>
    Sent,

    /// <summary>It has reached the phone. That doesn't say that anybody has read or heard it.</summary>
    Delivered,

    /// <summary>It will not get there.</summary>
    Failed,

    /// <summary>It is sent once more.</summary>
    Retried,

    /// <summary>Another provider sends it.</summary>
    Rerouted,

    /// <summary>It is kept until its provider is back.</summary>
    Held,

    /// <summary>It waits, because its number has had as many as the limits allow.</summary>
    Deferred,

    /// <summary>It is sent in one message with others.</summary>
    Bundled,

    /// <summary>A number takes nothing over a channel any more.</summary>
    Blocked,

    /// <summary>A call was ended because somebody had answered.</summary>
    CallEnded,

    /// <summary>Telling people is late.</summary>
    Late,

    /// <summary>The service's clock was set, and what waits moved with it.</summary>
    ClockSet,
}
