using System.Globalization;
using Vigil.Model;

namespace Vigil.Host;

/// <summary>Section <c>Health</c>: how the service watches itself, and who watches the service.</summary>
/// <param name="LoopSilence"><c>LoopSeconds</c> (60): how long a loop may stand still before the service is not ready.</param>
/// <param name="CanaryEvery"><c>CanaryMinutes</c> (60): how often a press of its own goes all the way; null with 0: never.</param>
/// <param name="CanaryTo"><c>CanaryTo</c>: channel and address, such as <c>webhook:https://…</c>, <c>mail:…</c> or <c>sms:+86…</c>; back
/// into the service when empty.</param>
/// <param name="Heartbeat"><c>HeartbeatUrl</c>: an outside watcher that is told while all is well; null for none.</param>
/// <param name="HeartbeatEvery"><c>HeartbeatSeconds</c> (60).</param>
internal sealed record HealthOptions(
    TimeSpan LoopSilence,
    TimeSpan? CanaryEvery,
    (string Via, string Address) CanaryTo,
    Uri? Heartbeat,
    TimeSpan HeartbeatEvery
)
{
    public static HealthOptions Read(IConfiguration configuration, List<Problem>? problems = null)
    {
        problems ??= [];
        var loops = Number(configuration, "LoopSeconds", 60, 1, 86400, problems);
        var canary = Number(configuration, "CanaryMinutes", 60, 0, 1440, problems);
        var every = Number(configuration, "HeartbeatSeconds", 60, 1, 3600, problems);
        var to = (configuration["Health:CanaryTo"] ?? "").Split(':', 2);
        if (
            to[0].Length > 0
            && (
                to.Length != 2
                || to[0] is not ("sms" or "mail" or "webhook")
                || to[1].Length == 0
                || to[1].Contains(' ', StringComparison.Ordinal)
            )
        )
            problems.Add(
                new Problem(
                    "Health:CanaryTo",
                    0,
                    "",
                    configuration["Health:CanaryTo"]!,
                    "is not a channel and an address such as webhook:https://…, mail:… or sms:+86…"
                )
            );
        Uri? heartbeat = null;
        if (
            configuration["Health:HeartbeatUrl"] is { Length: > 0 } url
            && !(
                Uri.TryCreate(url, UriKind.Absolute, out heartbeat)
                && (heartbeat.Scheme == "https" || (heartbeat.Scheme == "http" && heartbeat.IsLoopback))
            )
        )
            problems.Add(new Problem("Health:HeartbeatUrl", 0, "", url, "is neither an https address nor an http one on this machine"));
        return new HealthOptions(
            TimeSpan.FromSeconds(loops),
            canary == 0 ? null : TimeSpan.FromMinutes(canary),
            to.Length == 2 ? (to[0], to[1]) : (SelfTest.Channel, SelfTest.Channel),
            heartbeat,
            TimeSpan.FromSeconds(every)
        );
    }

    private static double Number(
        IConfiguration configuration,
        string name,
        double standard,
        double least,
        double most,
        List<Problem> problems
    )
    {
        if (configuration["Health:" + name] is not { Length: > 0 } text)
            return standard;
        if (double.TryParse(text, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
            return number;
        problems.Add(new Problem("Health:" + name, 0, "", text, $"is not a number from {least} to {most}"));
        return standard;
    }
}
