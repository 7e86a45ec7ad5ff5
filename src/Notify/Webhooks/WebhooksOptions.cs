using System.Net;
using Microsoft.Extensions.Configuration;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Notify.Webhooks;

/// <summary>The section <c>Webhooks</c>: what outgoing webhooks may reach beside the Internet.</summary>
public sealed class WebhooksOptions
{
    public const string Section = "Webhooks";

    /// <summary>Receivers on this machine, over http too: for trying out.</summary>
    public bool AllowLoopback { get; set; }

    /// <summary>Own networks in which receivers may be, such as 10.20.0.0/16, separated by commas; over https only.</summary>
    public string AllowNetworks { get; set; } = "";

    internal OutwardConnections Connections => new(AllowLoopback, [.. Listed.Select(IPNetwork.Parse)]);

    private string[] Listed => AllowNetworks.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    internal static WebhooksOptions Read(IConfiguration configuration) => SettingsSection.Read<WebhooksOptions>(configuration, Section, []);

    internal static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        var problems = new List<Problem>();
        var options = SettingsSection.Read<WebhooksOptions>(configuration, Section, problems);
        foreach (var problem in problems)
            yield return problem;
        foreach (var network in options.Listed)
            if (!IPNetwork.TryParse(network, out _))
                yield return new Problem($"{Section}:AllowNetworks", 0, "", network, "is not a network such as 10.20.0.0/16");
    }
}
