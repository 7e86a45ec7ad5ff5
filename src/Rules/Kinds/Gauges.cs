using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>
/// Vital signs, room climate and batteries: a value has to stay outside its limits before it alarms, and to come back inside by a margin
/// (hysteresis) before the alarm is cleared.
/// </summary>
internal static class Gauges
{
    public static void Apply(in RuleContext context, int series, in Reading r, long time)
    {
        ref var s = ref context.Home.Series[series];
        if (time <= s.Time)
            return;
        var metric = s.Metric;
        if (ReferenceEquals(metric, Metric.AirTemperature))
            RoomClimate.Apply(context, series, r.Value, time);
        else if (ReferenceEquals(metric, Metric.BatteryLevel))
        {
            var rules = context.Home.Rules;
            DeviceTrouble.Battery(
                context,
                s.Device,
                series,
                r.Value <= rules[RuleParameter.BatteryBelow],
                r.Value >= rules[RuleParameter.BatteryClear],
                $"{Phrases.Number(r.Value)} %",
                $"{Phrases.Number(r.Value)}%",
                time
            );
        }
        else if (VitalSigns.LimitOf(context.Home.Rules, metric) is { } limit)
        {
            if (!(r.Value >= limit.Least && r.Value <= limit.Most))
                return; // the sensor is wrong, not the person
            VitalSigns.Apply(context, series, r, limit, time);
        }

        s.Time = time;
        s.Value = r.Value;
    }

    /// <summary>A value that only the next one is compared with.</summary>
    public static void Remember(in RuleContext context, int series, in Reading r, long time)
    {
        ref var s = ref context.Home.Series[series];
        if (time <= s.Time)
            return;
        s.Time = time;
        s.Value = r.Value;
    }
}
