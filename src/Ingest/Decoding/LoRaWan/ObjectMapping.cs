using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Readings from a decoded object, by the field names that LoRaWAN decoders commonly use (Milesight, Dragino, Elsys, Netvox, Decentlab…).
/// A name whose unit differs between vendors (volume, energy, current) is left out unless the name itself says the unit: a wrong unit is
/// worse than none.
/// </summary>
internal static class ObjectMapping
{
    internal const int MaxDepth = 6;

    public static void Map(JsonElement decoded, DecodedPayload into, DateTime? time) => Walk(decoded, into, time, ReadingFlags.None, "", 0);

    private static void Walk(JsonElement element, DecodedPayload into, DateTime? time, ReadingFlags flags, string name, int depth)
    {
        if (depth > MaxDepth)
            return;
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                // The last position before a failed fix is not where the person is now.
                if (name == "cached")
                    return;
                if (
                    name.Contains("history", StringComparison.Ordinal)
                    && element.TryGetProperty("timestamp", out var stamp)
                    && UplinkFields.Time(stamp) is { } then
                )
                {
                    time = then;
                    flags |= ReadingFlags.History;
                }

                if (!(element.TryGetProperty("fixFailed", out var failed) && failed.ValueKind == JsonValueKind.True))
                    Position(element, into, time, flags);
                foreach (var field in element.EnumerateObject())
                {
                    var key = DecodedNames.Key(field.Name);
                    if (field.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
                    {
                        // { "door": { "value": true } }, as Sensative and Adeunis decoders write.
                        if (
                            field.Value.ValueKind == JsonValueKind.Object
                            && field.Value.TryGetProperty("value", out var inner)
                            && inner.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array)
                            && DecodedNames.IsKnown(key)
                        )
                            Value(key, inner, into, time, flags);
                        else if (
                            key == "buttonevent"
                            && field.Value.ValueKind == JsonValueKind.Object
                            && field.Value.TryGetProperty("status", out var press)
                        )
                            Value(key, press, into, time, flags);
                        else
                            Walk(field.Value, into, time, flags, key, depth + 1);
                    }
                    else
                    {
                        Value(key, field.Value, into, time, flags);
                    }
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                    Walk(item, into, time, flags, name, depth + 1);
                break;
        }
    }

    private static void Value(string key, JsonElement element, DecodedPayload into, DateTime? time, ReadingFlags flags)
    {
        if (key is "battery" or "bat" or "voltage")
        {
            if (UplinkFields.Number(element) is { } raw)
                Add(into, key == "voltage" ? Supply(raw) : Battery(raw), "", time, flags);
            return;
        }

        if (!DecodedNames.TryFind(key, out var found, out var channel))
            return;

        switch (found.Metric.Kind)
        {
            case MetricKind.Event:
                if (Press(channel.Length > 0 ? key[..^channel.Length] : key, element) is { } word)
                    into.AddEvent(found.Metric, word, time, channel, flags);
                break;
            case MetricKind.State:
                if (State(element) is { } state)
                    Add(into, (found.Metric, state), channel, time, flags);
                break;
            default:
                if (
                    UplinkFields.Number(element) is { } value
                    && !(found.Metric == Metric.HeartRate && value == 0)
                    && !(found.Metric == Metric.BloodOxygen && value == 0)
                )
                    Add(into, (found.Metric, value * found.Scale), channel, time, flags);
                break;
        }
    }

    /// <summary>A value that the normalised payload gave already is not added again: there its unit is defined.</summary>
    private static void Add(DecodedPayload into, (Metric Metric, double Value) reading, string channel, DateTime? time, ReadingFlags flags)
    {
        if (flags == ReadingFlags.None)
            foreach (var earlier in into.Readings)
                if (earlier.Metric == reading.Metric && earlier.Channel == channel && (earlier.Flags & ReadingFlags.History) == 0)
                    return;
        into.Add(reading.Metric, reading.Value, time, channel, flags);
    }

    /// <summary>
    /// "battery" may be per cent, volts or millivolts. Batteries have less than 13 V, and a per cent value there is never a fraction.
    /// </summary>
    private static (Metric, double) Battery(double raw) =>
        raw > 1000 ? (Metric.BatteryVoltage, raw / 1000)
        : raw < 13 && raw != Math.Floor(raw) ? (Metric.BatteryVoltage, raw)
        : (Metric.BatteryLevel, raw);

    /// <summary>"voltage" is the battery's below 25 V, else the mains'.</summary>
    private static (Metric, double) Supply(double raw) => raw < 25 ? (Metric.BatteryVoltage, raw) : (Metric.ElectricityVoltage, raw);

    internal static void Position(JsonElement element, DecodedPayload into, DateTime? time, ReadingFlags flags)
    {
        double? latitude = null,
            longitude = null;
        foreach (var field in element.EnumerateObject())
        {
            switch (DecodedNames.Key(field.Name))
            {
                case "latitude" or "lat" or "latitudedeg" or "gpslat":
                    latitude ??= UplinkFields.Number(field.Value);
                    break;
                case "longitude" or "lon" or "lng" or "long" or "longitudedeg" or "gpslong":
                    longitude ??= UplinkFields.Number(field.Value);
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

    private static string? Press(string key, JsonElement element)
    {
        var text = element.ValueKind == JsonValueKind.String ? element.GetString()! : element.GetRawText();
        if (DeviceWords.OfState(text) == false || text is "null" or "")
            return null;
        if (key is "fall" or "falldetected" or "mandown")
            return "fall";
        if (key is "sos" or "sosevent" or "alarmstatus" or "emergency" or "panic")
            return DeviceWords.OfState(text) == true ? "sos" : null;
        return text.ToUpperInvariant() switch
        {
            "SHORT PRESS" or "TRUE" or "1" => "pressed",
            "LONG PRESS" => "long",
            "DOUBLE PRESS" => "double",
            _ => DeviceWords.OfEvent(text),
        };
    }

    internal static double? State(JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.True => 1,
            JsonValueKind.False => 0,
            JsonValueKind.Number => element.GetDouble() == 0 ? 0 : 1,
            JsonValueKind.String => DeviceWords.OfState(element.GetString()!) is { } holds ? (holds ? 1 : 0) : null,
            _ => null,
        };
}
