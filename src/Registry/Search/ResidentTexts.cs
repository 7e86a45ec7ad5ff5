namespace Vigil.Registry.Search;

/// <summary>A text of a resident by which they are found.</summary>
internal enum TextOf
{
    Name,
    Number,
    Address,
    Category,
    Contact,
}

/// <summary>
/// The texts of all residents, as an index in memory. A resident whose texts change gets a new number; the old one is skipped from then on.
/// Thread-safe.
/// </summary>
internal sealed class ResidentTexts
{
    private static readonly TextOf[] All = Enum.GetValues<TextOf>();

    private readonly Lock gate = new();
    private readonly GramIndex[] indexes = [.. All.Select(_ => new GramIndex())];
    private readonly List<(string? Id, string Area)> residents = [];
    private readonly Dictionary<string, int> numbers = new(StringComparer.Ordinal);

    public int Count => numbers.Count;

    /// <summary>So many numbers are nobody's any more that it is worth building it anew.</summary>
    public bool IsWorn => residents.Count > 10_000 && numbers.Count < residents.Count * 3 / 4;

    public void Put(string id, string area, string name, string address, string categories, IEnumerable<string> contacts)
    {
        lock (gate)
        {
            Leave(id);
            var number = numbers[id] = residents.Count;
            residents.Add((id, string.Intern(area)));
            Add(TextOf.Name, name);
            Add(TextOf.Number, id);
            Add(TextOf.Address, address);
            Add(TextOf.Category, categories);
            foreach (var contact in contacts)
                Add(TextOf.Contact, contact);
            void Add(TextOf of, string text) => indexes[(int)of].Add(number, GramIndex.Plain(text));
        }
    }

    public void Remove(string id)
    {
        lock (gate)
            Leave(id);
    }

    public void Trim()
    {
        lock (gate)
            foreach (var index in indexes)
                index.Trim();
    }

    /// <summary>Residents who may have the word in this text, each with a number behind which the next page begins.</summary>
    /// <param name="word">As <see cref="GramIndex.Plain"/> makes it.</param>
    /// <param name="within">Of areas whose code begins with this alone.</param>
    /// <param name="after">Numbers above this.</param>
    /// <param name="most">Not more.</param>
    public List<(int Number, string Id)> Having(TextOf of, string word, string within, int after, int most)
    {
        lock (gate)
            return Known(indexes[(int)of].Having(word), within, after, most);
    }

    /// <summary>Residents who may have each of several words in any of their texts.</summary>
    public List<(int Number, string Id)> HavingAll(IEnumerable<string> words, string within, int after, int most)
    {
        lock (gate)
        {
            List<int>? all = null;
            foreach (var word in words)
            {
                var any = GramIndex.Any(indexes.Select(i => i.Having(word)));
                all = all is null ? any : GramIndex.Both(all, any);
            }

            return Known(all ?? [], within, after, most);
        }
    }

    private List<(int Number, string Id)> Known(List<int> found, string within, int after, int most)
    {
        var at = found.BinarySearch(after + 1);
        var known = new List<(int, string)>();
        for (at = at < 0 ? ~at : at; at < found.Count && known.Count < most; at++)
            if (residents[found[at]] is { Id: { } id } resident && resident.Area.StartsWith(within, StringComparison.Ordinal))
                known.Add((found[at], id));
        return known;
    }

    private void Leave(string id)
    {
        if (numbers.Remove(id, out var number))
            residents[number] = (null, "");
    }
}
