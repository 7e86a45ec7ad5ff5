using Vigil.Model;
using Vigil.Storage.Readings;

namespace Vigil.Registry.Activity;

/// <summary>Somebody did something at home.</summary>
/// <param name="From">Not before: the total before it, of a meter; else <paramref name="At"/>.</param>
/// <param name="At">When it was known, UTC.</param>
/// <param name="Sense">What shows it.</param>
/// <param name="Strength">As of the metric (<see cref="Metric.Life"/>).</param>
/// <param name="Place">Where, as far as the device's name says.</param>
internal readonly record struct SignOfLife(DateTime From, DateTime At, LifeSense Sense, float Strength, Place Place);

/// <summary>Readings of a home → signs of life, in order. Pure.</summary>
internal static class SignsOfLife
{
    /// <summary>Totals further apart don't tell when something was used.</summary>
    private static readonly TimeSpan KnownWithin = TimeSpan.FromMinutes(70);

    private const ReadingFlags Unusable = ReadingFlags.Suspect | ReadingFlags.Retained | ReadingFlags.Test;

    /// <summary>Whether a reading can tell anything here.</summary>
    public static bool Tells(in Reading reading) => reading.Metric.Life.IsOne && (reading.Flags & Unusable) == 0;

    /// <param name="readings">Of one home, in order of time; those that don't <see cref="Tells"/> are ignored.</param>
    /// <param name="placeOf">Where a device's channel is.</param>
    /// <param name="zone">Where the home is: what flows between midnight and four is leak or base load.</param>
    public static List<SignOfLife> Of(IReadOnlyList<Reading> readings, Func<DeviceId, string, Place> placeOf, TimeZoneInfo zone)
    {
        var signs = new List<SignOfLife>();
        foreach (var series in readings.Where(r => Tells(r)).GroupBy(r => (r.Device, r.Metric, r.Channel)))
        {
            var (metric, place) = (series.Key.Metric, placeOf(series.Key.Device, series.Key.Channel));
            if (metric.Life.Sense is LifeSense.Use or LifeSense.Travel)
                continue; // meters are read below; where a locator travels says nothing of the home
            // The compressor of a refrigerator starts by itself, and what else hangs on a plug nobody knows.
            if (metric.Life.Sense == LifeSense.Appliance && place is not (Place.Kettle or Place.Cooker))
                continue;
            foreach (var sign in LifeSign.Among(series))
                signs.Add(new SignOfLife(sign.Time, sign.Time, metric.Life.Sense, metric.Life.Strength, place));
        }

        AddUse(signs, readings, zone);
        signs.Sort((a, b) => a.At.CompareTo(b.At));
        return signs;
    }

    /// <summary>Use clearly above what flows while people sleep.</summary>
    private static void AddUse(List<SignOfLife> signs, IReadOnlyList<Reading> readings, TimeZoneInfo zone)
    {
        var uses = MeterUse.Of(readings).Where(u => u.To - u.From <= KnownWithin).ToList();
        foreach (var day in uses.GroupBy(u => (u.Water, Day: TimeZoneInfo.ConvertTimeFromUtc(u.To.AddTicks(-1), zone).Date)))
        {
            var asleep = day.Where(u =>
                    TimeZoneInfo.ConvertTimeFromUtc(u.From, zone) is var from && from.Date == day.Key.Day && from.Hour < 4
                )
                .Select(u => u.Quantity / (u.To - u.From).TotalHours)
                .ToList();
            if (asleep.Count == 0)
                continue; // a leak or the base load could not be told from use
            var often = Medians.Of(asleep);
            var (least, strength) = day.Key.Water
                ? (0.001, Metric.WaterVolume.Life.Strength)
                : (0.1, Metric.ElectricityEnergy.Life.Strength);
            foreach (var use in day)
                if (
                    use.Quantity
                    >= 1.5 * often * (use.To - use.From).TotalHours + least * (day.Key.Water ? 1 : (use.To - use.From).TotalHours)
                )
                    signs.Add(new SignOfLife(use.From, use.To, LifeSense.Use, strength, Place.Unknown));
        }
    }
}
