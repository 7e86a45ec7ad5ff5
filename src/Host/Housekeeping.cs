using System.Diagnostics.Metrics;
using Vigil.Host.Intake;
using Vigil.Model;
using Vigil.Storage.Readings;

namespace Vigil.Host;

/// <summary>
/// The loop of periodic work. Four times a second it lets time pass for the rules. Every few seconds it adopts changes of the registry and
/// of the files that people edit, writes down when devices were last heard, and saves one partition of the rules, so that all are saved
/// within five minutes. Silence is judged only when no reading waits to be applied and devices had time to report (invariant 3).
/// </summary>
internal sealed partial class Housekeeping(
    Settings settings,
    LiveRegistry registry,
    RulePartitions rules,
    CommitBatch batches,
    UncommittedFindings uncommitted,
    Sightings sightings,
    IReadingStore readings,
    Troubles troubles,
    TimeProvider clock,
    Meter meter,
    ILogger<Housekeeping> log
) : BackgroundService
{
    /// <summary>Rules, policies and messages; changed files are used without a restart.</summary>
    public IReadOnlyList<FollowedFile> Files { get; } = FollowedFiles.Of(settings, rules, log);

    /// <summary>How long devices have to deliver what they kept while the service was not listening.</summary>
    internal static readonly TimeSpan CatchUp = TimeSpan.FromSeconds(60);

    /// <summary>
    /// A wait that takes this long means that the process was frozen: it was stopped, or the machine was too busy. Messages of devices may
    /// still be on their way.
    /// </summary>
    internal static readonly TimeSpan Freeze = TimeSpan.FromSeconds(8);

    /// <summary>How often time passes for the rules: a deadline is noticed at most this much late.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);

    /// <summary>How far back the rules learn from stored readings where they have no snapshot.</summary>
    private static readonly TimeSpan Relearn = TimeSpan.FromDays(35);

    /// <summary>What the rules know, on disk.</summary>
    public RuleStore Store { get; } = new(Path.Combine(settings.DataPath, "rules"), rules, uncommitted, troubles, clock, log);

    private readonly RuleReports reports = new(troubles, meter, log);

    private readonly List<Finding> findings = [];
    private long flushed = clock.GetTimestamp(),
        reloaded = clock.GetTimestamp(),
        learned = clock.GetTimestamp();
    private int flushes;
    private Task<bool> noting = Task.FromResult(true);

    /// <summary>Since when the service has listened to devices without a break.</summary>
    private long listening = clock.GetTimestamp();

    private long turned = clock.GetTimestamp();

    /// <summary>Time since the last complete turn, by the service's clock.</summary>
    public TimeSpan SinceTurn => clock.GetElapsedTime(Interlocked.Read(ref turned));

    /// <summary>
    /// Messages of devices may have been missed until now (a freeze, a clock that was set): devices get time to catch up before silence is
    /// judged again.
    /// </summary>
    public void ListenAgain() => Interlocked.Exchange(ref listening, clock.GetTimestamp());

    /// <summary>Continues where the service stopped: registry, snapshots of the rules, and the readings that arrived since.</summary>
    /// <param name="set">By how much the clock was set while the service was down: everything stored is in the time before.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    public async Task RecoverAsync(TimeSpan set, CancellationToken cancellation)
    {
        var started = clock.GetUtcNow().UtcDateTime - set;
        FollowedFiles.Begin(Files, meter);
        reports.Attach(rules);
        var (from, written) = Store.Load(started - Relearn, reports.SnapshotDamaged, started);
        await registry.ReloadAsync(cancellation);
        var missed = new List<Finding>();
        var (count, newest) = await Store.ReplayAsync(readings, registry, from, started, missed, cancellation);
        var heard = newest > written || written is null ? newest : written;
        if (heard is { } last && last < started)
            rules.ForgiveDeafness(last, started);
        rules.ComeBack(started);
        rules.SetClock(set, started + set);
        ListenAgain();
        // Commits findings that a crash prevented from being committed; all others are known already, and adding them again does nothing.
        await uncommitted.CommitAsync(missed);
        LogRecovered(log, count, written is { } snapshot ? $"{snapshot:yyyy-MM-ddTHH:mm:ssZ}" : "no earlier run");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var waits = clock.GetTimestamp();
            await Task.Delay(Tick, clock, stoppingToken);
            try
            {
                await TurnAsync(clock.GetElapsedTime(waits), stoppingToken);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e);
            }
        }
    }

    /// <summary>One turn of the loop.</summary>
    /// <param name="waited">How long the wait before it really took.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    internal async Task TurnAsync(TimeSpan waited, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        if (waited > Freeze * settings.Speed)
        {
            rules.ForgiveDeafness(now - waited, now);
            ListenAgain();
        }

        var committed = await AdvanceAsync(cancellation);
        // Step by step, with deadlines in between, while an import writes a county.
        if (registry.IsBehind)
            await registry.FollowAsync(cancellation);
        if (Due(ref reloaded, TimeSpan.FromSeconds(1)))
        {
            await registry.FollowAsync(cancellation);
            foreach (var file in Files)
                file.Look();
        }

        if (Due(ref learned, TimeSpan.FromHours(6)))
            Store.LearnPriors();
        if (Due(ref flushed, TimeSpan.FromSeconds(5)))
            await NoteAsync(cancellation);
        // Only when all findings are committed: a snapshot ahead of them would lose the others at a crash.
        if (committed)
            await Store.SaveNextAsync(now);

        Interlocked.Exchange(ref turned, clock.GetTimestamp());
    }

    /// <summary>
    /// Writes down who was heard. With many devices that takes seconds, in which deadlines have to be noticed: the turn doesn't wait.
    /// </summary>
    private async Task NoteAsync(CancellationToken cancellation)
    {
        if (!noting.IsCompleted)
            return;
        await noting; // what it failed with is said by this turn
        noting = ++flushes % 6 == 0 ? sightings.FlushAsync(cancellation) : sightings.FlushStrangersAsync(cancellation);
    }

    /// <summary>Lets time pass for the rules; false when what they found could not be committed.</summary>
    internal ValueTask<bool> AdvanceAsync(CancellationToken cancellation)
    {
        findings.Clear();
        if (batches.CaughtUp && clock.GetElapsedTime(Interlocked.Read(ref listening)) > CatchUp)
            rules.Advance(clock, findings);
        return uncommitted.CommitAsync(findings);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (!await uncommitted.CommitAsync([]))
            return;
        await Store.SaveAllAsync();
    }

    private bool Due(ref long since, TimeSpan period)
    {
        if (clock.GetElapsedTime(since) < period)
            return false;
        since = clock.GetTimestamp();
        return true;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Rules: {Readings} readings applied since the snapshot of {Saved}")]
    private static partial void LogRecovered(ILogger logger, int readings, string saved);

    [LoggerMessage(Level = LogLevel.Error, Message = "Housekeeping failed; it goes on in a second")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
