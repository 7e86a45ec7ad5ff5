using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Records;
using static Vigil.Tests.Console.Running;

namespace Vigil.Tests.Storage.Records;

/// <summary>A process that dies while it changes the schema leaves nothing behind that stops the next start.</summary>
public sealed class MigrationTests : IDisposable
{
    private const string DeadLock = """CREATE TABLE IF NOT EXISTS "__EFMigrationsLock" ("Id" INTEGER NOT NULL PRIMARY KEY, "Timestamp" TEXT NOT NULL); INSERT OR REPLACE INTO "__EFMigrationsLock" VALUES (1, '2026-11-01 00:00:00')""";
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-migration-").FullName;
    private readonly List<string> said = [];

    private string File => Path.Combine(folder, "records.db");

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_lock_left_by_a_killed_process_does_not_stop_a_start_with_nothing_to_migrate()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        Execute(DeadLock);
        await records.MigrateAsync(Token).WaitAsync(Soon, Token);
        await using var db = records.CreateDbContext();
        Assert.Equal(0, await db.Residents.CountAsync(Token));
    }

    [Fact]
    public async Task A_lock_left_by_a_killed_process_is_taken_over_and_the_migration_is_done()
    {
        var records = await AtAsync("Initial");
        Execute(DeadLock);
        await records.MigrateAsync(Token).WaitAsync(Soon, Token);
        await using var db = records.CreateDbContext();
        Assert.Empty(await db.Database.GetPendingMigrationsAsync(Token));
    }

    /// <summary>Records with the schema of an older version.</summary>
    private async Task<RecordsFactory> AtAsync(string migration)
    {
        var records = RecordsServices.CreateFactory("Sqlite", null, folder);
        await using var db = records.CreateDbContext();
        await db.Database.MigrateAsync(migration, Token);
        return records;
    }

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
