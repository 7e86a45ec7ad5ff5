using Vigil.Model;

namespace Vigil.Storage.Readings;

/// <summary>What one home used on one local day. A quantity is null when no meter reported it.</summary>
/// <param name="Day">Day of the service's time zone.</param>
/// <param name="Litres">Water used.</param>
/// <param name="KilowattHours">Electricity used.</param>
/// <param name="FirstUse">When water was first used, as exactly as the meter reports; null where it reports too rarely to tell.</param>
/// <param name="LastUse">When water was last used.</param>
public sealed record DayOfUse(DateOnly Day, double? Litres, double? KilowattHours, DateTime? FirstUse, DateTime? LastUse);

/// <summary>What a home used, day by day, from the totals of its meters.</summary>
public static class DailyLife
{
    /// <summary>Use is the difference of two totals: how far before the first day the total before it is looked for.</summary>
    private static readonly TimeSpan Before = TimeSpan.FromDays(3);

    /// <summary>Two totals further apart than this don't tell at what hour water was used.</summary>
    private static readonly TimeSpan HourKnownWithin = TimeSpan.FromHours(2);

    /// <summary>The local days that <paramref name="from"/> … <paramref name="to"/> (UTC) touch, as far as readings are stored.</summary>
    public static async Task<IReadOnlyList<DayOfUse>> ReadAsync(
        IReadingStore store,
        IReadOnlyList<DeviceSpan> devices,
        DateTime from,
        DateTime to,
        TimeZoneInfo zone,
        CancellationToken cancellation
    )
    {
        var uses = await MeterUse.ReadAsync(store, devices, from - Before, to, cancellation);
        var first = DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(from, zone));
        return [.. Of(uses, zone).Where(d => d.Day >= first)];
    }

    /// <summary>
    /// Pure. What was used between two totals of a series is divided among the days between them, in proportion to the time: a total that
    /// the meter recorded at midnight counts for the day before, and use over a gap of three days is spread over all three.
    /// </summary>
    /// <param name="readings">Totals of water and electricity of one home, in any order; other metrics and suspect values are
    /// ignored.</param>
    /// <param name="zone">Time zone whose midnights separate the days.</param>
    public static IReadOnlyList<DayOfUse> Of(IEnumerable<Reading> readings, TimeZoneInfo zone) => Of(MeterUse.Of(readings), zone);

    private static IReadOnlyList<DayOfUse> Of(IEnumerable<MeterUse> uses, TimeZoneInfo zone)
    {
        var days = new SortedDictionary<DateOnly, Day>();
        foreach (var use in uses)
        {
            Spread(days, use, zone);
            if (use is { Water: true, Quantity: > 0 } && use.To - use.From <= HourKnownWithin)
                Mark(days, use.To, zone);
        }

        return
        [
            .. days.Select(d => new DayOfUse(
                d.Key,
                Rounded(d.Value.CubicMetres * 1000, 1),
                Rounded(d.Value.KilowattHours, 3),
                d.Value.First,
                d.Value.Last
            )),
        ];
    }

    private static void Spread(SortedDictionary<DateOnly, Day> days, in MeterUse use, TimeZoneInfo zone)
    {
        var (_, start, end, quantity) = use;
        var whole = (end - start).TotalSeconds;
        for (var at = start; at < end; )
        {
            var date = DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(at, zone));
            var midnight = Midnight(date.AddDays(1), zone);
            var until = midnight < end && midnight > at ? midnight : end;
            var day = At(days, date);
            var part = quantity * (until - at).TotalSeconds / whole;
            if (use.Water)
                day.CubicMetres = (day.CubicMetres ?? 0) + part;
            else
                day.KilowattHours = (day.KilowattHours ?? 0) + part;
            at = until;
        }
    }

    private static void Mark(SortedDictionary<DateOnly, Day> days, DateTime time, TimeZoneInfo zone)
    {
        // A total recorded at midnight belongs to the day before.
        var day = At(days, DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(time.AddTicks(-1), zone)));
        if (day.First is null || time < day.First)
            day.First = time;
        if (day.Last is null || time > day.Last)
            day.Last = time;
    }

    private static Day At(SortedDictionary<DateOnly, Day> days, DateOnly date)
    {
        if (!days.TryGetValue(date, out var day))
            days[date] = day = new Day();
        return day;
    }

    /// <summary>The UTC time at which a local day begins: midnight, or one o'clock where daylight saving time skips midnight.</summary>
    public static DateTime Midnight(DateOnly day, TimeZoneInfo zone)
    {
        var local = day.ToDateTime(TimeOnly.MinValue, DateTimeKind.Unspecified);
        return TimeZoneInfo.ConvertTimeToUtc(zone.IsInvalidTime(local) ? local.AddHours(1) : local, zone);
    }

    private static double? Rounded(double? value, int digits) => value is { } v ? Math.Round(v, digits) : null;

    private sealed class Day
    {
        public double? CubicMetres { get; set; }

        public double? KilowattHours { get; set; }

        public DateTime? First { get; set; }

        public DateTime? Last { get; set; }
    }
}
