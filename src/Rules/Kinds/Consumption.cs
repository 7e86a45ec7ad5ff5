using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>
/// Takes the totals of water and electricity meters and passes the use between them to the rules. Judged by reading time alone: an
/// unchanged total means that nothing was used; a missing one proves nothing (a silent device is another rule).
/// </summary>
internal static class Consumption
{
    private const long Hour = TimeSpan.TicksPerHour;

    /// <summary>Whether it is a total of water or electricity.</summary>
    public static bool Is(Metric metric) =>
        ReferenceEquals(metric, Metric.WaterVolume) || ReferenceEquals(metric, Metric.ElectricityEnergy);

    public static void Apply(in RuleContext context, int series, in Reading r, long time)
    {
        var home = context.Home;
        ref var s = ref home.Series[series];
        var utility = ReferenceEquals(s.Metric, Metric.WaterVolume) ? Utility.Water : Utility.Electricity;
        if (s.Channel.Length > 0 && home.FindSeries(s.Device, s.Metric, "") >= 0)
            return; // the device's total is counted, its tariffs and phases are not
        home.Devices[s.Device].Meter = true;
        ref var slot = ref (utility.IsWater ? ref home.Water : ref home.Electricity);
        var use = slot ??= new UseTracker();
        var index = Find(use, series);
        if (index < 0)
        {
            var replaces = use.CountedFrom != 0 && AllTakenOut(home, use);
            index = use.Registers.Length;
            Array.Resize(ref use.Registers, index + 1);
            use.Registers[index] = new Register
            {
                Series = series,
                Total = new MeterTotal(time, r.Value),
                UsedFrom = time,
                UsedFromValue = r.Value,
            };
            if (use.CountedFrom == 0)
                use.CountedFrom = use.ReportedUntil = time;
            s.Time = time;
            s.Value = r.Value;
            if (replaces)
                Began(context, utility, use, time);
            return;
        }

        ref var register = ref use.Registers[index];
        if (time <= register.Total.Time)
        {
            // An earlier total can't be higher than a later one: the known total was dated by its arrival, because the meter's clock was
            // wrong, and is in truth older.
            var missed = r.Value - register.Total.Value;
            var since = Math.Max(register.UsedFrom, register.Total.Time - UseTracker.LongestPreciseInterval);
            if (
                missed > 0
                && register.Total.Time - time < UseTracker.LongestPreciseInterval
                && missed <= utility.Most(register.Total.Time - since)
            )
            {
                register.Total.Value = s.Value = r.Value;
                Judge(context, utility, use, since, register.Total.Time, missed);
                return;
            }

            if (
                missed > utility.Most(context.Now - register.Total.Time)
                || !DeviceClock.WentBack(context, s.Device, r, register.Total.Time, r.Value - register.Total.Value)
            )
            {
                Refine(use, ref register, time, r.Value);
                return;
            }

            time = context.Now;
        }

        if (Step(context, utility, use, ref register, time, r.Value) is not { } step)
            return;
        s.Time = time;
        s.Value = r.Value;
        Judge(context, utility, use, step.From, time, step.Used);
    }

    private static int Find(UseTracker use, int series)
    {
        for (var i = 0; i < use.Registers.Length; i++)
            if (use.Registers[i].Series == series)
                return i;
        return -1;
    }

    /// <summary>A reading that came late doesn't change how much was used, but may show more exactly when.</summary>
    private static void Refine(UseTracker use, ref Register register, long time, double value)
    {
        if (use.UseCount == 0)
            return;
        ref var newest = ref use.Uses[use.UseCount - 1];
        // The register had this value already: the last use was before.
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

    /// <summary>By how much the register grew since the last total; null while a total isn't believed.</summary>
    private static (long From, double Used)? Step(
        in RuleContext context,
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
                Began(context, utility, use, time);
                return null;
        }

        if (context.Engine.Doubted is { } doubted)
        {
            var id = context.Home.Devices[context.Home.Series[register.Series].Device].Id;
            doubted(
                context.Home.Id,
                id,
                $"the total went from {Phrases.Number(before)} to {Phrases.Number(value)} between {context.At(from, time)} and "
                    + $"{context.At(time, time)}: not used until another one fits it"
            );
        }

        return null;
    }

    /// <summary>
    /// A total begins: of a meter that was set back, or of one that stands where another one was. How much was used meanwhile isn't known.
    /// Half the window is allowed for it, but only once: a meter that starts again and again is no sign of life.
    /// </summary>
    private static void Began(in RuleContext context, in Utility utility, UseTracker use, long time)
    {
        var within = Within(context, utility, time);
        if (time - use.ImpreciseUntil > within)
            use.CountedFrom = Math.Max(use.CountedFrom, time - within / 2);
        use.ImpreciseUntil = time;
        use.ReportedUntil = Math.Max(use.ReportedUntil, time);
    }

    private static bool AllTakenOut(Home home, UseTracker use)
    {
        foreach (ref var r in use.Registers.AsSpan())
            if (!home.Devices[home.Series[r.Series].Device].TakenOut)
                return false;
        return true;
    }

    /// <summary>How long nothing may be used before the alarm: shorter under heightened watch.</summary>
    public static long Within(in RuleContext context, in Utility utility, long time) =>
        context.Home.Rules.Ticks(context.Home.OnWatch(time) ? utility.WatchWithin : utility.Within);

    private static void Judge(in RuleContext context, in Utility utility, UseTracker use, long from, long time, double used)
    {
        var home = context.Home;
        var rules = home.Rules;
        var within = Within(context, utility, time);
        var least = rules[utility.LessThan];
        var precise = time - from <= UseTracker.LongestPreciseInterval;
        use.Fill(from, time, used, rules.Ticks(utility.Within));

        if (used > 0)
        {
            // In a long interval the use is taken as spread evenly, and the last of it as no older than half a window.
            var at = precise ? time : Math.Max(time - (long)((time - from) * Math.Min(1, least / used)), time - within / 2);
            use.AddUse(at, used, least);
            if (!precise)
                use.ImpreciseUntil = time;
            var steady = use.BaseRate * (time - from) / Hour;
            if (used > steady * 1.3 + (utility.IsWater ? 0.0005 : 0.02))
                use.LastUse = Math.Max(use.LastUse, at);
            if (
                precise
                && IsSomebody(home, utility, use, used, (time - from) / (double)Hour)
                && home.AbsenceAt(from) is { } absence
                && from > absence.From.Ticks + 2 * Hour
            )
                context.EndAbsence(absence, time);
        }

        use.ReportedUntil = ReportedByAll(home, use, time, within);
        var open = home.FindEpisode(utility.Kind);
        if (open >= 0)
            NoUse.Continue(context, utility, use, open, from, time, used);
        else
            NoUse.Check(context, utility, use, time, within, least);

        Overuse.Apply(context, utility, use, from, time, used);
        if (utility.IsWater)
            WaterRunning.Apply(context, use, from, time, used, precise);
        LearnedInactivity.Apply(context, utility, use, from, time, used);
    }

    /// <summary>
    /// Whether only a person can have used so much: clearly more per hour than the leak or base load, because a refrigerator must not end
    /// an absence. With electricity this is known only once the home's base load is.
    /// </summary>
    private static bool IsSomebody(Home home, in Utility utility, UseTracker use, double used, double hours)
    {
        var steady = Math.Max(use.BaseRate, use.Pattern is { Learned: true } learned ? learned.Background : 0);
        return (utility.IsWater || steady > 0) && used >= home.Rules[utility.Resume] * Math.Max(1, hours) + 1.3 * steady * hours;
    }

    /// <summary>
    /// Up to when every meter has reported. One that has been silent for two windows isn't waited for, nor is one that is no longer in the
    /// home: a silence must not go unnoticed because the old meter has nothing more to say.
    /// </summary>
    private static long ReportedByAll(Home home, UseTracker use, long time, long within)
    {
        if (use.Registers.Length == 1)
            return time;
        var until = time;
        foreach (ref var r in use.Registers.AsSpan())
            if (r.Total.Time < until && r.Total.Time > time - 2 * within && !home.Devices[home.Series[r.Series].Device].TakenOut)
                until = r.Total.Time;
        return Math.Max(until, use.ReportedUntil);
    }
}
