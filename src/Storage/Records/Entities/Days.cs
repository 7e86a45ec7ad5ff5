using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>One day of one home, kept after the raw readings are gone.</summary>
public sealed class DailyUse
{
    public required string ResidentId { get; set; }

    /// <summary>Local day of the service's time zone.</summary>
    public DateOnly Day { get; set; }
    public double? Litres { get; set; }
    public double? KilowattHours { get; set; }
    public DateTime? FirstUse { get; set; }
    public DateTime? LastUse { get; set; }
}

/// <summary>The digest of one day for one contact who wants it. Written before it is sent, so that it is sent once.</summary>
public sealed class DailyDigest
{
    public Guid ContactId { get; set; }

    /// <summary>The day it tells of, local to the service's time zone.</summary>
    public DateOnly Day { get; set; }

    /// <summary>Mail or SMS.</summary>
    public required Channel Channel { get; set; }
    public int Attempts { get; set; }
    public DateTime DueAt { get; set; }
    public DateTime? SentAt { get; set; }
    public DateTime? GivenUpAt { get; set; }
    public string Note { get; set; } = "";
}
