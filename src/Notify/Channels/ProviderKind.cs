using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;

namespace Vigil.Notify.Channels;

/// <summary>A provider as the configuration knows it. A new one is a line in <see cref="All"/>.</summary>
/// <param name="Name">In <c>Notify:Routes</c>, and <see cref="IChannel.Provider"/>.</param>
/// <param name="Section">Where its settings stand, such as <c>Twilio</c>; it is used when the section has any, or a route names it.</param>
/// <param name="Settings">The section's keys.</param>
/// <param name="Check">What is wrong with them, all at once.</param>
/// <param name="Add">Registers its <see cref="IChannel"/>, with <see cref="ChannelHttp.AddChannelHttp"/> where it speaks HTTP.</param>
public sealed record ProviderKind(
    string Name,
    string Section,
    IEnumerable<string> Settings,
    Func<IConfiguration, IEnumerable<Problem>> Check,
    Action<IServiceCollection, IConfiguration> Add
)
{
    public static IReadOnlyList<ProviderKind> All { get; } =
    [
        Outbox.OutboxChannel.Kind,
        Twilio.TwilioOptions.Kind,
        Aliyun.AliyunOptions.Kind,
        Mail.MailOptions.Kind,
        Webhook.WebhookChannelOptions.Kind,
        Robots.RobotService.WeCom,
        Robots.RobotService.DingTalk,
    ];

    /// <summary>The outbox always; others when they are configured or a route names them.</summary>
    public static IEnumerable<ProviderKind> Used(IConfiguration configuration) => All.Where(k => k.IsUsed(configuration));

    private bool IsUsed(IConfiguration configuration) =>
        Name == "outbox"
        || configuration.GetSection(Section).GetChildren().Any()
        || configuration
            .GetSection("Notify:Routes")
            .GetChildren()
            .Any(r => Routes.Listed(r.Value ?? "").Contains(Name, StringComparer.OrdinalIgnoreCase));
}
