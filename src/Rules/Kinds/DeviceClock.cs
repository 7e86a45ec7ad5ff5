using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>When a reading was measured, and whether the clock of its device can be believed.</summary>
internal static class DeviceClock
{
    /// <summary>Gateways keep readings for weeks: one that is older on arrival has a wrong date.</summary>
    private const long OldestBelieved = 60 * TimeSpan.TicksPerDay;

    /// <summary>The same while the clock is known to be wrong.</summary>
    private const long OldestWhileWrong = 2 * TimeSpan.TicksPerDay;

    /// <summary>Without a newer total for so long, an old date on a total is a wrong clock.</summary>
    private const long LongestWithoutTotal = 3 * TimeSpan.TicksPerDay;

    /// <summary>No device is older than 2010; 1970, 1980 and 2000 are clocks that were never set.</summary>
    private static readonly long Earliest = new DateTime(2010, 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks;

    /// <summary>The time a reading is judged by, never later than its arrival. Opens and clears <c>clock-wrong</c>.</summary>
    public static long TimeOf(in RuleContext context, int index, in Reading r)
    {
        var time = r.Time.Ticks;
        var received = r.Received.Ticks;
        var tolerance = context.Home.Rules.Ticks(RuleParameter.ClockTolerance);
        ref var d = ref context.Home.Devices[index];
        var open = context.Home.EpisodeCount == 0 ? -1 : context.Home.FindEpisode(AlarmKind.ClockWrong, index);
        // A clock that is known to be wrong stays so while it gives dates some days old.
        var absurd = time < Earliest || (!r.Has(ReadingFlags.History) && received - time > (open >= 0 ? OldestWhileWrong : OldestBelieved));
        var wrong = r.Has(ReadingFlags.ClockWrong) || time > received + tolerance || absurd;
        if (wrong)
        {
            d.GoodClock = 0;
            if (open < 0)
                Wrong(context, index, time, time > received + tolerance || absurd);

            return absurd || time > received ? received : time;
        }

        // Three good times in a row (debounce), or a clock near the tolerance would open and clear again and again.
        if (open >= 0 && !r.Has(ReadingFlags.ArrivalTime) && ++d.GoodClock >= 3)
            context.Clear(
                open,
                received,
                $"the device's clock is right again at {context.At(received, received)}",
                $"{context.AtZh(received, received)}设备时间恢复正常"
            );
        return Math.Min(time, received);
    }

    private static void Wrong(in RuleContext context, int index, long time, bool known)
    {
        var now = context.Now;
        context.Open(
            AlarmKind.ClockWrong,
            now,
            now,
            index,
            -1,
            known
                ? $"the device says it is {Phrases.Moment(time, context.Zone)}, it is {Phrases.Moment(now, context.Zone)}"
                : "the device sent an impossible time",
            known ? $"设备时间{Phrases.Moment(time, context.Zone)}，实际{Phrases.Moment(now, context.Zone)}" : "设备时间不可能正确"
        );
    }

    /// <summary>
    /// Whether a meter's clock has gone back (a new battery, a default date): its total is dated before a known one and yet is higher, or
    /// nothing newer has come for days although it reports. Ignored as late, such readings would hide a silent home behind a meter that
    /// reports every hour.
    /// </summary>
    /// <param name="context">The home and its evaluation.</param>
    /// <param name="index">The meter.</param>
    /// <param name="r">Its reading.</param>
    /// <param name="newest">Time of the newest known total.</param>
    /// <param name="more">By how much this total is higher.</param>
    public static bool WentBack(in RuleContext context, int index, in Reading r, long newest, double more)
    {
        var lag = context.Now - newest;
        if (
            r.Time.Ticks >= newest
            || r.Has(ReadingFlags.History)
            || lag <= UseTracker.LongestPreciseInterval
            || more < -1e-9
            || (more <= 1e-9 && lag < LongestWithoutTotal)
        )
            return false;
        context.Home.Devices[index].GoodClock = 0;
        if (context.Home.FindEpisode(AlarmKind.ClockWrong, index) < 0)
            Wrong(context, index, r.Time.Ticks, true);
        return true;
    }
}
