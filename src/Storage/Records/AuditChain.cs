using System.Buffers.Binary;
using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>The newest place of the chain.</summary>
public readonly record struct ChainEnd(long Place, string Hash);

/// <summary>
/// Gives rows of the audit log their place in the chain, in the background and one process at a time: each carries the hash of the row
/// before it. Every line of an alarm's timeline becomes a row too, with a digest of the line and of how the alarm stood after it; so a
/// line, an acknowledgement or a resolution that is changed or taken out afterwards shows. Places have no gaps, whatever order rows were
/// committed in: an id that PostgreSQL shows late gets a later place. What is changed within the second before its row is chained does not
/// show (ADR 5).
/// </summary>
public static class AuditChain
{
    /// <summary>Rows of one transaction: short, so that an alarm never waits long for the database.</summary>
    private const int Batch = 200;

    /// <summary>Lines below the newest chained one that are looked at again: PostgreSQL may show a lower id a moment later.</summary>
    private const int LookBack = 1000;

    /// <summary>Of the advisory lock on PostgreSQL; any number, the same everywhere.</summary>
    private const long LockId = 0x7669676c_61756474;

    /// <summary>What rows chained by this version begin their hash with; older ones have a hash without places and lines.</summary>
    internal const string Mark = "v2.";

    /// <summary>Chains everything that waits.</summary>
    /// <param name="records">All of them.</param>
    /// <param name="everything">Looks through every timeline, not at the newest lines alone: at the start and once a day.</param>
    /// <param name="cancellation">Stops between two transactions.</param>
    /// <returns>The end of the chain; null when another process is at it or nothing was ever written.</returns>
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
            var lines = db.Timeline.AsNoTracking().Where(t => t.Id > from && !db.Audit.Any(a => a.Line == t.Id)).OfPeople(db);
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

    /// <summary>Whether the chain still has this end in it.</summary>
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

    /// <summary>Without those of the service's own test presses, of which nothing is kept.</summary>
    internal static IQueryable<TimelineEntry> OfPeople(this IQueryable<TimelineEntry> lines, RecordsDb db) =>
        lines.Where(t => !db.Alarms.Any(a => a.Id == t.AlarmId && a.Subject == SelfTest.Name));

    internal static string SubjectOf(Guid alarm) => $"alarm:{alarm}";

    /// <summary>A line as it stands. Its time to the microsecond, as the coarsest store has it.</summary>
    internal static string DigestOf(TimelineEntry line) =>
        Digest(line.Id, line.AlarmId, Micro(line.Time), line.What.Word(), line.Who, line.Text, line.TextZh);

    /// <summary>
    /// Who answered for it and how it ended: what only ever changes with a line. Subject and reason are not in it, erasing a person takes
    /// them away.
    /// </summary>
    internal static string DigestOf(Alarm a) =>
        Digest(
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

    /// <summary>Of everything a row says, with the row before it.</summary>
    internal static string HashOf(AuditEntry row) =>
        Mark
        + Digest(
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

    /// <summary>As versions before this one chained rows.</summary>
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

    /// <summary>Each part with its length before it, so that no two lists of parts look the same.</summary>
    private static string Digest(params object?[] parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[4];
        foreach (var part in parts)
        {
            var bytes = part is null ? null : Encoding.UTF8.GetBytes(Convert.ToString(part, CultureInfo.InvariantCulture)!);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes?.Length ?? -1);
            hash.AppendData(length);
            if (bytes is not null)
                hash.AppendData(bytes);
        }

        return Convert.ToBase64String(hash.GetHashAndReset());
    }
}
