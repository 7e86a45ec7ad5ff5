using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Notify.Reach;
using Vigil.Notify.Webhooks;
using Vigil.Settings;
using Vigil.Storage.Records;

namespace Vigil.Notify;

public static class NotifyServices
{
    /// <summary>Alarm desk, escalation, messages and the channels that <c>Notify:Routes</c> names.</summary>
    public static IServiceCollection AddNotify(
        this IServiceCollection services,
        IConfiguration configuration,
        Policies policies,
        MessageTexts messages,
        string dataPath
    )
    {
        foreach (var provider in ProviderKind.Used(configuration))
            provider.Add(services, configuration);
        return services
            .AddSingleton(policies)
            .AddSingleton(messages)
            .AddSingleton(s => new AlarmDesk(
                s.AlarmRecords(),
                policies,
                s.GetRequiredService<TimeProvider>(),
                messages.Zone,
                s.GetService<Troubles>()
            ))
            .AddSingleton(Numbers.Read(configuration))
            .AddSingleton<Answers>()
            .AddSingleton(_ => ReachOptions.Read(configuration, []))
            .AddSingleton<ReachAnswers>()
            .AddSingleton<ReachTests>()
            .AddHostedService(s => s.GetRequiredService<ReachTests>())
            .AddSingleton<IChannel, Channels.SelfTest.SelfTestChannel>()
            .AddSingleton(s => new SignedLinks(dataPath, PublicUrl(configuration), s.GetRequiredService<TimeProvider>()))
            .AddSingleton(s => new Routes(s.GetServices<IChannel>(), RoutesOf(configuration)))
            .AddSingleton(s => ActivatorUtilities.CreateInstance<Dispatcher>(s, s.AlarmRecords()))
            .AddSingleton(s => ActivatorUtilities.CreateInstance<Escalator>(s, s.AlarmRecords()))
            .AddSingleton(s => new Auditor(
                s.GetRequiredService<IDbContextFactory<RecordsDb>>(),
                messages,
                s.GetRequiredService<SignedLinks>(),
                s.GetRequiredService<TimeProvider>(),
                s.GetRequiredService<Meter>(),
                TimeSpan.FromSeconds(Math.Max(30, configuration.GetValue("Time:Speed", 1.0))),
                s.GetRequiredService<ILogger<Auditor>>()
            ))
            .AddSingleton(s => ActivatorUtilities.CreateInstance<ProviderReceipts>(s, s.AlarmRecords()))
            .AddSingleton<ReceiptWatch>()
            .AddSingleton<CallsUnderWay>()
            .AddSingleton(WebhooksOptions.Read(configuration).Connections)
            .AddSingleton(s => new WebhookSender(
                s.GetRequiredService<IDbContextFactory<RecordsDb>>(),
                s.GetRequiredService<AlarmDesk>(),
                s.GetRequiredService<OutwardConnections>(),
                s.GetKeyedService<TimeProvider>(ChannelHttp.Clock) ?? TimeProvider.System,
                s.GetRequiredService<ILogger<WebhookSender>>()
            ))
            .AddHostedService(s => s.GetRequiredService<WebhookSender>())
            .AddSingleton(s => new Digests.DailyDigests(
                s.GetRequiredService<IDbContextFactory<RecordsDb>>(),
                s.GetRequiredService<Vigil.Storage.Readings.IReadingStore>(),
                s.GetRequiredService<Routes>(),
                messages,
                messages.Zone,
                s.GetRequiredService<TimeProvider>(),
                DigestAt(configuration) ?? new TimeOnly(8, 0),
                s.GetRequiredService<ILogger<Digests.DailyDigests>>()
            ))
            .AddHostedService(s => s.GetRequiredService<Digests.DailyDigests>())
            .AddHostedService(s => s.GetRequiredService<Dispatcher>())
            .AddHostedService(s => s.GetRequiredService<ReceiptWatch>())
            .AddHostedService(s => s.GetRequiredService<CallsUnderWay>())
            .AddHostedService(s => s.GetRequiredService<Escalator>())
            .AddHostedService(s => s.GetRequiredService<Auditor>());
    }

    /// <summary>The address at which links and providers' callbacks reach the service.</summary>
    public static string PublicUrl(IConfiguration configuration) =>
        (
            configuration["Http:PublicUrl"] is { Length: > 0 } url
                ? url
                : configuration["Http:Urls"]?.Split(';')[0] ?? "http://127.0.0.1:5080"
        ).TrimEnd('/');

    /// <summary>The keys of the section Notify and of those of the providers.</summary>
    public static IEnumerable<string> Settings =>
        [
            "Notify:Routes:*",
            "Notify:Prefixes",
            "Notify:DigestAt",
            .. SettingsSection.Names<WebhooksOptions>(WebhooksOptions.Section),
            .. SettingsSection.Names<ReachOptions>(ReachOptions.Section),
            .. ProviderKind.All.SelectMany(k => k.Settings),
        ];

    /// <summary>What is wrong with the section Notify and with those of the providers in use.</summary>
    public static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        foreach (var (prefix, route) in RoutesOf(configuration))
        {
            if (
                prefix.Length > 0
                && !(Words.TryParse<Channel>(prefix, out var channel) && channel != Channel.SelfTest)
                && !(prefix[0] == '+' && prefix.Length > 1 && prefix.AsSpan(1).IndexOfAnyExceptInRange('0', '9') < 0)
            )
                yield return new Problem(
                    $"Notify:Routes:{prefix}",
                    0,
                    "",
                    route,
                    "the key is neither a number prefix such as +86, nor default, sms, voice, mail or webhook"
                );
            var providers = Routes.Listed(route);
            if (providers.Length == 0)
                yield return new Problem($"Notify:Routes:{prefix}", 0, "", route, "names no provider");
            foreach (var provider in providers)
                if (!ProviderKind.All.Any(k => k.Name.Equals(provider, StringComparison.OrdinalIgnoreCase)))
                    yield return new Problem(
                        $"Notify:Routes:{prefix}",
                        0,
                        "",
                        provider,
                        "is not a provider; known are " + string.Join(", ", ProviderKind.All.Select(k => k.Name))
                    );
        }

        if (configuration["Notify:DigestAt"] is { Length: > 0 } at && DigestAt(configuration) is null)
            yield return new Problem("Notify:DigestAt", 0, "", at, "is not a time of day such as 08:00");
        foreach (var problem in Numbers.Check(configuration))
            yield return problem;
        foreach (var problem in WebhooksOptions.Check(configuration))
            yield return problem;
        var reach = new List<Problem>();
        ReachOptions.Read(configuration, reach);
        foreach (var problem in reach)
            yield return problem;
        foreach (var problem in ProviderKind.Used(configuration).SelectMany(k => k.Check(configuration)))
            yield return problem;
    }

    private static TimeOnly? DigestAt(IConfiguration configuration) =>
        TimeOnly.TryParseExact(configuration["Notify:DigestAt"], "HH:mm", out var at) ? at : null;

    private static Dictionary<string, string> RoutesOf(IConfiguration configuration) =>
        configuration.GetSection("Notify:Routes").GetChildren().ToDictionary(c => c.Key == "default" ? "" : c.Key, c => c.Value ?? "");
}
