using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Says that a resident is away, and back.</summary>
internal static class AbsenceOperations
{
    public static async Task<Absence> AddAsync(
        IDbContextFactory<RecordsDb> records,
        TimeProvider clock,
        string who,
        string resident,
        DateTime from,
        DateTime until,
        string reason,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var row = new Absence
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()),
            ResidentId = resident,
            From = from,
            Until = until,
            Author = who,
            Reason = reason,
        };
        db.Absences.Add(row);
        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(
            clock.GetUtcNow().UtcDateTime,
            who,
            "absence",
            $"resident:{resident}",
            $"{from:O} to {until:O}",
            cancellation
        );
        return row;
    }

    public static async Task<bool> EndAsync(
        IDbContextFactory<RecordsDb> records,
        string who,
        DateTime now,
        Guid id,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.Absences.FirstOrDefaultAsync(a => a.Id == id && a.EndedAt == null, cancellation) is not { } row)
            return false;
        (row.EndedAt, row.EndedBy) = (now, who);
        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(now, who, "absence", $"resident:{row.ResidentId}", "ended", cancellation);
        return true;
    }
}
