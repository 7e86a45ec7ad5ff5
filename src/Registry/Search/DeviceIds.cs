using System.Text;
using Vigil.Storage.Records;

namespace Vigil.Registry.Search;

/// <summary>What a list of devices is asked for.</summary>
/// <param name="Within">Of areas whose code begins with this alone.</param>
/// <param name="State">In this state alone; null for all.</param>
/// <param name="Text">In the id or the label; empty for all.</param>
/// <param name="AlsoOf">Devices that are taken besides, such as those of the home whose number the text is.</param>
internal sealed record DevicesAsked(string Within, DeviceStatus? State, string Text, IReadOnlyCollection<string> AlsoOf);

/// <summary>
/// The ids of all devices in the order of their characters, with area, state and label: lists of millions are counted and paged without a
/// look at the database. Some twenty bytes a device: the ids stand behind each other in one row of bytes. Those that came since the reading
/// stand beside it. Thread-safe.
/// </summary>
internal sealed class DeviceIds
{
    private const byte Gone = 3,
        Status = 3,
        Unheard = 4;

    private readonly Lock gate = new();
    private readonly List<byte> text = [];
    private readonly List<int> ends = [];
    private readonly List<(int Area, int Label, byte State)> rows = [];
    private readonly List<(string Id, int Area, int Label, byte State)> late = [];
    private readonly Numbered areas = new(),
        labels = new();
    private byte[] bytes = [];
    private bool sorted = true;

    public int Count { get; private set; }

    /// <summary>So many came since the reading that it is worth reading all anew.</summary>
    public bool IsWorn => late.Count > 50_000;

    /// <summary>At first, in any order; <see cref="Read"/> ends it.</summary>
    public void Append(string id, string area, string label, DeviceStatus state, bool heard)
    {
        var from = text.Count;
        text.AddRange(Encoding.UTF8.GetBytes(id));
        ends.Add(text.Count);
        rows.Add((areas.Of(area), labels.Of(label), StateOf(state, heard)));
        if (sorted && rows.Count > 1 && from > 0)
            sorted = Row(rows.Count - 2).SequenceCompareTo(Row(rows.Count - 1)) < 0;
    }

    /// <summary>All have been appended.</summary>
    public void Read()
    {
        // PostgreSQL sorts by the language of its database.
        if (!sorted)
            Sort();
        bytes = [.. text];
        text.Clear();
        text.TrimExcess();
        ends.TrimExcess();
        rows.TrimExcess();
        Count = rows.Count;
    }

    /// <summary>Takes over what a device is now; area null: it is gone.</summary>
    public void Put(string id, string? area, string label, DeviceStatus state, bool heard)
    {
        lock (gate)
        {
            var at = Find(id);
            if (at >= 0)
            {
                Count -= IsThere(rows[at].State) ? 1 : 0;
                rows[at] = area is null ? (0, 0, Gone) : (areas.Of(area), labels.Of(label), StateOf(state, heard));
                Count += area is null ? 0 : 1;
                return;
            }

            var place = PlaceInLate(id);
            if (place < late.Count && late[place].Id == id)
            {
                late.RemoveAt(place);
                Count--;
            }

            if (area is null)
                return;
            late.Insert(place, (id, areas.Of(area), labels.Of(label), StateOf(state, heard)));
            Count++;
        }
    }

    /// <summary>Of these some have been heard after all: that makes no change of the registry.</summary>
    public void Heard(IEnumerable<string> ids)
    {
        lock (gate)
            foreach (var id in ids)
            {
                if (Find(id) is >= 0 and var at)
                    rows[at] = rows[at] with { State = (byte)(rows[at].State & ~Unheard) };
                else if (PlaceInLate(id) is var place && place < late.Count && late[place].Id == id)
                    late[place] = late[place] with { State = (byte)(late[place].State & ~Unheard) };
            }
    }

    /// <summary>A page in the order of ids.</summary>
    /// <param name="asked">Of which.</param>
    /// <param name="unheard">Only those that were never heard, as far as that is known here.</param>
    /// <param name="offset">Skipped.</param>
    /// <param name="limit">At most.</param>
    /// <returns>Ids, and how many there are in all.</returns>
    public (List<string> Ids, int Total) Page(DevicesAsked asked, bool unheard, int offset, int limit)
    {
        var (page, total, next) = (new List<string>(), 0, 0);
        lock (gate)
        {
            var mine = areas.Where(a => a.StartsWith(asked.Within, StringComparison.Ordinal));
            var having = asked.Text.Length == 0 ? null : Having(asked);
            for (var i = 0; i < rows.Count; i++)
            {
                var (area, _, state) = rows[i];
                if (!Passes(area, state) || (having is not null && (having[i >> 6] & (1UL << i)) == 0))
                    continue;
                while (next < late.Count && Compare(i, late[next].Id) > 0)
                    TakeLate(next++);
                if (total++ >= offset && page.Count < limit)
                    page.Add(Encoding.UTF8.GetString(Row(i)));
            }

            while (next < late.Count)
                TakeLate(next++);

            bool Passes(int area, byte state) =>
                IsThere(state)
                && mine[area]
                && (asked.State is not { } one || (state & Status) == (int)one)
                && (!unheard || (state & Unheard) != 0);

            void TakeLate(int n)
            {
                var (id, area, label, state) = late[n];
                if (!Passes(area, state))
                    return;
                if (
                    asked.Text.Length > 0
                    && !id.Contains(asked.Text, StringComparison.Ordinal)
                    && !labels[label].Contains(asked.Text, StringComparison.Ordinal)
                    && !asked.AlsoOf.Contains(id)
                )
                    return;
                if (total++ >= offset && page.Count < limit)
                    page.Add(id);
            }
        }

        return (page, total);
    }

    /// <summary>A bit for each row.</summary>
    private ulong[] Having(DevicesAsked asked)
    {
        var bits = new ulong[rows.Count / 64 + 1];
        void Mark(int row) => bits[row >> 6] |= 1UL << row;
        var labelled = labels.Where(l => l.Contains(asked.Text, StringComparison.Ordinal));
        if (Array.IndexOf(labelled, true) >= 0)
            for (var i = 0; i < rows.Count; i++)
                if (labelled[rows[i].Label])
                    Mark(i);
        foreach (var id in asked.AlsoOf)
            if (Find(id) is >= 0 and var at)
                Mark(at);
        var word = Encoding.UTF8.GetBytes(asked.Text);
        for (var from = 0; ; )
        {
            var found = bytes.AsSpan(from).IndexOf(word);
            if (found < 0)
                return bits;
            from += found;
            var row = RowAt(from);
            if (from + word.Length > ends[row])
            {
                from++; // over the end of an id
                continue;
            }

            Mark(row);
            from = ends[row];
        }
    }

    /// <summary>In which row a byte stands.</summary>
    private int RowAt(int place)
    {
        var at = ends.BinarySearch(place + 1);
        return at < 0 ? ~at : at;
    }

    private int Find(string id)
    {
        var (low, high) = (0, rows.Count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var order = Compare(middle, id);
            if (order == 0)
                return middle;
            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return -1;
    }

    private int PlaceInLate(string id)
    {
        var (low, high) = (0, late.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (string.CompareOrdinal(late[middle].Id, id) < 0)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    private int Compare(int row, string id)
    {
        Span<byte> other = stackalloc byte[Encoding.UTF8.GetMaxByteCount(id.Length)];
        return Row(row).SequenceCompareTo(other[..Encoding.UTF8.GetBytes(id, other)]);
    }

    private ReadOnlySpan<byte> Row(int row)
    {
        var from = row == 0 ? 0 : ends[row - 1];
        var all = bytes.Length > 0 ? bytes.AsSpan() : System.Runtime.InteropServices.CollectionsMarshal.AsSpan(text);
        return all[from..ends[row]];
    }

    private void Sort()
    {
        var order = Enumerable.Range(0, rows.Count).ToArray();
        Array.Sort(order, (a, b) => Row(a).SequenceCompareTo(Row(b)));
        var (newText, newEnds) = (new List<byte>(text.Count), new List<int>(ends.Count));
        var newRows = order.Select(i => rows[i]).ToList();
        foreach (var i in order)
        {
            newText.AddRange(Row(i));
            newEnds.Add(newText.Count);
        }

        text.Clear();
        text.AddRange(newText);
        ends.Clear();
        ends.AddRange(newEnds);
        rows.Clear();
        rows.AddRange(newRows);
    }

    private static bool IsThere(byte state) => (state & Status) != Gone;

    private static byte StateOf(DeviceStatus state, bool heard) => (byte)((int)state | (heard ? 0 : Unheard));

    /// <summary>Few texts that many rows have.</summary>
    private sealed class Numbered
    {
        private readonly Dictionary<string, int> numbers = new(StringComparer.Ordinal);
        private readonly List<string> texts = [];

        public string this[int number] => texts[number];

        public int Of(string one)
        {
            if (numbers.TryGetValue(one, out var number))
                return number;
            texts.Add(one);
            return numbers[one] = texts.Count - 1;
        }

        public bool[] Where(Func<string, bool> which) => [.. texts.Select(which)];
    }
}
