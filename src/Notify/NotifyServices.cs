using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Channels.Outbox;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

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
            .AddSingleton(s => new AlarmDesk(s.GetRequiredService<IDbContextFactory<RecordsDb>>(), policies, s.GetRequiredService<TimeProvider>(), messages.Zone))
            .AddSingleton<Answers>()
            .AddSingleton(s => new SignedLinks(dataPath, publicUrl, s.GetRequiredService<TimeProvider>()))
            .AddSingleton<OutboxChannel>()
            .AddSingleton<IChannel>(s => s.GetRequiredService<OutboxChannel>())
            .AddSingleton(s => new Routes(s.GetServices<IChannel>(), RoutesOf(configuration)))
            .AddSingleton<Dispatcher>()
            .AddSingleton<Escalator>()
            .AddSingleton(s => new Auditor(
                s.GetRequiredService<IDbContextFactory<RecordsDb>>(), messages, s.GetRequiredService<SignedLinks>(), s.GetRequiredService<TimeProvider>(), s.GetRequiredService<Meter>(),
                TimeSpan.FromSeconds(Math.Max(30, configuration.GetValue("Time:Speed", 1.0))), s.GetRequiredService<ILogger<Auditor>>()))
            .AddHostedService(s => s.GetRequiredService<Dispatcher>())
            .AddHostedService(s => s.GetRequiredService<Escalator>())
            .AddHostedService(s => s.GetRequiredService<Auditor>());
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
