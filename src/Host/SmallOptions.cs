using System.ComponentModel.DataAnnotations;
using Vigil.Settings;

namespace Vigil.Host;

/// <summary>Section <c>Data</c>.</summary>
internal sealed class DataOptions
{
    /// <summary>The folder of all data; <c>./data</c> by default.</summary>
    public string Path { get; set; } = "data";

    /// <summary>Free disk space, below which no readings are accepted, so that alarms and notices can still be written.</summary>
    [Range(0, 1 << 20)]
    public int ReserveMiB { get; set; } = 64;
}

/// <summary>Section <c>Time</c>.</summary>
internal sealed class TimeOptions
{
    /// <summary>Time zone of the homes.</summary>
    public string Zone { get; set; } = "Asia/Shanghai";

    /// <summary>How many times faster than real time the service's clock runs (demo only).</summary>
    [Range(1, 10_000)]
    public double Speed { get; set; } = 1;
}

/// <summary>What the host itself needs of section <c>Http</c>.</summary>
internal sealed class AddressOptions
{
    /// <summary>Addresses to listen on, separated by semicolons.</summary>
    public string Urls { get; set; } = "http://127.0.0.1:5080";

    /// <summary>Everybody may use pages and API without signing in; only on a loopback address.</summary>
    public bool Open { get; set; }
}

/// <summary>Section <c>Access</c>.</summary>
internal sealed class AccessOptions
{
    /// <summary>Administrators need a second factor.</summary>
    public bool SecondFactor { get; set; } = true;
}

/// <summary>Section <c>Oidc</c>: people sign in at the organisation's own OpenID Connect issuer; unused without an authority.</summary>
internal sealed class OidcOptions
{
    [HttpsOrLoopback]
    public string Authority { get; set; } = "";

    public string ClientId { get; set; } = "";
    public string ClientSecret { get; set; } = "";
    public string RoleClaim { get; set; } = "vigil_role";
    public string AreaClaim { get; set; } = "vigil_area";
}

/// <summary>Section <c>Otlp</c>: an OpenTelemetry collector for traces; none without an endpoint.</summary>
internal sealed class OtlpOptions
{
    public string Endpoint { get; set; } = "";

    /// <summary>Share of the messages that is traced; alarms and notices always are.</summary>
    [Range(0.0, 1.0)]
    public double Share { get; set; } = 1;
}

/// <summary>Section <c>Audit</c>: where the signed heads of the audit log are exported.</summary>
internal sealed class AuditOptions
{
    /// <summary>A folder, best on another machine, that receives one file a day.</summary>
    public string HeadFile { get; set; } = "";

    /// <summary>An address that receives the head once a day, by POST as JSON.</summary>
    [HttpsOrLoopback]
    public string HeadUrl { get; set; } = "";
}

/// <summary>A section that names a file or folder to use instead of the shipped one.</summary>
internal sealed class PathOptions
{
    public string Path { get; set; } = "";
}
