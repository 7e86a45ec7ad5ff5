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

    /// <summary>It tells whoever was told of the alarm that it is over, or has eased.</summary>
    TellWhoeverWasTold,

    /// <summary>
    /// It begins the plan again, because it happened again after somebody acknowledged it, and the time they had is over.
    /// </summary>
    TellAgain,
}

/// <summary>How a step ended.</summary>
internal enum StepEnd
{
    Reached,

    /// <summary>Nobody is registered, or on duty, for the place that it names.</summary>
    Nobody,

    /// <summary>The people that it names have no address for any of its channels.</summary>
    NoAddress,
}

/// <summary>Decides what a plan does next. Pure functions of what is passed in.</summary>
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

    /// <summary>Whether a step is no part of the plan's order: it is run at once, and no other step waits for it.</summary>
    public static bool IsBeside(EscalationStep step) => step.Template != MessageKind.Opened && step.WaitSeconds == 0;

    /// <summary>High and critical alarms are told until somebody answers: at the end of a plan its last step begins again.</summary>
    /// <param name="step">The step that has run.</param>
    /// <param name="waiting">The steps of its alarm that are still to come.</param>
    /// <returns>How long until the last step of the policy begins again; null while the plan goes on, or may end.</returns>
    public static TimeSpan? BeginsLastAgain(EscalationStep step, Severity severity, IEnumerable<EscalationStep> waiting) =>
        severity < Severity.High || waiting.Any(s => s.WaitSeconds > 0)
            ? null
            : TimeSpan.FromSeconds(Math.Max(step.WaitSeconds, LastStepAgain.TotalSeconds));

    /// <summary>Who is told when "seen well by" ran out and the plan has no step left above whoever acknowledged.</summary>
    public static IReadOnlyList<RecipientKind> Above(RecipientKind who) =>
        who < RecipientKind.Duty ? [RecipientKind.Duty, RecipientKind.Supervisor] : [RecipientKind.Supervisor];
}
