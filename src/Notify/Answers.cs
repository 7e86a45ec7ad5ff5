using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>What people answer to a notice: a key pressed in a call, a reply, the link opened and confirmed. Delivered is not heard: nothing else acknowledges.</summary>
public sealed class Answers(IDbContextFactory<RecordsDb> records, AlarmDesk desk, TimeProvider clock)
{
    /// <summary>"I take it."</summary>
    /// <param name="via">How it was said: key, reply, link.</param>
    /// <exception cref="AlarmConflictException">Somebody else has it already; the message names them.</exception>
    /// <exception cref="KeyNotFoundException">There is no such notice.</exception>
    public async Task TakeAsync(Guid notice, string via, CancellationToken cancellation)
    {
        var row = await FindAsync(notice, cancellation);
        await desk.AcknowledgeAsync(row.AlarmId, row.Recipient, $"{row.RecipientName} takes it ({row.Channel} {via})", cancellation);
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
            var before = await db.Timeline.Where(t => t.AlarmId == row.AlarmId && t.What == "declined").Select(t => t.Who).ToListAsync(cancellation);
            if (before.Contains(row.Recipient)) return; // said twice
            AlarmDesk.Line(db, row.AlarmId, now, "declined", row.Recipient, $"{row.RecipientName} can't ({row.Channel} {via})", $"{row.RecipientName} 无法处理（{row.Channel} {via}）");
            var others = await db.Notices.Where(n => n.StepId == row.StepId && n.Recipient != row.Recipient && n.State != NoticeState.Failed && n.State != NoticeState.Cancelled)
                .Select(n => n.Recipient).ToListAsync(cancellation);
            if (await db.Alarms.AnyAsync(a => a.Id == row.AlarmId && a.State == AlarmState.Open, cancellation) && others.TrueForAll(before.Contains))
                await AlarmDesk.ResumeAsync(db, row.AlarmId, now, cancellation);
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        desk.Announce(new AlarmChange(row.AlarmId, "declined", await SeverityAsync(row.AlarmId, cancellation)));
    }

    private async Task<Model.Severity> SeverityAsync(Guid alarm, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        return (Model.Severity)await db.Alarms.Where(a => a.Id == alarm).Select(a => a.Severity).FirstAsync(cancellation);
    }

    private async Task<Notice> FindAsync(Guid notice, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db.Notices.AsNoTracking().FirstOrDefaultAsync(n => n.Id == notice, cancellation) ?? throw new KeyNotFoundException($"there is no notice {notice}");
    }
}
