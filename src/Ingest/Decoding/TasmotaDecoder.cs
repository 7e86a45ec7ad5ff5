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
/// UTC and wins. Energy fields are one number, or an array with one a phase. Total falls when the meter exports and is set back by a
/// command: MeterTotal sees to that. Today, Yesterday and Period start anew each day or message and are no totals: they are not read.
/// </remarks>
public sealed class TasmotaDecoder(TimeZoneInfo zone) : Decoder
{
    private const int LongestName = 64;

    private static readonly (string Field, Metric Metric)[] EnergyFields =
    [
        ("Total", Metric.ElectricityEnergy),
        ("ExportActive", Metric.ElectricityEnergyExport),
        ("ExportTotal", Metric.ElectricityEnergyExport),
        ("Power", Metric.ElectricityPower),
        ("ApparentPower", Metric.ElectricityPowerApparent),
        ("ReactivePower", Metric.ElectricityPowerReactive),
        ("Factor", Metric.ElectricityPowerFactor),
        ("Frequency", Metric.ElectricityFrequency),
        ("Voltage", Metric.ElectricityVoltage),
        ("Current", Metric.ElectricityCurrent),
        ("PhaseAngle", Metric.ElectricityPhaseAngle),
    ];

    /// <summary>Fields that mean the same in every sensor's object: SI7021, BME280, SCD40, BH1750, smart-meter scripts…</summary>
    private static readonly (string Field, Metric Metric)[] SensorFields =
    [
        ("Humidity", Metric.AirHumidity),
        ("CarbonDioxide", Metric.AirCarbonDioxide),
        ("eCO2", Metric.AirCarbonDioxide),
        ("Illuminance", Metric.Illuminance),
        ("BatteryPercentage", Metric.BatteryLevel),
        ("Total_in", Metric.ElectricityEnergy),
        ("E_in", Metric.ElectricityEnergy),
        ("total_in", Metric.ElectricityEnergy),
        ("Total_out", Metric.ElectricityEnergyExport),
        ("E_out", Metric.ElectricityEnergyExport),
        ("Power_curr", Metric.ElectricityPower),
        ("Power_in", Metric.ElectricityPower),
        ("power", Metric.ElectricityPower),
    ];

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
                    Energy(value, time, into);
                    break;
                case "TIC":
                    Tic(value, time, energy, into);
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
                    Sensor(value, name, time, fahrenheit, millimetres, into);
                    break;
                case "Wifi":
                    into.Say(Metric.SignalRssi, value.Number("Signal"), time);
                    into.Say(Metric.SignalStrength, value.Number("RSSI"), time);
                    break;
                case "ZbReceived" or "ZbState" or "ZbInfo":
                    Zigbee(value, time, into);
                    break;
                case "LwReceived":
                    LoRaWan(value, time, into);
                    break;
                case "ESP32":
                    into.Say(Metric.DeviceTemperature, Celsius(value.Number("Temperature"), fahrenheit), time);
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
                    Sensor(value, name, time, fahrenheit, millimetres, into);
                    break;
            }
        }
    }

    private static void Energy(JsonElement energy, DateTime? time, DecodedPayload into)
    {
        foreach (var (name, metric) in EnergyFields)
        {
            if (!energy.TryField(name, out var field))
                continue;
            if (field.ValueKind == JsonValueKind.Array)
            {
                var phase = 0;
                foreach (var item in field.EnumerateArray())
                    One(metric, item.Number(), (++phase).ToString(CultureInfo.InvariantCulture));
            }
            else
            {
                One(metric, field.Number(), "");
            }
        }

        into.Say(Metric.ElectricityCurrent, energy.Number("CurrentNeutral"), time, "n");

        // A phase that isn't connected shows a frequency no mains has.
        void One(Metric metric, double? value, string channel) =>
            into.Say(
                metric,
                value,
                time,
                channel,
                ReferenceEquals(metric, Metric.ElectricityFrequency) && value is < 40 or > 70 ? ReadingFlags.Suspect : ReadingFlags.None
            );
    }

    /// <summary>
    /// French meters (Linky, télé-information client); its registers are Wh and the sum is ENERGY.Total where that is there.
    /// </summary>
    private static void Tic(JsonElement tic, DateTime? time, bool energyIsThere, DecodedPayload into)
    {
        into.Say(Metric.ElectricityPowerApparent, tic.Number("PAPP") ?? tic.Number("SINSTS"), time);
        if (energyIsThere)
            return;
        into.Say(Metric.ElectricityCurrent, tic.Number("IINST") ?? tic.Number("IRMS1"), time);
        into.Say(Metric.ElectricityVoltage, tic.Number("URMS1"), time);
        foreach (var (name, channel) in new[] { ("BASE", ""), ("EAST", ""), ("HCHC", "hc"), ("HCHP", "hp") })
            if (tic.Number(name) is { } wattHours)
                into.Add(Metric.ElectricityEnergy, wattHours / 1000, time, channel);
    }

    private static void Sensor(JsonElement sensor, string name, DateTime? time, bool fahrenheit, bool millimetres, DecodedPayload into)
    {
        if (sensor.ValueKind != JsonValueKind.Object)
            return;
        // Several sensors of a kind are told apart by their object's name: DS18B20-1, DS18B20-2.
        var channel =
            name.Length > 0 && char.IsAsciiDigit(name[^1]) && name.Contains('-', StringComparison.Ordinal)
                ? name[(name.LastIndexOf('-') + 1)..]
                : "";
        into.Say(Metric.AirTemperature, Celsius(sensor.Number("Temperature"), fahrenheit), time, channel);
        into.Say(Metric.AirPressure, sensor.Number("Pressure") * (millimetres ? 133.322387415 : 100), time, channel);
        foreach (var (field, metric) in SensorFields)
            into.Say(metric, sensor.Number(field), time, channel);
    }

    /// <summary>A Zigbee bridge speaks for its devices: each object is one of them, by its name or short address.</summary>
    private static void Zigbee(JsonElement devices, DateTime? time, DecodedPayload into)
    {
        if (devices.ValueKind != JsonValueKind.Object)
            return;
        foreach (var entry in devices.EnumerateObject())
        {
            var d = entry.Value;
            if (d.ValueKind != JsonValueKind.Object)
                continue;
            Named(into, d.Text("Name") is { Length: > 0 } name ? name : d.Text("Device") ?? entry.Name);
            Sensor(d, "", time, false, false, into);
            into.Say(Metric.SwitchOn, d.Flag("Power"), time);
            into.Say(Metric.ElectricityPower, d.Number("ActivePower"), time);
            into.Say(Metric.ElectricityVoltage, d.Number("RMSVoltage"), time);
            into.Say(Metric.ElectricityCurrent, d.Number("RMSCurrent"), time);
            into.Say(Metric.BatteryVoltage, d.Number("BatteryVoltage"), time);
            into.Say(Metric.SignalStrength, d.Number("LinkQuality"), time);
            into.Say(Metric.Motion, d.Flag("Occupancy") ?? d.Flag("Movement"), time);
            into.Say(Metric.DoorOpen, d.Flag("Contact"), time); // the IAS zone's alarm bit: 1 is open
            into.Say(Metric.WaterLeak, d.Flag("Water"), time);
            into.Say(Metric.Smoke, d.Flag("Fire") ?? d.Flag("Smoke"), time);
            into.Say(Metric.Gas, d.Flag("CO") ?? d.Flag("Gas"), time);
            into.Say(Metric.Vibration, d.Flag("Vibration"), time);
            into.Say(Metric.BatteryLow, d.Flag("BatteryLow"), time);
            if (d.Flag("Panic") == true)
                into.AddEvent(Metric.Button, "sos", time);
            if (d.Text("Click") is { Length: > 0 } click)
                into.AddEvent(Metric.Button, DeviceWords.OfEvent(click), time);
        }
    }

    /// <summary>
    /// A LoRaWAN bridge: what the radio says of each node. The node's own bytes need its maker's layout, which the topic doesn't name.
    /// </summary>
    private static void LoRaWan(JsonElement nodes, DateTime? time, DecodedPayload into)
    {
        if (nodes.ValueKind != JsonValueKind.Object)
            return;
        foreach (var entry in nodes.EnumerateObject())
        {
            Named(into, entry.Value.Text("DevEUIh") is { } high && entry.Value.Text("DevEUIl") is { } low ? high + low : entry.Name);
            into.Say(Metric.SignalRssi, entry.Value.Number("RSSI"), time);
            into.Say(Metric.SignalSnr, entry.Value.Number("SNR"), time);
        }
    }

    private static void Named(DecodedPayload into, string name)
    {
        if (name.Length <= LongestName && DeviceId.TryParse(name.Replace(' ', '_'), out var id))
            into.Device = id.Value;
    }

    private static double? Celsius(double? value, bool fahrenheit) => fahrenheit ? (value - 32) / 1.8 : value;

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
