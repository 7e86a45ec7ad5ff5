using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Readings from a decoder's object: by the names that are the model's own (<see cref="ModelNames"/>), else by those that mean the same
/// everywhere (<see cref="DecodedNames"/>). A unit comes from the name, from a <c>unit</c> beside the value or from the range that is
/// possible; what isn't possible in any unit is suspect.
/// </summary>
internal readonly struct ObjectMapping
{
    internal const int MaxDepth = 6;

    /// <summary>
    /// Objects that say how a device is set, and the last position before a failed fix, which isn't where the person is now.
    /// </summary>
    private static readonly string[] Skipped = ["cached", "config", "configuration", "settings", "payloadmask", "flags"];

    private readonly DecodedPayload into;
    private readonly Dictionary<string, Meaning[]>? own;

    // Readings of the normalised payload.
    private readonly int defined;

    private ObjectMapping(DecodedPayload into, Dictionary<string, Meaning[]>? own)
    {
        this.into = into;
        defined = into.Readings.Count;
        this.own = own;
    }

    /// <param name="decoded">The decoder's object.</param>
    /// <param name="model">See <see cref="ModelNames.Of"/>.</param>
    /// <param name="into">Where readings go.</param>
    /// <param name="time">The uplink's time; null where unknown.</param>
    public static void Map(JsonElement decoded, string model, DecodedPayload into, DateTime? time) =>
        new ObjectMapping(into, ModelNames.Of(model, decoded)).Walk(decoded, time, ReadingFlags.None, "", 0);

    private void Walk(JsonElement element, DateTime? time, ReadingFlags flags, string name, int depth)
    {
        if (depth > MaxDepth || Array.IndexOf(Skipped, name) >= 0)
            return;
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray())
                Walk(item, OwnTime(item) ?? time, flags, name, depth + 1);
            return;
        }

        if (element.ValueKind != JsonValueKind.Object)
            return;
        var has = Glance(element);
        if (IsHistory(element, name, has))
            flags |= ReadingFlags.History;
        if (flags != ReadingFlags.None)
            time = OwnTime(element) ?? time;
        // Laird: the time of a list's first measurement stands beside the list.
        var listed = (has & Has.MessageType) != 0 ? OwnTime(element) ?? time : time;

        if ((has & Has.Position) != 0 && !(element.TryGetProperty("fixFailed", out var failed) && failed.ValueKind == JsonValueKind.True))
            Position(element, into, time, flags);
        Span<char> buffer = stackalloc char[DecodedNames.LongestKey];
        foreach (var field in element.EnumerateObject())
        {
            var key = DecodedNames.Key(field, buffer);
            if (key.IsEmpty)
                continue;
            if (DecodedNames.TryFind(key, own, out var meanings, out var unit, out var number))
            {
                if (Inner(field.Value, (has & Has.Unit) != 0 ? element : default, key, meanings, ref unit) is not { } value)
                    Walk(field.Value, field.Value.ValueKind == JsonValueKind.Array ? listed : time, flags, key.ToString(), depth + 1);
                else if (meanings.Length > 0)
                    Read(meanings, value, unit, number, element, time, flags);
            }
            else if (field.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
            {
                Walk(field.Value, field.Value.ValueKind == JsonValueKind.Array ? listed : time, flags, key.ToString(), depth + 1);
            }
        }

        if ((has & Has.Value) != 0)
            Named(element, buffer, time, flags);
    }

    /// <summary>What an object has among its fields: most have none of these, and are spared the search.</summary>
    [Flags]
    private enum Has
    {
        Nothing = 0,
        Unit = 1,
        Position = 2,
        MessageType = 4,
        Value = 8,
    }

    private static Has Glance(JsonElement element)
    {
        var has = Has.Nothing;
        foreach (var field in element.EnumerateObject())
        {
            var raw = JsonMarshal.GetRawUtf8PropertyName(field);
            if (raw.Length < 3)
                continue;
            switch (raw[0] | 0x20)
            {
                case 'l' or 'g':
                    has |= Has.Position;
                    break;
                case 'm' when raw.SequenceEqual("msgType"u8):
                    has |= Has.MessageType;
                    break;
                case 'v' when raw.SequenceEqual("value"u8):
                    has |= Has.Value;
                    break;
            }

            if (raw.Length > 3 && (raw[^1] | 0x20) == 't' && (raw[^2] | 0x20) == 'i' && (raw[^3] | 0x20) == 'n')
                has |= Has.Unit;
        }

        return has;
    }

    /// <summary>A stored measurement that is sent later: a list or a message that is called so.</summary>
    private static bool IsHistory(JsonElement element, string name, Has has) =>
        (name.Contains("history", StringComparison.Ordinal) && element.TryGetProperty("timestamp", out _))
        // Laird: SendBackLogMessage, SendBackLogMessages.
        || (
            (has & Has.MessageType) != 0
            && element.TryGetProperty("msgType", out var kind)
            && Text(kind).Contains("BackLog", StringComparison.OrdinalIgnoreCase)
        );

    private static DateTime? OwnTime(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object)
            return null;
        return
            element.TryGetProperty("timestamp", out var stamp)
            || element.TryGetProperty("frame_unixtime", out stamp)
            || element.TryGetProperty("frame_isotime", out stamp)
            ? UplinkFields.Time(stamp)
            : null;
    }

    /// <summary>
    /// The value under a known name, also { "value": 21.5, "unit": "°C" }, { "Event": "Open" } and a list, whose first entry is the latest;
    /// null for an object that holds something else.
    /// </summary>
    private static JsonElement? Inner(JsonElement element, JsonElement around, ReadOnlySpan<char> key, Meaning[] meanings, ref string unit)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            if (
                !(
                    element.TryGetProperty("value", out var inner)
                    || element.TryGetProperty("values", out inner)
                    || element.TryGetProperty("State", out inner)
                    || element.TryGetProperty("status", out inner)
                    || element.TryGetProperty("Event", out inner)
                )
            )
                return null;
            if (element.TryGetProperty("unit", out var said) || element.TryGetProperty("units", out said))
                unit = Text(said);
            element = inner;
        }
        else if (unit.Length == 0 && UnitBeside(around, key, meanings) is { } beside)
        {
            unit = beside;
        }

        return First(element);
    }

    private static JsonElement? First(JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.Object => null,
            JsonValueKind.Array => element.GetArrayLength() > 0
            && element[0] is { ValueKind: not (JsonValueKind.Object or JsonValueKind.Array) } first
                ? first
                : null,
            _ => element,
        };

    /// <summary>{ "energy": 5, "energy_unit": "kWh" }, or one "unit" in an object with one value.</summary>
    private static string? UnitBeside(JsonElement around, ReadOnlySpan<char> key, Meaning[] meanings)
    {
        if (around.ValueKind != JsonValueKind.Object)
            return null;
        Span<char> buffer = stackalloc char[DecodedNames.LongestKey];
        foreach (var field in around.EnumerateObject())
        {
            var raw = JsonMarshal.GetRawUtf8PropertyName(field);
            if (raw.Length < 4 || (raw[^1] | 0x20) != 't')
                continue;
            var name = DecodedNames.Key(field, buffer);
            if (
                name.EndsWith("unit", StringComparison.Ordinal)
                && (name.Length == 4 || name[..^4].SequenceEqual(key))
                && First(field.Value) is { ValueKind: JsonValueKind.String } said
                && said.GetString() is var text
                // A "unit" of the whole object is that of the values that have it.
                && (name.Length > 4 || Array.Exists(meanings, m => m.Takes(Spelled(text!))))
            )
                return text;
        }

        return null;
    }

    /// <summary>The usual spelling of a unit, which decoders write in any case and language of the trade.</summary>
    private static string Spelled(string unit) =>
        unit.Length == 0
            ? unit
            : unit.Trim().ToUpperInvariant() switch
            {
                "V" or "VOLT" or "VOLTS" => "V",
                "C" or "CELSIUS" or "DEG C" or "°C" => "Cel",
                "F" or "FAHRENHEIT" or "DEG F" or "°F" => "°F",
                "%" or "PERCENT" or "PCT" or "% RH" or "%RH" => "%",
                "PA" => "Pa",
                "HPA" or "MBAR" => "hPa",
                "KPA" => "kPa",
                "BAR" => "bar",
                "KWH" => "kWh",
                "WH" => "Wh",
                "M3" or "M³" or "M^3" => "m3",
                "L" or "LITER" or "LITERS" or "LITRE" or "LITRES" => "L",
                "LUX" => "lx",
                _ => unit.Trim(),
            };

    /// <summary>A measurement that says in a field what it is: { "desc": "energy", "unit": "Wh", "value": 540 }.</summary>
    private void Named(JsonElement element, Span<char> buffer, DateTime? time, ReadingFlags flags)
    {
        if (
            !element.TryGetProperty("value", out var value)
            || !(element.TryGetProperty("desc", out var name) || element.TryGetProperty("name", out name))
            || name.ValueKind != JsonValueKind.String
        )
            return;
        var key = DecodedNames.Key(name.GetString(), buffer);
        if (!key.IsEmpty && DecodedNames.TryFind(key, own, out var meanings, out var unit, out var number) && meanings.Length > 0)
        {
            if (element.TryGetProperty("unit", out var said))
                unit = Text(said);
            Read(meanings, value, unit, number, element, time, flags);
        }
    }

    private void Read(
        Meaning[] meanings,
        JsonElement value,
        string unit,
        ReadOnlySpan<char> number,
        JsonElement around,
        DateTime? time,
        ReadingFlags flags
    )
    {
        if (meanings[0].Metric.Kind is not (MetricKind.State or MetricKind.Event))
        {
            Measure(meanings, value, unit, number, around, time, flags);
            return;
        }

        foreach (var meaning in meanings)
        {
            if (!Holds(meaning, around))
                continue;
            var channel = Channel(meaning, number, around);
            if (meaning.Metric.Kind == MetricKind.Event)
            {
                if (Word(meaning, value, ref channel) is { } word)
                    into.AddEvent(meaning.Metric, word, time, channel, flags);
            }
            else if (State(meaning, value) is { } state)
            {
                Add(meaning.Metric, state, channel, time, flags);
            }

            // The one that applies, except where a number stands for several things.
            if (meaning.When is not null)
                return;
        }
    }

    private void Measure(
        Meaning[] meanings,
        JsonElement value,
        string unit,
        ReadOnlySpan<char> number,
        JsonElement around,
        DateTime? time,
        ReadingFlags flags
    )
    {
        if (UplinkFields.Number(value) is not { } raw)
            return;
        // An unknown unit: a temperature in "F" isn't one in degrees Celsius.
        unit = Spelled(unit);
        if (unit.Length > 0 && !Array.Exists(meanings, m => m.Takes(unit)))
            return;
        if (value.ValueKind == JsonValueKind.String)
        {
            // "3.4V"; Netvox: "2.3(low battery)".
            var text = value.GetString()!;
            if (unit.Length == 0)
                unit = Spelled(text.AsSpan().TrimStart("+-.0123456789 ").Trim().ToString());
            if (text.Contains("low battery", StringComparison.OrdinalIgnoreCase))
                Add(Metric.BatteryLow, 1, "", time, flags);
        }

        Meaning? found = null;
        var measured = double.NaN;
        var said = unit.Length > 0 && Array.Exists(meanings, m => m.Takes(unit));
        foreach (var meaning in meanings)
        {
            if (!Holds(meaning, around))
                continue;
            var conversion = meaning.Conversion;
            if (said ? !Units.TryConvert(unit, meaning.Metric.Unit, out conversion) : meaning.UnitSaid)
                continue;
            if (!said && meaning.Whole && raw < 13 && raw != Math.Floor(raw))
                continue;
            var converted = conversion.Apply(raw);
            var possible = PossibleRange.Has(meaning.Metric, converted);
            // The first stands in where none is possible.
            if (found is not null && !possible)
                continue;
            (found, measured) = (meaning, converted);
            if (possible)
                break;
        }

        // Zero is a watch that isn't on a wrist.
        if (found is null || (measured == 0 && (found.Metric == Metric.HeartRate || found.Metric == Metric.BloodOxygen)))
            return;
        Add(found.Metric, measured, Channel(found, number, around), time, flags);
    }

    /// <summary>A value that the normalised payload gave already is not added again: there its unit is defined.</summary>
    private void Add(Metric metric, double value, string channel, DateTime? time, ReadingFlags flags)
    {
        if (!PossibleRange.Has(metric, value))
            flags |= ReadingFlags.Suspect;
        for (var i = 0; i < into.Readings.Count; i++)
        {
            var earlier = into.Readings[i];
            if (
                earlier.Metric == metric
                && earlier.Channel == channel
                && (earlier.Flags & ReadingFlags.History) == (flags & ReadingFlags.History)
                && (i < defined || time is null || earlier.Time == time || earlier.Has(ReadingFlags.ArrivalTime))
            )
                return;
        }

        into.Add(metric, value, time, channel, flags);
    }

    private static bool Holds(Meaning meaning, JsonElement around) =>
        meaning.When is not { } when || Sibling(around, when.Field).Equals(when.Text, StringComparison.OrdinalIgnoreCase);

    private static string Channel(Meaning meaning, ReadOnlySpan<char> number, JsonElement around)
    {
        var channel = meaning.Channel;
        if (channel == "#")
            return number.ToString();
        if (channel.Contains('#', StringComparison.Ordinal))
            return channel.Replace("#", number.ToString(), StringComparison.Ordinal);
        while (channel.IndexOf('{', StringComparison.Ordinal) is >= 0 and var from)
        {
            var to = channel.IndexOf('}', from);
            channel = channel[..from] + Sibling(around, channel[(from + 1)..to]).ToLowerInvariant() + channel[(to + 1)..];
        }

        return channel;
    }

    /// <summary>What another field of the object says; empty where it says nothing.</summary>
    private static string Sibling(JsonElement around, string name)
    {
        Span<char> buffer = stackalloc char[DecodedNames.LongestKey];
        foreach (var field in around.EnumerateObject())
            if (DecodedNames.Key(field, buffer).SequenceEqual(name))
                return First(field.Value) is { } value ? Text(value) : "";
        return "";
    }

    private static string Text(JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.String => element.GetString()!,
            JsonValueKind.Object or JsonValueKind.Array or JsonValueKind.Null or JsonValueKind.Undefined => "",
            _ => element.GetRawText(),
        };

    private static string? Listed(Meaning meaning, JsonElement value)
    {
        var text = Text(value);
        foreach (var (part, means) in meaning.Values)
            if (text.Contains(part, StringComparison.OrdinalIgnoreCase))
                return means;
        return null;
    }

    private static string? Word(Meaning meaning, JsonElement value, ref string channel)
    {
        if (meaning.Values.Count > 0)
            return Listed(meaning, value);
        var text = Text(value).Trim();
        if (text.Length == 0 || DeviceWords.OfState(text) == false || text is "null")
            return null;
        var holds = State(value);
        if (meaning.Event.Length > 0)
            return holds == 1 || DevicePhrases.OfPress(text) is not null ? meaning.Event : null;
        if (value.ValueKind == JsonValueKind.Number)
        {
            // Milesight WS136 and WS156: which of the buttons.
            if (holds == 1 && value.GetDouble() is > 1 and < 100 and var which && channel.Length == 0)
                channel = which.ToString(CultureInfo.InvariantCulture);
            return holds == 1 ? "pressed" : null;
        }

        return value.ValueKind == JsonValueKind.True ? "pressed" : DevicePhrases.OfPress(text);
    }

    private static double? State(Meaning meaning, JsonElement value)
    {
        var state =
            meaning.Values.Count > 0 ? (Listed(meaning, value) is { } listed ? (listed == "1" ? 1 : 0) : null)
            : meaning.TextOnly && value.ValueKind == JsonValueKind.Number ? null
            : meaning.TextOnly && value.ValueKind == JsonValueKind.String && UplinkFields.Number(value) is not null ? null
            : State(value);
        return meaning.Inverted ? 1 - state : state;
    }

    internal static double? State(JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.True => 1,
            JsonValueKind.False => 0,
            JsonValueKind.Number => element.GetDouble() == 0 ? 0 : 1,
            JsonValueKind.String => DevicePhrases.OfState(element.GetString()!) is { } holds ? (holds ? 1 : 0) : null,
            _ => null,
        };

    internal static void Position(JsonElement element, DecodedPayload into, DateTime? time, ReadingFlags flags)
    {
        double? latitude = null,
            longitude = null;
        Span<char> buffer = stackalloc char[DecodedNames.LongestKey];
        foreach (var field in element.EnumerateObject())
        {
            switch (DecodedNames.Key(field, buffer))
            {
                case "latitude" or "lat" or "latitudedeg" or "gpslat":
                    latitude ??= Coordinate(field.Value);
                    break;
                case "longitude" or "lon" or "lng" or "long" or "longitudedeg" or "gpslong":
                    longitude ??= Coordinate(field.Value);
                    break;
            }
        }

        // 0/0 means that the tracker has no fix.
        if (
            latitude is { } north
            && longitude is { } east
            && (north != 0 || east != 0)
            && !into.Readings.Any(r => r.Metric == Metric.Location && r.Time == time)
        )
            into.AddLocation(north, east, time, flags: flags);
    }

    private static double? Coordinate(JsonElement element) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty("value", out var inner)
            ? UplinkFields.Number(inner)
            : UplinkFields.Number(element);
}
