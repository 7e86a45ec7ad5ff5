using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>
/// Water and electricity: no use, water that runs or never stops, overuse. Judged by reading time alone: a flat total says that nothing was
/// used, a missing one says nothing (then the device is silent, which is another rule).
/// </summary>
internal static class Consumption
{
    private const long Hour = TimeSpan.TicksPerHour;

    /// <summary>One utility's own figures.</summary>
    internal readonly record struct Utility(
        AlarmKind Kind,
        RuleParameter LessThan,
        RuleParameter Within,
        RuleParameter WatchWithin,
        RuleParameter Resume,
        RuleParameter CriticalAfter,
        bool IsWater
    )
    {
        public static readonly Utility Water = new(
            AlarmKind.NoWater,
            RuleParameter.WaterLessThan,
            RuleParameter.WaterWithin,
            RuleParameter.WaterWatchWithin,
            RuleParameter.WaterResume,
            RuleParameter.WaterCriticalAfter,
            true
        );
        public static readonly Utility Electricity = new(
            AlarmKind.NoElectricity,
            RuleParameter.PowerLessThan,
            RuleParameter.PowerWithin,
            RuleParameter.PowerWatchWithin,
            RuleParameter.PowerResume,
            RuleParameter.PowerCriticalAfter,
            false
        );

        public string Name => IsWater ? "water" : "electricity";
        public string NameZh => IsWater ? "用水" : "用电";

        public string Amount(double value) => IsWater ? Phrases.Water(value) : Phrases.Energy(value);

        public double Most(long ticks) => MeterTotal.Most(IsWater, ticks);
    }

    public static void Apply(in Turn turn, int series, in Reading r, long time)
    {
        var home = turn.Home;
        ref var s = ref home.Series[series];
        var utility = ReferenceEquals(s.Metric, Metric.WaterVolume) ? Utility.Water : Utility.Electricity;
        if (s.Channel.Length > 0 && home.FindSeries(s.Device, s.Metric, "") >= 0)
            return; // the total is counted, its parts are not
        home.Devices[s.Device].Meter = true;
        ref var slot = ref (utility.IsWater ? ref home.Water : ref home.Electricity);
        var use = slot ??= new UseTracker();
        var index = Find(use, series);
        if (index < 0)
        {
            index = use.Registers.Length;
            Array.Resize(ref use.Registers, index + 1);
            use.Registers[index] = new Register
            {
                Series = series,
                Total = new MeterTotal(time, r.Value),
                UsedFrom = time,
                UsedFromValue = r.Value,
            };
            if (use.Floor == 0)
                use.Floor = use.Frontier = time;
            s.Time = time;
            s.Value = r.Value;
            return;
        }

        ref var register = ref use.Registers[index];
        if (time <= register.Total.Time)
        {
            // A meter can't have shown less later: the newest total was dated by its arrival, because the meter's clock was wrong, and is
            // older than it seemed.
            var missed = r.Value - register.Total.Value;
            var since = Math.Max(register.UsedFrom, register.Total.Time - UseTracker.Placeable);
            if (missed > 0 && register.Total.Time - time < UseTracker.Placeable && missed <= utility.Most(register.Total.Time - since))
            {
                register.Total.Value = s.Value = r.Value;
                Judge(turn, utility, use, since, register.Total.Time, missed);
                return;
            }

            if (
                missed > utility.Most(turn.Now - register.Total.Time)
                || !DeviceTrouble.WentBack(turn, s.Device, r, register.Total.Time, r.Value - register.Total.Value)
            )
            {
                Place(use, ref register, time, r.Value);
                return;
            }

            time = turn.Now;
        }

        if (Step(turn, utility, use, ref register, time, r.Value) is not { } step)
            return;
        s.Time = time;
        s.Value = r.Value;
        Judge(turn, utility, use, step.From, time, step.Used);
    }

    private static int Find(UseTracker use, int series)
    {
        for (var i = 0; i < use.Registers.Length; i++)
            if (use.Registers[i].Series == series)
                return i;
        return -1;
    }

    /// <summary>A reading that came late doesn't change what was used, but may say better when.</summary>
    private static void Place(UseTracker use, ref Register register, long time, double value)
    {
        if (use.SipCount == 0)
            return;
        ref var newest = ref use.Sips[use.SipCount - 1];
        // The register stood still from here on already: the last use was before.
        if (time < newest.Time && time > register.UsedFrom && value >= register.Total.Value - 1e-9 && value <= register.Total.Value + 1e-9)
        {
            newest.Time = time;
            if (use.LastUse > time)
                use.LastUse = time;
        }
        else if (time > register.UsedFrom && value <= register.UsedFromValue + 1e-9)
        {
            register.UsedFrom = time;
        }
    }

    /// <summary>What the register grew since the last total; null while a total isn't believed.</summary>
    private static (long From, double Used)? Step(
        in Turn turn,
        in Utility utility,
        UseTracker use,
        ref Register register,
        long time,
        double value
    )
    {
        var (from, before) = (register.Total.Time, register.Total.Value);
        switch (register.Total.Next(utility.IsWater, time, value, out var used))
        {
            case MeterStep.Used:
                if (used > 0)
                    (register.UsedFrom, register.UsedFromValue) = (from, before);
                return (from, used);
            case MeterStep.Began:
                (register.UsedFrom, register.UsedFromValue) = (time, value);
                // What was used meanwhile isn't known: neither silence nor certain life. Half the window is given, once: a meter that
                // begins again and again is no life.
                var within = Within(turn, utility, time);
                if (time - use.UnplacedUntil > within)
                    use.Floor = Math.Max(use.Floor, time - within / 2);
                use.UnplacedUntil = time;
                use.Frontier = Math.Max(use.Frontier, time);
                return null;
        }

        if (turn.Engine.Doubted is { } doubted)
        {
            var id = turn.Home.Devices[turn.Home.Series[register.Series].Device].Id;
            doubted(
                turn.Home.Id,
                id,
                $"the total went from {Phrases.Number(before)} to {Phrases.Number(value)} between {turn.At(from, time)} and "
                    + $"{turn.At(time, time)}: not used until another one fits it"
            );
        }

        return null;
    }

    /// <summary>How long nothing may be used: less under heightened watch.</summary>
    public static long Within(in Turn turn, in Utility utility, long time) =>
        turn.Home.Rules.Ticks(turn.Home.OnWatch(time) ? utility.WatchWithin : utility.Within);

    private static void Judge(in Turn turn, in Utility utility, UseTracker use, long from, long time, double used)
    {
        var home = turn.Home;
        var rules = home.Rules;
        var within = Within(turn, utility, time);
        var least = rules[utility.LessThan];
        var placed = time - from <= UseTracker.Placeable;
        use.Fill(from, time, used, rules.Ticks(utility.Within));

        if (used > 0)
        {
            // In a long interval the last of the use is taken as spread evenly, but no earlier than half a window ago.
            var at = placed ? time : Math.Max(time - (long)((time - from) * Math.Min(1, least / used)), time - within / 2);
            use.Use(at, used, least);
            if (!placed)
                use.UnplacedUntil = time;
            var steady = use.BaseRate * (time - from) / Hour;
            if (used > steady * 1.3 + (utility.IsWater ? 0.0005 : 0.02))
                use.LastUse = Math.Max(use.LastUse, at);
            if (
                placed
                && IsSomebody(home, utility, use, used, (time - from) / (double)Hour)
                && home.AbsenceAt(from) is { } absence
                && from > absence.From.Ticks + 2 * Hour
            )
            {
                // Somebody is back: silence counts again from here.
                home.AbsenceOver = absence.From.Ticks;
                home.Water?.CountFrom(time);
                home.Electricity?.CountFrom(time);
            }
        }

        use.Frontier = FrontierOf(use, time, within);
        var open = home.FindEpisode(utility.Kind);
        if (open >= 0)
            Continue(turn, utility, use, open, from, time, used);
        else
            Notice(turn, utility, use, time, within, least);

        Overuse(turn, utility, use, from, time, used);
        if (utility.IsWater)
            Running(turn, use, from, time, used, placed);
        Judgement.Inactivity(turn, utility, use, from, time, used);
    }

    /// <summary>
    /// A use that only a person makes, in each hour of it clearly above the leak or what is left on: a refrigerator must not end an
    /// absence. Electricity says so only where this home's base load is known.
    /// </summary>
    private static bool IsSomebody(Home home, in Utility utility, UseTracker use, double used, double hours)
    {
        var steady = Math.Max(use.BaseRate, use.Pattern is { Learned: true } learned ? learned.Quiet : 0);
        return (utility.IsWater || steady > 0) && used >= home.Rules[utility.Resume] * Math.Max(1, hours) + 1.3 * steady * hours;
    }

    /// <summary>What every meter that still speaks has reported; one that has been quiet for two windows isn't waited for.</summary>
    private static long FrontierOf(UseTracker use, long time, long within)
    {
        if (use.Registers.Length == 1)
            return time;
        var frontier = time;
        foreach (ref var r in use.Registers.AsSpan())
            if (r.Total.Time < frontier && r.Total.Time > time - 2 * within)
                frontier = r.Total.Time;
        return Math.Max(frontier, use.Frontier);
    }

    private static void Notice(in Turn turn, in Utility utility, UseTracker use, long time, long within, double least)
    {
        var home = turn.Home;
        if (!home.Rules.Enabled(utility.Kind) || Judgement.HoldsTheFloor(home, use))
            return;
        var anchor = use.Anchor(least);
        var due = anchor + within;
        if (use.Frontier >= due && home.BackSince(anchor, due) is > 0 and var back)
        {
            // Away for a part of it: silence counts from the return.
            use.Floor = Math.Max(use.Floor, back);
            anchor = use.Anchor(least);
            due = anchor + within;
        }

        var steady = false;
        double sum = use.SipSum;
        if (use.Frontier < due)
        {
            // Above this home's own leak or base load: the quietest six hours of the window, repeated.
            if (use.SlotIndex <= use.Judged)
                return;
            use.Judged = use.SlotIndex;
            var end = use.SlotIndex * use.SlotLength;
            if (end - use.Floor < within || end - use.UnplacedUntil < within || use.Frontier < end)
                return;
            var (total, baseLoad) = use.Window(6, even: utility.IsWater);
            use.BaseRate = baseLoad / (use.SlotLength * UseTracker.Slots) * Hour;
            var limit = utility.IsWater ? least : home.Rules[RuleParameter.PowerAboveBase];
            // Much and steady is no drip and no refrigerator: somebody left a tap or a heater on, or lives so (water-running tells of the
            // first).
            if (use.BaseRate > home.Rules[utility.IsWater ? RuleParameter.WaterLeakMost : RuleParameter.PowerBaseMost])
            {
                if (utility.IsWater && total - baseLoad < limit)
                    RunsAlone(turn, use.BaseRate, end - use.SlotLength * UseTracker.Slots, end);
                use.BaseRate = 0;
            }

            if (use.BaseRate <= 0 || total - baseLoad >= limit)
                return;
            anchor = end - use.SlotLength * UseTracker.Slots;
            due = end;
            sum = total;
            steady = true;
        }

        if (home.AbsenceAt(due) is { } absence)
        {
            var en = $"absent until {turn.At(absence.Until.Ticks, due)} ({absence.Author})";
            turn.Engine.HeldBack?.Invoke(
                new Finding(
                    home.Id,
                    utility.Kind,
                    home.Rules.SeverityOf(utility.Kind),
                    FindingChange.Opened,
                    Phrases.Episode(utility.Kind, anchor, null),
                    0,
                    new DateTime(due, DateTimeKind.Utc),
                    $"no {utility.Name} since {turn.At(anchor, due)}",
                    $"自{turn.AtZh(anchor, due)}起没有{utility.NameZh}"
                ),
                en,
                $"外出至{turn.AtZh(absence.Until.Ticks, due)}（{absence.Author}）"
            );
            use.Floor = Math.Max(use.Floor, absence.Until.Ticks);
            return;
        }

        // Due at an hour in which nobody wants to hear of it: told at the first reading of one in which they do.
        var told = due;
        if (!home.Rules.SpeaksAt(utility.Kind, due, turn))
        {
            if (!home.Rules.SpeaksAt(utility.Kind, time, turn))
                return;
            told = time;
        }

        var since = use.LastUse >= anchor && use.LastUse <= due ? use.LastUse : anchor;
        var (more, moreZh) = Phrases.Corroborate(home, turn.Zone, utility.Kind, due);
        var used = use.SipCount > 0 && use.SipSum >= least - 1e-6 ? Math.Max(0, use.SipSum - use.Sips[0].Amount) : sum;
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
        var (watch, watchZh) = Judgement.Watched(home, time);
        var reason =
            $"no {utility.Name} since {turn.At(since, due)} ({utility.Amount(steady ? sum : used)} in "
            + $"{Phrases.Span(due - anchor)}{left}){more}{watch}";
        var reasonZh =
            $"自{turn.AtZh(since, due)}起没有{utility.NameZh}"
            + $"（{Phrases.SpanZh(due - anchor)}内{utility.Amount(steady ? sum : used)}{leftZh}）{moreZh}{watchZh}";
        if (Judgement.SpeaksFor(turn, utility, due, reason, reasonZh))
            return;
        use.Resumed = 0;
        turn.Open(utility.Kind, anchor, told, -1, -1, reason, reasonZh);
    }

    private static void Continue(in Turn turn, in Utility utility, UseTracker use, int open, long from, long time, double used)
    {
        var home = turn.Home;
        var resume = home.Rules[utility.Resume];
        // Drains within six hours, and with the leak or base load: a drip never ends an episode.
        var hours = (time - from) / (double)Hour;
        use.Resumed = Math.Max(0, use.Resumed + used - (use.BaseRate + resume / 6) * hours);
        if (used > 0 && use.Resumed + resume / 6 * Math.Min(hours, 1) >= resume)
        {
            turn.Clear(
                open,
                time,
                $"{utility.Name} used again at {turn.At(time, time)} ({utility.Amount(use.Resumed)})",
                $"{turn.AtZh(time, time)}恢复{utility.NameZh}（{utility.Amount(use.Resumed)}）"
            );
            use.Resumed = 0;
            use.Floor = time;
            use.LastUse = time;
            home.Village?.Recheck(turn, time);
            return;
        }

        ref var e = ref home.Episodes[open];
        var critical = e.Start + home.Rules.Ticks(utility.CriticalAfter);
        if (e.Severity >= Severity.Critical || use.Frontier < critical)
            return;
        var (more, moreZh) = Phrases.Corroborate(home, turn.Zone, utility.Kind, critical);
        turn.Update(
            open,
            critical,
            $"still no {utility.Name} since {turn.At(e.Start, critical)}, {Phrases.Span(critical - e.Start)} now{more}",
            $"自{turn.AtZh(e.Start, critical)}起仍没有{utility.NameZh}，已{Phrases.SpanZh(critical - e.Start)}{moreZh}",
            Severity.Critical,
            notify: true
        );
    }

    private static void Overuse(in Turn turn, in Utility utility, UseTracker use, long from, long time, double used)
    {
        var local = Phrases.ToLocal(time - 1, turn.Zone);
        var day = (int)(local.Ticks / TimeSpan.TicksPerDay);
        if (day != use.Day)
        {
            var last = turn.Home.FindEpisode(AlarmKind.Overuse, series: utility.IsWater ? 0 : 1);
            if (last >= 0)
                turn.Clear(last, time, "a new day has begun", "新的一天开始");
            use.Day = day;
            use.DayUse = 0;
            use.DayTold = false;
        }

        if (time - from <= TimeSpan.TicksPerDay)
            use.DayUse += used;
        var most = turn.Home.Rules[utility.IsWater ? RuleParameter.OveruseWater : RuleParameter.OveruseElectricity];
        if (use.DayTold || use.DayUse <= most)
            return;
        use.DayTold = true;
        turn.Open(
            AlarmKind.Overuse,
            time,
            time,
            -1,
            utility.IsWater ? 0 : 1,
            $"{utility.Amount(use.DayUse)} of {utility.Name} used today by {turn.At(time, time)}, more than {utility.Amount(most)}",
            $"截至{turn.AtZh(time, time)}今日{utility.NameZh}{utility.Amount(use.DayUse)}，超过{utility.Amount(most)}"
        );
    }

    /// <summary>A tap has been running for a day and nobody turned another: whoever left it open may lie beside it.</summary>
    private static void RunsAlone(in Turn turn, double rate, long since, long time)
    {
        var open = turn.Home.FindEpisode(AlarmKind.WaterRunning);
        if (open < 0 || turn.Home.Episodes[open].Severity >= Severity.High || turn.Home.AbsenceAt(time) is not null)
            return;
        var (more, moreZh) = Phrases.Corroborate(turn.Home, turn.Zone, AlarmKind.NoWater, time);
        turn.Update(
            open,
            time,
            $"water runs on at {Phrases.Water(rate)}/h and nothing else has been used since {turn.At(since, time)}{more}",
            $"水一直以每小时{Phrases.Water(rate)}在流，自{turn.AtZh(since, time)}起没有其他用水{moreZh}",
            Severity.High,
            notify: true
        );
    }

    /// <summary>What an episode of running water is, in its place for a series: it belongs to no meter alone.</summary>
    private const int Leak = 0;
    private const int Tap = 1;

    /// <summary>A tap left open (much, for hours), or a leak (a little, in every interval of a day).</summary>
    private static void Running(in Turn turn, UseTracker use, long from, long time, double used, bool placed)
    {
        var rules = turn.Home.Rules;
        var rate = used / ((time - from) / (double)Hour);
        var open = turn.Home.FindEpisode(AlarmKind.WaterRunning);
        if (!placed || used <= 0)
        {
            use.DrippingSince = use.RunningSince = 0;
            if (open >= 0 && placed)
                turn.Clear(
                    open,
                    time,
                    $"no water flowed in the interval before {turn.At(time, time)}",
                    $"{turn.AtZh(time, time)}前的时段没有水流"
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
            ref var e = ref turn.Home.Episodes[open];
            if (e.Series == Tap && rate < rules[RuleParameter.RunningRate] / 2)
            {
                var en = $"the tap is closed; {Phrases.Water(rate)}/h still flowed at {turn.At(time, time)}";
                var zh = $"{turn.AtZh(time, time)}水龙头已关，仍有每小时{Phrases.Water(rate)}的水流";
                if (e.Start == use.DrippingSince)
                {
                    e.Series = Leak; // it began as a leak and still is one
                    turn.Update(open, time, en, zh);
                }
                else
                {
                    turn.Clear(open, time, en, zh);
                }
            }
            else if (e.Series == Leak && runs)
            {
                e.Series = Tap;
                turn.Update(
                    open,
                    time,
                    $"more than a leak now: water has been running since {turn.At(use.RunningSince, time)}, {Phrases.Water(rate)}/h",
                    $"已不只是渗漏：水自{turn.AtZh(use.RunningSince, time)}起一直在流，每小时{Phrases.Water(rate)}",
                    notify: true
                );
            }

            return;
        }

        if (runs)
        {
            turn.Open(
                AlarmKind.WaterRunning,
                use.RunningSince,
                use.RunningSince + rules.Ticks(RuleParameter.RunningFor),
                -1,
                Tap,
                $"water has been running since {turn.At(use.RunningSince, time)}, {Phrases.Water(rate)}/h now",
                $"水自{turn.AtZh(use.RunningSince, time)}起一直在流，现在每小时{Phrases.Water(rate)}"
            );
        }
        else if (time - use.DrippingSince >= rules.Ticks(RuleParameter.RunningDripFor))
        {
            turn.Open(
                AlarmKind.WaterRunning,
                use.DrippingSince,
                use.DrippingSince + rules.Ticks(RuleParameter.RunningDripFor),
                -1,
                Leak,
                $"water has not stopped since {turn.At(use.DrippingSince, time)} ({Phrases.Water(use.Dripped)}): a leak",
                $"自{turn.AtZh(use.DrippingSince, time)}起水一直没有停（{Phrases.Water(use.Dripped)}）：可能漏水"
            );
        }
    }
}
