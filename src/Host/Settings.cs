using System.Net;
using Vigil.Host.Backup;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Registry;
using Vigil.Rules;
using Vigil.Settings;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// Everything that people configure, read and checked at the start: settings, device profiles, rules, policies, messages. All problems are
/// reported together, each with file, line, id and value, and nothing is started.
/// </summary>
internal sealed class Settings
{
    private Settings(IConfiguration configuration, List<Problem> problems)
    {
        Configuration = configuration;
        Data = SettingsSection.Read<DataOptions>(configuration, "Data", problems);
        DataPath = Path.GetFullPath(Data.Path);
        Mqtt = SettingsSection.Read<MqttOptions>(configuration, MqttOptions.Section, problems);
        var listen = SettingsSection.Read<AddressOptions>(configuration, "Http", problems);
        Urls = listen.Urls.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        Open = listen.Open;
        Time = SettingsSection.Read<TimeOptions>(configuration, "Time", problems);
        SecondFactor = SettingsSection.Read<AccessOptions>(configuration, "Access", problems).SecondFactor;
        Oidc = SettingsSection.Read<OidcOptions>(configuration, "Oidc", problems);
        Otlp = SettingsSection.Read<OtlpOptions>(configuration, "Otlp", problems);
        Audit = SettingsSection.Read<AuditOptions>(configuration, "Audit", problems);
        Health = HealthOptions.Read(configuration, problems);
        Backup = BackupOptions.Read(configuration, problems);
        Retention = SettingsSection.Read<RetentionOptions>(configuration, RetentionOptions.Section, problems);
        Console = Vigil.Web.ConsoleOptions.Read(configuration, problems);
        Http = Vigil.Web.HttpOptions.Read(configuration, problems);
        Vigil.Registry.Protection.ProtectionOptions.Read(configuration, problems);
    }

    /// <summary>All settings there are. A setting in the configuration that isn't listed here is an error.</summary>
    public static KnownSettings Known { get; } =
        new([
            .. SettingsSection.Names<DataOptions>("Data"),
            .. SettingsSection.Names<MqttOptions>(MqttOptions.Section),
            .. ReadingsServices.Settings,
            .. RecordsServices.Settings,
            .. NotifyServices.Settings,
            .. SettingsSection.Names<AddressOptions>("Http"),
            .. Vigil.Web.HttpOptions.Settings,
            .. SettingsSection.Names<TimeOptions>("Time"),
            .. SettingsSection.Names<AccessOptions>("Access"),
            .. SettingsSection.Names<OidcOptions>("Oidc"),
            .. SettingsSection.Names<OtlpOptions>("Otlp"),
            .. SettingsSection.Names<AuditOptions>("Audit"),
            .. SettingsSection.Names<HealthOptions>(HealthOptions.Section),
            .. SettingsSection.Names<BackupOptions>(BackupOptions.Section),
            .. SettingsSection.Names<RetentionOptions>(RetentionOptions.Section),
            .. SettingsSection.Names<Vigil.Web.ConsoleOptions>(Vigil.Web.ConsoleOptions.Section),
            .. SettingsSection.Names<Vigil.Registry.Protection.ProtectionOptions>(Vigil.Registry.Protection.ProtectionOptions.Section),
            .. new[] { "Devices", "Rules", "Policies", "Messages" }.SelectMany(SettingsSection.Names<PathOptions>),
        ]);

    public IConfiguration Configuration { get; }
    public DataOptions Data { get; }
    public string DataPath { get; private set; }
    public MqttOptions Mqtt { get; }
    public IReadOnlyList<string> Urls { get; }
    public bool Open { get; }
    public TimeOptions Time { get; }
    public OidcOptions Oidc { get; }
    public OtlpOptions Otlp { get; }
    public AuditOptions Audit { get; }

    /// <summary>Sign-in at the organisation's own issuer (section <c>Oidc</c>); null without an authority.</summary>
    public Vigil.Web.Accounts.SingleSignOn? SingleSignOn =>
        Oidc.Authority.Length > 0 ? new(Oidc.Authority, Oidc.ClientId, Oidc.ClientSecret, Oidc.RoleClaim, Oidc.AreaClaim) : null;

    /// <summary>Administrators need a second factor (<c>Access:SecondFactor</c>).</summary>
    public bool SecondFactor { get; }

    /// <summary>How many times faster than real time the service's clock runs (demo only).</summary>
    public double Speed => Time.Speed;
    public TimeZoneInfo Zone { get; private set; } = TimeZoneInfo.Utc;
    public ProfileSet Profiles { get; private set; } = null!;
    public RuleSet Rules { get; private set; } = null!;
    public Policies Policies { get; private set; } = null!;
    public MessageTexts Messages { get; private set; } = null!;
    public Vigil.Web.ConsoleOptions Console { get; }
    public Vigil.Web.HttpOptions Http { get; }
    public BackupOptions Backup { get; }
    public RetentionOptions Retention { get; }
    public HealthOptions Health { get; }

    /// <summary>The same settings for another data folder.</summary>
    internal Settings At(string dataPath)
    {
        var other = (Settings)MemberwiseClone();
        other.DataPath = dataPath;
        return other;
    }

    public static string DevicesPath(IConfiguration? configuration) => Shipped(configuration?["Devices:Path"], "devices");

    public long ReserveBytes => (long)Data.ReserveMiB << 20;

    public static string RulesPath(IConfiguration? configuration) =>
        Shipped(configuration?["Rules:Path"], Path.Combine("config", "rules.yaml"));

    public static string PoliciesPath(IConfiguration? configuration) =>
        Shipped(configuration?["Policies:Path"], Path.Combine("config", "policies.yaml"));

    public static string MessagesPath(IConfiguration? configuration) =>
        Shipped(configuration?["Messages:Path"], Path.Combine("config", "messages.yaml"));

    /// <summary>
    /// Reads the configuration in .NET's usual order, in which the last wins: appsettings.json in the working folder, the named files, the
    /// environment, the command line.
    /// </summary>
    public static IConfigurationRoot Read(
        IEnumerable<string> files,
        IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string?>? fixedValues = null
    )
    {
        var builder = new ConfigurationBuilder()
            .SetBasePath(Directory.GetCurrentDirectory())
            .AddJsonFile("appsettings.json", optional: true);
        foreach (var file in files)
            builder.AddJsonFile(Path.GetFullPath(file), optional: false);
        builder.AddEnvironmentVariables().AddCommandLine([.. arguments]);
        if (fixedValues is not null)
            builder.AddInMemoryCollection(fixedValues);
        return builder.Build();
    }

    /// <summary>Checks the configuration and reads the files it names; null when anything is wrong.</summary>
    /// <param name="configuration">The configuration.</param>
    /// <param name="problems">Gets all problems.</param>
    /// <param name="options">Options of the running command, to suggest one for a misspelled setting.</param>
    public static Settings? Check(IConfiguration configuration, List<Problem> problems, IReadOnlyCollection<string>? options = null)
    {
        var before = problems.Count;
        problems.AddRange(Known.Unknown(configuration, options ?? []));
        var settings = new Settings(configuration, problems);
        if (settings.Mqtt is { Embedded: true, Host: not ("localhost" or "*") } && !IPAddress.TryParse(settings.Mqtt.Host, out _))
            problems.Add(
                new Problem(
                    "Mqtt:Host",
                    0,
                    "",
                    settings.Mqtt.Host,
                    "the embedded broker listens on localhost, * or an IP address (did you mean Mqtt:Embedded=false?)"
                )
            );
        if (settings.Mqtt is { Embedded: true, Tls: true, Certificate.Length: 0 })
            problems.Add(new Problem("Mqtt:Certificate", 0, "", "", "Mqtt:Tls of the embedded broker needs a certificate (PEM)"));
        if (settings.Oidc is { Authority.Length: > 0, ClientId.Length: 0 })
            problems.Add(new Problem("Oidc:ClientId", 0, "", "", "is needed with Oidc:Authority"));
        problems.AddRange(Listening.Check(settings));

        var zone = settings.Time.Zone;
        if (TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found))
            settings.Zone = found;
        else
            problems.Add(
                new Problem("Time:Zone", 0, "", zone, "is not a time zone of this machine such as Asia/Shanghai (is tzdata installed?)")
            );
        if (
            settings.Otlp.Endpoint is { Length: > 0 } otlp
            && !(Uri.TryCreate(otlp, UriKind.Absolute, out var collector) && collector.Scheme is "http" or "https")
        )
            problems.Add(
                new Problem("Otlp:Endpoint", 0, "", otlp, "is not the address of an OpenTelemetry collector such as http://127.0.0.1:4318")
            );
        problems.AddRange(ReadingsServices.Check(configuration));
        problems.AddRange(RecordsServices.Check(configuration));
        problems.AddRange(NotifyServices.Check(configuration));
        problems.AddRange(AuditHeads.Check(settings.Audit));
        problems.AddRange(Floors.Check());

        settings.Profiles = ProfileSet.Load(DevicesPath(configuration), problems);
        var rules = RuleSet.Load(RulesPath(configuration), problems);
        var policies = Policies.Load(PoliciesPath(configuration), problems);
        var messages = MessageTexts.Load(MessagesPath(configuration), settings.Zone, problems);
        Vigil.Web.Scripts.Load(Shipped(null, Path.Combine("config", "scripts.yaml")), problems);
        if (problems.Count > before || rules is null || policies is null || messages is null)
            return null;
        (settings.Rules, settings.Policies, settings.Messages) = (rules, policies, messages);
        return settings;
    }

    private static string Shipped(string? configured, string name) =>
        configured is { Length: > 0 } ? Path.GetFullPath(configured) : Path.Combine(AppContext.BaseDirectory, name);
}
