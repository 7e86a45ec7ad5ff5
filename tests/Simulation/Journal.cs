using System.Text;

namespace Vigil.Tests.Simulation;

/// <summary>
/// What happened, in order: the last of it for whoever reads a failure, all of it as one number, by which two runs of a seed are compared.
/// </summary>
internal sealed class Journal(SimulatedClock clock)
{
    private const int Kept = 50;

    private readonly Queue<string> last = new();
    private readonly Dictionary<Guid, string> names = [];

    public ulong Hash { get; private set; } = 14695981039346656037;

    public long Events { get; private set; }

    public Dictionary<string, int> Covered { get; } = new(StringComparer.Ordinal);

    /// <summary>All of it, when somebody looks at one seed.</summary>
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

    /// <summary>A point that has to be reached by some seed.</summary>
    public void Cover(string point) => Covered[point] = Covered.GetValueOrDefault(point) + 1;

    /// <summary>Ids are random; their order of appearance is not.</summary>
    public string Name(string kind, Guid id)
    {
        if (!names.TryGetValue(id, out var name))
            names[id] = name = $"{kind}{names.Count + 1}";
        return name;
    }

    public string Last => string.Join('\n', last);
}

/// <summary>A promise was broken.</summary>
internal sealed class BrokenPromiseException(string promise) : Exception(promise);
