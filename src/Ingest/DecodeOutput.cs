using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Ingest;

/// <summary>
/// The JSON line of <c>vigil decode</c>: <c>{"device":…,"readings":[…]}</c> or <c>{"rejected":"why"}</c>; <c>partly_rejected</c> beside
/// readings where one frame of several was bad.
/// </summary>
public static class DecodeOutput
{
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(TextWriter output, DecodedPayload decoded, Wording? rejected)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Plain))
        {
            json.WriteStartObject();
            if (rejected is not null)
                json.WriteString("rejected", rejected.En);
            else
                WriteReadings(json, decoded);
            if (rejected is null && decoded.Partly is { } part)
                json.WriteString("partly_rejected", part.En);
            json.WriteEndObject();
        }

        output.WriteLine(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    internal static void WriteReadings(Utf8JsonWriter json, DecodedPayload decoded)
    {
        var device = decoded.Readings.Count > 0 ? decoded.Readings[0].Device.Value : decoded.Device;
        json.WriteString("device", device);
        json.WriteStartArray("readings");
        foreach (var reading in decoded.Readings)
        {
            json.WriteStartObject();
            if (reading.Device.Value != device)
                json.WriteString("device", reading.Device.Value);
            json.WriteString("metric", reading.Metric.Name);
            switch (reading.Metric.Kind)
            {
                case MetricKind.Event:
                    json.WriteString("event", reading.Event);
                    break;
                case MetricKind.Location:
                    json.WriteNumber("lat", Math.Round(reading.Value, 7));
                    json.WriteNumber("lon", Math.Round(reading.Longitude, 7));
                    if (!float.IsNaN(reading.Accuracy))
                        json.WriteNumber("accuracy", Math.Round(reading.Accuracy, 1));
                    if (!float.IsNaN(reading.Speed))
                        json.WriteNumber("speed", Math.Round(reading.Speed, 3));
                    break;
                default:
                    // Twelve digits: conversions leave no 0.30000000000000004 behind.
                    json.WriteNumber(
                        "value",
                        double.Parse(reading.Value.ToString("G12", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
                    );
                    json.WriteString("unit", reading.Metric.Unit);
                    break;
            }

            if (reading.Channel.Length > 0)
                json.WriteString("channel", reading.Channel);
            json.WriteString(
                "time",
                reading.Time.ToString(
                    reading.Time.Ticks % TimeSpan.TicksPerSecond == 0 ? "yyyy-MM-ddTHH:mm:ssZ" : "yyyy-MM-ddTHH:mm:ss.FFFFFFFZ",
                    CultureInfo.InvariantCulture
                )
            );
            if (reading.Flags != ReadingFlags.None)
            {
                json.WriteStartArray("flags");
                foreach (var flag in Enum.GetValues<ReadingFlags>())
                    if (flag != ReadingFlags.None && reading.Has(flag))
                        json.WriteStringValue(FlagName(flag));
                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static string FlagName(ReadingFlags flag) =>
        flag switch
        {
            ReadingFlags.ArrivalTime => "arrival-time",
            ReadingFlags.ClockWrong => "clock-wrong",
            ReadingFlags.History => "history",
            ReadingFlags.Retained => "retained",
            ReadingFlags.Suspect => "suspect",
            _ => "test",
        };
}
