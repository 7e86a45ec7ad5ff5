using System.Net;
using Vigil.Host.Backup;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Rules;
using Vigil.Settings;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// Everything a person configured, read and checked once: settings, device profiles, rules, policies, messages. What is wrong comes all at
/// once, each with its file, line, id and value, and then nothing starts.
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
        Console = Vigil.Web.ConsoleOptions.Read(configuration, problems);
        Http = Vigil.Web.HttpOptions.Read(configuration, problems);
    }

    /// <summary>Every setting there is; a section that isn't named here can't be set.</summary>
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
            .. SettingsSection.Names<Vigil.Web.ConsoleOptions>(Vigil.Web.ConsoleOptions.Section),
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

    /// <summary>Section <c>Oidc</c>; null without an authority.</summary>
    public Vigil.Web.Accounts.SingleSignOn? Elsewhere =>
        Oidc.Authority.Length > 0 ? new(Oidc.Authority, Oidc.ClientId, Oidc.ClientSecret, Oidc.RoleClaim, Oidc.AreaClaim) : null;

    /// <summary>Administrators need a second factor (<c>Access:SecondFactor</c>).</summary>
    public bool SecondFactor { get; }

    /// <summary>How much faster than the wall clock (the demo).</summary>
    public double Speed => Time.Speed;
    public TimeZoneInfo Zone { get; private set; } = TimeZoneInfo.Utc;
    public ProfileSet Profiles { get; private set; } = null!;
    public RuleSet Rules { get; private set; } = null!;
    public Policies Policies { get; private set; } = null!;
    public MessageTexts Messages { get; private set; } = null!;
    public Vigil.Web.ConsoleOptions Console { get; }
    public Vigil.Web.HttpOptions Http { get; }
    public BackupOptions Backup { get; }
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
    /// .NET's own order: appsettings.json of the working folder, the files named, the environment, the command line; the last wins.
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

    /// <summary>Reads and checks; null when anything is wrong.</summary>
    /// <param name="configuration">What was written.</param>
    /// <param name="problems">Gets everything that is wrong.</param>
    /// <param name="options">Options of the command that runs, which a setting that isn't known may have been meant for.</param>
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
        foreach (var url in settings.Urls)
        {
            if (
                !Uri.TryCreate(url.Replace("*", "any", StringComparison.Ordinal), UriKind.Absolute, out var parsed)
                || parsed.Scheme != "http"
            )
                problems.Add(
                    new Problem("Http:Urls", 0, "", url, "is not an address such as http://127.0.0.1:5080 (TLS is for the proxy in front)")
                );
            else if (settings.Open && !parsed.IsLoopback)
                problems.Add(
                    new Problem(
                        "Http:Open",
                        0,
                        "",
                        "true",
                        $"lets everybody in, so it works on a loopback address alone; Http:Urls has {url}"
                    )
                );
        }

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
