using Vigil.Host.Intake;

namespace Vigil.Host;

/// <summary>
/// The disk and the database files in the data folder: too little free space, deleted files, a write-ahead log that grows.
/// </summary>
internal sealed class DataFolderWatch(Settings settings)
{
    private const long LargestLog = 64 << 20;

    /// <summary>The database files in use. Files that another store has left in the folder may be deleted at any time.</summary>
    private readonly string[] databases =
    [
        .. Uses(settings, "Records:Store", "Sqlite") ? ["records.db"] : Array.Empty<string>(),
        .. Uses(settings, "Readings:Store", "DuckDb") ? ["readings.duckdb"] : Array.Empty<string>(),
    ];

    /// <summary>Database files that have been seen since the start.</summary>
    private readonly HashSet<string> there = new(StringComparer.Ordinal);

    /// <summary>Why readings must not be accepted now; null when they may.</summary>
    public Withholding? WhyNoReadings() => Scarce() ?? Vanished();

    /// <summary>
    /// Size of SQLite's write-ahead log when it is so large that checkpoints must be failing, because a reader never ends; else null.
    /// </summary>
    public long? LongLog() =>
        new FileInfo(Path.Combine(settings.DataPath, "records.db-wal")) is { Exists: true, Length: > LargestLog } log ? log.Length : null;

    /// <summary>Whether a setting names a store, which is the default.</summary>
    internal static bool Uses(Settings settings, string setting, string store) =>
        (settings.Configuration[setting] ?? store).Equals(store, StringComparison.OrdinalIgnoreCase);

    private Withholding? Scarce()
    {
        var free = FreeBytes();
        if (free >= settings.ReserveBytes)
            return null;
        return new Withholding(
            $"only {free >> 20} MiB are free in {settings.DataPath}; {settings.ReserveBytes >> 20} MiB are kept for alarms",
            $"{settings.DataPath} 仅剩 {free >> 20} MiB，其中 {settings.ReserveBytes >> 20} MiB 预留给报警"
        );
    }

    /// <summary>
    /// A database goes on writing to its deleted file as long as the process runs, and afterwards everything is lost. So nothing is
    /// acknowledged any more, and devices send it again later.
    /// </summary>
    private Withholding? Vanished()
    {
        foreach (var file in databases.Select(name => Path.Combine(settings.DataPath, name)))
        {
            if (File.Exists(file))
                there.Add(file);
            else if (there.Contains(file))
                return new Withholding(
                    $"{file} was deleted or moved away while the service runs: stop it and restore the file",
                    $"{file} 在服务运行期间被删除或移走：请停止服务并恢复该文件"
                );
        }

        return null;
    }

    private long FreeBytes() => new DriveInfo(Path.GetFullPath(settings.DataPath)).AvailableFreeSpace;
}
