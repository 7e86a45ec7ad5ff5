using Vigil.Host.Intake;
using Vigil.Notify.Escalation;
using Vigil.Notify.Webhooks;

namespace Vigil.Host;

/// <summary>
/// Whether the work goes on: each loop says how long ago it last turned, by a clock that nobody can set. A process that answers while a
/// loop stands still is the worst kind of broken, because nobody looks. <c>/healthz/ready</c> fails when a loop has not turned for
/// <c>Health:LoopSeconds</c> (60), <c>/healthz/live</c> after five times as long: then a restart is all that is left. A loop that has
/// ended, whatever it was, ends the process with exit code 70, so that it is started again.
/// </summary>
internal sealed partial class Heartbeats : BackgroundService
{
    public const int LongestSilence = 5;

    /// <summary>EX_SOFTWARE of sysexits.h: whoever runs the service starts it again.</summary>
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
        var speed = settings.Speed; // of the service's clock: all is said in seconds of the wall
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

    /// <summary>A loop has ended though nobody asked it to.</summary>
    public bool Died { get; private set; }

    /// <summary>Loops that have not turned for so many times the allowed silence, in words; empty when all turn.</summary>
    public IReadOnlyList<(string Loop, string Words, string Zh)> Stopped(int times = 1) =>
        [
            .. loops
                .Select(l => (l.Loop, l.Zh, Since: l.Since()))
                .Where(l => l.Since > allowed * times)
                .Select(l =>
                    (l.Loop, $"{l.Loop} has not turned for {l.Since.TotalSeconds:0} s", $"{l.Zh}已停止{l.Since.TotalSeconds:0}秒")
                ),
        ];

    /// <summary>Loops that go on as long as the service does; another may return when it has nothing to do.</summary>
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

    /// <summary>Background loops that are over, with why: by an exception, or an endless one by itself.</summary>
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

            await Task.Delay(Every, TimeProvider.System, stoppingToken); // whoever waits for a sign of life waits in wall time
        }
    }

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "The loop {Loop} has ended, and nothing may be silent here: the service ends with exit code 70, to be started again"
    )]
    private static partial void LogEnded(ILogger logger, string loop, Exception? why);
}
