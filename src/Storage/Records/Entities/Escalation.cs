using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>
/// Stored as numbers; 1 is not used. A step is done with the commit that writes its notices; whether a message is on its way is the state
/// of its notice.
/// </summary>
public enum StepState
{
    Waiting = 0,
    Done = 2,
    Skipped = 3,
    Cancelled = 4,
}

/// <summary>
/// A step of an alarm's plan, fixed when the alarm opened. Who "contact 1", "visitor" or "duty" is at that moment is looked up when it
/// runs.
/// </summary>
public sealed class EscalationStep
{
    public Guid Id { get; set; }
    public Guid AlarmId { get; set; }
    public Alarm? Alarm { get; set; }
    public int Order { get; set; }

    /// <summary>
    /// contacts, contact 1…9, visitor, duty, supervisor; or told, again: steps that name no recipient, and the self-test's.
    /// </summary>
    public required string To { get; set; }

    /// <summary>In this order; empty for a step that tells nobody.</summary>
    public required IReadOnlyList<Channel> Via { get; set; }
    public DateTime DueAt { get; set; }

    /// <summary>How long the next step waits after this one.</summary>
    public int WaitSeconds { get; set; }
    public StepState State { get; set; }
    public DateTime? StartedAt { get; set; }
    public DateTime? FinishedAt { get; set; }
    public Wording Note { get; set; } = Wording.None;

    /// <summary>What its messages say.</summary>
    public MessageKind Template { get; set; }
}

public enum NoticeState
{
    Waiting = 0,

    /// <summary>Committed before the request goes out. Until an outcome is written down, it isn't known whether it did.</summary>
    Sending = 1,

    /// <summary>The provider accepted it.</summary>
    Sent = 2,
    Delivered = 3,
    Failed = 4,

    /// <summary>Put off by a limit, by quiet hours or until its provider is back; never dropped.</summary>
    Deferred = 5,
    Cancelled = 6,
}

/// <summary>One message or call to one person over one channel.</summary>
public sealed class Notice
{
    public Guid Id { get; set; }
    public Guid AlarmId { get; set; }
    public Guid? StepId { get; set; }

    public required Channel Channel { get; set; }

    /// <summary>outbox, twilio, aliyun…</summary>
    public string Provider { get; set; } = "";

    /// <summary>contact:{id}, visitor:{id}, duty:{id}, supervisor:{id}.</summary>
    public required string Recipient { get; set; }
    public required string RecipientName { get; set; }

    /// <summary>Phone number, mail address or web address.</summary>
    public required string Address { get; set; }
    public required string Text { get; set; }

    /// <summary>The recipient's link to the alarm's page, as it stands in the text; empty where there is nothing to answer.</summary>
    public string Link { get; set; } = "";

    /// <summary>zh, yue or en.</summary>
    public string Language { get; set; } = "zh";

    /// <summary>What it says: domestic providers take templates, not texts.</summary>
    public MessageKind Template { get; set; }
    public NoticeState State { get; set; }

    /// <summary>The provider's own id of it, for receipts.</summary>
    public string? ProviderId { get; set; }

    /// <summary>Its provider can't be used; it is sent when the provider is back.</summary>
    public bool Held { get; set; }

    /// <summary>The digest that was sent instead of this notice and others to the same address.</summary>
    public Guid? DigestId { get; set; }

    /// <summary>Why it is in this state, for people to read; no program looks at it.</summary>
    public string Note { get; set; } = "";
    public int Attempts { get; set; }
    public DateTime CreatedAt { get; set; }

    /// <summary>When it is to be sent; while Sending, until when the sender has it to itself: after that its outcome is unknown.</summary>
    public DateTime DueAt { get; set; }
    public DateTime? SentAt { get; set; }
    public DateTime? FinishedAt { get; set; }

    /// <summary>Code this recipient replies with for this alarm.</summary>
    public string? ReplyCode { get; set; }

    /// <summary>The <see cref="Alarm.Round"/> of the alarm in which it was sent.</summary>
    public int Round { get; set; }
}

/// <summary>
/// A phone number that takes nothing over one channel, as a provider has said: opted out, no longer in service, a landline. Remembered
/// between alarms, until the number is edited (then it is another address) or a message arrives there after all.
/// </summary>
public sealed class BlockedNumber
{
    public Guid Id { get; set; }
    public required string Address { get; set; }

    /// <summary>SMS or voice.</summary>
    public required Channel Channel { get; set; }
    public required string Reason { get; set; }
    public DateTime Since { get; set; }
}
