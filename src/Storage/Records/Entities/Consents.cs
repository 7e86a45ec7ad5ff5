using Vigil.Model;

namespace Vigil.Storage.Records;

public enum ConsentDecision
{
    Given,
    Refused,

    /// <summary>It had been given before.</summary>
    Withdrawn,
}

/// <summary>Who decided.</summary>
public enum ConsentBy
{
    Resident,

    /// <summary>监护人.</summary>
    Guardian,
    Family,

    /// <summary>A registry file doesn't say.</summary>
    Unstated,
}

/// <summary>
/// A decision about one purpose. Never changed and never overwritten: a later one is another row. Erased with the person alone.
/// </summary>
public sealed class Consent
{
    public Guid Id { get; set; }
    public required string ResidentId { get; set; }
    public Purpose Purpose { get; set; }
    public ConsentDecision Decision { get; set; }
    public ConsentBy By { get; set; }

    /// <summary>Of a guardian or family member; empty where the resident decided.</summary>
    public string Name { get; set; } = "";

    /// <summary>To the resident.</summary>
    public string Relation { get; set; } = "";

    /// <summary>The day on which it was said or signed.</summary>
    public DateOnly On { get; set; }

    /// <summary>On which paper, or how: a signed form with its number, said on a visit, a registry file.</summary>
    public string How { get; set; } = "";

    /// <summary>The account that wrote it down.</summary>
    public string RecordedBy { get; set; } = "";
    public DateTime RecordedAt { get; set; }

    /// <summary>When data of the purpose that was stored before was deleted; null while it wasn't.</summary>
    public DateTime? DataEndedAt { get; set; }
}
