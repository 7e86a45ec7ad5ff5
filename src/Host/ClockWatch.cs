using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// Compares the machine's wall clock with the service's steady clock every second. The steady clock follows small differences. A jump of
/// the wall clock is adopted at once: the service's clock, the deadlines in the records and the times that the rules remember are moved
/// together, so that nothing becomes due earlier or later, and the duty desk is told. An impossible date is not adopted. When the process
/// was frozen nothing is moved: what became due meanwhile is done at once. After a jump or a freeze devices get time to report before
/// silence is judged again.
/// </summary>
internal sealed partial class ClockWatch(
    TimeProvider clock,
    Settings settings,
    IDbContextFactory<RecordsDb> records,
    RulePartitions rules,
    Housekeeping housekeeping,
    Troubles troubles,
    TimeZoneInfo zone,
    ILogger<ClockWatch> log
) : BackgroundService
{
    private const string Wrong = "clock";

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>A larger difference between the clocks is a jump; a smaller one is drift.</summary>
    internal static readonly TimeSpan Jump = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Shown = TimeSpan.FromMinutes(5);

    private readonly ClockMoves moves = new(records, rules, new ClockStampFile(settings.DataPath, clock, log));
    private long looked = clock.GetTimestamp();
    private long? jumped;

    /// <summary>Time since the last jump of a day or more; null when there was none since the start.</summary>
    public TimeSpan? SinceJump => jumped is { } at ? clock.GetElapsedTime(at) : null;

    /// <summary>Time since the last comparison.</summary>
    public TimeSpan SinceLook => clock.GetElapsedTime(Interlocked.Read(ref looked));

    /// <summary>
    /// At a start: finds out whether the wall clock was set while the service was down, and moves the deadlines if it was. A wall clock
    /// with an impossible date (one that was never set) is ignored; time goes on from where it stopped.
    /// </summary>
    /// <returns>By how much the clock was set, where that is known exactly; else zero.</returns>
    public async Task<TimeSpan> RecoverAsync(CancellationToken cancellation)
    {
        if (clock is not SteadyClock steady)
            return TimeSpan.Zero;
        var by = TimeSpan.Zero;
        try
        {
            by = await CompareAtStartAsync(steady, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFailed(log, e); // a full disk: deadlines may be off, but starting matters more
        }

        moves.Stamp.Write(steady.GetUtcNow().UtcDateTime);
        return by;
    }

    private async Task<TimeSpan> CompareAtStartAsync(SteadyClock steady, CancellationToken cancellation)
    {
        var now = steady.GetUtcNow().UtcDateTime;
        if (await moves.ContradictedAsync(now, cancellation) is not var (before, isExact))
            return TimeSpan.Zero;
        if (steady.GetUtcNow() < SteadyClock.Earliest)
        {
            steady.Set(before - now);
            await LookAsync(cancellation);
            return TimeSpan.Zero;
        }

        var move = new ClockMove(Guid.NewGuid(), before, now - before);
        var (en, zh) = move.Words(zone, " while the service was down", "在服务停止期间");
        await moves.MoveDeadlinesAsync(move, en, zh, cancellation);
        RememberJump(move);
        Tell(move.By < TimeSpan.Zero ? "clock-set-back" : "clock-set-forward", en, zh);
        // After a reboot the difference includes the downtime, which the rules are told of separately.
        return isExact ? move.By : TimeSpan.Zero;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var waits = clock.GetTimestamp();
            await Task.Delay(Every * settings.Speed, clock, stoppingToken);
            try
            {
                await TurnAsync(clock.GetElapsedTime(waits), stoppingToken);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e); // deadlines go on by the steady clock, so nothing becomes late by it
            }

            Interlocked.Exchange(ref looked, clock.GetTimestamp());
        }
    }

    /// <inheritdoc cref="ClockMoves.IsUnsure"/>
    internal bool IsUnsure => moves.IsUnsure;

    /// <summary>One comparison.</summary>
    /// <param name="waited">How long the wait before it really took.</param>
    /// <param name="cancellation">Leaves everything unchanged.</param>
    internal async Task TurnAsync(TimeSpan waited, CancellationToken cancellation)
    {
        if (waited / settings.Speed is var gap && gap > Housekeeping.Freeze)
            Frozen(gap);
        await LookAsync(cancellation);
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        if (clock is not SteadyClock steady)
            return;
        var ahead = steady.WallAhead;
        if (!moves.IsUnsure && steady.Wall < SteadyClock.Earliest && steady.GetUtcNow() >= SteadyClock.Earliest)
        {
            var (wall, own) = (ClockMove.Local(zone, steady.Wall.UtcDateTime), ClockMove.Local(zone, steady.GetUtcNow().UtcDateTime));
            troubles.Say(
                Wrong,
                $"the machine's clock says {wall}, which can't be true; the service goes on by its own time, {own}",
                $"本机时钟为{wall}，不可能正确；服务按自身时间{own}继续运行"
            );
            return;
        }

        troubles.Over(Wrong);
        if (!moves.IsUnsure && ahead.Duration() <= Jump)
            steady.Follow(ahead);
        else if (await moves.AdoptAsync(steady, zone, cancellation) is { } move)
            IsSet(move, steady);
        if (moves.Stamp.SinceWritten is not { } since || since > ClockMoves.Written)
            moves.Stamp.Write(steady.GetUtcNow().UtcDateTime);
    }

    private void IsSet(ClockMove move, SteadyClock steady)
    {
        RememberJump(move);
        housekeeping.ListenAgain();
        housekeeping.Store.SaveAgain();
        moves.Stamp.Write(steady.GetUtcNow().UtcDateTime);
        // One case for each direction: a clock that jumps back and forth doesn't open a new one each time.
        var (en, zh) = move.Words(zone);
        Tell(move.By > TimeSpan.Zero ? "clock-set-forward" : "clock-set-back", en, zh);
    }

    private void Frozen(TimeSpan gap)
    {
        // Before the comparison, which may set the clock: afterwards the time of the freeze could not be told.
        var now = clock.GetUtcNow().UtcDateTime;
        rules.ForgiveDeafness(now - gap * settings.Speed, now);
        housekeeping.ListenAgain();
        Tell(
            "freeze",
            $"the service stood still for {gap.TotalSeconds:0} s (the process was stopped, or the machine was too busy); what "
                + $"became due meanwhile was done at once, silence of devices is judged again after "
                + $"{Housekeeping.CatchUp.TotalSeconds:0} s",
            $"服务停顿了{gap.TotalSeconds:0}秒（进程被暂停或机器过忙）；期间到期的通知已立即处理，{Housekeeping.CatchUp.TotalSeconds:0}秒后恢复设备失联判断"
        );
    }

    private void RememberJump(ClockMove move)
    {
        if (move.By.Duration() >= TimeSpan.FromDays(1))
            jumped = clock.GetTimestamp();
    }

    private void Tell(string name, string en, string zh)
    {
        troubles.Happened(name, en, zh, Shown * settings.Speed);
        LogTold(log, en);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Time: {What}")]
    private static partial void LogTold(ILogger logger, string what);

    [LoggerMessage(Level = LogLevel.Error, Message = "The watch over the clock failed; it looks again in a second")]
    internal static partial void LogFailed(ILogger logger, Exception e);
}
