using Microsoft.Data.Sqlite;
using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;

namespace Vigil.Host.Backup;

/// <summary>
/// Brings a backup into an empty data folder. Everything is checked before anything is in place: checksums, both databases, the schema, the
/// keys. It is staged in <c>.restore.partial</c>, and as long as that stands no service starts on the folder: a restore is whole or it
/// isn't there.
/// </summary>
internal sealed class Restore(Settings settings, Action<string> say)
{
    private readonly string data = settings.DataPath;

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
        await CheckFilesAsync(from, manifest, "backup", cancellation);
        var keys = await FindKeysAsync(keysFrom, manifest, cancellation);
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
            await CheckStagedAsync(staged, manifest, cancellation);
            // One transaction in the server: whole, or the database is as it was.
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

    private async Task CheckFilesAsync(string folder, Manifest manifest, string what, CancellationToken cancellation)
    {
        var wrong = await Manifest.CheckAsync(folder, manifest, cancellation);
        if (wrong.Count == 0)
        {
            say($"{what}: every file is what it was (SHA-256)");
            return;
        }

        throw new UnusableDataException(
            $"this {what} is damaged, nothing was restored: "
                + $"{string.Join("; ", wrong.Take(5))}{(wrong.Count > 5 ? $"; and {wrong.Count - 5} more" : "")}. Take another backup."
        );
    }

    /// <summary>The folder that --keys names, or the newest of those in it.</summary>
    private async Task<string?> FindKeysAsync(string? named, Manifest backup, CancellationToken cancellation)
    {
        if (named is null)
            return null;
        named = Path.GetFullPath(named);
        var folder =
            File.Exists(Path.Combine(named, Manifest.Name)) || File.Exists(Path.Combine(named, "keys", "fields.key")) ? named
            : Directory.Exists(named) ? Directory.EnumerateDirectories(named, "vigil-keys-*Z").Max(StringComparer.Ordinal)
            : null;
        if (folder is null)
            throw new UnusableDataException($"{named} holds no keys: neither keys/fields.key nor a folder vigil-keys-…Z");
        if (!File.Exists(Path.Combine(folder, Manifest.Name)))
            return folder;
        var manifest = Manifest.Read(folder);
        await CheckFilesAsync(folder, manifest, "keys' folder", cancellation);
        var apart = manifest.Made - backup.Made;
        var other =
            apart.Duration() > TimeSpan.FromMinutes(10)
                ? $", {Ago(apart.Duration())} {(apart > TimeSpan.Zero ? "newer" : "older")} than the backup"
                : "";
        say($"  {"keys", -9} of {Manifest.Utc(manifest.Made)}{other}");
        return folder;
    }

    private static void Stage(string from, string staged, Manifest.Entry file, string to)
    {
        var path = Path.Combine(staged, to);
        DataFile.Copy(Path.Combine(from, file.Path), path);
        DataFile.Sync(path);
        File.SetLastWriteTimeUtc(path, file.Modified);
    }

    private async Task CheckStagedAsync(string staged, Manifest manifest, CancellationToken cancellation)
    {
        var readings = Path.Combine(staged, "readings.duckdb");
        if (File.Exists(readings))
        {
            var (wrong, rows, newest) = await Task.Run(() => DuckDbCopy.Check(readings), cancellation);
            if (wrong is not null)
                throw new UnusableDataException($"readings.duckdb of the backup can't be read: {wrong}. Take another backup.");
            say($"readings: {rows:N0} rows read{(newest is { } time ? $", the newest arrived {Manifest.Utc(time)}" : "")}");
        }

        var records = Path.Combine(staged, "records.db");
        if (!File.Exists(records))
            return;
        if (await Task.Run(() => RecordsFile.Check(records), cancellation) is { } damage)
            throw new UnusableDataException($"records.db of the backup is damaged: {damage}. Take another backup.");
        // The keys' own place when the settings name one, else those that came with --keys.
        var key = settings.Configuration["Records:KeyFile"] is { Length: > 0 } elsewhere
            ? Path.GetFullPath(elsewhere)
            : Path.Combine(staged, "keys", "fields.key");
        var had = File.Exists(key);
        string schema;
        try
        {
            schema = await RecordsServices
                .CreateFactory(
                    "Sqlite",
                    new SqliteConnectionStringBuilder { DataSource = records, Pooling = false }.ToString(),
                    staged,
                    null,
                    key
                )
                .EnsureUsableAsync(cancellation);
        }
        catch (UnusableDataException e) when (!had)
        {
            throw new UnusableDataException(
                $"the backup's phones and identity numbers are sealed with key '{string.Join("', '", manifest.Keys)}', and no keys "
                    + $"are here: give the folder they were copied to with --keys. Nothing was restored.",
                e
            );
        }

        // A copy that was opened has a log; closing the last connection folds it in.
        SqliteConnection.ClearAllPools();
        say($"records: whole, schema {schema}{(had ? ", the keys open them" : ", nothing in them is sealed")}");
    }

    private void MoveIntoPlace(string staged)
    {
        // The records last: without them nothing starts, and while this folder stands nothing does either.
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

    private static string Ago(TimeSpan time) =>
        time.TotalDays >= 2 ? $"{time.TotalDays:0.0} days"
        : time.TotalHours >= 1 ? $"{time.TotalHours:0.0} h"
        : $"{time.TotalMinutes:0} min";
}
