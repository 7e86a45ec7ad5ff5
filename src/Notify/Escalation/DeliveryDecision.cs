using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>What is done with a notice whose turn has come.</summary>
internal enum NoticeTurn
{
    Send,

    /// <summary>Its sender never came back: its provider is asked what became of it.</summary>
    Ask,

    /// <summary>Somebody has answered for its alarm: it is not sent.</summary>
    Answered,

    /// <summary>Its provider was not back for as long as its link opens.</summary>
    HeldTooLong,

    /// <summary>Nothing goes to such an address.</summary>
    AddressRefused,

    /// <summary>Nobody carries its channel to this address.</summary>
    NoProvider,

    /// <summary>Its number has got too many: later.</summary>
    TooMany,
}

/// <param name="DueAt">When its turn comes again, where it does.</param>
internal readonly record struct TurnDecision(NoticeTurn Turn, DateTime? DueAt = null);

/// <summary>What happens next to a notice of which its provider has said something.</summary>
internal enum Next
{
    /// <summary>A receipt came before the answer: states only go forward.</summary>
    SaidBefore,
    Sent,
    Delivered,

    /// <summary>It may have gone out: its provider is asked.</summary>
    Ask,

    /// <summary>It may have gone out, and its provider could not be asked: another way meanwhile, and asked again.</summary>
    StillUnknown,

    /// <summary>Too much is under way at its provider: in a moment, and no attempt is counted.</summary>
    Busy,

    /// <summary>Another provider takes it at once.</summary>
    Reroute,

    /// <summary>Its provider failed, not the address: another way, and this one when the provider is back.</summary>
    Hold,

    /// <summary>Passing trouble: the same way again.</summary>
    Retry,

    /// <summary>It will never work for this address: another way.</summary>
    Fail,
}

/// <param name="DueAt">When its turn comes again, where it does.</param>
internal readonly record struct NextDecision(Next Next, DateTime? DueAt = null);

/// <summary>What a receipt says of a notice.</summary>
internal enum ReceiptMeaning
{
    /// <summary>Nothing that is not known already.</summary>
    SaidBefore,

    /// <summary>Nothing yet; its provider's id is kept, after a crash it is found by it.</summary>
    OnItsWay,
    Delivered,
    Failed,
}

/// <summary>How else a person is told whom one message did not reach.</summary>
internal enum OtherWay
{
    /// <summary>Somebody has answered: nobody has to be told.</summary>
    Answered,

    /// <summary>The next channel is being tried already.</summary>
    UnderWay,
    NextChannel,

    /// <summary>There is none left: what the rest of the step does is what counts.</summary>
    None,
}

/// <summary>
/// What happens next to a notice, by its state, its alarm's, what its provider says and what its number may get. Decisions alone, of what
/// is passed in. Retrying is decided here and nowhere else.
/// </summary>
internal static class DeliveryDecision
{
    public const int MostAttempts = 3;

    /// <summary>How long a sender has a notice to itself before its outcome counts as unknown.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(45);

    /// <summary>As long as its link opens.</summary>
    public static readonly TimeSpan LongestHeld = TimeSpan.FromHours(24);

    /// <summary>
    /// A notice whose provider is in trouble: kept, and tried again this far apart (critical, others), or as soon as the provider is back.
    /// </summary>
    private static readonly TimeSpan HeldCritical = TimeSpan.FromSeconds(20),
        HeldOthers = TimeSpan.FromSeconds(60);

    /// <param name="refused">Nothing goes to its address.</param>
    /// <param name="carried">A provider carries its channel to its address.</param>
    /// <param name="free">When its number may get one more; null where no limit holds.</param>
    public static TurnDecision AtItsTurn(Notice notice, AlarmState alarm, bool refused, bool carried, DateTime? free, DateTime now) =>
        notice.Held && now - notice.CreatedAt > LongestHeld ? new(NoticeTurn.HeldTooLong)
        : notice.State == NoticeState.Sending ? new(NoticeTurn.Ask, now + Lease)
        : alarm != AlarmState.Open && !IsToldOfWhatIsOver(notice.Template) ? new(NoticeTurn.Answered)
        : refused ? new(NoticeTurn.AddressRefused)
        : !carried ? new(NoticeTurn.NoProvider)
        : free > now ? new(NoticeTurn.TooMany, free)
        : new(NoticeTurn.Send, now + Lease);

    /// <summary>What can't wait for a limit is told another way meanwhile, once.</summary>
    public static bool IsToldOtherwise(NoticeState before, Severity severity) =>
        before != NoticeState.Deferred && severity >= Severity.High;

    /// <param name="asked">The provider was asked what became of it.</param>
    /// <param name="otherProvider">Another one carries it there.</param>
    public static NextDecision After(
        Notice notice,
        ChannelOutcome outcome,
        bool asked,
        bool otherProvider,
        Severity severity,
        DateTime now
    ) =>
        notice.State != NoticeState.Sending
            ? new(Next.SaidBefore)
            : outcome switch
            {
                ChannelOutcome.Sent => new(Next.Sent),
                ChannelOutcome.Delivered => new(Next.Delivered),
                ChannelOutcome.Unknown => new(Next.Ask, now.AddSeconds(2)),
                ChannelOutcome.Busy => new(Next.Busy, now.AddSeconds(1)),
                ChannelOutcome.Down when asked => new(Next.StillUnknown, HeldUntil(severity, now)),
                ChannelOutcome.Down when otherProvider => new(Next.Reroute, now),
                ChannelOutcome.Down => new(Next.Hold, HeldUntil(severity, now)),
                ChannelOutcome.TryAgain when notice.Attempts >= MostAttempts => new(Next.Hold, HeldUntil(severity, now)),
                ChannelOutcome.TryAgain => new(Next.Retry, asked ? now : now.AddSeconds(2 << notice.Attempts)),
                _ => new(Next.Fail),
            };

    private static DateTime HeldUntil(Severity severity, DateTime now) => now + (severity == Severity.Critical ? HeldCritical : HeldOthers);

    /// <param name="attempts">How often it went out: one that was given up and waits may have arrived all the same, because the provider
    /// did not know it when it was asked; then it need not go out twice.</param>
    /// <param name="delivered">Null: it is on its way.</param>
    public static ReceiptMeaning Receipt(NoticeState state, int attempts, bool? delivered) =>
        (state, delivered) switch
        {
            (NoticeState.Sending or NoticeState.Sent, null) => ReceiptMeaning.OnItsWay,
            (NoticeState.Sending or NoticeState.Sent, false) => ReceiptMeaning.Failed,
            (NoticeState.Sending or NoticeState.Sent, true) => ReceiptMeaning.Delivered,
            (NoticeState.Waiting or NoticeState.Deferred, true) when attempts > 0 => ReceiptMeaning.Delivered,
            _ => ReceiptMeaning.SaidBefore,
        };

    /// <param name="next">The channel of the step after the one that failed for which the person has an address.</param>
    /// <param name="ofStep">All messages of the step.</param>
    public static OtherWay Otherwise(Notice failed, AlarmState alarm, Channel? next, IEnumerable<Notice> ofStep) =>
        alarm != AlarmState.Open ? OtherWay.Answered
        : next is not { } channel ? OtherWay.None
        : ofStep.Any(n => n.Recipient == failed.Recipient && n.Channel == channel) ? OtherWay.UnderWay
        : OtherWay.NextChannel;

    /// <summary>Nobody of a step can answer any more: all messages failed, are kept for later, or were declined.</summary>
    public static bool IsUnreached(IEnumerable<Notice> ofStep, IReadOnlyCollection<string> declined) =>
        ofStep.All(n => n.State is NoticeState.Failed or NoticeState.Cancelled || n.Held || declined.Contains(n.Recipient));

    /// <summary>
    /// The steps that come at once instead. The same people once more at once would fail once more at once, without end: they keep their
    /// wait, and others come first.
    /// </summary>
    public static List<EscalationStep> Instead(IEnumerable<EscalationStep> waiting, EscalationStep unreached) =>
        [.. waiting.Where(s => s.Template == MessageKind.Opened).SkipWhile(s => s.To == unreached.To)];

    private static bool IsToldOfWhatIsOver(MessageKind kind) => kind is MessageKind.Cleared or MessageKind.Back or MessageKind.Late;
}
