using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// What follows when a message did not reach its recipient: they are told over the next channel, or the next step comes. Everything is
/// written in the caller's transaction.
/// </summary>
internal sealed class OtherWays(MessageTexts messages, TimeProvider clock, Troubles? troubles)
{
    /// <summary>Note of a notice that waits for its provider.</summary>
    public const string HeldNote = "kept until the provider is back";

    /// <summary>
    /// The channel failed: the next one of the step is tried at once; after the last, the next step is due at once when nobody else of it
    /// was reached.
    /// </summary>
    public async Task FailAsync(
        RecordsDb db,
        Notice notice,
        Alarm alarm,
        People people,
        Wording reason,
        DateTime now,
        CancellationToken cancellation
    )
    {
        (notice.State, notice.FinishedAt, notice.Held, notice.Note) = (NoticeState.Failed, now, false, reason.En);
        Timeline.Add(db, notice, now, TimelineEvent.Failed, "escalation", $": {reason.En}", $"：{reason.Zh}");
        await TellAnotherWayAsync(db, notice, alarm, people, now, cancellation);
        if (notice.Template != MessageKind.Digest)
            return;
        foreach (var other in await Bundles.BundledInAsync(db, notice, cancellation))
        {
            var (its, theirs) = await OfAsync(db, other, now, cancellation);
            await FailAsync(db, other, its, theirs, reason, now, cancellation);
        }
    }

    /// <summary>
    /// The provider failed, not the address: another way is tried at once as if the channel had failed, and this notice is kept and sent
    /// when the provider is back, unless somebody has answered by then. So an outage delays a message but never loses one.
    /// </summary>
    /// <param name="until">When it is tried again, unless the provider is back before.</param>
    /// <param name="again">It was kept before: nobody is told of it again.</param>
    /// <param name="whole">A digest is not taken apart: it may have gone out as it is.</param>
    public async Task HoldAsync(
        RecordsDb db,
        Notice notice,
        Alarm alarm,
        People people,
        Wording reason,
        DateTime until,
        bool again,
        DateTime now,
        CancellationToken cancellation,
        bool whole = false
    )
    {
        (notice.State, notice.DueAt, notice.Held, notice.Note) = (NoticeState.Deferred, until, true, HeldNote);
        if (again)
            return;
        Timeline.Add(db, notice, now, TimelineEvent.Held, "escalation", $": {reason.En}; {HeldNote}", $"：{reason.Zh}；服务商恢复后补发");
        // Of several notices to one person about one alarm, only the newest is sent when the provider is back.
        await db
            .Notices.Where(n =>
                n.AlarmId == alarm.Id
                && n.Id != notice.Id
                && n.Recipient == notice.Recipient
                && n.Channel == notice.Channel
                && n.State == NoticeState.Deferred
                && n.Held
            )
            .ExecuteUpdateAsync(
                u =>
                    u.SetProperty(n => n.State, NoticeState.Cancelled)
                        .SetProperty(n => n.FinishedAt, now)
                        .SetProperty(n => n.Held, false)
                        .SetProperty(n => n.Note, "a newer one is kept in its place"),
                cancellation
            );
        await TellAnotherWayAsync(db, notice, alarm, people, now, cancellation);
        if (notice.Template != MessageKind.Digest || whole)
            return;
        // The digest is taken apart: each of its alarms may be told another way. Those that still wait when the provider is back are
        // bundled again.
        (notice.Template, notice.Text) = (MessageKind.Opened, OwnText(notice, alarm, people));
        foreach (var other in await Bundles.BundledInAsync(db, notice, cancellation))
        {
            (other.FinishedAt, other.SentAt, other.DigestId, other.Note) = (null, null, null, "");
            var (its, theirs) = await OfAsync(db, other, now, cancellation);
            await HoldAsync(db, other, its, theirs, reason, until, again: false, now, cancellation);
        }
    }

    /// <summary>The next channel of the step, else the next step, for whoever this message did not reach.</summary>
    public async Task TellAnotherWayAsync(
        RecordsDb db,
        Notice notice,
        Alarm alarm,
        People people,
        DateTime now,
        CancellationToken cancellation
    )
    {
        if (notice.StepId is not { } stepId || await db.Steps.FirstOrDefaultAsync(s => s.Id == stepId, cancellation) is not { } step)
            return;
        await db.Notices.Where(n => n.StepId == stepId).LoadAsync(cancellation);
        var ofStep = db.Notices.Local.Where(n => n.StepId == stepId).ToList();
        var way = people.WithKey(notice.Recipient, alarm)?.Way(step.Via, after: notice.Channel);
        switch (DeliveryDecision.OtherWayAfter(notice, alarm.State, way?.Channel, ofStep))
        {
            case OtherWay.NextChannel:
                var other = Notices.Anew(notice, alarm, clock.NewId(), now);
                (other.Channel, other.Address) = way!.Value;
                // On the next channel each alarm of a digest has a message of its own, or is bundled again there.
                if (notice.Template == MessageKind.Digest)
                    (other.Template, other.Text) = (MessageKind.Opened, OwnText(notice, alarm, people));
                db.Notices.Add(other);
                break;
            case OtherWay.None:
                await NextStepIfUnreachedAsync(db, step, ofStep, now, cancellation);
                break;
        }
    }

    /// <summary>
    /// The number takes nothing over this channel any more: remembered for the next alarm, and told to the duty desk, because only a person
    /// can find another number.
    /// </summary>
    public async Task BlockAsync(RecordsDb db, Notice notice, Wording reason, DateTime now, CancellationToken cancellation)
    {
        if (db.BlockedNumbers.Local.Any(b => b.Address == notice.Address && b.Channel == notice.Channel))
            return;
        if (await db.BlockedNumbers.AnyAsync(b => b.Address == notice.Address && b.Channel == notice.Channel, cancellation))
            return;
        db.BlockedNumbers.Add(
            new BlockedNumber
            {
                Id = clock.NewId(),
                Address = notice.Address,
                Channel = notice.Channel,
                Reason = reason.En,
                Since = now,
            }
        );
        Timeline.Add(
            db,
            notice,
            now,
            TimelineEvent.Blocked,
            "escalation",
            $": {reason.En}; not used again until the number is changed",
            $"：{reason.Zh}；更改号码前不再使用"
        );
        troubles?.Happened(
            "number",
            $"{notice.Channel.Word()} does not reach {notice.Recipient} any more ({reason.En}): ask for another number",
            $"{ChannelWords.Of(notice.Channel).Zh}已无法联系 {notice.Recipient}（{reason.Zh}）：请核实号码",
            TimeSpan.FromHours(1)
        );
    }

    private static async Task NextStepIfUnreachedAsync(
        RecordsDb db,
        EscalationStep step,
        List<Notice> ofStep,
        DateTime now,
        CancellationToken cancellation
    )
    {
        var declined = await db
            .Timeline.Where(t => t.AlarmId == step.AlarmId && t.What == TimelineEvent.Declined && t.Time >= step.StartedAt)
            .Select(t => t.Who)
            .ToListAsync(cancellation);
        if (!DeliveryDecision.IsUnreached(ofStep, declined))
            return;
        var others = DeliveryDecision.StepsInsteadOf(step, await Plan.WaitingAsync(db, step.AlarmId, cancellation));
        if (others.Count == 0)
            return;
        Timeline.Add(
            db,
            step.AlarmId,
            now,
            TimelineEvent.Unreached,
            "escalation",
            $"nobody of step {step.Order} ({step.To}) could be reached: on to the next",
            $"第{step.Order}步（{Recipient.Parse(step.To).Chinese}）无人可达，立即执行下一步"
        );
        Plan.Resume(others, now);
    }

    private async Task<(Alarm Alarm, People People)> OfAsync(RecordsDb db, Notice notice, DateTime now, CancellationToken cancellation)
    {
        var alarm = await db.Alarms.FirstAsync(a => a.Id == notice.AlarmId, cancellation);
        return (alarm, await People.LoadAsync(db, [alarm], messages.ToLocal(now), cancellation));
    }

    private string OwnText(Notice notice, Alarm alarm, People people) =>
        messages.Text(MessageKind.Opened, notice.Language, people.NameOf(alarm), alarm.Kind, alarm.RaisedAt, notice.Link);
}
