using System.ComponentModel.DataAnnotations;
using Vigil.Settings;

namespace Vigil.Host;

/// <summary>Section <c>Data</c>.</summary>
internal sealed class DataOptions
{
    /// <summary>The folder of everything that is kept; <c>./data</c>.</summary>
    public string Path { get; set; } = "data";

    /// <summary>Below so much free space readings are not taken any more, so that alarms and notices still can be written.</summary>
    [Range(0, 1 << 20)]
    public int ReserveMiB { get; set; } = 64;
}

/// <summary>Section <c>Time</c>.</summary>
internal sealed class TimeOptions
{
    /// <summary>The zone that days and nights of the homes are in.</summary>
    public string Zone { get; set; } = "Asia/Shanghai";

    /// <summary>How much faster than the wall clock (the demo).</summary>
    [Range(1, 10_000)]
    public double Speed { get; set; } = 1;
}

/// <summary>What the host itself needs of section <c>Http</c>.</summary>
internal sealed class AddressOptions
{
    /// <summary>Addresses to listen on, separated by semicolons.</summary>
    public string Urls { get; set; } = "http://127.0.0.1:5080";

    /// <summary>Nobody signs in; on loopback alone.</summary>
    public bool Open { get; set; }
}

/// <summary>Section <c>Access</c>.</summary>
internal sealed class AccessOptions
{
    /// <summary>Administrators need a second factor.</summary>
    public bool SecondFactor { get; set; } = true;
}

/// <summary>Section <c>Oidc</c>: people sign in at the organisation's own issuer; not without an authority.</summary>
internal sealed class OidcOptions
{
    [HttpsOrLoopback]
    public string Authority { get; set; } = "";

    public string ClientId { get; set; } = "";
    public string ClientSecret { get; set; } = "";
    public string RoleClaim { get; set; } = "vigil_role";
    public string AreaClaim { get; set; } = "vigil_area";
}

/// <summary>Section <c>Otlp</c>: an OpenTelemetry collector; no traces without an endpoint.</summary>
internal sealed class OtlpOptions
{
    public string Endpoint { get; set; } = "";

    /// <summary>Of the messages; every alarm and notice is traced.</summary>
    [Range(0.0, 1.0)]
    public double Share { get; set; } = 1;
}

/// <summary>Section <c>Audit</c>: where signed heads of the log of actions are kept.</summary>
internal sealed class AuditOptions
{
    /// <summary>A folder, best on another machine, that gets one file a day.</summary>
    public string HeadFile { get; set; } = "";

    /// <summary>Gets each day's head as a POST of JSON.</summary>
    [HttpsOrLoopback]
    public string HeadUrl { get; set; } = "";
}

/// <summary>A section that names a file or folder other than the one the service comes with.</summary>
internal sealed class PathOptions
{
    public string Path { get; set; } = "";
}
