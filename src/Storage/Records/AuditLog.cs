using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>Who did or read what. Each row carries the hash of the one before it, so that a row changed or taken out shows.</summary>
public static class AuditLog
{
    private static readonly SemaphoreSlim OneAtATime = new(1, 1);

    public static async Task AddAsync(this IDbContextFactory<RecordsDb> records, DateTime time, string who, string action, string subject, string detail, CancellationToken cancellation)
    {
        await OneAtATime.WaitAsync(cancellation);
        try
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            var last = await db.Audit.OrderByDescending(a => a.Id).Select(a => a.Hash).FirstOrDefaultAsync(cancellation) ?? "";
            var at = time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMillisecond));
            db.Audit.Add(new AuditEntry { Time = at, Who = who, Action = action, Subject = subject, Detail = detail, PreviousHash = last, Hash = Hash(last, at, who, action, subject, detail) });
            await db.SaveChangesAsync(cancellation);
        }
        finally
        {
            OneAtATime.Release();
        }
    }

    /// <summary>Walks the chain; the first row that doesn't fit, or null when all do.</summary>
    public static async Task<(long Rows, long? Broken)> VerifyAsync(this IDbContextFactory<RecordsDb> records, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var (rows, previous) = (0L, "");
        await foreach (var row in db.Audit.AsNoTracking().OrderBy(a => a.Id).AsAsyncEnumerable().WithCancellation(cancellation))
        {
            rows++;
            if (row.PreviousHash != previous || row.Hash != Hash(previous, row.Time, row.Who, row.Action, row.Subject, row.Detail)) return (rows, row.Id);
            previous = row.Hash;
        }

        return (rows, null);
    }

    private static string Hash(string previous, DateTime time, string who, string action, string subject, string detail) =>
        Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\u001f', previous, time.ToString("O", CultureInfo.InvariantCulture), who, action, subject, detail))));
}
