using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// What a sensor in a home can measure at all, in the metric's unit: it tells millivolts from volts and pascals from hectopascals where a
/// decoder doesn't, and what no unit makes possible is suspect. Wide on purpose: an unusual value is for the rules to judge.
/// </summary>
internal static class PossibleRange
{
    private static readonly (double Least, double Most)[] Ranges = Build();

    public static bool Has(Metric metric, double value) => value >= Ranges[metric.Index].Least && value <= Ranges[metric.Index].Most;

    private static (double, double)[] Build()
    {
        var ranges = new (double, double)[Metric.All.Count];
        Array.Fill(ranges, (double.NegativeInfinity, double.PositiveInfinity));
        void Set(double least, double most, params Metric[] metrics)
        {
            foreach (var metric in metrics)
                ranges[metric.Index] = (least, most);
        }

        foreach (var metric in Metric.All)
            if (metric.Kind == MetricKind.Cumulative)
                Set(0, double.PositiveInfinity, metric);
        // A smoke detector may well report 120 °C; the sensors themselves end at 125.
        Set(-60, 125, Metric.AirTemperature, Metric.DeviceTemperature);
        Set(-40, 250, Metric.WaterTemperature, Metric.HeatTemperature);
        Set(0, 100, Metric.AirHumidity, Metric.BatteryLevel, Metric.BloodOxygen);
        Set(30_000, 110_000, Metric.AirPressure);
        Set(0, 100_000, Metric.AirCarbonDioxide);
        Set(0, 200_000, Metric.Illuminance);
        Set(0.5, 36, Metric.BatteryVoltage);
        Set(0, 1000, Metric.ElectricityVoltage);
        Set(-10_000, 10_000, Metric.ElectricityCurrent);
        Set(20, 300, Metric.HeartRate);
        Set(1, 100, Metric.RespirationRate);
        Set(20, 45, Metric.BodyTemperature);
        return ranges;
    }
}
