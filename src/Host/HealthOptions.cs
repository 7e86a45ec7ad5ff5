using System.ComponentModel.DataAnnotations;
using Vigil.Model;
using Vigil.Settings;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>Section <c>Health</c>: how the service checks itself, and which outside watcher it reports to.</summary>
internal sealed class HealthOptions
{
    public const string Section = "Health";

    /// <summary>How long a loop may stand still before the service is not ready.</summary>
    [Range(1, 86400)]
    public double LoopSeconds { get; set; } = 60;

    /// <summary>How often the end-to-end self-test runs (<see cref="Canary"/>); 0: never.</summary>
    [Range(0, 1440)]
    public double CanaryMinutes { get; set; } = 60;

    /// <summary>
    /// Channel and address to which the self-test is sent, such as <c>webhook:https://…</c>, <c>mail:…</c> or <c>sms:+86…</c>; when empty,
    /// back into the service.
    /// </summary>
    public string CanaryTo { get; set; } = "";

    /// <summary>Address of an outside watcher that expects a heartbeat while all is well; empty for none.</summary>
    [HttpsOrLoopback]
    public string HeartbeatUrl { get; set; } = "";

    [Range(1, 3600)]
    public double HeartbeatSeconds { get; set; } = 60;

    public TimeSpan LoopSilence => TimeSpan.FromSeconds(LoopSeconds);

    public TimeSpan? CanaryEvery => CanaryMinutes == 0 ? null : TimeSpan.FromMinutes(CanaryMinutes);

    public (Channel Via, string Address) CanaryAddress => AddressIn(CanaryTo) ?? (Channel.SelfTest, SelfTest.Channel);

    public Uri? Heartbeat => HeartbeatUrl.Length > 0 ? new Uri(HeartbeatUrl) : null;

    public TimeSpan HeartbeatEvery => TimeSpan.FromSeconds(HeartbeatSeconds);

    /// <summary>Reads and checks the section.</summary>
    public static HealthOptions Read(IConfiguration configuration, List<Problem> problems)
    {
        var options = SettingsSection.Read<HealthOptions>(configuration, Section, problems);
        if (options.CanaryTo.Length > 0 && AddressIn(options.CanaryTo) is null)
            problems.Add(
                new Problem(
                    "Health:CanaryTo",
                    0,
                    "",
                    options.CanaryTo,
                    "is not a channel and an address such as webhook:https://…, mail:… or sms:+86…"
                )
            );
        return options;
    }

    private static (Channel Via, string Address)? AddressIn(string text) =>
        text.Split(':', 2) is [var word, { Length: > 0 } address]
        && Words.TryParse<Channel>(word, out var via)
        && via is Channel.Sms or Channel.Mail or Channel.Webhook
        && !address.Contains(' ', StringComparison.Ordinal)
            ? (via, address)
            : null;
}
