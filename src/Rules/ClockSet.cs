using Vigil.Model;

namespace Vigil.Rules;

/// <summary>
/// What a home remembers, when the service's clock is set. What lasts (an open door, an empty bed, a home without water) has lasted as long
/// as before; what was written down in a time that is still to come now is moved to where it belongs, so that what comes next is newer. The
/// names of episodes stay.
/// </summary>
internal static class ClockSet
{
    /// <param name="home">The home.</param>
    /// <param name="by">Ticks forward; negative: back.</param>
    /// <param name="now">The new time, ticks.</param>
    /// <param name="onlyAhead">Back, a part of it has the new time already: what lies in a time to come is moved, and nothing else.</param>
    public static void Move(Home home, long by, long now, bool onlyAhead = false)
    {
        // Forward, the time without a word is forgiven as deafness; back, every arrival moves.
        for (var i = 0; i < home.DeviceCount && by < 0; i++)
            home.Devices[i].Received = Waits(home.Devices[i].Received, by, now, onlyAhead);
        for (var i = 0; i < home.SeriesCount; i++)
            Move(ref home.Series[i], by, now, onlyAhead);
        for (var i = 0; i < home.EpisodeCount; i++)
        {
            ref var e = ref home.Episodes[i];
            e.Opened = Back(e.Opened, by, now);
            e.Again = Waits(e.Again, by, now, onlyAhead);
            if (!onlyAhead)
                e.HeldUntil = Waits(e.HeldUntil, by, now, onlyAhead);
        }

        home.LifeAt = Lasts(home.LifeAt, by, now);
        Move(home.Water, by, now);
        Move(home.Electricity, by, now);
    }

    public static void Move(Village village, long by, long now) =>
        (village.OutageSince, village.LastChecked) = (Back(village.OutageSince, by, now), Back(village.LastChecked, by, now));

    private static void Move(ref Series s, long by, long now, bool onlyAhead)
    {
        s.Time = Back(s.Time, by, now);
        s.Since = Waits(s.Since, by, now, onlyAhead);
        if (!onlyAhead)
            s.Due = Waits(s.Due, by, now, onlyAhead);
        // A locator keeps places there; presses keep the times that their readings have in the store, by which they are known when they are
        // read again.
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

        for (var i = 0; i < use.SipCount; i++)
            use.Sips[i].Time = Lasts(use.Sips[i].Time, by, now);
        use.Floor = Lasts(use.Floor, by, now);
        use.LastUse = Lasts(use.LastUse, by, now);
        use.RunningSince = Lasts(use.RunningSince, by, now);
        use.DrippingSince = Lasts(use.DrippingSince, by, now);
        use.Frontier = Back(use.Frontier, by, now);
        use.UnplacedUntil = Back(use.UnplacedUntil, by, now);
        if (by > 0 && use.Pattern is { Learned: true } pattern)
            pattern.Forgive(new DateTime(Lasts(pattern.LastUse.Ticks, by, now), DateTimeKind.Utc));
    }

    /// <summary>What something is counted from moves whole, forward and back.</summary>
    private static long Waits(long time, long by, long now, bool onlyAhead) =>
        time == 0 ? 0
        : onlyAhead ? Back(time, by, now)
        : time + by;

    /// <summary>
    /// Set back: what lies between the new and the old time was written by the clock that was ahead. Later moments (the end of an absence)
    /// are somebody's wish.
    /// </summary>
    private static long Back(long time, long by, long now) => by < 0 && time > now && time <= now - by ? time + by : time;

    /// <summary>Since when something lasts: forward it moves along, or the clock's jump would count as a part of it.</summary>
    private static long Lasts(long time, long by, long now) =>
        by < 0 ? Back(time, by, now)
        : time != 0 && time <= now - by ? time + by
        : time;
}
