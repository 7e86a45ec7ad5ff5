using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary><c>no-water</c> and <c>no-electricity</c>: less used than a person needs, for longer than allowed.</summary>
internal static class NoUse
{
    /// <summary>Opens an episode when it is due.</summary>
    public static void Check(in RuleContext context, in Utility utility, UseTracker use, long time, long within, double least)
    {
        var home = context.Home;
        if (!home.Rules.Enabled(utility.Kind) || LearnedInactivity.ReplacesFixedRule(home, use))
            return;
        var start = use.SilenceStart(least);
        var due = start + within;
        if (use.ReportedUntil >= due && home.ReturnWithin(start, due) is > 0 and var back)
        {
            // The resident was away for a part of it: silence is counted from the return.
            use.CountedFrom = Math.Max(use.CountedFrom, back);
            start = use.SilenceStart(least);
            due = start + within;
        }

        var steady = false;
        double sum = use.UseSum;
        if (use.ReportedUntil < due)
        {
            // Use beyond this home's own leak or base load, which is estimated from the quietest six hours of the window.
            if (use.SlotIndex <= use.Judged)
                return;
            use.Judged = use.SlotIndex;
            var end = use.SlotIndex * use.SlotLength;
            if (end - use.CountedFrom < within || end - use.ImpreciseUntil < within || use.ReportedUntil < end)
                return;
            var (total, baseLoad) = use.Window(6, even: utility.IsWater);
            use.BaseRate = baseLoad / (use.SlotLength * UseTracker.Slots) * TimeSpan.TicksPerHour;
            var limit = utility.IsWater ? least : home.Rules[RuleParameter.PowerAboveBase];
            // A high steady use is neither a drip nor a refrigerator: a tap or a heater was left on (water-running alarms of a tap), or the
            // resident always uses so much.
            if (use.BaseRate > home.Rules[utility.IsWater ? RuleParameter.WaterLeakMost : RuleParameter.PowerBaseMost])
            {
                if (utility.IsWater && total - baseLoad < limit)
                    WaterRunning.NothingElseUsed(context, use.BaseRate, end - use.SlotLength * UseTracker.Slots, end);
                use.BaseRate = 0;
            }

            if (use.BaseRate <= 0 || total - baseLoad >= limit)
                return;
            start = end - use.SlotLength * UseTracker.Slots;
            due = end;
            sum = total;
            steady = true;
        }

        if (home.AbsenceAt(due) is { } absence)
        {
            context.Engine.HeldBack?.Invoke(
                new Finding(
                    home.Id,
                    utility.Kind,
                    home.Rules.SeverityOf(utility.Kind),
                    FindingChange.Opened,
                    Phrases.Episode(utility.Kind, start, null),
                    0,
                    new DateTime(due, DateTimeKind.Utc),
                    $"no {utility.Name} since {context.At(start, due)}",
                    $"自{context.AtZh(start, due)}起没有{utility.NameZh}"
                ),
                $"absent until {context.At(absence.Until.Ticks, due)} ({absence.Author})"
            );
            use.CountedFrom = Math.Max(use.CountedFrom, absence.Until.Ticks);
            return;
        }

        // Due outside the hours of the rule: told at the first reading within them.
        var told = due;
        if (!home.Rules.IsActiveAt(utility.Kind, due, context))
        {
            if (!home.Rules.IsActiveAt(utility.Kind, time, context))
                return;
            told = time;
        }

        var since = use.LastUse >= start && use.LastUse <= due ? use.LastUse : start;
        var (more, moreZh) = Phrases.OtherEvidence(home, context.Zone, utility.Kind, due);
        var used = use.UseCount > 0 && use.UseSum >= least - 1e-6 ? Math.Max(0, use.UseSum - use.Uses[0].Amount) : sum;
        var left =
            steady && use.BaseRate > 0
                ? (
                    utility.IsWater
                        ? $", all of it a steady leak of {Phrases.Water(use.BaseRate)}/h"
                        : $", all of it a base load of {Phrases.Number(use.BaseRate * 1000)} W"
                )
                : "";
        var leftZh =
            steady && use.BaseRate > 0
                ? (
                    utility.IsWater
                        ? $"，全部是每小时{Phrases.Water(use.BaseRate)}的渗漏"
                        : $"，全部是{Phrases.Number(use.BaseRate * 1000)}瓦的基础负荷"
                )
                : "";
        var (watch, watchZh) = LearnedInactivity.WatchNote(home, time);
        var reason =
            $"no {utility.Name} since {context.At(since, due)} ({utility.Amount(steady ? sum : used)} in "
            + $"{Phrases.Span(due - start)}{left}){more}{watch}";
        var reasonZh =
            $"自{context.AtZh(since, due)}起没有{utility.NameZh}"
            + $"（{Phrases.SpanZh(due - start)}内{utility.Amount(steady ? sum : used)}{leftZh}）{moreZh}{watchZh}";
        if (LearnedInactivity.MergeFixedRule(context, utility, due, reason, reasonZh))
            return;
        use.Resumed = 0;
        context.Open(utility.Kind, start, told, -1, -1, reason, reasonZh);
    }

    /// <summary>Clears an open episode when the utility is used again; raises it when that takes too long.</summary>
    public static void Continue(in RuleContext context, in Utility utility, UseTracker use, int open, long from, long time, double used)
    {
        var home = context.Home;
        var resume = home.Rules[utility.Resume];
        // A leaky bucket: it empties within six hours, and by the leak or base load, so that a drip never ends an episode.
        var hours = (time - from) / (double)TimeSpan.TicksPerHour;
        use.Resumed = Math.Max(0, use.Resumed + used - (use.BaseRate + resume / 6) * hours);
        if (used > 0 && use.Resumed + resume / 6 * Math.Min(hours, 1) >= resume)
        {
            context.Clear(
                open,
                time,
                $"{utility.Name} used again at {context.At(time, time)} ({utility.Amount(use.Resumed)})",
                $"{context.AtZh(time, time)}恢复{utility.NameZh}（{utility.Amount(use.Resumed)}）"
            );
            use.Resumed = 0;
            use.CountedFrom = time;
            use.LastUse = time;
            home.OutageArea?.CheckEnd(context, time);
            return;
        }

        ref var e = ref home.Episodes[open];
        var critical = e.Start + home.Rules.Ticks(utility.CriticalAfter);
        if (e.Severity >= Severity.Critical || use.ReportedUntil < critical)
            return;
        var (more, moreZh) = Phrases.OtherEvidence(home, context.Zone, utility.Kind, critical);
        context.Update(
            open,
            critical,
            $"still no {utility.Name} since {context.At(e.Start, critical)}, {Phrases.Span(critical - e.Start)} now{more}",
            $"自{context.AtZh(e.Start, critical)}起仍没有{utility.NameZh}，已{Phrases.SpanZh(critical - e.Start)}{moreZh}",
            Severity.Critical,
            notify: true
        );
    }
}
