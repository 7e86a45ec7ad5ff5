using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// Compares the machine's wall clock with the service's steady one each second. A little is followed. A jump is taken over at once and whole: what waits in the
/// records, what the rules remember and the service's clock move together, so that nothing is due sooner or later than it was, and it is said. A date that can't be
/// true is not taken over. After a freeze nothing moves: what is overdue runs at once. Either way devices get their time to be heard before silence is judged.
/// </summary>
internal sealed partial class ClockWatch(
    TimeProvider clock, Settings settings, IDbContextFactory<RecordsDb> records, RulePartitions rules, Housekeeping housekeeping, Troubles troubles, TimeZoneInfo zone, ILogger<ClockWatch> log) : BackgroundService
{
    private const string Wrong = "clock";

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>More than that is no drift.</summary>
    internal static readonly TimeSpan Jump = TimeSpan.FromSeconds(2);

    /// <summary>So much later than now may the last thing written be, where another machine wrote it.</summary>
    private static readonly TimeSpan Written = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Shown = TimeSpan.FromMinutes(5);

    private readonly string stampFile = Path.Combine(settings.DataPath, "clock");
    private long looked = clock.GetTimestamp();
    private long? stamped;

    /// <summary>A move of which the records haven't said yet whether they made it.</summary>
    private Move? unsure;

    /// <summary>How long ago it last looked.</summary>
    public TimeSpan SinceLook => clock.GetElapsedTime(Interlocked.Read(ref looked));

    /// <summary>At a start: a clock that is before what was written last has been put back, or was never set, and then time goes on from there.</summary>
    public async Task RecoverAsync(CancellationToken cancellation)
    {
        if (clock is not SteadyClock steady) return;
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (new[] { await LastAsync(db, cancellation), await Deadlines.NewestAsync(db, cancellation) }.Max() is not { } last) return;
        var now = steady.GetUtcNow().UtcDateTime;
        if (last - now <= Written) return;
        if (steady.GetUtcNow() < SteadyClock.Earliest)
        {
            steady.Set(last - now);
            await LookAsync(cancellation);
            return;
        }

        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var (en, zh) = Said(now - last, last, now, "was put back while the service was down", "在服务停止期间被调慢");
        await Deadlines.MoveAsync(db, now - last, last, en, zh, cancellation);
        await transaction.CommitAsync(cancellation);
        Tell("clock-set-back", en, zh);
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
                LogFailed(log, e); // what waits goes on by the steady clock: nothing is late for it
            }

            Interlocked.Exchange(ref looked, clock.GetTimestamp());
        }
    }

    /// <summary>Looks once.</summary>
    /// <param name="waited">How long the wait before it took.</param>
    /// <param name="cancellation">Leaves everything as it was.</param>
    internal async Task TurnAsync(TimeSpan waited, CancellationToken cancellation)
    {
        if (waited / settings.Speed is var gap && gap > Housekeeping.Freeze) Frozen(gap);
        await LookAsync(cancellation);
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        if (clock is not SteadyClock steady) return;
        var ahead = steady.WallAhead;
        if (steady.Wall < SteadyClock.Earliest && steady.GetUtcNow() >= SteadyClock.Earliest)
        {
            troubles.Say(
                Wrong, $"the machine's clock says {Local(steady.Wall.UtcDateTime)}, which can't be true; the service goes on by its own time, {Local(steady.GetUtcNow().UtcDateTime)}",
                $"本机时钟为{Local(steady.Wall.UtcDateTime)}，不可能正确；服务按自身时间{Local(steady.GetUtcNow().UtcDateTime)}继续运行");
            return;
        }

        troubles.Over(Wrong);
        if (ahead.Duration() <= Jump) steady.Follow(ahead);
        else await TakeOverAsync(steady, cancellation);
        if (stamped is not { } last || clock.GetElapsedTime(last) > Written) WriteStamp(steady.GetUtcNow().UtcDateTime);
    }

    private async Task TakeOverAsync(SteadyClock steady, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (unsure is { } asked)
        {
            var made = await IsMadeAsync(db, asked, cancellation);
            unsure = null;
            if (!made) return; // and the next look moves it
            rules.SetClock(asked.By, steady);
            IsSet(asked, steady);
            return;
        }

        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var by = steady.WallAhead; // we may have stood in line
        if (by.Duration() <= Jump) return;
        var before = steady.GetUtcNow().UtcDateTime;
        var move = new Move(Guid.NewGuid(), before, by);
        var (en, zh) = Said(move);
        await Deadlines.MoveAsync(db, by, before, en, zh, cancellation);
        db.Findings.Add(new CommittedFinding { Key = move.Key, CommittedAt = move.To });
        await db.SaveChangesAsync(cancellation);
        // Before it is done, so that whoever starts after a crash knows by the records which of the two times is meant.
        WriteStamp(before, move);
        // While nobody else writes: no look of another loop sees rows of one time by a clock of the other.
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

    private void IsSet(Move move, SteadyClock steady)
    {
        housekeeping.ListenAgain();
        WriteStamp(steady.GetUtcNow().UtcDateTime);
        // There and back are two pieces of news; a clock that goes to and fro is not one at each turn.
        var (en, zh) = Said(move);
        Tell(move.By > TimeSpan.Zero ? "clock-set-forward" : "clock-set-back", en, zh);
    }

    private static Task<bool> IsMadeAsync(RecordsDb db, Move move, CancellationToken cancellation) => db.Findings.AnyAsync(f => f.Key == move.Key, cancellation);

    private void Frozen(TimeSpan gap)
    {
        housekeeping.ListenAgain();
        Tell(
            "freeze", $"the service stood still for {gap.TotalSeconds:0} s (the process was stopped, or the machine was too busy); what became due meanwhile was done at once, silence of devices is judged again after {Housekeeping.CatchUp.TotalSeconds:0} s",
            $"服务停顿了{gap.TotalSeconds:0}秒（进程被暂停或机器过忙）；期间到期的通知已立即处理，{Housekeeping.CatchUp.TotalSeconds:0}秒后恢复设备失联判断");
    }

    private (string En, string Zh) Said(Move move) =>
        Said(move.By, move.From, move.To, move.By > TimeSpan.Zero ? "was put forward" : "was put back", move.By > TimeSpan.Zero ? "被调快" : "被调慢");

    private (string En, string Zh) Said(TimeSpan by, DateTime from, DateTime to, string what, string whatZh)
    {
        var (en, zh) = Span(by.Duration());
        return (
            $"the machine's clock {what} by {en}, from {Local(from)} to {Local(to)}; what waits goes on waiting as long as before, silence of devices is judged again after {Housekeeping.CatchUp.TotalSeconds:0} s",
            $"本机时钟{whatZh}{zh}（{Local(from)} → {Local(to)}）；等待中的事项仍按原定时长等待，{Housekeeping.CatchUp.TotalSeconds:0}秒后恢复设备失联判断");
    }

    private void Tell(string name, string en, string zh)
    {
        troubles.Happened(name, en, zh, Shown * settings.Speed);
        LogTold(log, en);
    }

    private static (string En, string Zh) Span(TimeSpan span)
    {
        var parts = new[] { (span.Days, " d", "天"), (span.Hours, " h", "小时"), (span.Minutes, " min", "分"), (span.Seconds, " s", "秒") }.Where(p => p.Item1 != 0).Take(2).ToList();
        return (string.Join(" ", parts.Select(p => p.Item1 + p.Item2)), string.Concat(parts.Select(p => p.Item1 + p.Item3)));
    }

    private string Local(DateTime utc) => TimeZoneInfo.ConvertTimeFromUtc(utc, zone).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>The service's time shortly before it stopped; null at the first start, and in a folder that was restored.</summary>
    private async Task<DateTime?> LastAsync(RecordsDb db, CancellationToken cancellation)
    {
        if (!File.Exists(stampFile)) return null;
        var lines = await File.ReadAllLinesAsync(stampFile, cancellation);
        if (Parsed(0) is not { } last || lines.Length < 3 || !Guid.TryParse(lines[1], out var id) || Parsed(2) is not { } to) return Parsed(0);
        return await IsMadeAsync(db, new Move(id, last, to - last), cancellation) ? to : last;

        DateTime? Parsed(int line) =>
            line < lines.Length && DateTime.TryParse(lines[line], CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal, out var time) ? time : null;
    }

    /// <summary>Whole or not at all; a full disk is another watch's trouble.</summary>
    private void WriteStamp(DateTime now, Move? move = null)
    {
        try
        {
            File.WriteAllText(stampFile + ".new", move is null ? $"{now:O}" : $"{now:O}\n{move.Id}\n{move.To:O}");
            File.Move(stampFile + ".new", stampFile, overwrite: true);
            stamped = clock.GetTimestamp();
        }
        catch (IOException e)
        {
            LogFailed(log, e);
        }
    }

    /// <summary>The service's clock is set: the records have its key when what waits in them was moved along.</summary>
    private sealed record Move(Guid Id, DateTime From, TimeSpan By)
    {
        public DateTime To => From + By;

        public string Key => $"clock|{Id}";
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Time: {What}")]
    private static partial void LogTold(ILogger logger, string what);

    [LoggerMessage(Level = LogLevel.Error, Message = "The watch over the clock failed; it looks again in a second")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
