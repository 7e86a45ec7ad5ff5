using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>
/// What people answer to a notice: a key pressed in a call, a reply, the link opened and confirmed. Delivered is not heard: nothing else
/// acknowledges.
/// </summary>
public sealed class Answers(IDbContextFactory<RecordsDb> records, AlarmDesk desk, TimeProvider clock)
{
    /// <summary>
    /// "I take it." An answer belongs to the telling it answers: an old key or link says nothing about what has happened again since.
    /// </summary>
    /// <param name="via">How it was said: key, reply, link.</param>
    /// <param name="seen">The alarm's version that they were shown or told of when they answered; null: what their notice told.</param>
    /// <exception cref="AlarmConflictException">Somebody else has it already, and the message names them; or it has happened again since
    /// (<see cref="AlarmConflictException.Anew"/>).</exception>
    /// <exception cref="KeyNotFoundException">There is no such notice.</exception>
    public async Task TakeAsync(Guid notice, string via, CancellationToken cancellation, int? seen = null)
    {
        var row = await FindAsync(notice, cancellation);
        await desk.AcknowledgeAsync(
            row.AlarmId,
            row.Recipient,
            new Wording(
                $"{row.RecipientName} takes it ({row.Channel.Word()} {via})",
                $"{row.RecipientName} 已接手（{Said(row.Channel, via)}）"
            ),
            cancellation,
            seen ?? row.Round
        );
    }

    /// <summary>
    /// An answer came that is too old to count, where nobody can be asked on the spot: it is noted, and who gave it is told of what stands
    /// now, unless they have been already. Said twice, it is one answer.
    /// </summary>
    public async Task TellAnewAsync(Guid notice, CancellationToken cancellation)
    {
        var row = await FindAsync(notice, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        if (await db.Alarms.FirstOrDefaultAsync(a => a.Id == row.AlarmId, cancellation) is not { State: AlarmState.Open } alarm)
            return;
        if (
            await db.Notices.AnyAsync(
                n =>
                    n.AlarmId == alarm.Id
                    && n.Recipient == row.Recipient
                    && n.Round == alarm.Round
                    && n.State != NoticeState.Failed
                    && n.State != NoticeState.Cancelled,
                cancellation
            )
        )
            return;
        Timeline.Add(
            db,
            alarm.Id,
            now,
            TimelineEvent.Refused,
            row.Recipient,
            $"{row.RecipientName} answered what was told before it happened again; told anew",
            $"{row.RecipientName} 的应答针对此前的通知，之后又再次发生；已重新通知"
        );
        var anew = Notices.Anew(row, alarm, clock.NewId(), now);
        anew.Template = MessageKind.Repeated;
        db.Notices.Add(anew);
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        desk.Announce(new AlarmChange(alarm.Id, TimelineEvent.Refused, alarm.Severity));
    }

    /// <summary>"I can't": noted, and when nobody else of that step is being asked the next step is due at once.</summary>
    /// <exception cref="KeyNotFoundException">There is no such notice.</exception>
    public async Task DeclineAsync(Guid notice, string via, CancellationToken cancellation)
    {
        var row = await FindAsync(notice, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        await using (var db = await records.CreateDbContextAsync(cancellation))
        {
            await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
            if (await db.Alarms.AsNoTracking().FirstOrDefaultAsync(a => a.Id == row.AlarmId, cancellation) is not { } alarm)
                return;
            // What somebody declined before it happened again hurries nobody now: they may be asked anew, and decline anew.
            var old = row.Round < alarm.Round;
            var (what, since) = old
                ? (TimelineEvent.Refused, alarm.RangAt ?? alarm.OpenedAt)
                : (
                    TimelineEvent.Declined,
                    await db.Steps.Where(s => s.Id == row.StepId).Select(s => s.StartedAt).FirstOrDefaultAsync(cancellation)
                        ?? alarm.OpenedAt
                );
            var before = await db
                .Timeline.Where(t => t.AlarmId == row.AlarmId && t.What == what && t.Time >= since)
                .Select(t => t.Who)
                .ToListAsync(cancellation);
            if (before.Contains(row.Recipient))
                return; // said twice
            Timeline.Add(
                db,
                row.AlarmId,
                now,
                what,
                row.Recipient,
                $"{row.RecipientName} can't ({row.Channel.Word()} {via}){(old ? ", said of what was told before" : "")}",
                $"{row.RecipientName} 无法处理（{Said(row.Channel, via)}）{(old ? "，针对此前的通知" : "")}"
            );
            var others = await db
                .Notices.Where(n =>
                    n.StepId == row.StepId
                    && n.Recipient != row.Recipient
                    && n.State != NoticeState.Failed
                    && n.State != NoticeState.Cancelled
                )
                .Select(n => n.Recipient)
                .ToListAsync(cancellation);
            if (!old && alarm.State == AlarmState.Open && others.TrueForAll(before.Contains))
                await Plan.ResumeAsync(db, row.AlarmId, now, cancellation);
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        desk.Announce(new AlarmChange(row.AlarmId, TimelineEvent.Declined, await SeverityAsync(row.AlarmId, cancellation)));
    }

    private static string Said(Channel channel, string via) =>
        ChannelWords.Of(channel).Zh
        + via switch
        {
            "key" => "按键",
            "reply" => "回复",
            _ => "链接",
        };

    private async Task<Severity> SeverityAsync(Guid alarm, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db.Alarms.Where(a => a.Id == alarm).Select(a => a.Severity).FirstAsync(cancellation);
    }

    private async Task<Notice> FindAsync(Guid notice, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db.Notices.AsNoTracking().FirstOrDefaultAsync(n => n.Id == notice, cancellation)
            ?? throw new KeyNotFoundException($"there is no notice {notice}");
    }
}
