using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>
/// Brings the schema up to date, at every start and before every command. Nothing is locked when there is nothing to do. On SQLite the lock
/// is a file of ours, which the operating system releases when its process dies; whoever holds it knows that a row in EF's own lock table
/// was left by a dead process. An upgrade begins with a copy of the file: a migration that rebuilds tables is several transactions, and one
/// that was killed midway begins again from the copy.
/// </summary>
public static class Migrating
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>Says on standard error what is waited for.</summary>
    public static Task MigrateAsync(this IDbContextFactory<RecordsDb> factory, CancellationToken cancellation = default) =>
        factory.MigrateAsync(what => Console.Error.WriteLine("vigil: " + what), cancellation);

    /// <param name="factory">The records.</param>
    /// <param name="say">Told what is waited for, and what is done.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="UnusableDataException">The records are damaged, missing, of a newer version, or the keys don't belong to
    /// them.</exception>
    public static async Task MigrateAsync(this IDbContextFactory<RecordsDb> factory, Action<string> say, CancellationToken cancellation)
    {
        await using var db = await factory.CreateDbContextAsync(cancellation);
        db.Database.SetCommandTimeout(TimeSpan.FromMinutes(30)); // a large table may take its time
        if (!db.Database.IsSqlite())
        {
            await MigratePostgresAsync(db, say, cancellation);
        }
        else
        {
            try
            {
                if (SealedValues.FileOf(db) is { } file)
                    await MigrateSqliteAsync(db, file, say, cancellation);
                else
                    await db.Database.MigrateAsync(cancellation);
            }
            catch (SqliteException e) when (RecordsFile.IsDamage(e))
            {
                throw RecordsFile.Damaged(SealedValues.FileOf(db) ?? "the records", e.Message, e);
            }
        }

        SealedValues.EnsureOpens(db);
        await Sealing.SealAsync(db, cancellation);
    }

    /// <summary>Without changing the schema: these keys open these records, and this version knows their schema.</summary>
    /// <returns>The newest migration they have.</returns>
    public static async Task<string> EnsureUsableAsync(this RecordsFactory factory, CancellationToken cancellation)
    {
        await using var db = await factory.CreateDbContextAsync(cancellation);
        await IsCurrentAsync(db, cancellation);
        SealedValues.EnsureOpens(db);
        return (await db.Database.GetAppliedMigrationsAsync(cancellation)).LastOrDefault() ?? "";
    }

    private static async Task MigrateSqliteAsync(RecordsDb db, string file, Action<string> say, CancellationToken cancellation)
    {
        var folder = DataFolder.Of(file);
        RecordsFile.EnsureThere(file, folder);
        var (copy, making) = (file + ".upgrading", file + ".making");
        if (!File.Exists(copy) && !File.Exists(making) && await IsCurrentAsync(db, cancellation))
        {
            folder.Began("Sqlite"); // a folder of an older version
            return;
        }

        if (folder.RunsElsewhere is { } other)
            throw new UnusableDataException(
                $"the schema of {file} is to be changed, and {other} uses it. Stop that service first; then start this version."
            );
        using var held = await FileLock.TakeAsync(
            Path.Combine(folder.Path, "migrate.lock"),
            "a change of the schema",
            say,
            Patience,
            cancellation
        );
        if (File.Exists(making))
            await EmptyAsync(db, file); // a first start was stopped midway: the file holds nothing yet
        await DeleteDeadLockAsync(db, say, cancellation);
        if (File.Exists(copy))
            await BeginAgainAsync(db, file, copy, say, cancellation);
        if (!await IsCurrentAsync(db, cancellation))
        {
            if ((await db.Database.GetAppliedMigrationsAsync(cancellation)).Any())
                Copy(db, copy);
            else
                DataFile.Write(making, "");
            await db.Database.MigrateAsync(cancellation);
        }

        foreach (var done in new[] { copy, making })
            File.Delete(done);
        folder.Began("Sqlite");
    }

    /// <summary>Whether all migrations have been applied.</summary>
    private static async Task<bool> IsCurrentAsync(RecordsDb db, CancellationToken cancellation)
    {
        var applied = (await db.Database.GetAppliedMigrationsAsync(cancellation)).ToList();
        var known = db.Database.GetMigrations().ToList();
        if (applied.Except(known, StringComparer.Ordinal).LastOrDefault() is { } other)
            throw new UnusableDataException(
                $"the records have the schema of another version of Vigil ({other}), a newer one or one from before the first release, "
                    + "which this version doesn't know and would damage; nothing was changed. "
                    + "Install that version again, or restore a backup that was made before the upgrade.",
                restorable: true
            );
        return applied.Count == known.Count;
    }

    /// <summary>Deletes the row of EF's lock table. We hold our own lock, so the process that left the row is dead.</summary>
    private static async Task DeleteDeadLockAsync(RecordsDb db, Action<string> say, CancellationToken cancellation)
    {
        await db.Database.OpenConnectionAsync(cancellation);
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = "SELECT 1 FROM sqlite_master WHERE name = '__EFMigrationsLock'";
        if (await command.ExecuteScalarAsync(cancellation) is null)
            return;
        command.CommandText = "DELETE FROM \"__EFMigrationsLock\" RETURNING \"Timestamp\"";
        if (await command.ExecuteScalarAsync(cancellation) is { } since)
            say($"took over the lock of the schema that a process which is dead has held since {since}Z");
    }

    /// <summary>
    /// There is a copy, so an upgrade was stopped. If only deleting the copy was left, nothing is done; else the file is replaced by the
    /// copy, so that the upgrade begins again.
    /// </summary>
    private static async Task BeginAgainAsync(RecordsDb db, string file, string copy, Action<string> say, CancellationToken cancellation)
    {
        try
        {
            if (await IsCurrentAsync(db, cancellation))
                return;
        }
        catch (UnusableDataException)
        {
            // a newer version was stopped in its upgrade, and this version was installed again: the copy has the schema that it knows
        }

        say("an upgrade of the records was stopped before its end; it begins again from the copy made before it");
        await CloseAsync(db);
        foreach (var beside in new[] { "-wal", "-shm", "-journal" })
            File.Delete(file + beside);
        File.Move(copy, file, overwrite: true);
    }

    private static async Task EmptyAsync(RecordsDb db, string file)
    {
        await CloseAsync(db);
        foreach (var beside in new[] { "-wal", "-shm", "-journal", "" })
            File.Delete(file + beside);
        await File.Create(file).DisposeAsync(); // connections open an existing file and don't create one
    }

    private static async Task CloseAsync(RecordsDb db)
    {
        await db.Database.CloseConnectionAsync();
        SqliteConnection.ClearPool((SqliteConnection)db.Database.GetDbConnection());
    }

    private static void Copy(RecordsDb db, string copy)
    {
        var partial = copy + ".partial";
        File.Delete(partial);
        RecordsFile.Copy((SqliteConnection)db.Database.GetDbConnection(), partial);
        File.Move(partial, copy);
    }

    /// <summary>PostgreSQL's lock of the schema dies with its session; a change of the schema is one transaction.</summary>
    private static async Task MigratePostgresAsync(RecordsDb db, Action<string> say, CancellationToken cancellation)
    {
        var clock = TimeProvider.System; // another instance is waited for, so the service's own clock (which may run faster) doesn't matter
        var (begun, since) = (clock.GetTimestamp(), clock.GetUtcNow());
        while (true)
        {
            try
            {
                db.Database.SetCommandTimeout(5);
                if (await IsCurrentAsync(db, cancellation))
                    return;
                db.Database.SetCommandTimeout(Patience);
                await db.Database.MigrateAsync(cancellation);
                return;
            }
            catch (DbException e) when (e.InnerException is TimeoutException && clock.GetElapsedTime(begun) < Patience)
            {
                say($"waiting since {since:HH:mm:ss}Z for PostgreSQL: another instance changes the schema, or the server doesn't answer");
            }
            finally
            {
                db.Database.SetCommandTimeout((int?)null);
            }
        }
    }
}
