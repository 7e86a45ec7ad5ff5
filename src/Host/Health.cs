using Vigil.Notify.Channels;

namespace Vigil.Host;

/// <summary>
/// Ready: the work goes on — every loop turns, stores take, the broker is heard. Live: no loop has stood still for so long that a restart
/// is all that is left.
/// </summary>
internal static class Health
{
    public const string NobodyIsReached =
        "nobody is texted or called: Notify:Routes names no provider, and messages are only shown on the alarm's timeline "
        + "(docs/operations.md)";

    public static void Map(WebApplication app)
    {
        app.MapGet(
            "/healthz/live",
            (Heartbeats heartbeats) =>
                heartbeats.Stopped(Heartbeats.LongestSilence) is { Count: > 0 } stopped
                    ? Results.Text(string.Join('\n', stopped.Select(s => s.Words)), statusCode: StatusCodes.Status503ServiceUnavailable)
                    : Results.Text("live")
        );
        app.MapGet(
            "/healthz/ready",
            async (Readiness readiness, SelfWatch watch, Canary canary, Routes routes, CancellationToken cancellation) =>
            {
                var problems = await readiness.ProblemsAsync(cancellation);
                if (problems.Count > 0)
                    return Results.Text(string.Join('\n', problems), statusCode: StatusCodes.Status503ServiceUnavailable);
                // What is going wrong although the work goes on is said, and doesn't take the service out of a load balancer.
                IEnumerable<string> concerns = routes.ReachNobody ? [NobodyIsReached, .. watch.Concerns] : watch.Concerns;
                return Results.Text(string.Join('\n', ["ready", .. concerns.Select(c => "warning: " + c), canary.Words]));
            }
        );
    }
}
