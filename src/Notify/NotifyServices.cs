using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Channels.Outbox;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;

namespace Vigil.Notify;

public static class NotifyServices
{
    /// <summary>Alarm desk, escalation, messages and the channels that <c>Notify:Routes</c> names.</summary>
    public static IServiceCollection AddNotify(this IServiceCollection services, IConfiguration configuration, Policies policies, MessageTexts messages, string dataPath)
    {
        var publicUrl = configuration["Http:PublicUrl"] ?? configuration["Http:Urls"]?.Split(';')[0] ?? "http://127.0.0.1:5080";
        return services
            .AddSingleton(policies)
            .AddSingleton(messages)
            .AddSingleton<AlarmDesk>()
            .AddSingleton(s => new SignedLinks(dataPath, publicUrl, s.GetRequiredService<TimeProvider>()))
            .AddSingleton<OutboxChannel>()
            .AddSingleton<IChannel>(s => s.GetRequiredService<OutboxChannel>())
            .AddSingleton(s => new Routes(s.GetServices<IChannel>(), RoutesOf(configuration)))
            .AddSingleton<Escalator>()
            .AddHostedService(s => s.GetRequiredService<Escalator>());
    }

    /// <summary>What is wrong with the section Notify.</summary>
    public static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        string[] providers = ["outbox"];
        foreach (var (prefix, provider) in RoutesOf(configuration))
            if (!providers.Contains(provider, StringComparer.OrdinalIgnoreCase))
                yield return new Problem($"Notify:Routes:{prefix}", 0, "", provider, "is not a provider; known are " + string.Join(", ", providers));
    }

    private static Dictionary<string, string> RoutesOf(IConfiguration configuration) =>
        configuration.GetSection("Notify:Routes").GetChildren().ToDictionary(c => c.Key == "default" ? "" : c.Key, c => c.Value ?? "");
}
