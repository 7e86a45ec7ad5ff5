using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Vigil.Host.Backup;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Registry;
using Vigil.Registry.Protection;
using Vigil.Rules;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Web;
using Vigil.Web.Operations;

namespace Vigil.Host;

/// <summary>Assembles the service: a table of contents of its parts, in the order in which data passes through them.</summary>
internal static class Service
{
    /// <param name="settings">All settings.</param>
    /// <param name="clock">The service's clock.</param>
    /// <param name="lifetime">Who decides when it stops; null for the host's own handling of signals.</param>
    public static WebApplication Build(Settings settings, TimeProvider clock, IHostLifetime? lifetime = null)
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
            .AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None) // the answer itself says what is wrong
            .AddFilter("Polly", LogLevel.Error); // failed attempts are on the timeline
        if (lifetime is not null)
            builder.Services.AddSingleton(lifetime);
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
            .AddSingleton(settings.Retention)
            .AddSingleton<Retention>()
            .AddSingleton(LiveRegistry.HomesOf(settings.Profiles))
            .AddSingleton<SpeaksOfLife>(s => name => s.GetRequiredService<LiveRegistry>().Find(name)?.Profile.SpeaksOfLife == true)
            .AddSingleton(s => new Secrets(s.AlarmRecords(), s.GetRequiredService<TimeProvider>(), s.GetRequiredService<SpeaksOfLife>()))
            .AddSingleton(settings.Profiles)
            .AddSingleton<KnowsProfile>(_ => id => settings.Profiles.Find(id) is not null)
            .AddSingleton(PageProfiles.Of(settings.Profiles))
            .AddSingleton<IsCallButton>(_ => id => settings.Profiles.Find(id)?.IsCallButton == true)
            .AddSingleton<Func<RegistryImport>>(s =>
                () =>
                    new RegistryImport(
                        s.GetRequiredService<IDbContextFactory<RecordsDb>>(),
                        clock,
                        id => settings.Profiles.Find(id) is not null
                    )
            )
            .AddSingleton(s => ActivatorUtilities.CreateInstance<ImportJobs>(s, Path.Combine(settings.DataPath, "uploads")))
            .AddSingleton(new RulePartitions(settings.Rules, settings.Zone))
            .AddSingleton<OutlooksOf>(s => s.GetRequiredService<RulePartitions>().OutlooksOf)
            .AddSingleton<SignsOf>(s => s.GetRequiredService<RulePartitions>().SignsOf)
            .AddSingleton<LiveRegistry>()
            .AddSingleton<ErasedFiles>()
            .AddSingleton<ForgetsErased>(s => s.GetRequiredService<ErasedFiles>().ForgetAsync)
            .AddNotify(settings.Configuration, settings.Policies, settings.Messages, settings.DataPath)
            .AddSingleton(s => new RecordsProbe(s.AlarmRecords()))
            .AddSingleton(s => ActivatorUtilities.CreateInstance<SetAside>(s, settings.DataPath))
            .AddSingleton(s => ActivatorUtilities.CreateInstance<DiskReserve>(s, settings.DataPath, settings.ReserveBytes))
            .AddSingleton<Announcements>()
            .AddSingleton<AnnouncedDevices>()
            .AddSingleton<Sightings>()
            .AddSingleton<GatewayAreas>()
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
            .AddSingleton<RetentionRun>()
            .AddHostedService(s => s.GetRequiredService<RetentionRun>())
            .AddSingleton<AuditWatch>()
            .AddHostedService(s => s.GetRequiredService<AuditWatch>())
            .AddHostedService<CertificateWatch>()
            .AddSingleton<Heartbeats>()
            .AddHostedService(s => s.GetRequiredService<Heartbeats>())
            .AddHostedService<PoolWatch>()
            .AddHostedService<ImportWatch>()
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
                new Vigil.Web.Accounts.AccountsOptions(settings.SecondFactor, settings.SingleSignOn),
                settings.Http
            );
        // Only outside the demo: providers and other systems live in real time, not by a clock that runs faster.
        if (clock is SteadyClock)
            builder.Services.AddKeyedSingleton(ChannelHttp.Clock, clock);
        Listening.AddBroker(builder.Services, settings);
        Health.Add(builder.Services);
        Listening.Configure(builder.WebHost, settings);
        var app = builder.Build();
        app.Services.GetRequiredService<AlarmDesk>().SelfTestTo = settings.Health.CanaryAddress;
        app.Services.GetRequiredService<MetricsText>(); // created now, so that it counts from the first message on
        ProcessMeter.Observe(app.Services.GetRequiredService<Meter>());
        // Disconnects devices first: the web server is stopped before all other services and would wait for their connections.
        if (app.Services.GetService<EmbeddedBroker>() is { } broker)
            app.Lifetime.ApplicationStopping.Register(() => _ = broker.StopAsync(CancellationToken.None));
        Health.Map(app);
        app.MapConsole();
        return app;
    }

    /// <summary>
    /// Everything that has to happen before the first message: checks of the stored data, the schema, the registry, the state of the rules,
    /// what a crash left unfinished.
    /// </summary>
    public static async Task PrepareAsync(IServiceProvider services, CancellationToken cancellation)
    {
        Directory.CreateDirectory(services.GetRequiredService<Settings>().DataPath);
        services.GetRequiredService<DiskReserve>().Look(); // frees its space when the disk is so full that nothing could be opened
        var stored = services.GetRequiredService<StoredData>();
        stored.Check();
        if (services.GetRequiredService<IReadingStore>() is Vigil.Storage.Readings.Influx.InfluxReadingStore influx)
            influx.LineRefused += line =>
                services
                    .GetRequiredService<SetAside>()
                    .Tell(("a reading", "一条读数"), StorableText.Of(line.Reason, StorableText.LongReason));
        await services.GetRequiredService<IDbContextFactory<RecordsDb>>().MigrateAsync(stored.Say, cancellation);
        OwnerOnly.Protect(services.GetRequiredService<Settings>().DataPath); // files that a first start has created
        await services.GetRequiredService<AnnouncedDevices>().RecoverAsync(cancellation);
        var set = await services.GetRequiredService<ClockWatch>().RecoverAsync(cancellation);
        await services.GetRequiredService<Housekeeping>().RecoverAsync(set, cancellation);
    }
}
