using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>
/// The log of who did or read what. Adding a row is a plain insert; it gets its place in the hash chain later (<see cref="AuditChain"/>),
/// so that nobody has to wait for the row before.
/// </summary>
public static class AuditLog
{
    /// <summary>Action of the row that says: the timeline of an alarm was deleted because the person was erased.</summary>
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

    /// <summary>Adds a row to the context; the caller saves it together with its other changes.</summary>
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
