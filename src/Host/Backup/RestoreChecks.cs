using Microsoft.Data.Sqlite;
using Vigil.Model;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;

namespace Vigil.Host.Backup;

/// <summary>
/// What is checked before a backup is restored: its files, the folder of the keys, the databases, whether the keys open them.
/// </summary>
internal sealed class RestoreChecks(Settings settings, Action<string> say)
{
    public async Task CheckFilesAsync(string folder, Manifest manifest, string what, CancellationToken cancellation)
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

    /// <summary>The folder of keys that --keys names, or the newest one inside of it; null when no keys were named.</summary>
    public async Task<string?> FindKeysAsync(string? named, Manifest backup, CancellationToken cancellation)
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
                ? $", {Restore.Ago(apart.Duration())} {(apart > TimeSpan.Zero ? "newer" : "older")} than the backup"
                : "";
        say($"  {"keys", -9} of {Manifest.Utc(manifest.Made)}{other}");
        return folder;
    }

    public async Task CheckStagedAsync(string staged, Manifest manifest, CancellationToken cancellation)
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
        // The keys where the settings have them, else those from --keys.
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

        // Closing the last connection checkpoints the write-ahead log that opening the copy has created.
        SqliteConnection.ClearAllPools();
        say($"records: whole, schema {schema}{(had ? ", the keys open them" : ", nothing in them is sealed")}");
    }
}
