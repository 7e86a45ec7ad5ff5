using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>
/// Who did or read what. A second after it was written it gets its place in the chain, and with it the hash of the row before: see <see
/// cref="AuditChain"/>.
/// </summary>
public sealed class AuditEntry
{
    public long Id { get; set; }
    public DateTime Time { get; set; }
    public required string Who { get; set; }

    /// <summary>read, import, bind, sign-in…; for a line of an alarm's timeline the timeline's word.</summary>
    public required string Action { get; set; }
    public required string Subject { get; set; }
    public string Detail { get; set; } = "";

    /// <summary>Place in the chain, from 1 and without gaps; null until it has one.</summary>
    public long? Place { get; set; }

    /// <summary>The line of a timeline that this row stands for; null when it stands for itself.</summary>
    public long? Line { get; set; }

    /// <summary>Digest of that line.</summary>
    public string? LineDigest { get; set; }

    /// <summary>Digest of who answered for the alarm and how it ended, after that line.</summary>
    public string? AlarmDigest { get; set; }
    public string PreviousHash { get; set; } = "";
    public string Hash { get; set; } = "";
}
