using System.Net;
using Vigil.Host.Backup;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Rules;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// Everything a person configured, read and checked once: settings, device profiles, rules, policies, messages. What is wrong comes all at
/// once, each with its file, line, id and value, and then nothing starts.
/// </summary>
internal sealed class Settings
{
    private Settings(IConfiguration configuration)
    {
        Configuration = configuration;
        DataPath = Path.GetFullPath(configuration["Data:Path"] ?? "data");
        Mqtt = configuration.GetSection(MqttOptions.Section).Get<MqttOptions>() ?? new();
        Urls = (configuration["Http:Urls"] ?? "http://127.0.0.1:5080").Split(
            ';',
            StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries
        );
        Open = configuration.GetValue("Http:Open", false);
        Speed = configuration.GetValue("Time:Speed", 1.0);
    }

    public IConfiguration Configuration { get; }
    public string DataPath { get; private set; }
    public MqttOptions Mqtt { get; }
    public IReadOnlyList<string> Urls { get; }
    public bool Open { get; }

    /// <summary>Section <c>Oidc</c>; null without an authority.</summary>
    public Vigil.Web.Accounts.SingleSignOn? Elsewhere =>
        Configuration["Oidc:Authority"] is { Length: > 0 } authority
            ? new(
                authority,
                Configuration["Oidc:ClientId"] ?? "",
                Configuration["Oidc:ClientSecret"] ?? "",
                Configuration["Oidc:RoleClaim"] ?? "vigil_role",
                Configuration["Oidc:AreaClaim"] ?? "vigil_area"
            )
            : null;

    /// <summary>Administrators need a second factor (<c>Access:SecondFactor</c>).</summary>
    public bool SecondFactor => Configuration.GetValue("Access:SecondFactor", true);

    /// <summary>How much faster than the wall clock (the demo).</summary>
    public double Speed { get; }
    public TimeZoneInfo Zone { get; private set; } = TimeZoneInfo.Utc;
    public ProfileSet Profiles { get; private set; } = null!;
    public RuleSet Rules { get; private set; } = null!;
    public Policies Policies { get; private set; } = null!;
    public MessageTexts Messages { get; private set; } = null!;
    public Vigil.Web.ConsoleOptions Console { get; private set; } = null!;
    public Vigil.Web.HttpOptions Http { get; private set; } = null!;
    public BackupOptions Backup { get; private set; } = new();

    /// <summary>The same settings for another data folder.</summary>
    internal Settings At(string dataPath)
    {
        var other = (Settings)MemberwiseClone();
        other.DataPath = dataPath;
        return other;
    }

    public static string DevicesPath(IConfiguration? configuration) => Shipped(configuration?["Devices:Path"], "devices");

    /// <summary>
    /// <c>Data:ReserveMiB</c> (64): below so much free space readings are not taken any more, so that alarms and notices still can be
    /// written.
    /// </summary>
    public long ReserveBytes =>
        (
            long.TryParse(Configuration["Data:ReserveMiB"], System.Globalization.CultureInfo.InvariantCulture, out var mib) && mib >= 0
                ? mib
                : 64
        ) << 20;

    public HealthOptions Health { get; private set; } = HealthOptions.Read(new ConfigurationBuilder().Build());

    public static string RulesPath(IConfiguration? configuration) =>
        Shipped(configuration?["Rules:Path"], Path.Combine("config", "rules.yaml"));

    public static string PoliciesPath(IConfiguration? configuration) =>
        Shipped(configuration?["Policies:Path"], Path.Combine("config", "policies.yaml"));

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
    public static Settings? Check(IConfiguration configuration, List<Problem> problems)
    {
        var before = problems.Count;
        Settings settings;
        try
        {
            settings = new Settings(configuration);
        }
        catch (InvalidOperationException e)
        {
            // "Failed to convert configuration value 'x' at 'Mqtt:Port' to type …"
            problems.Add(new Problem("configuration", 0, "", "", e.Message));
            return null;
        }

        var results = new List<System.ComponentModel.DataAnnotations.ValidationResult>();
        System.ComponentModel.DataAnnotations.Validator.TryValidateObject(
            settings.Mqtt,
            new(settings.Mqtt),
            results,
            validateAllProperties: true
        );
        foreach (var result in results)
        {
            var key = "Mqtt:" + result.MemberNames.FirstOrDefault();
            problems.Add(new Problem(key, 0, "", configuration[key] ?? "", result.ErrorMessage ?? "is out of range"));
        }

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
        foreach (
            var (key, file) in new[]
            {
                ("Mqtt:Certificate", settings.Mqtt.Certificate),
                ("Mqtt:CertificateKey", settings.Mqtt.CertificateKey),
                ("Mqtt:CertificateAuthority", settings.Mqtt.CertificateAuthority),
            }
        )
            if (file.Length > 0 && !File.Exists(file))
                problems.Add(new Problem(key, 0, "", file, "there is no such file"));
        if (settings.Elsewhere is { } elsewhere)
        {
            if (
                !Uri.TryCreate(elsewhere.Authority, UriKind.Absolute, out var issuer)
                || (issuer.Scheme != "https" && !(issuer.Scheme == "http" && issuer.IsLoopback))
            )
                problems.Add(new Problem("Oidc:Authority", 0, "", elsewhere.Authority, "is not an https address"));
            if (elsewhere.ClientId.Length == 0)
                problems.Add(new Problem("Oidc:ClientId", 0, "", "", "is needed with Oidc:Authority"));
        }

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

        var zone = configuration["Time:Zone"] ?? "Asia/Shanghai";
        if (TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found))
            settings.Zone = found;
        else
            problems.Add(
                new Problem("Time:Zone", 0, "", zone, "is not a time zone of this machine such as Asia/Shanghai (is tzdata installed?)")
            );
        if (
            configuration["Otlp:Endpoint"] is { Length: > 0 } otlp
            && !(Uri.TryCreate(otlp, UriKind.Absolute, out var collector) && collector.Scheme is "http" or "https")
        )
            problems.Add(
                new Problem("Otlp:Endpoint", 0, "", otlp, "is not the address of an OpenTelemetry collector such as http://127.0.0.1:4318")
            );
        if (
            configuration["Otlp:Share"] is { Length: > 0 } share
            && !(double.TryParse(share, System.Globalization.CultureInfo.InvariantCulture, out var part) && part is >= 0 and <= 1)
        )
            problems.Add(new Problem("Otlp:Share", 0, "", share, "is not a share from 0 to 1"));
        settings.Health = HealthOptions.Read(configuration, problems);
        problems.AddRange(ReadingsServices.Check(configuration));
        problems.AddRange(RecordsServices.Check(configuration));
        problems.AddRange(NotifyServices.Check(configuration));
        problems.AddRange(AuditHeads.Check(configuration));
        problems.AddRange(Floors.Check());
        settings.Console = Vigil.Web.ConsoleOptions.Read(configuration, problems);
        settings.Http = Vigil.Web.HttpOptions.Read(configuration, problems);
        settings.Backup = BackupOptions.Read(configuration, problems);

        settings.Profiles = ProfileSet.Load(DevicesPath(configuration), problems);
        var rules = RuleSet.Load(RulesPath(configuration), problems);
        var policies = Policies.Load(PoliciesPath(configuration), problems);
        var messages = MessageTexts.Load(
            Shipped(configuration["Messages:Path"], Path.Combine("config", "messages.yaml")),
            settings.Zone,
            problems
        );
        Vigil.Web.Scripts.Load(Shipped(null, Path.Combine("config", "scripts.yaml")), problems);
        if (problems.Count > before || rules is null || policies is null || messages is null)
            return null;
        (settings.Rules, settings.Policies, settings.Messages) = (rules, policies, messages);
        return settings;
    }

    private static string Shipped(string? configured, string name) =>
        configured is { Length: > 0 } ? Path.GetFullPath(configured) : Path.Combine(AppContext.BaseDirectory, name);
}
