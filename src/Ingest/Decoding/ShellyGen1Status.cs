using System.Globalization;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>Shelly's first generation: the JSON of <c>/status</c>, <c>/info</c> and of an input's event.</summary>
internal static class ShellyGen1Status
{
    /// <summary>Relays and plugs of the first generation count watt-minutes; its energy meters count Wh.</summary>
    public const double WattMinutesPerKilowattHour = 60_000;

    /// <summary>Whether a document without its topic is of the first generation, by its fields.</summary>
    public static bool IsStatus(JsonElement root)
    {
        foreach (var name in new[] { "meters", "emeters", "relays", "gas_sensor", "event_cnt", "unixtime", "bat", "tmp", "hum" })
            if (root.TryGetProperty(name, out _))
                return true;
        return false;
    }

    /// <summary>The <c>/status</c> document, whole or in part, or an input's event.</summary>
    public static void Read(JsonElement s, string topic, DecodedPayload into)
    {
        if (s.TryField("event", out _))
        {
            if (s.Text("event") is { Length: > 0 } press)
                into.AddEvent(Metric.Button, DeviceWords.OfEvent(press), channel: InputOf(topic));
            return;
        }

        // unixtime is 0 before the clock is set
        DateTime? time = s.Number("unixtime") is > 0 and < 1e11 and { } unix ? DateTime.UnixEpoch.AddSeconds(unix) : null;
        Each(s, "relays", (r, n) => into.Say(Metric.SwitchOn, r.Flag("ison"), time, n));
        Each(
            s,
            "meters",
            (m, n) =>
            {
                if (m.Flag("is_valid") == false)
                    return;
                into.Say(Metric.ElectricityPower, m.Number("power"), time, n);
                into.Say(Metric.ElectricityEnergy, m.Number("total") / WattMinutesPerKilowattHour, time, n);
            }
        );
        Each(
            s,
            "emeters",
            (m, n) =>
            {
                if (m.Flag("is_valid") == false)
                    return;
                into.Say(Metric.ElectricityPower, m.Number("power"), time, n);
                into.Say(Metric.ElectricityVoltage, m.Number("voltage"), time, n);
                into.Say(Metric.ElectricityCurrent, m.Number("current"), time, n);
                into.Say(Metric.ElectricityPowerFactor, m.Number("pf"), time, n);
                into.Say(Metric.ElectricityPowerReactive, m.Number("reactive"), time, n);
                into.Say(Metric.ElectricityEnergy, m.Number("total") / 1000, time, n);
                into.Say(Metric.ElectricityEnergyExport, m.Number("total_returned") / 1000, time, n);
            }
        );
        Each(s, "inputs", (i, n) => into.Say(Metric.SwitchOn, i.Flag("input"), time, "input" + n));
        if (s.TryField("gas_sensor", out var gas))
            into.Say(Metric.Gas, Alarm(gas.Text("alarm_state")), time);
        if (s.TryField("tmp", out var temperature) && temperature.Flag("is_valid") != false)
            into.Say(Metric.AirTemperature, temperature.Number("tC") ?? temperature.Number("value"), time);
        if (s.TryField("hum", out var humidity) && humidity.Flag("is_valid") != false)
            into.Say(Metric.AirHumidity, humidity.Number("value"), time);
        if (s.TryField("lux", out var light) && light.Flag("is_valid") != false)
            into.Say(Metric.Illuminance, light.Number("value"), time);
        if (s.TryField("bat", out var battery))
        {
            into.Say(Metric.BatteryLevel, battery.Number("value"), time);
            into.Say(Metric.BatteryVoltage, battery.Number("voltage"), time);
        }

        if (s.TryField("sensor", out var sensor))
        {
            into.Say(Metric.DoorOpen, Door(sensor.Text("state")), time);
            into.Say(Metric.Motion, sensor.Flag("motion"), time);
            into.Say(Metric.Vibration, sensor.Flag("vibration"), time);
        }

        into.Say(Metric.WaterLeak, s.Flag("flood"), time);
        into.Say(Metric.Smoke, s.Flag("smoke"), time);
        if (s.TryField("wifi_sta", out var wifi))
            into.Say(Metric.SignalRssi, wifi.Number("rssi"), time);
        into.Say(Metric.DeviceTemperature, s.Number("temperature"), time);
    }

    private static void Each(JsonElement status, string name, Action<JsonElement, string> read)
    {
        if (!status.TryField(name, out var list) || list.ValueKind != JsonValueKind.Array)
            return;
        var index = 0;
        foreach (var item in list.EnumerateArray())
            read(item, (index++).ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>none, mild, heavy; during a self-test the sensor says nothing about the air.</summary>
    public static bool? Alarm(string? state) =>
        state switch
        {
            "none" => false,
            "mild" or "heavy" => true,
            _ => null,
        };

    public static bool? Door(string? state) =>
        state switch
        {
            "open" => true,
            "close" or "closed" => false,
            _ => null,
        };

    /// <summary>The number of the input that a topic ends with.</summary>
    private static string InputOf(string topic) =>
        topic.LastIndexOf('/') is >= 0 and var at && int.TryParse(topic[(at + 1)..], out _) ? topic[(at + 1)..] : "0";
}
