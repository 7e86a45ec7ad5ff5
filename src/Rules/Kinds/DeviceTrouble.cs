using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>
/// About the device: silent, never seen, battery, clock. Judged by arrival time and driven by the registry: a device that never spoke is
/// found. When a meter's silence lasts, nobody knows how its resident is, and somebody has to look.
/// </summary>
internal static class DeviceTrouble
{
    /// <summary>When a device is next to be looked at, ticks; long.MaxValue when nothing is awaited.</summary>
    public static long DueOf(RuleEngine engine, Home home, int index)
    {
        ref var d = ref home.Devices[index];
        var rules = home.Rules;
        if (d.Received == 0)
        {
            if (
                !d.Registered
                || d.Installed == 0
                || home.FindEpisode(AlarmKind.DeviceNeverSeen, index) >= 0
                || !rules.Enabled(AlarmKind.DeviceNeverSeen)
            )
                return long.MaxValue;
            return engine.Heard(d.Installed, rules.Ticks(RuleParameter.NeverSeenAfter));
        }

        var silent = home.FindEpisode(AlarmKind.DeviceSilent, index);
        if (silent < 0)
        {
            var allowed = Allowed(home, d);
            return allowed == long.MaxValue || !rules.Enabled(AlarmKind.DeviceSilent) ? long.MaxValue : engine.Heard(d.Received, allowed);
        }

        return d.Meter && home.Episodes[silent].Severity < Severity.High ? Welfare(home, home.Episodes[silent].Again) : long.MaxValue;
    }

    /// <summary>When somebody has to look, after a silence; sooner under heightened watch, and not before that began.</summary>
    private static long Welfare(Home home, long since)
    {
        var usual = since + home.Rules.Ticks(RuleParameter.SilentWelfareAfter);
        if (home.Facts is not { WatchUntil: not null } facts || !home.OnWatch(Math.Max(since, facts.WatchFrom.Ticks)))
            return usual;
        var watched = since + home.Rules.Ticks(RuleParameter.SilentWelfareWatch);
        return Math.Min(usual, Math.Max(watched, facts.WatchFrom.Ticks));
    }

    private static long Allowed(Home home, in DeviceState d)
    {
        if (d.ReportEvery > 0)
            return Math.Max((long)(d.ReportEvery * home.Rules[RuleParameter.SilentMissed]), home.Rules.Ticks(RuleParameter.SilentLeast));
        return d.Meter ? home.Rules.Ticks(RuleParameter.SilentUnknown) : long.MaxValue; // a button speaks when it is pressed
    }

    public static void Fire(in Turn turn, int index, long due)
    {
        var home = turn.Home;
        ref var d = ref home.Devices[index];
        if (d.Received == 0)
        {
            turn.Open(
                AlarmKind.DeviceNeverSeen,
                d.Installed,
                due,
                index,
                -1,
                $"installed {turn.At(d.Installed, due)}, nothing ever received",
                $"{turn.AtZh(d.Installed, due)}安装，从未收到数据"
            );
            return;
        }

        var silent = home.FindEpisode(AlarmKind.DeviceSilent, index);
        if (silent < 0)
        {
            var every = d.ReportEvery > 0 ? $", expected every {Phrases.Span(d.ReportEvery)}" : "";
            var everyZh = d.ReportEvery > 0 ? $"，应每{Phrases.SpanZh(d.ReportEvery)}上报一次" : "";
            turn.Open(
                AlarmKind.DeviceSilent,
                d.Received,
                due,
                index,
                -1,
                $"nothing received since {turn.At(d.Received, due)}{every}",
                $"自{turn.AtZh(d.Received, due)}起没有收到数据{everyZh}"
            );
            return;
        }

        // Another meter or sensor still says how things are: then somebody does know.
        if (home.AbsenceAt(due) is not null || Known(home, index, due))
        {
            home.Episodes[silent].Again = due; // looked at again after as long
            return;
        }

        var (more, moreZh) = Phrases.Corroborate(home, turn.Zone, AlarmKind.DeviceSilent, due);
        turn.Update(
            silent,
            due,
            $"welfare check: nobody knows how the resident is, the meter has been silent since {turn.At(d.Received, due)}{more}",
            $"请探访：电表或水表自{turn.AtZh(d.Received, due)}起没有数据，无人知道老人情况{moreZh}",
            Severity.High,
            notify: true
        );
    }

    private static bool Known(Home home, int but, long at)
    {
        if (home.LifeAt > at - 24 * TimeSpan.TicksPerHour)
            return true;
        for (var i = 0; i < home.DeviceCount; i++)
            if (i != but && home.Devices[i].Meter && home.Devices[i].Received != 0 && home.FindEpisode(AlarmKind.DeviceSilent, i) < 0)
                return true;
        return false;
    }

    /// <summary>Something of a device arrived.</summary>
    public static void Seen(in Turn turn, int index, long received)
    {
        var home = turn.Home;
        ref var d = ref home.Devices[index];
        var before = d.Received;
        if (received > before)
            d.Received = received;
        if (home.EpisodeCount == 0)
        {
            if (before == 0)
                turn.Engine.Queue(home, DueOf(turn.Engine, home, index));
            return;
        }

        var never = home.FindEpisode(AlarmKind.DeviceNeverSeen, index);
        if (never >= 0)
            turn.Clear(never, received, $"first heard at {turn.At(received, received)}", $"{turn.AtZh(received, received)}首次收到数据");
        var silent = home.FindEpisode(AlarmKind.DeviceSilent, index);
        if (silent >= 0 && received > before)
        {
            turn.Clear(silent, received, $"heard again at {turn.At(received, received)}", $"{turn.AtZh(received, received)}恢复上报");
            home.Village?.Recheck(turn, received);
            before = 0;
        }

        if (before == 0)
            turn.Engine.Queue(home, DueOf(turn.Engine, home, index));
    }

    public static void Battery(in Turn turn, int device, int series, bool low, bool well, string what, string whatZh, long time)
    {
        var open = turn.Home.FindEpisode(AlarmKind.BatteryLow, device, series);
        if (low && open < 0)
            turn.Open(
                AlarmKind.BatteryLow,
                time,
                time,
                device,
                series,
                $"battery low ({what}) at {turn.At(time, time)}",
                $"{turn.AtZh(time, time)}电量低（{whatZh}）"
            );
        else if (well && open >= 0)
            turn.Clear(open, time, $"battery well again at {turn.At(time, time)}", $"{turn.AtZh(time, time)}电量恢复");
    }

    /// <summary>The time a reading is judged by: never later than its arrival. Says when the device's clock is wrong.</summary>
    public static long TimeOf(in Turn turn, int index, in Reading r)
    {
        var time = r.Time.Ticks;
        var received = r.Received.Ticks;
        var tolerance = turn.Home.Rules.Ticks(RuleParameter.ClockTolerance);
        ref var d = ref turn.Home.Devices[index];
        var open = turn.Home.EpisodeCount == 0 ? -1 : turn.Home.FindEpisode(AlarmKind.ClockWrong, index);
        // A clock that is known to be wrong stays so while it tells of days long past.
        var absurd = time < Earliest || (!r.Has(ReadingFlags.History) && received - time > (open >= 0 ? Backlog : Past));
        var wrong = r.Has(ReadingFlags.ClockWrong) || time > received + tolerance || absurd;
        if (wrong)
        {
            d.GoodClock = 0;
            if (open < 0)
                Wrong(turn, index, time, time > received + tolerance || absurd);

            return absurd || time > received ? received : time;
        }

        // Three good ones in a row, so that a clock on the edge doesn't flap.
        if (open >= 0 && !r.Has(ReadingFlags.ArrivalTime) && ++d.GoodClock >= 3)
            turn.Clear(
                open,
                received,
                $"the device's clock is right again at {turn.At(received, received)}",
                $"{turn.AtZh(received, received)}设备时间恢复正常"
            );
        return Math.Min(time, received);
    }

    private static void Wrong(in Turn turn, int index, long time, bool known)
    {
        var now = turn.Now;
        turn.Open(
            AlarmKind.ClockWrong,
            now,
            now,
            index,
            -1,
            known
                ? $"the device says it is {Phrases.Moment(time, turn.Zone)}, it is {Phrases.Moment(now, turn.Zone)}"
                : "the device sent an impossible time",
            known ? $"设备时间{Phrases.Moment(time, turn.Zone)}，实际{Phrases.Moment(now, turn.Zone)}" : "设备时间不可能正确"
        );
    }

    /// <summary>
    /// Whether a meter's clock has gone back (a new battery, a default date): its total is dated before one that is known, and yet it is
    /// higher, or nothing newer has come for days while it talks. Left out as late, such readings would hide a silent home behind a meter
    /// that is heard every hour.
    /// </summary>
    /// <param name="turn">The home.</param>
    /// <param name="index">The meter.</param>
    /// <param name="r">What came.</param>
    /// <param name="newest">Time of the newest total that is known.</param>
    /// <param name="more">What this one shows more than that.</param>
    public static bool WentBack(in Turn turn, int index, in Reading r, long newest, double more)
    {
        var lag = turn.Now - newest;
        if (
            r.Time.Ticks >= newest
            || r.Has(ReadingFlags.History)
            || lag <= UseTracker.Placeable
            || more < -1e-9
            || (more <= 1e-9 && lag < Unheard)
        )
            return false;
        turn.Home.Devices[index].GoodClock = 0;
        if (turn.Home.FindEpisode(AlarmKind.ClockWrong, index) < 0)
            Wrong(turn, index, r.Time.Ticks, true);
        return true;
    }

    /// <summary>Gateways keep weeks, not seasons: what is older on arrival has a wrong date.</summary>
    private const long Past = 60 * TimeSpan.TicksPerDay;
    private const long Backlog = 2 * TimeSpan.TicksPerDay;
    private const long Unheard = 3 * TimeSpan.TicksPerDay;

    /// <summary>2010: no device of ours is older; 1970, 1980 and 2000 are clocks that were never set.</summary>
    private static readonly long Earliest = new DateTime(2010, 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks;
}
