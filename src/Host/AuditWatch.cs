using System.Data.Common;
using System.Net.Http;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// Maintains the audit log. Every second it chains the new rows and signs the end of the chain into <c>audit/head.json</c>. Once a day it
/// checks everything and exports the head to where <c>Audit:HeadFile</c> and <c>Audit:HeadUrl</c> say. When the signed end is no longer in
/// the database, because rows were cut off or the chain was rebuilt, the duty desk is told at once, and the head that proves it is kept.
/// </summary>
internal sealed partial class AuditWatch(
    Settings settings,
    IDbContextFactory<RecordsDb> records,
    Housekeeping housekeeping,
    Troubles troubles,
    TimeProvider clock,
    TimeZoneInfo zone,
    ILogger<AuditWatch> log
) : BackgroundService
{
    private const string Broken = "audit",
        Stuck = "audit-chain",
        NotSent = "audit-head";
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1),
        Patience = TimeSpan.FromMinutes(5);

    /// <summary>Pause after a start, when reading the whole log would slow down more urgent work.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromMinutes(10);

    private readonly string folder = Path.Combine(settings.DataPath, "audit");
    private readonly DateTimeOffset started = clock.GetUtcNow();
    private AuditHead? head;
    private DateOnly exported;
    private readonly AuditedFiles files = new(records, housekeeping.Files, clock);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var key = OpenKey();
        var (begun, everything) = (false, true);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!begun)
                    await StartedAsync(key, stoppingToken);
                begun = true;
                await TurnAsync(key, everything, stoppingToken);
                everything = false;
                troubles.Over(Stuck);
                if (await CheckDailyAsync(key, stoppingToken))
                    everything = true;
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e);
                troubles.Say(Stuck, "the audit log is not chained: see the log", "审计日志未能链接，请查看运行日志", Patience);
            }

            await Task.Delay(Every, TimeProvider.System, stoppingToken); // real time, also in the demo
        }
    }

    /// <summary>Chains the rows of the service's last second.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            using var key = OpenKey();
            await TurnAsync(key, everything: false, cancellationToken);
        }
        catch (Exception e) when (e is DbException or DbUpdateException or IOException or OperationCanceledException)
        {
            LogFailed(log, e); // the next start chains them
        }
    }

    /// <summary>Without a readable key the log is still chained, but not signed, and the duty desk is told.</summary>
    private AuditKey? OpenKey()
    {
        try
        {
            return AuditKey.Open(settings.DataPath);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            Say($"the audit log is not signed: {e.Message}", "审计日志未签名：签名密钥无法读取");
            return null;
        }
    }

    /// <summary>Loads the last signed head, and writes a row for the start.</summary>
    private async Task StartedAsync(AuditKey? key, CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder);
        if (File.Exists(HeadFile))
            head = AuditHead.Read(await File.ReadAllTextAsync(HeadFile, cancellation));
        if (head is { } kept && key?.Refuses(kept) is { } why)
            Say($"audit/head.json {why}", "审计日志的链尾签名不正确");
        await files.RecordStartAsync(cancellation);
    }

    private async Task TurnAsync(AuditKey? key, bool everything, CancellationToken cancellation)
    {
        await files.RecordChangesAsync(cancellation);
        if (head is { } known && !await records.HasAsync(new ChainEnd(known.Place, known.Hash), cancellation))
        {
            File.Move(HeadFile, Path.Combine(folder, $"cut-{clock.GetUtcNow().UtcDateTime:yyyyMMddTHHmmssfffZ}.json"), overwrite: true);
            head = null;
            Say(
                $"rows of the audit log were cut off or rewritten: place {known.Place} of {known.Time:yyyy-MM-ddTHH:mm:ssZ} is gone "
                    + $"(vigil check --audit)",
                $"审计日志被截断或改写：第{known.Place}条（{known.Time:yyyy-MM-ddTHH:mm:ssZ}）已不存在"
            );
        }

        if (await records.ChainAsync(everything, cancellation) is not { } end || end.Place == head?.Place || key is null)
            return;
        head = key.Sign(end, clock.GetUtcNow().UtcDateTime);
        await File.WriteAllTextAsync(HeadFile + ".new", head.Write(), cancellation);
        File.Move(HeadFile + ".new", HeadFile, overwrite: true);
    }

    /// <summary>Once a day: checks the whole log and exports the head.</summary>
    /// <returns>Whether it was done now.</returns>
    private async Task<bool> CheckDailyAsync(AuditKey? key, CancellationToken cancellation)
    {
        var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(clock.GetUtcNow().UtcDateTime, zone));
        if (today == exported || head is not { } now || clock.GetUtcNow() - started < Settle)
            return false;
        exported = today;
        var report = await records.CheckAuditAsync([.. AuditHeads.Kept(settings, key).Heads], cancellation);
        if (report.Problems.Count > 0)
            Say(
                $"the audit log is not whole: {report.Problems[0]} ({report.Problems.Count} in all; vigil check --audit)",
                $"审计日志不完整，共{report.Problems.Count}处，请运行 vigil check --audit"
            );
        else
            LogWhole(log, report.Rows);
        try
        {
            await AuditHeads.ExportAsync(settings, now, today, cancellation);
            troubles.Over(NotSent);
        }
        catch (Exception e)
            when (e is IOException or UnauthorizedAccessException or HttpRequestException or TaskCanceledException
                && !cancellation.IsCancellationRequested
            )
        {
            LogNotSent(log, e.Message);
            troubles.Say(
                NotSent,
                "today's head of the audit log could not be put where it is kept",
                "今日审计日志链尾未能送出",
                TimeSpan.Zero
            );
        }

        return true;
    }

    private string HeadFile => AuditHeads.Newest(settings);

    private void Say(string what, string zh)
    {
        LogBroken(log, what);
        troubles.Say(Broken, what, zh);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The audit log could not be chained; tried again in a second")]
    private static partial void LogFailed(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Audit: {What}")]
    private static partial void LogBroken(ILogger logger, string what);

    [LoggerMessage(Level = LogLevel.Information, Message = "The audit log is whole: {Rows} rows")]
    private static partial void LogWhole(ILogger logger, long rows);

    [LoggerMessage(Level = LogLevel.Error, Message = "The head of the audit log could not be exported; tried again tomorrow: {Why}")]
    private static partial void LogNotSent(ILogger logger, string why);
}
