using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>A registered device.</summary>
/// <param name="ResidentId">Null while it is in stock.</param>
/// <param name="ReportMinutes">How often it is expected to report; null for its profile's own.</param>
/// <param name="TestedAt">When a test press last arrived.</param>
/// <param name="State">in-home, in-stock or retired.</param>
/// <param name="Version">Of what is registered; to be given back when it is changed.</param>
/// <param name="RegisteredAt">When it was entered that it is where it is.</param>
/// <param name="RetiredAt">Since when it is retired.</param>
/// <param name="StockArea">In whose stock it is: an area code; empty for the whole service's.</param>
internal sealed record DeviceAnswer(
    string Id,
    string Profile,
    string? ResidentId,
    string Label,
    DateTime InstalledAt,
    DateTime? FirstSeenAt,
    DateTime? LastSeenAt,
    int? ReportMinutes,
    DateTime? TestedAt,
    string State,
    string Version,
    DateTime RegisteredAt,
    DateTime? RetiredAt,
    string StockArea
)
{
    public static DeviceAnswer Of(Device d) =>
        new(
            d.Id,
            d.Profile,
            d.ResidentId,
            d.Label,
            d.InstalledAt,
            d.FirstSeenAt,
            d.LastSeenAt,
            d.ReportMinutes,
            d.TestedAt,
            d.Status.Word(),
            d.Version,
            d.RegisteredAt,
            d.RetiredAt,
            d.StockArea
        );
}

/// <summary>A home that a device was in.</summary>
/// <param name="From">Null: from the beginning.</param>
/// <param name="Until">Null: it is there now.</param>
internal sealed record DevicePlaceAnswer(string ResidentId, DateTime? From, DateTime? Until, string Profile, string Label);

/// <summary>The newest reading of a metric since the device came where it is.</summary>
/// <param name="Value">In the metric's unit; degrees of latitude for a location.</param>
internal sealed record LatestAnswer(
    string Metric,
    string Channel,
    DateTime Time,
    DateTime Received,
    double? Value,
    string Unit,
    double? Longitude,
    string? Event
);

/// <summary>A device that sends and that nobody has registered.</summary>
/// <param name="Messages">Number of messages so far.</param>
/// <param name="LastPayload">Text, else hexadecimal digits; null for a caller bound to an area, since it may be about a person
/// elsewhere.</param>
/// <param name="Announced">What the device or its gateway has announced of it, one thing a line.</param>
internal sealed record UnboundAnswer(
    string Id,
    string Profile,
    string Topic,
    DateTime FirstSeenAt,
    DateTime LastSeenAt,
    long Messages,
    string? LastPayload,
    string Announced
);

/// <summary>A payload that could not be read, kept with its bytes.</summary>
/// <param name="Username">MQTT user it came from.</param>
/// <param name="Payload">The bytes, base64.</param>
/// <param name="Preview">The first 512 bytes as text, else as hexadecimal digits.</param>
/// <param name="Hex">The bytes as hexadecimal digits.</param>
internal sealed record RejectedAnswer(
    long Id,
    DateTime Received,
    string Topic,
    string Username,
    string Device,
    string Profile,
    string Reason,
    string Payload,
    string Preview,
    string Hex
);
