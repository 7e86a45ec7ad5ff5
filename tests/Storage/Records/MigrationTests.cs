using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Records;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Storage.Records;

/// <summary>
/// A process that dies while it changes the schema leaves nothing that stops the next start. Records that can't be used are refused with a
/// clear message and left as they are.
/// </summary>
public sealed class MigrationTests : IDisposable
{
    private const string DeadLock =
        """CREATE TABLE IF NOT EXISTS "__EFMigrationsLock" ("Id" INTEGER NOT NULL PRIMARY KEY, "Timestamp" TEXT NOT NULL); """
        + """INSERT OR REPLACE INTO "__EFMigrationsLock" VALUES (1, '2026-11-01 00:00:00')""";
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-migration-").FullName;
    private readonly List<string> said = [];

    private string Database => Path.Combine(folder, "records.db");

    private string KeyFile => Path.Combine(folder, "keys", "fields.key");

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
        await records.MigrateAsync(said.Add, Token).WaitAsync(Soon, Token);
        await using var db = records.CreateDbContext();
        Assert.Empty(await db.Database.GetPendingMigrationsAsync(Token));
        Assert.Contains(said, s => s.Contains("since 2026-11-01", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_migration_waits_for_another_that_lives_and_says_for_whom()
    {
        var records = await AtAsync("Initial");
        var other = FileLock.TryTake(Path.Combine(folder, "migrate.lock"), "the other one")!;
        var waiting = records.MigrateAsync(
            what =>
            {
                said.Add(what);
                other.Dispose();
            },
            Token
        );
        await waiting.WaitAsync(Soon, Token);
        Assert.Contains("the other one", Assert.Single(said), StringComparison.Ordinal);
        await using var db = records.CreateDbContext();
        Assert.Empty(await db.Database.GetPendingMigrationsAsync(Token));
    }

    [Fact]
    public async Task An_upgrade_that_was_killed_midway_begins_again_from_the_copy_made_before_it()
    {
        var records = await AtAsync("Initial");
        Execute("INSERT INTO Areas (Code, Name, WatchReason) VALUES ('440114003201', '云溪村', '')");
        using (var connection = Open())
            RecordsFile.Copy(connection, Database + ".upgrading");
        // Half of the next migration is done: its transaction would add this column again.
        Execute("ALTER TABLE Steps ADD COLUMN \"NoteZh\" TEXT NOT NULL DEFAULT ''");
        await records.MigrateAsync(said.Add, Token);
        await using var db = records.CreateDbContext();
        Assert.Empty(await db.Database.GetPendingMigrationsAsync(Token));
        Assert.Equal("云溪村", (await db.Areas.SingleAsync(Token)).Name);
        Assert.Contains(said, s => s.Contains("begins again", StringComparison.Ordinal));
        Assert.False(File.Exists(Database + ".upgrading"));
    }

    [Fact]
    public async Task A_first_start_that_was_killed_midway_begins_again()
    {
        var records = await AtAsync("Initial");
        Execute("ALTER TABLE Steps ADD COLUMN \"NoteZh\" TEXT NOT NULL DEFAULT ''");
        await File.WriteAllTextAsync(Database + ".making", "", Token);
        await records.MigrateAsync(Token);
        await using var db = records.CreateDbContext();
        Assert.Empty(await db.Database.GetPendingMigrationsAsync(Token));
        Assert.False(File.Exists(Database + ".making"));
    }

    [Fact]
    public async Task Records_of_a_newer_version_are_refused_and_not_touched()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        Execute("INSERT INTO __EFMigrationsHistory VALUES ('20990101000000_OfTomorrow', '99.0')");
        var before = await HashAsync();
        var refusal = await Assert.ThrowsAsync<UnusableDataException>(() => records.MigrateAsync(Token));
        Assert.Contains("OfTomorrow", refusal.Message, StringComparison.Ordinal);
        Assert.True(refusal.Restorable);
        Assert.Equal(before, await HashAsync());
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("truncated")]
    [InlineData("emptied")]
    [InlineData("missing")]
    public async Task Damaged_records_are_refused_with_what_to_do_and_left_as_they_are(string damage)
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await records.MigrateAsync(Token); // so that this folder is known to have held records
        SqliteConnection.ClearAllPools();
        foreach (var beside in new[] { "-wal", "-shm" })
            File.Delete(Database + beside);
        if (damage == "garbage")
            await File.WriteAllBytesAsync(Database, Enumerable.Range(0, 100_000).Select(i => (byte)(i * 7)).ToArray(), Token);
        if (damage == "truncated")
            using (var file = new FileStream(Database, FileMode.Open))
                file.SetLength(70_000);
        if (damage == "emptied")
            await File.WriteAllBytesAsync(Database, [], Token);
        if (damage == "missing")
            File.Delete(Database);
        var before = File.Exists(Database) ? await HashAsync() : "";
        var refusal = await Assert.ThrowsAsync<UnusableDataException>(() =>
            RecordsServices.CreateFactory("Sqlite", null, folder).MigrateAsync(Token)
        );
        Assert.True(refusal.Restorable, refusal.Message);
        Assert.Contains("records.db", refusal.Message, StringComparison.Ordinal);
        SqliteConnection.ClearAllPools();
        Assert.Equal(before, File.Exists(Database) ? await HashAsync() : "");
    }

    [Fact]
    public async Task A_file_that_is_deleted_while_it_is_in_use_is_not_made_anew_by_the_next_connection()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await records.MigrateAsync(Token);
        SqliteConnection.ClearAllPools();
        File.Delete(Database);
        await using var db = await records.CreateDbContextAsync(Token);
        await Assert.ThrowsAsync<SqliteException>(() => db.Alarms.CountAsync(Token));
        Assert.False(File.Exists(Database));
    }

    [Fact]
    public async Task A_page_that_was_overwritten_is_found_by_the_check_after_a_crash()
    {
        await FilledAsync();
        SqliteConnection.ClearAllPools();
        Assert.Null(RecordsFile.QuickCheck(Database, TimeSpan.FromMinutes(1)).Wrong);
        using (var file = new FileStream(Database, FileMode.Open))
        {
            file.Seek(4096 * 3, SeekOrigin.Begin); // a page of the schema's first tables
            file.Write(new byte[4096]);
        }

        Assert.NotNull(RecordsFile.QuickCheck(Database, TimeSpan.FromMinutes(1)).Wrong);
        Assert.NotNull(RecordsFile.Check(Database));
    }

    [Fact]
    public async Task Missing_keys_are_never_made_anew_over_what_was_sealed_with_them()
    {
        await FilledAsync();
        File.Delete(KeyFile);
        var refusal = Assert.Throws<UnusableDataException>(() => RecordsServices.CreateFactory("Sqlite", null, folder));
        Assert.Contains("fields.key is missing", refusal.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(KeyFile));
        await File.WriteAllTextAsync(KeyFile, "", Token);
        Assert.Throws<UnusableDataException>(() => RecordsServices.CreateFactory("Sqlite", null, folder));
        await File.WriteAllTextAsync(KeyFile, "abc !!\n", Token);
        Assert.Throws<UnusableDataException>(() => RecordsServices.CreateFactory("Sqlite", null, folder));
    }

    [Fact]
    public async Task Keys_of_another_installation_are_refused_before_anything_is_sealed_with_them()
    {
        await FilledAsync();
        File.Delete(KeyFile);
        FieldKeys.Open(KeyFile);
        var before = await HashAsync();
        var refusal = await Assert.ThrowsAsync<UnusableDataException>(() =>
            RecordsServices.CreateFactory("Sqlite", null, folder).MigrateAsync(Token)
        );
        Assert.Contains("right key file", refusal.Message, StringComparison.Ordinal);
        SqliteConnection.ClearAllPools();
        Assert.Equal(before, await HashAsync());
    }

    [Fact]
    public async Task A_key_file_that_was_left_empty_by_a_killed_first_start_is_made_anew()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(KeyFile)!);
        await File.WriteAllTextAsync(KeyFile, "", Token);
        await RecordsServices.CreateFactory("Sqlite", null, folder).MigrateAsync(Token);
        Assert.NotEmpty(await File.ReadAllTextAsync(KeyFile, Token));
    }

    private async Task FilledAsync()
    {
        var records = RecordsServices.CreateFactory("Sqlite", null, folder);
        await records.MigrateAsync(Token);
        await using var db = records.CreateDbContext();
        db.Residents.Add(
            new Resident
            {
                Id = "R1",
                Name = "王秀英",
                Area = "440100001001",
                Phone = "+8613800138000",
            }
        );
        await db.SaveChangesAsync(Token);
        await db.Database.ExecuteSqlRawAsync("PRAGMA wal_checkpoint(TRUNCATE)", Token);
        SqliteConnection.ClearAllPools();
    }

    /// <summary>Records with the schema of an older migration.</summary>
    private async Task<RecordsFactory> AtAsync(string migration)
    {
        var records = RecordsServices.CreateFactory("Sqlite", null, folder);
        await using var db = records.CreateDbContext();
        await db.Database.MigrateAsync(migration, Token);
        return records;
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
        connection.Open();
        return connection;
    }

    private void Execute(string sql)
    {
        using var connection = Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private Task<string> HashAsync() => DataFile.HashAsync(Database, Token);
}
