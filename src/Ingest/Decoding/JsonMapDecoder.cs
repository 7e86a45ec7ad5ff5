using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// JSON as the profile's <c>map:</c> says: paths (<c>a.b</c>, <c>a[0]</c>, <c>a[*]</c>, <c>switch:*</c>), units, scales, words, sentinels,
/// conditions, times. One pass over the bytes along a tree of all paths; what isn't in the tree is skipped.
/// </summary>
public sealed class JsonMapDecoder : Decoder
{
    private readonly Node root;
    private readonly MapEntry[] entries;
    private readonly TimeField[] times;
    private readonly int conditions;
    private readonly bool attributes;
    private readonly Datum datum;

    private JsonMapDecoder(Node root, MapEntry[] entries, TimeField[] times, int conditions, bool attributes, Datum datum)
    {
        (this.attributes, this.datum) = (attributes, datum);
        this.root = root;
        this.entries = entries;
        this.times = times;
        this.conditions = conditions;
    }

    /// <summary>
    /// Options of the profile: <c>map</c>, <c>time</c>, <c>device</c>, and <c>attributes: true</c>, where one field comes alone on a topic
    /// a level deeper (<c>…/{device}/energy</c> with <c>12.05</c>): the last level is its name; and <c>datum: gcj02 | bd09</c> for
    /// positions that are not WGS-84.
    /// </summary>
    public static Decoder? Create(YamlSection profile)
    {
        var root = new Node();
        var entries = new List<MapEntry>();
        var conditions = new List<string>();
        int Condition(string path)
        {
            var index = conditions.IndexOf(path);
            if (index >= 0)
                return index;
            conditions.Add(path);
            root.Add(path, new Target(TargetKind.Condition, conditions.Count - 1));
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
                root.Add(path, new Target(TargetKind.Value, entries.Count - 1));
        }

        var times = new List<TimeField>();
        foreach (var line in profile.Sections("time"))
        {
            var paths = line.Texts("path");
            if (paths.Count == 0)
                line.Text("path", required: true);
            var only = line.Texts("for").Select(name => Metric.TryParse(name, out var metric) ? metric : null).ToArray();
            if (only.Contains(null))
                line.Refuse("for", string.Join(", ", line.Texts("for")), "is not a list of metrics (src/Model/Metric.cs lists them)");
            times.Add(new TimeField(line.Text("format") ?? "iso", Zone(line), only, line.Flag("history") ?? false));
            foreach (var path in paths)
                root.Add(path, new Target(TargetKind.Time, times.Count - 1));
            line.NoOthers();
        }

        if (profile.Text("device") is { } device)
            root.Add(device, new Target(TargetKind.Device, 0));
        if (entries.Count == 0)
            profile.Refuse("map", "", "a JSON profile maps at least one field");
        var datum = Datum.Wgs84;
        if (profile.Text("datum") is { } name && (!Enum.TryParse(name, ignoreCase: true, out datum) || !Enum.IsDefined(datum)))
            profile.Refuse("datum", name, "is none of wgs84, gcj02, bd09");
        return new JsonMapDecoder(root.Freeze(), [.. entries], [.. times], conditions.Count, profile.Flag("attributes") ?? false, datum);
    }

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        if (payload.StartsWith("\uFEFF"u8))
            payload = payload[3..];
        if (attributes && Attribute(payload, topic, into) is { } whole)
            payload = whole;
        var reader = new Utf8JsonReader(payload, new JsonReaderOptions { MaxDepth = 12 });
        var run = Run.Begin(conditions);
        try
        {
            if (!reader.Read())
                return new Wording("empty payload", "内容为空");
            if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
                return new Wording($"is not a JSON object but {reader.TokenType}", $"不是 JSON 对象，而是 {reader.TokenType}");
            Walk(ref reader, root, run, "", 0);
            if (run.Twice is { } twice)
                return new Wording(
                    $"'{twice}' stands in one object twice, with no way to tell which holds",
                    $"“{twice}”在同一对象中出现两次，无法判断以哪个为准"
                );
            // Such a value says nothing; what stands beside it counts, and the payload is kept.
            if (run.Infinite is { } infinite)
                into.Partly = new Wording($"{infinite} is beyond all numbers", $"{infinite} 超出数值范围");
            if (reader.Read())
                return new Wording("text follows the JSON object", "JSON 对象之后还有内容");
        }
        catch (JsonException e)
        {
            return JsonFields.NotJson(e);
        }

        if (run.Device is { Length: > 0 } named)
            into.Device = named;
        // Mostly one: then nothing is allocated for it.
        (int Item, TimeField Field, DateTime? Time) first = default;
        List<(int Item, TimeField Field, DateTime? Time)>? more = null;
        for (var i = 0; i < run.Times.Count; i++)
        {
            var (field, text, item) = run.Times[i];
            // A date and a time in two fields, in the order of the payload.
            while (i + 1 < run.Times.Count && run.Times[i + 1].Field == field && run.Times[i + 1].Item == item && times[field].IsExact)
                text += run.Times[++i].Text;
            if (!times[field].TryRead(text, out var at))
            {
                // The time of a place alone, or a press: it is told all the same, at its arrival and with its clock flagged.
                if (times[field].Only.Length == 0 && !run.Found.Exists(f => entries[f.Entry].Metric.IsLifeSafety))
                    return new Wording(
                        $"'{text}' is not a time of the format '{times[field].Format}'",
                        $"“{text}”不是格式“{times[field].Format}”的时间"
                    );
                at = DateTime.MinValue;
            }

            if (first.Field is null)
                first = (item, times[field], at);
            else
                (more ??= []).Add((item, times[field], at));
        }

        double latitude = double.NaN,
            longitude = double.NaN,
            accuracy = double.NaN,
            speed = double.NaN;
        var place = 0;
        foreach (var (index, text, number, capture, item) in run.Found)
        {
            var entry = entries[index];
            if (!Holds(entry, run))
                continue;
            var (time, flags) = Clock(first, more, item, entry.Metric);
            var value = number;
            if (entry.Values is { } words)
            {
                if (!words.TryGetValue(text ?? number.ToString("R", CultureInfo.InvariantCulture), out var word))
                    continue;
                if (entry.Metric.Kind == MetricKind.Event)
                {
                    into.AddEvent(entry.Metric, word, time, Channel(entry, capture), flags);
                    continue;
                }

                if (!double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out value))
                    continue;
            }
            else if (entry.Metric.Kind == MetricKind.Event)
            {
                if (text is { Length: > 0 } and not "null")
                    into.AddEvent(entry.Metric, DeviceWords.OfEvent(text), time, Channel(entry, capture), flags);
                continue;
            }
            else if (entry.Part is MapEntry.LonLat or MapEntry.LatLon)
            {
                // "113.4945307,22.2248915"
                var comma = text?.IndexOf(',', StringComparison.Ordinal) ?? -1;
                if (comma < 0 || !TryNumber(text![..comma], out var left) || !TryNumber(text[(comma + 1)..], out var right))
                    continue;
                (latitude, longitude) = entry.Part == MapEntry.LatLon ? (left, right) : (right, left);
                place = item;
                continue;
            }
            else if (text is not null && !TryNumber(text, out value))
            {
                continue;
            }

            if (!(value >= entry.Least && value <= entry.Most) || entry.Invalid.Contains(value))
                continue;
            value = entry.Conversion.Apply(value);
            switch (entry.Part)
            {
                case 1:
                    (latitude, place) = (value, item);
                    break;
                case 2:
                    longitude = value;
                    break;
                case 3:
                    accuracy = value;
                    break;
                case 4:
                    speed = value;
                    break;
                default:
                    into.Add(entry.Metric, value, time, Channel(entry, capture), flags);
                    break;
            }
        }

        if (!double.IsNaN(latitude) && !double.IsNaN(longitude) && (latitude != 0 || longitude != 0))
        {
            (latitude, longitude) = datum.ToWgs84(latitude, longitude);
            var (time, flags) = Clock(first, more, place, Metric.Location);
            into.AddLocation(latitude, longitude, time, (float)accuracy, (float)speed, flags);
        }

        return null;
    }

    /// <summary>The object that a field on a topic of its own stands for; null when the payload is the object itself.</summary>
    private byte[]? Attribute(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        var at = topic.LastIndexOf('/');
        if (at < 0 || !into.Device.Contains('/', StringComparison.Ordinal))
            return null;
        var name = topic[(at + 1)..];
        var trimmed = payload.Trim(" \t\r\n"u8);
        // An object on a topic deeper is a device whose name has a slash, unless the map knows an object of that name.
        if (trimmed.Length == 0 || (trimmed[0] is (byte)'{' or (byte)'[' && !root.HasObject(name)))
            return null;
        into.Device = into.Device[..into.Device.LastIndexOf('/')];
        var value = Encoding.UTF8.GetString(trimmed);
        if (
            trimmed[0] is not ((byte)'{' or (byte)'[' or (byte)'"')
            && value is not ("true" or "false" or "null")
            && !double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _)
        )
            value = JsonSerializer.Serialize(value);
        return Encoding.UTF8.GetBytes($"{{{JsonSerializer.Serialize(name)}:{value}}}");
    }

    /// <summary>
    /// The time of a value: that of its own item of a list before the payload's, one named for its metric before the general one.
    /// </summary>
    private static (DateTime?, ReadingFlags) Clock(
        (int Item, TimeField Field, DateTime? Time) first,
        List<(int Item, TimeField Field, DateTime? Time)>? more,
        int item,
        Metric metric
    )
    {
        if (first.Field is null)
            return (null, ReadingFlags.None);
        var best = (Rank: Rank(first.Item, first.Field, item, metric), first.Field, first.Time);
        for (var i = 0; i < (more?.Count ?? 0); i++)
        {
            var (of, field, time) = more![i];
            if (Rank(of, field, item, metric) is var rank && rank > best.Rank)
                best = (rank, field, time);
        }

        if (best.Rank > 0)
            return (best.Time, best.Field.History ? ReadingFlags.History : ReadingFlags.None);
        // What stands outside of the list is as old as the list's first item.
        return (item == 0 && first.Field.Only.Length == 0 ? first.Time : null, ReadingFlags.None);
    }

    private static int Rank(int of, TimeField field, int item, Metric metric) =>
        (of != 0 && of != item) || (field.Only.Length > 0 && !field.Only.Contains(metric))
            ? 0
            : 1 + (of != 0 ? 2 : 0) + (field.Only.Length > 0 ? 1 : 0);

    private static bool Holds(MapEntry entry, Run run)
    {
        for (var i = 0; i < entry.When.Length; i++)
        {
            var (condition, allowed, except) = entry.When[i];
            var listed = false;
            if (run.Conditions[condition] is { } text)
                for (var k = 0; k < allowed.Length && !listed; k++)
                    listed = text.Equals(allowed[k], StringComparison.OrdinalIgnoreCase);
            if (listed == except)
                return false;
        }

        return true;
    }

    private static string Channel(MapEntry entry, string capture) => entry.Channel.Replace("{1}", capture, StringComparison.Ordinal);

    /// <summary>Numbers that come as text ("80.00"), and true and false.</summary>
    private static bool TryNumber(string text, out double value)
    {
        value = 1;
        if (text is "true" or "on" or "ON" or "online")
            return true;
        value = 0;
        return text is "false" or "off" or "OFF" or "offline"
            || double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out value);
    }

    private static TimeZoneInfo Zone(YamlSection line)
    {
        var name = line.Text("zone") ?? "Asia/Shanghai";
        if (TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone))
            return zone;
        line.Refuse("zone", name, "is not a time zone such as Asia/Shanghai or UTC");
        return TimeZoneInfo.Utc;
    }

    private static void Walk(ref Utf8JsonReader reader, Node node, Run run, string capture, int index)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var here = ++run.Objects;
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var child = node.Find(ref reader, out var caught);
                    if (child is not null && !run.IsFirst(here, child, caught))
                        run.Twice ??= reader.GetString();
                    reader.Read();
                    if (child is null)
                        reader.Skip();
                    else
                        Walk(ref reader, child, run, caught ?? capture, 0);
                }

                break;
            case JsonTokenType.StartArray:
                for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
                {
                    if (node.Item(i) is not { } child)
                    {
                        reader.Skip();
                        continue;
                    }

                    var around = run.Item;
                    if (!node.ItemsAreNamed)
                        run.Item = ++run.Items;
                    Walk(ref reader, child, run, node.ItemsAreNamed ? capture : (i + 1).ToString(CultureInfo.InvariantCulture), i);
                    run.Item = around;
                }

                break;
            case JsonTokenType.Null:
                break;
            default:
                if (node.Targets.Length > 0)
                    Take(ref reader, node, run, capture);
                break;
        }
    }

    private static void Take(ref Utf8JsonReader reader, Node node, Run run, string capture)
    {
        string? text = reader.TokenType switch
        {
            JsonTokenType.String => Known(ref reader),
            JsonTokenType.True => "true",
            JsonTokenType.False => "false",
            _ => null,
        };
        var number = double.NaN;
        if (text is null && !reader.TryGetDouble(out number))
            return;
        if (text is null && !double.IsFinite(number))
            run.Infinite ??= Encoding.UTF8.GetString(reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan); // 1e309
        foreach (var target in node.Targets)
        {
            switch (target.Kind)
            {
                case TargetKind.Value:
                    run.Found.Add((target.Index, text, number, capture, run.Item));
                    break;
                case TargetKind.Time:
                    run.Times.Add((target.Index, text ?? number.ToString("R", CultureInfo.InvariantCulture), run.Item));
                    break;
                case TargetKind.Device:
                    run.Device = text ?? number.ToString("R", CultureInfo.InvariantCulture);
                    break;
                default:
                    run.Conditions[target.Index] = text ?? number.ToString("R", CultureInfo.InvariantCulture);
                    break;
            }
        }
    }

    /// <summary>Texts mostly come again (media, ids, states): the last string with the same bytes is taken instead of a new one.</summary>
    private static string Known(ref Utf8JsonReader reader)
    {
        if (reader.HasValueSequence || reader.ValueIsEscaped || reader.ValueSpan.Length is 0 or > 40)
            return reader.GetString()!;
        var bytes = reader.ValueSpan;
        var texts = recent ??= new string?[1024];
        ref var slot = ref texts[(bytes.Length * 31 + bytes[0] * 7 + bytes[^1] * 131 + bytes[bytes.Length / 2] * 17) & 1023];
        if (slot is { } text && text.Length == bytes.Length && Ascii.Equals(bytes, text))
            return text;
        return slot = reader.GetString()!;
    }

    [ThreadStatic]
    private static string?[]? recent;

    private enum TargetKind
    {
        Value,
        Time,
        Device,
        Condition,
    }

    private readonly record struct Target(TargetKind Kind, int Index);

    private sealed class Run
    {
        [ThreadStatic]
        private static Run? one;

        /// <summary>The thread's own, emptied: a payload is read from beginning to end on one thread.</summary>
        public static Run Begin(int conditions)
        {
            var run = one ??= new Run();
            run.Found.Clear();
            run.Times.Clear();
            run.met.Clear();
            run.many.Clear();
            if (run.Conditions.Length < conditions)
                run.Conditions = new string?[conditions];
            else
                Array.Clear(run.Conditions);
            (run.Item, run.Items, run.Objects, run.Device, run.Twice, run.Infinite) = (0, 0, 0, null, null, null);
            return run;
        }

        public List<(int Entry, string? Text, double Number, string Capture, int Item)> Found { get; } = [];
        public List<(int Field, string Text, int Item)> Times { get; } = [];

        /// <summary>The item of a list at hand, by its number among all items met; 0 outside of lists.</summary>
        public int Item { get; set; }

        public int Items { get; set; }
        public string?[] Conditions { get; private set; } = [];
        public string? Device { get; set; }

        /// <summary>Objects begun so far: the number of the one at hand tells its fields from those of others.</summary>
        public int Objects { get; set; }

        public string? Twice { get; set; }

        public string? Infinite { get; set; }

        private const int Few = 48;

        private readonly List<(int Object, Node Field, string? Caught)> met = [];

        /// <summary>The same of a payload with very many fields, where looking through all of them for each would take too long.</summary>
        private readonly HashSet<(int Object, Node Field, string? Caught)> many = [];

        public bool IsFirst(int number, Node field, string? caught)
        {
            if (met.Count == Few)
            {
                if (many.Count == 0)
                    many.UnionWith(met);
                return many.Add((number, field, caught));
            }

            for (var i = met.Count - 1; i >= 0; i--)
                if (met[i].Object == number && ReferenceEquals(met[i].Field, field) && met[i].Caught == caught)
                    return false;
            met.Add((number, field, caught));
            return true;
        }
    }

    private sealed class Node
    {
        private readonly Dictionary<string, Node> byName = new(StringComparer.Ordinal);
        private readonly List<(string Before, string After, Node Node)> globs = [];
        private readonly Dictionary<int, Node> byIndex = [];
        private readonly List<Target> targets = [];
        private FrozenDictionary<string, Node>.AlternateLookup<ReadOnlySpan<char>> names;
        private Node? anyItem;

        public Target[] Targets { get; private set; } = [];

        /// <summary>Items of a fixed index keep the channel of what is around them.</summary>
        public bool ItemsAreNamed => anyItem is null;

        public void Add(string path, Target target)
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
                    node = item == "*" ? node.anyItem ??= new Node() : node.Indexed(int.Parse(item, CultureInfo.InvariantCulture));
            }

            node.targets.Add(target);
        }

        public Node Freeze()
        {
            Targets = [.. targets];
            names = byName.ToFrozenDictionary(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
            foreach (var child in byName.Values.Concat(globs.Select(g => g.Node)).Concat(byIndex.Values))
                child.Freeze();
            anyItem?.Freeze();
            return this;
        }

        public Node? Find(ref Utf8JsonReader reader, out string? capture)
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

        public Node? Item(int index) => byIndex.TryGetValue(index, out var found) ? found : anyItem;

        private Node Named(string name)
        {
            if (name.IndexOf('*', StringComparison.Ordinal) is var star and >= 0)
            {
                var (before, after) = (name[..star], name[(star + 1)..]);
                foreach (var glob in globs)
                    if (glob.Before == before && glob.After == after)
                        return glob.Node;
                globs.Add((before, after, new Node()));
                return globs[^1].Node;
            }

            if (!byName.TryGetValue(name, out var node))
                byName[name] = node = new Node();
            return node;
        }

        private Node Indexed(int index)
        {
            if (!byIndex.TryGetValue(index, out var node))
                byIndex[index] = node = new Node();
            return node;
        }
    }

    private sealed record TimeField(string Format, TimeZoneInfo Zone, Metric?[] Only, bool History)
    {
        /// <summary>A .NET format, which fields joined one behind the other can have.</summary>
        public bool IsExact => Format is not ("iso" or "auto" or "s" or "ms" or "us");

        public bool TryRead(string text, out DateTime? time)
        {
            time = null;
            if (text.Length == 0)
                return true;
            var counted = Format == "auto" && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _);
            if (Format is "s" or "ms" or "us" || counted)
            {
                if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
                    return false;
                // Seconds since 1970 have ten digits until 2286, milliseconds thirteen.
                var seconds = Format switch
                {
                    "ms" => number / 1e3,
                    "us" => number / 1e6,
                    "auto" when number > 1e11 => number / 1e3,
                    _ => number,
                };
                time = seconds is > -6e10 and < 1e11 ? DateTime.UnixEpoch.AddSeconds(seconds) : DateTime.MaxValue;
                return true;
            }

            if (Format is not ("iso" or "auto"))
            {
                if (!DateTime.TryParseExact(text, Format, CultureInfo.InvariantCulture, DateTimeStyles.None, out var exact))
                    return false;
                time = TimeZoneInfo.ConvertTimeToUtc(DateTime.SpecifyKind(exact, DateTimeKind.Unspecified), Zone);
                return true;
            }

            if (
                !DateTime.TryParse(
                    text,
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.AdjustToUniversal | DateTimeStyles.AllowWhiteSpaces,
                    out var at
                )
            )
                return false;
            time =
                at.Kind == DateTimeKind.Utc ? at : TimeZoneInfo.ConvertTimeToUtc(DateTime.SpecifyKind(at, DateTimeKind.Unspecified), Zone);
            return true;
        }
    }
}
