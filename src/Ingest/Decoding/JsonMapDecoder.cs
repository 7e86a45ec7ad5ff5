using System.Globalization;
using System.Text;
using System.Text.Json;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// JSON as the profile's <c>map:</c> says: paths (<c>a.b</c>, <c>a[0]</c>, <c>a[*]</c>, <c>switch:*</c>), units, scales, words, sentinels,
/// conditions, times. The payload is read in one pass along the tree of all paths.
/// </summary>
public sealed class JsonMapDecoder : Decoder
{
    private readonly JsonMap map;

    private JsonMapDecoder(JsonMap map) => this.map = map;

    /// <summary>
    /// Options of the profile: <c>map</c>, <c>time</c>, <c>device</c>; <c>attributes: true</c>, where each field comes alone on a topic one
    /// level deeper (<c>…/{device}/energy</c> with <c>12.05</c>) whose last level is its name; and <c>datum: gcj02 | bd09</c> for positions
    /// that are not WGS-84.
    /// </summary>
    public static Decoder? Create(YamlSection profile) => new JsonMapDecoder(JsonMap.Read(profile));

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        if (payload.StartsWith("\uFEFF"u8))
            payload = payload[3..];
        if (map.OneFieldPerTopic && Wrapped(payload, topic, into) is { } whole)
            payload = whole;
        var scan = JsonScan.Begin(map.Conditions);
        if (Scan(payload, scan, into) is { } reason)
            return reason;
        if (scan.Device is { Length: > 0 } named)
            into.Device = named;
        if (ReadTimes(scan, out var times) is { } wrong)
            return wrong;
        AddValues(scan, times, into);
        return null;
    }

    private Wording? Scan(ReadOnlySpan<byte> payload, JsonScan scan, DecodedPayload into)
    {
        var reader = new Utf8JsonReader(payload, new JsonReaderOptions { MaxDepth = 12 });
        try
        {
            if (!reader.Read())
                return new Wording("empty payload", "内容为空");
            if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
                return new Wording($"is not a JSON object but {reader.TokenType}", $"不是 JSON 对象，而是 {reader.TokenType}");
            scan.Read(ref reader, map.Root);
            if (scan.Duplicate is { } twice)
                return new Wording(
                    $"'{twice}' stands in one object twice, with no way to tell which holds",
                    $"“{twice}”在同一对象中出现两次，无法判断以哪个为准"
                );
            // An infinite number is left out; the other values count, and the payload is kept among the refused.
            if (scan.Infinite is { } infinite)
                into.Partly = new Wording($"{infinite} is beyond all numbers", $"{infinite} 超出数值范围");
            return reader.Read() ? new Wording("text follows the JSON object", "JSON 对象之后还有内容") : null;
        }
        catch (JsonException e)
        {
            return JsonFields.NotJson(e);
        }
    }

    private Wording? ReadTimes(JsonScan scan, out JsonTimes times)
    {
        times = default;
        for (var i = 0; i < scan.Times.Count; i++)
        {
            var (index, text, item) = scan.Times[i];
            var field = map.Times[index];
            // A date and a time in two fields are joined, in the order of the payload.
            while (i + 1 < scan.Times.Count && scan.Times[i + 1].Field == index && scan.Times[i + 1].Item == item && field.IsExact)
                text += scan.Times[++i].Text;
            if (!field.TryRead(text, out var at))
            {
                // A wrong time of some metrics alone, or one beside an alarm, refuses nothing: the arrival time is taken and the clock
                // flagged as wrong.
                if (field.Only.Length == 0 && !scan.Found.Exists(f => map.Entries[f.Entry].Metric.IsLifeSafety))
                    return new Wording($"'{text}' is not a time of the format '{field.Format}'", $"“{text}”不是格式“{field.Format}”的时间");
                at = DateTime.MinValue;
            }

            times.Add(item, field, at);
        }

        return null;
    }

    private void AddValues(JsonScan scan, in JsonTimes times, DecodedPayload into)
    {
        double latitude = double.NaN,
            longitude = double.NaN,
            accuracy = double.NaN,
            speed = double.NaN;
        var place = 0;
        foreach (var (index, text, number, capture, item) in scan.Found)
        {
            var entry = map.Entries[index];
            if (!Holds(entry, scan))
                continue;
            var (time, flags) = times.Of(item, entry.Metric);
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
            (latitude, longitude) = map.Datum.ToWgs84(latitude, longitude);
            var (time, flags) = times.Of(place, Metric.Location);
            into.AddLocation(latitude, longitude, time, (float)accuracy, (float)speed, flags);
        }
    }

    /// <summary>A single field's value wrapped into the object it belongs to; null when the payload is the object itself.</summary>
    private byte[]? Wrapped(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        var at = topic.LastIndexOf('/');
        if (at < 0 || !into.Device.Contains('/', StringComparison.Ordinal))
            return null;
        var name = topic[(at + 1)..];
        var trimmed = payload.Trim(" \t\r\n"u8);
        // An object one level deeper is a payload of a device whose name has a slash, unless the map knows an object of that name.
        if (trimmed.Length == 0 || (trimmed[0] is (byte)'{' or (byte)'[' && !map.Root.HasObject(name)))
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

    private static bool Holds(MapEntry entry, JsonScan scan)
    {
        for (var i = 0; i < entry.When.Length; i++)
        {
            var (condition, allowed, except) = entry.When[i];
            var listed = false;
            if (scan.Conditions[condition] is { } text)
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
}
