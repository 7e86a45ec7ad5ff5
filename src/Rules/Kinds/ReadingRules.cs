using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>Which rules look at a reading.</summary>
internal static class ReadingRules
{
    /// <summary>Whether any rule looks at this metric of a device.</summary>
    public static bool LookAt(in DeviceState device, Metric metric) =>
        // The power of a home's own meter: its total says when something is used.
        !(device.Meter && ReferenceEquals(metric, Metric.ElectricityPower)) && LookAt(metric);

    private static bool LookAt(Metric metric) =>
        ReferenceEquals(metric, Metric.WaterVolume)
        || ReferenceEquals(metric, Metric.ElectricityEnergy)
        || metric.Kind is MetricKind.Location or MetricKind.State
        || metric.Life.IsOne
        || ReferenceEquals(metric, Metric.Button)
        || ReferenceEquals(metric, Metric.Fall)
        || ReferenceEquals(metric, Metric.VoiceHelp)
        || ReferenceEquals(metric, Metric.AirTemperature)
        || ReferenceEquals(metric, Metric.BatteryLevel)
        || ReferenceEquals(metric, Metric.HeartRate)
        || ReferenceEquals(metric, Metric.BloodOxygen)
        || ReferenceEquals(metric, Metric.RespirationRate)
        || ReferenceEquals(metric, Metric.BloodPressureSystolic)
        || ReferenceEquals(metric, Metric.BloodPressureDiastolic)
        || ReferenceEquals(metric, Metric.BodyTemperature)
        || ReferenceEquals(metric, Metric.BloodGlucose);

    public static void Apply(in RuleContext context, int series, in Reading reading, long time)
    {
        if (reading.Metric.Life.IsOne)
            LifeSigns.Apply(context, series, reading, time);
        switch (reading.Metric.Kind)
        {
            case MetricKind.Cumulative:
                if (reading.Value >= 0 && Consumption.Is(reading.Metric))
                    Consumption.Apply(context, series, reading, time);
                else if (reading.Value >= 0)
                    Gauges.Remember(context, series, reading, time);
                break;
            case MetricKind.Gauge:
                Gauges.Apply(context, series, reading, time);
                break;
            case MetricKind.State:
                States.Apply(context, series, reading, time);
                break;
            case MetricKind.Location:
                Whereabouts.Apply(context, series, reading, time);
                break;
            default:
                Presses.Apply(context, series, reading, time);
                break;
        }
    }
}
