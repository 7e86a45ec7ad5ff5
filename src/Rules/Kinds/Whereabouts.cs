using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>
/// <c>wandering</c>: outside the home zone for longer than allowed, at night, or far away. Poor fixes and jumps don't count.
/// </summary>
internal static class Whereabouts
{
    private const float WorstAccuracy = 500;

    public static void Apply(in RuleContext context, int series, in Reading r, long time)
    {
        var home = context.Home;
        ref var s = ref home.Series[series];
        if (time <= s.Time)
            return;
        if (s.Due != 0 && time >= s.Due)
            States.Fire(context, series, s.Due);
        var (latitude, longitude) = (r.Value, r.Longitude);
        if (!(Math.Abs(latitude) <= 90 && Math.Abs(longitude) <= 180) || (Math.Abs(latitude) < 1e-6 && Math.Abs(longitude) < 1e-6))
            return; // 0,0 is "no fix"
        if (r.Accuracy > WorstAccuracy)
            return;
        var rules = home.Rules;
        var zoned = home.Facts?.Home is not null || rules.Zones.Count > 0;
        var (beyond, fromHome) = zoned ? Beyond(home, latitude, longitude) : default;
        var seconds = (time - s.Time) / (double)TimeSpan.TicksPerSecond;
        // Faster than 200 km/h, or a locator's first fix and far away (it may still be that of the factory): believed only when the next
        // fix is near it.
        if (
            s.Time == 0
                ? fromHome > rules[RuleParameter.WanderFar]
                : Distance.Metres(s.Value, s.Extra, latitude, longitude) is > 500 and var metres
                    && metres / Math.Max(1, seconds) > rules[RuleParameter.WanderMaxSpeed]
        )
        {
            var events = s.Events ??= new long[3];
            var same =
                events[0] != 0
                && Distance.Metres(
                    BitConverter.Int64BitsToDouble(events[0]),
                    BitConverter.Int64BitsToDouble(events[1]),
                    latitude,
                    longitude
                ) < 500;
            events[0] = BitConverter.DoubleToInt64Bits(latitude);
            events[1] = BitConverter.DoubleToInt64Bits(longitude);
            if (!same)
                return;
            events[0] = 0;
        }

        s.Time = time;
        s.Value = latitude;
        s.Extra = longitude;
        if (!zoned)
            return;
        var accuracy = float.IsNaN(r.Accuracy) ? 50 : r.Accuracy;
        var open = home.FindEpisode(AlarmKind.Wandering, s.Device, series);
        if (beyond <= 0)
        {
            s.Since = 0;
            s.Due = 0;
            if (open >= 0)
                context.Clear(open, time, $"back in the home zone at {context.At(time, time)}", $"{context.AtZh(time, time)}回到家附近");
            return;
        }

        if (beyond <= accuracy)
            return; // may be inside
        if (s.Since == 0)
            s.Since = time;
        if (home.AbsenceAt(time) is not null)
            return;
        var far = fromHome > rules[RuleParameter.WanderFar] + accuracy;
        if (open >= 0)
        {
            if (!far)
                return;
            // The alarm is open, and the person is now farther away than anybody walks: those who search are told once.
            if (s.Events is not { Length: > 2 })
                Array.Resize(ref s.Events, 3);
            if (s.Events[2] == home.Episodes[open].Start)
                return;
            s.Events[2] = home.Episodes[open].Start;
            context.Update(
                open,
                time,
                $"now {fromHome / 1000:0.0} km from home, at {context.At(time, time)}",
                $"{context.AtZh(time, time)}已离家{fromHome / 1000:0.0}公里",
                notify: true
            );
            return;
        }

        if (far)
        {
            if (s.Events is not { Length: > 2 })
                Array.Resize(ref s.Events, 3);
            s.Events[2] = s.Since;
            Say(
                context,
                series,
                time,
                $"{fromHome / 1000:0.0} km from home at {context.At(time, time)}",
                $"{context.AtZh(time, time)}离家{fromHome / 1000:0.0}公里"
            );
            return;
        }

        if (s.Due != 0)
            return;
        var due = s.Since + rules.Ticks(RuleParameter.WanderLonger);
        // At night the allowed time is shorter.
        var night = new RuleWindow((int)rules[RuleParameter.WanderNightFrom], (int)rules[RuleParameter.WanderNightTo], 127, HolidayUse.Any);
        if (night.From != night.To)
            due = Math.Min(
                due,
                night.Next(s.Since, context.Zone, context.Engine.Rules.Calendar) + rules.Ticks(RuleParameter.WanderNightLonger)
            );

        s.Due = Math.Max(due, time);
        context.Engine.Queue(home, s.Due);
        if (s.Due <= time)
            States.Fire(context, series, s.Due);
    }

    public static void Lasts(in RuleContext context, int series, long due)
    {
        ref var s = ref context.Home.Series[series];
        if (s.Since == 0 || context.Home.FindEpisode(AlarmKind.Wandering, s.Device, series) >= 0 || context.Home.AbsenceAt(due) is not null)
            return;
        Say(
            context,
            series,
            due,
            $"outside the home zone since {context.At(s.Since, due)}, last seen at {context.At(s.Time, due)}",
            $"自{context.AtZh(s.Since, due)}起在家外，最后定位{context.AtZh(s.Time, due)}"
        );
    }

    private static void Say(in RuleContext context, int series, long time, string en, string zh)
    {
        ref var s = ref context.Home.Series[series];
        if (!context.Home.Rules.IsActiveAt(AlarmKind.Wandering, time, context))
            return;
        var (more, moreZh) = Phrases.OtherEvidence(context.Home, context.Zone, AlarmKind.Wandering, time);
        s.Due = 0;
        context.Open(AlarmKind.Wandering, s.Since, time, s.Device, series, en + more, zh + moreZh);
    }

    /// <summary>Metres outside the nearest zone (0 or less: inside one), and metres from home.</summary>
    private static (double Beyond, double FromHome) Beyond(Home home, double latitude, double longitude)
    {
        var beyond = double.PositiveInfinity;
        var fromHome = 0.0;
        if (home.Facts?.Home is { } place)
        {
            fromHome = Distance.Metres(place.Latitude, place.Longitude, latitude, longitude);
            beyond = fromHome - home.Facts.HomeRadiusMetres;
        }

        foreach (var zone in home.Rules.Zones)
        {
            var outside =
                zone.Points.Length == 1
                    ? Distance.Metres(zone.Points[0].Latitude, zone.Points[0].Longitude, latitude, longitude) - zone.RadiusMetres
                    : Outside(zone.Points, latitude, longitude);
            beyond = Math.Min(beyond, outside);
            if (home.Facts?.Home is null)
                fromHome = Math.Max(0, beyond);
        }

        return (beyond, fromHome);
    }

    /// <summary>
    /// Metres to the edge of a polygon, negative inside. Computed on a plane, which is exact enough within a few kilometres.
    /// </summary>
    internal static double Outside((double Latitude, double Longitude)[] points, double latitude, double longitude)
    {
        var scale = Math.Cos(latitude * Math.PI / 180);
        var inside = false;
        var nearest = double.PositiveInfinity;
        for (int i = 0, j = points.Length - 1; i < points.Length; j = i++)
        {
            var (ay, ax) = ((points[j].Latitude - latitude) * 111195, (points[j].Longitude - longitude) * 111195 * scale);
            var (by, bx) = ((points[i].Latitude - latitude) * 111195, (points[i].Longitude - longitude) * 111195 * scale);
            if ((ay > 0) != (by > 0) && 0 < (bx - ax) * -ay / (by - ay) + ax)
                inside = !inside;
            var (dx, dy) = (bx - ax, by - ay);
            var along = dx == 0 && dy == 0 ? 0 : Math.Clamp(-(ax * dx + ay * dy) / (dx * dx + dy * dy), 0, 1);
            nearest = Math.Min(nearest, Math.Sqrt(Math.Pow(ax + along * dx, 2) + Math.Pow(ay + along * dy, 2)));
        }

        return inside ? -nearest : nearest;
    }
}
