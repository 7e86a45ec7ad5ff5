using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// Sets the service's clock: the deadlines in the records, the times that the rules remember and the clock itself are moved together, so
/// that nothing becomes due earlier or later. A crash in between leaves a move that is either made or not.
/// </summary>
internal sealed class ClockMoves(IDbContextFactory<RecordsDb> records, RulePartitions rules, ClockStampFile stamp)
{
    /// <summary>
    /// How often the time is written to disk; and by how much it may be ahead of the wall clock at a start after a reboot without meaning
    /// that the clock was set.
    /// </summary>
    public static readonly TimeSpan Written = TimeSpan.FromSeconds(10);

    /// <summary>The file that says when the service last ran.</summary>
    public ClockStampFile Stamp => stamp;

    /// <summary>A move whose commit failed in a way that leaves open whether it was made; the records have to be asked.</summary>
    private ClockMove? unsure;

    /// <summary>The commit of a move failed, or said so: the next comparison looks it up.</summary>
    public bool IsUnsure => unsure is not null;

    /// <summary>
    /// At a start: the time that it must be by what was written before the stop; null when the wall clock agrees with it. It is exact
    /// unless the machine was rebooted: then it is the newest time known.
    /// </summary>
    public async Task<(DateTime Time, bool IsExact)?> ContradictedAsync(DateTime now, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var last = Stamp.Read();
        if (last?.Move is { } begun && await begun.IsMadeAsync(db, cancellation))
            last = last with { Time = begun.To };
        // Without a reboot the monotonic clock tells what time it must be; after one, the newest time known is at least a lower limit.
        var known = last is { Since: { } since }
            ? last.Time + since
            : new[] { last?.Time, await Deadlines.NewestAsync(db, cancellation) }.Max();
        var isExact = last?.Since is not null;
        return known is not { } time || (isExact ? (now - time).Duration() <= ClockWatch.Jump : time - now <= Written)
            ? null
            : (time, isExact);
    }

    /// <summary>At a start, when the clock shows the new time already and no loop runs: moves the deadlines alone.</summary>
    public async Task MoveDeadlinesAsync(ClockMove move, string en, string zh, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        await MoveAsync(db, move, en, zh, cancellation);
        await transaction.CommitAsync(cancellation);
    }

    /// <summary>Adopts the wall clock, where it has jumped. Returns the move that was made; null when there was none.</summary>
    public async Task<ClockMove?> AdoptAsync(SteadyClock steady, TimeZoneInfo zone, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (unsure is { } asked)
        {
            var made = await asked.IsMadeAsync(db, cancellation);
            unsure = null;
            if (!made)
                return null; // the next comparison moves it
            rules.SetClock(asked.By, steady);
            return asked;
        }

        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var by = steady.WallAhead; // measured again: waiting for the turn may have taken long
        if (by.Duration() <= ClockWatch.Jump)
            return null;
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

        return move;
    }

    /// <summary>Moves the deadlines; the caller commits.</summary>
    private async Task MoveAsync(RecordsDb db, ClockMove move, string en, string zh, CancellationToken cancellation)
    {
        await Deadlines.MoveAsync(db, move.By, move.From, en, zh, cancellation);
        db.Findings.Add(new CommittedFinding { Key = move.Key, CommittedAt = move.To });
        await db.SaveChangesAsync(cancellation);
        // Before the commit: a start after a crash finds the move here, and in the records whether it was committed.
        Stamp.Write(move.From, move);
    }
}
