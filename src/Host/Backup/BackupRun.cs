using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;

namespace Vigil.Host.Backup;

/// <summary>
/// Makes one backup while the service works. The order makes sure that a restored service raises no alarm twice: the state of the rules
/// first, then the readings, the records last. After a restore the readings since the state was saved are applied again; the alarms that
/// follow from them are in the records already, with their answers. The keys are never part of a backup: they go to a folder of their own,
/// when one is given.
/// </summary>
internal sealed class BackupRun(Settings settings, IReadingStore readings, RecordsFactory records, TimeProvider clock)
{
    private readonly List<Manifest.Part> parts = [];

    /// <param name="into">Folder in which the backup's own folder is created.</param>
    /// <param name="keysInto">Folder for the keys; null: they are not copied.</param>
    /// <param name="scheduled">Made by the daily schedule.</param>
    /// <param name="say">Told of the progress, line by line.</param>
    /// <param name="cancellation">Leaves a folder whose name ends in .partial.</param>
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
        OwnerOnly.CreateFolder(partial);
        EnsureRoom(partial);

        if (StateCopy.CopyRules(settings, partial) is { } rules)
            Part("rules", rules.At, rules.Says, say);
        StateCopy.CopyAuditHeads(settings, partial);
        await CopyReadingsAsync(partial, say, cancellation);
        var schema = await CopyRecordsAsync(partial, say, cancellation);
        if (ConfigurationCopy.Make(settings, partial) is { Length: > 0 } copied)
            Part("config", clock.GetUtcNow().UtcDateTime, copied, say);
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
            await KeysCopy.MakeAsync(
                settings,
                records.Keys,
                Path.GetFullPath(keysInto),
                name,
                clock.GetUtcNow().UtcDateTime,
                say,
                cancellation
            );
        else
            say(
                "keys: NOT in the backup, and nobody can read phones and identity numbers without them. vigil backup FOLDER --keys "
                    + "OTHER-FOLDER copies them; keep them apart from the backup."
            );
        return (folder, manifest);
    }

    public static string Version => typeof(BackupRun).Assembly.GetName().Version?.ToString(3) ?? "";

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

    private static bool Inside(string path, string folder) =>
        (Path.GetFullPath(path) + "/").StartsWith(Path.GetFullPath(folder).TrimEnd('/') + "/", StringComparison.Ordinal);
}
