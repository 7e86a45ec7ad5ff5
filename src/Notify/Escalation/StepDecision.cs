using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>What a step of a plan does when its turn has come.</summary>
internal enum StepTurn
{
    /// <summary>It tells the people that it names.</summary>
    TellPeople,

    /// <summary>The same unless somebody has been told, which is enough for this policy: then the plan is over.</summary>
    TellPeopleUnlessSomebodyWas,

    /// <summary>It tells whoever was told that it is over, or has eased.</summary>
    TellWhoeverWasTold,

    /// <summary>It happened again after somebody acknowledged it, and the time that they had is over.</summary>
    TellAgain,
}

/// <summary>How a step ended.</summary>
internal enum StepEnd
{
    Reached,

    /// <summary>There is nobody who is meant by it.</summary>
    Nobody,

    /// <summary>Whoever is meant has no address that it may use.</summary>
    NoAddress,
}

/// <summary>What a plan does next. Decisions alone, of what is passed in.</summary>
internal static class StepDecision
{
    /// <summary>A plan that is at its end and that nobody has answered begins its last step again, this long apart at least.</summary>
    private static readonly TimeSpan LastStepAgain = TimeSpan.FromMinutes(15);

    public static StepTurn AtItsTurn(EscalationStep step, PlanEnd until) =>
        step.To switch
        {
            Plan.Told => StepTurn.TellWhoeverWasTold,
            Plan.Again => StepTurn.TellAgain,
            _ => until == PlanEnd.Told ? StepTurn.TellPeopleUnlessSomebodyWas : StepTurn.TellPeople,
        };

    /// <param name="meant">How many people it names.</param>
    /// <param name="reached">How many of them have a message on their way.</param>
    public static StepEnd End(int meant, int reached) =>
        reached > 0 ? StepEnd.Reached
        : meant == 0 ? StepEnd.Nobody
        : StepEnd.NoAddress;

    /// <summary>It is told at once, beside the plan: no other step waits for it.</summary>
    public static bool IsBeside(EscalationStep step) => step.Template != MessageKind.Opened && step.WaitSeconds == 0;

    /// <summary>"Until somebody answers for it": the end of a plan is not the end of telling people.</summary>
    /// <param name="step">That has run.</param>
    /// <param name="waiting">Those of its alarm that are still to come.</param>
    /// <returns>How long until the last step of the policy begins again; null while the plan goes on, or may end.</returns>
    public static TimeSpan? BeginsLastAgain(EscalationStep step, Severity severity, IEnumerable<EscalationStep> waiting) =>
        severity < Severity.High || waiting.Any(s => s.WaitSeconds > 0)
            ? null
            : TimeSpan.FromSeconds(Math.Max(step.WaitSeconds, LastStepAgain.TotalSeconds));

    /// <summary>Who is told when a promise was broken and the plan has nobody left above whoever gave it.</summary>
    public static IReadOnlyList<RecipientKind> Above(RecipientKind who) =>
        who < RecipientKind.Duty ? [RecipientKind.Duty, RecipientKind.Supervisor] : [RecipientKind.Supervisor];
}
