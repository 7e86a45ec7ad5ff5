using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Whoever acknowledges promises that the person is seen well by a certain time. When it runs out, the alarm is open again and escalation
/// resumes above them (invariant 8).
/// </summary>
internal sealed partial class Promises(
    IDbContextFactory<RecordsDb> records,
    Policies policies,
    MessageTexts messages,
    TimeProvider clock,
    Troubles? troubles,
    ILogger log
)
{
    /// <summary>One look at one lane; returns how many had run out.</summary>
    public async Task<int> LookAsync(Lane lane, int most, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var (least, highest) = Due.Severities(lane);
        await using var db = await records.CreateDbContextAsync(cancellation);
        var expired = await db
            .Alarms.AsNoTracking()
            .Where(a =>
                a.SeenWellBy <= now
                && a.Severity >= least
                && a.Severity <= highest
                && (a.State == AlarmState.Acknowledged || a.State == AlarmState.InHand)
            )
            .Select(a => a.Id)
            .Take(most)
            .ToListAsync(cancellation);
        var done = 0;
        foreach (var id in expired)
        {
            try
            {
                await ResumeAsync(id, cancellation);
                done++;
            }
            catch (DbUpdateConcurrencyException)
            {
                // Somebody resolved or handed it over this moment: the next look sees what stands then.
            }
            catch (Exception e) when (Faults.MayBeOneRow(e, cancellation))
            {
                LogNotResumed(log, id, e); // the others' promises run out all the same
                troubles?.Happened(
                    "promise",
                    $"alarm {id} can't be opened again although nobody was seen well in time: {e.GetType().Name}",
                    $"警报 {id} 未按时报告平安，但无法重新打开：{e.GetType().Name}",
                    TimeSpan.FromHours(1)
                );
            }
        }

        return done;
    }

    private async Task ResumeAsync(Guid id, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        var alarm = await db.Alarms.FirstAsync(a => a.Id == id, cancellation);
        if (AlarmLife.PromiseBroken(Standing.Of(alarm), now) is not { } after)
            return;
        var people = await People.LoadAsync(db, [alarm], messages.ToLocal(now), cancellation);
        var who = alarm.AcknowledgedBy!;
        after.WriteTo(alarm);
        Timeline.Add(
            db,
            alarm.Id,
            now,
            TimelineEvent.Reopened,
            "escalation",
            $"{who} acknowledged, but nobody reported the person seen well in time",
            $"{who} 已确认，但未按时报告平安"
        );
        var role = await db.Users.AsNoTracking().Where(u => u.UserName == who).Select(u => u.Role).FirstOrDefaultAsync(cancellation);
        var mine = people.PlaceOf(who, role, alarm);
        foreach (var step in await Plan.WaitingAsync(db, alarm.Id, cancellation))
            if (!Recipient.Parse(step.To).IsAbove(mine))
                (step.State, step.FinishedAt, step.Note) = (
                    StepState.Skipped,
                    now,
                    new Wording($"not above {who}, who acknowledged", $"不高于已确认的 {who}")
                );
        if (Plan.Waiting(db, alarm.Id).Count == 0)
        {
            var last = policies.For(alarm, people.Resident(alarm), messages.Zone).Steps[^1];
            foreach (var above in StepDecision.Above(mine.Kind))
                await Plan.AddAsync(
                    db,
                    new EscalationStep
                    {
                        Id = clock.NewId(),
                        AlarmId = alarm.Id,
                        To = $"{new Recipient(above)}",
                        Via =
                            alarm.Severity >= Severity.High
                                ? [Channel.Voice, Channel.Sms, Channel.Webhook, Channel.Mail]
                                : [Channel.Webhook, Channel.Mail, Channel.Sms],
                        DueAt = now,
                        WaitSeconds = (int)last.Wait.TotalSeconds,
                    },
                    cancellation
                );
        }

        await Plan.ResumeAsync(db, alarm.Id, now, cancellation);
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Alarm {Alarm} could not be opened again; it is tried again")]
    private static partial void LogNotResumed(ILogger logger, Guid alarm, Exception e);
}
