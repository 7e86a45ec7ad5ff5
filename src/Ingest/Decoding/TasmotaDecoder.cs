using System.Globalization;
using System.Text;
using System.Text.Json;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// Tasmota: <c>tele/…/SENSOR</c>, <c>tele/…/STATE</c>, <c>stat/…/STATUS8|10|11</c>, <c>stat/…/RESULT</c>, <c>tele/…/LWT</c>.
/// Source: https://tasmota.github.io/docs/MQTT and /docs/JSON-Status-Responses, xsns_*, xdrv_03_energy.
/// </summary>
/// <remarks>
/// <c>Time</c> is local without an offset unless the device is set otherwise (<c>zone:</c> of the profile, Asia/Shanghai); <c>Epoch</c> is
/// UTC and wins. Total falls when the meter exports and can be reset by a command; <see cref="MeterTotal"/> allows for both.
/// </remarks>
public sealed class TasmotaDecoder(TimeZoneInfo zone) : Decoder
{
    /// <summary>Option <c>zone</c>: the time zone the device's clock is set to.</summary>
    public static Decoder? Create(YamlSection profile)
    {
        var name = profile.Text("zone") ?? "Asia/Shanghai";
        if (TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone))
            return new TasmotaDecoder(zone);
        profile.Refuse("zone", name, "is not a time zone such as Asia/Shanghai or UTC");
        return null;
    }

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        var text = payload.Trim(" \t\r\n"u8);
        if (text.Length == 0)
            return new Wording("empty payload", "内容为空");
        if (Ascii.EqualsIgnoreCase(text, "Online"u8) || Ascii.EqualsIgnoreCase(text, "Offline"u8))
        {
            into.Add(Metric.Online, text.Length == 6 ? 1 : 0);
            return null;
        }

        if (
            topic.EndsWith("/POWER", StringComparison.Ordinal)
            || (topic.Length > 7 && topic[..^1].EndsWith("/POWER", StringComparison.Ordinal))
        )
        {
            if (text.Length > 3 || JsonFields.Flag(Encoding.ASCII.GetString(text)) is not { } on)
                return new Wording("a POWER topic carries ON or OFF", "POWER 主题只应为 ON 或 OFF");
            into.Add(Metric.SwitchOn, on ? 1 : 0, channel: topic[^1] is >= '1' and <= '9' ? topic[^1..] : "");
            return null;
        }

        if (JsonFields.TryParse(payload, out var document) is { } why)
            return why;
        using (document)
        {
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return new Wording($"is not a JSON object but {root.ValueKind}", $"不是 JSON 对象，而是 {root.ValueKind}");
            foreach (var wrapped in new[] { "StatusSNS", "StatusSTS" })
                if (root.TryField(wrapped, out var inner) && inner.ValueKind == JsonValueKind.Object)
                    root = inner;
            if (!TryTime(root, out var time, out var wrong))
                return wrong;
            Message(root, time, into);
            return null;
        }
    }

    private static void Message(JsonElement root, DateTime? time, DecodedPayload into)
    {
        var fahrenheit = root.Text("TempUnit") == "F";
        var millimetres = root.Text("PressureUnit") == "mmHg";
        var energy = root.TryField("ENERGY", out _);
        foreach (var field in root.EnumerateObject())
        {
            var (name, value) = (field.Name, field.Value);
            switch (name)
            {
                case "ENERGY":
                    TasmotaSensors.Energy(value, time, into);
                    break;
                case "TIC":
                    TasmotaSensors.Tic(value, time, energy, into);
                    break;
                case "COUNTER":
                    if (value.ValueKind != JsonValueKind.Object)
                        break;
                    foreach (var counter in value.EnumerateObject())
                        if (counter.Name is ['C', >= '1' and <= '9'])
                            into.Say(Metric.PulseCount, counter.Value.Number(), time, counter.Name[1..]);
                    break;
                case "ANALOG":
                    if (value.ValueKind != JsonValueKind.Object)
                        break;
                    foreach (var input in value.EnumerateObject())
                        if (input.Name is ['A', >= '0' and <= '9', ..] or "Range" or ['R', 'a', 'n', 'g', 'e', _])
                            into.Say(Metric.AnalogInput, input.Value.Number(), time, input.Name);
                    TasmotaSensors.Sensor(value, name, time, fahrenheit, millimetres, into);
                    break;
                case "Wifi":
                    into.Say(Metric.SignalRssi, value.Number("Signal"), time);
                    into.Say(Metric.SignalStrength, value.Number("RSSI"), time);
                    break;
                case "ZbReceived" or "ZbState" or "ZbInfo":
                    TasmotaBridges.Zigbee(value, time, into);
                    break;
                case "LwReceived":
                    TasmotaBridges.LoRaWan(value, time, into);
                    break;
                case "ESP32":
                    into.Say(Metric.DeviceTemperature, TasmotaSensors.Celsius(value.Number("Temperature"), fahrenheit), time);
                    break;
                case "POWER" or ['P', 'O', 'W', 'E', 'R', >= '1' and <= '9']:
                    into.Say(Metric.SwitchOn, value.Flag(), time, name[5..]);
                    break;
                case ['B', 'u', 't', 't', 'o', 'n', ..]:
                    if (value.Text("Action") is { Length: > 0 } press && press != "CLEAR")
                        into.AddEvent(Metric.Button, DeviceWords.OfEvent(press), time, name[6..]);
                    break;
                case ['S', 'w', 'i', 't', 'c', 'h', >= '1' and <= '9']:
                    into.Say(
                        Metric.SwitchOn,
                        value.ValueKind == JsonValueKind.Object ? value.Flag("Action") : value.Flag(),
                        time,
                        "input" + name[6..]
                    );
                    break;
                default:
                    TasmotaSensors.Sensor(value, name, time, fahrenheit, millimetres, into);
                    break;
            }
        }
    }

    /// <summary>Epoch is UTC. Time has an offset, a Z, or neither; before version 6 it was written with dots and a blank.</summary>
    private bool TryTime(JsonElement root, out DateTime? time, out Wording? why)
    {
        (time, why) = (null, null);
        if (root.Number("Epoch") is { } epoch)
        {
            time = epoch is > -6e10 and < 1e11 ? DateTime.UnixEpoch.AddSeconds(epoch) : DateTime.MaxValue;
            return true;
        }

        if (root.Text("Time") is not { Length: > 0 } text)
            return true;
        if (
            DateTime.TryParseExact(
                text,
                ["yyyy-MM-ddTHH:mm:ss", "yyyy.MM.dd HH:mm:ss"],
                CultureInfo.InvariantCulture,
                DateTimeStyles.None,
                out var local
            )
        )
        {
            time = zone.IsInvalidTime(local)
                ? TimeZoneInfo.ConvertTimeToUtc(local.AddHours(1), zone)
                : TimeZoneInfo.ConvertTimeToUtc(local, zone);
            return true;
        }

        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var exact))
        {
            time = exact.UtcDateTime;
            return true;
        }

        why = new Wording($"'{text}' is not a Tasmota time", $"“{text}”不是 Tasmota 的时间");
        return false;
    }
}
