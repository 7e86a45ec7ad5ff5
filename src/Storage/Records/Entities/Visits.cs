using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>The person assigned to go there (探访关爱服务联系人).</summary>
public sealed class Visitor
{
    public required string Id { get; set; }
    public required string Name { get; set; }
    public string Phone { get; set; } = "";
    public string Mail { get; set; } = "";
    public string Area { get; set; } = "";
    public string Language { get; set; } = "zh";

    /// <summary>Who goes instead while this visitor is away or off duty.</summary>
    public string? SubstituteId { get; set; }
    public bool Away { get; set; }

    /// <summary>First and last day away, local days of the service's time zone; null leaves that side open, both null: not away.</summary>
    public DateOnly? AwayFrom { get; set; }
    public DateOnly? AwayUntil { get; set; }

    /// <summary>Most substitutes of substitutes that are followed; substitutes may form a circle.</summary>
    public const int LongestChain = 5;

    /// <param name="today">A local day.</param>
    public bool IsAway(DateOnly today) =>
        Away
        || (
            (AwayFrom is not null || AwayUntil is not null)
            && (AwayFrom is null || today >= AwayFrom)
            && (AwayUntil is null || today <= AwayUntil)
        );
}

/// <summary>A visit record (附件2).</summary>
public sealed class Visit
{
    public Guid Id { get; set; }
    public required string ResidentId { get; set; }
    public string? VisitorId { get; set; }
    public Guid? AlarmId { get; set; }
    public DateTime Time { get; set; }

    /// <summary>home, phone, video, remote.</summary>
    public required string Form { get; set; }
    public string Condition { get; set; } = "";
    public string Needs { get; set; } = "";
    public string Actions { get; set; } = "";
    public string Notes { get; set; } = "";

    /// <summary>老年人服务满意度评价.</summary>
    public string Satisfaction { get; set; } = "";
    public required string RecordedBy { get; set; }
}

/// <summary>A time in which the resident is known to be away. It never suppresses SOS, smoke, gas or falls.</summary>
public sealed class Absence
{
    public Guid Id { get; set; }
    public required string ResidentId { get; set; }
    public DateTime From { get; set; }
    public DateTime Until { get; set; }
    public required string Author { get; set; }
    public string Reason { get; set; } = "";
    public DateTime? EndedAt { get; set; }
    public string EndedBy { get; set; } = "";
}
