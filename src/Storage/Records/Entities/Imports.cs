namespace Vigil.Storage.Records;

/// <summary>
/// A registry file that was checked and is being written in many short transactions. While the row is there, the file isn't written to its
/// end; whoever starts next goes on where it stopped. There is at most one.
/// </summary>
public sealed class ImportRun
{
    /// <summary>The only key there is: a second import can't begin before the first one has ended.</summary>
    public const int Only = 1;

    public int Id { get; set; } = Only;

    /// <summary>Name of the file, as the person knows it.</summary>
    public required string File { get; set; }
    public required string Who { get; set; }
    public DateTime StartedAt { get; set; }

    /// <summary>What the person asked for, as JSON.</summary>
    public required string Options { get; set; }

    /// <summary>All pieces of the file are stored: from here on the import is finished, whatever happens.</summary>
    public bool Ready { get; set; }

    /// <summary>Rows of the file that have been written.</summary>
    public int Done { get; set; }

    /// <summary>Who writes it; changes when another process goes on with it.</summary>
    public Guid Writer { get; set; }

    /// <summary>Until then its writer is taken to be alive; renewed with each transaction.</summary>
    public DateTime AliveUntil { get; set; }
}

/// <summary>A piece of the file that is being imported: compressed, base64, sealed.</summary>
public sealed class ImportPiece
{
    /// <summary>From 0 on, in order.</summary>
    public int Number { get; set; }
    public required string Content { get; set; }
}
