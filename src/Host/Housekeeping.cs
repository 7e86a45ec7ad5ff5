using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Vigil.Host.Intake;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Rules;
using Vigil.Storage.Readings;

namespace Vigil.Host;

/// <summary>
/// Four times a second: time passes for the rules; every few seconds changes of the registry and of the files that people edit are taken
/// over, devices' last words are written down, and one partition's state is saved, so that all are within five minutes. Silence is judged
/// only when nothing waits to be applied and the service has listened for a while (invariant 3).
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
    private readonly Counter<long> heldBack = meter.CreateCounter<long>(
        "vigil_findings_held_back",
        description: "Findings nobody is told of for now: an absence, an outage of the area"
    );

    private readonly Counter<long> doubted = meter.CreateCounter<long>(
        "vigil_totals_doubted",
        description: "Totals of meters that rules don't believe: resets, changed meters, jumps, more than can have flowed"
    );

    /// <summary>How long devices have to bring what they kept while the service was down.</summary>
    internal static readonly TimeSpan CatchUp = TimeSpan.FromSeconds(60);

    /// <summary>
    /// A wait that took so much too long was no wait: the process was stopped, or nothing ran in it, and what devices said is still on its
    /// way.
    /// </summary>
    internal static readonly TimeSpan Freeze = TimeSpan.FromSeconds(8);

    /// <summary>How late a deadline may be found, at most, because nobody looked.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan SaveAll = TimeSpan.FromMinutes(5);

    /// <summary>Without a snapshot the rules learn again from this much of the past.</summary>
    private static readonly TimeSpan Relearn = TimeSpan.FromDays(35);

    private const string NotSaved = "rules snapshots";

    private readonly string folder = Path.Combine(settings.DataPath, "rules");
    private readonly List<string> damaged = [];

    /// <summary>Rules, policies and messages, which follow their files.</summary>
    public IReadOnlyList<FollowedFile> Files { get; } =
    [
        FollowedFile.Of<RuleSet>(
            "rules",
            "规则",
            Settings.RulesPath(settings.Configuration),
            RuleSet.Load,
            rules.Use,
            log,
            () => BesideRules(settings.Configuration)
        ),
        FollowedFile.Of<Policies>(
            "policies",
            "升级策略",
            Settings.PoliciesPath(settings.Configuration),
            Policies.Load,
            settings.Policies.Use,
            log
        ),
        FollowedFile.Of<MessageTexts>(
            "messages",
            "消息文本",
            Settings.MessagesPath(settings.Configuration),
            (path, problems) => MessageTexts.Load(path, settings.Zone, problems),
            settings.Messages.Use,
            log
        ),
    ];

    /// <summary>How long what happened once is shown.</summary>
    private static readonly TimeSpan Shown = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, bool> failing = new(StringComparer.Ordinal);

    private readonly List<Finding> findings = [];
    private long saved = clock.GetTimestamp(),
        flushed = clock.GetTimestamp(),
        reloaded = clock.GetTimestamp();
    private int flushes;
    private int partition;

    /// <summary>Since when devices have been heard without a break.</summary>
    private long listening = clock.GetTimestamp();

    private long turned = clock.GetTimestamp();

    /// <summary>How long ago it last did all of it, by the service's clock.</summary>
    public TimeSpan SinceTurn => clock.GetElapsedTime(Interlocked.Read(ref turned));

    /// <summary>
    /// Devices may have been unheard until now (a freeze, a clock that was set): they get their time to catch up before silence is judged
    /// again.
    /// </summary>
    public void ListenAgain() => Interlocked.Exchange(ref listening, clock.GetTimestamp());

    /// <summary>
    /// The clock was set: snapshots of the old time are replaced in the next turns, so that a crash that follows doesn't find anything a
    /// second time.
    /// </summary>
    public void SaveAgain() => Interlocked.Exchange(ref partition, 0);

    /// <summary>Some partition has not been saved since the start or since the clock was set.</summary>
    internal bool SavesAll => Volatile.Read(ref partition) < rules.Count;

    /// <summary>Takes up where the service stopped: registry, snapshot, and the readings that arrived since.</summary>
    /// <param name="set">By how much the clock was set while it was down: all that is remembered is of the time before.</param>
    /// <param name="cancellation">Ends it between its parts.</param>
    public async Task RecoverAsync(TimeSpan set, CancellationToken cancellation)
    {
        var started = clock.GetUtcNow().UtcDateTime - set;
        foreach (var file in Files)
        {
            file.Begin();
            meter.CreateObservableGauge(
                $"vigil_{file.Name}_file_in_force",
                () => file.Trouble is null ? 1 : 0,
                description: $"0 while the file of the {file.Name} as it stands can't be used, and the last good one stands"
            );
        }

        rules.Failed = LogRulesFailed;
        var (from, written) = rules.Load(folder, started - Relearn, SayDamaged, started);
        rules.OnHeldBack(LogHeld);
        rules.OnDoubted(LogDoubt);
        await registry.ReloadAsync(cancellation, always: true);
        var missed = new List<Finding>();
        var (count, heard) = (0, written);
        try
        {
            await foreach (var reading in readings.ReceivedSinceAsync(from, cancellation))
            {
                count++;
                if (reading.Received <= started && (heard is null || reading.Received > heard))
                    heard = reading.Received;
                if (registry.Find(reading.Device.Value) is { Resident: { } resident })
                    rules.Replay(resident, reading, missed);
            }
        }
        catch (ReadingStoreException e)
        {
            // Alarms don't wait for a readings server that is down (invariant 2): the rules go on from the snapshot.
            LogNoReplay(log, e.Message);
        }

        if (heard is { } last && last < started)
            rules.ForgiveDeafness(last, started);
        rules.ComeBack(started);
        rules.SetClock(set, started + set);
        ListenAgain();
        // What was found but not committed before a crash is committed now; the rest is known already and left out.
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

    /// <summary>Does all of it once.</summary>
    /// <param name="waited">How long the wait before it took.</param>
    /// <param name="cancellation">Ends it between its parts.</param>
    internal async Task TurnAsync(TimeSpan waited, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        if (waited > Freeze * settings.Speed)
        {
            rules.ForgiveDeafness(now - waited, now);
            ListenAgain();
        }

        var committed = await AdvanceAsync(cancellation);
        if (Due(ref reloaded, TimeSpan.FromSeconds(2)))
        {
            await registry.ReloadAsync(cancellation);
            foreach (var file in Files)
                file.Look();
        }

        if (Due(ref flushed, TimeSpan.FromSeconds(5)))
            await sightings.FlushAsync(cancellation, strangersAlone: ++flushes % 6 != 0);
        // A snapshot that is ahead of the committed findings would lose them at a crash. After a start every partition is saved at once: a
        // downtime that was forgiven is not forgiven a second time.
        if (committed && (SavesAll || Due(ref saved, SaveAll / rules.Count)))
        {
            var next = partition;
            // The clock may have been set back since this turn began; what arrived meanwhile is replayed a second time at most.
            var taken = clock.GetUtcNow().UtcDateTime is var later && later < now ? later : now;
            // one that can't be written (a full disk) has its next turn within five minutes, not at once
            Interlocked.CompareExchange(ref partition, next + 1, next);
            await SaveAsync(next % rules.Count, taken);
        }

        Interlocked.Exchange(ref turned, clock.GetTimestamp());
    }

    /// <summary>
    /// A snapshot that can't be written is a trouble, not the end of the turn: what it has not, the next start replays or learns again.
    /// </summary>
    private async Task SaveAsync(int next, DateTime taken)
    {
        try
        {
            await rules.SaveAsync(folder, next, taken, uncommitted.SettledAsync);
            troubles.Over(NotSaved);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            troubles.Say(
                NotSaved,
                $"what the rules know can't be saved in {folder}: {e.Message}",
                $"规则状态无法保存到 {folder}（{e.GetType().Name}）"
            );
        }
    }

    /// <summary>Lets time pass for the rules; false when what they found is owed.</summary>
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
        for (var p = 0; p < rules.Count; p++)
            await SaveAsync(p, clock.GetUtcNow().UtcDateTime);
    }

    /// <summary>The holidays that the rules name; not the other files that people edit, which stand in the same folder.</summary>
    private static IEnumerable<string> BesideRules(IConfiguration configuration)
    {
        var folder = Path.GetDirectoryName(Settings.RulesPath(configuration))!;
        return Directory.Exists(folder)
            ? Directory
                .EnumerateFiles(folder, "*.yaml")
                .Except([Settings.PoliciesPath(configuration), Settings.MessagesPath(configuration)], StringComparer.Ordinal)
            : [];
    }

    private void SayDamaged(string file, string why)
    {
        LogNoSnapshot(log, file, why);
        damaged.Add(file);
        var files = string.Join(", ", damaged);
        troubles.Happened(
            "rules snapshot",
            $"{damaged.Count} of the rules' snapshots were damaged ({files}); what they knew was taken from the ones before or "
                + $"learned again",
            $"{damaged.Count}份规则快照已损坏（{files}），已改用上一份或重新学习",
            Shown
        );
    }

    /// <summary>Told once a home and start: a home that fails fails at every look.</summary>
    private void LogRulesFailed(string resident, Exception e)
    {
        if (!failing.TryAdd(resident, true))
            return;
        LogRulesFailed(log, resident, e);
        troubles.Happened(
            "rules of a home",
            $"the rules failed in the home of {resident} and leave it out of a look: {e.Message}",
            $"{resident}的规则计算出错，已跳过该次检查：{e.Message}",
            Shown
        );
    }

    private void LogHeld(Finding finding, string why, string whyZh)
    {
        heldBack.Add(1, new KeyValuePair<string, object?>("kind", finding.Kind.Name));
        LogHeldBack(log, finding.Subject, finding.Reason, why);
    }

    private void LogDoubt(string resident, string device, string why)
    {
        doubted.Add(1);
        LogDoubted(log, device, resident, why);
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

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The rules' snapshot {File} can't be used: {Reason}. The one before it is taken, or they learn again from the "
            + "stored readings"
    )]
    private static partial void LogNoSnapshot(ILogger logger, string file, string reason);

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "The rules failed in the home of {Resident}; what they had found stands, and other homes are not touched"
    )]
    private static partial void LogRulesFailed(ILogger logger, string resident, Exception e);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The readings since the snapshot can't be read, so the rules go on from the snapshot alone: {Reason}"
    )]
    private static partial void LogNoReplay(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Housekeeping failed; it goes on in a second")]
    private static partial void LogFailed(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Information, Message = "Held back for {Resident}: {What}; {Why}")]
    private static partial void LogHeldBack(ILogger logger, string resident, string what, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "A total of {Device} of {Resident} isn't believed: {Why}")]
    private static partial void LogDoubted(ILogger logger, string device, string resident, string why);
}
