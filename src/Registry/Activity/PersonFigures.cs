using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Registry.Activity;

/// <summary>What was usual in one month of one person: medians; a figure of which fewer than seven days are known is left out.</summary>
public sealed record MonthOfActivity(DateOnly Month, IReadOnlyDictionary<DailyFigure, double> Usual);

/// <summary>A person's stored figures, by what they tell and by month.</summary>
public static class PersonFigures
{
    private const int LeastDays = 7;

    /// <summary>The months from a day on, the newest first; those of which nothing is known are left out.</summary>
    public static async Task<IReadOnlyList<MonthOfActivity>> MonthsAsync(
        RecordsDb db,
        string resident,
        DateOnly since,
        CancellationToken cancellation
    )
    {
        var activity = await db
            .DailyActivity.AsNoTracking()
            .Where(d => d.ResidentId == resident && d.Day >= since)
            .ToListAsync(cancellation);
        var use = await db.DailyUse.AsNoTracking().Where(d => d.ResidentId == resident && d.Day >= since).ToListAsync(cancellation);
        return
        [
            .. Of(activity, use)
                .SelectMany(f =>
                    f.Value.GroupBy(d => new DateOnly(d.Key.Year, d.Key.Month, 1), d => d.Value)
                        .Where(m => m.Count() >= LeastDays)
                        .Select(m => (Month: m.Key, Figure: f.Key, Usual: Medians.Of(m)))
                )
                .GroupBy(m => m.Month)
                .OrderByDescending(m => m.Key)
                .Select(m => new MonthOfActivity(m.Key, m.ToDictionary(f => f.Figure, f => f.Usual))),
        ];
    }

    internal static Dictionary<DailyFigure, Dictionary<DateOnly, double>> Of(IEnumerable<DailyActivity> activity, IEnumerable<DailyUse> use)
    {
        var figures = Enum.GetValues<DailyFigure>().ToDictionary(f => f, _ => new Dictionary<DateOnly, double>());
        void Add(DailyFigure figure, DateOnly day, double? value)
        {
            if (value is { } known)
                figures[figure][day] = known;
        }

        foreach (var day in activity)
        {
            Add(DailyFigure.Rises, day.Day, day.Rose);
            Add(DailyFigure.BedExits, day.Day, day.BedExits);
            Add(DailyFigure.ToiletVisits, day.Day, day.ToiletVisits);
            Add(DailyFigure.Meals, day.Day, day.Meals);
            Add(DailyFigure.TimeOut, day.Day, day.MinutesOut);
        }

        foreach (var day in use)
        {
            Add(DailyFigure.Water, day.Day, day.Litres);
            Add(DailyFigure.Electricity, day.Day, day.KilowattHours);
        }

        return figures;
    }
}
