namespace Vigil.Storage.Readings;

/// <summary>
/// What is usual in one home, as the middle (median) of its own past days: today is held against this, never against other people.
/// </summary>
/// <param name="Days">Full days it is made of; fewer than seven say little.</param>
/// <param name="FirstUse">Usual time of day of the first use of water, local; null where meters don't tell.</param>
/// <param name="LastUse">Usual time of day of the last.</param>
public sealed record OwnNormal(int Days, double? Litres, double? KilowattHours, TimeOnly? FirstUse, TimeOnly? LastUse)
{
    /// <summary>So far back a habit is looked for.</summary>
    public const int Back = 28;

    /// <param name="days">Past days; today, which isn't over, is left out by the caller.</param>
    /// <param name="zone">Whose clock the times of day are of.</param>
    public static OwnNormal Of(IReadOnlyCollection<DayOfUse> days, TimeZoneInfo zone) =>
        new(
            days.Count,
            Middle(days.Select(d => d.Litres)),
            Middle(days.Select(d => d.KilowattHours)),
            Time(days.Select(d => d.FirstUse), zone),
            Time(days.Select(d => d.LastUse), zone)
        );

    private static double? Middle(IEnumerable<double?> values)
    {
        var sorted = values.OfType<double>().Order().ToList();
        return sorted.Count == 0 ? null
            : sorted.Count % 2 == 1 ? sorted[sorted.Count / 2]
            : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }

    private static TimeOnly? Time(IEnumerable<DateTime?> times, TimeZoneInfo zone) =>
        Middle(times.OfType<DateTime>().Select(t => (double?)TimeZoneInfo.ConvertTimeFromUtc(t, zone).TimeOfDay.TotalMinutes))
            is { } minutes
            ? TimeOnly.MinValue.AddMinutes(minutes)
            : null;
}
