using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration.Json;
using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;

namespace Vigil.Host.Backup;

/// <summary>
/// Makes one backup while the service works. The order makes a restore raise nothing twice: the rules' state first, the readings after it,
/// the records last. What a restored service reads again are the readings since the state was saved, and whatever they say stands in the
/// records already, with its answers. The keys are never in it: they go to a folder of their own, when one is given.
/// </summary>
internal sealed class BackupRun(Settings settings, IReadingStore readings, RecordsFactory records, TimeProvider clock)
{
    private readonly List<Manifest.Part> parts = [];

    /// <param name="into">Folder the backup's own folder is made in.</param>
    /// <param name="keysInto">Folder for the keys; null: they are not copied.</param>
    /// <param name="scheduled">By the daily schedule.</param>
    /// <param name="say">Told of the progress, a line each.</param>
    /// <param name="cancellation">Leaves nothing but a folder that ends in .partial.</param>
    public async Task<(string Folder, Manifest Manifest)> MakeAsync(
        string into,
        string? keysInto,
        bool scheduled,
        Action<string> say,
        CancellationToken cancellation
    )
    {
        var began = clock.GetTimestamp();
        var made = clock.GetUtcNow().UtcDateTime;
        var name = string.Create(CultureInfo.InvariantCulture, $"vigil-{made:yyyyMMddTHHmmssZ}");
        var folder = Path.Combine(Path.GetFullPath(into), name);
        if (keysInto is not null && Inside(keysInto, into))
            throw new UnusableDataException(
                $"the keys' folder {keysInto} lies in the backup's folder {into}; whoever has both reads everything, so keep them apart"
            );
        var partial = folder + ".partial";
        if (Directory.Exists(partial))
            Directory.Delete(partial, recursive: true);
        MakeFolder(partial);
        EnsureRoom(partial);

        CopyRules(partial, say);
        CopyAuditHeads(partial);
        await CopyReadingsAsync(partial, say, cancellation);
        var schema = await CopyRecordsAsync(partial, say, cancellation);
        CopyConfiguration(partial, say);
        var manifest = await Manifest.SealAsync(
            partial,
            new Manifest
            {
                Vigil = Version,
                Made = made,
                Scheduled = scheduled,
                Seconds = clock.GetElapsedTime(began).TotalSeconds,
                Schema = schema,
                Keys = [.. records.Keys?.Ids ?? []],
                RecordsStore = records.SqliteFile is null ? "Postgres" : "Sqlite",
                ReadingsStore = readings is DuckDbReadingStore ? "DuckDb" : "Influx",
                Parts = parts,
            },
            cancellation
        );
        if (Directory.Exists(folder))
            throw new UnusableDataException($"{folder} exists already");
        Directory.Move(partial, folder);
        say(
            $"backup: {folder}: {manifest.Files.Count} files, {Manifest.Size(manifest.Bytes)}, in "
                + $"{clock.GetElapsedTime(began).TotalSeconds:0.0} s"
        );
        if (keysInto is not null)
            await CopyKeysAsync(Path.GetFullPath(keysInto), name, say, cancellation);
        else
            say(
                "keys: NOT in the backup, and nobody can read phones and identity numbers without them. vigil backup FOLDER --keys "
                    + "OTHER-FOLDER copies them; keep them apart from the backup."
            );
        return (folder, manifest);
    }

    public static string Version => typeof(BackupRun).Assembly.GetName().Version?.ToString(3) ?? "";

    private void CopyRules(string partial, Action<string> say)
    {
        var from = Path.Combine(settings.DataPath, "rules");
        if (!Directory.Exists(from))
            return;
        var files = Directory
            .EnumerateFiles(from)
            .Where(f => !f.EndsWith(".new", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .ToList();
        foreach (var file in files)
        {
            try
            {
                DataFile.Copy(file, Path.Combine(partial, "rules", Path.GetFileName(file)));
            }
            catch (FileNotFoundException)
            {
                // just replaced: it is the generation before now, which comes after it in the order of names
            }
        }

        if (!Directory.Exists(Path.Combine(partial, "rules")) || !Directory.EnumerateFiles(Path.Combine(partial, "rules")).Any())
            return;
        var copied = Directory.EnumerateFiles(Path.Combine(partial, "rules")).Select(File.GetLastWriteTimeUtc).ToList();
        Part("rules", copied.Min(), $"state saved between {Manifest.Utc(copied.Min())} and {Manifest.Utc(copied.Max())}", say);
    }

    /// <summary>Before the records: a signed head that is newer than the rows beside it would say that some were cut off.</summary>
    private void CopyAuditHeads(string partial)
    {
        var from = Path.Combine(settings.DataPath, "audit");
        if (!Directory.Exists(from))
            return;
        foreach (var file in Directory.EnumerateFiles(from).Where(f => !f.EndsWith(".new", StringComparison.Ordinal)).ToList())
            DataFile.Copy(file, Path.Combine(partial, "audit", Path.GetFileName(file)));
    }

    private async Task CopyReadingsAsync(string partial, Action<string> say, CancellationToken cancellation)
    {
        var at = clock.GetUtcNow().UtcDateTime;
        if (readings is DuckDbReadingStore duck)
        {
            say($"readings: copying {Manifest.Size(new FileInfo(duck.FilePath) is { Exists: true } file ? file.Length : 0)}…");
            var to = Path.Combine(partial, "readings.duckdb");
            var (rows, newest) = await duck.CopyAsync(to, cancellation);
            Part(
                "readings",
                at,
                $"{rows.ToString("N0", CultureInfo.InvariantCulture)} readings, "
                    + $"{(newest is { } time ? $"the newest arrived {Manifest.Utc(time)}" : "none yet")}, "
                    + $"{Manifest.Size(new FileInfo(to).Length)}",
                say
            );
            return;
        }

        Part(
            "readings",
            at,
            "NOT in this backup: they stand in InfluxDB; use its own backup (influxd backup -portable, influx backup)",
            say
        );
        var spool = Path.Combine(settings.DataPath, "spool");
        if (!Directory.Exists(spool))
            return;
        foreach (var file in Directory.EnumerateFiles(spool))
            DataFile.Copy(file, Path.Combine(partial, "spool", Path.GetFileName(file)));
        Part("waiting", at, "readings that wait for InfluxDB", say);
    }

    private async Task<string> CopyRecordsAsync(string partial, Action<string> say, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var at = clock.GetUtcNow().UtcDateTime;
        var schema = (await db.Database.GetAppliedMigrationsAsync(cancellation)).LastOrDefault() ?? "";
        if (records.SqliteFile is null)
        {
            if (settings.Backup.Postgres == "elsewhere")
            {
                Part("records", at, "NOT in this backup: PostgreSQL has backups of its own (Backup:Postgres=elsewhere)", say);
                return schema;
            }

            var dump = Path.Combine(partial, "records.pgdump");
            await PostgresTools.DumpAsync(db.Database.GetConnectionString()!, dump, cancellation);
            Part("records", at, $"as of {Manifest.Utc(at)}, by pg_dump, {Manifest.Size(new FileInfo(dump).Length)}", say);
            return schema;
        }

        var to = Path.Combine(partial, "records.db");
        await Task.Run(() => RecordsFile.Copy((SqliteConnection)db.Database.GetDbConnection(), to), cancellation);
        if (await Task.Run(() => RecordsFile.Check(to), cancellation) is { } wrong)
            throw RecordsFile.Damaged(records.SqliteFile, wrong);
        Part("records", at, $"as of {Manifest.Utc(at)}, whole, {Manifest.Size(new FileInfo(to).Length)}", say);
        return schema;
    }

    /// <summary>
    /// Rules, policies, messages and device profiles that people wrote. Not the settings' own files: those hold passwords.
    /// </summary>
    private void CopyConfiguration(string partial, Action<string> say)
    {
        var copied = new List<string>();
        foreach (var key in new[] { "Rules:Path", "Policies:Path", "Messages:Path", "Devices:Path" })
        {
            if (settings.Configuration[key] is not { Length: > 0 } written)
                continue;
            var path = Path.GetFullPath(written);
            var to = Path.Combine(partial, "config", key.Split(':')[0].ToLowerInvariant());
            if (File.Exists(path))
                foreach (var file in Directory.EnumerateFiles(Path.GetDirectoryName(path)!, "*.yaml"))
                    DataFile.Copy(file, Path.Combine(to, Path.GetFileName(file)));
            else if (Directory.Exists(path))
                foreach (var file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories))
                    DataFile.Copy(file, Path.Combine(to, Path.GetRelativePath(path, file)));
            copied.Add($"{key}={path}");
        }

        if (copied.Count > 0)
            Part("config", clock.GetUtcNow().UtcDateTime, string.Join(", ", copied), say);
    }

    private async Task CopyKeysAsync(string into, string name, Action<string> say, CancellationToken cancellation)
    {
        var folder = Path.Combine(into, name.Replace("vigil-", "vigil-keys-", StringComparison.Ordinal));
        var partial = folder + ".partial";
        if (Directory.Exists(partial))
            Directory.Delete(partial, recursive: true);
        MakeFolder(partial);
        var keys = Path.Combine(settings.DataPath, "keys");
        if (Directory.Exists(keys))
            foreach (var file in Directory.EnumerateFiles(keys))
                DataFile.Copy(file, Path.Combine(partial, "keys", Path.GetFileName(file)));
        var fields = RecordsServices.KeyFile(settings.Configuration, settings.DataPath);
        if (!File.Exists(Path.Combine(partial, "keys", "fields.key")) && File.Exists(fields))
            DataFile.Copy(fields, Path.Combine(partial, "keys", "fields.key"));
        var links = Path.Combine(settings.DataPath, "links.key");
        if (File.Exists(links))
            DataFile.Copy(links, Path.Combine(partial, "links.key"));
        foreach (var file in SettingsFiles())
            DataFile.Copy(file, Path.Combine(partial, "settings", Path.GetFileName(file)));
        await Manifest.SealAsync(
            partial,
            new Manifest
            {
                Vigil = Version,
                Made = clock.GetUtcNow().UtcDateTime,
                Keys = [.. records.Keys?.Ids ?? []],
            },
            cancellation
        );
        Directory.Move(partial, folder);
        say($"keys: {folder}: the keys and the settings' files, which hold passwords. Keep them apart from the backup.");
    }

    private IEnumerable<string> SettingsFiles() =>
        settings.Configuration is not IConfigurationRoot root
            ? []
            : root
                .Providers.OfType<JsonConfigurationProvider>()
                .Select(p => p.Source.FileProvider?.GetFileInfo(p.Source.Path ?? "").PhysicalPath)
                .OfType<string>()
                .Where(File.Exists)
                .DistinctBy(Path.GetFileName);

    private void EnsureRoom(string partial)
    {
        var needed = new[] { records.SqliteFile, (readings as DuckDbReadingStore)?.FilePath }
            .OfType<string>()
            .SelectMany(f => new[] { f, f + ".wal", f + "-wal" })
            .Where(File.Exists)
            .Sum(f => new FileInfo(f).Length);
        var free = new DriveInfo(partial).AvailableFreeSpace;
        if (free - settings.ReserveBytes < needed)
            throw new IOException(
                $"the backup needs up to {Manifest.Size(needed)}, and {Manifest.Size(free)} are free in "
                    + $"{Path.GetDirectoryName(partial)} ({Manifest.Size(settings.ReserveBytes)} of them are kept for alarms)"
            );
    }

    private void Part(string name, DateTime at, string says, Action<string> say)
    {
        parts.Add(new Manifest.Part(name, at, says));
        say($"{name}: {says}");
    }

    private static void MakeFolder(string path)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static bool Inside(string path, string folder) =>
        (Path.GetFullPath(path) + "/").StartsWith(Path.GetFullPath(folder).TrimEnd('/') + "/", StringComparison.Ordinal);
}
