using System.Runtime.InteropServices;
using System.Text;

namespace Vigil.Registry.Search;

/// <summary>
/// Which numbers have a text that contains a word: for each two characters that stand beside each other, a list of numbers. Names of two or
/// three characters and parts of addresses are found without a scan, which an index of a database doesn't do for them: SQLite's and
/// PostgreSQL's trigrams need three. Numbers are added in rising order. Not thread-safe.
/// </summary>
internal sealed class GramIndex
{
    /// <summary>Beside the last character of a text, so that words of one character are found too.</summary>
    private const char End = '\0';

    private readonly Dictionary<uint, List<int>> lists = [];

    /// <summary>What is compared: one form for full-width and half-width, small letters, no white space.</summary>
    public static string Plain(string text)
    {
        // Most names and addresses are plain already.
        var plain = true;
        foreach (var c in text)
            plain &= c is >= '0' and <= '9' or >= 'a' and <= 'z' or >= '\u4E00' and <= '\u9FFF';
        if (plain)
            return text;
        var made = new StringBuilder(text.Length);
        foreach (var c in StorableNormal(text))
            if (!char.IsWhiteSpace(c) && c != End)
                made.Append(char.ToLowerInvariant(c));
        return made.ToString();
    }

    /// <summary>Half of a pair of surrogates, which no form can be made of, is left as it is.</summary>
    private static string StorableNormal(string text)
    {
        try
        {
            return text.Normalize(NormalizationForm.FormKC);
        }
        catch (ArgumentException)
        {
            return text;
        }
    }

    /// <param name="number">Not below any that was added.</param>
    /// <param name="plain">As <see cref="Plain"/> makes it.</param>
    public void Add(int number, ReadOnlySpan<char> plain)
    {
        for (var i = 0; i < plain.Length; i++)
        {
            ref var list = ref CollectionsMarshal.GetValueRefOrAddDefault(
                lists,
                Gram(plain[i], i + 1 < plain.Length ? plain[i + 1] : End),
                out _
            );
            list ??= [];
            if (list.Count == 0 || list[^1] != number)
                list.Add(number);
        }
    }

    /// <summary>
    /// Numbers, rising, whose text may contain the word: it has all its pairs, though perhaps not one after another. Certain for words of
    /// one or two characters.
    /// </summary>
    public List<int> Having(string word)
    {
        if (word.Length == 0)
            return [];
        if (word.Length == 1)
            return Beginning(word[0]);
        var found = new List<List<int>>();
        for (var i = 0; i + 1 < word.Length; i++)
        {
            if (!lists.TryGetValue(Gram(word[i], word[i + 1]), out var list))
                return [];
            found.Add(list);
        }

        found.Sort((a, b) => a.Count.CompareTo(b.Count));
        List<int> both = [.. found[0]];
        foreach (var other in found.Skip(1).Where(l => !ReferenceEquals(l, found[0])))
            both = Both(both, other);
        return both;
    }

    /// <summary>Gives back what the lists hold in reserve, after many were added.</summary>
    public void Trim()
    {
        foreach (var list in lists.Values)
            list.TrimExcess();
    }

    /// <summary>Numbers, rising, that stand in both.</summary>
    public static List<int> Both(List<int> few, List<int> many)
    {
        if (few.Count > many.Count)
            (few, many) = (many, few);
        var both = new List<int>(few.Count);
        var at = 0;
        foreach (var number in few)
        {
            at = PlaceIn(many, number, at);
            if (at == many.Count)
                break;
            if (many[at] == number)
                both.Add(number);
        }

        return both;
    }

    /// <summary>Numbers, rising, that stand in any.</summary>
    public static List<int> Any(IEnumerable<List<int>> some)
    {
        List<int> all = [.. some.SelectMany(l => l)];
        all.Sort();
        var kept = 0;
        for (var i = 0; i < all.Count; i++)
            if (i == 0 || all[i] != all[i - 1])
                all[kept++] = all[i];
        all.RemoveRange(kept, all.Count - kept);
        return all;
    }

    private List<int> Beginning(char c) => Any(lists.Where(l => l.Key >> 16 == c).Select(l => l.Value));

    /// <summary>The first place from here on with this number or a higher one: steps that double, then halves.</summary>
    private static int PlaceIn(List<int> list, int number, int from)
    {
        var (step, low, high) = (1, from, from);
        while (high < list.Count && list[high] < number)
            (low, high, step) = (high + 1, high + step, step * 2);
        high = Math.Min(high, list.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (list[middle] < number)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    private static uint Gram(char first, char second) => ((uint)first << 16) | second;
}
