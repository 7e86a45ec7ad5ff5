using Vigil.Model;
using Vigil.Rules.Kinds;

namespace Vigil.Rules;

/// <summary>The earliest moment at which an alarm could be raised if nothing more is heard or used from now on.</summary>
/// <param name="Device">Which device would show it.</param>
/// <param name="Kind">Which alarm: <c>no-water</c>, <c>no-electricity</c>, <c>inactivity</c>, <c>device-silent</c> or
/// <c>device-never-seen</c>.</param>
/// <param name="At">UTC. For water and electricity the first report of the meter at or after the due time.</param>
public sealed record Outlook(string Device, AlarmKind Kind, DateTime At);

/// <summary>What the running rules expect of a resident's devices.</summary>
public delegate IReadOnlyList<Outlook> OutlooksOf(ResidentId resident);

internal static class Outlooks
{
    public static IReadOnlyList<Outlook> Of(RuleEngine engine, Home home)
    {
        var found = new List<Outlook>();
        for (var i = 0; i < home.DeviceCount; i++)
        {
            ref var d = ref home.Devices[i];
            if (!d.Registered)
                continue;
            var silent = home.FindEpisode(AlarmKind.DeviceSilent, i) >= 0 ? long.MaxValue : DeviceTrouble.DueOf(engine, home, i);
            if (silent != long.MaxValue)
                found.Add(new Outlook(d.Id, d.Received == 0 ? AlarmKind.DeviceNeverSeen : AlarmKind.DeviceSilent, Utc(silent)));
        }

        Use(home, Utility.Water, home.Water, found);
        Use(home, Utility.Electricity, home.Electricity, found);
        return [.. found.OrderBy(o => o.Device, StringComparer.Ordinal).ThenBy(o => o.At)];
    }

    private static void Use(Home home, in Utility utility, UseTracker? use, List<Outlook> into)
    {
        if (use is null || use.Registers.Length == 0)
            return;
        var rules = home.Rules;
        var (kind, due) = (utility.Kind, long.MaxValue);
        if (rules.Enabled(utility.Kind) && home.FindEpisode(utility.Kind) < 0)
            due =
                use.SilenceStart(rules[utility.LessThan])
                + rules.Ticks(
                    home.OnWatch(Math.Max(use.ReportedUntil, home.Facts?.WatchFrom.Ticks ?? 0)) ? utility.WatchWithin : utility.Within
                );
        if (
            rules.Enabled(AlarmKind.Inactivity)
            && home.FindEpisode(AlarmKind.Inactivity) < 0
            && use.Pattern is { Learned: true, DueAt: { } learned }
            && learned.Ticks < due
        )
            (kind, due) = (AlarmKind.Inactivity, learned.Ticks);
        if (due == long.MaxValue)
            return;
        if (home.AbsenceAt(due) is { } absence)
            due = absence.Until.Ticks;
        foreach (var register in use.Registers)
        {
            ref var device = ref home.Devices[home.Series[register.Series].Device];
            if (device.TakenOut)
                continue;
            // Only a report proves that nothing was used: the alarm comes with the first one at or after the due time.
            var at =
                device.ReportEvery > 0 && register.Total.Time < due
                    ? register.Total.Time + (due - register.Total.Time + device.ReportEvery - 1) / device.ReportEvery * device.ReportEvery
                    : Math.Max(due, register.Total.Time);
            into.Add(new Outlook(device.Id, kind, Utc(at)));
        }
    }

    private static DateTime Utc(long ticks) => new(Math.Min(ticks, DateTime.MaxValue.Ticks), DateTimeKind.Utc);
}
