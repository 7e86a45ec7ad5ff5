using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>What is done with a notice whose turn has come.</summary>
internal enum NoticeTurn
{
    Send,

    /// <summary>It was being sent and no outcome was written down: its provider is asked what became of it.</summary>
    AskProvider,

    /// <summary>Not sent: somebody has answered for its alarm.</summary>
    Answered,

    /// <summary>Given up: it has waited for its provider for as long as its link can be opened.</summary>
    HeldTooLong,

    /// <summary>Failed: nothing is sent to such an address.</summary>
    AddressRefused,

    /// <summary>Failed: no provider of the routes carries its channel to this address.</summary>
    NoProvider,

    /// <summary>Put off: its number has had as many as the limits allow.</summary>
    LimitReached,
}

/// <param name="DueAt">When its turn comes again; null where it doesn't.</param>
internal readonly record struct TurnDecision(NoticeTurn Turn, DateTime? DueAt = null);

/// <summary>What is done with a notice after its provider said what became of it.</summary>
internal enum FollowUp
{
    /// <summary>Nothing: its outcome is known already, for instance because a receipt came before the answer to the request.</summary>
    AlreadyKnown,
    Sent,
    Delivered,

    /// <summary>It may have gone out: its provider is asked.</summary>
    AskProvider,

    /// <summary>
    /// It may have gone out, and its provider could not be asked: the person is told another way meanwhile, and the provider is asked again
    /// later.
    /// </summary>
    StillUnknown,

    /// <summary>Too many requests are under way at its provider: sent in a moment, and this attempt isn't counted.</summary>
    Busy,

    /// <summary>Its provider is down: another provider sends it at once.</summary>
    Reroute,

    /// <summary>
    /// Its provider is down and no other carries it, or all attempts failed: the person is told another way, and this notice is sent when
    /// the provider is back.
    /// </summary>
    Hold,

    /// <summary>It failed for a reason that may pass: the same way again, after a pause.</summary>
    Retry,

    /// <summary>It will never work for this address: the person is told another way.</summary>
    Fail,
}

/// <param name="DueAt">When its turn comes again; null where it doesn't.</param>
internal readonly record struct FollowUpDecision(FollowUp FollowUp, DateTime? DueAt = null);

/// <summary>What a receipt says of a notice.</summary>
internal enum ReceiptMeaning
{
    /// <summary>Nothing that is not known already.</summary>
    AlreadyKnown,

    /// <summary>It is under way. Only its provider's id is kept, by which it is found again after a crash.</summary>
    OnItsWay,
    Delivered,
    Failed,
}

/// <summary>How a person is told whom a message did not reach.</summary>
internal enum OtherWay
{
    /// <summary>Not at all: somebody has answered.</summary>
    Answered,

    /// <summary>The next channel is being tried already.</summary>
    UnderWay,
    NextChannel,

    /// <summary>No channel is left. When nobody else of the step can answer either, the next step is due at once.</summary>
    None,
}

/// <summary>
/// Decides what happens next to a notice: by its state, its alarm's state, what its provider says and how many messages its number may get.
/// Pure functions of what is passed in. Whether a message is sent again is decided here and nowhere else.
/// </summary>
internal static class DeliveryDecision
{
    public const int MostAttempts = 3;

    /// <summary>For how long nobody else touches a notice that is being sent. After that its outcome counts as unknown.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(45);

    /// <summary>For how long a notice waits for its provider: as long as its link can be opened.</summary>
    public static readonly TimeSpan LongestHeld = Notices.LinkLifetime;

    /// <summary>How often a notice that waits for its provider is tried, of a critical alarm and of others.</summary>
    private static readonly TimeSpan HeldCriticalPause = TimeSpan.FromSeconds(20),
        HeldPause = TimeSpan.FromSeconds(60);

    /// <param name="addressRefused">Nothing is sent to its address.</param>
    /// <param name="hasProvider">A provider carries its channel to its address.</param>
    /// <param name="freeAt">When its number may get one more; null for critical alarms, which have no limit.</param>
    public static TurnDecision AtItsTurn(
        Notice notice,
        AlarmState alarm,
        bool addressRefused,
        bool hasProvider,
        DateTime? freeAt,
        DateTime now
    ) =>
        notice.Held && now - notice.CreatedAt > LongestHeld ? new(NoticeTurn.HeldTooLong)
        : notice.State == NoticeState.Sending ? new(NoticeTurn.AskProvider, now + Lease)
        : alarm != AlarmState.Open && !IsSentAfterAnAnswer(notice.Template) ? new(NoticeTurn.Answered)
        : addressRefused ? new(NoticeTurn.AddressRefused)
        : !hasProvider ? new(NoticeTurn.NoProvider)
        : freeAt > now ? new(NoticeTurn.LimitReached, freeAt)
        : new(NoticeTurn.Send, now + Lease);

    /// <summary>
    /// Whether a person is told another way at once because a limit puts their message off: only for alarms that can't wait, and only when
    /// it is put off the first time.
    /// </summary>
    public static bool IsToldAnotherWay(NoticeState before, Severity severity) =>
        before != NoticeState.Deferred && severity >= Severity.High;

    /// <param name="asked">The outcome is the answer to the question what became of an earlier request.</param>
    /// <param name="otherProvider">Another provider carries it to this address.</param>
    public static FollowUpDecision AfterOutcome(
        Notice notice,
        ChannelOutcome outcome,
        bool asked,
        bool otherProvider,
        Severity severity,
        DateTime now
    ) =>
        notice.State != NoticeState.Sending
            ? new(FollowUp.AlreadyKnown)
            : outcome switch
            {
                ChannelOutcome.Sent => new(FollowUp.Sent),
                ChannelOutcome.Delivered => new(FollowUp.Delivered),
                ChannelOutcome.Unknown => new(FollowUp.AskProvider, now.AddSeconds(2)),
                ChannelOutcome.Busy => new(FollowUp.Busy, now.AddSeconds(1)),
                ChannelOutcome.Down when asked => new(FollowUp.StillUnknown, HeldUntil(severity, now)),
                ChannelOutcome.Down when otherProvider => new(FollowUp.Reroute, now),
                ChannelOutcome.Down => new(FollowUp.Hold, HeldUntil(severity, now)),
                ChannelOutcome.TryAgain when notice.Attempts >= MostAttempts => new(FollowUp.Hold, HeldUntil(severity, now)),
                ChannelOutcome.TryAgain => new(FollowUp.Retry, asked ? now : now.AddSeconds(2 << notice.Attempts)),
                _ => new(FollowUp.Fail),
            };

    /// <param name="attempts">How often it was sent. One that waits to be sent again may have arrived all the same, because its provider
    /// did not know it when it was asked; a receipt that it arrived saves sending it twice.</param>
    /// <param name="delivered">Null: it is on its way.</param>
    public static ReceiptMeaning MeaningOfReceipt(NoticeState state, int attempts, bool? delivered) =>
        (state, delivered) switch
        {
            (NoticeState.Sending or NoticeState.Sent, null) => ReceiptMeaning.OnItsWay,
            (NoticeState.Sending or NoticeState.Sent, false) => ReceiptMeaning.Failed,
            (NoticeState.Sending or NoticeState.Sent, true) => ReceiptMeaning.Delivered,
            (NoticeState.Waiting or NoticeState.Deferred, true) when attempts > 0 => ReceiptMeaning.Delivered,
            _ => ReceiptMeaning.AlreadyKnown,
        };

    /// <param name="next">The step's next channel, after the one that failed, over which the person has an address; null when there is
    /// none.</param>
    /// <param name="ofStep">All messages of the step.</param>
    public static OtherWay OtherWayAfter(Notice failed, AlarmState alarm, Channel? next, IEnumerable<Notice> ofStep) =>
        alarm != AlarmState.Open ? OtherWay.Answered
        : next is not { } channel ? OtherWay.None
        : ofStep.Any(n => n.Recipient == failed.Recipient && n.Channel == channel) ? OtherWay.UnderWay
        : OtherWay.NextChannel;

    /// <summary>
    /// Whether nobody of a step can answer any more: each message failed or waits for its provider, or its recipient declined.
    /// </summary>
    public static bool IsUnreached(IEnumerable<Notice> ofStep, IReadOnlyCollection<string> declined) =>
        ofStep.All(n => n.State is NoticeState.Failed or NoticeState.Cancelled || n.Held || declined.Contains(n.Recipient));

    /// <summary>
    /// The steps that are due at once after a step that reached nobody: those from the next other people on. A repetition of the same
    /// people keeps its wait, because at once it would fail again, without end.
    /// </summary>
    public static List<EscalationStep> StepsInsteadOf(EscalationStep unreached, IEnumerable<EscalationStep> waiting) =>
        [.. waiting.Where(s => s.Template == MessageKind.Opened).SkipWhile(s => s.To == unreached.To)];

    private static DateTime HeldUntil(Severity severity, DateTime now) =>
        now + (severity == Severity.Critical ? HeldCriticalPause : HeldPause);

    /// <summary>Messages that say how an alarm went on are sent although somebody has answered for it.</summary>
    private static bool IsSentAfterAnAnswer(MessageKind kind) => kind is MessageKind.Cleared or MessageKind.Back or MessageKind.Late;
}
