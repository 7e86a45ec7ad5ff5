using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary><c>water-running</c>: a tap left open (much, for hours), or a leak (a little, in every interval of a day).</summary>
internal static class WaterRunning
{
    /// <summary>What an episode is about, stored in place of its series: it belongs to no single meter.</summary>
    private const int Leak = 0;
    private const int Tap = 1;

    public static void Apply(in RuleContext context, UseTracker use, long from, long time, double used, bool precise)
    {
        var rules = context.Home.Rules;
        var rate = used / ((time - from) / (double)TimeSpan.TicksPerHour);
        var open = context.Home.FindEpisode(AlarmKind.WaterRunning);
        if (!precise || used <= 0)
        {
            use.DrippingSince = use.RunningSince = 0;
            if (open >= 0 && precise)
                context.Clear(
                    open,
                    time,
                    $"no water flowed in the interval before {context.At(time, time)}",
                    $"{context.AtZh(time, time)}前的时段没有水流"
                );
            return;
        }

        if (use.DrippingSince == 0)
        {
            use.DrippingSince = from;
            use.Dripped = 0;
        }

        use.Dripped += used;
        if (rate < rules[RuleParameter.RunningRate])
            use.RunningSince = 0;
        else if (use.RunningSince == 0)
            use.RunningSince = from;
        var runs = use.RunningSince != 0 && time - use.RunningSince >= rules.Ticks(RuleParameter.RunningFor);
        if (open >= 0)
        {
            ref var e = ref context.Home.Episodes[open];
            if (e.Series == Tap && rate < rules[RuleParameter.RunningRate] / 2)
            {
                var en = $"the tap is closed; {Phrases.Water(rate)}/h still flowed at {context.At(time, time)}";
                var zh = $"{context.AtZh(time, time)}水龙头已关，仍有每小时{Phrases.Water(rate)}的水流";
                if (e.Start == use.DrippingSince)
                {
                    e.Series = Leak; // it began as a leak and is one again
                    context.Update(open, time, en, zh);
                }
                else
                {
                    context.Clear(open, time, en, zh);
                }
            }
            else if (e.Series == Leak && runs)
            {
                e.Series = Tap;
                context.Update(
                    open,
                    time,
                    $"more than a leak now: water has been running since {context.At(use.RunningSince, time)}, {Phrases.Water(rate)}/h",
                    $"已不只是渗漏：水自{context.AtZh(use.RunningSince, time)}起一直在流，每小时{Phrases.Water(rate)}",
                    notify: true
                );
            }

            return;
        }

        if (runs)
        {
            context.Open(
                AlarmKind.WaterRunning,
                use.RunningSince,
                use.RunningSince + rules.Ticks(RuleParameter.RunningFor),
                -1,
                Tap,
                $"water has been running since {context.At(use.RunningSince, time)}, {Phrases.Water(rate)}/h now",
                $"水自{context.AtZh(use.RunningSince, time)}起一直在流，现在每小时{Phrases.Water(rate)}"
            );
        }
        else if (time - use.DrippingSince >= rules.Ticks(RuleParameter.RunningDripFor))
        {
            context.Open(
                AlarmKind.WaterRunning,
                use.DrippingSince,
                use.DrippingSince + rules.Ticks(RuleParameter.RunningDripFor),
                -1,
                Leak,
                $"water has not stopped since {context.At(use.DrippingSince, time)} ({Phrases.Water(use.Dripped)}): a leak",
                $"自{context.AtZh(use.DrippingSince, time)}起水一直没有停（{Phrases.Water(use.Dripped)}）：可能漏水"
            );
        }
    }

    /// <summary>A tap has run for a day and no other was used: whoever left it open may be unable to close it.</summary>
    public static void NothingElseUsed(in RuleContext context, double rate, long since, long time)
    {
        var open = context.Home.FindEpisode(AlarmKind.WaterRunning);
        if (open < 0 || context.Home.Episodes[open].Severity >= Severity.High || context.Home.AbsenceAt(time) is not null)
            return;
        var (more, moreZh) = Phrases.OtherEvidence(context.Home, context.Zone, AlarmKind.NoWater, time);
        context.Update(
            open,
            time,
            $"water runs on at {Phrases.Water(rate)}/h and nothing else has been used since {context.At(since, time)}{more}",
            $"水一直以每小时{Phrases.Water(rate)}在流，自{context.AtZh(since, time)}起没有其他用水{moreZh}",
            Severity.High,
            notify: true
        );
    }
}
