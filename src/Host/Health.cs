using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Vigil.Notify.Channels;

namespace Vigil.Host;

/// <summary>
/// The health checks. Ready: the service does its work, so every loop turns, the stores accept data, the broker is heard. Live: no loop has
/// stood still for so long that only a restart can help.
/// </summary>
internal static partial class Health
{
    public const string NobodyIsReached =
        "nobody is texted or called: Notify:Routes names no provider, and messages are only shown on the alarm's timeline "
        + "(docs/operations.md)";

    public static void Add(IServiceCollection services) =>
        services.AddHealthChecks().AddCheck<Live>(nameof(Live)).AddCheck<Ready>(nameof(Ready));

    public static void Map(WebApplication app)
    {
        app.MapHealthChecks("/healthz/live", Alone(nameof(Live)));
        app.MapHealthChecks("/healthz/ready", Alone(nameof(Ready)));
    }

    /// <summary>An endpoint for one check; its description is the answer.</summary>
    private static HealthCheckOptions Alone(string name) =>
        new()
        {
            Predicate = check => check.Name == name,
            ResponseWriter = (http, report) =>
            {
                http.Response.ContentType = "text/plain; charset=utf-8";
                var entry = report.Entries[name];
                if (entry.Exception is not { } failed)
                    return http.Response.WriteAsync(entry.Description ?? "", http.RequestAborted);
                // Anybody can ask, so details of the failure are only logged.
                LogFailed(http.RequestServices.GetRequiredService<ILogger<Ready>>(), name, failed);
                return http.Response.WriteAsync("the check itself failed: see the log", http.RequestAborted);
            },
        };

    private sealed class Live(Heartbeats heartbeats) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(
                heartbeats.Stopped(Heartbeats.LongestSilence) is { Count: > 0 } stopped
                    ? HealthCheckResult.Unhealthy(string.Join('\n', stopped.Select(s => s.Words)))
                    : HealthCheckResult.Healthy("live")
            );
    }

    private sealed class Ready(Readiness readiness, SelfWatch watch, Canary canary, Routes routes) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            var problems = await readiness.ProblemsAsync(cancellationToken);
            if (problems.Count > 0)
                return HealthCheckResult.Unhealthy(string.Join('\n', problems));
            // Concerns that don't stop the work are listed as warnings; the service stays ready for a load balancer.
            IEnumerable<string> concerns = routes.ReachNobody ? [NobodyIsReached, .. watch.Concerns] : watch.Concerns;
            return HealthCheckResult.Healthy(string.Join('\n', ["ready", .. concerns.Select(c => "warning: " + c), canary.Words]));
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The check '{Name}' failed")]
    private static partial void LogFailed(ILogger logger, string name, Exception e);
}
