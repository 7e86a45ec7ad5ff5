using System.Reflection;
using Microsoft.AspNetCore.Connections;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Vigil.Host.Backup;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary>
/// The message of a failed command: one line with what is wrong and what to do, and no stack trace (<c>VIGIL_TRACE=1</c> shows it).
/// </summary>
internal static class Failure
{
    public static int Say(string command, Exception e)
    {
        if (e is OperationCanceledException)
            return 130;
        Console.Error.WriteLine($"vigil {command}: {Words(e)}");
        if (Environment.GetEnvironmentVariable("VIGIL_TRACE") is { Length: > 0 })
            Console.Error.WriteLine(e);
        return 1;
    }

    public static string Words(Exception e) =>
        e switch
        {
            UnusableDataException { Restorable: true } => $"{e.Message} {NewestBackup()}",
            UnusableDataException or ReadingStoreException => e.Message,
            SqliteException { SqliteErrorCode: 5 or 6 } =>
                $"another program has held the records locked for too long ({e.Message}); end it and try again",
            SqliteException s when RecordsFile.IsDamage(s) => Words(RecordsFile.Damaged("records.db", s.Message, s)),
            SqliteException => $"the records: {e.Message}",
            Npgsql.NpgsqlException => $"PostgreSQL (Records:ConnectionString): {e.Message.ReplaceLineEndings(" ")}",
            IOException { InnerException: AddressInUseException } => e.Message,
            IOException or UnauthorizedAccessException => e.Message,
            AggregateException
            or TargetInvocationException
            or DbUpdateException
            or InvalidOperationException when e.InnerException is { } inner => Words(inner),
            _ => $"unexpected {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")} (VIGIL_TRACE=1 shows where)",
        };

    /// <summary>Which backup to restore, and how.</summary>
    private static string NewestBackup()
    {
        if (RunCommand.Loaded is not { } settings)
            return "";
        var folder = settings.Backup.Folder;
        if (folder.Length == 0)
            return "Restore with: vigil restore FOLDER --keys KEYS --Data:Path=EMPTY-FOLDER (no Backup:Folder is set, so backups "
                + "were made by hand, if any).";
        return Manifest.Newest(folder) is { } newest
            ? $"The newest backup is of {Manifest.Utc(newest.Manifest.Made)}: vigil restore {newest.Folder} --keys "
                + $"{(settings.Backup.KeysFolder is { Length: > 0 } keys ? keys : "KEYS")} --Data:Path=EMPTY-FOLDER."
            : $"There is no backup in {folder}.";
    }
}
