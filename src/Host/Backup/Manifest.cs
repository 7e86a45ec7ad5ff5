using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Vigil.Model;
using Vigil.Storage;

namespace Vigil.Host.Backup;

/// <summary>
/// What a backup contains, in <c>manifest.json</c>. Beside it <c>SHA256SUMS</c>, in the format that <c>sha256sum -c</c> reads.
/// </summary>
internal sealed record Manifest
{
    public const string Name = "manifest.json",
        Sums = "SHA256SUMS";

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public int Format { get; init; } = 1;

    /// <summary>Version of the program that made it.</summary>
    public string Vigil { get; init; } = "";
    public DateTime Made { get; init; }
    public double Seconds { get; init; }

    /// <summary>Made by the daily schedule, so that it may be deleted when it is old.</summary>
    public bool Scheduled { get; init; }
    public string RecordsStore { get; init; } = "";
    public string ReadingsStore { get; init; } = "";

    /// <summary>Newest migration of the records' schema.</summary>
    public string Schema { get; init; } = "";

    /// <summary>Ids of the keys that the sealed columns need; not secret.</summary>
    public IReadOnlyList<string> Keys { get; init; } = [];
    public IReadOnlyList<Part> Parts { get; init; } = [];
    public IReadOnlyList<Entry> Files { get; init; } = [];

    /// <param name="Name">rules, readings, records, waiting, config.</param>
    /// <param name="At">Everything until then is contained.</param>
    /// <param name="Says">Description for people.</param>
    public sealed record Part(string Name, DateTime At, string Says);

    /// <param name="Path">Relative to the backup, with slashes.</param>
    /// <param name="Bytes">Size.</param>
    /// <param name="Sha256">Hash of the content.</param>
    /// <param name="Modified">Kept by a restore, because the age of a snapshot of the rules is that of its file.</param>
    public sealed record Entry(string Path, long Bytes, string Sha256, DateTime Modified);

    public long Bytes => Files.Sum(f => f.Bytes);

    /// <summary>Hashes all files of a folder, syncs them to disk, and writes manifest and checksums.</summary>
    public static async Task<Manifest> SealAsync(string folder, Manifest manifest, CancellationToken cancellation)
    {
        var files = new List<Entry>();
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            DataFile.Sync(path);
            files.Add(
                new Entry(
                    Path.GetRelativePath(folder, path).Replace('\\', '/'),
                    new FileInfo(path).Length,
                    await DataFile.HashAsync(path, cancellation),
                    File.GetLastWriteTimeUtc(path)
                )
            );
        }

        manifest = manifest with { Files = files };
        DataFile.Write(Path.Combine(folder, Name), JsonSerializer.Serialize(manifest, Json));
        var sums = files
            .Select(f => $"{f.Sha256}  {f.Path}")
            .Append($"{await DataFile.HashAsync(Path.Combine(folder, Name), cancellation)}  {Name}");
        DataFile.Write(Path.Combine(folder, Sums), string.Join('\n', sums) + "\n");
        return manifest;
    }

    /// <exception cref="UnusableDataException">The folder is no complete backup.</exception>
    public static Manifest Read(string folder)
    {
        if (folder.TrimEnd('/').EndsWith(".partial", StringComparison.Ordinal))
            throw new UnusableDataException($"{folder} is the beginning of a backup that was stopped before its end");
        var path = Path.Combine(folder, Name);
        if (!File.Exists(path))
        {
            throw new UnusableDataException(
                Newest(folder) is { } inside
                    ? $"{folder} holds several backups; name one, the newest is {inside.Folder}"
                    : $"{folder} is no backup: it has no {Name}"
            );
        }

        try
        {
            return JsonSerializer.Deserialize<Manifest>(File.ReadAllText(path)) is { Format: 1 } manifest
                ? manifest
                : throw new UnusableDataException($"{path} is of a newer version of Vigil");
        }
        catch (JsonException e)
        {
            throw new UnusableDataException($"{path} is damaged: {e.Message}", e);
        }
    }

    /// <summary>Checks that every file exists and is unchanged since the backup was made.</summary>
    /// <returns>What is wrong, in words; empty when nothing is.</returns>
    public static async Task<IReadOnlyList<string>> CheckAsync(string folder, Manifest manifest, CancellationToken cancellation)
    {
        var wrong = new List<string>();
        var sums = Path.Combine(folder, Sums);
        var line = File.Exists(sums)
            ? (await File.ReadAllLinesAsync(sums, cancellation)).FirstOrDefault(l => l.EndsWith("  " + Name, StringComparison.Ordinal))
            : null;
        if (line is null)
            wrong.Add($"{Sums} is missing or has no line for {Name}");
        else if (!line.StartsWith(await DataFile.HashAsync(Path.Combine(folder, Name), cancellation), StringComparison.Ordinal))
            wrong.Add($"{Name} is not what it was when the backup was made");
        foreach (var file in manifest.Files)
        {
            var path = Path.Combine(folder, file.Path);
            if (file.Path.Split('/').Contains("..") || Path.IsPathRooted(file.Path))
                wrong.Add($"{file.Path} points outside the backup");
            else if (!File.Exists(path))
                wrong.Add($"{file.Path} is missing");
            else if (new FileInfo(path).Length != file.Bytes)
                wrong.Add($"{file.Path} has {new FileInfo(path).Length} bytes instead of {file.Bytes}");
            else if (await DataFile.HashAsync(path, cancellation) != file.Sha256)
                wrong.Add($"{file.Path} is not what it was when the backup was made (its SHA-256 differs)");
        }

        return wrong;
    }

    /// <summary>The newest complete backup in a folder of backups; null when there is none.</summary>
    public static (string Folder, Manifest Manifest)? Newest(string folder) =>
        All(folder).OrderByDescending(b => b.Manifest.Made).Select(b => ((string, Manifest)?)b).FirstOrDefault();

    public static IEnumerable<(string Folder, Manifest Manifest)> All(string folder)
    {
        if (!Directory.Exists(folder))
            yield break;
        foreach (var one in Directory.EnumerateDirectories(folder, "vigil-*Z").ToList())
        {
            Manifest? manifest = null;
            try
            {
                manifest = JsonSerializer.Deserialize<Manifest>(File.ReadAllText(Path.Combine(one, Name)));
            }
            catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
            {
                // not a complete backup
            }

            if (manifest is not null)
                yield return (one, manifest);
        }
    }

    public static string Size(long bytes) =>
        bytes switch
        {
            < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KiB"),
            < 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MiB"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:0.00} GiB"),
        };

    public static string Utc(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
