using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;

namespace Vigil.Ingest.Decoding;

/// <summary>What the profile uses the value at a path for.</summary>
internal enum JsonTargetKind
{
    Value,
    Time,
    Device,
    Condition,
}

/// <param name="Kind">What the value is used for.</param>
/// <param name="Index">Which map entry, time field or condition of the profile.</param>
internal readonly record struct JsonTarget(JsonTargetKind Kind, int Index);

/// <summary>
/// One level of the tree of all paths of a profile. It is built once and walked beside each payload, so that what no path names is skipped
/// without being read.
/// </summary>
internal sealed class JsonPathNode
{
    private readonly Dictionary<string, JsonPathNode> byName = new(StringComparer.Ordinal);
    private readonly List<(string Before, string After, JsonPathNode Node)> globs = [];
    private readonly Dictionary<int, JsonPathNode> byIndex = [];
    private readonly List<JsonTarget> targets = [];
    private FrozenDictionary<string, JsonPathNode>.AlternateLookup<ReadOnlySpan<char>> names;
    private JsonPathNode? anyItem;

    public JsonTarget[] Targets { get; private set; } = [];

    /// <summary>The list is addressed by fixed indexes (<c>a[0]</c>): its items are no channels of their own.</summary>
    public bool ItemsAreNamed => anyItem is null;

    public void Add(string path, JsonTarget target)
    {
        var node = this;
        foreach (var part in path.Split('.'))
        {
            var name = part;
            var items = new List<string>();
            while (name.EndsWith(']') && name.LastIndexOf('[') is var open and >= 0)
            {
                items.Insert(0, name[(open + 1)..^1]);
                name = name[..open];
            }

            if (name.Length > 0)
                node = node.Named(name);
            foreach (var item in items)
                node = item == "*" ? node.anyItem ??= new JsonPathNode() : node.Indexed(int.Parse(item, CultureInfo.InvariantCulture));
        }

        node.targets.Add(target);
    }

    public JsonPathNode Freeze()
    {
        Targets = [.. targets];
        names = byName.ToFrozenDictionary(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var child in byName.Values.Concat(globs.Select(g => g.Node)).Concat(byIndex.Values))
            child.Freeze();
        anyItem?.Freeze();
        return this;
    }

    public JsonPathNode? Find(ref Utf8JsonReader reader, out string? capture)
    {
        capture = null;
        var length = reader.HasValueSequence ? (int)reader.ValueSequence.Length : reader.ValueSpan.Length;
        if (length > 256)
            return null;
        Span<char> name = stackalloc char[256];
        ReadOnlySpan<char> text = name[..reader.CopyString(name)];
        if (names.TryGetValue(text, out var found))
            return found;
        foreach (var (before, after, node) in globs)
        {
            if (text.Length < before.Length + after.Length || !text.StartsWith(before) || !text.EndsWith(after))
                continue;
            capture = text[before.Length..^after.Length].ToString();
            return node;
        }

        return null;
    }

    public bool HasObject(string name) => byName.TryGetValue(name, out var node) && node.byName.Count > 0;

    public JsonPathNode? Item(int index) => byIndex.TryGetValue(index, out var found) ? found : anyItem;

    private JsonPathNode Named(string name)
    {
        if (name.IndexOf('*', StringComparison.Ordinal) is var star and >= 0)
        {
            var (before, after) = (name[..star], name[(star + 1)..]);
            foreach (var glob in globs)
                if (glob.Before == before && glob.After == after)
                    return glob.Node;
            globs.Add((before, after, new JsonPathNode()));
            return globs[^1].Node;
        }

        if (!byName.TryGetValue(name, out var node))
            byName[name] = node = new JsonPathNode();
        return node;
    }

    private JsonPathNode Indexed(int index)
    {
        if (!byIndex.TryGetValue(index, out var node))
            byIndex[index] = node = new JsonPathNode();
        return node;
    }
}
