using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>What is under way with the test of a number; what came of it say <see cref="ReachTest.VerifiedAt"/> and
/// <see cref="ReachTest.FailedAt"/>.</summary>
public enum ReachState
{
    /// <summary>Nothing is under way.</summary>
    Idle,

    /// <summary>A message or call is to be sent.</summary>
    Waiting,

    /// <summary>It was sent, and an answer is awaited.</summary>
    Asked,
}

/// <summary>
/// Whether somebody answers at a phone number or mail address: a row for each number, whoever has it, so that nobody is asked twice who is
/// contact for several people. A number that is changed is another number, and not verified.
/// </summary>
public sealed class ReachTest
{
    /// <summary>Stands in its links and in providers' callbacks.</summary>
    public Guid Id { get; set; }

    /// <summary>E.164 number or mail address.</summary>
    public required string Address { get; set; }
    public ReachState State { get; set; }

    /// <summary>When something is to be done: asked (waiting), given up (asked), tested again (idle); null: nothing.</summary>
    public DateTime? DueAt { get; set; }

    /// <summary>How it was asked last, and in which language.</summary>
    public Channel Channel { get; set; }
    public string Language { get; set; } = "zh";
    public DateTime? AskedAt { get; set; }
    public string AskedBy { get; set; } = "";

    /// <summary>Messages and calls of this test.</summary>
    public int Attempts { get; set; }

    /// <summary>Six digits that are sent back by SMS.</summary>
    public string? Code { get; set; }
    public string Provider { get; set; } = "";
    public string? ProviderId { get; set; }

    /// <summary>When somebody last answered.</summary>
    public DateTime? VerifiedAt { get; set; }

    /// <summary>When a test last failed; the newer of the two counts.</summary>
    public DateTime? FailedAt { get; set; }

    /// <summary>
    /// Why it failed, or could not be sent. Two columns: a complex property can't be read by the SQL that seals addresses.
    /// </summary>
    public string ReasonEn { get; set; } = "";
    public string ReasonZh { get; set; } = "";

    public Wording Reason
    {
        get => new(ReasonEn, ReasonZh);
        set => (ReasonEn, ReasonZh) = (value.En, value.Zh);
    }

    public bool IsVerified => VerifiedAt is not null && !IsFailed;

    public bool IsFailed => FailedAt is { } failed && !(VerifiedAt > failed);
}
