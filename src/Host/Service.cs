using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.EntityFrameworkCore;
using MQTTnet.AspNetCore;
using Vigil.Host.Backup;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Registry;
using Vigil.Rules;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Web;

namespace Vigil.Host;

/// <summary>Puts the service together: a table of contents of its parts, in the way of the data.</summary>
internal static class Service
{
    public static WebApplication Build(Settings settings, TimeProvider clock)
    {
        OwnerOnly.Protect(settings.DataPath);
        var builder = WebApplication.CreateBuilder(
            new WebApplicationOptions
            {
                ApplicationName = "vigil",
                ContentRootPath = AppContext.BaseDirectory,
                EnvironmentName = "Production",
            }
        );
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddConfiguration(settings.Configuration);
        builder
            .Logging.ClearProviders()
            .AddConsole(o => o.FormatterName = LogLines.Name)
            .AddConsoleFormatter<LogLines, Microsoft.Extensions.Logging.Console.ConsoleFormatterOptions>();
        builder
            .Logging.AddFilter("Microsoft", LogLevel.Warning)
            .AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Error)
            .AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Error)
            .AddFilter("Microsoft.AspNetCore.StaticFiles", LogLevel.Error)
            .AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error)
            .AddFilter("Polly", LogLevel.Error); // what a failed try means stands on the timeline
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder
            .Services.AddDataProtection()
            .SetApplicationName("vigil")
            .PersistKeysToFileSystem(new DirectoryInfo(Path.Combine(settings.DataPath, "keys")));
        builder
            .Services.AddSingleton(clock)
            .AddSingleton(settings.Zone)
            .AddSingleton(settings)
            .AddSingleton(new Meter("Vigil"))
            .AddSingleton<Troubles>()
            .AddReadings(settings.Configuration, settings.DataPath)
            .AddRecords(settings.Configuration, settings.DataPath)
            .AddSingleton<Retention>()
            .AddSingleton(LiveRegistry.HomesOf(settings.Profiles))
            .AddSingleton<SpeaksOfLife>(s => name => s.GetRequiredService<LiveRegistry>().Find(name)?.Profile.SpeaksOfLife == true)
            .AddSingleton(s => new Secrets(s.AlarmRecords(), s.GetRequiredService<TimeProvider>(), s.GetRequiredService<SpeaksOfLife>()))
            .AddSingleton(settings.Profiles)
            .AddSingleton<Func<RegistryImport>>(s =>
                () =>
                    new RegistryImport(
                        s.GetRequiredService<IDbContextFactory<RecordsDb>>(),
                        clock,
                        id => settings.Profiles.Find(id) is not null
                    )
            )
            .AddSingleton(new RulePartitions(settings.Rules, settings.Zone))
            .AddSingleton<OutlooksOf>(s => s.GetRequiredService<RulePartitions>().OutlooksOf)
            .AddSingleton<LiveRegistry>()
            .AddNotify(settings.Configuration, settings.Policies, settings.Messages, settings.DataPath)
            .AddSingleton(s => new RecordsProbe(s.AlarmRecords()))
            .AddSingleton(s => ActivatorUtilities.CreateInstance<SetAside>(s, settings.DataPath))
            .AddSingleton(s => ActivatorUtilities.CreateInstance<DiskReserve>(s, settings.DataPath, settings.ReserveBytes))
            .AddSingleton<Announcements>()
            .AddSingleton<AnnouncedDevices>()
            .AddSingleton<Sightings>()
            .AddSingleton<Admission>()
            .AddSingleton<UncommittedFindings>()
            .AddSingleton<CommitBatch>()
            .AddSingleton<Pipeline>()
            .AddHostedService(s => s.GetRequiredService<Pipeline>())
            .AddSingleton<Housekeeping>()
            .AddHostedService(s => s.GetRequiredService<Housekeeping>())
            .AddSingleton<ClockWatch>()
            .AddHostedService(s => s.GetRequiredService<ClockWatch>())
            .AddSingleton<StoredData>()
            .AddSingleton<Backups>()
            .AddHostedService(s => s.GetRequiredService<Backups>())
            .AddSingleton<SelfWatch>()
            .AddHostedService(s => s.GetRequiredService<SelfWatch>())
            .AddSingleton<AuditWatch>()
            .AddHostedService(s => s.GetRequiredService<AuditWatch>())
            .AddHostedService<CertificateWatch>()
            .AddSingleton<Heartbeats>()
            .AddHostedService(s => s.GetRequiredService<Heartbeats>())
            .AddHostedService<PoolWatch>()
            .AddSingleton<Canary>()
            .AddHostedService(s => s.GetRequiredService<Canary>())
            .AddSingleton<Readiness>()
            .AddHostedService<HeartbeatSender>()
            .AddTraces(settings.Otlp)
            .AddSingleton<Inbox>(s => s.GetRequiredService<Pipeline>().ReceiveAsync)
            .AddWeb(
                settings.Open,
                settings.Configuration["Rules:Path"],
                settings.Console,
                new Vigil.Web.Accounts.AccountsOptions(settings.SecondFactor, settings.Elsewhere),
                settings.Http
            );
        // Providers and receivers live in the wall's time; a clock that runs fast is no clock of theirs.
        if (clock is SteadyClock)
            builder.Services.AddKeyedSingleton(ChannelHttp.Clock, clock);
        AddBroker(builder.Services, settings);
        // Thousands of devices that come back together wait in the system's queue instead of being turned away for a second.
        builder.WebHost.UseSockets(sockets => sockets.Backlog = 4096);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 1 << 20;
            // a socket that says nothing
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
        var app = builder.Build();
        app.Services.GetRequiredService<AlarmDesk>().SelfTestTo = settings.Health.CanaryAddress;
        app.Services.GetRequiredService<MetricsText>(); // listens from the first message on
        ProcessMeter.Observe(app.Services.GetRequiredService<Meter>());
        // Devices first: the web server, which is stopped before everything else, would wait for their connections.
        if (app.Services.GetService<EmbeddedBroker>() is { } broker)
            app.Lifetime.ApplicationStopping.Register(() => _ = broker.StopAsync(CancellationToken.None));
        MapHealth(app);
        app.MapConsole();
        return app;
    }

    /// <summary>What has to be done before the first message: schema, registry, what the rules knew, what a crash left half done.</summary>
    public static async Task PrepareAsync(IServiceProvider services, CancellationToken cancellation)
    {
        Directory.CreateDirectory(services.GetRequiredService<Settings>().DataPath);
        services.GetRequiredService<DiskReserve>().Look(); // on a full disk nothing could be opened
        var stored = services.GetRequiredService<StoredData>();
        stored.Check();
        if (services.GetRequiredService<IReadingStore>() is Vigil.Storage.Readings.Influx.InfluxReadingStore influx)
            influx.LineRefused += line =>
                services
                    .GetRequiredService<SetAside>()
                    .Tell(("a reading", "一条读数"), StorableText.Of(line.Reason, StorableText.LongReason));
        await services.GetRequiredService<IDbContextFactory<RecordsDb>>().MigrateAsync(stored.Say, cancellation);
        OwnerOnly.Protect(services.GetRequiredService<Settings>().DataPath); // what the first start has made
        await services.GetRequiredService<AnnouncedDevices>().RecoverAsync(cancellation);
        await services.GetRequiredService<ClockWatch>().RecoverAsync(cancellation);
        await services.GetRequiredService<Housekeeping>().RecoverAsync(cancellation);
    }

    private static void AddBroker(IServiceCollection services, Settings settings)
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

    /// <summary>Where it listens, with the setting that says so.</summary>
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

    public const string NobodyIsReached =
        "nobody is texted or called: Notify:Routes names no provider, and messages are only shown on the alarm's timeline "
        + "(docs/operations.md)";

    /// <summary>
    /// Ready: the work goes on — every loop turns, stores take, the broker is heard. Live: no loop has stood still for so long that a
    /// restart is all that is left.
    /// </summary>
    private static void MapHealth(WebApplication app)
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
