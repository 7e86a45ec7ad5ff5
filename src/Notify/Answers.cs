using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>
/// What people answer to a notice: a key pressed in a call, a reply, the link opened and confirmed. Nothing else acknowledges an alarm; a
/// receipt that a message was delivered does not say that anybody read it.
/// </summary>
public sealed class Answers(
    IDbContextFactory<RecordsDb> records,
    AlarmDesk desk,
    MessageTexts messages,
    SignedLinks links,
    TimeProvider clock
)
{
    /// <summary>
    /// Somebody takes the alarm. An answer counts only for what its notice told: an old key or link doesn't acknowledge what has happened
    /// again since.
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
    /// Somebody answered an older telling, and the answer doesn't count: it is noted, and they are told what stands now. Whoever was told
    /// of that already is not told a second time, also when two answers come at the same moment.
    /// </summary>
    /// <param name="notice">What they answered.</param>
    /// <param name="inReplyBy">The provider that hands the text back as the answer to their text, with a code of its own; null where
    /// nobody can be told on the spot: then it is sent like every other notice.</param>
    /// <returns>The notice that tells them: a new one, or the one they have had before; null when nobody has to answer any more.</returns>
    /// <exception cref="KeyNotFoundException">There is no such notice.</exception>
    public async Task<Notice?> TellAnewAsync(Guid notice, CancellationToken cancellation, string? inReplyBy = null)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        var row = await FindAsync(db, notice, cancellation);
        // SQLite has one writer at a time; on PostgreSQL a second answer waits here until the first is written down.
        if (db is PostgresRecords)
            await db.Database.ExecuteSqlAsync($"""SELECT 1 FROM "Alarms" WHERE "Id" = {row.AlarmId} FOR UPDATE""", cancellation);
        if (
            await db.Alarms.AsNoTracking().Include(a => a.Resident).FirstOrDefaultAsync(a => a.Id == row.AlarmId, cancellation)
            is not { State: AlarmState.Open } alarm
        )
            return null;
        var told = await db
            .Notices.AsNoTracking()
            .Where(n =>
                n.AlarmId == alarm.Id
                && n.Recipient == row.Recipient
                && n.Round == alarm.Round
                && n.State != NoticeState.Failed
                && n.State != NoticeState.Cancelled
            )
            .OrderByDescending(n => n.CreatedAt)
            .ToListAsync(cancellation);
        // The answer to a text needs a code; a call, or a text that has not been sent yet, has given them none.
        var before = inReplyBy is null
            ? told.FirstOrDefault()
            : told.Find(n => n.Channel == row.Channel && n.Address == row.Address && n.ReplyCode is not null);
        if (before is not null)
            return before;
        var anew = Anew(row, alarm, now);
        if (inReplyBy is not null)
        {
            (anew.Provider, anew.State, anew.SentAt, anew.Attempts) = (inReplyBy, NoticeState.Sent, now, 1);
            anew.Note = "told in answer to a reply to what was told before";
            anew.ReplyCode = await ReplyCodes.ForAsync(db, anew, cancellation);
        }

        db.Notices.Add(anew);
        Timeline.Add(
            db,
            alarm.Id,
            now,
            TimelineEvent.Refused,
            row.Recipient,
            $"{row.RecipientName} answered what was told before it happened again; told anew",
            $"{row.RecipientName} 的应答针对此前的通知，之后又再次发生；已重新通知"
        );
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        desk.Announce(new AlarmChange(alarm.Id, TimelineEvent.Refused, alarm.Severity));
        return anew;
    }

    /// <summary>What stands now, to whoever had a notice before, with a link of its own.</summary>
    private Notice Anew(Notice row, Alarm alarm, DateTime now)
    {
        var id = clock.NewId();
        var (template, time) =
            alarm.RangAt is { } rang && rang > row.CreatedAt ? (MessageKind.Repeated, rang) : (MessageKind.Opened, alarm.RaisedAt);
        var anew = Notices.Anew(row, alarm, id, now);
        (anew.Template, anew.Link) = (template, links.For(id, Notices.LinkLifetime));
        anew.Text = messages.Text(template, row.Language, alarm.Resident?.Name ?? "", alarm.Kind, time, anew.Link);
        return anew;
    }

    /// <summary>Somebody can't take it: noted, and when nobody else of that step is being asked the next step is due at once.</summary>
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
            // Declining an older telling is only noted: they may be asked again about what stands now, and decline that.
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
                return; // they have declined already
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
        return await FindAsync(db, notice, cancellation);
    }

    private static async Task<Notice> FindAsync(RecordsDb db, Guid notice, CancellationToken cancellation) =>
        await db.Notices.AsNoTracking().FirstOrDefaultAsync(n => n.Id == notice, cancellation)
        ?? throw new KeyNotFoundException($"there is no notice {notice}");
}
