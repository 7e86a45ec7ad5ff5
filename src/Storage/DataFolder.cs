using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vigil.Storage;

/// <summary>
/// The data folder and its state in <c>data.json</c>: since when it holds data, in which store, and whether the last stop was clean. It
/// tells a first start, on which files are created, from one after a database file was lost.
/// </summary>
public sealed class DataFolder(string path)
{
    /// <summary>Name of the lock that the running service holds (<see cref="FileLock"/>).</summary>
    public const string RunLock = "vigil.lock";

    /// <summary>Name of the folder in which a restore prepares its files; exists only until it is finished.</summary>
    public const string Restoring = ".restore.partial";

    public string Path { get; } = System.IO.Path.GetFullPath(path);

    /// <summary>The folder that contains a database file.</summary>
    public static DataFolder Of(string file) => new(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(file))!);

    public string LockFile => In(RunLock);

    public bool IsUnfinishedRestore => Directory.Exists(In(Restoring));

    /// <summary>Which other process runs the service on this folder now, in words; null when none does.</summary>
    public string? RunsElsewhere =>
        FileLock.IsOurs(LockFile) || !FileLock.IsHeld(LockFile) ? null : FileLock.HolderOf(LockFile) ?? "a running service";

    /// <returns>Null when the folder has no <c>data.json</c>.</returns>
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
            return new Known(); // damaged; but that it exists means that there was data
        }
    }

    /// <summary>
    /// Whether this folder has had records in a store before. A folder of an older version has no data.json; then files that only a running
    /// service creates tell it.
    /// </summary>
    public bool HasHeld(string store) =>
        Read() is { } known
            ? known.Records.Length == 0 || known.Records.Equals(store, StringComparison.OrdinalIgnoreCase)
            : File.Exists(In("readings.duckdb")) || (Directory.Exists(In("rules")) && Directory.EnumerateFiles(In("rules")).Any());

    /// <summary>Notes that the folder holds records of a store from now on; does nothing when it is noted already.</summary>
    public void Began(string store)
    {
        if (Read() is not { } known || !known.Records.Equals(store, StringComparison.OrdinalIgnoreCase))
            Write((Read() ?? new Known { Since = Now }) with { Records = store });
    }

    /// <summary>Notes that the service runs. If the process ends without <see cref="Stopped"/>, the next start knows of a crash.</summary>
    /// <returns>
    /// Why it could not be written; null when it was. On a full disk the service starts all the same, because alarms have reserved space.
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

    /// <summary>Notes a clean stop.</summary>
    public void Stopped()
    {
        if (Read() is { } known)
            Write(known with { Stopped = Now });
    }

    public void Write(Known known) => DataFile.Write(In("data.json"), JsonSerializer.Serialize(known));

    /// <summary>By the machine's clock, not the service's, which may run faster: later processes read the folder.</summary>
    private static DateTime Now => TimeProvider.System.GetUtcNow().UtcDateTime;

    private string In(string name) => System.IO.Path.Combine(Path, name);

    public sealed record Known
    {
        public DateTime Since { get; init; }

        /// <summary>Store of the records: Sqlite or Postgres; empty when not known.</summary>
        public string Records { get; init; } = "";

        /// <summary>Readings were written to this folder's DuckDB file.</summary>
        public bool Readings { get; init; }
        public string Version { get; init; } = "";

        /// <summary>When the service last stopped cleanly; null while it runs, and after a crash.</summary>
        public DateTime? Stopped { get; init; }

        /// <summary>
        /// The service ran here and did not stop cleanly. Also true where the file is damaged, because then it isn't known.
        /// </summary>
        [JsonIgnore]
        public bool IsCrashed => Stopped is null && (Version.Length > 0 || Since == default);

        /// <summary>
        /// When the backup was made from which this folder was restored; null when it wasn't, or once the duty desk has been told.
        /// </summary>
        public DateTime? RestoredFrom { get; init; }
    }
}
