using System.Data;
using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>Result of a check of the audit log.</summary>
/// <param name="Rows">How many rows are chained.</param>
/// <param name="Waiting">How many have no place in the chain yet.</param>
/// <param name="Problems">What is wrong, a sentence each; empty when nothing is.</param>
public sealed record AuditReport(long Rows, long Waiting, IReadOnlyList<string> Problems);

/// <summary>
/// Checks the whole chain and everything it protects, in one snapshot of the database while the service goes on writing: the rows of the
/// log, the lines of the timelines, the state of the alarms, and the signed heads that were kept elsewhere.
/// </summary>
public static class AuditCheck
{
    /// <summary>Most problems that are listed one by one.</summary>
    private const int Most = 100;

    /// <param name="records">All records, not those of one area.</param>
    /// <param name="heads">Signed heads that were kept elsewhere and whose signatures are valid. Without one, nobody sees that the newest
    /// rows were cut off.</param>
    /// <param name="cancellation">Ends the check.</param>
    public static async Task<AuditReport> CheckAuditAsync(
        this IDbContextFactory<RecordsDb> records,
        IReadOnlyCollection<AuditHead> heads,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var snapshot = await BeginSnapshotAsync(db, cancellation);
        var walk = new Walk(heads);
        await foreach (
            var row in db
                .Audit.AsNoTracking()
                .Where(a => a.Place != null)
                .OrderBy(a => a.Place)
                .AsAsyncEnumerable()
                .WithCancellation(cancellation)
        )
            walk.Row(row);
        await foreach (
            var row in db
                .Audit.AsNoTracking()
                .Where(a => a.Place == null && a.Action == AuditErasure.Action)
                .AsAsyncEnumerable()
                .WithCancellation(cancellation)
        )
            walk.Erasure(row); // not chained yet: its rows may have been placed long before
        walk.End();
        var lines =
            from a in db.Audit.AsNoTracking()
            where a.Line != null
            join t in db.Timeline.AsNoTracking() on a.Line equals (long?)t.Id into found
            from t in found.DefaultIfEmpty()
            orderby a.Line
            select new
            {
                a.Place,
                a.Line,
                a.LineDigest,
                a.Subject,
                a.Action,
                a.Who,
                a.Time,
                Found = t,
            };
        await foreach (var x in lines.AsAsyncEnumerable().WithCancellation(cancellation))
        {
            if (x.Found is null && !walk.Erased.Contains(x.Subject))
                walk.Say($"line {x.Line} of {x.Subject} was deleted: {x.Action} by {x.Who} at {x.Time:yyyy-MM-ddTHH:mm:ssZ}");
            else if (x.Found is not null && AuditChain.DigestOf(x.Found) != x.LineDigest)
                walk.Say($"line {x.Line} of {x.Subject} was changed: it was '{x.Action}' by {x.Who} at {x.Time:yyyy-MM-ddTHH:mm:ssZ}");
        }

        await AlarmsAsync(db, walk, cancellation);
        var waiting =
            await db.Audit.LongCountAsync(a => a.Place == null, cancellation)
            + await db.Timeline.Where(t => !db.Audit.Any(a => a.Line == t.Id)).WithoutSelfTest(db).LongCountAsync(cancellation);
        return new AuditReport(walk.Rows, waiting, walk.Problems);
    }

    private static async Task AlarmsAsync(RecordsDb db, Walk walk, CancellationToken cancellation)
    {
        var query = db
            .Alarms.AsNoTracking()
            .Select(a => new { Alarm = a, Moving = db.Timeline.Any(t => t.AlarmId == a.Id && !db.Audit.Any(x => x.Line == t.Id)) });
        await foreach (var x in query.AsAsyncEnumerable().WithCancellation(cancellation))
        {
            // What has happened since the last chained line is not protected yet.
            if (walk.Alarms.Remove(AuditChain.SubjectOf(x.Alarm.Id), out var digest) && !x.Moving && AuditChain.DigestOf(x.Alarm) != digest)
                walk.Say(
                    $"alarm:{x.Alarm.Id} was changed outside: it is {x.Alarm.State}, acknowledged by "
                        + $"{x.Alarm.AcknowledgedBy ?? "nobody"}, resolved by {x.Alarm.ResolvedBy ?? "nobody"} as "
                        + $"{x.Alarm.Resolution}, and its last line says otherwise"
                );
        }

        foreach (var gone in walk.Alarms.Keys.Order(StringComparer.Ordinal))
            walk.Say($"{gone} was deleted");
    }

    /// <summary>A read transaction: all queries see the same snapshot, and writers don't wait.</summary>
    private static async Task<DbTransaction> BeginSnapshotAsync(RecordsDb db, CancellationToken cancellation)
    {
        await db.Database.OpenConnectionAsync(cancellation);
        var connection = db.Database.GetDbConnection();
        var snapshot = connection is SqliteConnection sqlite
            ? sqlite.BeginTransaction(deferred: true)
            : await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellation);
        await db.Database.UseTransactionAsync(snapshot, cancellation);
        return snapshot;
    }

    private sealed class Walk(IReadOnlyCollection<AuditHead> heads)
    {
        private readonly Dictionary<long, List<AuditHead>> heads = heads.GroupBy(h => h.Place).ToDictionary(g => g.Key, g => g.ToList());
        private (long Place, string Hash) before = (0, "");
        private bool marked;

        /// <summary>Rows that were blanked, by the pseudonym, until the row of their erasure is met.</summary>
        private readonly Dictionary<string, AuditErasure.Sum> blanked = new(StringComparer.Ordinal);

        public List<string> Problems { get; } = [];

        public long Rows { get; private set; }

        /// <summary>Alarms whose lines were deleted because the person was erased.</summary>
        public HashSet<string> Erased { get; } = new(StringComparer.Ordinal);

        /// <summary>Digest of the last known state of each alarm, by subject.</summary>
        public Dictionary<string, string> Alarms { get; } = new(StringComparer.Ordinal);

        public void Row(AuditEntry row)
        {
            Rows++;
            var name = $"row {row.Id} at place {row.Place} ({row.Action} of {row.Subject} by {row.Who})";
            var gap = row.Place!.Value - before.Place - 1;
            if (gap > 0)
                Say(
                    gap == 1
                        ? $"the row at place {before.Place + 1} is missing"
                        : $"the rows at places {before.Place + 1} to {row.Place - 1} are missing"
                );
            var mine = row.Hash.StartsWith(AuditChain.Mark, StringComparison.Ordinal);
            var whole = row.Hash == (mine || marked ? AuditChain.HashOf(row) : AuditChain.OldHashOf(row));
            var isBlank = !whole && row.Subject.StartsWith(AuditErasure.Mark, StringComparison.Ordinal);
            if (isBlank)
                Blanked(row.Subject).Add(AuditErasure.DigestOf(row));
            else if (!whole)
                Say($"{name} was changed or moved");
            if ((whole || isBlank) && gap == 0 && row.PreviousHash != before.Hash)
                Say($"{name} does not follow the row before it: one of the two was put in another's place");
            marked |= mine;
            if (heads.Remove(row.Place.Value, out var kept))
                foreach (var head in kept.Where(h => h.Hash != row.Hash))
                    Say(
                        $"{name} is not the one that the head of {head.Time:yyyy-MM-ddTHH:mm:ssZ} was signed over: the chain was "
                            + $"built anew up to there"
                    );
            before = (row.Place.Value, row.Hash);
            if (row.Action == AuditLog.Erased)
                Erased.Add(row.Subject);
            if (whole && row.Action == AuditErasure.Action)
                Erasure(row);
            if (row.AlarmDigest is { } digest)
                Alarms[row.Subject] = digest;
        }

        public void Erasure(AuditEntry row)
        {
            if (blanked.Remove(row.Subject, out var rows) && !AuditErasure.Proves(row, rows))
                Say($"rows of {row.Subject} were changed after the erasure, or blanked without it");
        }

        /// <summary>After the last row: a head for a later place shows that rows were cut off.</summary>
        public void End()
        {
            foreach (var (subject, rows) in blanked)
                Say($"{rows.Count} rows of {subject} were blanked, and no erasure says so");
            foreach (var head in heads.Values.SelectMany(h => h).Where(h => h.Place > before.Place).OrderBy(h => h.Place).TakeLast(1))
                Say(
                    $"the newest rows were cut off: the log ends at place {before.Place}, and the head of "
                        + $"{head.Time:yyyy-MM-ddTHH:mm:ssZ} was signed over place {head.Place}"
                );
        }

        private AuditErasure.Sum Blanked(string subject)
        {
            if (!blanked.TryGetValue(subject, out var rows))
                blanked[subject] = rows = new AuditErasure.Sum();
            return rows;
        }

        public void Say(string problem)
        {
            if (Problems.Count < Most)
                Problems.Add(problem);
            else if (Problems.Count == Most)
                Problems.Add($"and more than {Most} others");
        }
    }
}
