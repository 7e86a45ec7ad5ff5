using System.Collections.Concurrent;

namespace Vigil.Storage.Records;

/// <summary>
/// Sealed values that could not be opened since the start, by column and stored text; at most a thousand, because more than that mean a
/// wrong key rather than damage. Thread-safe.
/// </summary>
internal sealed class UnreadableValues
{
    private const int Most = 1000;

    private readonly ConcurrentDictionary<(string Column, string Stored), bool> found = [];

    public int Count => found.Count;

    public ILookup<string, string> ByColumn => found.Keys.ToLookup(k => k.Column, k => k.Stored);

    public void Note(string column, string stored)
    {
        if (found.Count < Most)
            found.TryAdd((column, stored), true);
    }
}
