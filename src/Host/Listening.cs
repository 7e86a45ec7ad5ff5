using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using MQTTnet.AspNetCore;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;
using Vigil.Web;

namespace Vigil.Host;

/// <summary>
/// How the service is reached: over HTTP, and over MQTT by the embedded broker or by an external one that it connects to.
/// </summary>
internal static class Listening
{
    public static void Configure(IWebHostBuilder web, Settings settings)
    {
        // When thousands of devices reconnect at once, they wait in the system's queue instead of having to retry after a second.
        web.UseSockets(sockets => sockets.Backlog = 4096);
        web.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 1 << 20;
            // closes sockets on which nothing is sent
            (kestrel.Limits.KeepAliveTimeout, kestrel.Limits.RequestHeadersTimeout) = (TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10));
            var sockets = new HttpSockets(settings.Http.IsProxy);
            foreach (var (_, _, address) in Addresses(settings))
            {
                if (address.Scheme == "tcp")
                    Listen(kestrel, address, listen => BrokerListener.Use(listen, settings.Mqtt));
                else
                    Listen(kestrel, address, listen => listen.Use(sockets.Limit));
            }
        });
    }

    public static void AddBroker(IServiceCollection services, Settings settings)
    {
        services.AddSingleton(settings.Mqtt);
        services.AddSingleton(s => new Redeliveries(Path.Combine(settings.DataPath, "redeliveries"), s.GetRequiredService<TimeProvider>()));
        if (!settings.Mqtt.Embedded)
        {
            services.AddSingleton(s => new ExternalBroker(
                settings.Mqtt,
                settings.Profiles.TopicFilters,
                s.GetRequiredService<Inbox>(),
                s.GetRequiredService<Redeliveries>(),
                s.GetRequiredService<Troubles>(),
                Path.Combine(settings.DataPath, "broker.dropped"),
                s.GetRequiredService<TimeProvider>(),
                s.GetRequiredService<ILogger<ExternalBroker>>()
            ));
            services.AddHostedService(s => s.GetRequiredService<ExternalBroker>());
            return;
        }

        services.AddMqttConnectionHandler();
        services.AddSingleton<Authenticate>(s =>
            async (username, password, effort, cancellation) =>
            {
                if (username == SelfTest.Name)
                    return s.GetRequiredService<Canary>().Knows(password)
                        ? new Login(LoginOutcome.Right, new Sender(username, Gateway: false, []))
                        : new Login(LoginOutcome.Wrong);
                var (found, looked) = await s.GetRequiredService<Secrets>()
                    .VerifyAsync(
                        username,
                        password,
                        cancellation,
                        rememberedAlone: effort == LoginEffort.Remembered,
                        slowly: effort == LoginEffort.Full
                    );
                return found is null
                    ? new Login(looked ? LoginOutcome.Wrong : LoginOutcome.Busy)
                    : new Login(
                        LoginOutcome.Right,
                        new Sender(found.Username, found.Gateway, found.Topics.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                    );
            }
        );
        services.AddSingleton<GoesFirst>(s => name => s.GetRequiredService<SpeaksOfLife>()(name));
        services.AddSingleton<EmbeddedBroker>();
        services.AddHostedService(s => s.GetRequiredService<EmbeddedBroker>());
    }

    /// <summary>Problems of the addresses in <c>Http:Urls</c>.</summary>
    public static IEnumerable<Problem> Check(Settings settings)
    {
        foreach (var url in settings.Urls)
        {
            if (
                !Uri.TryCreate(url.Replace("*", "any", StringComparison.Ordinal), UriKind.Absolute, out var parsed)
                || parsed.Scheme != "http"
            )
                yield return new Problem(
                    "Http:Urls",
                    0,
                    "",
                    url,
                    "is not an address such as http://127.0.0.1:5080 (TLS is for the proxy in front)"
                );
            else if (settings.Open && !parsed.IsLoopback)
                yield return new Problem(
                    "Http:Open",
                    0,
                    "",
                    "true",
                    $"lets everybody in, so it works on a loopback address alone; Http:Urls has {url}"
                );
        }
    }

    /// <summary>All addresses on which it listens, each with the setting that names it.</summary>
    internal static IEnumerable<(string Setting, string Value, Uri Address)> Addresses(Settings settings)
    {
        foreach (var url in settings.Urls)
            yield return ("Http:Urls", url, new Uri(url.Replace("*", "any", StringComparison.Ordinal)));
        if (!settings.Mqtt.Embedded)
            yield break;
        var host = settings.Mqtt.Host == "*" ? "any" : settings.Mqtt.Host;
        yield return (
            "Mqtt:Port",
            $"{settings.Mqtt.Port}",
            new Uri($"tcp://{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{settings.Mqtt.Port}")
        );
    }

    private static void Listen(KestrelServerOptions kestrel, Uri address, Action<ListenOptions> configure)
    {
        if (address.Host == "any")
            kestrel.ListenAnyIP(address.Port, configure);
        else if (address.Host == "localhost")
            kestrel.ListenLocalhost(address.Port, configure);
        else
            kestrel.Listen(IPAddress.Parse(address.Host.Trim('[', ']')), address.Port, configure);
    }
}
