using Microsoft.Data.Sqlite;
using Vigil.Model;
using Vigil.Storage;

namespace Vigil.Host.Backup;

/// <summary>
/// Restores a backup into an empty data folder. It is prepared in <c>.restore.partial</c>, and moved into place once everything was
/// checked: checksums, both databases, the schema, the keys. No service starts on the folder while that exists, so that a restore which was
/// stopped halfway can't be mistaken for a complete one.
/// </summary>
internal sealed class Restore(Settings settings, Action<string> say)
{
    private readonly string data = settings.DataPath;
    private readonly RestoreChecks checks = new(settings, say);

    public async Task RunAsync(string from, string? keysFrom, CancellationToken cancellation)
    {
        from = Path.GetFullPath(from);
        var manifest = Manifest.Read(from);
        EnsureEmpty();
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        say(
            $"backup of {Manifest.Utc(manifest.Made)} ({Ago(now - manifest.Made)} ago), made by Vigil {manifest.Vigil}, "
                + $"{manifest.Files.Count} files, {Manifest.Size(manifest.Bytes)}"
        );
        foreach (var part in manifest.Parts)
            say($"  {part.Name, -9} {part.Says}");
        var postgres = settings.Configuration["Records:Store"] is { } store && store.Equals("Postgres", StringComparison.OrdinalIgnoreCase);
        if (postgres != (manifest.RecordsStore == "Postgres"))
            throw new UnusableDataException(
                $"the backup's records are of {manifest.RecordsStore}, and Records:Store is "
                    + $"{settings.Configuration["Records:Store"] ?? "Sqlite"}; restore with the store it was made with"
            );
        await checks.CheckFilesAsync(from, manifest, "backup", cancellation);
        var keys = await checks.FindKeysAsync(keysFrom, manifest, cancellation);
        Directory.CreateDirectory(data);
        if (new DriveInfo(Path.GetFullPath(data)).AvailableFreeSpace is var free && free < manifest.Bytes)
            throw new UnusableDataException(
                $"{data} has {Manifest.Size(free)} free, and the backup has {Manifest.Size(manifest.Bytes)}; nothing was restored. "
                    + $"Make room, or name another folder with --Data:Path"
            );

        using var held =
            FileLock.TryTake(new DataFolder(data).LockFile, "vigil restore")
            ?? throw new UnusableDataException($"{FileLock.HolderOf(new DataFolder(data).LockFile)} uses {data}");
        var staged = Path.Combine(data, DataFolder.Restoring);
        Directory.CreateDirectory(staged);
        try
        {
            foreach (var file in manifest.Files)
                Stage(from, staged, file, file.Path.StartsWith("config/", StringComparison.Ordinal) ? "restored-" + file.Path : file.Path);
            if (keys is not null)
                foreach (
                    var file in Directory
                        .EnumerateFiles(keys, "*", SearchOption.AllDirectories)
                        .Select(f => Path.GetRelativePath(keys, f))
                        .Where(f => f == "links.key" || f.StartsWith("keys/", StringComparison.Ordinal))
                )
                    DataFile.Copy(Path.Combine(keys, file), Path.Combine(staged, file));
            await checks.CheckStagedAsync(staged, manifest, cancellation);
            // One transaction in the server: when it fails the database is unchanged.
            if (postgres && File.Exists(Path.Combine(staged, "records.pgdump")))
                await PostgresTools.RestoreAsync(
                    settings.Configuration["Records:ConnectionString"]!,
                    Path.Combine(staged, "records.pgdump"),
                    cancellation
                );
        }
        catch
        {
            SqliteConnection.ClearAllPools();
            Directory.Delete(staged, recursive: true);
            throw;
        }

        MoveIntoPlace(staged);
        new DataFolder(data).Write(
            new DataFolder.Known
            {
                Since = now,
                Records = manifest.RecordsStore,
                Readings = manifest.ReadingsStore == "DuckDb",
                Version = manifest.Vigil,
                Stopped = now,
                RestoredFrom = manifest.Made,
            }
        );
        Directory.Delete(staged, recursive: true);
        say(
            $"restored into {data}. What happened after {Manifest.Utc(manifest.Made)} is not in it: {Ago(now - manifest.Made)}. "
                + $"Start the service, then look after everybody who may have called in that time."
        );
        if (manifest.Parts.FirstOrDefault(p => p.Name == "config") is { } config)
            say(
                $"what people wrote is in {Path.Combine(data, "restored-config")}; it was {config.Says}: put it where the settings name it"
            );
        if (manifest.ReadingsStore != "DuckDb")
            say("the readings stand in InfluxDB: restore them with its own tools; without them the rules go on from their saved state");
        if (keys is not null && Directory.Exists(Path.Combine(keys, "settings")))
            say($"the settings' files are in {Path.Combine(keys, "settings")}");
    }

    private void EnsureEmpty()
    {
        if (
            Directory.Exists(data)
            && Directory
                .EnumerateFileSystemEntries(data)
                .FirstOrDefault(f => Path.GetFileName(f) is not ("lost+found" or DataFolder.RunLock or DataFolder.RunLock + ".holder"))
                is { } there
        )
            throw new UnusableDataException(
                $"{data} is not empty ({Path.GetFileName(there)}): a restore never overwrites. Move what is there away, or name "
                    + $"another folder with --Data:Path"
            );
        foreach (var target in new[] { Target("records.db"), Target("readings.duckdb") })
            if (File.Exists(target))
                throw new UnusableDataException($"{target} exists: a restore never overwrites. Move it away first");
    }

    private static void Stage(string from, string staged, Manifest.Entry file, string to)
    {
        var path = Path.Combine(staged, to);
        DataFile.Copy(Path.Combine(from, file.Path), path);
        DataFile.Sync(path);
        File.SetLastWriteTimeUtc(path, file.Modified);
    }

    private void MoveIntoPlace(string staged)
    {
        // The records last: no service starts without them, nor while the folder of the restore exists.
        foreach (
            var entry in Directory
                .EnumerateFileSystemEntries(staged)
                .OrderBy(e => Path.GetFileName(e).StartsWith("records.db", StringComparison.Ordinal))
        )
        {
            var to = Target(Path.GetFileName(entry));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            if (Directory.Exists(entry))
                Directory.Move(entry, to);
            else
                File.Move(entry, to);
        }
    }

    private string Target(string name) =>
        name switch
        {
            "readings.duckdb" when settings.Configuration["Readings:DuckDb:Path"] is { Length: > 0 } path => Path.GetFullPath(path),
            "records.db"
                when settings.Configuration["Records:ConnectionString"] is { Length: > 0 } connection
                    && settings.Configuration["Records:Store"] is null or "Sqlite" => Path.GetFullPath(
                new SqliteConnectionStringBuilder(connection).DataSource
            ),
            _ => Path.Combine(data, name),
        };

    internal static string Ago(TimeSpan time) =>
        time.TotalDays >= 2 ? $"{time.TotalDays:0.0} days"
        : time.TotalHours >= 1 ? $"{time.TotalHours:0.0} h"
        : $"{time.TotalMinutes:0} min";
}
