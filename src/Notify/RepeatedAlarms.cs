using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>What a finding does to an alarm that is open already: it is counted, told again, or becomes more severe.</summary>
internal sealed class RepeatedAlarms(Policies policies, TimeProvider clock, TimeZoneInfo zone)
{
    /// <summary>Changes an open alarm, its timeline and the steps that tell people, in the caller's transaction.</summary>
    public async Task<AlarmChange> ApplyAsync(RecordsDb db, Alarm alarm, Finding finding, DateTime now, CancellationToken cancellation)
    {
        var before = Standing.Of(alarm);
        alarm.Severity = AlarmLife.SeverityWith(before, finding); // the policy is chosen by it
        var policy = policies.For(alarm, alarm.Resident, zone);
        var again = AlarmLife.HappensAgain(before, finding, policy, now);
        var (after, what, telling, at) = again;
        after.WriteTo(alarm);
        (alarm.Reason, alarm.ReasonZh) = (finding.Reason, finding.ReasonZh);
        var change = new AlarmChange(alarm.Id, what, alarm.Severity);
        var planned = telling is TellingAgain.Counted or TellingAgain.Later
            ? (await Plan.WaitingAsync(db, alarm.Id, cancellation)).Where(s => s.To == Plan.Again).Min(s => (DateTime?)s.DueAt)
            : null;
        // A button that is held or pressed again and again: each press is counted, and people are told once in a while.
        if (telling == TellingAgain.Counted && planned <= at)
            return change;
        var (text, textZh) = ReasonLine(finding, again.Rose, telling == TellingAgain.Counted ? at - now : null);
        Timeline.Add(db, alarm.Id, now, what, AlarmLife.Rules, text, textZh);
        switch (telling)
        {
            case TellingAgain.Counted:
                await AddAgainAsync(db, alarm.Id, at!.Value, cancellation);
                break;
            case TellingAgain.Later:
                // Recorded now; if nobody has finished it when the time is over, the whole plan begins again.
                if (planned is null)
                    await AddAgainAsync(db, alarm.Id, at!.Value, cancellation);
                break;
            case TellingAgain.Anew:
                Timeline.Add(
                    db,
                    alarm.Id,
                    now,
                    TimelineEvent.Reopened,
                    AlarmLife.Rules,
                    again.Rose ? "became more severe after it was acknowledged" : "happened again after it was acknowledged",
                    again.Rose ? "确认后加重" : "确认后再次发生"
                );
                await Plan.AnewAsync(db, alarm, policy, MessageKind.Repeated, now, clock.NewId, cancellation);
                break;
            case TellingAgain.Now:
                await TellNowAsync(db, alarm, policy, again.Rose, now, cancellation);
                break;
        }

        return change;
    }

    /// <param name="counted">It is counted, and told after this time at the earliest.</param>
    private static (string En, string Zh) ReasonLine(Finding finding, bool rose, TimeSpan? counted) =>
        counted is { } wait
            ? (
                $"{finding.Reason}; counted, and told anew at the earliest in {wait.TotalSeconds:0} s",
                $"{finding.ReasonZh}；已计数，最早 {wait.TotalSeconds:0} 秒后再次通知"
            )
        : rose ? ($"now {finding.Severity}: {finding.Reason}", $"级别升高：{finding.ReasonZh}")
        : (finding.Reason, finding.ReasonZh);

    private async Task TellNowAsync(RecordsDb db, Alarm alarm, Policy policy, bool rose, DateTime now, CancellationToken cancellation)
    {
        var waiting = await Plan.WaitingAsync(db, alarm.Id, cancellation);
        if (rose || !waiting.Exists(s => s.Template == MessageKind.Opened))
        {
            var says = rose ? MessageKind.Opened : MessageKind.Repeated;
            await Plan.AnewAsync(db, alarm, policy, says, now, clock.NewId, cancellation);
            return;
        }

        // It happened again while people are being told: those of the first step are told at once, and the plan goes on as it was.
        var first = policy.Steps[0];
        await Plan.AddAsync(
            db,
            new EscalationStep
            {
                Id = clock.NewId(),
                AlarmId = alarm.Id,
                To = first.To,
                Via = first.Via,
                DueAt = now,
                Template = MessageKind.Repeated,
            },
            cancellation
        );
    }

    private Task AddAgainAsync(RecordsDb db, Guid alarm, DateTime due, CancellationToken cancellation) =>
        Plan.AddAsync(
            db,
            new EscalationStep
            {
                Id = clock.NewId(),
                AlarmId = alarm,
                To = Plan.Again,
                Via = [],
                DueAt = due,
                Template = MessageKind.Repeated,
            },
            cancellation
        );
}
