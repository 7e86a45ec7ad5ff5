using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Tests.Notify.Decisions;

/// <summary>What a step of a plan does when it is due, and what follows it, decided without a database or a clock.</summary>
public sealed class StepDecisionTests
{
    [Fact]
    public void That_somebody_was_told_is_enough_only_where_the_policy_says_so_and_never_silences_that_it_is_over()
    {
        Assert.Equal(StepTurn.TellPeopleUnlessSomebodyWas, StepDecision.AtItsTurn(To("visitor"), PlanEnd.Told));
        Assert.Equal(StepTurn.TellPeople, StepDecision.AtItsTurn(To("visitor"), PlanEnd.Acknowledged));
        Assert.Equal(StepTurn.TellWhoeverWasTold, StepDecision.AtItsTurn(To(Plan.Told), PlanEnd.Told));
        Assert.Equal(StepTurn.TellAgain, StepDecision.AtItsTurn(To(Plan.Again), PlanEnd.Told));
    }

    [Theory]
    [InlineData(2, 1, StepEnd.Reached)]
    [InlineData(2, 0, StepEnd.NoAddress)]
    [InlineData(0, 0, StepEnd.Nobody)]
    internal void A_step_says_whether_there_was_nobody_or_no_address(int meant, int reached, StepEnd end) =>
        Assert.Equal(end, StepDecision.End(meant, reached));

    [Fact]
    public void A_plan_that_nobody_answered_begins_its_last_step_again_where_a_life_may_hang_on_it()
    {
        Assert.Equal(TimeSpan.FromMinutes(15), StepDecision.BeginsLastAgain(To("supervisor", 300), Severity.High, []));
        Assert.Equal(TimeSpan.FromMinutes(20), StepDecision.BeginsLastAgain(To("supervisor", 1200), Severity.Critical, []));
        Assert.Null(StepDecision.BeginsLastAgain(To("duty", 300), Severity.Critical, [To("supervisor", 300)]));
        Assert.Null(StepDecision.BeginsLastAgain(To("duty", 300), Severity.Warning, []));
        // A step that only tells people what happened is not part of the plan, so it doesn't count as the next one.
        Assert.NotNull(StepDecision.BeginsLastAgain(To("duty", 300), Severity.High, [To(Plan.Told)]));
    }

    [Fact]
    public void Above_whoever_broke_a_promise_there_is_always_somebody()
    {
        Assert.Equal([RecipientKind.Duty, RecipientKind.Supervisor], StepDecision.Above(RecipientKind.Visitor));
        Assert.Equal([RecipientKind.Supervisor], StepDecision.Above(RecipientKind.Duty));
        Assert.Equal([RecipientKind.Supervisor], StepDecision.Above(RecipientKind.Supervisor));
    }

    private static EscalationStep To(string to, int wait = 0) =>
        new()
        {
            To = to,
            Via = [],
            WaitSeconds = wait,
        };
}
