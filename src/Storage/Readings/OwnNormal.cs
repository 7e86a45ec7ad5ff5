namespace Vigil.Storage.Readings;

/// <summary>
/// What is usual in one home: the medians of its own past days. Today is compared with these, never with other people.
/// </summary>
/// <param name="Days">How many full days it is calculated from; fewer than seven say little.</param>
/// <param name="FirstUse">Usual local time of the first use of water; null where meters don't report often enough.</param>
/// <param name="LastUse">Usual time of day of the last.</param>
public sealed record OwnNormal(int Days, double? Litres, double? KilowattHours, TimeOnly? FirstUse, TimeOnly? LastUse)
{
    /// <summary>How many days back it is calculated from.</summary>
    public const int Back = 28;

    /// <param name="days">Past days; without today, which isn't over.</param>
    /// <param name="zone">Time zone of the times of day.</param>
    public static OwnNormal Of(IReadOnlyCollection<DayOfUse> days, TimeZoneInfo zone) =>
        new(
            days.Count,
            Median(days.Select(d => d.Litres)),
            Median(days.Select(d => d.KilowattHours)),
            Time(days.Select(d => d.FirstUse), zone),
            Time(days.Select(d => d.LastUse), zone)
        );

    private static double? Median(IEnumerable<double?> values)
    {
        var sorted = values.OfType<double>().Order().ToList();
        return sorted.Count == 0 ? null
            : sorted.Count % 2 == 1 ? sorted[sorted.Count / 2]
            : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }

    private static TimeOnly? Time(IEnumerable<DateTime?> times, TimeZoneInfo zone) =>
        Median(times.OfType<DateTime>().Select(t => (double?)TimeZoneInfo.ConvertTimeFromUtc(t, zone).TimeOfDay.TotalMinutes))
            is { } minutes
            ? TimeOnly.MinValue.AddMinutes(minutes)
            : null;
}
