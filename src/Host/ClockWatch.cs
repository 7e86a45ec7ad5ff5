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

    /// <summary>
    /// How often the time is written to disk; and by how much it may be ahead of the wall clock at a start after a reboot without meaning
    /// that the clock was set.
    /// </summary>
    private static readonly TimeSpan Written = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Shown = TimeSpan.FromMinutes(5);

    private readonly ClockStampFile stampFile = new(settings.DataPath, clock, log);
    private long looked = clock.GetTimestamp();

    /// <summary>A move whose commit failed in a way that leaves open whether it was made; the records have to be asked.</summary>
    private ClockMove? unsure;

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

        stampFile.Write(steady.GetUtcNow().UtcDateTime);
        return by;
    }

    private async Task<TimeSpan> CompareAtStartAsync(SteadyClock steady, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var now = steady.GetUtcNow().UtcDateTime;
        var stamp = stampFile.Read();
        if (stamp?.Move is { } begun && await begun.IsMadeAsync(db, cancellation))
            stamp = stamp with { Time = begun.To };
        // Without a reboot the monotonic clock tells what time it must be; after one, the newest time known is at least a lower limit.
        var last = stamp is { Since: { } since }
            ? stamp.Time + since
            : new[] { stamp?.Time, await Deadlines.NewestAsync(db, cancellation) }.Max();
        if (last is not { } before || (stamp?.Since is null ? before - now <= Written : (now - before).Duration() <= Jump))
            return TimeSpan.Zero;
        if (steady.GetUtcNow() < SteadyClock.Earliest)
        {
            steady.Set(before - now);
            await LookAsync(cancellation);
            return TimeSpan.Zero;
        }

        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var move = new ClockMove(Guid.NewGuid(), before, now - before);
        var (en, zh) = move.Words(zone, " while the service was down", "在服务停止期间");
        await MoveAsync(db, move, en, zh, cancellation);
        await transaction.CommitAsync(cancellation);
        RememberJump(move);
        Tell(move.By < TimeSpan.Zero ? "clock-set-back" : "clock-set-forward", en, zh);
        // After a reboot the difference includes the downtime, which the rules are told of separately.
        return stamp?.Since is null ? TimeSpan.Zero : move.By;
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

    /// <summary>The commit of a move failed, or said so: the next comparison looks it up.</summary>
    internal bool IsUnsure => unsure is not null;

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
        if (unsure is null && steady.Wall < SteadyClock.Earliest && steady.GetUtcNow() >= SteadyClock.Earliest)
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
        if (unsure is null && ahead.Duration() <= Jump)
            steady.Follow(ahead);
        else
            await TakeOverAsync(steady, cancellation);
        if (stampFile.SinceWritten is not { } since || since > Written)
            stampFile.Write(steady.GetUtcNow().UtcDateTime);
    }

    private async Task TakeOverAsync(SteadyClock steady, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (unsure is { } asked)
        {
            var made = await asked.IsMadeAsync(db, cancellation);
            unsure = null;
            if (!made)
                return; // the next comparison moves it
            rules.SetClock(asked.By, steady);
            IsSet(asked, steady);
            return;
        }

        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var by = steady.WallAhead; // measured again: waiting for the turn may have taken long
        if (by.Duration() <= Jump)
            return;
        var before = steady.GetUtcNow().UtcDateTime;
        var move = new ClockMove(Guid.NewGuid(), before, by);
        var (en, zh) = move.Words(zone);
        await MoveAsync(db, move, en, zh, cancellation);
        // Inside the transaction, while nobody else writes: no other loop sees moved deadlines by the old clock, or the reverse.
        rules.SetClock(by, steady);
        try
        {
            await transaction.CommitAsync(CancellationToken.None);
        }
        catch
        {
            rules.SetClock(-by, steady);
            unsure = move;
            throw;
        }

        IsSet(move, steady);
    }

    /// <summary>Moves the deadlines; the caller commits.</summary>
    private async Task MoveAsync(RecordsDb db, ClockMove move, string en, string zh, CancellationToken cancellation)
    {
        await Deadlines.MoveAsync(db, move.By, move.From, en, zh, cancellation);
        db.Findings.Add(new CommittedFinding { Key = move.Key, CommittedAt = move.To });
        await db.SaveChangesAsync(cancellation);
        // Before the commit: a start after a crash finds the move here, and in the records whether it was committed.
        stampFile.Write(move.From, move);
    }

    private void IsSet(ClockMove move, SteadyClock steady)
    {
        RememberJump(move);
        housekeeping.ListenAgain();
        housekeeping.SaveAgain();
        stampFile.Write(steady.GetUtcNow().UtcDateTime);
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
