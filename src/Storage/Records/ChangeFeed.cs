using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>
/// What was changed in the registry since a place in its row of changes. A place is a number of the database's own: compare it with
/// nothing.
/// </summary>
/// <remarks>
/// On SQLite there is one writer, so numbers are in the order of commits. On PostgreSQL a transaction may take a number and commit after
/// one with a higher number; so the place is the oldest transaction that is still open (<c>pg_snapshot_xmin</c>), and what later ones have
/// changed is read when that one has ended.
/// </remarks>
public static class ChangeFeed
{
    /// <summary>Longer than any follower may pause; who did reads the registry anew.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(1);

    /// <summary>
    /// Takes the place of an id that must not stand in the row of its own erasure any more: who meets it reads everything.
    /// </summary>
    public const string Anybody = "*";

    /// <summary>So many at once, so that no other writer waits for long.</summary>
    private const int ForgottenAtOnce = 2000;

    /// <summary>The place behind everything that is committed.</summary>
    public static async Task<long> NowAsync(RecordsDb db, CancellationToken cancellation) =>
        db.Database.IsNpgsql()
            ? await db
                .Database.SqlQuery<long>($"""SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "Value" """)
                .SingleAsync(cancellation)
            : await db.RegistryChanges.MaxAsync(c => (long?)c.Sequence, cancellation) ?? 0;

    /// <summary>Each part that was changed, once, and the place behind them.</summary>
    public static async Task<(IReadOnlyList<(RegistryPart Part, string Subject)> Changed, long Place)> SinceAsync(
        RecordsDb db,
        long place,
        CancellationToken cancellation
    )
    {
        var (changed, until, _) = await SinceAsync(db, place, int.MaxValue, cancellation);
        return (changed, until);
    }

    /// <summary>Each part that was changed, once, and the place behind them; of many changes the oldest, and that there are more.</summary>
    /// <param name="db">The records.</param>
    /// <param name="place">Where the follower is.</param>
    /// <param name="most">About how many changes are read: on PostgreSQL a transaction is read whole.</param>
    /// <param name="cancellation">Stops reading.</param>
    public static async Task<(IReadOnlyList<(RegistryPart Part, string Subject)> Changed, long Place, bool More)> SinceAsync(
        RecordsDb db,
        long place,
        int most,
        CancellationToken cancellation
    )
    {
        var now = await NowAsync(db, cancellation);
        if (now == place)
            return ([], place, false);
        var rows = db.RegistryChanges.AsNoTracking();
        var until = now;
        if (db.Database.IsNpgsql())
        {
            rows = rows.Where(c => c.Transaction >= place && c.Transaction < now);
            if (
                await rows.OrderBy(c => c.Transaction).Select(c => (long?)c.Transaction).Skip(most).FirstOrDefaultAsync(cancellation) is
                { } last
            )
                until = Math.Max(last, place + 1);
            rows = rows.Where(c => c.Transaction < until);
        }
        else
        {
            rows = rows.Where(c => c.Sequence > place && c.Sequence <= now);
            if (await rows.OrderBy(c => c.Sequence).Select(c => (long?)c.Sequence).Skip(most).FirstOrDefaultAsync(cancellation) is { } last)
                until = last;
            rows = rows.Where(c => c.Sequence <= until);
        }

        var changed = await rows.Select(c => new { c.Part, c.Subject }).Distinct().ToListAsync(cancellation);
        return ([.. changed.Select(c => (c.Part, c.Subject))], until, until != now);
    }

    /// <summary>Takes the ids of homes that are gone out of the changes, once a follower has them.</summary>
    public static async Task BlankAsync(RecordsDb db, IReadOnlyCollection<string> homes, CancellationToken cancellation)
    {
        foreach (var some in homes.Chunk(ForgottenAtOnce))
            await db
                .RegistryChanges.Where(c => c.Part == RegistryPart.Home && EF.Parameter(some).Contains(c.Subject))
                .ExecuteUpdateAsync(u => u.SetProperty(c => c.Subject, Anybody), cancellation);
    }

    /// <summary>Forgets some of the changes that every follower has read; true while there are more.</summary>
    public static async Task<bool> ForgetAsync(RecordsDb db, CancellationToken cancellation)
    {
        // By the clock that dated them.
        var now = await (
            db.Database.IsNpgsql()
                ? db.Database.SqlQuery<DateTime>($"""SELECT now() AS "Value" """)
                : db.Database.SqlQuery<DateTime>($"""SELECT strftime('%Y-%m-%d %H:%M:%f', 'now') AS "Value" """)
        ).SingleAsync(cancellation);
        var before = DateTime.SpecifyKind(now, DateTimeKind.Utc) - Kept;
        // The newest stays: it is the place of who begins to follow.
        var newest = await db.RegistryChanges.MaxAsync(c => (long?)c.Sequence, cancellation) ?? 0;
        var forgotten = await db
            .RegistryChanges.Where(c => c.ChangedAt < before && c.Sequence < newest)
            .OrderBy(c => c.Sequence)
            .Take(ForgottenAtOnce)
            .ExecuteDeleteAsync(cancellation);
        return forgotten == ForgottenAtOnce;
    }
}
