using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>The SQLite file of the records: checks whether it exists and is undamaged, and copies it.</summary>
public static class RecordsFile
{
    private const int Corrupt = 11,
        NotADatabase = 26,
        Interrupted = 9;

    public static bool IsDamage(SqliteException e) => e.SqliteErrorCode is Corrupt or NotADatabase;

    public static UnusableDataException Damaged(string file, string what, Exception? inner = null) =>
        new(
            $"{file} is damaged: {what}. The records (residents, alarms, accounts) are in it, so nothing is started without it and "
                + $"nothing was changed. "
                + "Restore a backup into an empty folder; keep the damaged file, what is left in it may be saved with SQLite's own "
                + "tools (.recover).",
            inner,
            restorable: true
        );

    /// <summary>
    /// Refuses a file that has vanished or is empty: SQLite would create a new one, and everybody in it would be forgotten.
    /// </summary>
    public static void EnsureThere(string file, DataFolder folder)
    {
        if (folder.IsUnfinishedRestore)
            throw new UnusableDataException(
                $"a restore into {folder.Path} was stopped before its end. Empty the folder and restore again.",
                restorable: true
            );
        var size = File.Exists(file) ? new FileInfo(file).Length : -1;
        if (size > 0 || !folder.HasHeld("Sqlite"))
            return;
        throw new UnusableDataException(
            $"{file} is {(size < 0 ? "missing" : "empty")}, though {folder.Path} has held data before. Put it back or restore a backup; "
                + "to begin anew with nobody registered, use another folder (Data:Path).",
            restorable: true
        );
    }

    /// <summary>SQLite's quick_check with a time limit, so that a start doesn't wait for a large file.</summary>
    /// <returns>What is wrong, null when nothing is; and whether the whole file was checked.</returns>
    public static (string? Wrong, bool Whole, TimeSpan Took) QuickCheck(string file, TimeSpan atMost)
    {
        var begun = Stopwatch.GetTimestamp();
        try
        {
            using var connection = new SqliteConnection(
                new SqliteConnectionStringBuilder
                {
                    DataSource = file,
                    Pooling = false,
                    Mode = SqliteOpenMode.ReadWrite,
                }.ToString()
            );
            connection.Open();
            raw.sqlite3_progress_handler(connection.Handle, 10_000, _ => Stopwatch.GetElapsedTime(begun) > atMost ? 1 : 0, null);
            var wrong = First(connection, "PRAGMA quick_check(1)", "ok");
            return (wrong, true, Stopwatch.GetElapsedTime(begun));
        }
        catch (SqliteException e) when (e.SqliteErrorCode == Interrupted)
        {
            return (null, false, Stopwatch.GetElapsedTime(begun));
        }
        catch (SqliteException e) when (IsDamage(e))
        {
            return (e.Message, true, Stopwatch.GetElapsedTime(begun));
        }
    }

    /// <summary>SQLite's full check of a file that nobody writes to: what is wrong, null when nothing is.</summary>
    public static string? Check(string file)
    {
        try
        {
            using var connection = new SqliteConnection(
                new SqliteConnectionStringBuilder
                {
                    DataSource = file,
                    Pooling = false,
                    Mode = SqliteOpenMode.ReadOnly,
                }.ToString()
            );
            connection.Open();
            return First(connection, "PRAGMA integrity_check(1)", "ok") ?? First(connection, "PRAGMA foreign_key_check", null);
        }
        catch (SqliteException e)
        {
            return e.Message;
        }
    }

    /// <summary>
    /// A consistent copy in one read transaction: others can read and write meanwhile. Freed pages, which may hold deleted data, are left
    /// out.
    /// </summary>
    public static void Copy(SqliteConnection connection, string to)
    {
        using (File.Create(to))
        {
            // SQLite would create it with default permissions
        }

        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(to, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var opened = connection.State != System.Data.ConnectionState.Open;
        if (opened)
            connection.Open();
        try
        {
            using var command = connection.CreateCommand();
            command.CommandText = "VACUUM INTO $to";
            command.CommandTimeout = 0;
            command.Parameters.AddWithValue("$to", to);
            command.ExecuteNonQuery();
        }
        finally
        {
            if (opened)
                connection.Close();
        }

        DataFile.Sync(to);
    }

    private static string? First(SqliteConnection connection, string pragma, string? good)
    {
        using var command = connection.CreateCommand();
        command.CommandText = pragma;
        command.CommandTimeout = 0;
        using var rows = command.ExecuteReader();
        if (!rows.Read())
            return null;
        var said = string.Join(' ', Enumerable.Range(0, rows.FieldCount).Select(i => rows.IsDBNull(i) ? "" : rows.GetValue(i).ToString()));
        return said == good ? null
            : pragma.Contains("foreign", StringComparison.Ordinal) ? $"a row points to one that isn't there: {said}"
            : said.ReplaceLineEndings(" ");
    }
}
