using Vigil.Model;

namespace Vigil.Rules;

/// <summary>
/// Moves the times that a home remembers when the service's clock is set. A condition that lasts (an open door, an empty bed, a home
/// without water) has lasted as long as before. After a clock was set back, times in the future are moved back too, so that the next
/// readings are newer. The names of episodes stay.
/// </summary>
internal static class ClockShift
{
    /// <param name="home">The home.</param>
    /// <param name="by">Ticks forward; negative: back.</param>
    /// <param name="now">The new time, ticks.</param>
    /// <param name="onlyAhead">A part of the state has the new time already: only times in the future are moved back.</param>
    public static void Move(Home home, long by, long now, bool onlyAhead = false)
    {
        // Set forward, the skipped time is a downtime; set back, every arrival moves.
        for (var i = 0; i < home.DeviceCount && by < 0; i++)
            home.Devices[i].Received = Counted(home.Devices[i].Received, by, now, onlyAhead);
        for (var i = 0; i < home.SeriesCount; i++)
            Move(ref home.Series[i], by, now, onlyAhead);
        for (var i = 0; i < home.EpisodeCount; i++)
        {
            ref var e = ref home.Episodes[i];
            e.Opened = Back(e.Opened, by, now);
            e.Again = Counted(e.Again, by, now, onlyAhead);
            if (!onlyAhead)
                e.HeldUntil = Counted(e.HeldUntil, by, now, onlyAhead);
        }

        home.LastActivity = Lasts(home.LastActivity, by, now);
        Move(home.Water, by, now);
        Move(home.Electricity, by, now);
        if (by < 0)
            home.Life?.Move(t => Back(t, by, now));
    }

    public static void Move(OutageArea area, long by, long now) =>
        (area.OutageSince, area.LastChecked) = (Back(area.OutageSince, by, now), Back(area.LastChecked, by, now));

    private static void Move(ref Series s, long by, long now, bool onlyAhead)
    {
        s.Time = Back(s.Time, by, now);
        s.Since = Counted(s.Since, by, now, onlyAhead);
        if (!onlyAhead)
            s.Due = Counted(s.Due, by, now, onlyAhead);
        // Of a locator these are positions. Of presses they are the times of the stored readings, which identify them when they are
        // replayed.
        if (by > 0 || s.Events is not { } events || s.Metric.Kind is MetricKind.Location or MetricKind.Event)
            return;
        for (var i = 0; i < events.Length; i++)
            events[i] = Back(events[i], by, now);
    }

    private static void Move(UseTracker? use, long by, long now)
    {
        if (use is null)
            return;
        foreach (ref var r in use.Registers.AsSpan())
        {
            (r.Total.Time, r.Total.CandidateTime) = (Back(r.Total.Time, by, now), Back(r.Total.CandidateTime, by, now));
            r.UsedFrom = Back(r.UsedFrom, by, now);
        }

        for (var i = 0; i < use.UseCount; i++)
            use.Uses[i].Time = Lasts(use.Uses[i].Time, by, now);
        use.CountedFrom = Lasts(use.CountedFrom, by, now);
        use.LastUse = Lasts(use.LastUse, by, now);
        use.RunningSince = Lasts(use.RunningSince, by, now);
        use.DrippingSince = Lasts(use.DrippingSince, by, now);
        use.ReportedUntil = Back(use.ReportedUntil, by, now);
        use.ImpreciseUntil = Back(use.ImpreciseUntil, by, now);
        if (by > 0 && use.Pattern is { Learned: true } pattern)
            pattern.RestartSilence(new DateTime(Lasts(pattern.LastUse.Ticks, by, now), DateTimeKind.Utc));
    }

    /// <summary>A moment from which something is counted moves with the clock, forward and back.</summary>
    private static long Counted(long time, long by, long now, bool onlyAhead) =>
        time == 0 ? 0
        : onlyAhead ? Back(time, by, now)
        : time + by;

    /// <summary>
    /// Set back: a moment between the new and the old time was written by the clock that was ahead, and moves. Later moments (the end of an
    /// absence) were entered by people, and stay.
    /// </summary>
    private static long Back(long time, long by, long now) => by < 0 && time > now && time <= now - by ? time + by : time;

    /// <summary>The start of something that lasts moves forward too, or the clock's jump would count as a part of it.</summary>
    private static long Lasts(long time, long by, long now) =>
        by < 0 ? Back(time, by, now)
        : time != 0 && time <= now - by ? time + by
        : time;
}
