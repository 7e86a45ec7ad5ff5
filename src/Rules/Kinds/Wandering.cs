using Vigil.Model;

namespace Vigil.Rules;

/// <summary>wandering: outside the home zone for longer than allowed. Accuracy counts in the person's favour; a jump faster than 200 km/h is a bad fix.</summary>
public sealed partial class RuleEngine
{
    private const double EarthRadiusMetres = 6_371_008.8;

    private void Location(ResidentState state, in Reading reading, List<Finding> into)
    {
        if (state.Facts.Home is not { } home || !Enabled(state, AlarmKind.Wandering, out var settings)) return;
        if (state.LastFix is { } last)
        {
            if (reading.Time <= last.Time) return;
            var speed = Metres(last.Latitude, last.Longitude, reading.Value, reading.Longitude) / Math.Max(1, (reading.Time - last.Time).TotalSeconds);
            if (speed > 200 / 3.6) return;
        }

        state.LastFix = (reading.Value, reading.Longitude, reading.Time);
        var distance = Metres(home.Latitude, home.Longitude, reading.Value, reading.Longitude) - (float.IsNaN(reading.Accuracy) ? 0 : reading.Accuracy);
        const string key = "wandering";
        if (distance <= state.Facts.HomeRadiusMetres)
        {
            state.OutsideSince = null;
            Clear(state, AlarmKind.Wandering, key, reading.Time, $"back in the home zone at {At(reading.Time)}", $"{At(reading.Time)} 已回到活动范围", reading.Device, into);
            return;
        }

        state.OutsideSince ??= reading.Time;
        if (reading.Time - state.OutsideSince < settings.Window || Absent(state, reading.Time)) return;
        Open(state, AlarmKind.Wandering, key, state.OutsideSince.Value, reading.Time,
            $"outside the home zone since {At(state.OutsideSince.Value)}, {distance / 1000:0.0} km away at {At(reading.Time)}",
            $"自{At(state.OutsideSince.Value)}起离开活动范围，{At(reading.Time)}距家约{distance / 1000:0.0}公里", reading.Device, into);
    }

    /// <summary>Great-circle distance (haversine).</summary>
    private static double Metres(double latitude1, double longitude1, double latitude2, double longitude2)
    {
        var (a, b) = (double.DegreesToRadians(latitude2 - latitude1) / 2, double.DegreesToRadians(longitude2 - longitude1) / 2);
        var h = Math.Sin(a) * Math.Sin(a) + Math.Cos(double.DegreesToRadians(latitude1)) * Math.Cos(double.DegreesToRadians(latitude2)) * Math.Sin(b) * Math.Sin(b);
        return 2 * EarthRadiusMetres * Math.Asin(Math.Min(1, Math.Sqrt(h)));
    }
}
