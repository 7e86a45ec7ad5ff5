using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>The last row of the chain.</summary>
public readonly record struct ChainEnd(long Place, string Hash);

/// <summary>
/// Chains the rows of the audit log: each gets a place and contains the hash of the row before it. This happens in the background, in one
/// process at a time. Every line of an alarm's timeline becomes a row too, with digests of the line and of the alarm's state after it; so
/// it can be detected when a line, an acknowledgement or a resolution is changed or deleted later. Places have no gaps, whatever order rows
/// were committed in: a row that becomes visible late on PostgreSQL gets a later place. A change within the second before its row is
/// chained can't be detected (ADR 5).
/// </summary>
public static class AuditChain
{
    /// <summary>Rows in one transaction; few, so that an alarm never waits long for the database.</summary>
    private const int Batch = 200;

    /// <summary>Lines before the newest chained one that are examined again: on PostgreSQL a lower id may become visible later.</summary>
    private const int LookBack = 1000;

    /// <summary>Number of the advisory lock on PostgreSQL; arbitrary, but the same in every process.</summary>
    private const long LockId = 0x7669676c_61756474;

    /// <summary>Prefix of the hashes of this version. Older hashes don't cover places and lines.</summary>
    internal const string Mark = "v2.";

    /// <summary>Chains all rows and lines that have no place yet.</summary>
    /// <param name="records">All records, not those of one area.</param>
    /// <param name="everything">Examines all timelines, not only the newest lines: at the start and once a day.</param>
    /// <param name="cancellation">Stops between two transactions.</param>
    /// <returns>The end of the chain; null when another process is chaining or nothing was ever written.</returns>
    public static async Task<ChainEnd?> ChainAsync(
        this IDbContextFactory<RecordsDb> records,
        bool everything,
        CancellationToken cancellation
    )
    {
        while (true)
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            var from = everything ? 0 : (await db.Audit.MaxAsync(a => a.Line, cancellation) ?? 0) - LookBack;
            var lines = db.Timeline.AsNoTracking().Where(t => t.Id > from && !db.Audit.Any(a => a.Line == t.Id)).WithoutSelfTest(db);
            if (!await db.Audit.AnyAsync(a => a.Place == null, cancellation) && !await lines.AnyAsync(cancellation))
                return await EndAsync(db, cancellation);
            await using var turn = await WriteTurn.BeginAsync(db, first: false, cancellation);
            if (
                db.Database.IsNpgsql()
                && !(
                    await db.Database.SqlQuery<bool>($"SELECT pg_try_advisory_xact_lock({LockId}) AS \"Value\"").ToListAsync(cancellation)
                )[0]
            )
                return null;
            var end = await EndAsync(db, cancellation) ?? new ChainEnd(0, "");
            var rows = await db.Audit.Where(a => a.Place == null).OrderBy(a => a.Id).Take(Batch).ToListAsync(cancellation);
            var more = rows.Count == Batch;
            if (!more)
            {
                var found = await lines.OrderBy(t => t.Id).Take(Batch).ToListAsync(cancellation);
                more = found.Count == Batch;
                rows.AddRange(await RowsOfAsync(db, found, cancellation));
            }

            foreach (var row in rows)
            {
                (row.Place, row.PreviousHash) = (end.Place + 1, end.Hash);
                row.Hash = HashOf(row);
                end = new ChainEnd(row.Place.Value, row.Hash);
            }

            await db.SaveChangesAsync(cancellation);
            await turn.CommitAsync(cancellation);
            if (!more)
                return end.Place > 0 ? end : null;
        }
    }

    /// <summary>
    /// Nothing is chained until the caller's transaction ends, so that no row gets a hash of what is being changed. On SQLite the
    /// transaction itself keeps others from writing.
    /// </summary>
    internal static async Task HoldAsync(RecordsDb db, CancellationToken cancellation)
    {
        if (db.Database.IsNpgsql())
            await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({LockId})", cancellation);
    }

    /// <summary>Whether the chain still contains a row that was its end.</summary>
    public static async Task<bool> HasAsync(this IDbContextFactory<RecordsDb> records, ChainEnd end, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db.Audit.AnyAsync(a => a.Place == end.Place && a.Hash == end.Hash, cancellation);
    }

    private static async Task<ChainEnd?> EndAsync(RecordsDb db, CancellationToken cancellation) =>
        await db
            .Audit.Where(a => a.Place != null)
            .OrderByDescending(a => a.Place)
            .Select(a => new ChainEnd?(new ChainEnd(a.Place!.Value, a.Hash)))
            .FirstOrDefaultAsync(cancellation);

    private static async Task<List<AuditEntry>> RowsOfAsync(RecordsDb db, List<TimelineEntry> lines, CancellationToken cancellation)
    {
        if (lines.Count == 0)
            return [];
        var ids = lines.Select(l => l.AlarmId).Distinct().ToList();
        var alarms = await db.Alarms.AsNoTracking().Where(a => ids.Contains(a.Id)).ToDictionaryAsync(a => a.Id, cancellation);
        var last = lines.GroupBy(l => l.AlarmId).ToDictionary(g => g.Key, g => g.Max(l => l.Id));
        var rows = lines.ConvertAll(l => new AuditEntry
        {
            Time = l.Time,
            Who = l.Who,
            Action = l.What.Word(),
            Subject = SubjectOf(l.AlarmId),
            Line = l.Id,
            LineDigest = DigestOf(l),
            AlarmDigest = last[l.AlarmId] == l.Id && alarms.TryGetValue(l.AlarmId, out var alarm) ? DigestOf(alarm) : null,
        });
        db.Audit.AddRange(rows);
        return rows;
    }

    /// <summary>Without the lines of the service's self-test, which are deleted after each round.</summary>
    internal static IQueryable<TimelineEntry> WithoutSelfTest(this IQueryable<TimelineEntry> lines, RecordsDb db) =>
        lines.Where(t => !db.Alarms.Any(a => a.Id == t.AlarmId && a.Subject == SelfTest.Name));

    internal static string SubjectOf(Guid alarm) => $"alarm:{alarm}";

    /// <summary>Digest of a line; its time to the microsecond, which both databases keep.</summary>
    internal static string DigestOf(TimelineEntry line) =>
        AuditDigest.Of(line.Id, line.AlarmId, Micro(line.Time), line.What.Word(), line.Who, line.Text, line.TextZh);

    /// <summary>
    /// Digest of who answered for an alarm and how it ended: nothing of it changes without a new line. It doesn't cover subject and reason,
    /// which are removed when a person is erased.
    /// </summary>
    internal static string DigestOf(Alarm a) =>
        AuditDigest.Of(
            a.Id,
            a.Kind,
            Micro(a.OpenedAt),
            (int)a.State,
            Micro(a.AcknowledgedAt),
            a.AcknowledgedBy,
            Micro(a.ResolvedAt),
            a.ResolvedBy,
            (int)a.Resolution
        );

    /// <summary>Hash of a whole row, including the hash of the row before.</summary>
    internal static string HashOf(AuditEntry row) =>
        Mark
        + AuditDigest.Of(
            row.PreviousHash,
            row.Place,
            Micro(row.Time),
            row.Who,
            row.Action,
            row.Subject,
            row.Detail,
            row.Line,
            row.LineDigest,
            row.AlarmDigest
        );

    /// <summary>Hash of a row as older versions calculated it.</summary>
    internal static string OldHashOf(AuditEntry row) =>
        Convert.ToBase64String(
            SHA256.HashData(
                Encoding.UTF8.GetBytes(
                    string.Join(
                        '\u001f',
                        row.PreviousHash,
                        row.Time.ToString("O", CultureInfo.InvariantCulture),
                        row.Who,
                        row.Action,
                        row.Subject,
                        row.Detail
                    )
                )
            )
        );

    private static long Micro(DateTime time) => time.Ticks / TimeSpan.TicksPerMicrosecond;

    private static long? Micro(DateTime? time) => time is { } t ? Micro(t) : null;
}
