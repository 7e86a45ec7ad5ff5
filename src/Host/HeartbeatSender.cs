using Vigil.Model;

namespace Vigil.Host;

/// <summary>
/// Sends a heartbeat to an outside watcher every <c>Health:HeartbeatSeconds</c>, but only while all is well. Since a dead service can't
/// report itself, the watcher raises an alarm when the heartbeat is missing. A watcher that can't be reached is reported; nothing else
/// depends on it.
/// </summary>
internal sealed partial class HeartbeatSender(Readiness readiness, Settings settings, Troubles troubles, ILogger<HeartbeatSender> log)
    : BackgroundService
{
    private const string Case = "heartbeat";

    private readonly HttpClient http = new(
        new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        }
    )
    {
        Timeout = TimeSpan.FromSeconds(10),
    };

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var (url, every) = (settings.Health.Heartbeat, settings.Health.HeartbeatEvery);
        if (url is null)
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(every, TimeProvider.System, stoppingToken); // real time, as the watcher measures
            try
            {
                if (await readiness.DoubtsAsync(stoppingToken) is { Count: > 0 } doubts)
                {
                    LogKept(log, string.Join("; ", doubts));
                    continue;
                }

                using var answer = await http.PostAsync(url, content: null, stoppingToken);
                answer.EnsureSuccessStatusCode();
                troubles.Over(Case);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                // The address isn't logged, because it may contain the watcher's key.
                var why = e is HttpRequestException { StatusCode: { } status } ? $"it answers {(int)status}" : "it does not answer";
                troubles.Say(
                    Case,
                    $"the outside watcher can't be told that all is well: {why}",
                    $"无法向外部监视服务报告正常：{(e is HttpRequestException { StatusCode: { } code } ? $"返回{(int)code}" : "无响应")}",
                    every * 3
                );
                LogFailed(log, why);
            }
        }
    }

    public override void Dispose()
    {
        http.Dispose();
        base.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "No heartbeat goes out: {Why}")]
    private static partial void LogKept(ILogger logger, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The heartbeat could not be delivered: {Why}")]
    private static partial void LogFailed(ILogger logger, string why);
}
