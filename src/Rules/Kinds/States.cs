using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>
/// What is on or off: smoke, gas and a leak alarm at once; a door and an empty bed when it lasts; tamper and battery about the device.
/// A state that is only repeated says nothing new.
/// </summary>
internal static class States
{
    public static void Apply(in Turn turn, int series, in Reading r, long time)
    {
        ref var s = ref turn.Home.Series[series];
        if (time <= s.Time)
        {
            if (time < s.Time && r.Value != 0 && !r.Has(ReadingFlags.Test))
                OutOfOrder(turn, series, r, time);
            return;
        }

        if (s.Due != 0 && time >= s.Due)
            Fire(turn, series, s.Due);
        var first = s.Time == 0;
        var on = r.Value != 0;
        var was = !first && s.Value != 0;
        s.Time = time;
        s.Value = on ? 1 : 0;
        var metric = s.Metric;
        if (on && Kind(metric) is not null)
            Stretch(ref s, time, was);
        if (ReferenceEquals(metric, Metric.Smoke))
            Alarm(turn, series, AlarmKind.Smoke, RuleParameter.SmokeClearAfter, RuleParameter.SmokeLateAfter, on, r, time);
        else if (ReferenceEquals(metric, Metric.Gas))
            Alarm(turn, series, AlarmKind.Gas, RuleParameter.GasClearAfter, RuleParameter.GasLateAfter, on, r, time);
        else if (ReferenceEquals(metric, Metric.WaterLeak))
            Alarm(turn, series, AlarmKind.WaterLeak, RuleParameter.LeakClearAfter, RuleParameter.SmokeLateAfter, on, r, time);
        else if (ReferenceEquals(metric, Metric.Tamper))
            Alarm(turn, series, AlarmKind.Tamper, RuleParameter.LeakClearAfter, RuleParameter.SmokeLateAfter, on, r, time);
        else if (ReferenceEquals(metric, Metric.BatteryLow))
            DeviceTrouble.Battery(turn, s.Device, series, on, !on, "the device says so", "设备自报", time);
        else if (ReferenceEquals(metric, Metric.DoorOpen))
            Door(turn, series, on, was, first, time);
        else if (ReferenceEquals(metric, Metric.BedOccupied))
            Bed(turn, series, on, was, first, time);
        else if (on && (ReferenceEquals(metric, Metric.Presence) || ReferenceEquals(metric, Metric.Motion)))
        {
            s.Since = time; // newest movement
            Alive(turn, time);
        }
        else if (on && !was && ReferenceEquals(metric, Metric.PowerLost))
            s.Since = time; // names itself in the reasons of others
    }

    private const int Stretches = 6;

    /// <summary>Remembers from when to when a detector was on, newest first.</summary>
    private static void Stretch(ref Series s, long time, bool goesOn)
    {
        var known = s.Events ??= new long[Stretches * 2];
        if (!goesOn || known[0] == 0)
        {
            Array.Copy(known, 0, known, 2, known.Length - 2);
            known[0] = time;
        }

        known[1] = time;
    }

    /// <summary>
    /// Smoke, gas or a leak that came after the news of its end: short and overtaken on the way, or kept by a gateway. Somebody has to hear
    /// of it all the same; the same message delivered again says nothing.
    /// </summary>
    private static void OutOfOrder(in Turn turn, int series, in Reading r, long time)
    {
        ref var s = ref turn.Home.Series[series];
        if (Kind(s.Metric) is not { } kind || ReferenceEquals(kind, AlarmKind.Tamper) || turn.Home.FindEpisode(kind, s.Device, series) >= 0)
            return;
        var known = s.Events ??= new long[Stretches * 2];
        for (var i = 0; i < known.Length; i += 2)
            if (known[i] <= time && time <= known[i + 1])
                return;
        Array.Copy(known, 2, known, 4, known.Length - 4);
        known[2] = known[3] = time;
        var late =
            r.Has(ReadingFlags.History)
            || r.Has(ReadingFlags.Retained)
            || turn.Now - time > turn.Home.Rules.Ticks(RuleParameter.SmokeLateAfter);
        var index = turn.Open(
            kind,
            time,
            time,
            s.Device,
            series,
            $"late: {What(kind)} at {turn.At(time, turn.Now)}, heard of at {turn.At(turn.Now, turn.Now)}, after news from "
                + $"{turn.At(s.Time, turn.Now)}",
            $"迟到的消息：{turn.AtZh(time, turn.Now)}{WhatZh(kind)}，{turn.AtZh(turn.Now, turn.Now)}才收到，晚于{turn.AtZh(s.Time, turn.Now)}的消息",
            late ? Less(kind, turn.Home) : null
        );
        // A case of its own: what the detector says from now on opens another one.
        if (index >= 0 && turn.Home.Episodes[index].HeldUntil == 0)
            turn.Home.RemoveEpisode(index);
    }

    /// <summary>The condition has lasted long enough, or a clear has become certain.</summary>
    public static void Fire(in Turn turn, int series, long due)
    {
        var home = turn.Home;
        ref var s = ref home.Series[series];
        s.Due = 0;
        var metric = s.Metric;
        if (ReferenceEquals(metric, Metric.DoorOpen))
            DoorLasts(turn, series, due);
        else if (ReferenceEquals(metric, Metric.BedOccupied))
            BedLasts(turn, series, due);
        else if (ReferenceEquals(metric, Metric.Location))
            Whereabouts.Lasts(turn, series, due);
        else if (Kind(metric) is { } kind && home.FindEpisode(kind, s.Device, series) is >= 0 and var open)
            turn.Clear(
                open,
                s.Since,
                $"{What(kind)} is over since {turn.At(s.Since, due)}",
                $"{WhatZh(kind)}自{turn.AtZh(s.Since, due)}起解除"
            );
    }

    private static void Alarm(
        in Turn turn,
        int series,
        AlarmKind kind,
        RuleParameter clearAfter,
        RuleParameter lateAfter,
        bool on,
        in Reading r,
        long time
    )
    {
        var home = turn.Home;
        ref var s = ref home.Series[series];
        var open = home.FindEpisode(kind, s.Device, series);
        if (on)
        {
            var late = r.Has(ReadingFlags.History) || r.Has(ReadingFlags.Retained) || turn.Now - time > home.Rules.Ticks(lateAfter);
            var cameBack = s.Due != 0;
            s.Due = 0;
            s.Since = 0;
            if (r.Has(ReadingFlags.Test))
                return;
            if (open < 0)
            {
                var (more, moreZh) = Phrases.Corroborate(home, turn.Zone, kind, time);
                var at = turn.At(time, turn.Now);
                var atZh = turn.AtZh(time, turn.Now);
                if (late)
                    turn.Open(
                        kind,
                        time,
                        time,
                        s.Device,
                        series,
                        $"late: {What(kind)} at {at}, heard of at {turn.At(turn.Now, turn.Now)}",
                        $"迟到的消息：{atZh}{WhatZh(kind)}，{turn.AtZh(turn.Now, turn.Now)}才收到",
                        Less(kind, home)
                    );
                else
                    turn.Open(kind, time, time, s.Device, series, $"{What(kind)} at {at}{more}", $"{atZh}{WhatZh(kind)}{moreZh}");
            }
            else if (!late && (cameBack || home.Episodes[open].Severity < home.Rules.SeverityOf(kind)))
            {
                turn.Update(
                    open,
                    time,
                    $"{What(kind)} again at {turn.At(time, turn.Now)}",
                    $"{turn.AtZh(time, turn.Now)}再次{WhatZh(kind)}",
                    home.Rules.SeverityOf(kind),
                    notify: true
                );
            }

            return;
        }

        if (open < 0 || s.Due != 0)
            return;
        s.Since = time;
        s.Due = time + home.Rules.Ticks(clearAfter);
        if (s.Due <= time)
            Fire(turn, series, time);
        else
            turn.Engine.Queue(home, s.Due);
    }

    private static Severity Less(AlarmKind kind, Home home) => (Severity)Math.Min((int)Severity.High, (int)home.Rules.SeverityOf(kind));

    private static void Door(in Turn turn, int series, bool open, bool was, bool first, long time)
    {
        var home = turn.Home;
        ref var s = ref home.Series[series];
        if (!first && open == was)
            return;
        if (!first)
            Alive(turn, time);
        var episode = home.FindEpisode(AlarmKind.DoorOpen, s.Device, series);
        if (!open)
        {
            s.Due = 0;
            s.Since = time; // closed since: a sensor that repeats its state doesn't open the door
            if (episode >= 0)
                turn.Clear(episode, time, $"door closed at {turn.At(time, time)}", $"{turn.AtZh(time, time)}门已关上");
            return;
        }

        s.Since = time;
        Await(turn, ref s, Due(turn, AlarmKind.DoorOpen, time, Longest(turn, time)));
    }

    private static long Longest(in Turn turn, long since)
    {
        var rules = turn.Home.Rules;
        var (day, night) = (rules.Ticks(RuleParameter.DoorLonger), rules.Ticks(RuleParameter.DoorNightLonger));
        var hours = new RuleWindow((int)rules[RuleParameter.DoorNightFrom], (int)rules[RuleParameter.DoorNightTo], 127, HolidayUse.Any);
        if (hours.From == hours.To)
            return day;
        // A door opened in the evening is one left open at night, once it is night.
        return Math.Min(day, hours.Next(since, turn.Zone, turn.Engine.Rules.Holidays) - since + night);
    }

    private static void DoorLasts(in Turn turn, int series, long due)
    {
        ref var s = ref turn.Home.Series[series];
        if (s.Value == 0 || turn.Home.FindEpisode(AlarmKind.DoorOpen, s.Device, series) >= 0)
            return;
        var (more, moreZh) = Phrases.Corroborate(turn.Home, turn.Zone, AlarmKind.DoorOpen, due);
        turn.Open(
            AlarmKind.DoorOpen,
            s.Since,
            due,
            s.Device,
            series,
            $"door open for {Phrases.Span(due - s.Since)}, since {turn.At(s.Since, due)}{more}",
            $"门自{turn.AtZh(s.Since, due)}起已开{Phrases.SpanZh(due - s.Since)}{moreZh}"
        );
    }

    private static void Bed(in Turn turn, int series, bool occupied, bool was, bool first, long time)
    {
        var home = turn.Home;
        ref var s = ref home.Series[series];
        if (!first && occupied == was)
            return;
        if (!first)
            Alive(turn, time);
        var episode = home.FindEpisode(AlarmKind.OutOfBed, s.Device, series);
        if (occupied)
        {
            s.Due = 0;
            s.Since = 0;
            if (episode >= 0)
                turn.Clear(episode, time, $"back in bed at {turn.At(time, time)}", $"{turn.AtZh(time, time)}回到床上");
            return;
        }

        if (first)
            return; // when the bed was left isn't known
        s.Since = time;
        Await(turn, ref s, Due(turn, AlarmKind.OutOfBed, time, home.Rules.Ticks(RuleParameter.OutOfBedLonger)));
    }

    private static void BedLasts(in Turn turn, int series, long due)
    {
        ref var s = ref turn.Home.Series[series];
        if (s.Since == 0 || turn.Home.AbsenceAt(due) is not null || turn.Home.FindEpisode(AlarmKind.OutOfBed, s.Device, series) >= 0)
            return;
        var (more, moreZh) = Phrases.Corroborate(turn.Home, turn.Zone, AlarmKind.OutOfBed, due);
        turn.Open(
            AlarmKind.OutOfBed,
            s.Since,
            due,
            s.Device,
            series,
            $"out of bed for {Phrases.Span(due - s.Since)}, since {turn.At(s.Since, due)}{more}",
            $"自{turn.AtZh(s.Since, due)}起离床{Phrases.SpanZh(due - s.Since)}{moreZh}"
        );
    }

    /// <summary>
    /// When a condition that began at <paramref name="since"/> has lasted long enough inside the rule's window; 0 when it doesn't count.
    /// </summary>
    private static long Due(in Turn turn, AlarmKind kind, long since, long longest)
    {
        var window = turn.Home.Rules.Window(kind);
        var due = since + longest;
        if (window.IsAlways)
            return due;
        return window.Next(due, turn.Zone, turn.Engine.Rules.Holidays); // outside: judged when the window opens
    }

    private static void Await(in Turn turn, ref Series s, long due)
    {
        s.Due = due;
        if (due != 0)
            turn.Engine.Queue(turn.Home, due);
    }

    private static void Alive(in Turn turn, long time)
    {
        var home = turn.Home;
        home.LifeAt = Math.Max(home.LifeAt, time);
    }

    private static AlarmKind? Kind(Metric metric) =>
        ReferenceEquals(metric, Metric.Smoke) ? AlarmKind.Smoke
        : ReferenceEquals(metric, Metric.Gas) ? AlarmKind.Gas
        : ReferenceEquals(metric, Metric.WaterLeak) ? AlarmKind.WaterLeak
        : ReferenceEquals(metric, Metric.Tamper) ? AlarmKind.Tamper
        : null;

    private static string What(AlarmKind kind) =>
        ReferenceEquals(kind, AlarmKind.Smoke) ? "smoke"
        : ReferenceEquals(kind, AlarmKind.Gas) ? "gas"
        : ReferenceEquals(kind, AlarmKind.WaterLeak) ? "water leak"
        : "device opened or removed";

    private static string WhatZh(AlarmKind kind) =>
        ReferenceEquals(kind, AlarmKind.Smoke) ? "烟雾报警"
        : ReferenceEquals(kind, AlarmKind.Gas) ? "燃气报警"
        : ReferenceEquals(kind, AlarmKind.WaterLeak) ? "漏水报警"
        : "设备被拆动";
}
