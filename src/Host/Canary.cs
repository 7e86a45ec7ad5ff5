using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// An end-to-end self-test: every <c>Health:CanaryMinutes</c> a press of the service's own takes the path of every press, through a login
/// at the broker, a message, the rules, the alarm desk and escalation to a channel. It detects faults that no other check sees, such as a
/// broker that accepts messages but doesn't deliver them, or a queue that is stuck. Afterwards everything it created is deleted.
/// </summary>
internal sealed partial class Canary : BackgroundService
{
    private const string Case = "canary";

    /// <summary>A press that takes longer counts as lost.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    /// <summary>Pause after the start, in which devices reconnect.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(5);

    private readonly CanaryPress press;
    private readonly IHostApplicationLifetime lifetime;
    private readonly IDbContextFactory<RecordsDb> records;
    private readonly Troubles troubles;
    private readonly TimeSpan? every;
    private readonly ILogger<Canary> log;
    private readonly byte[] password = Encoding.ASCII.GetBytes(Convert.ToHexString(RandomNumberGenerator.GetBytes(32)));
    private readonly long begun = Stopwatch.GetTimestamp();
    private long lastSuccess;

    public Canary(
        MqttOptions mqtt,
        Settings settings,
        IServiceProvider services,
        IHostApplicationLifetime lifetime,
        IDbContextFactory<RecordsDb> records,
        Troubles troubles,
        Meter meter,
        ILogger<Canary> log
    )
    {
        press = new CanaryPress(mqtt, services, password);
        (this.lifetime, this.records, this.troubles, this.log, every) = (lifetime, records, troubles, log, settings.Health.CanaryEvery);
        if (every is null)
            return;
        meter.CreateObservableGauge(
            "vigil_canary_age_seconds",
            () => Age.TotalSeconds,
            "s",
            "Since the service's own press last went all the way"
        );
        meter.CreateObservableGauge(
            "vigil_canary_duration_seconds",
            () => Took.TotalSeconds,
            "s",
            "How long it took, from the message to the channel"
        );
    }

    /// <summary>How long the last successful round took.</summary>
    public TimeSpan Took { get; private set; }

    /// <summary>Real time since the last successful round, or since the start.</summary>
    public TimeSpan Age => Stopwatch.GetElapsedTime(lastSuccess != 0 ? lastSuccess : begun);

    /// <summary>Why the last round failed; null when it succeeded, or when there was none yet.</summary>
    public string? Missed { get; private set; }

    /// <summary>For the health page.</summary>
    public string Words =>
        every is null ? "canary: off"
        : lastSuccess == 0
            ? Missed is null ? "canary: not yet"
                : $"canary: {Missed}"
        : $"canary: {Age.TotalSeconds:0} s ago, took {Took.TotalSeconds:0.0} s";

    /// <summary>Whether this is the password of the canary's login, which is generated at each start and never stored.</summary>
    public bool Knows(byte[] given) => every is not null && CryptographicOperations.FixedTimeEquals(given, password);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (every is not { } period)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stoppingToken);
            return;
        }

        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var _ = lifetime.ApplicationStarted.Register(() => started.TrySetResult());
        await started.Task.WaitAsync(stoppingToken);
        // In real time: messages aren't faster when the service's clock is.
        await Task.Delay(Settle, TimeProvider.System, stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            await RoundAsync(stoppingToken);
            // After a failed round the next one comes soon, so that the alarm of a passing fault doesn't last for an hour.
            await Task.Delay(
                Missed is null ? period : TimeSpan.FromSeconds(Math.Min(20, period.TotalSeconds)),
                TimeProvider.System,
                stoppingToken
            );
        }
    }

    /// <summary>One round.</summary>
    internal async Task RoundAsync(CancellationToken cancellation)
    {
        var at = Stopwatch.GetTimestamp();
        var (stage, stageZh) = ("a message to the broker", "向消息服务器发送");
        try
        {
            await ClearAsync(cancellation);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(Longest);
            await press.PublishAsync(limit.Token);
            (stage, stageZh) = ("an alarm of it", "生成预警");
            while (!await CameRoundAsync(limit.Token))
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, limit.Token);
            (Took, lastSuccess, Missed) = (Stopwatch.GetElapsedTime(at), Stopwatch.GetTimestamp(), null);
            troubles.Over(Case);
        }
        catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
        {
            var (inTime, inTimeZh) =
                e is OperationCanceledException
                    ? ($" within {Longest.TotalSeconds:0} s ({stage})", $"{Longest.TotalSeconds:0}秒内未走完全程（{stageZh}）")
                    : ($" ({stage}: {e.GetBaseException().Message})", $"未走完全程（{stageZh}失败）");
            Missed = $"a press of the service's own did not come round{inTime}";
            troubles.Say(Case, Missed, $"自检呼叫{inTimeZh}");
            LogMissed(log, Missed);
        }

        await ClearAsync(cancellation);

        async Task<bool> CameRoundAsync(CancellationToken stop)
        {
            await using var db = await records.CreateDbContextAsync(stop);
            var notices = await db.Notices.AsNoTracking().Where(n => n.Recipient == SelfTest.Name).Select(n => n.State).ToListAsync(stop);
            if (notices.Count > 0)
                (stage, stageZh) = ("sending", "发送");
            else if (await db.Alarms.AnyAsync(a => a.Subject == SelfTest.Name, stop))
                (stage, stageZh) = ("escalation", "升级");
            return notices.Exists(s => s is NoticeState.Sent or NoticeState.Delivered);
        }
    }

    /// <summary>Deletes what this round created, and what is left of one that a crash interrupted.</summary>
    private async Task ClearAsync(CancellationToken cancellation)
    {
        try
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            await using var transaction = await WriteTurn.BeginAsync(db, first: false, cancellation);
            await db.Notices.Where(n => n.Recipient == SelfTest.Name).ExecuteDeleteAsync(cancellation);
            await db.Alarms.Where(a => a.Subject == SelfTest.Name).ExecuteDeleteAsync(cancellation);
            await db.Findings.Where(f => f.Key.StartsWith(SelfTest.Name + "|")).ExecuteDeleteAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }
        catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
        {
            LogNotCleared(log, e.Message); // the next round deletes it
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "Canary: {What}")]
    private static partial void LogMissed(ILogger logger, string what);

    [LoggerMessage(Level = LogLevel.Warning, Message = "What the canary left could not be taken away: {Reason}")]
    private static partial void LogNotCleared(ILogger logger, string reason);
}
