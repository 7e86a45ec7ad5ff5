using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Notify.Channels;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Asks the provider about messages and calls on which no receipt came: callbacks get lost when our own address can't be reached, and a
/// call to a voicemail must not pass for an answer until somebody notices. First after a minute (GoAlert's figure), then ever more rarely.
/// </summary>
public sealed partial class ReceiptWatch(
    IDbContextFactory<RecordsDb> records,
    Routes routes,
    ProviderReceipts receipts,
    TimeProvider clock,
    ILogger<ReceiptWatch> log
) : BackgroundService
{
    private const int MostAtOnce = 20;

    private static readonly TimeSpan First = TimeSpan.FromSeconds(60);

    /// <summary>Messages that were sent longer ago are not asked about any more.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromHours(3);

    /// <summary>When each was last asked about, by the clock's timestamps, and how long from then to the next time.</summary>
    private readonly Dictionary<Guid, (long Asked, TimeSpan Pause)> asked = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!routes.All.Any(c => c.GivesReceipts))
            await Task.Delay(Timeout.InfiniteTimeSpan, clock, stoppingToken); // a loop that ended would count as one that has failed
        using var pace = new Pace(clock);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e);
            }

            for (var i = 0; i < 10 && !stoppingToken.IsCancellationRequested; i++)
                await pace.NextAsync([], stoppingToken);
        }
    }

    /// <summary>One look; returns of how many the provider was asked.</summary>
    public async Task<int> LookAsync(CancellationToken cancellation)
    {
        var providers = routes.All.Where(c => c.GivesReceipts && c.Health?.Trouble is null).Select(c => c.Provider).ToList();
        var now = clock.GetUtcNow().UtcDateTime;
        var (from, to) = (now - Longest, now - First);
        await using var db = await records.CreateDbContextAsync(cancellation);
        var silent = await db
            .Notices.AsNoTracking()
            .Where(n =>
                n.State == NoticeState.Sent && providers.Contains(n.Provider) && n.ProviderId != null && n.SentAt > from && n.SentAt <= to
            )
            .OrderByDescending(n => n.SentAt)
            .Take(2000)
            .ToListAsync(cancellation);
        foreach (var gone in asked.Keys.Except(silent.Select(n => n.Id)).ToList())
            asked.Remove(gone);
        var due = silent
            .Where(n => !asked.TryGetValue(n.Id, out var at) || clock.GetElapsedTime(at.Asked) >= at.Pause)
            .Take(MostAtOnce)
            .ToList();
        foreach (var notice in due)
        {
            var pause = asked.TryGetValue(notice.Id, out var before) ? before.Pause * 2 : First;
            asked[notice.Id] = (clock.GetTimestamp(), pause);
            try
            {
                var outgoing = new OutgoingNotice(
                    notice.Id,
                    notice.Channel,
                    notice.Address,
                    notice.Language,
                    notice.Template,
                    new Dictionary<string, string>(),
                    "",
                    notice.Text,
                    "",
                    Critical: false
                );
                var became = await routes
                    .Find(notice.Provider)!
                    .ReconcileAsync(
                        new PastNotice(outgoing, notice.ProviderId, notice.CreatedAt, new HashSet<string>(), Alone: true),
                        cancellation
                    );
                if (became?.Outcome is ChannelOutcome.Delivered or ChannelOutcome.GiveUp)
                    await receipts.TakeAsync(
                        notice.Provider,
                        notice.ProviderId!,
                        notice.Id,
                        became.Outcome == ChannelOutcome.Delivered,
                        became.Reason,
                        cancellation,
                        became.Blocked
                    );
            }
            catch (Exception e)
                when (e is HttpRequestException or TimeoutException
                    || (e is OperationCanceledException && !cancellation.IsCancellationRequested)
                )
            {
                LogNotAsked(log, notice.Provider, e.Message);
                break; // it doesn't answer now; the next look is soon
            }
            catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
            {
                LogNotAsked(log, notice.Provider, e.GetType().Name); // an answer that can't be read is one message's alone
            }
        }

        return due.Count;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Receipts could not be looked after")]
    private static partial void LogFailed(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Provider} could not be asked about a message without a receipt: {Reason}")]
    private static partial void LogNotAsked(ILogger logger, string provider, string reason);
}
