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
    private readonly List<Entry> residents = [];
    private readonly Dictionary<string, int> numbers = new(StringComparer.Ordinal);

    /// <summary>Up to here they stand in the order of their ids; those that came or changed since are in <see cref="late"/>.</summary>
    private int inOrder;
    private bool isRead;
    private readonly List<int> late = [];

    public int Count => numbers.Count;

    /// <summary>So many numbers are nobody's any more that it is worth building it anew.</summary>
    public bool IsWorn => residents.Count > 10_000 && numbers.Count < residents.Count * 3 / 4;

    public void Put(string id, string area, string name, string address, string categories, Care care, IEnumerable<string> contacts)
    {
        lock (gate)
        {
            if (numbers.TryGetValue(id, out var before))
                care = care with { Last = residents[before].Care.Last, LastAtHome = residents[before].Care.LastAtHome };
            Leave(id);
            var number = numbers[id] = residents.Count;
            var plain = GramIndex.Plain(name);
            residents.Add(new Entry(id, string.Intern(area), plain, care));
            if (isRead)
                late.Insert(PlaceOf(id), number);
            Add(TextOf.Name, plain);
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

    /// <summary>All have been read, in the order of their ids.</summary>
    public void ReadInOrder()
    {
        lock (gate)
        {
            (inOrder, isRead) = (residents.Count, true);
            residents.TrimExcess();
            foreach (var index in indexes)
                index.Trim();
        }
    }

    /// <summary>The area somebody lives in; null for nobody.</summary>
    public string? AreaOf(string id)
    {
        lock (gate)
            return numbers.TryGetValue(id, out var number) ? residents[number].Area : null;
    }

    /// <summary>When somebody was last visited, in any form but remotely, and when at home.</summary>
    public void Visited(string id, DateTime? last, DateTime? lastAtHome)
    {
        lock (gate)
            if (numbers.TryGetValue(id, out var number))
                residents[number] = residents[number] with
                {
                    Care = residents[number].Care with { Last = Care.Seconds(last), LastAtHome = Care.Seconds(lastAtHome) },
                };
    }

    /// <summary>Somebody was visited.</summary>
    public void WasVisited(string id, DateTime at, bool atHome)
    {
        lock (gate)
            if (numbers.TryGetValue(id, out var number))
            {
                var (care, seconds) = (residents[number].Care, Care.Seconds(at));
                residents[number] = residents[number] with
                {
                    Care = care with
                    {
                        Last = Math.Max(care.Last, seconds),
                        LastAtHome = atHome ? Math.Max(care.LastAtHome, seconds) : care.LastAtHome,
                    },
                };
            }
    }

    /// <summary>A page of those who are to be visited, the most urgent first.</summary>
    /// <param name="within">Of areas whose code begins with this alone.</param>
    /// <param name="due">How urgently, the smallest first; null: not yet.</param>
    /// <param name="but">Left out.</param>
    /// <param name="offset">Skipped.</param>
    /// <param name="limit">At most.</param>
    /// <returns>Their ids, and how many there are in all.</returns>
    public (List<string> Ids, int Total) Due(
        string within,
        Func<string, Care, (bool Watched, DateTime Due)?> due,
        IReadOnlySet<string> but,
        int offset,
        int limit
    )
    {
        lock (gate)
        {
            var keys = new List<ulong>();
            for (var number = 0; number < residents.Count; number++)
            {
                var (id, area, _, care) = residents[number];
                if (id is null || !area.StartsWith(within, StringComparison.Ordinal) || due(area, care) is not { } by || but.Contains(id))
                    continue;
                keys.Add((by.Watched ? 0 : 1UL << 60) | ((ulong)Care.Seconds(by.Due) << 24) | (uint)number);
            }

            // Of one second by number: that is the order of ids, but for the few that changed since the reading.
            keys.Sort();
            return ([.. keys.Skip(offset).Take(limit).Select(k => residents[(int)(k & 0xFFFFFF)].Id!)], keys.Count);
        }
    }

    /// <summary>A page of those who have the word in the name or number or live in an area that begins with it, by number.</summary>
    /// <param name="word">As <see cref="GramIndex.Plain"/> makes it; empty for all.</param>
    /// <param name="within">Of areas whose code begins with this alone.</param>
    /// <param name="offset">Skipped.</param>
    /// <param name="limit">At most.</param>
    /// <returns>Their ids, and how many there are in all.</returns>
    public (List<string> Ids, int Total) Page(string word, string within, int offset, int limit)
    {
        var (page, total) = (new List<string>(), 0);
        lock (gate)
        {
            var having = word.Length == 0 ? null : Having(word);
            var next = 0;
            for (var number = 0; number < inOrder; number++)
            {
                if (!Has(number))
                    continue;
                var id = residents[number].Id!;
                while (next < late.Count && string.CompareOrdinal(residents[late[next]].Id, id) < 0)
                    Take(late[next++]);
                Count(id);
            }

            while (next < late.Count)
                Take(late[next++]);

            bool Has(int number)
            {
                var resident = residents[number];
                return resident.Id is not null
                    && (having is null || (having[number >> 6] & (1UL << number)) != 0)
                    && resident.Area.StartsWith(within, StringComparison.Ordinal);
            }

            void Take(int number)
            {
                if (Has(number))
                    Count(residents[number].Id!);
            }
        }

        return (page, total);

        void Count(string id)
        {
            if (total++ >= offset && page.Count < limit)
                page.Add(id);
        }
    }

    /// <summary>A bit for each number.</summary>
    private ulong[] Having(string word)
    {
        var bits = new ulong[residents.Count / 64 + 1];
        // Of one or two characters it is certain without a look.
        foreach (var number in indexes[(int)TextOf.Name].Having(word))
            if (word.Length < 3 || residents[number].Name.Contains(word, StringComparison.Ordinal))
                bits[number >> 6] |= 1UL << number;
        foreach (var number in indexes[(int)TextOf.Number].Having(word))
            if (word.Length < 3 || (residents[number].Id is { } id && IsIn(id, word)))
                bits[number >> 6] |= 1UL << number;
        for (var number = 0; char.IsAsciiDigit(word[0]) && number < residents.Count; number++)
            if (residents[number].Area.StartsWith(word, StringComparison.Ordinal))
                bits[number >> 6] |= 1UL << number;
        return bits;
    }

    private static bool IsIn(string id, string word) =>
        id.Contains(word, StringComparison.OrdinalIgnoreCase) || GramIndex.Plain(id).Contains(word, StringComparison.Ordinal);

    /// <summary>Where it belongs among the late ones.</summary>
    private int PlaceOf(string id)
    {
        var (low, high) = (0, late.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (string.CompareOrdinal(residents[late[middle]].Id, id) < 0)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
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
        if (!numbers.Remove(id, out var number))
            return;
        if (isRead && number >= inOrder)
            late.RemoveAt(PlaceOf(id));
        residents[number] = new Entry(null, "", "", default);
    }

    /// <param name="Id">Null: this number is nobody's any more.</param>
    /// <param name="Name">As <see cref="GramIndex.Plain"/> makes it.</param>
    private readonly record struct Entry(string? Id, string Area, string Name, Care Care);
}
