using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Tests.Storage.Records;

/// <summary>
/// An empty SQLite records store for a test: migrated once per run and then copied. All tests share the keys, because EF builds its model
/// again for other keys.
/// </summary>
internal static class FreshRecords
{
    private static readonly Lazy<Task<(FieldKeys Keys, string Folder)>> Migrated = new(async () =>
    {
        var folder = Directory.CreateTempSubdirectory("vigil-records-").FullName;
        var keys = FieldKeys.Open(Path.Combine(folder, "keys", "fields.key"));
        var records = RecordsServices.CreateFactory("Sqlite", null, folder, keys);
        await records.MigrateAsync();
        await using var db = records.CreateDbContext();
        await db.Database.ExecuteSqlRawAsync("PRAGMA wal_checkpoint(TRUNCATE)");
        return (keys, folder);
    });

    public static async Task<RecordsFactory> SqliteAsync(string folder)
    {
        var (keys, from) = await Migrated.Value;
        Directory.CreateDirectory(folder);
        File.Copy(Path.Combine(from, "records.db"), Path.Combine(folder, "records.db"));
        return RecordsServices.CreateFactory("Sqlite", null, folder, keys);
    }

    public static async Task<RecordsFactory> PostgresAsync(string connectionString)
    {
        var (keys, from) = await Migrated.Value;
        var records = RecordsServices.CreateFactory("Postgres", connectionString, from, keys);
        await records.MigrateAsync();
        return records;
    }
}
