using Vigil.Registry;
using Vigil.Storage.Readings;

namespace Vigil.Host;

/// <summary>
/// Once a day, half an hour after midnight: writes what each home used into the records, then deletes readings that have been kept long
/// enough.
/// </summary>
internal sealed partial class RetentionRun(
    Retention retention,
    ClockWatch clocks,
    TimeProvider clock,
    TimeZoneInfo zone,
    ILogger<RetentionRun> log
) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    /// <summary>Pause after a start, in which devices reconnect and deliver what they kept.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromMinutes(10);

    /// <summary>
    /// After the clock jumped by a day or more, nothing is counted or deleted for this long, so that people can notice a wrong date first.
    /// </summary>
    private static readonly TimeSpan Trusted = TimeSpan.FromDays(7);

    private readonly long started = clock.GetTimestamp();
    private DateOnly done;

    internal bool DoubtsTheDate => clocks.SinceJump is { } since && since < Trusted;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        retention.ActivityFailed = (resident, e) => LogNoActivity(log, resident, e);
        retention.NotDeleted = (what, e) => LogNotDeleted(log, what, e.Message);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e);
            }

            await Task.Delay(Every, clock, stoppingToken);
        }
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        var local = TimeZoneInfo.ConvertTimeFromUtc(clock.GetUtcNow().UtcDateTime, zone);
        var today = DateOnly.FromDateTime(local);
        if (today == done || local.TimeOfDay < TimeSpan.FromMinutes(30) || clock.GetElapsedTime(started) < Settle || DoubtsTheDate)
            return;
        done = today;
        try
        {
            LogRolledUp(log, await retention.RunAsync(clock.GetUtcNow().UtcDateTime, cancellation));
        }
        catch (ReadingStoreException e)
        {
            done = default; // tried again with the next look
            LogNotRolledUp(log, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The daily retention failed; it is tried again tomorrow")]
    private static partial void LogFailed(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Not deleted, and tried again tomorrow: {What}: {Reason}")]
    private static partial void LogNotDeleted(ILogger logger, string what, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The past days of {Resident} could not be worked out; tried again tomorrow")]
    private static partial void LogNoActivity(ILogger logger, string resident, Exception e);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Days} days of homes were written into the records")]
    private static partial void LogRolledUp(ILogger logger, int days);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The days of homes could not be written into the records and are tried again: {Reason}"
    )]
    private static partial void LogNotRolledUp(ILogger logger, string reason);
}
