namespace Vigil.Storage.Records;

/// <summary>What of the registry was changed.</summary>
public enum RegistryPart
{
    /// <summary>A resident, with contacts, household and absences.</summary>
    Home,
    Device,
    Area,
    Visitor,
    Officer,

    /// <summary>A shift of the rota.</summary>
    Shift,
}

/// <summary>
/// A change of the registry, written by the database itself (triggers) in the transaction that makes it, whoever does: the console, an
/// import of another process, a statement by hand. Kept for an hour; <see cref="ChangeFeed"/> reads them.
/// </summary>
public sealed class RegistryChange
{
    /// <summary>In the order in which the changes were made.</summary>
    public long Sequence { get; set; }
    public RegistryPart Part { get; set; }

    /// <summary>Id of the resident, device, visitor, officer or shift; code of the area.</summary>
    public required string Subject { get; set; }

    /// <summary>By the database's clock.</summary>
    public DateTime ChangedAt { get; set; }

    /// <summary>The transaction on PostgreSQL, where changes are seen in the order of commits and not of numbers; 0 on SQLite.</summary>
    public long Transaction { get; set; }
}
