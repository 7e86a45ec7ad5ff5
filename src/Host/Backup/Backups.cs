using System.Diagnostics.Metrics;
using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Host.Backup;

/// <summary>
/// Makes a backup every day at <c>Backup:At</c>, and when <c>vigil backup</c> asks for one. The duty desk is told when one fails, and when
/// there was no good one for a day. A backup that was missed while the service was down is made after its start; none is made twice for a
/// day, even when the clock is set.
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

    /// <summary>Age of the newest backup at which it is missing: a day, and two hours for the time that a backup may take.</summary>
    private static readonly TimeSpan TooOld = TimeSpan.FromHours(26);

    /// <summary>How long a failed backup is tried again before the duty desk is told.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromHours(1);

    /// <summary>A backup from further in the future than this was made by a wrong clock and is ignored.</summary>
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
            LogNone(log); // not in the demo
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

            await Task.Delay(Every, TimeProvider.System, stoppingToken); // real time: a command waits for its answer
        }
    }

    /// <summary>Makes the day's backup when it is due, and reports when the last good one is too old.</summary>
    internal async Task LookAsync(CancellationToken cancellation)
    {
        if (options.Folder.Length == 0)
            return;
        var now = clock.GetUtcNow().UtcDateTime;
        if (looked is not { } before || clock.GetElapsedTime(before) > Seen)
            ReadNewest(now);
        var due = good is not { } newest || newest.Made < options.LastDue(now, zone);
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
                OldBackups.Delete(options);
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
