using Vigil.Notify;
using Vigil.Registry;

namespace Vigil.Host;

/// <summary>
/// Finishes imports whose process ended while they were being written: after a start, and when a <c>vigil import</c> beside the service was
/// killed. Alarms of devices that had called from nobody's home and that an import has bound become that home's.
/// </summary>
internal sealed partial class ImportWatch(Func<RegistryImport> import, AlarmDesk desk, TimeProvider clock, ILogger<ImportWatch> log)
    : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(15);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await import().FinishAsync(stoppingToken) is var (file, problems))
                {
                    LogFinished(log, file, problems.Count);
                    foreach (var problem in problems)
                        LogLeft(log, problem.ToString());
                }
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e);
            }

            try
            {
                // Not while a file is written: it may be taken back, and the homes' people would have been told.
                if (!await import().IsUnderWayAsync(stoppingToken))
                    await desk.TieBoundAsync("import", stoppingToken);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogNotTied(log, e);
            }

            await Task.Delay(Every, clock, stoppingToken);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The import of {File} had been interrupted and is finished; {Left} rows left out")]
    private static partial void LogFinished(ILogger logger, string file, int left);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Left out of the import, because it changed meanwhile: {Problem}")]
    private static partial void LogLeft(ILogger logger, string problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "Alarms of devices that were bound could not be given to their homes; tried again")]
    private static partial void LogNotTied(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "An interrupted import could not be finished; it is tried again")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
