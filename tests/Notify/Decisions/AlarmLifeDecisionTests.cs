using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Tests.Notify.Decisions;

/// <summary>How findings, answers and time change an alarm, decided without a database or a clock.</summary>
public sealed class AlarmLifeDecisionTests
{
    private static readonly DateTime Noon = new(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc);
    private static readonly TimeSpan FourHours = TimeSpan.FromHours(4);

    private static readonly Policy Policy = new(
        "p",
        [],
        [],
        [],
        [],
        null,
        null,
        SeenWellBy: FourHours,
        RenotifyAfter: TimeSpan.FromHours(2),
        null,
        PlanEnd.Acknowledged,
        []
    )
    {
        RingAgainAfter = TimeSpan.FromSeconds(60),
    };

    private static readonly Standing Open = new()
    {
        State = AlarmState.Open,
        Severity = Severity.High,
        Episode = "e1",
        OpenedAt = Noon,
        Version = 3,
        Round = 2,
    };

    private static readonly Standing Taken = Open with
    {
        State = AlarmState.Acknowledged,
        AcknowledgedAt = Noon,
        AcknowledgedBy = "visitor:v1",
        SeenWellBy = Noon + FourHours,
    };

    private static readonly Standing Over = Open with
    {
        State = AlarmState.Resolved,
        ResolvedAt = Noon,
        ResolvedBy = "duty:d1",
        Resolution = Resolution.True,
    };

    [Theory]
    [InlineData(FindingChange.Opened, false, null, FindingMeaning.Opens)]
    // after a person has resolved it, another press opens an alarm again
    [InlineData(FindingChange.Updated, true, null, FindingMeaning.Opens)]
    [InlineData(FindingChange.Updated, false, null, FindingMeaning.ResolvedBefore)]
    [InlineData(FindingChange.Opened, false, "e0", FindingMeaning.HappensAgain)]
    [InlineData(FindingChange.Updated, false, "e1", FindingMeaning.HappensAgain)]
    [InlineData(FindingChange.Cleared, false, "e1", FindingMeaning.Clears)]
    [InlineData(FindingChange.Cleared, false, "e0", FindingMeaning.ClearsNothing)] // it ends an episode that isn't the open one
    [InlineData(FindingChange.Cleared, false, null, FindingMeaning.ClearsNothing)]
    internal void A_finding_means_what_the_open_alarm_makes_of_it(
        FindingChange change,
        bool notify,
        string? openEpisode,
        FindingMeaning meaning
    ) => Assert.Equal(meaning, AlarmLife.Meaning(Says(change, notify: notify), openEpisode));

    [Fact]
    public void A_changed_reason_tells_nobody()
    {
        var again = AlarmLife.HappensAgain(Open, Says(FindingChange.Updated), Policy, Noon.AddMinutes(1));
        Assert.Equal((TimelineEvent.Updated, TellingAgain.Recorded), (again.What, again.Telling));
        Assert.Equal(Open with { Version = 4 }, again.Standing);
    }

    [Fact]
    public void What_gets_worse_is_told_to_everybody_and_old_answers_do_not_count()
    {
        var now = Noon.AddMinutes(1);
        var worse = AlarmLife.HappensAgain(Taken, Says(FindingChange.Updated, Severity.Critical), Policy, now);
        Assert.Equal((TimelineEvent.Severity, TellingAgain.Anew), (worse.What, worse.Telling));
        Assert.Equal(Open with { Severity = Severity.Critical, Version = 5, Round = 5, RangAt = now }, worse.Standing);
    }

    [Fact]
    public void A_press_a_moment_after_people_were_told_is_counted()
    {
        var sos = Open with { Severity = Severity.Critical };
        var press = Says(FindingChange.Updated, Severity.Critical, notify: true);
        var soon = AlarmLife.HappensAgain(sos, press, Policy, Noon.AddSeconds(59));
        Assert.Equal((TellingAgain.Counted, Noon.AddSeconds(60), 1), (soon.Telling, soon.At, soon.Standing.Repeats));
        Assert.Equal(sos.Round, soon.Standing.Round); // the round stays the same, so an answer to the call also covers this press
        var later = AlarmLife.HappensAgain(sos, press, Policy, Noon.AddSeconds(60));
        Assert.Equal((TellingAgain.Now, Noon.AddSeconds(60), 4), (later.Telling, later.Standing.RangAt, later.Standing.Round));
    }

    [Fact]
    public void A_clock_that_was_put_back_holds_no_press_back() =>
        Assert.Null(AlarmLife.CountedUntil(Open with { Severity = Severity.Critical }, Policy, Noon.AddHours(-1)));

    [Fact]
    public void A_press_after_somebody_acknowledged_opens_it_again_once_and_is_then_counted()
    {
        var sos = Taken with { Severity = Severity.Critical };
        var press = Says(FindingChange.Updated, Severity.Critical, notify: true);
        var first = AlarmLife.HappensAgain(sos, press, Policy, Noon.AddSeconds(5));
        Assert.Equal((TellingAgain.Anew, AlarmState.Open), (first.Telling, first.Standing.State));
        var taken = AlarmLife.Acknowledge(first.Standing, "visitor:v1", null, FourHours, Noon.AddSeconds(8)).Standing;
        var second = AlarmLife.HappensAgain(taken, press, Policy, Noon.AddSeconds(10));
        Assert.Equal((TellingAgain.Counted, AlarmState.Acknowledged), (second.Telling, second.Standing.State));
    }

    [Fact]
    public void Whoever_acknowledged_has_a_while_to_finish_it_before_everybody_hears_of_it_again()
    {
        var early = AlarmLife.HappensAgain(Taken, Says(FindingChange.Opened), Policy, Noon.AddHours(1));
        Assert.Equal((TellingAgain.Later, Noon.AddHours(2)), (early.Telling, early.At));
        Assert.Equal(TellingAgain.Anew, AlarmLife.HappensAgain(Taken, Says(FindingChange.Opened), Policy, Noon.AddHours(2)).Telling);
        Assert.Null(AlarmLife.FinishedTooLate(Open, Noon.AddHours(2)));
        Assert.Equal(AlarmState.Open, AlarmLife.FinishedTooLate(Taken, Noon.AddHours(2))?.State);
    }

    [Fact]
    public void A_new_episode_is_not_clear_any_more()
    {
        var again = AlarmLife.HappensAgain(
            Open with
            {
                ClearedAt = Noon,
            },
            Says(FindingChange.Opened, episode: "e2"),
            Policy,
            Noon.AddHours(1)
        );
        Assert.Equal(("e2", null), (again.Standing.Episode, again.Standing.ClearedAt));
    }

    [Fact]
    public void A_cry_for_help_never_ends_by_itself_and_what_somebody_took_only_eases()
    {
        var now = Noon.AddMinutes(5);
        Assert.Equal(Clearing.StaysOpen, AlarmLife.Clear(Open with { Severity = Severity.Critical }, now).How);
        var (eased, how) = AlarmLife.Clear(Taken, now);
        Assert.Equal((Clearing.Eases, AlarmState.Acknowledged, now), (how, eased.State, eased.ClearedAt));
        var (ended, ends) = AlarmLife.Clear(Open, now);
        Assert.Equal(
            (Clearing.Ends, AlarmState.Resolved, Resolution.Cleared, "rules"),
            (ends, ended.State, ended.Resolution, ended.ResolvedBy)
        );
    }

    [Fact]
    public void An_answer_to_something_older_does_not_count()
    {
        Assert.Equal(Refusal.HappenedSince, AlarmLife.Acknowledge(Open, "contact:1", seen: 1, FourHours, Noon).Refused);
        Assert.Null(AlarmLife.Acknowledge(Open, "contact:1", seen: 2, FourHours, Noon).Refused);
        Assert.Null(AlarmLife.Acknowledge(Open, "contact:1", seen: null, FourHours, Noon).Refused);
    }

    [Fact]
    public void Each_answer_is_refused_with_its_reason_where_it_does_not_fit()
    {
        var way = Taken with { State = AlarmState.InHand };
        Assert.Equal(Refusal.Acknowledged, AlarmLife.Acknowledge(Taken, "x", null, FourHours, Noon).Refused);
        Assert.Equal(Refusal.Resolved, AlarmLife.Acknowledge(Over, "x", null, FourHours, Noon).Refused);
        Assert.Equal(Refusal.InHand, AlarmLife.TakeInHand(way, "x", FourHours, Noon).Refused);
        Assert.Equal(Refusal.Resolved, AlarmLife.TakeInHand(Over, "x", FourHours, Noon).Refused);
        Assert.Equal(Refusal.NotAcknowledged, AlarmLife.HandOver(Open, "x").Refused);
        Assert.Equal(Refusal.Resolved, AlarmLife.HandOver(Over, "x").Refused);
        Assert.Equal(Refusal.Resolved, AlarmLife.Resolve(Over, "x", Resolution.True, Noon).Refused);
        Assert.Equal(Refusal.NoReason, AlarmLife.Resolve(Open, "x", Resolution.None, Noon).Refused);
        Assert.Equal(Refusal.NoReason, AlarmLife.Resolve(Open, "x", Resolution.Cleared, Noon).Refused);
        Assert.Equal(Refusal.NotResolved, AlarmLife.Reopen(Taken, newerIsOpen: false).Refused);
        Assert.Equal(Refusal.NewerIsOpen, AlarmLife.Reopen(Over, newerIsOpen: true).Refused);
        Assert.Equal(Over, AlarmLife.Reopen(Over, newerIsOpen: true).Standing); // a refused action changes nothing
    }

    [Fact]
    public void Whoever_goes_there_keeps_the_promise_that_was_given()
    {
        var way = AlarmLife.TakeInHand(Taken, "visitor:v2", FourHours, Noon.AddHours(1)).Standing;
        Assert.Equal((AlarmState.InHand, "visitor:v1", Noon + FourHours), (way.State, way.AcknowledgedBy, way.SeenWellBy));
        var over = AlarmLife.HandOver(way, "duty:d1").Standing;
        Assert.Equal(("duty:d1", Noon + FourHours), (over.AcknowledgedBy, over.SeenWellBy));
    }

    [Fact]
    public void A_promise_is_broken_at_its_moment_and_not_before()
    {
        Assert.Null(AlarmLife.PromiseBroken(Taken, Noon + FourHours - TimeSpan.FromTicks(1)));
        Assert.Null(AlarmLife.PromiseBroken(Open, Noon.AddDays(9)));
        Assert.Equal(Open with { Version = 4, Round = 4 }, AlarmLife.PromiseBroken(Taken, Noon + FourHours));
    }

    [Fact]
    public void What_is_resolved_promises_nothing_and_what_is_opened_again_was_never_resolved()
    {
        Assert.Null(AlarmLife.Resolve(Taken, "duty:d1", Resolution.FalseAway, Noon).Standing.SeenWellBy);
        Assert.Equal(Open with { Version = 4, Round = 4 }, AlarmLife.Reopen(Over, newerIsOpen: false).Standing);
    }

    private static Finding Says(FindingChange change, Severity severity = Severity.High, bool notify = false, string episode = "e1") =>
        new("r1", AlarmKind.Sos, severity, change, episode, 0, Noon, "a reason", "原因", Notify: notify);
}
