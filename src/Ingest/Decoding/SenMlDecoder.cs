using System.Globalization;
using System.Text;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// SenML JSON (RFC 8428): base name, time, unit, value and sum, relative times, resolved records. A record's full name is the device and one of our
/// metrics, <c>{device}/{metric}</c> or <c>{device}/{metric}/{channel}</c>; without a device in it the topic's device is meant.
/// Units are converted to the metric's (RFC 8798 secondary units too).
/// </summary>
public sealed class SenMlDecoder : Decoder
{
    /// <summary>RFC 8428 §4.5.3: smaller times are relative to now.</summary>
    private const double RelativeBelow = 268_435_456;

    public override string? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        var reader = new Utf8JsonReader(payload, new JsonReaderOptions { MaxDepth = 8 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray) return "SenML is a JSON array of records (RFC 8428 §4)";
        var topicDevice = into.Device;
        string baseName = "", baseUnit = "";
        double baseTime = 0, baseValue = 0, baseSum = 0;
        var number = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            number++;
            if (reader.TokenType != JsonTokenType.StartObject) return $"record {number} is not an object";
            string name = "";
            string? unit = null, text = null;
            double? value = null, sum = null, time = null;
            bool? flag = null;
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                var label = reader.GetString()!;
                reader.Read();
                switch (label)
                {
                    case "bn": if (!Text(ref reader, out baseName)) return Bad(number, label, "a text"); break;
                    case "bu": if (!Text(ref reader, out baseUnit)) return Bad(number, label, "a text"); break;
                    case "bt": if (!Number(ref reader, out baseTime)) return Bad(number, label, "a number"); break;
                    case "bv": if (!Number(ref reader, out baseValue)) return Bad(number, label, "a number"); break;
                    case "bs": if (!Number(ref reader, out baseSum)) return Bad(number, label, "a number"); break;
                    case "bver": if (!Number(ref reader, out var version) || version > 10) return Bad(number, label, "a version up to 10"); break;
                    case "n": if (!Text(ref reader, out name)) return Bad(number, label, "a text"); break;
                    case "u": if (!Text(ref reader, out var u)) return Bad(number, label, "a text"); unit = u; break;
                    case "t": if (!Number(ref reader, out var t)) return Bad(number, label, "a number"); time = t; break;
                    case "v": if (!Number(ref reader, out var v)) return Bad(number, label, "a number"); value = v; break;
                    case "s": if (!Number(ref reader, out var s)) return Bad(number, label, "a number"); sum = s; break;
                    case "vs": if (!Text(ref reader, out var vs)) return Bad(number, label, "a text"); text = vs; break;
                    case "vb":
                        if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False)) return Bad(number, label, "true or false");
                        flag = reader.GetBoolean();
                        break;
                    default:
                        // §4.4: a label that ends in _ must be understood.
                        if (label.EndsWith('_')) return Bad(number, label, "a label this version knows");
                        reader.Skip();
                        break;
                }
            }

            if (value is null && flag is null && text is null && sum is null)
            {
                if (name.Length > 0) return $"record {number} ('{name}') has no value";
                continue; // base fields alone
            }

            var full = baseName + name;
            if (!TryName(full, topicDevice, out var device, out var metric, out var channel)) return $"record {number}: '{full}' does not end in one of Vigil's metrics";
            into.Device = device;
            var seconds = baseTime + (time ?? 0);
            DateTime? at = seconds == 0 ? null : seconds < RelativeBelow ? Add(into.Received, seconds) : Add(DateTime.UnixEpoch, seconds);
            if (metric.Kind == MetricKind.Event)
            {
                if (text is not null || flag != false) into.AddEvent(metric, Words.OfEvent(text ?? "pressed"), at, channel);
                continue;
            }

            var from = unit ?? baseUnit;
            if (!Units.TryConvert(from, metric.Unit, out var conversion)) return $"record {number}: unit '{from}' can't be converted to {metric.Unit} of {metric}";
            if (flag is { } on) into.Add(metric, on ? 1 : 0, at, channel);
            else if (value is { } direct) into.Add(metric, conversion.Apply(direct + baseValue), at, channel);
            else if (sum is { } total && metric.Kind == MetricKind.Cumulative) into.Add(metric, conversion.Apply(total + baseSum), at, channel);
            else if (text is not null && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var written)) into.Add(metric, conversion.Apply(written), at, channel);
        }

        return number == 0 ? "an empty SenML pack" : null;
    }

    private static DateTime? Add(DateTime time, double seconds) => Math.Abs(seconds) < 1e11 ? time.AddSeconds(seconds) : DateTime.MaxValue;

    private static bool TryName(string full, string topicDevice, out string device, out Metric metric, out string channel)
    {
        device = topicDevice;
        channel = "";
        if (Metric.TryParse(full, out metric)) return true;
        var slash = full.LastIndexOfAny(['/', ':']);
        if (slash < 0) return false;
        if (Metric.TryParse(full[(slash + 1)..], out metric))
        {
            if (slash > 0) device = full[..slash];
            return true;
        }

        channel = full[(slash + 1)..];
        return TryName(full[..slash], topicDevice, out device, out metric, out _);
    }

    private static bool Number(ref Utf8JsonReader reader, out double value)
    {
        value = 0;
        return reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out value) && double.IsFinite(value);
    }

    private static bool Text(ref Utf8JsonReader reader, out string value)
    {
        value = reader.TokenType == JsonTokenType.String ? reader.GetString()! : "";
        return reader.TokenType == JsonTokenType.String;
    }

    private static string Bad(int record, string label, string expected) => $"record {record}: '{label}' is not {expected}";
}
