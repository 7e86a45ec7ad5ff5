using System.Globalization;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>The meters and sensors that Tasmota itself reads.</summary>
/// <remarks>
/// Energy fields are one number, or an array with a number per phase. Today, Yesterday and Period start again each day or message: they are
/// not totals and are not read.
/// </remarks>
internal static class TasmotaSensors
{
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

    public static void Energy(JsonElement energy, DateTime? time, DecodedPayload into)
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

        // A phase that isn't connected shows a frequency that no mains has.
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
    public static void Tic(JsonElement tic, DateTime? time, bool energyIsThere, DecodedPayload into)
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

    public static void Sensor(JsonElement sensor, string name, DateTime? time, bool fahrenheit, bool millimetres, DecodedPayload into)
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

    public static double? Celsius(double? value, bool fahrenheit) => fahrenheit ? (value - 32) / 1.8 : value;
}
