namespace Vigil.Tests.Simulation;

/// <summary>Compares the service's silence alarms with what really happened in the homes.</summary>
internal static class SilenceChecks
{
    /// <summary>After three missed reports.</summary>
    private static readonly TimeSpan SilentAfter = 3 * SimulatedHome.ReportEvery;

    /// <summary>
    /// A silence alarm is true: a silent device, counted in time in which the service listened; a home without water, by the water that was
    /// used.
    /// </summary>
    public static void CheckTrue(World world, AlarmRow alarm, Action<string> broken)
    {
        if (world.Homes.FirstOrDefault(h => h.Resident == alarm.Subject) is not { } home)
            return;
        if (alarm.Kind == "device-silent")
        {
            world.Journal.Cover("a silent device was found");
            var link = home.Links.First(l => l.Device == alarm.Device);
            var silent = world.Listened - link.ListenedThen;
            // A start that could not read the stored readings continues from a snapshot, which may be older than the last report.
            var unknown = world.Readings.FailedReplays > link.FailedReplaysThen ? SimulatedHome.ReportEvery : TimeSpan.Zero;
            if (silent < SilentAfter - unknown - TimeSpan.FromMinutes(10))
                broken($"no false silence: {alarm.Device} was heard {silent.TotalHours:0.0} h of listening ago");
        }
        else if (alarm.Kind == "no-water")
        {
            world.Journal.Cover("a home without water was found");
            var dry = world.Clock.Elapsed - home.LastUse;
            if (dry < TimeSpan.FromHours(20))
                broken($"no false alarm: {alarm.Subject} used water {dry.TotalHours:0.0} h ago");
        }
    }

    /// <summary>At the end of the week: whatever fell silent was found in time.</summary>
    public static void CheckFound(World world, SimulatedHome home, List<AlarmRow> alarms, Action<string> broken)
    {
        // Time in which the service was down is not counted against devices, and a snapshot may be two hours old here.
        var forgiven = TimeSpan.FromHours(4 * (world.Crashes + 1)) + (world.Clock.Elapsed - world.Listened);
        if (
            home.MeterDiesAt is { } died
            && world.Clock.Elapsed - died > SilentAfter + SimulatedHome.ReportEvery + forgiven
            && !alarms.Exists(a => a.Subject == home.Resident && a.Kind == "device-silent")
        )
            broken($"a silent device is found: water of {home.Resident} has said nothing since {died}");
        if (home.StopsAt is not { } stopped || home.MeterDiesAt is not null)
            return;
        // A day without water, judged by the meter's reports, which may arrive late.
        if (
            world.Clock.Elapsed - stopped > TimeSpan.FromHours(24 + 9)
            && !alarms.Exists(a => a.Subject == home.Resident && a.Kind == "no-water")
        )
            broken($"a home without water is found: {home.Resident} has used none since {home.LastUse}");
    }
}
