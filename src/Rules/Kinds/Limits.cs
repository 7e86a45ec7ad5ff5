using Vigil.Model;

namespace Vigil.Rules;

/// <summary>vital-sign, cold-home, hot-home, battery-low: limits that have to persist, and hysteresis on the way back.</summary>
public sealed partial class RuleEngine
{
    private void Gauge(ResidentState state, in Reading reading, List<Finding> into)
    {
        var metric = reading.Metric;
        if (ReferenceEquals(metric, Metric.AirTemperature))
        {
            if (Enabled(state, AlarmKind.ColdHome, out var cold)) Judge(state, AlarmKind.ColdHome, reading, cold.Below, double.PositiveInfinity, 1, cold.Window, into);
            if (Enabled(state, AlarmKind.HotHome, out var hot)) Judge(state, AlarmKind.HotHome, reading, double.NegativeInfinity, hot.Above, 1, hot.Window, into);
        }
        else if (ReferenceEquals(metric, Metric.BatteryLevel))
        {
            if (Enabled(state, AlarmKind.BatteryLow, out var battery)) Judge(state, AlarmKind.BatteryLow, reading, battery.Below, double.PositiveInfinity, 10, TimeSpan.Zero, into);
        }
        else if (Enabled(state, AlarmKind.VitalSign, out var vital))
        {
            foreach (var limit in vital.Limits)
                if (ReferenceEquals(limit.Metric, metric)) Judge(state, AlarmKind.VitalSign, reading, limit.Min, limit.Max, Math.Abs(reading.Value) * 0.03, TimeSpan.Zero, into);
        }
    }

    /// <param name="state">The resident.</param>
    /// <param name="kind">The rule.</param>
    /// <param name="reading">The value.</param>
    /// <param name="min">Below it is outside.</param>
    /// <param name="max">Above it is outside.</param>
    /// <param name="back">How far inside it has to come to be over.</param>
    /// <param name="persists">How long it has to stay outside; at least two readings, at most two hours apart.</param>
    /// <param name="into">Findings.</param>
    private void Judge(ResidentState state, AlarmKind kind, in Reading reading, double min, double max, double back, TimeSpan persists, List<Finding> into)
    {
        var key = $"{kind.Name}/{reading.Device.Value}/{reading.Metric.Name}";
        var outside = reading.Value < min || reading.Value > max;
        var known = state.Limits.TryGetValue(key, out var before);
        if (known && reading.Time <= before!.Last) return;
        if (!outside)
        {
            state.Limits.Remove(key);
            if (reading.Value >= min + (double.IsFinite(min) ? back : 0) && reading.Value <= max - (double.IsFinite(max) ? back : 0))
                Clear(state, kind, key, reading.Time, $"{reading.Metric} back at {reading.Value:0.#} {reading.Metric.Unit} at {At(reading.Time)}", $"{At(reading.Time)} 恢复：{reading.Value:0.#} {reading.Metric.Unit}", reading.Device, into);
            return;
        }

        var gap = TimeSpan.FromHours(2) > persists ? TimeSpan.FromHours(2) : persists;
        var now = known && reading.Time - before!.Last <= gap ? before with { Last = reading.Time, Count = before.Count + 1 } : new Outside(reading.Time, reading.Time, 1);
        state.Limits[key] = now;
        if (now.Count < 2 || now.Last - now.Since < persists) return;
        var limit = reading.Value < min ? $"under {min:0.#}" : $"over {max:0.#}";
        var limitZh = reading.Value < min ? $"低于{min:0.#}" : $"高于{max:0.#}";
        Open(state, kind, key, now.Since, reading.Time,
            $"{reading.Metric} {reading.Value:0.#} {reading.Metric.Unit}, {limit} since {At(now.Since)} ({now.Count} readings of {reading.Device})",
            $"{reading.Value:0.#} {reading.Metric.Unit}，自{At(now.Since)}起{limitZh}（{now.Count}次读数）", reading.Device, into);
    }
}
