using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Sends notices: Waiting → Sending, committed → the request goes out → Sent, or Failed and on to the next channel at once. When a crash or
/// a lost answer leaves one Sending, the provider is asked what became of it; if it doesn't know, the notice is sent again, because a
/// message that comes twice is better than none. Two lanes, so that critical notices never wait behind others; limits, quiet hours and
/// digests are for the others alone.
/// </summary>
public sealed partial class Dispatcher : BackgroundService
{
    private const int MostInFlight = 64;

    private readonly IDbContextFactory<RecordsDb> records;
    private readonly Routes routes;
    private readonly TimeProvider clock;
    private readonly ILogger<Dispatcher> log;
    private readonly Troubles? troubles;
    private readonly NoticeSender sender;
    private readonly NoticeTurns turns;
    private readonly Outcomes outcomes;
    private readonly Dictionary<Lane, Pace> paces;
    private readonly ConcurrentDictionary<Lane, long> turned = [];
    private int recovered;

    public Dispatcher(
        IDbContextFactory<RecordsDb> records,
        Routes routes,
        MessageTexts messages,
        TimeProvider clock,
        ILogger<Dispatcher> log,
        Numbers? numbers = null,
        Troubles? troubles = null
    )
    {
        (this.records, this.routes, this.clock, this.log, this.troubles) = (records, routes, clock, log, troubles);
        var otherWays = new OtherWays(messages, clock, troubles);
        sender = new NoticeSender(routes);
        turns = new NoticeTurns(records, routes, messages, numbers ?? Numbers.Shipped, sender, otherWays, clock, troubles);
        outcomes = new Outcomes(records, routes, messages, otherWays, clock, troubles, log);
        outcomes.CalledTooLate += alarm => CalledTooLate?.Invoke(alarm);
        paces = Enum.GetValues<Lane>().ToDictionary(l => l, _ => new Pace(clock));
        foreach (var lane in Enum.GetValues<Lane>())
            turned[lane] = clock.GetTimestamp();
        foreach (var health in routes.All.Select(c => c.Health).OfType<ChannelHealth>())
            health.Recovered += OnRecovered;
    }

    /// <summary>Real time by default: a provider's answer takes as long where the service's clock runs faster (the demo).</summary>
    internal TimeProvider ProviderClock
    {
        init => sender.Clock = value;
    }

    /// <summary>How long ago the slower lane last finished a look.</summary>
    public TimeSpan SinceCycle => clock.GetElapsedTime(turned.Values.Min());

    /// <summary>A call went out while somebody answered for its alarm.</summary>
    public event Action<Guid>? CalledTooLate;

    public void Wake(Lane lane) => paces[lane].Wake();

    /// <summary>Something was written down that may have made a notice due.</summary>
    internal void WakeAll()
    {
        foreach (var pace in paces.Values)
            pace.Wake();
    }

    public override void Dispose()
    {
        foreach (var health in routes.All.Select(c => c.Health).OfType<ChannelHealth>())
            health.Recovered -= OnRecovered;
        foreach (var pace in paces.Values)
            pace.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        try
        {
            await RecoverAsync(stoppingToken);
        }
        catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
        {
            LogFailed(log, e); // the leases run out by themselves
        }

        await Task.WhenAll(
            Task.Run(() => LoopAsync(Lane.Critical, stoppingToken), stoppingToken),
            Task.Run(() => LoopAsync(Lane.Others, stoppingToken), stoppingToken)
        );
    }

    /// <summary>
    /// After a restart: what was on its way is asked about now instead of when its lease runs out. On PostgreSQL another instance may be
    /// sending it: the lease decides.
    /// </summary>
    public async Task RecoverAsync(CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (db is PostgresRecords)
            return;
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation); // both lanes wait for it
        var now = clock.GetUtcNow().UtcDateTime;
        await db.Notices.Where(n => n.State == NoticeState.Sending).ExecuteUpdateAsync(u => u.SetProperty(n => n.DueAt, now), cancellation);
        await transaction.CommitAsync(cancellation);
    }

    /// <summary>Sends all that is due, both lanes, and waits for the outcomes.</summary>
    public async Task<int> DrainAsync(CancellationToken cancellation)
    {
        var (all, done) = (0, 0);
        do
        {
            done = 0;
            foreach (var lane in Enum.GetValues<Lane>())
            {
                var sends = await ClaimAsync(lane, MostInFlight, cancellation);
                await Task.WhenAll(sends);
                await RecordAllAsync(lane, [.. sends.Select(s => s.Result)], cancellation);
                done += sends.Count;
            }

            all += done;
        } while (done > 0);
        return all;
    }

    private async Task LoopAsync(Lane lane, CancellationToken stopping)
    {
        var sends = new List<Task<Outcome>>();
        var ended = new List<Outcome>();
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var claimed = sends.Count < MostInFlight ? await ClaimAsync(lane, MostInFlight - sends.Count, stopping) : [];
                sends.AddRange(claimed);
                turned[lane] = clock.GetTimestamp();
                if (claimed.Count == 0 || sends.Count >= MostInFlight)
                    await paces[lane].NextAsync(sends, stopping);
                var done = sends.Where(s => s.IsCompleted).ToList();
                sends.RemoveAll(done.Contains);
                ended.AddRange(done.Select(d => d.Result));
                if (ended.Count > 0)
                    ended = await RecordAllAsync(lane, ended, stopping);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stopping.IsCancellationRequested)
            {
                LogFailed(log, e);
                await paces[lane].NextAsync([], stopping);
            }
        }
    }

    /// <summary>
    /// Claims what is due; when one row spoils it, one at a time, and that one is put off, so that the others get through.
    /// </summary>
    internal async Task<IReadOnlyList<Task<Outcome>>> ClaimAsync(Lane lane, int most, CancellationToken cancellation)
    {
        try
        {
            return await ClaimManyAsync(lane, most, cancellation);
        }
        catch (Exception e) when (Faults.MayBeOneRow(e, cancellation))
        {
            LogFailed(log, e);
        }

        var sends = new List<Task<Outcome>>();
        for (var i = 0; i < most; i++)
        {
            try
            {
                if (await ClaimManyAsync(lane, 1, cancellation) is not { Count: > 0 } one)
                    break;
                sends.AddRange(one);
            }
            catch (DbUpdateConcurrencyException)
            {
                // Somebody answered for its alarm this moment: the next try sees what stands then.
            }
            catch (Exception e) when (Faults.MayBeOneRow(e, cancellation))
            {
                if (await turns.PutOffAsync(lane, cancellation) is { } spoiled)
                    Tell(spoiled, e);
            }
        }

        return sends;
    }

    private async Task<IReadOnlyList<Task<Outcome>>> ClaimManyAsync(Lane lane, int most, CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref recovered, 0) == 1)
            await turns.ReleaseHeldAsync(cancellation);
        return await turns.ClaimAsync(lane, most, cancellation);
    }

    /// <summary>Writes outcomes down. Returns those that are still to be written.</summary>
    internal async Task<List<Outcome>> RecordAllAsync(Lane lane, List<Outcome> ended, CancellationToken cancellation)
    {
        var left = await outcomes.RecordAllAsync(lane, ended, cancellation);
        if (left.Count < ended.Count)
            WakeAll();
        return left;
    }

    /// <summary>The desk is told of a row that can't be handled.</summary>
    private void Tell(Notice spoiled, Exception why)
    {
        LogPutOff(log, spoiled.Id, why);
        troubles?.Happened(
            "notice",
            $"notice {spoiled.Id} of alarm {spoiled.AlarmId} can't be handled and is tried again: {why.GetType().Name}",
            $"警报 {spoiled.AlarmId} 的通知 {spoiled.Id} 无法处理，将重试：{why.GetType().Name}",
            TimeSpan.FromHours(1)
        );
    }

    private void OnRecovered()
    {
        Volatile.Write(ref recovered, 1);
        WakeAll();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Notice {Notice} can't be handled; it is tried again after the others")]
    private static partial void LogPutOff(ILogger logger, Guid notice, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Notices could not be handled; the next look tries again")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
