using DuckDB.NET.Data;
using Vigil.Model;

namespace Vigil.Storage.Readings.DuckDb;

/// <summary>
/// A damaged database file is renamed and an empty one begun, because alarms must go on and don't need the history: the rules continue from
/// their snapshot and learn again. Nothing is deleted. A file written by a newer DuckDB is not damaged; it is refused.
/// </summary>
internal static class DamagedFile
{
    private const string Trouble = "readings-damaged";

    /// <summary>How long the duty desk is shown that it happened.</summary>
    private static readonly TimeSpan Shown = TimeSpan.FromHours(24);

    /// <summary>Parts of DuckDB 1.5's error messages; a test provokes each with a file damaged in that way.</summary>
    private static readonly string[] Words =
    [
        "not a valid DuckDB database file",
        "Corrupt ",
        "Could not read enough bytes",
        "Failure while replaying WAL",
        "Serialization Error",
        "INTERNAL Error",
    ];

    public static bool IsDamage(Exception e) =>
        e is DuckDBException && Words.Any(w => e.Message.Contains(w, StringComparison.Ordinal)) && !IsNewer(e);

    private static bool IsNewer(Exception e) =>
        e.Message.Contains("version number", StringComparison.Ordinal) || e.Message.Contains("newer version", StringComparison.Ordinal);

    public static UnusableDataException? Newer(string path, Exception e) =>
        e is DuckDBException && IsNewer(e)
            ? new UnusableDataException(
                $"{path} was written by a newer DuckDB than this version of Vigil has; nothing was changed. Install that version "
                    + $"again, or restore a backup that was made before the upgrade. ({StoreFailure.FirstLine(e)})",
                e,
                restorable: true
            )
            : null;

    /// <summary>Sets aside a write-ahead log whose database file is missing: it can't be replayed on an empty file.</summary>
    public static void SetLoneLogAside(string path, Troubles? troubles)
    {
        if (File.Exists(path) || !File.Exists(path + ".wal"))
            return;
        SetAside(path, "the database file is missing, its log is there", logAlone: true, troubles);
    }

    /// <summary>Where only the write-ahead log is damaged, only it is set aside: what was checkpointed into the file is kept.</summary>
    public static void SetAside(string path, Exception why, Troubles? troubles) =>
        SetAside(
            path,
            StoreFailure.FirstLine(why),
            why.Message.Contains("Failure while replaying WAL", StringComparison.Ordinal),
            troubles
        );

    private static void SetAside(string path, string why, bool logAlone, Troubles? troubles)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime; // part of a file name, which people compare with the wall clock
        var names = new List<string>();
        string[] files = logAlone ? [path + ".wal"] : [path + ".wal", path];
        foreach (var file in files)
            if (File.Exists(file))
                names.Add(Path.GetFileName(DataFile.SetAside(file, now)));
        var (lost, lostZh) = logAlone
            ? ("the readings of the last minutes before it are missing", "此前几分钟的读数缺失")
            : ("readings begin anew with an empty file", "读数从空文件重新开始");
        troubles?.Happened(
            Trouble,
            $"{Path.GetFileName(path)} was damaged and set aside as {string.Join(", ", names)}; {lost}; alarms go on ({why})",
            $"{Path.GetFileName(path)} 已损坏，改名为 {string.Join("、", names)} 保留；{lostZh}；报警照常",
            Shown
        );
    }
}
