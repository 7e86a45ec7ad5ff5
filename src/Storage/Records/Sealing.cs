using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>
/// At the start: seals with the current key what an older version stored unencrypted and what was sealed with an older key.
/// </summary>
internal static class Sealing
{
    private const int Batch = 500;

    public static async Task SealAsync(RecordsDb db, CancellationToken cancellation)
    {
        if (db.Keys is not { } keys)
            return;
        var any = false;
        foreach (var (type, property) in RecordsDb.Sealed)
            any |= await (Task<bool>)
                typeof(Sealing)
                    .GetMethod(nameof(SealColumnAsync), System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static)!
                    .MakeGenericMethod(type)
                    .Invoke(null, [db, property, keys, cancellation])!;
        if (!any || !db.Database.IsSqlite())
            return;
        // The old text is still in freed pages and in the write-ahead log.
        await db.Database.ExecuteSqlRawAsync("VACUUM", cancellation);
        await db.Database.ExecuteSqlRawAsync("PRAGMA wal_checkpoint(TRUNCATE)", cancellation);
    }

    private static async Task<bool> SealColumnAsync<T>(RecordsDb db, string property, FieldKeys keys, CancellationToken cancellation)
        where T : class
    {
        var type = db.Model.FindEntityType(typeof(T))!;
        var order = string.Join(", ", type.FindPrimaryKey()!.Properties.Select(p => $"\"{p.Name}\""));
        var (any, unreadable) = (false, 0);
        while (true)
        {
            // Raw SQL compares the stored text, not the decrypted one; the names come from the model, the value is a parameter. Values that
            // no key opens are left as they are and skipped.
            var sql =
                $"SELECT * FROM \"{type.GetTableName()}\" WHERE \"{property}\" <> '' AND \"{property}\" NOT LIKE {{0}} ORDER BY "
                + $"{order} LIMIT {Batch} OFFSET {unreadable}";
            var rows = await db.Set<T>().FromSqlRaw(sql, keys.CurrentMark + "%").IgnoreQueryFilters().ToListAsync(cancellation);
            if (rows.Count == 0)
                return any;
            var good = rows.Where(r => !FieldKeys.IsUnreadable((string?)db.Entry(r).Property(property).CurrentValue)).ToList();
            unreadable += rows.Count - good.Count;
            any |= good.Count > 0;
            foreach (var row in good)
                db.Entry(row).Property(property).IsModified = true;
            await db.SaveChangesAsync(cancellation);
            db.ChangeTracker.Clear();
        }
    }
}
