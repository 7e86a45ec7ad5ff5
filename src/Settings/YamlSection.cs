using System.Globalization;
using Vigil.Model;
using YamlDotNet.RepresentationModel;

namespace Vigil.Settings;

/// <summary>
/// A mapping in a YAML file that a person wrote (profiles, rules, policies, messages). Reads typed values and collects every problem with
/// file, line, id and value. <see cref="NoOthers"/> reports the keys that were not read, which are mostly typing errors.
/// </summary>
public sealed class YamlSection
{
    private readonly YamlMappingNode node;
    private readonly HashSet<string> asked = [];
    private readonly string file;
    private readonly List<Problem> problems;

    private YamlSection(YamlMappingNode node, string file, string id, List<Problem> problems)
    {
        this.node = node;
        this.file = file;
        this.problems = problems;
        Id = id;
    }

    /// <summary>Id under which problems of this section are reported.</summary>
    public string Id { get; set; }

    public int Line => (int)node.Start.Line;

    public string File => file;

    /// <summary>Reads a file whose top is a mapping; null, with problems, when it can't be read at all.</summary>
    public static YamlSection? Load(string path, List<Problem> problems, string? shownAs = null) =>
        YamlFile.Top(path, shownAs ?? path, problems) is { } top ? new YamlSection(top, shownAs ?? path, "", problems) : null;

    public bool Has(string key) => Find(key) is not null;

    public string? Text(string key, bool required = false)
    {
        if (Find(key) is YamlScalarNode { Value: { } value })
            return value;
        if (Find(key) is { } other)
            Refuse(other, key, "", new Wording("a text is expected", "应为文字"));
        else if (required)
            problems.Add(new Problem(file, Line, Id, "", new Wording($"'{key}' is missing", $"缺少“{key}”")));
        return null;
    }

    public double? Number(string key, double least = double.NegativeInfinity, double most = double.PositiveInfinity)
    {
        if (Text(key) is not { } text)
            return null;
        if (
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            && double.IsFinite(value)
            && value >= least
            && value <= most
        )
            return value;
        Refuse(
            key,
            text,
            double.IsInfinity(least) && double.IsInfinity(most)
                ? new Wording("is not a number", "不是数字")
                : new Wording($"is not a number from {least} to {most}", $"应为 {least} 至 {most} 之间的数字")
        );
        return null;
    }

    public int? Whole(string key, int least, int most) => Number(key, least, most) is { } value ? (int)value : null;

    public bool? Flag(string key)
    {
        if (Text(key) is not { } text)
            return null;
        if (bool.TryParse(text, out var value))
            return value;
        Refuse(key, text, new Wording("is neither true nor false", "应为 true 或 false"));
        return null;
    }

    /// <summary>A time span: a number and s, m, h or d, such as <c>90s</c>, <c>24h</c>.</summary>
    public TimeSpan? Duration(string key)
    {
        if (Text(key) is not { } text)
            return null;
        if (DurationText.TryParse(text, out var value))
            return value;
        Refuse(key, text, new Wording("is not a duration such as 90s, 15m, 24h or 7d", "不是时长，应如 90s、15m、24h 或 7d"));
        return null;
    }

    /// <summary>A list of texts; a single text is a list of one.</summary>
    public IReadOnlyList<string> Texts(string key)
    {
        switch (Find(key))
        {
            case null:
                return [];
            case YamlScalarNode { Value: { } one }:
                return [one];
            case YamlSequenceNode list when list.All(n => n is YamlScalarNode):
                return [.. list.Select(n => ((YamlScalarNode)n).Value ?? "")];
            case { } other:
                Refuse(other, key, "", new Wording("a list of texts is expected", "应为一列文字"));
                return [];
        }
    }

    public YamlSection? Section(string key, bool required = false)
    {
        if (Find(key) is YamlMappingNode inner)
            return new YamlSection(inner, file, Id, problems);
        if (Find(key) is { } other)
            Refuse(other, key, "", new Wording("a mapping (key: value) is expected", "应为一组“键: 值”"));
        else if (required)
            problems.Add(new Problem(file, Line, Id, "", new Wording($"'{key}' is missing", $"缺少“{key}”")));
        return null;
    }

    public IReadOnlyList<YamlSection> Sections(string key)
    {
        if (Find(key) is not { } found)
            return [];
        if (found is YamlSequenceNode list && list.All(n => n is YamlMappingNode))
            return [.. list.Select(n => new YamlSection((YamlMappingNode)n, file, Id, problems))];
        Refuse(found, key, "", new Wording("a list of mappings is expected", "应为若干组“键: 值”"));
        return [];
    }

    /// <summary>The entries of a mapping of texts.</summary>
    public IReadOnlyList<(string Key, string Value)> Pairs(string key) =>
        Section(key) is { } section
            ? [.. section.node.Children.Select(c => ((c.Key as YamlScalarNode)?.Value ?? "", (c.Value as YamlScalarNode)?.Value ?? ""))]
            : [];

    /// <summary>The mappings in this mapping, each by its key.</summary>
    public IReadOnlyList<(string Key, YamlSection Value)> Children()
    {
        var found = new List<(string, YamlSection)>();
        foreach (var (key, value) in node.Children)
        {
            var name = (key as YamlScalarNode)?.Value ?? "";
            asked.Add(name);
            if (value is YamlMappingNode inner)
                found.Add((name, new YamlSection(inner, file, name, problems)));
            else
                Refuse(value, name, value.ToString(), new Wording("a mapping (key: value) is expected", "应为一组“键: 值”"));
        }

        return found;
    }

    /// <summary>Reports a problem with the value of a key.</summary>
    public void Refuse(string key, string value, Wording message) => Refuse(Find(key) ?? node, key, value, message);

    /// <summary>The same in a file that no page shows: its problems are read on the terminal, in English.</summary>
    public void Refuse(string key, string value, string message) => Refuse(key, value, Wording.Same(message));

    /// <summary>Reports every key that was not read.</summary>
    public void NoOthers()
    {
        foreach (var (key, _) in node.Children)
            if (key is YamlScalarNode { Value: { } name } && !asked.Contains(name))
                problems.Add(
                    new Problem(
                        file,
                        (int)key.Start.Line,
                        Id,
                        name,
                        new Wording(
                            "is not known here; known are " + string.Join(", ", asked.Order(StringComparer.Ordinal)),
                            "此处没有这一项，可用的有：" + string.Join("、", asked.Order(StringComparer.Ordinal))
                        )
                    )
                );
    }

    private YamlNode? Find(string key)
    {
        asked.Add(key);
        return node.Children.TryGetValue(new YamlScalarNode(key), out var value) ? value : null;
    }

    private void Refuse(YamlNode at, string key, string value, Wording message) =>
        problems.Add(new Problem(file, (int)at.Start.Line, Id.Length > 0 ? $"{Id}.{key}" : key, value, message));
}
