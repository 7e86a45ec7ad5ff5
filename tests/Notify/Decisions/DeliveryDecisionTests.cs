using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Tests.Notify.Decisions;

/// <summary>What happens to a notice next, decided without a database, a clock or a provider.</summary>
public sealed class DeliveryDecisionTests
{
    private static readonly DateTime Now = new(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc);

    [Fact]
    public void What_is_due_is_sent_and_its_sender_has_it_for_a_lease() =>
        Assert.Equal(new TurnDecision(NoticeTurn.Send, Now + DeliveryDecision.Lease), AtItsTurn(Of(NoticeState.Waiting)));

    [Fact]
    public void Nobody_is_told_of_what_is_answered_but_that_it_is_over()
    {
        Assert.Equal(NoticeTurn.Answered, AtItsTurn(Of(NoticeState.Waiting), AlarmState.Acknowledged).Turn);
        foreach (var over in new[] { MessageKind.Cleared, MessageKind.Back, MessageKind.Late })
            Assert.Equal(NoticeTurn.Send, AtItsTurn(Of(NoticeState.Waiting, says: over), AlarmState.Resolved).Turn);
    }

    [Fact]
    public void What_may_have_gone_out_is_asked_about_before_anything_else_also_when_it_is_answered() =>
        Assert.Equal(
            NoticeTurn.AskProvider,
            AtItsTurn(Of(NoticeState.Sending), AlarmState.Resolved, addressRefused: true, hasProvider: false).Turn
        );

    [Fact]
    public void What_waits_for_a_provider_is_given_up_when_its_link_opens_no_more()
    {
        var held = Of(NoticeState.Deferred);
        (held.Held, held.CreatedAt) = (true, Now.AddHours(-24));
        Assert.Equal(NoticeTurn.Send, AtItsTurn(held).Turn);
        held.CreatedAt = Now.AddHours(-24).AddTicks(-1);
        Assert.Equal(NoticeTurn.HeldTooLong, AtItsTurn(held).Turn);
        held.Held = false; // a notice held by a limit or by quiet hours is not given up
        Assert.Equal(NoticeTurn.Send, AtItsTurn(held).Turn);
    }

    [Fact]
    public void What_can_not_go_there_is_said_to_be_so_and_a_limit_only_delays()
    {
        Assert.Equal(NoticeTurn.AddressRefused, AtItsTurn(Of(NoticeState.Waiting), addressRefused: true, hasProvider: false).Turn);
        Assert.Equal(NoticeTurn.NoProvider, AtItsTurn(Of(NoticeState.Waiting), hasProvider: false).Turn);
        Assert.Equal(new(NoticeTurn.LimitReached, Now.AddMinutes(1)), AtItsTurn(Of(NoticeState.Waiting), freeAt: Now.AddMinutes(1)));
        Assert.Equal(NoticeTurn.Send, AtItsTurn(Of(NoticeState.Waiting), freeAt: Now).Turn);
    }

    [Fact]
    public void What_a_limit_delays_is_told_another_way_once_where_it_can_not_wait()
    {
        Assert.True(DeliveryDecision.IsToldAnotherWay(NoticeState.Waiting, Severity.High));
        Assert.False(DeliveryDecision.IsToldAnotherWay(NoticeState.Deferred, Severity.High));
        Assert.False(DeliveryDecision.IsToldAnotherWay(NoticeState.Waiting, Severity.Warning));
    }

    [Theory]
    [InlineData(ChannelOutcome.Sent, FollowUp.Sent, null)]
    [InlineData(ChannelOutcome.Delivered, FollowUp.Delivered, null)]
    [InlineData(ChannelOutcome.GiveUp, FollowUp.Fail, null)]
    [InlineData(ChannelOutcome.Unknown, FollowUp.AskProvider, 2)]
    [InlineData(ChannelOutcome.Busy, FollowUp.Busy, 1)]
    [InlineData(ChannelOutcome.TryAgain, FollowUp.Retry, 4)]
    [InlineData(ChannelOutcome.Down, FollowUp.Hold, 60)]
    internal void Each_outcome_has_one_way_on(ChannelOutcome outcome, FollowUp followUp, int? seconds) =>
        Assert.Equal(
            new FollowUpDecision(followUp, seconds is { } s ? Now.AddSeconds(s) : null),
            AfterOutcome(Of(NoticeState.Sending, 1), outcome)
        );

    [Fact]
    public void A_receipt_that_came_before_the_answer_is_not_undone()
    {
        foreach (var state in Enum.GetValues<NoticeState>().Where(s => s != NoticeState.Sending))
        foreach (var outcome in Enum.GetValues<ChannelOutcome>())
            Assert.Equal(FollowUp.AlreadyKnown, AfterOutcome(Of(state), outcome).FollowUp);
    }

    [Fact]
    public void Passing_trouble_is_tried_three_times_ever_more_rarely_and_then_waits_for_the_provider()
    {
        Assert.Equal(
            [Now.AddSeconds(4), Now.AddSeconds(8), Now.AddSeconds(60)],
            new[] { 1, 2, 3 }.Select(attempts => AfterOutcome(Of(NoticeState.Sending, attempts), ChannelOutcome.TryAgain).DueAt!.Value)
        );
        Assert.Equal(FollowUp.Hold, AfterOutcome(Of(NoticeState.Sending, 3), ChannelOutcome.TryAgain).FollowUp);
        // The provider was asked and never received it: it is sent at once.
        Assert.Equal(new(FollowUp.Retry, Now), AfterOutcome(Of(NoticeState.Sending, 1), ChannelOutcome.TryAgain, asked: true));
    }

    [Fact]
    public void When_a_provider_is_down_another_takes_it_unless_it_may_have_gone_out()
    {
        var notice = Of(NoticeState.Sending, 1);
        Assert.Equal(new(FollowUp.Reroute, Now), AfterOutcome(notice, ChannelOutcome.Down, otherProvider: true));
        Assert.Equal(FollowUp.StillUnknown, AfterOutcome(notice, ChannelOutcome.Down, asked: true, otherProvider: true).FollowUp);
        Assert.Equal(Now.AddSeconds(20), AfterOutcome(notice, ChannelOutcome.Down, severity: Severity.Critical).DueAt);
    }

    [Theory]
    [InlineData(NoticeState.Sent, 1, true, ReceiptMeaning.Delivered)]
    [InlineData(NoticeState.Sending, 1, true, ReceiptMeaning.Delivered)]
    [InlineData(NoticeState.Sent, 1, false, ReceiptMeaning.Failed)]
    [InlineData(NoticeState.Sending, 1, null, ReceiptMeaning.OnItsWay)]
    // we had given it up, but it did arrive: it isn't sent a second time
    [InlineData(NoticeState.Waiting, 1, true, ReceiptMeaning.Delivered)]
    [InlineData(NoticeState.Deferred, 1, true, ReceiptMeaning.Delivered)]
    [InlineData(NoticeState.Waiting, 0, true, ReceiptMeaning.AlreadyKnown)] // it was never sent
    [InlineData(NoticeState.Waiting, 1, false, ReceiptMeaning.AlreadyKnown)]
    [InlineData(NoticeState.Delivered, 1, false, ReceiptMeaning.AlreadyKnown)]
    // a second receipt of the same failure: the next channel is not tried twice
    [InlineData(NoticeState.Failed, 1, false, ReceiptMeaning.AlreadyKnown)]
    [InlineData(NoticeState.Cancelled, 1, true, ReceiptMeaning.AlreadyKnown)]
    internal void A_receipt_only_ever_takes_a_notice_forward(NoticeState state, int attempts, bool? delivered, ReceiptMeaning meaning) =>
        Assert.Equal(meaning, DeliveryDecision.MeaningOfReceipt(state, attempts, delivered));

    [Fact]
    public void Whoever_was_not_reached_is_told_on_the_next_channel_once_and_only_while_nobody_has_answered()
    {
        var failed = Of(NoticeState.Failed);
        var call = Of(NoticeState.Waiting);
        call.Channel = Channel.Voice;
        Assert.Equal(OtherWay.NextChannel, DeliveryDecision.OtherWayAfter(failed, AlarmState.Open, Channel.Voice, [failed]));
        Assert.Equal(OtherWay.UnderWay, DeliveryDecision.OtherWayAfter(failed, AlarmState.Open, Channel.Voice, [failed, call]));
        Assert.Equal(OtherWay.None, DeliveryDecision.OtherWayAfter(failed, AlarmState.Open, null, [failed]));
        Assert.Equal(OtherWay.Answered, DeliveryDecision.OtherWayAfter(failed, AlarmState.Acknowledged, Channel.Voice, [failed]));
    }

    [Fact]
    public void A_step_is_unreached_when_each_message_failed_waits_for_its_provider_or_was_declined()
    {
        var (failed, held, sent) = (Of(NoticeState.Failed), Of(NoticeState.Deferred), Of(NoticeState.Sent));
        held.Held = true;
        Assert.True(DeliveryDecision.IsUnreached([failed, held], []));
        Assert.False(DeliveryDecision.IsUnreached([failed, sent], []));
        Assert.True(DeliveryDecision.IsUnreached([failed, sent], ["contact:1"]));
        Assert.False(DeliveryDecision.IsUnreached([Of(NoticeState.Deferred)], [])); // held by a limit, so it will still be sent
    }

    [Fact]
    public void After_a_step_that_reached_nobody_come_other_people_not_the_same_once_more()
    {
        var (now, again, next) = (StepTo("contact 1", 1), StepTo("contact 1", 2), StepTo("visitor", 3));
        var told = StepTo(Plan.Told, 4);
        told.Template = MessageKind.Cleared;
        Assert.Equal([next], DeliveryDecision.StepsInsteadOf(now, [again, next, told]));
        Assert.Empty(DeliveryDecision.StepsInsteadOf(now, [again]));
    }

    private static TurnDecision AtItsTurn(
        Notice notice,
        AlarmState alarm = AlarmState.Open,
        bool addressRefused = false,
        bool hasProvider = true,
        DateTime? freeAt = null
    ) => DeliveryDecision.AtItsTurn(notice, alarm, addressRefused, hasProvider, freeAt, Now);

    private static FollowUpDecision AfterOutcome(
        Notice notice,
        ChannelOutcome outcome,
        bool asked = false,
        bool otherProvider = false,
        Severity severity = Severity.High
    ) => DeliveryDecision.AfterOutcome(notice, outcome, asked, otherProvider, severity, Now);

    private static Notice Of(NoticeState state, int attempts = 0, MessageKind says = MessageKind.Opened) =>
        new()
        {
            State = state,
            Attempts = attempts,
            Template = says,
            Channel = Channel.Sms,
            Recipient = "contact:1",
            RecipientName = "王大",
            Address = "+8613800000001",
            Text = "",
            CreatedAt = Now,
            DueAt = Now,
        };

    private static EscalationStep StepTo(string to, int order) =>
        new()
        {
            To = to,
            Via = [Channel.Sms],
            Order = order,
            WaitSeconds = 300,
        };
}
