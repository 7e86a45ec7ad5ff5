using System.Collections.Frozen;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// The Things Stack's normalised vocabulary, whose units are fixed (lorawan-stack, pkg/messageprocessors/normalizedpayload). Water totals
/// are litres there.
/// </summary>
internal static class NormalisedPayload
{
    private static readonly FrozenDictionary<string, (Metric Metric, double Scale)> Fields = new Dictionary<string, (Metric, double)>
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

    /// <summary>An array of measurements in an uplink, one object in a normalised event.</summary>
    public static void Map(JsonElement normalised, DecodedPayload into, DateTime? time)
    {
        if (normalised.ValueKind == JsonValueKind.Array)
        {
            foreach (var one in normalised.EnumerateArray())
                Map(one, into, time);
            return;
        }

        if (normalised.ValueKind != JsonValueKind.Object)
            return;
        var at = normalised.TryGetProperty("time", out var own) && UplinkFields.Time(own) is { } stated ? stated : time;
        Walk(normalised, into, at, "", 0);
    }

    private static void Walk(JsonElement element, DecodedPayload into, DateTime? time, string path, int depth)
    {
        if (depth > ObjectMapping.MaxDepth)
            return;
        if (element.ValueKind == JsonValueKind.Object)
        {
            ObjectMapping.Position(element, into, time, ReadingFlags.None);
            foreach (var field in element.EnumerateObject())
                Walk(field.Value, into, time, path.Length == 0 ? field.Name : path + "." + field.Name, depth + 1);
            return;
        }

        if (!Fields.TryGetValue(path, out var found))
            return;
        if ((found.Metric.Kind == MetricKind.State ? ObjectMapping.State(element) : UplinkFields.Number(element)) is { } value)
            into.Add(
                found.Metric,
                value * found.Scale,
                time,
                path.EndsWith(".min", StringComparison.Ordinal) ? "min"
                    : path.EndsWith(".max", StringComparison.Ordinal) ? "max"
                    : "",
                PossibleRange.Has(found.Metric, value * found.Scale) ? ReadingFlags.None : ReadingFlags.Suspect
            );
    }
}
