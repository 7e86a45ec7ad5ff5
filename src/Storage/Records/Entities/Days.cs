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

/// <summary>
/// What one day of a resident looked like to the sensors at home: null where there is none for it or nothing was heard. It tells more of a
/// person than their use of water does, and is deleted after thirteen months.
/// </summary>
public sealed class DailyActivity
{
    public required string ResidentId { get; set; }

    /// <summary>Local day of the service's time zone; its night is the one that ends in it.</summary>
    public DateOnly Day { get; set; }

    /// <summary>The first sign of life after four in the morning, minutes after local midnight.</summary>
    public int? Rose { get; set; }

    /// <summary>How often the bed was left between 23:00 and 6:00 and lain in again.</summary>
    public int? BedExits { get; set; }
    public int? ToiletVisits { get; set; }

    /// <summary>How often the refrigerator, the kettle, the cooker or the kitchen was used.</summary>
    public int? Meals { get; set; }
    public int? MinutesOut { get; set; }
}

/// <summary>What is compared with a person's own months.</summary>
public enum DailyFigure
{
    /// <summary>Minutes after local midnight.</summary>
    Rises,

    /// <summary>A night.</summary>
    BedExits,

    /// <summary>A day.</summary>
    ToiletVisits,

    /// <summary>A day.</summary>
    Meals,

    /// <summary>Minutes a day.</summary>
    TimeOut,

    /// <summary>Litres a day.</summary>
    Water,

    /// <summary>kWh a day.</summary>
    Electricity,
}

/// <summary>A figure that has moved away from the person's own months; a row each time it is told, so that it is told once.</summary>
public sealed class SlowChange
{
    public required string ResidentId { get; set; }
    public DailyFigure Figure { get; set; }
    public DateTime FoundAt { get; set; }

    /// <summary>The month it is compared with, by its first day.</summary>
    public DateOnly Month { get; set; }

    /// <summary>The median of that month.</summary>
    public double Before { get; set; }

    /// <summary>The median of the two weeks before it was found.</summary>
    public double Now { get; set; }
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
