using Vigil.Model;

namespace Vigil.Web.LifeLines;

/// <summary>A reading that shows that somebody is up.</summary>
public readonly record struct SignOfLife(DateTime Time, DeviceId Device, Metric Metric)
{
    /// <summary>A locator that lies still still moves on the map by as much.</summary>
    private const double LeastMove = 100;

    /// <summary>What isn't used by the rules (implausible, of an unknown time) proves nothing here either.</summary>
    private const ReadingFlags Unproven = ReadingFlags.Suspect | ReadingFlags.Retained;

    /// <summary>
    /// Pure. The signs of life among the readings of one series, as <see cref="Metric.Life"/> says; those of meters are in
    /// <see cref="MeteredUse"/>.
    /// </summary>
    /// <param name="series">In order of time.</param>
    public static IEnumerable<SignOfLife> Of(IReadOnlyList<Reading> series)
    {
        Reading? before = null;
        var rest = double.NaN;
        foreach (var r in series.Where(r => (r.Flags & Unproven) == 0 && double.IsFinite(r.Value)))
        {
            var stays = false;
            var isSign = r.Metric.Life.When switch
            {
                LifeWhen.Each => true,
                LifeWhen.On => r.Value != 0,
                LifeWhen.Changes => before is { } b && (b.Value != 0) != (r.Value != 0),
                LifeWhen.Grows => before is { } b && r.Value != b.Value && r.Value > 0, // steps begin again at 0 each day
                LifeWhen.Rises => before is { } b && b.Value <= Rest() && r.Value > Rest(),
                LifeWhen.Moves => before is { } b && !(stays = Metres(b, r) <= (r.Accuracy > LeastMove ? r.Accuracy : LeastMove)),
                _ => false,
            };
            if (!stays)
                before = r;
            if (isSign)
                yield return new SignOfLife(r.Time, r.Device, r.Metric);
        }

        // What the appliance takes when nobody uses it, with a margin: the value below which a fifth of the readings lie.
        double Rest()
        {
            if (double.IsNaN(rest))
                rest = series.Select(s => s.Value).Where(double.IsFinite).Order().ElementAt(series.Count / 5) * 1.2 + 15;
            return rest;
        }
    }

    /// <summary>On a plane, which is exact enough for two places of one person.</summary>
    private static double Metres(in Reading a, in Reading b)
    {
        const double PerDegree = 111_195;
        var (north, east) = (b.Value - a.Value, (b.Longitude - a.Longitude) * Math.Cos(a.Value * Math.PI / 180));
        return Math.Sqrt(north * north + east * east) * PerDegree;
    }
}
