using System.Diagnostics.Metrics;
using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Host.Backup;

/// <summary>
/// A backup every day at <c>Backup:At</c>, and when somebody asks. One that fails, and a day without a good one, are the service's own
/// trouble. What was missed while the service was down is made up for; a day that was made already is not made twice, whatever the clock
/// does.
/// </summary>
internal sealed partial class Backups(
    Settings settings,
    IReadingStore readings,
    RecordsFactory records,
    Troubles troubles,
    TimeProvider clock,
    TimeZoneInfo zone,
    Meter meter,
    ILogger<Backups> log
) : BackgroundService
{
    private const string Case = "backup";
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1),
        Settle = TimeSpan.FromMinutes(10),
        Again = TimeSpan.FromMinutes(15),
        Seen = TimeSpan.FromMinutes(10);

    /// <summary>A day and two hours: the time a backup takes may grow.</summary>
    private static readonly TimeSpan TooOld = TimeSpan.FromHours(26);

    /// <summary>A failure is tried again before it is an alarm.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromHours(1);

    /// <summary>A backup from the future was made by a clock that was wrong, and says nothing of today.</summary>
    private static readonly TimeSpan Future = TimeSpan.FromHours(1);

    private readonly DataFolder data = new(settings.DataPath);
    private readonly BackupOptions options = settings.Backup;
    private readonly Counter<long> failures = meter.CreateCounter<long>(
        "vigil_backup_failures",
        description: "Backups that could not be made"
    );
    private readonly long started = clock.GetTimestamp();
    private readonly DateTime since = clock.GetUtcNow().UtcDateTime;
    private long? looked,
        failedAt;
    private string? failure;
    private (DateTime Made, long Bytes)? good;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        BackupRequests.Forget(data);
        TellOfRestore();
        meter.CreateObservableGauge(
            "vigil_backup_age_seconds",
            () => good is { } g ? (clock.GetUtcNow().UtcDateTime - g.Made).TotalSeconds : -1,
            description: "Since the newest good backup in Backup:Folder was made; -1 when there is none"
        );
        meter.CreateObservableGauge("vigil_backup_bytes", () => good?.Bytes ?? 0, description: "Size of the newest good backup");
        if (options.Folder.Length == 0 && settings.Speed == 1)
            LogNone(log); // a village in fast motion has nothing to keep
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await BackupRequests.AnswerAsync(data, (into, keys, say) => MakeAsync(into, keys, scheduled: false, say, stoppingToken));
                await LookAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogLoop(log, e);
            }

            await Task.Delay(Every, TimeProvider.System, stoppingToken); // of the wall: a command waits for its answer
        }
    }

    /// <summary>Makes the day's backup when it is due, and judges how old the last good one is.</summary>
    internal async Task LookAsync(CancellationToken cancellation)
    {
        if (options.Folder.Length == 0)
            return;
        var now = clock.GetUtcNow().UtcDateTime;
        if (looked is not { } before || clock.GetElapsedTime(before) > Seen)
            ReadNewest(now);
        var due = good is not { } newest || newest.Made < LastDue(now);
        if (due && clock.GetElapsedTime(started) >= Settle && (failedAt is not { } failed || clock.GetElapsedTime(failed) >= Again))
        {
            try
            {
                await MakeAsync(
                    options.Folder,
                    options.KeysFolder.Length > 0 ? options.KeysFolder : null,
                    scheduled: true,
                    what => LogSays(log, what),
                    cancellation
                );
                (failure, failedAt) = (null, null);
                Retain();
            }
            catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
            {
                (failure, failedAt) = (e.Message, clock.GetTimestamp());
                failures.Add(1);
                LogFailed(log, e.Message);
            }

            ReadNewest(now);
        }

        Judge(now);
    }

    private async Task MakeAsync(string into, string? keys, bool scheduled, Action<string> say, CancellationToken cancellation)
    {
        // On a thread of its own priority's pool: copying is the databases' work, nothing here waits for it but the next backup.
        var (folder, manifest) = await new BackupRun(settings, readings, records, clock).MakeAsync(
            into,
            keys,
            scheduled,
            say,
            cancellation
        );
        await records.AddAsync(
            clock.GetUtcNow().UtcDateTime,
            scheduled ? "schedule" : "cli",
            "backup",
            Path.GetFileName(folder),
            Manifest.Size(manifest.Bytes),
            cancellation
        );
    }

    private void Judge(DateTime now)
    {
        var last = good?.Made ?? data.Read()?.Since ?? since;
        var age = now - last;
        var why = failure is null ? "" : $": {failure}";
        if (age > TooOld)
            troubles.Say(
                Case,
                $"no good backup has been made for {age.TotalHours:0} h{why}",
                $"已有{age.TotalHours:0}小时没有成功的备份{(failure is null ? "" : "，原因见运行日志")}"
            );
        else if (failure is not null)
            troubles.Say(Case, $"the backup failed and is tried again{why}", "备份失败，将重试，原因见运行日志", Patience);
        else
            troubles.Over(Case);
    }

    private void ReadNewest(DateTime now)
    {
        looked = clock.GetTimestamp();
        good = Manifest
            .All(options.Folder)
            .Where(b => b.Manifest.Made <= now + Future)
            .OrderByDescending(b => b.Manifest.Made)
            .Select(b => ((DateTime, long)?)(b.Manifest.Made, b.Manifest.Bytes))
            .FirstOrDefault();
    }

    /// <summary>The latest moment a backup was due, in UTC.</summary>
    private DateTime LastDue(DateTime now)
    {
        var local = TimeZoneInfo.ConvertTimeFromUtc(now, zone);
        var due = local.Date + options.Time.ToTimeSpan();
        if (due > local)
            due = due.AddDays(-1);
        if (zone.IsInvalidTime(due))
            due = due.AddHours(1); // the hour that summer time leaves out
        return TimeZoneInfo.ConvertTimeToUtc(DateTime.SpecifyKind(due, DateTimeKind.Unspecified), zone);
    }

    /// <summary>After a good one only: the last good backup is never deleted.</summary>
    private void Retain()
    {
        foreach (
            var (folder, _) in Manifest
                .All(options.Folder)
                .Where(b => b.Manifest.Scheduled)
                .OrderByDescending(b => b.Manifest.Made)
                .Skip(options.Keep)
        )
            Directory.Delete(folder, recursive: true);
        if (options.KeysFolder.Length > 0)
            foreach (
                var folder in Directory
                    .EnumerateDirectories(options.KeysFolder, "vigil-keys-*Z")
                    .OrderDescending(StringComparer.Ordinal)
                    .Skip(options.Keep)
            )
                Directory.Delete(folder, recursive: true);
        foreach (var stopped in Directory.EnumerateDirectories(options.Folder, "vigil-*Z.partial"))
            Directory.Delete(stopped, recursive: true);
    }

    private void TellOfRestore()
    {
        if (data.Read() is not { RestoredFrom: { } from } known)
            return;
        data.Write(known with { RestoredFrom = null });
        var lost = clock.GetUtcNow().UtcDateTime - from;
        troubles.Happened(
            "restored",
            $"this service was restored from the backup of {Manifest.Utc(from)}; what happened in the {lost.TotalHours:0.#} h after "
                + $"it is not known to it: look after everybody who may have called in that time",
            $"系统由 {Manifest.Utc(from)} 的备份恢复；其后{lost.TotalHours:0.#}小时内发生的事没有记录，请逐一核实期间可能求助的老人",
            TimeSpan.FromHours(24)
        );
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "No backup is made: Backup:Folder names no folder for a daily one (vigil backup FOLDER makes one at once)"
    )]
    private static partial void LogNone(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "{What}")]
    private static partial void LogSays(ILogger logger, string what);

    [LoggerMessage(Level = LogLevel.Error, Message = "The backup could not be made and is tried again in 15 minutes: {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The loop of the backups failed; it goes on")]
    private static partial void LogLoop(ILogger logger, Exception e);
}
