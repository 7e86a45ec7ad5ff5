using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels;

/// <summary>One message to one person. Holds the least that is needed (invariant 12): no diagnosis, no full address.</summary>
/// <param name="NoticeId">Ours; given to the provider where it takes a reference, so that an unknown outcome can be reconciled.</param>
/// <param name="Address">E.164 number, mail address or web address.</param>
/// <param name="Language">zh, yue or en.</param>
/// <param name="Template">What it says: domestic providers take template ids, not texts.</param>
/// <param name="Values">The template's values.</param>
/// <param name="Subject">Heading of a mail; empty elsewhere.</param>
/// <param name="Text">The finished text.</param>
/// <param name="Link">Signed link to the alarm for this recipient; empty where there is none.</param>
/// <param name="Critical">Never held back by a limit.</param>
/// <param name="ReplyCode">What this recipient sends back to answer for this alarm; empty where the channel takes no replies.</param>
public sealed record OutgoingNotice(
    Guid NoticeId,
    Channel Channel,
    string Address,
    string Language,
    MessageKind Template,
    IReadOnlyDictionary<string, string> Values,
    string Subject,
    string Text,
    string Link,
    bool Critical,
    string ReplyCode = ""
);

/// <summary>A notice whose request went out some time ago, as far as it helps to find it again at the provider.</summary>
/// <param name="Outgoing">What was sent.</param>
/// <param name="ProviderId">The provider's id; null when no answer came.</param>
/// <param name="Since">It went out at this time or later.</param>
/// <param name="Others">Provider ids of other notices to the same address: what the provider lists under these is not this notice.</param>
/// <param name="Alone">No other notice to this address has an unknown outcome. If one has, a call, which carries no id of ours, can't be
/// told from it.</param>
public sealed record PastNotice(OutgoingNotice Outgoing, string? ProviderId, DateTimeOffset Since, IReadOnlySet<string> Others, bool Alone);

public enum ChannelOutcome
{
    /// <summary>The provider has accepted it.</summary>
    Sent,

    /// <summary>It failed for a reason that may pass: the same channel may be tried again.</summary>
    TryAgain,

    /// <summary>It will never work for this address: the next channel is tried at once.</summary>
    GiveUp,

    /// <summary>
    /// The request went out and no answer came: the provider is asked; if it doesn't know either, the message is sent again.
    /// </summary>
    Unknown,

    /// <summary>It has reached the phone. That doesn't say that anybody has read or heard it.</summary>
    Delivered,

    /// <summary>
    /// The provider can't be used (unreachable, wrong token, no credit): another provider or the next channel is tried at once, and this
    /// message is sent when the provider is back.
    /// </summary>
    Down,

    /// <summary>Nothing went out, because too many requests are under way at this provider: again in a second, not counted as an
    /// attempt.</summary>
    Busy,
}

/// <param name="Outcome">What became of it.</param>
/// <param name="Reason">In words; goes on the timeline. Never holds a secret.</param>
/// <param name="ProviderId">The provider's id, where it gave one.</param>
/// <param name="Blocked">The number takes nothing over this channel (opted out, no longer in service): it isn't used again until somebody
/// changes the number.</param>
public sealed record ChannelResult(ChannelOutcome Outcome, Wording Reason, string? ProviderId = null, bool Blocked = false);

/// <summary>
/// A way to reach people: the outbox, Twilio, a domestic provider, mail, a webhook, a group robot. Retrying stands in one place, the
/// dispatcher.
/// </summary>
public interface IChannel
{
    /// <summary>Name in <c>Notify:Routes</c> and on notices: outbox, twilio, aliyun, mail, webhook, wecom, dingtalk.</summary>
    string Provider { get; }

    bool Carries(Channel channel);

    /// <summary>Whether it also carries it to this address: several providers take webhooks, each its own kind of address.</summary>
    bool CarriesTo(Channel channel, string address) => Carries(channel);

    /// <summary>Recipients at this address can answer with a reply code.</summary>
    bool TakesReplies(Channel channel, string address) => false;

    /// <summary>
    /// The provider reports later what became of a message; where no report comes it is asked with <see cref="ReconcileAsync"/>.
    /// </summary>
    bool GivesReceipts => false;

    /// <summary>Null for what can't be down, such as the outbox.</summary>
    ChannelHealth? Health => null;

    Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation);

    /// <summary>Ends a call that rings or speaks, because somebody else has answered meanwhile.</summary>
    /// <returns>False where the provider knows no such thing, or the call is over.</returns>
    Task<bool> EndCallAsync(string providerId, string language, CancellationToken cancellation) => Task.FromResult(false);

    /// <summary>
    /// Asks the provider what became of a notice: Sent (on its way), Delivered or GiveUp (didn't get there); null when it has never heard
    /// of it.
    /// </summary>
    /// <exception cref="HttpRequestException">The provider could not be asked.</exception>
    Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation);
}
