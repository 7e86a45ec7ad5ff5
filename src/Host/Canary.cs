using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using MQTTnet;
using MQTTnet.Protocol;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// Once in <c>Health:CanaryMinutes</c> a press of the service's own goes the way of every press: a login at the broker, a message, rules,
/// the alarm desk, escalation, a channel. What hides from all else (a broker that takes and gives nothing on, a lane that stands) shows
/// here. When it has come round it is taken away whole.
/// </summary>
internal sealed partial class Canary : BackgroundService
{
    private const string Case = "canary";

    /// <summary>A press that takes longer is lost.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    /// <summary>After a start everything reconnects first.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(5);

    private readonly MqttOptions mqtt;
    private readonly IServiceProvider services;
    private readonly IHostApplicationLifetime lifetime;
    private readonly IDbContextFactory<RecordsDb> records;
    private readonly Troubles troubles;
    private readonly TimeSpan? every;
    private readonly ILogger<Canary> log;
    private readonly byte[] password = Encoding.ASCII.GetBytes(Convert.ToHexString(RandomNumberGenerator.GetBytes(32)));
    private readonly long begun = Stopwatch.GetTimestamp();
    private long came;

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
        (this.mqtt, this.services, this.lifetime, this.records, this.troubles, this.log, every) = (
            mqtt,
            services,
            lifetime,
            records,
            troubles,
            log,
            settings.Health.CanaryEvery
        );
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

    /// <summary>How long the last good round took.</summary>
    public TimeSpan Took { get; private set; }

    /// <summary>Since the last good round, or since the start; real time.</summary>
    public TimeSpan Age => Stopwatch.GetElapsedTime(came != 0 ? came : begun);

    /// <summary>Why the last round did not come round; null when it did, or when none was due yet.</summary>
    public string? Missed { get; private set; }

    /// <summary>For the health page.</summary>
    public string Words =>
        every is null ? "canary: off"
        : came == 0
            ? Missed is null ? "canary: not yet"
                : $"canary: {Missed}"
        : $"canary: {Age.TotalSeconds:0} s ago, took {Took.TotalSeconds:0.0} s";

    /// <summary>Whether this is the password of the service's own login: it is made at each start and stands nowhere.</summary>
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
        // In wall time, as broker and clients are: a clock that runs fast makes no messages faster.
        await Task.Delay(Settle, TimeProvider.System, stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            await RoundAsync(stoppingToken);
            // A missed round is tried again soon: a fault that has passed must not be an alarm for an hour.
            await Task.Delay(
                Missed is null ? period : TimeSpan.FromSeconds(Math.Min(20, period.TotalSeconds)),
                TimeProvider.System,
                stoppingToken
            );
        }
    }

    /// <summary>One round; says what became of it.</summary>
    internal async Task RoundAsync(CancellationToken cancellation)
    {
        var at = Stopwatch.GetTimestamp();
        var (stage, stageZh) = ("a message to the broker", "向消息服务器发送");
        try
        {
            await ClearAsync(cancellation);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(Longest);
            await PublishAsync(limit.Token);
            (stage, stageZh) = ("an alarm of it", "生成预警");
            while (!await CameRoundAsync(limit.Token))
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, limit.Token);
            (Took, came, Missed) = (Stopwatch.GetElapsedTime(at), Stopwatch.GetTimestamp(), null);
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

    /// <summary>Nothing of it stays, neither of this round nor of one that a crash left behind.</summary>
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
            LogNotCleared(log, e.Message); // the next round does
        }
    }

    private async Task PublishAsync(CancellationToken cancellation)
    {
        const string Topic = $"vigil/{SelfTest.Name}/up";
        var payload = """[{"n":"button","vs":"sos"}]"""u8.ToArray();
        if (services.GetService<ExternalBroker>() is { } outside)
        {
            await outside.PublishAsync(Topic, payload, cancellation);
            return;
        }

        if (mqtt.Tls && mqtt.CertificateAuthority.Length > 0)
        {
            // Where only certificates let anybody in, it has none: it begins behind the login.
            await services.GetRequiredService<Inbox>()(
                new InboundMessage(
                    Topic,
                    payload,
                    services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime,
                    Retained: false,
                    new Sender(SelfTest.Name, false, [])
                ),
                cancellation
            );
            return;
        }

        using var client = new MqttClientFactory().CreateMqttClient();
        var options = new MqttClientOptionsBuilder()
            .WithTcpServer(mqtt.Host is "*" or "0.0.0.0" or "::" or "localhost" ? "127.0.0.1" : mqtt.Host, mqtt.Port)
            .WithClientId(SelfTest.Name)
            .WithCredentials(SelfTest.Name, password)
            .WithKeepAlivePeriod(TimeSpan.FromSeconds(60))
            .WithTimeout(TimeSpan.FromSeconds(10));
        if (mqtt.Tls)
            options.WithTlsOptions(o => o.UseTls().WithCertificateValidationHandler(_ => true)); // its own broker, on this machine
        var login = await client.ConnectAsync(options.Build(), cancellation);
        if (login.ResultCode != MqttClientConnectResultCode.Success)
            throw new InvalidOperationException($"login refused: {login.ResultCode}");
        await client.PublishAsync(
            new MqttApplicationMessageBuilder()
                .WithTopic(Topic)
                .WithPayload(payload)
                .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
                .Build(),
            cancellation
        );
        await client.DisconnectAsync(new MqttClientDisconnectOptionsBuilder().Build(), cancellation);
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "Canary: {What}")]
    private static partial void LogMissed(ILogger logger, string what);

    [LoggerMessage(Level = LogLevel.Warning, Message = "What the canary left could not be taken away: {Reason}")]
    private static partial void LogNotCleared(ILogger logger, string reason);
}
