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
    private const int MaxDepth = 6;
    private static readonly char[] Digits = [.. "0123456789"];

    private static readonly FrozenDictionary<string, (Metric Metric, double Scale)> Fields = new Dictionary<string, (Metric, double)>
    {
        ["temperature"] = (Metric.AirTemperature, 1),
        ["temp"] = (Metric.AirTemperature, 1),
        ["airtemperature"] = (Metric.AirTemperature, 1),
        ["tempcsht"] = (Metric.AirTemperature, 1),
        ["ambienttemperature"] = (Metric.AirTemperature, 1),
        ["humidity"] = (Metric.AirHumidity, 1),
        ["humsht"] = (Metric.AirHumidity, 1),
        ["relativehumidity"] = (Metric.AirHumidity, 1),
        ["airhumidity"] = (Metric.AirHumidity, 1),
        ["co2"] = (Metric.AirCarbonDioxide, 1),
        ["pressure"] = (Metric.AirPressure, 100),
        ["barometricpressure"] = (Metric.AirPressure, 100),
        ["illuminance"] = (Metric.Illuminance, 1),
        ["illumination"] = (Metric.Illuminance, 1),
        ["light"] = (Metric.Illuminance, 1),
        ["lux"] = (Metric.Illuminance, 1),
        ["batteryvoltage"] = (Metric.BatteryVoltage, 1),
        ["batv"] = (Metric.BatteryVoltage, 1),
        ["volt"] = (Metric.BatteryVoltage, 1),
        ["batteryv"] = (Metric.BatteryVoltage, 1),
        ["batvoltage"] = (Metric.BatteryVoltage, 1),
        ["vdd"] = (Metric.BatteryVoltage, 0.001),
        ["batterymv"] = (Metric.BatteryVoltage, 0.001),
        ["batteryactive"] = (Metric.BatteryVoltage, 0.001),
        ["batterypct"] = (Metric.BatteryLevel, 1),
        ["batterylevel"] = (Metric.BatteryLevel, 1),
        ["batterypercent"] = (Metric.BatteryLevel, 1),
        ["batterypercentage"] = (Metric.BatteryLevel, 1),
        ["batterylow"] = (Metric.BatteryLow, 1),
        ["lowbattery"] = (Metric.BatteryLow, 1),
        ["waterleak"] = (Metric.WaterLeak, 1),
        ["leak"] = (Metric.WaterLeak, 1),
        ["leakagestatus"] = (Metric.WaterLeak, 1),
        ["leakage"] = (Metric.WaterLeak, 1),
        ["tempc"] = (Metric.AirTemperature, 1),
        ["tempcds"] = (Metric.AirTemperature, 1),
        ["externaltemperature"] = (Metric.AirTemperature, 1),
        ["watertemperature"] = (Metric.WaterTemperature, 1),
        ["pulseabs"] = (Metric.PulseCount, 1),
        ["pulsecount"] = (Metric.PulseCount, 1),
        ["waterleakalarm"] = (Metric.WaterLeak, 1),
        ["floodalarm"] = (Metric.WaterLeak, 1),
        ["leakdetected"] = (Metric.WaterLeak, 1),
        ["floodstatus"] = (Metric.WaterLeak, 1),
        ["waterleakage"] = (Metric.WaterLeak, 1),
        ["flood"] = (Metric.WaterLeak, 1),
        ["waterleakstatus"] = (Metric.WaterLeak, 1),
        ["door"] = (Metric.DoorOpen, 1),
        ["magnetstatus"] = (Metric.DoorOpen, 1),
        ["doorstatus"] = (Metric.DoorOpen, 1),
        ["dooropenstatus"] = (Metric.DoorOpen, 1),
        ["dooropen"] = (Metric.DoorOpen, 1),
        ["tamper"] = (Metric.Tamper, 1),
        ["tamperstatus"] = (Metric.Tamper, 1),
        ["boxtamper"] = (Metric.Tamper, 1),
        ["disassembledalarm"] = (Metric.Tamper, 1),
        ["occupancy"] = (Metric.Presence, 1),
        ["occupied"] = (Metric.Presence, 1),
        ["occupy"] = (Metric.Presence, 1),
        ["presence"] = (Metric.Presence, 1),
        ["motion"] = (Metric.Motion, 1),
        ["pir"] = (Metric.Motion, 1),
        ["pirstatus"] = (Metric.Motion, 1),
        ["motionstatus"] = (Metric.Motion, 1),
        ["smoke"] = (Metric.Smoke, 1),
        ["smokestatus"] = (Metric.Smoke, 1),
        ["smokealarm"] = (Metric.Smoke, 1),
        ["firealarm"] = (Metric.Smoke, 1),
        ["gasstatus"] = (Metric.Gas, 1),
        ["gasalarm"] = (Metric.Gas, 1),
        ["socketstatus"] = (Metric.SwitchOn, 1),
        ["activepower"] = (Metric.ElectricityPower, 1),
        ["powerconsumption"] = (Metric.ElectricityEnergy, 0.001),
        ["energykwh"] = (Metric.ElectricityEnergy, 1),
        ["energywh"] = (Metric.ElectricityEnergy, 0.001),
        ["activeenergykwh"] = (Metric.ElectricityEnergy, 1),
        ["powerw"] = (Metric.ElectricityPower, 1),
        ["voltagev"] = (Metric.ElectricityVoltage, 1),
        ["currenta"] = (Metric.ElectricityCurrent, 1),
        ["currentma"] = (Metric.ElectricityCurrent, 0.001),
        ["totalvolume"] = (Metric.WaterVolume, 0.001), // Quandify CubicMeter: litres
        ["volumem3"] = (Metric.WaterVolume, 1),
        ["totalm3"] = (Metric.WaterVolume, 1),
        ["waterm3"] = (Metric.WaterVolume, 1),
        ["volumel"] = (Metric.WaterVolume, 0.001),
        ["volumeliters"] = (Metric.WaterVolume, 0.001),
        ["volumelitres"] = (Metric.WaterVolume, 0.001),
        ["heartrate"] = (Metric.HeartRate, 1),
        ["spo2"] = (Metric.BloodOxygen, 1),
        ["steps"] = (Metric.Steps, 1),
        ["sos"] = (Metric.Button, 1),
        ["sosevent"] = (Metric.Button, 1),
        ["buttonevent"] = (Metric.Button, 1),
        ["button"] = (Metric.Button, 1),
        ["press"] = (Metric.Button, 1),
        ["alarmstatus"] = (Metric.Button, 1),
        ["fall"] = (Metric.Fall, 1),
        ["falldetected"] = (Metric.Fall, 1),
        ["mandown"] = (Metric.Fall, 1),
        ["emergency"] = (Metric.Button, 1),
        ["panic"] = (Metric.Button, 1),
        ["respirationrate"] = (Metric.RespirationRate, 1),
        ["bodytemperature"] = (Metric.BodyTemperature, 1),
        ["bedoccupied"] = (Metric.BedOccupied, 1),
        ["worn"] = (Metric.Worn, 1),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>
    /// The Things Stack's normalised vocabulary, whose units are fixed (lorawan-stack, pkg/messageprocessors/normalizedpayload). Water
    /// totals are litres there.
    /// </summary>
    private static readonly FrozenDictionary<string, (Metric Metric, double Scale)> Normalised = new Dictionary<string, (Metric, double)>
    {
        ["air.temperature"] = (Metric.AirTemperature, 1),
        ["air.relativeHumidity"] = (Metric.AirHumidity, 1),
        ["air.pressure"] = (Metric.AirPressure, 100),
        ["air.co2"] = (Metric.AirCarbonDioxide, 1),
        ["air.lightIntensity"] = (Metric.Illuminance, 1),
        ["battery"] = (Metric.BatteryVoltage, 1),
        ["metering.water.total"] = (Metric.WaterVolume, 0.001),
        ["water.leak"] = (Metric.WaterLeak, 1),
        ["water.temperature.current"] = (Metric.WaterTemperature, 1),
        ["water.temperature"] = (Metric.WaterTemperature, 1),
        ["water.temperature.avg"] = (Metric.WaterTemperature, 1),
        ["water.temperature.min"] = (Metric.WaterTemperature, 1),
        ["water.temperature.max"] = (Metric.WaterTemperature, 1),
        ["action.motion.count"] = (Metric.Motion, 1),
        ["action.motion.detected"] = (Metric.Motion, 1),
        ["action.contactState"] = (Metric.DoorOpen, 1),
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    public static void Map(JsonElement decoded, DecodedPayload into, DateTime? time) => Walk(decoded, into, time, ReadingFlags.None, "", 0);

    /// <summary>An array of measurements in an uplink, one object in a normalised event.</summary>
    public static void MapNormalised(JsonElement normalised, DecodedPayload into, DateTime? time)
    {
        if (normalised.ValueKind == JsonValueKind.Array)
        {
            foreach (var one in normalised.EnumerateArray())
                MapNormalised(one, into, time);
            return;
        }

        if (normalised.ValueKind != JsonValueKind.Object)
            return;
        var at = normalised.TryGetProperty("time", out var own) && Json.Time(own) is { } stated ? stated : time;
        WalkNormalised(normalised, into, at, "", 0);
    }

    private static void WalkNormalised(JsonElement element, DecodedPayload into, DateTime? time, string path, int depth)
    {
        if (depth > MaxDepth)
            return;
        if (element.ValueKind == JsonValueKind.Object)
        {
            Position(element, into, time, ReadingFlags.None);
            foreach (var field in element.EnumerateObject())
                WalkNormalised(field.Value, into, time, path.Length == 0 ? field.Name : path + "." + field.Name, depth + 1);
            return;
        }

        if (!Normalised.TryGetValue(path, out var found))
            return;
        if ((found.Metric.Kind == MetricKind.State ? State(element) : Json.Number(element)) is { } value)
            into.Add(
                found.Metric,
                value * found.Scale,
                time,
                path.EndsWith(".min", StringComparison.Ordinal) ? "min"
                    : path.EndsWith(".max", StringComparison.Ordinal) ? "max"
                    : ""
            );
    }

    private static void Walk(JsonElement element, DecodedPayload into, DateTime? time, ReadingFlags flags, string name, int depth)
    {
        if (depth > MaxDepth)
            return;
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                // A position from before the failed fix is not where the person is.
                if (name == "cached")
                    return;
                if (
                    name.Contains("history", StringComparison.Ordinal)
                    && element.TryGetProperty("timestamp", out var stamp)
                    && Json.Time(stamp) is { } then
                )
                {
                    time = then;
                    flags |= ReadingFlags.History;
                }

                if (!(element.TryGetProperty("fixFailed", out var failed) && failed.ValueKind == JsonValueKind.True))
                    Position(element, into, time, flags);
                foreach (var field in element.EnumerateObject())
                {
                    var key = Key(field.Name);
                    if (field.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
                    {
                        // { "door": { "value": true } }, as Sensative and Adeunis decoders write.
                        if (
                            field.Value.ValueKind == JsonValueKind.Object
                            && field.Value.TryGetProperty("value", out var inner)
                            && inner.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array)
                            && Known(key)
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

    private static bool Known(string key) =>
        key is "battery" or "bat" or "voltage" || Fields.ContainsKey(key) || Fields.ContainsKey(key.TrimEnd(Digits));

    private static void Value(string key, JsonElement element, DecodedPayload into, DateTime? time, ReadingFlags flags)
    {
        if (key is "battery" or "bat" or "voltage")
        {
            if (Json.Number(element) is { } raw)
                Add(into, key == "voltage" ? Supply(raw) : Battery(raw), "", time, flags);
            return;
        }

        // Several probes of a kind: WaterLeak_1 and WaterLeak_2 stay two.
        var channel = "";
        if (!Fields.TryGetValue(key, out var found))
        {
            var bare = key.TrimEnd(Digits);
            if (bare.Length == key.Length || !Fields.TryGetValue(bare, out found))
                return;
            channel = key[bare.Length..];
        }

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
                    Json.Number(element) is { } value
                    && !(found.Metric == Metric.HeartRate && value == 0)
                    && !(found.Metric == Metric.BloodOxygen && value == 0)
                )
                    Add(into, (found.Metric, value * found.Scale), channel, time, flags);
                break;
        }
    }

    /// <summary>
    /// The normalised payload has its units by definition; the decoder's own object doesn't say a second time what stands there already.
    /// </summary>
    private static void Add(DecodedPayload into, (Metric Metric, double Value) reading, string channel, DateTime? time, ReadingFlags flags)
    {
        if (flags == ReadingFlags.None)
            foreach (var earlier in into.Readings)
                if (earlier.Metric == reading.Metric && earlier.Channel == channel && (earlier.Flags & ReadingFlags.History) == 0)
                    return;
        into.Add(reading.Metric, reading.Value, time, channel, flags);
    }

    /// <summary>
    /// Per cent, volts and millivolts all go by "battery": cells end below 13 V and a fraction is never a per cent there.
    /// </summary>
    private static (Metric, double) Battery(double raw) =>
        raw > 1000 ? (Metric.BatteryVoltage, raw / 1000)
        : raw < 13 && raw != Math.Floor(raw) ? (Metric.BatteryVoltage, raw)
        : (Metric.BatteryLevel, raw);

    private static (Metric, double) Supply(double raw) => raw < 25 ? (Metric.BatteryVoltage, raw) : (Metric.ElectricityVoltage, raw);

    private static void Position(JsonElement element, DecodedPayload into, DateTime? time, ReadingFlags flags)
    {
        double? latitude = null,
            longitude = null;
        foreach (var field in element.EnumerateObject())
        {
            switch (Key(field.Name))
            {
                case "latitude" or "lat" or "latitudedeg" or "gpslat":
                    latitude ??= Json.Number(field.Value);
                    break;
                case "longitude" or "lon" or "lng" or "long" or "longitudedeg" or "gpslong":
                    longitude ??= Json.Number(field.Value);
                    break;
            }
        }

        // 0/0 is a tracker without a fix, not the Gulf of Guinea.
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

    private static double? State(JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.True => 1,
            JsonValueKind.False => 0,
            JsonValueKind.Number => element.GetDouble() == 0 ? 0 : 1,
            JsonValueKind.String => DeviceWords.OfState(element.GetString()!) is { } holds ? (holds ? 1 : 0) : null,
            _ => null,
        };

    private static string Key(string name)
    {
        var key = new StringBuilder(name.Length);
        foreach (var c in name)
            if (char.IsAsciiLetterOrDigit(c))
                key.Append(char.ToLower(c, CultureInfo.InvariantCulture));
        return key.ToString();
    }
}
