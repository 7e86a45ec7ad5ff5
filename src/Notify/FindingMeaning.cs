using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>What a finding means for the alarm that is open for its subject and kind.</summary>
internal enum FindingMeaning
{
    /// <summary>There is none: one opens.</summary>
    Opens,

    /// <summary>It happened again, or it is worse, or its reason changed.</summary>
    HappensAgain,

    /// <summary>The cause is gone.</summary>
    Clears,

    /// <summary>The cause is gone of an alarm that is resolved already: nothing changes.</summary>
    ClearsNothing,

    /// <summary>It updates an alarm that is resolved already: nothing changes. (A second press would open a new alarm.)</summary>
    ResolvedBefore,
}

/// <summary>Who is told, and when, that something happened again.</summary>
internal enum TellingAgain
{
    /// <summary>Nobody: its reason changed, or whoever acknowledged knows.</summary>
    Recorded,

    /// <summary>Nobody yet: whoever acknowledged it has time left to finish it. When that is over, the whole plan begins again.</summary>
    Later,

    /// <summary>Nobody yet: people were told a moment ago. Until the policy's time is over it is only counted.</summary>
    Counted,

    /// <summary>The first people of the plan at once; the plan, which is still running, goes on.</summary>
    Now,

    /// <summary>
    /// Everybody: it was acknowledged before this happened, so the whole plan begins again and somebody has to answer anew.
    /// </summary>
    Anew,
}

/// <param name="What">Its word on the timeline.</param>
/// <param name="At">When it is told, where that is later.</param>
internal readonly record struct HappenedAgain(Standing Standing, TimelineEvent What, TellingAgain Telling, DateTime? At = null)
{
    /// <summary>It is more severe than it was.</summary>
    public bool Rose => What == TimelineEvent.Severity;
}

/// <summary>What comes of a cause that is gone.</summary>
internal enum Clearing
{
    /// <summary>It is critical: only a person can resolve it.</summary>
    StaysOpen,

    /// <summary>Nobody had answered for it: it is over.</summary>
    Ends,

    /// <summary>Whoever acknowledged it still has to look.</summary>
    Eases,
}

internal readonly record struct Cleared(Standing Standing, Clearing How);
