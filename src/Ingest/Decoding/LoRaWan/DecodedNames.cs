using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>Field names of decoded objects and the metrics they stand for, with the factor to the metric's unit.</summary>
internal static class DecodedNames
{
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

    public static bool IsKnown(string key) =>
        key is "battery" or "bat" or "voltage" || Fields.ContainsKey(key) || Fields.ContainsKey(key.TrimEnd(Digits));

    /// <summary>Finds a name, also one followed by a number: the probes WaterLeak_1 and WaterLeak_2 are two channels.</summary>
    public static bool TryFind(string key, out (Metric Metric, double Scale) found, out string channel)
    {
        channel = "";
        if (Fields.TryGetValue(key, out found))
            return true;
        var bare = key.TrimEnd(Digits);
        if (bare.Length == key.Length || !Fields.TryGetValue(bare, out found))
            return false;
        channel = key[bare.Length..];
        return true;
    }

    /// <summary>A name in lower case without separators: Water_Leak and waterLeak are the same.</summary>
    public static string Key(string name)
    {
        var key = new StringBuilder(name.Length);
        foreach (var c in name)
            if (char.IsAsciiLetterOrDigit(c))
                key.Append(char.ToLower(c, CultureInfo.InvariantCulture));
        return key.ToString();
    }
}
