using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>
/// Passes on the readings that are signs of life, by what stands beside their metric (<see cref="Metric.Life"/>). Called before the series
/// takes the reading, so that it still holds the one before. Water and electricity come from their patterns, above leak and base load.
/// </summary>
internal static class LifeSigns
{
    public static void Apply(in RuleContext context, int series, in Reading r, long time)
    {
        ref var s = ref context.Home.Series[series];
        var sign = s.Metric.Life;
        if (sign.Sense == LifeSense.Appliance && context.Home.Devices[s.Device].Meter)
            return; // found to be the home's own meter after its power was first read
        if (sign.Sense == LifeSense.Press && context.Home.Rules.IgnoredPresses.Contains(r.Event ?? ""))
            return; // a pendant that tests itself
        var before = new LifeBefore(s.Time, s.Value, s.Extra, s.Extra);
        var isOne = sign.IsIn(ref before, r, time);
        if (sign.When == LifeWhen.Rises)
            s.Extra = before.Rest;
        if (isOne)
            HomeInactivity.Sign(context, series, sign, time);
    }
}
