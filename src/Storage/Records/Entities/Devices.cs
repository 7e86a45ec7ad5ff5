using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>A registered device in somebody's home.</summary>
public sealed class Device
{
    public required string Id { get; set; }

    /// <summary>The profile that reads it, such as <c>wmbusmeters/multical21</c>.</summary>
    public required string Profile { get; set; }

    /// <summary>Null while it is in stock.</summary>
    public string? ResidentId { get; set; }
    public string Label { get; set; } = "";

    /// <summary>From here on it is expected to report: a device that never has is found silent too.</summary>
    public DateTime InstalledAt { get; set; }
    public DateTime? FirstSeenAt { get; set; }
    public DateTime? LastSeenAt { get; set; }

    /// <summary>How often it is expected to report; null for the profile's own.</summary>
    public int? ReportMinutes { get; set; }

    /// <summary>When a test press last arrived.</summary>
    public DateTime? TestedAt { get; set; }
}

/// <summary>
/// What a device announced of itself (Home Assistant's discovery), as it came; kept so that its topics can be read after a restart too.
/// </summary>
public sealed class DeviceAnnouncement
{
    /// <summary>The discovery topic it came on.</summary>
    public required string Topic { get; set; }
    public required byte[] Payload { get; set; }
    public DateTime ReceivedAt { get; set; }
}

/// <summary>A device that sends messages but that nobody has registered; it waits to be bound to a home.</summary>
public sealed class UnboundDevice
{
    public required string Id { get; set; }
    public string Profile { get; set; } = "";
    public required string Topic { get; set; }
    public DateTime FirstSeenAt { get; set; }
    public DateTime LastSeenAt { get; set; }
    public long Messages { get; set; }
    public byte[] LastPayload { get; set; } = [];

    /// <summary>What it announces of itself (Home Assistant discovery), JSON; else empty.</summary>
    public string Announced { get; set; } = "";
}

/// <summary>A payload that could not be read: kept with its topic, bytes and reason.</summary>
public sealed class RejectedPayload
{
    public long Id { get; set; }
    public DateTime Received { get; set; }
    public required string Topic { get; set; }
    public string Username { get; set; } = "";
    public string Device { get; set; } = "";
    public string Profile { get; set; } = "";
    public required byte[] Payload { get; set; }
    public required Wording Reason { get; set; }
}
