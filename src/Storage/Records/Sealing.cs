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
        var open = new HashSet<Type>();
        foreach (var columns in RecordsDb.Sealed.GroupBy(s => s.Entity, s => s.Property))
            if (await HasOpenAsync(db, columns.Key, columns, keys, cancellation))
                open.Add(columns.Key);
        foreach (var (type, property) in RecordsDb.Sealed.Where(s => open.Contains(s.Entity)))
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

    /// <summary>
    /// Whether a table has anything to be sealed, which it hardly ever has: looked for in all its columns at once and in no order, because
    /// a county's residents are read for it at every start.
    /// </summary>
    private static async Task<bool> HasOpenAsync(
        RecordsDb db,
        Type entity,
        IEnumerable<string> columns,
        FieldKeys keys,
        CancellationToken cancellation
    )
    {
        var open = string.Join(" OR ", columns.Select(c => $"(\"{c}\" <> '' AND \"{c}\" NOT LIKE {{0}})"));
        var sql =
            $"SELECT CASE WHEN EXISTS (SELECT 1 FROM \"{db.Model.FindEntityType(entity)!.GetTableName()}\" WHERE {open}) THEN 1 ELSE 0 END "
            + "AS \"Value\"";
        return await db.Database.SqlQueryRaw<int>(sql, keys.CurrentMark + "%").SingleAsync(cancellation) == 1;
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
