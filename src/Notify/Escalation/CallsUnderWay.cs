using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Notify.Channels;
using Vigil.Storage.Records;
using Channel = Vigil.Storage.Records.Channel;

namespace Vigil.Notify.Escalation;

/// <summary>
/// When somebody has answered for an alarm, ends the calls about it that still ring or speak, so that nobody gets up at night for an alarm
/// that is taken. Where a provider can't end a call it goes on, and whoever presses a key in it is told that somebody has it.
/// </summary>
public sealed partial class CallsUnderWay : BackgroundService
{
    /// <summary>A call that began longer ago has ended by itself.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private readonly IDbContextFactory<RecordsDb> records;
    private readonly Routes routes;
    private readonly TimeProvider clock;
    private readonly ILogger<CallsUnderWay> log;
    private readonly Channel<Guid> answered = System.Threading.Channels.Channel.CreateBounded<Guid>(
        new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropOldest }
    );

    public CallsUnderWay(
        IDbContextFactory<RecordsDb> records,
        AlarmDesk desk,
        Dispatcher dispatcher,
        Routes routes,
        TimeProvider clock,
        ILogger<CallsUnderWay> log
    )
    {
        (this.records, this.routes, this.clock, this.log) = (records, routes, clock, log);
        desk.Changed += change =>
        {
            if (change.What is TimelineEvent.Acknowledged or TimelineEvent.InHand or TimelineEvent.Resolved or TimelineEvent.Cleared)
                answered.Writer.TryWrite(change.AlarmId);
        };
        dispatcher.CalledTooLate += alarm => answered.Writer.TryWrite(alarm);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await answered.Reader.WaitToReadAsync(stoppingToken))
            await EndAsync(stoppingToken);
    }

    /// <summary>Ends the calls about the alarms that were answered since the last time; returns how many.</summary>
    public async Task<int> EndAsync(CancellationToken cancellation)
    {
        var ended = 0;
        while (answered.Reader.TryRead(out var alarm))
        {
            try
            {
                ended += await EndAsync(alarm, cancellation);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
            {
                LogFailed(log, e);
            }
        }

        return ended;
    }

    private async Task<int> EndAsync(Guid id, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (
            await db.Alarms.AsNoTracking().FirstOrDefaultAsync(a => a.Id == id, cancellation) is not { } alarm
            || alarm.State == AlarmState.Open
        )
            return 0;
        var calls = await db
            .Notices.AsNoTracking()
            .Where(n =>
                n.AlarmId == id
                && n.Channel == Channel.Voice
                && n.State == NoticeState.Sent
                && n.ProviderId != null
                && n.SentAt > now - Longest
                && n.Recipient != alarm.AcknowledgedBy
            )
            .ToListAsync(cancellation);
        var ended = 0;
        foreach (var call in calls.Where(c => c.Template is MessageKind.Opened or MessageKind.Repeated or MessageKind.Digest))
        {
            // Marked as cancelled first: else its receipt, that no key was pressed, would count as a failure.
            if (
                routes.Find(call.Provider) is not { } channel
                || await MarkAsync(db, call.Id, NoticeState.Sent, NoticeState.Cancelled, now, cancellation) == 0
            )
                continue;
            if (!await channel.EndCallAsync(call.ProviderId!, call.Language, cancellation))
            {
                await MarkAsync(db, call.Id, NoticeState.Cancelled, NoticeState.Sent, null, cancellation);
                continue;
            }

            ended++;
            await using var transaction = await WriteTurn.BeginAsync(db, first: false, cancellation);
            Timeline.Add(db, call, now, TimelineEvent.CallEnded, "escalation", ": ended, somebody has answered", "：已有人处理，通话结束");
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        return ended;
    }

    private static async Task<int> MarkAsync(
        RecordsDb db,
        Guid call,
        NoticeState from,
        NoticeState to,
        DateTime? finished,
        CancellationToken cancellation
    )
    {
        await using var transaction = await WriteTurn.BeginAsync(db, first: false, cancellation);
        var note = to == NoticeState.Cancelled ? "the call was ended: somebody has answered" : "";
        var marked = await db
            .Notices.Where(n => n.Id == call && n.State == from)
            .ExecuteUpdateAsync(
                u => u.SetProperty(n => n.State, to).SetProperty(n => n.FinishedAt, finished).SetProperty(n => n.Note, note),
                cancellation
            );
        await transaction.CommitAsync(cancellation);
        return marked;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A call that is not needed any more could not be ended")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
