using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Messages;
using Vigil.Notify.Reach;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Takes providers' receipts for messages. They may come twice, late, or before the answer to the request, so a receipt never takes a
/// notice back to an earlier state.
/// </summary>
public sealed class ProviderReceipts(
    IDbContextFactory<RecordsDb> records,
    MessageTexts messages,
    Dispatcher dispatcher,
    TimeProvider clock,
    Troubles? troubles = null
)
{
    private readonly OtherWays otherWays = new(messages, clock, troubles);

    /// <param name="notice">Ours, when the provider carries it back; else it is found by provider and <paramref
    /// name="providerId"/>.</param>
    /// <param name="delivered">False: it did not get there, and the next channel is tried at once. Null: it is on its way.</param>
    /// <param name="blocked">The number takes nothing this way any more.</param>
    /// <returns>False when no such notice is known.</returns>
    public async Task<bool> TakeAsync(
        string provider,
        string providerId,
        Guid? notice,
        bool? delivered,
        Wording reason,
        CancellationToken cancellation,
        bool blocked = false
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var row = notice is { } id ? await db.Notices.FirstOrDefaultAsync(n => n.Id == id, cancellation) : null;
        row ??= await db.Notices.FirstOrDefaultAsync(n => n.Provider == provider && n.ProviderId == providerId, cancellation);
        if (row is null)
            return false;
        var meaning = DeliveryDecision.MeaningOfReceipt(row.State, row.Attempts, delivered);
        if (meaning == ReceiptMeaning.AlreadyKnown)
            return true;
        var now = clock.GetUtcNow().UtcDateTime;
        row.ProviderId ??= providerId;
        if (meaning == ReceiptMeaning.Delivered)
        {
            (row.State, row.SentAt, row.FinishedAt, row.Held, row.Note) = (NoticeState.Delivered, row.SentAt ?? now, now, false, reason.En);
            // the number does receive messages
            var blocks = db.BlockedNumbers.Where(b => b.Address == row.Address && b.Channel == row.Channel);
            if (await blocks.ExecuteDeleteAsync(cancellation) > 0)
                await ReachAnswers.UnblockedAsync(db, row.Address, now, cancellation);
            Timeline.Add(db, row, now, TimelineEvent.Delivered, provider, "", " 已送达");
        }
        else if (meaning == ReceiptMeaning.Failed)
        {
            var alarm = await db.Alarms.FirstAsync(a => a.Id == row.AlarmId, cancellation);
            if (blocked)
                await otherWays.BlockAsync(db, row, reason, now, cancellation);
            var people = await People.LoadAsync(db, [alarm], messages.ToLocal(now), cancellation);
            await otherWays.FailAsync(db, row, alarm, people, reason, now, cancellation);
        }

        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        dispatcher.WakeAll();
        return true;
    }
}
