using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>The plan of an alarm as rows: which steps wait, and when. Each change belongs to the caller's transaction.</summary>
internal static class Plan
{
    /// <summary>
    /// Values of <see cref="EscalationStep.To"/> that name no recipient. Told: whoever was told hears that it is over or has eased. Again:
    /// it happened again after somebody acknowledged it, and when this step is due the whole plan begins again.
    /// </summary>
    public const string Told = "told",
        Again = "again";

    /// <summary>The waiting steps of an alarm, as they are with the changes of this context that aren't saved yet.</summary>
    public static async Task<List<EscalationStep>> WaitingAsync(RecordsDb db, Guid alarm, CancellationToken cancellation)
    {
        await db.Steps.Where(s => s.AlarmId == alarm && s.State == StepState.Waiting).LoadAsync(cancellation);
        return Waiting(db, alarm);
    }

    /// <summary>The same where the steps that wait are loaded already.</summary>
    public static List<EscalationStep> Waiting(RecordsDb db, Guid alarm) =>
        [.. db.Steps.Local.Where(s => s.AlarmId == alarm && s.State == StepState.Waiting).OrderBy(s => s.Order)];

    /// <summary>Moves the steps that still wait so that the next is due at a moment, keeping the waits between them.</summary>
    public static async Task ResumeAsync(RecordsDb db, Guid alarm, DateTime next, CancellationToken cancellation) =>
        Resume(await WaitingAsync(db, alarm, cancellation), next);

    /// <summary>
    /// The same for these steps. Only those that say that the alarm opened have waits; the others are due at once as they are.
    /// </summary>
    public static void Resume(IEnumerable<EscalationStep> waiting, DateTime next)
    {
        var due = next;
        foreach (var step in waiting.Where(s => s.Template == MessageKind.Opened))
        {
            step.DueAt = due;
            due = due.AddSeconds(step.WaitSeconds);
        }
    }

    /// <summary>Cancels the steps that wait, and adds the whole plan of the policy again behind those that have run.</summary>
    /// <param name="says">The message of the first step.</param>
    public static async Task AnewAsync(
        RecordsDb db,
        Alarm alarm,
        Policy policy,
        MessageKind says,
        DateTime now,
        Func<Guid> id,
        CancellationToken cancellation
    )
    {
        foreach (var old in await WaitingAsync(db, alarm.Id, cancellation))
            Cancel(old, now, new Wording("planned anew", "重新安排"));
        var order = await LastOrderAsync(db, alarm.Id, cancellation);
        foreach (var step in Policies.Plan(policy, alarm.Id, now, id))
        {
            if (step.Order == 1)
                step.Template = says;
            step.Order += order;
            db.Steps.Add(step);
        }
    }

    /// <summary>One more step after those that there are.</summary>
    public static async Task AddAsync(RecordsDb db, EscalationStep step, CancellationToken cancellation)
    {
        step.Order = await LastOrderAsync(db, step.AlarmId, cancellation) + 1;
        db.Steps.Add(step);
    }

    public static void Cancel(EscalationStep step, DateTime now, Wording why) =>
        (step.State, step.FinishedAt, step.Note) = (StepState.Cancelled, now, why);

    private static async Task<int> LastOrderAsync(RecordsDb db, Guid alarm, CancellationToken cancellation)
    {
        var saved = await db.Steps.Where(s => s.AlarmId == alarm).MaxAsync(s => (int?)s.Order, cancellation) ?? 0;
        return Math.Max(saved, db.Steps.Local.Where(s => s.AlarmId == alarm).Select(s => s.Order).DefaultIfEmpty(0).Max());
    }
}
