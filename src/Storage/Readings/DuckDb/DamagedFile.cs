using DuckDB.NET.Data;
using Vigil.Model;

namespace Vigil.Storage.Readings.DuckDb;

/// <summary>
/// A damaged readings file is set aside under another name and an empty one begun: alarms need no history, the rules go on from their state
/// and learn again. Nothing is deleted. A file of a newer DuckDB is not damaged: that is refused.
/// </summary>
internal static class DamagedFile
{
    private const string Trouble = "readings-damaged";

    /// <summary>How long the desk sees it.</summary>
    private static readonly TimeSpan Shown = TimeSpan.FromHours(24);

    /// <summary>DuckDB 1.5's words; each is tried in a test on a file damaged in that way.</summary>
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
                    + $"again, or restore a backup that was made before the upgrade. ({e.Message.Split('\n', 2)[0].Trim()})",
                e,
                restorable: true
            )
            : null;

    /// <summary>A write-ahead log without its database can't be applied to an empty one.</summary>
    public static void SetLoneLogAside(string path, Troubles? troubles)
    {
        if (File.Exists(path) || !File.Exists(path + ".wal"))
            return;
        SetAside(path, "the database file is missing, its log is there", logAlone: true, troubles);
    }

    /// <summary>Only the log where only the log is damaged: then what was folded into the file stays.</summary>
    public static void SetAside(string path, Exception why, Troubles? troubles) =>
        SetAside(
            path,
            why.Message.Split('\n', 2)[0].Trim(),
            why.Message.Contains("Failure while replaying WAL", StringComparison.Ordinal),
            troubles
        );

    private static void SetAside(string path, string why, bool logAlone, Troubles? troubles)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime; // names a file that people look for by the wall's time
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
