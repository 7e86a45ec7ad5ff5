using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vigil.Storage;

/// <summary>
/// What the data folder knows of itself, in <c>data.json</c>: since when it holds data, in which store, and whether the last stop was
/// clean. By it a file that has vanished is told from a first start.
/// </summary>
public sealed class DataFolder(string path)
{
    /// <summary>Held by the running service, by process: <c>vigil.lock</c>.</summary>
    public const string RunLock = "vigil.lock";

    /// <summary>What a restore has not finished stands here.</summary>
    public const string Restoring = ".restore.partial";

    public string Path { get; } = System.IO.Path.GetFullPath(path);

    /// <summary>The folder a database file stands in.</summary>
    public static DataFolder Of(string file) => new(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(file))!);

    public string LockFile => In(RunLock);

    public bool IsUnfinishedRestore => Directory.Exists(In(Restoring));

    /// <summary>Who else runs the service on this folder now, in words.</summary>
    public string? RunsElsewhere =>
        FileLock.IsOurs(LockFile) || !FileLock.IsHeld(LockFile) ? null : FileLock.HolderOf(LockFile) ?? "a running service";

    public Known? Read()
    {
        try
        {
            if (!File.Exists(In("data.json")))
                return null;
            var known = JsonSerializer.Deserialize<Known>(File.ReadAllText(In("data.json"))) ?? new Known();
            return known with { Records = known.Records ?? "", Version = known.Version ?? "" };
        }
        catch (JsonException)
        {
            return new Known(); // damaged: it was there, so data was
        }
    }

    /// <summary>
    /// Whether records were in a store here before. Folders of older versions have no data.json, but what only a service that ran leaves
    /// behind.
    /// </summary>
    public bool HasHeld(string store) =>
        Read() is { } known
            ? known.Records.Length == 0 || known.Records.Equals(store, StringComparison.OrdinalIgnoreCase)
            : File.Exists(In("readings.duckdb")) || (Directory.Exists(In("rules")) && Directory.EnumerateFiles(In("rules")).Any());

    /// <summary>The first time: from now on this folder holds data.</summary>
    public void Began(string store)
    {
        if (Read() is not { } known || !known.Records.Equals(store, StringComparison.OrdinalIgnoreCase))
            Write((Read() ?? new Known { Since = Now }) with { Records = store });
    }

    /// <summary>The service runs; until <see cref="Stopped"/> its stop was not a clean one.</summary>
    /// <returns>
    /// Why it could not be written down; null when it was. On a full disk the service runs all the same: alarms have a reserve.
    /// </returns>
    public string? Started(string version)
    {
        try
        {
            if (Read() is { } known && known.Version == version && known.Stopped is null)
                return null;
            Write((Read() ?? new Known { Since = Now }) with { Version = version, Stopped = null });
            return null;
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }

    public void Stopped()
    {
        if (Read() is { } known)
            Write(known with { Stopped = Now });
    }

    public void Write(Known known) => DataFile.Write(In("data.json"), JsonSerializer.Serialize(known));

    /// <summary>Wall time: the folder outlives every service and the clock it runs by.</summary>
    private static DateTime Now => TimeProvider.System.GetUtcNow().UtcDateTime;

    private string In(string name) => System.IO.Path.Combine(Path, name);

    public sealed record Known
    {
        public DateTime Since { get; init; }

        /// <summary>Store of the records: Sqlite or Postgres; empty when nobody knows.</summary>
        public string Records { get; init; } = "";

        /// <summary>Readings were written to this folder's DuckDB file.</summary>
        public bool Readings { get; init; }
        public string Version { get; init; } = "";

        /// <summary>When the service last ended as it should; null while it runs, and after a crash.</summary>
        public DateTime? Stopped { get; init; }

        /// <summary>A service ran here and did not end as it should; also where this file was damaged, and nobody knows.</summary>
        [JsonIgnore]
        public bool IsCrashed => Stopped is null && (Version.Length > 0 || Since == default);

        /// <summary>
        /// When the backup was made from which this folder was restored; null when it wasn't, or when the desk has been told.
        /// </summary>
        public DateTime? RestoredFrom { get; init; }
    }
}
