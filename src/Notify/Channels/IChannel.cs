namespace Vigil.Notify.Channels;

/// <summary>One message to one person. Holds the least that is needed (invariant 12): no diagnosis, no full address.</summary>
/// <param name="NoticeId">Ours; given to the provider where it takes a reference, so that an unknown outcome can be reconciled.</param>
/// <param name="Channel">sms, voice, mail or webhook.</param>
/// <param name="Address">E.164 number, mail address or web address.</param>
/// <param name="Language">zh, yue or en.</param>
/// <param name="Template">Name of the message template, such as <c>alarm-opened</c>: domestic providers take template ids, not texts.</param>
/// <param name="Values">The template's values.</param>
/// <param name="Subject">Heading of a mail; empty elsewhere.</param>
/// <param name="Text">The finished text.</param>
/// <param name="Link">Signed link to the alarm for this recipient; empty where there is none.</param>
/// <param name="Critical">Never held back by a limit.</param>
public sealed record OutgoingNotice(
    Guid NoticeId,
    string Channel,
    string Address,
    string Language,
    string Template,
    IReadOnlyDictionary<string, string> Values,
    string Subject,
    string Text,
    string Link,
    bool Critical);

public enum ChannelOutcome
{
    /// <summary>The provider has it. Not: heard.</summary>
    Sent,
    /// <summary>Passing trouble: the same channel may be tried again.</summary>
    TryAgain,
    /// <summary>Will never work for this address: on to the next channel at once.</summary>
    GiveUp,
    /// <summary>The request went out and no answer came: reconcile, then send again rather than never.</summary>
    Unknown,
}

/// <param name="Outcome">What became of it.</param>
/// <param name="Reason">In words; goes on the timeline.</param>
/// <param name="ProviderId">The provider's id, where it gave one.</param>
public sealed record ChannelResult(ChannelOutcome Outcome, string Reason, string? ProviderId = null);

/// <summary>A way to reach people: the outbox, Twilio, a domestic provider, mail, a webhook, a group robot. Retrying stands in one place, the dispatcher.</summary>
public interface IChannel
{
    /// <summary>Name in <c>Notify:Routes</c> and on notices: outbox, twilio, aliyun, mail, webhook, wecom, dingtalk.</summary>
    string Provider { get; }

    /// <summary>sms, voice, mail, webhook: what it can carry.</summary>
    bool Carries(string channel);

    Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation);

    /// <summary>Asks the provider what became of a notice whose outcome is unknown; null when it has never heard of it.</summary>
    Task<ChannelResult?> ReconcileAsync(Guid noticeId, string? providerId, string address, CancellationToken cancellation);
}
