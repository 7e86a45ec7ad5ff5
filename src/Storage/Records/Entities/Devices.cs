using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>Where a registered device is in its life.</summary>
public enum DeviceStatus
{
    /// <summary>In somebody's home.</summary>
    InHome = 0,

    /// <summary>In nobody's home, and may come into one.</summary>
    InStock = 1,

    /// <summary>Done with: it comes into no home again unless somebody takes it back into stock first.</summary>
    Retired = 2,
}

/// <summary>A registered device: in somebody's home, in stock or retired.</summary>
public sealed class Device
{
    /// <summary>The longest label.</summary>
    public const int LongestLabel = 100;

    public required string Id { get; set; }

    /// <summary>The profile that reads it, such as <c>wmbusmeters/multical21</c>.</summary>
    public required string Profile { get; set; }

    /// <summary>Null while it is in stock, and once it is retired.</summary>
    public string? ResidentId { get; set; }
    public string Label { get; set; } = "";

    /// <summary>When it was put where it is.</summary>
    public DateTime InstalledAt { get; set; }

    /// <summary>
    /// When it was entered here that it is where it is. From the later of this and <see cref="InstalledAt"/> on it is expected to report: a
    /// device that never has is found silent too, but not for the years before this service knew of it.
    /// </summary>
    public DateTime RegisteredAt { get; set; }

    /// <summary>From when on what it measures is of this home; null: from the beginning, it was never anywhere else.</summary>
    public DateTime? PlacedAt { get; set; }

    /// <summary>Since when it is retired.</summary>
    public DateTime? RetiredAt { get; set; }

    /// <summary>In whose stock it is: a code of 2 to 12 digits; empty: of the whole service.</summary>
    public string StockArea { get; set; } = "";

    public DateTime? FirstSeenAt { get; set; }
    public DateTime? LastSeenAt { get; set; }

    /// <summary>How often it is expected to report; null for the profile's own.</summary>
    public int? ReportMinutes { get; set; }

    /// <summary>When a test press last arrived.</summary>
    public DateTime? TestedAt { get; set; }

    public DeviceStatus Status =>
        RetiredAt is not null ? DeviceStatus.Retired
        : ResidentId is null ? DeviceStatus.InStock
        : DeviceStatus.InHome;

    /// <summary>It was heard after it was retired: somebody still has it.</summary>
    public bool SpeaksRetired => LastSeenAt > RetiredAt;

    /// <summary>See <see cref="RecordVersion"/>. When it was heard or tested makes no other version.</summary>
    public string Version =>
        RecordVersion.Of(Profile, ResidentId, Label, InstalledAt, RegisteredAt, PlacedAt, RetiredAt, StockArea, ReportMinutes);

    /// <summary>It is in this home from now on.</summary>
    /// <param name="home">Whose.</param>
    /// <param name="at">Since when.</param>
    /// <param name="now">When that is entered.</param>
    public void Enter(string home, DateTime at, DateTime now) =>
        (ResidentId, InstalledAt, PlacedAt, RegisteredAt, RetiredAt, StockArea) = (home, at, at, now, null, "");

    /// <summary>
    /// It leaves the home that it is in, into stock. What it measured there stays of that home: the row has to be added.
    /// </summary>
    public FormerPlace Leave(DateTime at, DateTime now, string stock)
    {
        var place = new FormerPlace
        {
            DeviceId = Id,
            ResidentId = ResidentId!,
            From = PlacedAt,
            Until = at,
            Profile = Profile,
            Label = Label,
        };
        (ResidentId, PlacedAt, InstalledAt, RegisteredAt, StockArea) = (null, null, at, now, stock);
        return place;
    }
}

/// <summary>
/// A home that a device was in, and until when. What it measured then is read for that home, and what it measures since for no other's
/// sake: neither is a replaced meter's past lost, nor does a moved device tell of the home it is in now.
/// </summary>
public sealed class FormerPlace
{
    public required string DeviceId { get; set; }
    public required string ResidentId { get; set; }

    /// <summary>Null: from the beginning.</summary>
    public DateTime? From { get; set; }
    public DateTime Until { get; set; }

    /// <summary>As it was read there, and what it was called.</summary>
    public string Profile { get; set; } = "";
    public string Label { get; set; } = "";
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
