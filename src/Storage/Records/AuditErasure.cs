using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>
/// Takes a person out of the audit log: subject and detail of the rows about them give way to a pseudonym drawn by lot, the same in all of
/// them, which leads back to nobody. Such a row keeps its place and its hash, so the rows before and behind it stay proven; that it was
/// blanked by an erasure, and nothing of the rest was changed since, is proven by the row of the erasure (<see cref="Action"/>), which is
/// chained like any other and has a digest of all of them (ADR 11).
/// </summary>
public static partial class AuditErasure
{
    /// <summary>Action of the row that says that a person was erased, by whom and why.</summary>
    public const string Action = "erase";

    /// <summary>How the subject of a blanked row begins.</summary>
    public const string Mark = "erased:";

    private const int Batch = 500;

    /// <summary>
    /// The rows with a detail that names one of the subjects; of devices that were in the home also those whose detail, with what somebody
    /// wrote as a reason, has any trace of the person. Reads the whole log: to be asked before the transaction.
    /// </summary>
    public static async Task<IReadOnlyList<long>> NamedInDetailAsync(
        RecordsDb db,
        IReadOnlyCollection<string> subjects,
        IEnumerable<string> devices,
        PersonTraces traces,
        CancellationToken cancellation
    )
    {
        var found = new List<long>();
        string[] theirs = [.. devices.Distinct(StringComparer.Ordinal).Select(d => $"device:{d}")];
        await foreach (
            var row in db
                .Audit.AsNoTracking()
                .Where(a => EF.Parameter(theirs).Contains(a.Subject))
                .Select(a => new { a.Id, a.Detail })
                .AsAsyncEnumerable()
                .WithCancellation(cancellation)
        )
            if (traces.In(row.Detail))
                found.Add(row.Id);
        foreach (var subject in subjects)
        {
            var rows = await db
                .Audit.AsNoTracking()
                .Where(a => a.Detail.Contains(subject))
                .Select(a => new { a.Id, a.Detail })
                .ToListAsync(cancellation);
            found.AddRange(rows.Where(r => PersonTraces.Names(r.Detail, subject)).Select(r => r.Id));
        }

        return found;
    }

    /// <summary>Blanks the rows and adds that of the erasure. Within the caller's transaction.</summary>
    /// <param name="db">All records.</param>
    /// <param name="subjects">Of the rows.</param>
    /// <param name="further">Ids of further rows.</param>
    /// <param name="now">UTC.</param>
    /// <param name="who">Who erases.</param>
    /// <param name="reason">Why; it must not name the person.</param>
    /// <param name="cancellation">The transaction has to be given up then.</param>
    /// <returns>The pseudonym.</returns>
    public static async Task<string> BlankAsync(
        RecordsDb db,
        IReadOnlyCollection<string> subjects,
        IReadOnlyCollection<long> further,
        DateTime now,
        string who,
        string reason,
        CancellationToken cancellation
    )
    {
        await AuditChain.HoldAsync(db, cancellation);
        var pseudonym = Mark + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        var ids = await db.Audit.Where(a => subjects.Contains(a.Subject)).Select(a => a.Id).ToListAsync(cancellation);
        var places = new List<(long Place, byte[] Digest)>();
        foreach (var some in ids.Concat(further).Distinct().Chunk(Batch))
        {
            var rows = await db.Audit.Where(a => EF.Parameter(some).Contains(a.Id)).ToListAsync(cancellation);
            foreach (var row in rows)
            {
                (row.Subject, row.Detail) = (pseudonym, "");
                if (row.Place is { } place) // else it is chained as it stands now
                    places.Add((place, DigestOf(row)));
            }

            await db.SaveChangesAsync(cancellation);
            db.ChangeTracker.Clear();
        }

        var sum = new Sum();
        foreach (var (_, digest) in places.OrderBy(p => p.Place))
            sum.Add(digest);
        db.AddAudit(now, who, Action, pseudonym, $"{sum.Count} rows {sum.Digest()}: {reason}");
        await db.SaveChangesAsync(cancellation);
        return pseudonym;
    }

    /// <summary>What of a blanked row can't be changed any more.</summary>
    internal static byte[] DigestOf(AuditEntry row) =>
        Convert.FromBase64String(AuditDigest.Of(row.Place, row.Hash, row.Time.Ticks / TimeSpan.TicksPerMicrosecond, row.Who, row.Action));

    /// <summary>Whether the row of an erasure stands for these rows.</summary>
    internal static bool Proves(AuditEntry erasure, Sum rows) =>
        Told().Match(erasure.Detail) is { Success: true } told
        && told.Groups[1].Value == rows.Count.ToString(CultureInfo.InvariantCulture)
        && told.Groups[2].Value == rows.Digest();

    [GeneratedRegex(@"^(\d+) rows (\S+): ")]
    private static partial Regex Told();

    /// <summary>Of the blanked rows in the order of their places.</summary>
    internal sealed class Sum
    {
        private byte[] digest = [];

        public int Count { get; private set; }

        public void Add(byte[] row)
        {
            digest = SHA256.HashData((byte[])[.. digest, .. row]);
            Count++;
        }

        public string Digest() => Convert.ToBase64String(digest);
    }
}
