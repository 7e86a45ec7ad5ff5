using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>The options of a JSON profile, read once: paths, values, times, conditions.</summary>
internal sealed class JsonMap
{
    /// <summary>All paths as one tree.</summary>
    public required JsonPathNode Root { get; init; }

    public required MapEntry[] Entries { get; init; }
    public required JsonTimeField[] Times { get; init; }

    /// <summary>How many texts elsewhere in the payload some values depend on.</summary>
    public required int Conditions { get; init; }

    /// <summary>Each field comes alone, on a topic of its own one level deeper.</summary>
    public required bool OneFieldPerTopic { get; init; }

    public required Datum Datum { get; init; }

    public static JsonMap Read(YamlSection profile)
    {
        var root = new JsonPathNode();
        var entries = new List<MapEntry>();
        var conditions = new List<string>();
        int Condition(string path)
        {
            var index = conditions.IndexOf(path);
            if (index >= 0)
                return index;
            conditions.Add(path);
            root.Add(path, new JsonTarget(JsonTargetKind.Condition, conditions.Count - 1));
            return conditions.Count - 1;
        }

        foreach (var line in profile.Sections("map"))
        {
            var paths = line.Texts("path");
            if (paths.Count == 0)
                line.Text("path", required: true);
            if (MapEntry.Read(line, Condition) is not { } entry)
                continue;
            line.NoOthers();
            entries.Add(entry);
            foreach (var path in paths)
                root.Add(path, new JsonTarget(JsonTargetKind.Value, entries.Count - 1));
        }

        var times = new List<JsonTimeField>();
        foreach (var line in profile.Sections("time"))
        {
            var paths = line.Texts("path");
            if (paths.Count == 0)
                line.Text("path", required: true);
            var only = line.Texts("for").Select(name => Metric.TryParse(name, out var metric) ? metric : null).ToArray();
            if (only.Contains(null))
                line.Refuse("for", string.Join(", ", line.Texts("for")), "is not a list of metrics (src/Model/Metric.cs lists them)");
            times.Add(new JsonTimeField(line.Text("format") ?? "iso", Zone(line), only, line.Flag("history") ?? false));
            foreach (var path in paths)
                root.Add(path, new JsonTarget(JsonTargetKind.Time, times.Count - 1));
            line.NoOthers();
        }

        if (profile.Text("device") is { } device)
            root.Add(device, new JsonTarget(JsonTargetKind.Device, 0));
        if (entries.Count == 0)
            profile.Refuse("map", "", "a JSON profile maps at least one field");
        var datum = Datum.Wgs84;
        if (profile.Text("datum") is { } name && (!Enum.TryParse(name, ignoreCase: true, out datum) || !Enum.IsDefined(datum)))
            profile.Refuse("datum", name, "is none of wgs84, gcj02, bd09");
        return new JsonMap
        {
            Root = root.Freeze(),
            Entries = [.. entries],
            Times = [.. times],
            Conditions = conditions.Count,
            OneFieldPerTopic = profile.Flag("attributes") ?? false,
            Datum = datum,
        };
    }

    private static TimeZoneInfo Zone(YamlSection line)
    {
        var name = line.Text("zone") ?? "Asia/Shanghai";
        if (TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone))
            return zone;
        line.Refuse("zone", name, "is not a time zone such as Asia/Shanghai or UTC");
        return TimeZoneInfo.Utc;
    }
}
