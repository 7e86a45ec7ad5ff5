using Vigil.Host.Intake;
using Vigil.Notify.Escalation;
using Vigil.Notify.Webhooks;

namespace Vigil.Host;

/// <summary>
/// Watches the loops of the service: each reports, by a monotonic clock, when it last turned. Otherwise nobody would notice a loop that
/// hangs while the process still answers. <c>/healthz/ready</c> fails when a loop has not turned for <c>Health:LoopSeconds</c> (60),
/// <c>/healthz/live</c> after five times as long, when only a restart can help. When a loop ends, the process ends with exit code 70, so
/// that it is started again.
/// </summary>
internal sealed partial class Heartbeats : BackgroundService
{
    /// <summary>After how many times the allowed silence of a loop the service isn't live any more.</summary>
    public const int LongestSilence = 5;

    /// <summary>EX_SOFTWARE of sysexits.h: the service manager should start it again.</summary>
    public const int ExitCode = 70;

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly CommitBatch batches;
    private readonly TimeSpan allowed;
    private readonly IServiceProvider services;
    private readonly IHostApplicationLifetime lifetime;
    private readonly ILogger<Heartbeats> log;
    private readonly IReadOnlyList<(string Loop, string Zh, Func<TimeSpan> Since)> loops;

    public Heartbeats(
        CommitBatch batches,
        Housekeeping housekeeping,
        Escalator escalator,
        Dispatcher dispatcher,
        Auditor auditor,
        WebhookSender webhooks,
        SelfWatch watch,
        ClockWatch clocks,
        Settings settings,
        IServiceProvider services,
        IHostApplicationLifetime lifetime,
        ILogger<Heartbeats> log
    )
    {
        (this.batches, this.services, this.lifetime, this.log, allowed) = (batches, services, lifetime, log, settings.Health.LoopSilence);
        var speed = settings.Speed; // loops measure by the service's clock, what is reported is real time
        loops =
        [
            ("storing readings", "读数保存", () => batches.SinceTurn),
            ("time for the rules", "规则计时", () => housekeeping.SinceTurn / speed),
            ("escalation", "升级", () => escalator.SinceCycle / speed),
            ("sending", "发送", () => dispatcher.SinceCycle / speed),
            ("the auditor", "督查", () => auditor.SinceLook / speed),
            ("the watch over the service", "自检", () => watch.SinceLook / speed),
            ("the watch over the clock", "时钟监视", () => clocks.SinceLook / speed),
            ("webhooks", "系统对接", () => webhooks.SinceCycle),
        ];
    }

    /// <summary>A loop has ended although the service isn't being stopped.</summary>
    public bool Died { get; private set; }

    /// <summary>Loops that have not turned for this many times the allowed silence, in words; empty when all turn.</summary>
    public IReadOnlyList<(string Loop, string Words, string Zh)> Stopped(int times = 1) =>
        [
            .. loops
                .Select(l => (l.Loop, l.Zh, Since: l.Since()))
                .Where(l => l.Since > allowed * times)
                .Select(l =>
                    (l.Loop, $"{l.Loop} has not turned for {l.Since.TotalSeconds:0} s", $"{l.Zh}已停止{l.Since.TotalSeconds:0}秒")
                ),
        ];

    /// <summary>Loops that run as long as the service; others may return when they have nothing to do.</summary>
    internal static readonly IReadOnlyList<Type> Endless =
    [
        typeof(Pipeline),
        typeof(Housekeeping),
        typeof(SelfWatch),
        typeof(RetentionRun),
        typeof(ClockWatch),
        typeof(Escalator),
        typeof(Dispatcher),
        typeof(Auditor),
        typeof(ReceiptWatch),
        typeof(CallsUnderWay),
        typeof(WebhookSender),
        typeof(Vigil.Notify.Digests.DailyDigests),
        typeof(Canary),
        typeof(HeartbeatSender),
        typeof(Vigil.Ingest.Mqtt.ExternalBroker),
    ];

    /// <summary>Background loops that have ended by an exception, or ended at all although they are endless.</summary>
    public IReadOnlyList<(string Loop, Exception? Why)> Ended() =>
        [
            .. services
                .GetServices<IHostedService>()
                .OfType<BackgroundService>()
                .Where(s => s.ExecuteTask is { IsCompleted: true } over && (!over.IsCompletedSuccessfully || Endless.Contains(s.GetType())))
                .Select(s => (s.GetType().Name, s.ExecuteTask!.Exception?.GetBaseException())),
        ];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var stays =
            services.GetRequiredService<Microsoft.Extensions.Options.IOptions<HostOptions>>().Value.BackgroundServiceExceptionBehavior
            == BackgroundServiceExceptionBehavior.Ignore;
        while (!stoppingToken.IsCancellationRequested)
        {
            batches.Pulse();
            if (!Died && !lifetime.ApplicationStopping.IsCancellationRequested && Ended() is { Count: > 0 } ended)
            {
                Died = true;
                foreach (var (loop, why) in ended)
                    LogEnded(log, loop, why);
                if (!stays)
                    lifetime.StopApplication();
            }

            await Task.Delay(Every, TimeProvider.System, stoppingToken); // real time, by which the loops are judged
        }
    }

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "The loop {Loop} has ended, and nothing may be silent here: the service ends with exit code 70, to be started again"
    )]
    private static partial void LogEnded(ILogger logger, string loop, Exception? why);
}
