using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// Compares the machine's wall clock with the service's steady one each second. A little is followed. A jump is taken over at once and
/// whole: what waits in the records, what the rules remember and the service's clock move together, so that nothing is due sooner or later
/// than it was, and it is said. A date that can't be true is not taken over. After a freeze nothing moves: what is overdue runs at once.
/// Either way devices get their time to be heard before silence is judged.
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

    /// <summary>More than that is no drift.</summary>
    internal static readonly TimeSpan Jump = TimeSpan.FromSeconds(2);

    /// <summary>So much later than now may the last thing written be, where another machine wrote it.</summary>
    private static readonly TimeSpan Written = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Shown = TimeSpan.FromMinutes(5);

    /// <summary>Nobody runs this program then.</summary>
    private static readonly DateTime Latest = new(2100, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly string stampFile = Path.Combine(settings.DataPath, "clock");
    private long looked = clock.GetTimestamp();
    private long? stamped;

    /// <summary>A move of which the records haven't said yet whether they made it.</summary>
    private Move? unsure;

    private long? jumped;

    /// <summary>How long the wall clock has gone on without a jump of a day or more; null when it has not jumped since the start.</summary>
    public TimeSpan? SinceJump => jumped is { } at ? clock.GetElapsedTime(at) : null;

    /// <summary>How long ago it last looked.</summary>
    public TimeSpan SinceLook => clock.GetElapsedTime(Interlocked.Read(ref looked));

    /// <summary>
    /// At a start: a clock that isn't as late as it must be was set meanwhile; one that was never set is not believed, and time goes on
    /// from where it stopped.
    /// </summary>
    /// <returns>By how much it was set meanwhile, and what waits was moved: zero when it wasn't.</returns>
    public async Task<TimeSpan> RecoverAsync(CancellationToken cancellation)
    {
        if (clock is not SteadyClock steady)
            return TimeSpan.Zero;
        var by = TimeSpan.Zero;
        try
        {
            by = await ComeBackAsync(steady, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFailed(log, e); // a full disk: better with waits that are off than not at all
        }

        WriteStamp(steady.GetUtcNow().UtcDateTime);
        return by;
    }

    private async Task<TimeSpan> ComeBackAsync(SteadyClock steady, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var now = steady.GetUtcNow().UtcDateTime;
        var stamp = await ReadStampAsync(db, cancellation);
        // On the same boot of the machine it is known what time it must be; after another one, at least how late it has been already.
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
        var move = new Move(Guid.NewGuid(), before, now - before);
        var (en, zh) = Said(move, " while the service was down", "在服务停止期间");
        await MoveAsync(db, move, en, zh, cancellation);
        await transaction.CommitAsync(cancellation);
        Noted(move);
        Tell(move.By < TimeSpan.Zero ? "clock-set-back" : "clock-set-forward", en, zh);
        // Without the machine's monotonic time the downtime is a part of it, which is forgiven as such.
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
            troubles.Say(
                Wrong,
                $"the machine's clock says {Local(steady.Wall.UtcDateTime)}, which can't be true; the service goes on by its own "
                    + $"time, {Local(steady.GetUtcNow().UtcDateTime)}",
                $"本机时钟为{Local(steady.Wall.UtcDateTime)}，不可能正确；服务按自身时间{Local(steady.GetUtcNow().UtcDateTime)}继续运行"
            );
            return;
        }

        troubles.Over(Wrong);
        if (unsure is null && ahead.Duration() <= Jump)
            steady.Follow(ahead);
        else
            await TakeOverAsync(steady, cancellation);
        if (stamped is not { } last || clock.GetElapsedTime(last) > Written)
            WriteStamp(steady.GetUtcNow().UtcDateTime);
    }

    private async Task TakeOverAsync(SteadyClock steady, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (unsure is { } asked)
        {
            var made = await IsMadeAsync(db, asked, cancellation);
            unsure = null;
            if (!made)
                return; // and the next look moves it
            rules.SetClock(asked.By, steady);
            IsSet(asked, steady);
            return;
        }

        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var by = steady.WallAhead; // we may have stood in line
        if (by.Duration() <= Jump)
            return;
        var before = steady.GetUtcNow().UtcDateTime;
        var move = new Move(Guid.NewGuid(), before, by);
        var (en, zh) = Said(move);
        await MoveAsync(db, move, en, zh, cancellation);
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

    /// <summary>Moves what waits; the caller commits.</summary>
    private async Task MoveAsync(RecordsDb db, Move move, string en, string zh, CancellationToken cancellation)
    {
        await Deadlines.MoveAsync(db, move.By, move.From, en, zh, cancellation);
        db.Findings.Add(new CommittedFinding { Key = move.Key, CommittedAt = move.To });
        await db.SaveChangesAsync(cancellation);
        // Before it is done, so that whoever starts after a crash knows by the records which of the two times is meant.
        WriteStamp(move.From, move);
    }

    private void IsSet(Move move, SteadyClock steady)
    {
        Noted(move);
        housekeeping.ListenAgain();
        housekeeping.SaveAgain();
        WriteStamp(steady.GetUtcNow().UtcDateTime);
        // There and back are two pieces of news; a clock that goes to and fro is not one at each turn.
        var (en, zh) = Said(move);
        Tell(move.By > TimeSpan.Zero ? "clock-set-forward" : "clock-set-back", en, zh);
    }

    private static Task<bool> IsMadeAsync(RecordsDb db, Move move, CancellationToken cancellation) =>
        db.Findings.AnyAsync(f => f.Key == move.Key, cancellation);

    private void Frozen(TimeSpan gap)
    {
        // Before the clock may be set: afterwards nobody could say by which time the service was frozen.
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

    private (string En, string Zh) Said(Move move, string when = "", string whenZh = "")
    {
        var (en, zh) = Span(move.By.Duration());
        var (what, whatZh) = move.By > TimeSpan.Zero ? ("forward", "快") : ("back", "慢");
        return (
            $"the machine's clock was put {what}{when} by {en}, from {Local(move.From)} to {Local(move.To)}; what waits goes on "
                + $"waiting as long as before, silence of devices is judged again after {Housekeeping.CatchUp.TotalSeconds:0} s",
            $"本机时钟{whenZh}被调{whatZh}{zh}（{Local(move.From)} → "
                + $"{Local(move.To)}）；等待中的事项仍按原定时长等待，{Housekeeping.CatchUp.TotalSeconds:0}秒后恢复设备失联判断"
        );
    }

    private void Noted(Move move)
    {
        if (move.By.Duration() >= TimeSpan.FromDays(1))
            jumped = clock.GetTimestamp();
    }

    private void Tell(string name, string en, string zh)
    {
        troubles.Happened(name, en, zh, Shown * settings.Speed);
        LogTold(log, en);
    }

    private static (string En, string Zh) Span(TimeSpan span)
    {
        var parts = new[] { (span.Days, " d", "天"), (span.Hours, " h", "小时"), (span.Minutes, " min", "分"), (span.Seconds, " s", "秒") }
            .Where(p => p.Item1 != 0)
            .Take(2)
            .ToList();
        return (string.Join(" ", parts.Select(p => p.Item1 + p.Item2)), string.Concat(parts.Select(p => p.Item1 + p.Item3)));
    }

    private string Local(DateTime utc) =>
        TimeZoneInfo.ConvertTimeFromUtc(utc, zone).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>The service's time shortly before it stopped; null at the first start, and in a folder that was restored.</summary>
    private async Task<Stamp?> ReadStampAsync(RecordsDb db, CancellationToken cancellation)
    {
        if (ReadStampFile() is not { } lines)
            return null;
        if (Time(0) is not { } last || last < SteadyClock.Earliest || last > Latest)
            return null; // damaged: as after a start of the machine
        if (
            lines.Length >= 4
            && Guid.TryParse(lines[2], out var id)
            && Time(3) is { } to
            && await IsMadeAsync(db, new Move(id, last, to - last), cancellation)
        )
            last = to;
        TimeSpan? since = null;
        if (
            lines.Length >= 2
            && lines[1].Split(' ') is [var boot, var ticks]
            && boot == SteadyClock.Boot
            && boot != "-"
            && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var then)
            && clock.GetTimestamp() >= then
        )
            since = clock.GetElapsedTime(then);
        return new Stamp(last, since);

        DateTime? Time(int line) =>
            line < lines.Length
            && DateTime.TryParse(
                lines[line],
                CultureInfo.InvariantCulture,
                DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal,
                out var time
            )
                ? time
                : null;
    }

    private string[]? ReadStampFile()
    {
        try
        {
            if (!File.Exists(stampFile))
                return null;
            var lines = File.ReadAllLines(stampFile);
            if (lines.Length > 1 && string.Join('\n', lines) == WithChecksum(string.Join('\n', lines[..^1])))
                return lines[..^1];
            LogDamaged(log, stampFile);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFailed(log, e); // as after a start of the machine
            return null;
        }
    }

    internal static string WithChecksum(string said) =>
        $"{said}\n{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(said)))[..16]}";

    /// <summary>
    /// Whole or not at all. A full disk is another watch's trouble, but no move is made whose word can't be kept: the service's own time
    /// goes on.
    /// </summary>
    private void WriteStamp(DateTime now, Move? move = null)
    {
        try
        {
            var said = $"{now:O}\n{SteadyClock.Boot} {clock.GetTimestamp()}{(move is null ? "" : $"\n{move.Id}\n{move.To:O}")}";
            File.WriteAllText(stampFile + ".new", WithChecksum(said));
            if (move is not null)
            {
                using var written = File.OpenHandle(stampFile + ".new", FileMode.Open, FileAccess.ReadWrite);
                RandomAccess.FlushToDisk(written); // as the commit that follows
            }

            File.Move(stampFile + ".new", stampFile, overwrite: true);
            stamped = clock.GetTimestamp();
        }
        catch (Exception e) when (move is null && e is (IOException or UnauthorizedAccessException))
        {
            LogFailed(log, e);
        }
    }

    /// <summary>What the service last wrote down of its time.</summary>
    /// <param name="Time">Its time.</param>
    /// <param name="Since">How long ago that was, by the machine's monotonic clock; null when the machine was started anew since, or is
    /// another.</param>
    private sealed record Stamp(DateTime Time, TimeSpan? Since);

    /// <summary>The service's clock is set: the records have its key when what waits in them was moved along.</summary>
    private sealed record Move(Guid Id, DateTime From, TimeSpan By)
    {
        public DateTime To => From + By;

        public string Key => $"clock|{Id}";
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Time: {What}")]
    private static partial void LogTold(ILogger logger, string what);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{File} is damaged: how long the service was down is not known, as after a start of the machine"
    )]
    private static partial void LogDamaged(ILogger logger, string file);

    [LoggerMessage(Level = LogLevel.Error, Message = "The watch over the clock failed; it looks again in a second")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
