using System.Text;

namespace Vigil.Tests.Simulation;

/// <summary>
/// What happened, in order. The last lines explain a failure; a hash of all lines shows whether two runs of a seed were the same.
/// </summary>
internal sealed class Journal(SimulatedClock clock)
{
    private const int Kept = 50;

    private readonly Queue<string> last = new();
    private readonly Dictionary<Guid, string> names = [];

    public ulong Hash { get; private set; } = 14695981039346656037;

    public long Events { get; private set; }

    public Dictionary<string, int> Covered { get; } = new(StringComparer.Ordinal);

    /// <summary>All lines, kept when a single seed is run to be read.</summary>
    public StringBuilder? Whole { get; init; }

    public void Note(string what)
    {
        Events++;
        var line = $"{clock.Elapsed:d\\.hh\\:mm\\:ss\\.fff} {what}";
        foreach (var c in line)
            Hash = (Hash ^ c) * 1099511628211; // FNV-1a
        last.Enqueue(line);
        if (last.Count > Kept)
            last.Dequeue();
        Whole?.AppendLine(line);
    }

    /// <summary>Counts that a point was reached; over all seeds every expected point has to be.</summary>
    public void Cover(string point) => Covered[point] = Covered.GetValueOrDefault(point) + 1;

    /// <summary>A name for an id. Ids differ in each run, but the order in which they appear does not.</summary>
    public string Name(string kind, Guid id)
    {
        if (!names.TryGetValue(id, out var name))
            names[id] = name = $"{kind}{names.Count + 1}";
        return name;
    }

    public string Last => string.Join('\n', last);
}

/// <summary>The service broke a promise.</summary>
internal sealed class BrokenPromiseException(string promise) : Exception(promise);
