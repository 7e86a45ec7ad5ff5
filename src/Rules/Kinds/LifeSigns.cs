using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>
/// Which readings are signs of life, by what stands beside their metric (<see cref="Metric.Life"/>). Called before the series takes the
/// reading, so that it still holds the one before.
/// </summary>
internal static class LifeSigns
{
    /// <summary>Sensors that are "on" without a pause say so again and again: sooner, it is the same movement.</summary>
    private const long StillOn = 3 * TimeSpan.TicksPerMinute;

    /// <summary>Fewer steps are an arm that moves in sleep.</summary>
    private const double FewSteps = 10;

    /// <summary>A plug is in use above its power at rest by half of it and so many watts.</summary>
    private const double AboveRest = 15;

    /// <summary>How fast the power at rest follows upwards, per reading.</summary>
    private const double RestFollows = 0.001;

    private const double MovedMetres = 150;

    public static void Apply(in RuleContext context, int series, in Reading r, long time)
    {
        var home = context.Home;
        ref var s = ref home.Series[series];
        var sign = s.Metric.Life;
        if (!IsSign(home, ref s, sign.When, r, time) || r.Has(ReadingFlags.Retained) || r.Has(ReadingFlags.Test))
            return;
        HomeInactivity.Sign(context, series, sign, time);
    }

    private static bool IsSign(Home home, ref Series s, LifeWhen when, in Reading r, long time)
    {
        var first = s.Time == 0;
        if (when != LifeWhen.Each && time <= s.Time)
            return false;
        switch (when)
        {
            case LifeWhen.On:
                return r.Value != 0 && (first || s.Value == 0 || time - s.Time >= StillOn);
            case LifeWhen.Changes:
                return !first && r.Value != 0 != (s.Value != 0);
            case LifeWhen.Each:
                return s.Metric.Kind != MetricKind.Event || !home.Rules.IgnoredPresses.Contains(r.Event ?? "");
            case LifeWhen.Rises:
                if (home.Devices[s.Device].Meter)
                    return false; // found to be the home's own meter after its power was first read
                var rest = first ? r.Value : s.Extra;
                var rises = r.Value > rest * 1.5 + AboveRest && !(s.Value > rest * 1.5 + AboveRest);
                s.Extra = Math.Min(r.Value, rest + (r.Value - rest) * RestFollows);
                return rises && !first;
            case LifeWhen.Grows when ReferenceEquals(s.Metric, Metric.Steps):
                return !first && r.Value >= s.Value + FewSteps;
            case LifeWhen.Grows when ReferenceEquals(s.Metric, Metric.GasVolume):
                return !first && r.Value > s.Value && r.Value - s.Value < 100;
            case LifeWhen.Moves:
                return !first
                    && Whereabouts.Metres(s.Value, s.Extra, r.Value, r.Longitude)
                        > Math.Max(MovedMetres, float.IsNaN(r.Accuracy) ? 0 : 2 * r.Accuracy);
            default:
                return false; // water and electricity come from their patterns, above leak and base load
        }
    }
}
