using System.Globalization;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// One bare value per topic: <c>shellies/&lt;id&gt;/relay/0/energy</c>, <c>…/sensor/flood</c>; and <c>&lt;prefix&gt;/online</c> of every
/// generation.
/// </summary>
internal static class ShellyGen1Topic
{
    public static Wording? Read(string text, string topic, DecodedPayload into)
    {
        var levels = topic.Split('/');
        var last = levels[^1];
        if (last == "online")
            return Flag(Metric.Online, "");
        if (levels is not ["shellies", _, _, ..])
            return new Wording("is not JSON", "不是 JSON");
        switch (levels[2..])
        {
            case ["relay", var n]:
                return text == "overpower" ? null : Flag(Metric.SwitchOn, n);
            case ["input", var n]:
                return Flag(Metric.SwitchOn, "input" + n);
            case ["relay" or "meter" or "light" or "roller", var n, "power"]:
                return Number(Metric.ElectricityPower, n);
            case ["relay" or "meter" or "light" or "roller", var n, "energy"]:
                return Number(Metric.ElectricityEnergy, n, 1 / ShellyGen1Status.WattMinutesPerKilowattHour);
            case ["emeter", var n, "power"]:
                return Number(Metric.ElectricityPower, n);
            case ["emeter", var n, "voltage"]:
                return Number(Metric.ElectricityVoltage, n);
            case ["emeter", var n, "current"]:
                return Number(Metric.ElectricityCurrent, n);
            case ["emeter", var n, "pf"]:
                return Number(Metric.ElectricityPowerFactor, n);
            case ["emeter", var n, "reactive_power"]:
                return Number(Metric.ElectricityPowerReactive, n);
            case ["emeter", var n, "total"]:
                return Number(Metric.ElectricityEnergy, n, 0.001);
            case ["emeter", var n, "total_returned"]:
                return Number(Metric.ElectricityEnergyExport, n, 0.001);
            case ["emeter_n", "current"]:
                return Number(Metric.ElectricityCurrent, "n");
            case ["voltage"] or ["voltage", _]:
                return Number(Metric.ElectricityVoltage, "");
            case ["temperature"]:
                return Number(Metric.DeviceTemperature, "");
            case ["ext_temperature", var n]:
                return Number(Metric.AirTemperature, "ext" + n);
            case ["ext_humidity", var n]:
                return Number(Metric.AirHumidity, "ext" + n);
            case ["longpush", var n]:
                if (text == "1")
                    into.AddEvent(Metric.Button, "long", channel: n);
                return null;
            case ["sensor", "temperature"]:
                return Number(Metric.AirTemperature, "");
            case ["sensor", "humidity"]:
                return Number(Metric.AirHumidity, "");
            case ["sensor", "battery"]:
                return Number(Metric.BatteryLevel, "");
            case ["sensor", "lux"]:
                return Number(Metric.Illuminance, "");
            case ["sensor", "flood"]:
                return Flag(Metric.WaterLeak, "");
            case ["sensor", "smoke"]:
                return Flag(Metric.Smoke, "");
            case ["sensor", "motion"]:
                return Flag(Metric.Motion, "");
            case ["sensor", "vibration"]:
                return Flag(Metric.Vibration, "");
            case ["sensor", "state"]:
                into.Say(Metric.DoorOpen, ShellyGen1Status.Door(text));
                return null;
            case ["sensor", "gas"]:
                into.Say(Metric.Gas, ShellyGen1Status.Alarm(text));
                return null;
            default:
                return null; // settings, announcements, tilt, charger
        }

        Wording? Number(Metric metric, string channel, double scale = 1)
        {
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
                return new Wording($"'{text}' is not a number", $"“{text}”不是数字");
            into.Add(metric, value * scale, channel: channel);
            return null;
        }

        Wording? Flag(Metric metric, string channel)
        {
            if (JsonFields.Flag(text) is not { } on)
                return new Wording($"'{text}' is neither on nor off", $"“{text}”既不是 on 也不是 off");
            into.Add(metric, on ? 1 : 0, channel: channel);
            return null;
        }
    }
}
