using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>
/// Who did or read what. A row is one insert; it is chained afterwards (<see cref="AuditChain"/>), so that nobody waits for the row before.
/// </summary>
public static class AuditLog
{
    /// <summary>Action of the row that says that an alarm's lines were taken away with the person they are of.</summary>
    public const string Erased = "erased";

    public static async Task AddAsync(
        this IDbContextFactory<RecordsDb> records,
        DateTime time,
        string who,
        string action,
        string subject,
        string detail,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        db.AddAudit(time, who, action, subject, detail);
        await db.SaveChangesAsync(cancellation);
    }

    /// <summary>With what else this unit of work writes.</summary>
    public static void AddAudit(this RecordsDb db, DateTime time, string who, string action, string subject, string detail) =>
        db.Audit.Add(
            new AuditEntry
            {
                Time = time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMillisecond)),
                Who = who,
                Action = action,
                Subject = subject,
                Detail = detail,
            }
        );
}
