using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry.Activity;

/// <summary>
/// The figures of a resident's days from the readings of the home: when up, how often out of bed at night, at the toilet, at the fridge,
/// kettle or cooker, how long out. Pure. A figure is null where no sensor tells it: "none" and "not known" are different things.
/// </summary>
internal static class DayFigures
{
    /// <summary>How much before the first and after the last day readings are needed.</summary>
    public static readonly TimeSpan Margin = TimeSpan.FromDays(2);

    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Morning = TimeSpan.FromHours(4);
    private static readonly TimeSpan NightFrom = TimeSpan.FromHours(-1);
    private static readonly TimeSpan NightTo = TimeSpan.FromHours(6);

    /// <summary>Who is out of bed longer has got up.</summary>
    private static readonly TimeSpan BackWithin = TimeSpan.FromHours(2);

    /// <summary>A sleeper who turns over leaves the mat for seconds.</summary>
    private static readonly TimeSpan OutAtLeast = TimeSpan.FromMinutes(1);

    /// <summary>A sensor that fires in empty homes too is believed when something else follows within this time…</summary>
    private static readonly TimeSpan ConfirmedWithin = TimeSpan.FromMinutes(30);

    /// <summary>…and not at once: a pulse of one sensor is often said twice.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(1);

    /// <summary>How long before and after the night a sensor that reports changes alone is heard.</summary>
    private static readonly TimeSpan MatSilent = TimeSpan.FromHours(4);

    private static readonly TimeSpan OneToiletVisit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan OneMeal = TimeSpan.FromHours(1);

    /// <param name="resident">Whose days.</param>
    /// <param name="readings">Of the home's devices, in order of time, with <see cref="Margin"/> on both sides.</param>
    /// <param name="placeOf">Where a device's channel is.</param>
    /// <param name="first">The first day.</param>
    /// <param name="last">The last day.</param>
    /// <param name="zone">Whose days and nights they are.</param>
    public static IEnumerable<DailyActivity> Of(
        string resident,
        IReadOnlyList<Reading> readings,
        Func<DeviceId, string, Place> placeOf,
        DateOnly first,
        DateOnly last,
        TimeZoneInfo zone
    )
    {
        var heard = readings.Where(r => SignsOfLife.Tells(r)).ToList();
        var signs = SignsOfLife.Of(heard, placeOf, zone);
        var outings = Outings.Of(signs);
        for (var day = first; day <= last; day = day.AddDays(1))
        {
            Window Between(TimeSpan from, TimeSpan to) => new(Utc(day, from, zone), Utc(day, to, zone));
            var (whole, night) = (Between(TimeSpan.Zero, Day), Between(NightFrom, NightTo));
            // Whether the mat is there at all: it may be silent while somebody sleeps through.
            var aroundNight = Between(NightFrom - MatSilent, NightTo + MatSilent);
            bool Heard(Window when, Func<Reading, bool> which) => heard.Any(r => when.Has(r.Time) && which(r));
            bool HeardOf(params Place[] places) => Heard(whole, r => places.Contains(placeOf(r.Device, r.Channel)));
            int Visits(TimeSpan gap, params Place[] places) =>
                Count(signs.Where(s => places.Contains(s.Place) && whole.Has(s.At)).Select(s => s.At), gap);
            var moved = Heard(whole, r => r.Metric.Life.Sense == LifeSense.Movement);
            var door = Heard(
                Between(-Margin, Day + Day),
                r => r.Metric.Life.Sense == LifeSense.Door && placeOf(r.Device, r.Channel) == Place.Unknown
            );
            yield return new DailyActivity
            {
                ResidentId = resident,
                Day = day,
                Rose = Rose(signs, Between(Morning, Day)) is { } rose
                    ? (int)TimeZoneInfo.ConvertTimeFromUtc(rose, zone).TimeOfDay.TotalMinutes
                    : null,
                BedExits = Heard(aroundNight, r => ReferenceEquals(r.Metric, Metric.BedOccupied)) ? BedExits(heard, night) : null,
                ToiletVisits = HeardOf(Place.Toilet) ? Visits(OneToiletVisit, Place.Toilet) : null,
                Meals = HeardOf(Place.Fridge, Place.Kettle, Place.Cooker, Place.Kitchen)
                    ? Visits(OneMeal, Place.Fridge, Place.Kettle, Place.Cooker, Place.Kitchen)
                    : null,
                MinutesOut = moved && door ? MinutesOut(outings, whole) : null,
            };
        }
    }

    private static DateTime? Rose(List<SignOfLife> signs, Window morning)
    {
        for (var i = 0; i < signs.Count; i++)
        {
            var sign = signs[i];
            if (sign.Strength < 0.5f || !morning.Has(sign.At))
                continue;
            if (
                sign.Strength > 0.5f
                || signs.Skip(i + 1).TakeWhile(s => s.At - sign.At <= ConfirmedWithin).Any(s => s.At - sign.At >= Again)
            )
                return sign.At;
        }

        return null;
    }

    private static int BedExits(List<Reading> heard, Window night)
    {
        var exits = 0;
        foreach (var bed in heard.Where(r => ReferenceEquals(r.Metric, Metric.BedOccupied)).GroupBy(r => (r.Device, r.Channel)))
        {
            DateTime? left = null;
            var occupied = false;
            foreach (var reading in bed)
            {
                if (reading.Value == 1 && left is { } at && reading.Time - at >= OutAtLeast && reading.Time - at <= BackWithin)
                    exits += night.Has(at) ? 1 : 0;
                left =
                    reading.Value == 1 ? null
                    : occupied ? reading.Time
                    : left;
                occupied = reading.Value == 1;
            }
        }

        return exits;
    }

    private static int MinutesOut(List<Outing> outings, Window day) =>
        (int)
            outings.Sum(o =>
                Math.Max(0, (Math.Min(o.To.Ticks, day.To.Ticks) - Math.Max(o.From.Ticks, day.From.Ticks)) / TimeSpan.TicksPerMinute)
            );

    /// <summary>How many times, where what follows within a while belongs to the same one.</summary>
    private static int Count(IEnumerable<DateTime> times, TimeSpan gap)
    {
        var count = 0;
        DateTime? before = null;
        foreach (var time in times)
        {
            if (before is not { } last || time - last > gap)
                count++;
            before = time;
        }

        return count;
    }

    private static DateTime Utc(DateOnly day, TimeSpan at, TimeZoneInfo zone)
    {
        var local = day.ToDateTime(TimeOnly.MinValue, DateTimeKind.Unspecified) + at;
        return TimeZoneInfo.ConvertTimeToUtc(zone.IsInvalidTime(local) ? local.AddHours(1) : local, zone);
    }

    private readonly record struct Window(DateTime From, DateTime To)
    {
        public bool Has(DateTime time) => From <= time && time < To;
    }
}
