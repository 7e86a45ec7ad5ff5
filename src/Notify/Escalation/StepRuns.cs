using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Runs one step: makes its notices, and plans what comes after it. Everything is written in the caller's transaction; the steps of its
/// alarm that wait are loaded.
/// </summary>
internal sealed class StepRuns(Policies policies, MessageTexts messages, SignedLinks links, TimeProvider clock)
{
    public async Task RunAsync(RecordsDb db, EscalationStep step, Alarm alarm, People people, DateTime now, CancellationToken cancellation)
    {
        var policy = policies.For(alarm, people.Resident(alarm), messages.Zone);
        (step.StartedAt, step.FinishedAt) = (now, now);
        switch (StepDecision.AtItsTurn(step, policy.Until))
        {
            case StepTurn.TellWhoeverWasTold:
                await TellWhoeverWasToldAsync(db, step, alarm, people, now, cancellation);
                break;
            case StepTurn.TellAgain:
                await TellAgainAsync(db, step, alarm, now, cancellation);
                break;
            case StepTurn.TellPeopleUnlessSomebodyWas when await IsSomebodyToldAsync(db, alarm, cancellation):
                foreach (var waiting in Plan.Waiting(db, alarm.Id))
                    Plan.Cancel(
                        waiting,
                        now,
                        new Wording("somebody has been told, which is enough for this policy", "已通知到人，按此策略即可")
                    );
                break;
            default:
                TellPeople(db, step, alarm, people, policy, now);
                if (StepDecision.IsBeside(step))
                    break;
                Plan.Resume(Plan.Waiting(db, alarm.Id), step.State == StepState.Skipped ? now : now.AddSeconds(step.WaitSeconds));
                await GoOnAsync(db, step, alarm, policy, now, cancellation);
                break;
        }
    }

    private static Task<bool> IsSomebodyToldAsync(RecordsDb db, Alarm alarm, CancellationToken cancellation) =>
        db.Notices.AnyAsync(n => n.AlarmId == alarm.Id && (n.State == NoticeState.Sent || n.State == NoticeState.Delivered), cancellation);

    private void TellPeople(RecordsDb db, EscalationStep step, Alarm alarm, People people, Policy policy, DateTime now)
    {
        var to = Recipient.Parse(step.To);
        var (meant, note, noteZh) = people.Find(to, alarm);
        var reached = new List<Wording>();
        foreach (var person in meant)
        {
            var found = person.Way(step.Via, critical: alarm.Severity == Severity.Critical);
            NoteUnusualWay(db, step, alarm, person, found?.Channel, now);
            if (found is not { } way)
                continue;
            var notice = NewNotice(step, alarm, person, way, people, now);
            if (policy.Quiet is { } quiet && alarm.Severity <= Severity.Warning && quiet.EndOf(now, messages.Zone) is var end && end > now)
                (notice.State, notice.DueAt, notice.Note) = (NoticeState.Deferred, end, $"quiet hours {quiet}");
            db.Notices.Add(notice);
            reached.Add(new Wording($"{person.Name} ({way.Channel.Word()})", $"{person.Name}（{ChannelWords.Of(way.Channel).Zh}）"));
        }

        var ended = StepDecision.End(meant.Count, reached.Count);
        step.State = ended == StepEnd.Reached ? StepState.Done : StepState.Skipped;
        var all = Wording.Join(reached);
        step.Note = ended switch
        {
            StepEnd.Reached => new Wording(
                $"step {step.Order}: {step.To} — {all.En}{(note.Length > 0 ? $" ({note})" : "")}",
                $"第{step.Order}步：{to.Chinese} — {all.Zh}{(noteZh.Length > 0 ? $"（{noteZh}）" : "")}"
            ),
            StepEnd.Nobody => new Wording(
                $"step {step.Order} skipped: {(note.Length > 0 ? note : $"there is no {step.To}")}",
                $"第{step.Order}步跳过：{(noteZh.Length > 0 ? noteZh : $"没有{to.Chinese}")}"
            ),
            _ => new Wording(
                $"step {step.Order} skipped: {step.To} has no address for {Words.List(step.Via)}",
                $"第{step.Order}步跳过：{to.Chinese}没有可用的联系方式（{ChannelWords.List(step.Via).Zh}）"
            ),
        };
        var what = ended == StepEnd.Reached ? TimelineEvent.Step : TimelineEvent.Skipped;
        Timeline.Add(db, alarm.Id, now, what, "escalation", step.Note);
    }

    /// <summary>Puts on the timeline why somebody is told another way than the plan says, or not at all.</summary>
    private static void NoteUnusualWay(RecordsDb db, EscalationStep step, Alarm alarm, Person person, Channel? way, DateTime now)
    {
        var (instead, insteadZh) = way is { } other
            ? ($"told by {other.Word()}", $"改用{ChannelWords.Of(other).Zh}")
            : ("passed over", "跳过");
        if (person.Unreadable)
            Timeline.Add(
                db,
                alarm.Id,
                now,
                TimelineEvent.Skipped,
                "escalation",
                $"{person.Name} ({person.Key}): a stored number or address can't be read; {instead}",
                $"{person.Name}（{person.Key}）：存储的号码或地址无法读取，{insteadZh}"
            );
        if (
            step.Via.Cast<Channel?>().FirstOrDefault(c => person.Blocked.Contains(c!.Value) && person.AddressFor(c.Value).Length > 0)
                is { } blocked
            && blocked != way
        )
            Timeline.Add(
                db,
                alarm.Id,
                now,
                TimelineEvent.Skipped,
                "escalation",
                $"{person.Name}: {blocked.Word()} is known not to reach this number; {instead}",
                $"{person.Name}：该号码无法通过{ChannelWords.Of(blocked).Zh}联系，{insteadZh}"
            );
    }

    private async Task GoOnAsync(
        RecordsDb db,
        EscalationStep step,
        Alarm alarm,
        Policy policy,
        DateTime now,
        CancellationToken cancellation
    )
    {
        if (StepDecision.BeginsLastAgain(step, alarm.Severity, Plan.Waiting(db, alarm.Id)) is not { } wait)
            return;
        var last = policy.Steps[^1];
        await Plan.AddAsync(
            db,
            new EscalationStep
            {
                Id = clock.NewId(),
                AlarmId = alarm.Id,
                To = last.To,
                Via = last.Via,
                DueAt = now + wait,
                WaitSeconds = (int)wait.TotalSeconds,
            },
            cancellation
        );
        Timeline.Add(
            db,
            alarm.Id,
            now,
            TimelineEvent.Exhausted,
            "escalation",
            $"the plan is at its end and nobody has answered: {last.To} again in {wait.TotalMinutes:0} min",
            $"预案已执行完毕仍无人响应：{wait.TotalMinutes:0} 分钟后再次通知{Recipient.Parse(last.To).Chinese}"
        );
    }

    /// <summary>
    /// It happened again after somebody acknowledged, and they have not finished it in time: the plan begins again.
    /// </summary>
    private async Task TellAgainAsync(RecordsDb db, EscalationStep step, Alarm alarm, DateTime now, CancellationToken cancellation)
    {
        (step.State, step.Note) = (StepState.Done, new Wording("told again", "已再次通知"));
        if (alarm.Severity == Severity.Critical)
            Timeline.Counted(db, alarm, now);
        if (AlarmLife.FinishedTooLate(Standing.Of(alarm), now) is not { } after)
            return; // people are being told already
        Timeline.Add(
            db,
            alarm.Id,
            now,
            TimelineEvent.Reopened,
            "escalation",
            $"happened again after {alarm.AcknowledgedBy} acknowledged it",
            $"{alarm.AcknowledgedBy} 确认后再次发生"
        );
        db.ChangeTracker.DetectChanges();
        await db.Entry(alarm).Reference(a => a.Resident).LoadAsync(cancellation); // policies may be chosen by the resident's class
        after.WriteTo(alarm);
        var policy = policies.For(alarm, alarm.Resident, messages.Zone);
        await Plan.AnewAsync(db, alarm, policy, MessageKind.Repeated, now, clock.NewId, cancellation);
    }

    /// <summary>Whoever was told hears that it is over, the way they were told; a call is followed by a text.</summary>
    private async Task TellWhoeverWasToldAsync(
        RecordsDb db,
        EscalationStep step,
        Alarm alarm,
        People people,
        DateTime now,
        CancellationToken cancellation
    )
    {
        var told = await db
            .Notices.AsNoTracking()
            .Where(n =>
                n.AlarmId == alarm.Id && (n.State == NoticeState.Sending || n.State == NoticeState.Sent || n.State == NoticeState.Delivered)
            )
            .ToListAsync(cancellation);
        var names = new List<string>();
        foreach (var notice in told.OrderBy(n => n.CreatedAt).DistinctBy(n => n.Recipient))
        {
            var channel = notice.Channel == Channel.Voice ? Channel.Sms : notice.Channel;
            var person = new Person(
                notice.Recipient,
                notice.RecipientName,
                notice.Address,
                notice.Address,
                notice.Address,
                notice.Language
            );
            db.Notices.Add(NewNotice(step, alarm, person, (channel, notice.Address), people, now));
            names.Add(notice.RecipientName);
        }

        step.State = names.Count > 0 ? StepState.Done : StepState.Skipped;
        var over = step.Template == MessageKind.Cleared;
        step.Note =
            names.Count > 0
                ? new Wording(
                    $"told that it {(over ? "is over" : "has eased, and that somebody still has to look")}: {string.Join(", ", names)}",
                    $"{(over ? "已告知解除" : "已告知好转，仍需确认")}：{string.Join("、", names)}"
                )
                : new Wording("nobody had been told", "此前未通知任何人");
        Timeline.Add(db, alarm.Id, now, TimelineEvent.Step, "escalation", step.Note);
    }

    private Notice NewNotice(
        EscalationStep step,
        Alarm alarm,
        Person person,
        (Channel Channel, string Address) way,
        People people,
        DateTime now
    )
    {
        var id = clock.NewId();
        var link = step.Template == MessageKind.Cleared || person.Key == SelfTest.Name ? "" : links.For(id, Notices.LinkLifetime);
        var (says, text) =
            person.Key == SelfTest.Name
                ? (MessageKind.SelfTest, SelfTest.Text(person.Language))
                : (
                    step.Template,
                    messages.Text(
                        step.Template,
                        person.Language,
                        people.NameOf(alarm),
                        alarm.Kind,
                        step.Template == MessageKind.Opened ? alarm.RaisedAt : now,
                        link
                    )
                );
        var notice = Notices.To(person, way, alarm, id, now, says, text, link);
        notice.StepId = step.Id;
        return notice;
    }
}
