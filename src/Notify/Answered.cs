namespace Vigil.Notify;

/// <summary>Why an answer to an alarm changes nothing.</summary>
internal enum Refusal
{
    /// <summary>Somebody has resolved it already.</summary>
    Resolved,

    /// <summary>Somebody answers for it already.</summary>
    Acknowledged,

    /// <summary>Somebody is on the way already.</summary>
    InHand,

    /// <summary>The answer was to an older telling: it has happened again since.</summary>
    HappenedSince,

    /// <summary>Nobody answers for it yet, so nobody can hand it over.</summary>
    NotAcknowledged,

    /// <summary>It can't be opened again, because it isn't resolved.</summary>
    NotResolved,

    /// <summary>It can't be opened again, because a newer alarm of its subject and kind is open.</summary>
    NewerIsOpen,

    /// <summary>A person who resolves an alarm has to give one of the coded reasons.</summary>
    NoReason,
}

/// <summary>The state of an alarm after an answer; with a refusal it is unchanged.</summary>
internal readonly record struct Answered(Standing Standing, Refusal? Refused = null);
