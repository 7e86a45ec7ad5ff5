using Vigil.Storage.Records;

namespace Vigil.Registry.Activity;

/// <summary>
/// Compares a person's last two weeks with their own months before. Pure. A few odd days (an illness, a feast, a visit) move neither
/// median far, and what has moved has to hold on three quarters of the recent days.
/// </summary>
internal static class SlowChanges
{
    public const int RecentDays = 14;
    public const int EarlierDays = 90;
    private const int LeastRecent = 10;
    private const int LeastEarlier = 28;

    /// <summary>A month is named where so many of its days are known.</summary>
    private const int LeastOfMonth = 14;

    private const double Deviations = 3;
    private const double HoldsOn = 0.75;

    /// <summary>How long a change that was told stands for the ones after it.</summary>
    public static readonly TimeSpan Remembered = TimeSpan.FromDays(RecentDays + EarlierDays + 16);

    /// <summary>
    /// When somebody rises, compared by the clock and, where the clocks have changed meanwhile, by the sun too: whoever keeps to either has
    /// not changed.
    /// </summary>
    public static (DateOnly Month, double Before, double Now)? FindRising(
        IReadOnlyDictionary<DateOnly, double> days,
        DateOnly today,
        TimeZoneInfo zone
    )
    {
        if (Find(DailyFigure.Rises, days, today) is not { } found)
            return null;
        var bySun = days.ToDictionary(
            d => d.Key,
            d => d.Value - zone.GetUtcOffset(d.Key.ToDateTime(new TimeOnly(12, 0), DateTimeKind.Unspecified)).TotalMinutes
        );
        return Find(DailyFigure.Rises, bySun, today) is { } also && (also.Now > also.Before) == (found.Now > found.Before) ? found : null;
    }

    /// <param name="figure">What is compared.</param>
    /// <param name="days">The known days.</param>
    /// <param name="today">The day before is the last that counts.</param>
    /// <returns>Null: no change that a person would notice.</returns>
    public static (DateOnly Month, double Before, double Now)? Find(
        DailyFigure figure,
        IReadOnlyDictionary<DateOnly, double> days,
        DateOnly today
    )
    {
        var since = today.AddDays(-RecentDays);
        var recent = days.Where(d => d.Key >= since && d.Key < today).Select(d => d.Value).ToList();
        var earlier = days.Where(d => d.Key < since && d.Key >= since.AddDays(-EarlierDays)).ToList();
        if (recent.Count < LeastRecent || earlier.Count < LeastEarlier)
            return null;
        var (now, before) = (Medians.Of(recent), Medians.Of(earlier.Select(d => d.Value)));
        var (size, up) = (Math.Abs(now - before), now > before ? 1 : -1);
        if (size < Least(figure, before) || size < Deviations * Medians.Deviation(earlier.Select(d => d.Value), before))
            return null;
        if (recent.Count(d => (d - before) * up >= size / 2) < HoldsOn * recent.Count)
            return null;
        // People remember months: told is the oldest that differs as much.
        var months = earlier
            .GroupBy(d => new DateOnly(d.Key.Year, d.Key.Month, 1), d => d.Value)
            .Where(m => m.Count() >= LeastOfMonth)
            .OrderBy(m => m.Key)
            .Select(m => (Month: m.Key, Before: Medians.Of(m)));
        foreach (var (month, then) in months)
            if ((now - then) * up >= Least(figure, then))
                return (month, then, now);
        return null;
    }

    /// <summary>Whether a change in this direction was told already and has not gone on as far again since.</summary>
    public static bool IsTold(SlowChange? told, double before, double now)
    {
        if (told is null || now > before != told.Now > told.Before)
            return false;
        return (now > before ? now - told.Now : told.Now - now) < Least(told.Figure, told.Before);
    }

    /// <summary>What is large enough to matter to a person, from a median on.</summary>
    private static double Least(DailyFigure figure, double before) =>
        figure switch
        {
            DailyFigure.Rises => 60,
            DailyFigure.BedExits => 1,
            DailyFigure.ToiletVisits => 2,
            DailyFigure.Meals => 1,
            DailyFigure.TimeOut => Math.Max(60, 0.4 * before),
            DailyFigure.Water => Math.Max(20, 0.4 * before),
            DailyFigure.Electricity => Math.Max(1, 0.4 * before),
            _ => double.PositiveInfinity,
        };
}
