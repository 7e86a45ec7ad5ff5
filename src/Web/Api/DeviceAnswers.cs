namespace Vigil.Web.Api;

/// <summary>A registered device.</summary>
/// <param name="ResidentId">Null while it is in stock.</param>
/// <param name="ReportMinutes">How often it is expected to report; null for its profile's own.</param>
/// <param name="TestedAt">When a test press last arrived.</param>
internal sealed record DeviceAnswer(
    string Id,
    string Profile,
    string? ResidentId,
    string Label,
    DateTime InstalledAt,
    DateTime? FirstSeenAt,
    DateTime? LastSeenAt,
    int? ReportMinutes,
    DateTime? TestedAt
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
