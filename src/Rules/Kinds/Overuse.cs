using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary><c>overuse</c>: more used in a local day than allowed.</summary>
internal static class Overuse
{
    public static void Apply(in RuleContext context, in Utility utility, UseTracker use, long from, long time, double used)
    {
        var local = Phrases.ToLocal(time - 1, context.Zone);
        var day = (int)(local.Ticks / TimeSpan.TicksPerDay);
        if (day != use.Day)
        {
            var last = context.Home.FindEpisode(AlarmKind.Overuse, series: utility.IsWater ? 0 : 1);
            if (last >= 0)
                context.Clear(last, time, "a new day has begun", "新的一天开始");
            use.Day = day;
            use.DayUse = 0;
            use.DayTold = false;
        }

        if (time - from <= TimeSpan.TicksPerDay)
            use.DayUse += used;
        var most = context.Home.Rules[utility.IsWater ? RuleParameter.OveruseWater : RuleParameter.OveruseElectricity];
        if (use.DayTold || use.DayUse <= most)
            return;
        use.DayTold = true;
        context.Open(
            AlarmKind.Overuse,
            time,
            time,
            -1,
            utility.IsWater ? 0 : 1,
            $"{utility.Amount(use.DayUse)} of {utility.Name} used today by {context.At(time, time)}, more than {utility.Amount(most)}",
            $"截至{context.AtZh(time, time)}今日{utility.NameZh}{utility.Amount(use.DayUse)}，超过{utility.Amount(most)}"
        );
    }
}
