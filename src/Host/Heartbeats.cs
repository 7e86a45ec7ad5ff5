using Vigil.Notify.Escalation;
using Vigil.Notify.Webhooks;

namespace Vigil.Host;

/// <summary>
/// Whether the work goes on: each loop says when it last turned. A process that answers while a loop stands still is the worst kind of broken, because nobody looks.
/// <c>/healthz/ready</c> fails when a loop has not turned for <c>Health:LoopSeconds</c> (60), <c>/healthz/live</c> after five times as long: then a restart is all that is left.
/// </summary>
internal sealed class Heartbeats : BackgroundService
{
    public const int LongestSilence = 5;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly Pipeline pipeline;
    private readonly TimeProvider clock;
    private readonly double speed;
    private readonly TimeSpan allowed;
    private readonly DateTimeOffset started;
    private readonly IReadOnlyList<(string Loop, string Zh, Func<TimeSpan> Since)> loops;

    public Heartbeats(Pipeline pipeline, Housekeeping housekeeping, Escalator escalator, Dispatcher dispatcher, Auditor auditor, WebhookSender webhooks, SelfWatch watch, Settings settings, TimeProvider clock)
    {
        (this.pipeline, this.clock, speed, started) = (pipeline, clock, settings.Speed, clock.GetUtcNow());
        allowed = settings.LoopSilence;
        loops =
        [
            ("storing readings", "读数保存", () => pipeline.SinceTurn), ("time for the rules", "规则计时", Of(() => housekeeping.LastTurn)), ("escalation", "升级", Of(() => escalator.LastCycle)),
            ("sending", "发送", Of(() => dispatcher.LastCycle)), ("the auditor", "督查", Of(() => auditor.LastLook)), ("the watch over the service", "自检", Of(() => watch.LastLook)),
            ("webhooks", "系统对接", () => TimeProvider.System.GetUtcNow() - Later(webhooks.LastCycle, begun)),
        ];
    }

    private readonly DateTimeOffset begun = TimeProvider.System.GetUtcNow();

    /// <summary>Loops that have not turned for so many times the allowed silence, in words; empty when all turn.</summary>
    public IReadOnlyList<(string Loop, string Words, string Zh)> Stopped(int times = 1) =>
        [.. loops.Select(l => (l.Loop, l.Zh, Since: l.Since())).Where(l => l.Since > allowed * times).Select(l => (l.Loop, $"{l.Loop} has not turned for {l.Since.TotalSeconds:0} s", $"{l.Zh}已停止{l.Since.TotalSeconds:0}秒"))];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            pipeline.Pulse();
            await Task.Delay(Every, TimeProvider.System, stoppingToken);
        }
    }

    /// <summary>By the service's clock, which may run fast: in seconds of the wall.</summary>
    private Func<TimeSpan> Of(Func<DateTimeOffset> last) => () => (clock.GetUtcNow() - Later(last(), started)) / speed;

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
