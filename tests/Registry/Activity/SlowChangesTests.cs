using Vigil.Model;
using Vigil.Notify.Digests;
using Vigil.Registry.Activity;
using Vigil.Storage.Records;

namespace Vigil.Tests.Registry.Activity;

/// <summary>A year of Mondays in simulated homes: a lasting change is told once, a bad week is not told.</summary>
public sealed class SlowChangesTests
{
    private static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
    private static readonly DateOnly First = new(2026, 1, 1);
    private static readonly DateOnly Drifts = new(2026, 10, 1);

    [Fact]
    public void Who_rises_ever_later_over_six_weeks_is_told_of_once()
    {
        var told = Mondays(Days(d => 365 + Math.Clamp(d.DayNumber - Drifts.DayNumber, 0, 42) / 42.0 * 120, stray: 20));
        var change = Assert.Single(told);
        Assert.InRange(change.FoundAt, new DateTime(2026, 10, 26), new DateTime(2026, 11, 16));
        Assert.InRange(change.Before, 355, 375);
        Assert.InRange(change.Now, 425, 460);
        Assert.StartsWith("rises an hour", ChangeWords.Of(change).En, StringComparison.Ordinal);
        Assert.Contains(" later than in ", ChangeWords.Of(change).En, StringComparison.Ordinal);
    }

    [Fact]
    public void A_change_that_goes_on_as_far_again_is_told_again_and_so_is_the_way_back()
    {
        var months = new DateOnly(2026, 4, 1).DayNumber;
        var told = Mondays(
            Days(
                d =>
                    d.DayNumber < months ? 365
                    : d.DayNumber < months + 30 ? 440
                    : d.DayNumber < months + 150 ? 520
                    : 365,
                stray: 15
            )
        );
        Assert.Equal([(365, 440), (365, 520), (520, 365)], told.Select(c => (Near(c.Before), Near(c.Now))));
        static int Near(double value) => new[] { 365, 440, 520 }.MinBy(v => Math.Abs(v - value));
    }

    [Fact]
    public void Noise_says_nothing()
    {
        for (var seed = 1; seed <= 30; seed++)
        {
            Assert.Empty(Mondays(Days(_ => 400, stray: 60, seed)));
            var often = new Random(seed);
            foreach (var figure in new[] { DailyFigure.BedExits, DailyFigure.ToiletVisits, DailyFigure.Meals })
                Assert.Empty(Mondays(Days(_ => often.Next(0, 4) + often.Next(0, 3), stray: 0), figure));
            Assert.Empty(Mondays(Days(_ => 120 * (0.4 + often.NextDouble()), stray: 0), DailyFigure.Water));
        }
    }

    [Theory]
    [InlineData(7, 180)] // influenza
    [InlineData(9, 120)] // Spring Festival at the children's home
    public void A_week_that_was_different_says_nothing(int days, int minutes)
    {
        for (var start = 0; start < 7; start++)
        {
            var from = new DateOnly(2026, 7, 1).AddDays(start);
            Assert.Empty(Mondays(Days(d => d >= from && d < from.AddDays(days) ? 365 + minutes : 365, stray: 15)));
        }
    }

    [Theory]
    [InlineData("Europe/Berlin")]
    [InlineData("America/Santiago")]
    public void The_change_of_clocks_says_nothing_of_who_keeps_to_the_clock_or_to_the_sun(string place)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(place);
        double Summer(DateOnly d) => zone.IsDaylightSavingTime(d.ToDateTime(new TimeOnly(12, 0))) ? 60 : 0;
        Assert.Empty(Mondays(Days(_ => 365, stray: 5), zone: zone));
        Assert.Empty(Mondays(Days(d => 365 + Summer(d), stray: 5), zone: zone));
        Assert.NotEmpty(Mondays(Days(d => 365 + (d >= Drifts ? 130 : 0) + Summer(d), stray: 5), zone: zone));
    }

    [Theory]
    [InlineData(28, 10, true)]
    [InlineData(27, 14, false)]
    [InlineData(90, 9, false)]
    public void Of_few_known_days_nothing_is_told(int earlier, int recent, bool told)
    {
        var today = new DateOnly(2026, 11, 2);
        var days = new Dictionary<DateOnly, double>();
        for (var i = 1; i <= recent; i++)
            days[today.AddDays(-i)] = 490;
        for (var i = 1; i <= earlier; i++)
            days[today.AddDays(-14 - i)] = 365;
        Assert.Equal(told, SlowChanges.Find(DailyFigure.Rises, days, today) is not null);
    }

    [Theory]
    [InlineData(DailyFigure.Water, 100, 139, false)]
    [InlineData(DailyFigure.Water, 100, 141, true)]
    [InlineData(DailyFigure.Water, 30, 45, false)] // half as much again, but only 15 L
    [InlineData(DailyFigure.Electricity, 4, 2.3, true)]
    [InlineData(DailyFigure.BedExits, 1, 2, true)]
    [InlineData(DailyFigure.ToiletVisits, 6, 7, false)]
    [InlineData(DailyFigure.Meals, 4, 3, true)]
    [InlineData(DailyFigure.TimeOut, 120, 50, true)]
    [InlineData(DailyFigure.TimeOut, 30, 0, false)]
    public void A_change_is_large_enough_to_matter_to_a_person(DailyFigure figure, double before, double now, bool told) =>
        Assert.Equal(told, Mondays(Days(d => d < Drifts ? before : now, stray: 0), figure).Count == 1);

    [Fact]
    public void The_sentence_names_the_month_and_both_figures()
    {
        static Wording Said(DailyFigure figure, double before, double now) =>
            ChangeWords.Of(
                new SlowChange
                {
                    ResidentId = "r1",
                    Figure = figure,
                    Month = new DateOnly(2026, 10, 1),
                    Before = before,
                    Now = now,
                }
            );
        Assert.Equal("rises two hours later than in October (08:10, then 06:05)", Said(DailyFigure.Rises, 365, 490).En);
        Assert.Equal("起床比10月晚两小时（现在08:10，当时06:05）", Said(DailyFigure.Rises, 365, 490).Zh);
        Assert.Equal("起床比10月早一个半小时（现在06:05，当时07:35）", Said(DailyFigure.Rises, 455, 365).Zh);
        Assert.Equal("leaves the bed 3 times a night (in October 1)", Said(DailyFigure.BedExits, 1, 3).En);
        Assert.Equal("每天用水160升（10月为95升）", Said(DailyFigure.Water, 95.2, 160.4).Zh);
        Assert.Equal("is out 0.5 hours a day (in October 2.5)", Said(DailyFigure.TimeOut, 150, 30).En);
    }

    /// <summary>A year of days around a habit, each off by at most <paramref name="stray"/>.</summary>
    private static Dictionary<DateOnly, double> Days(Func<DateOnly, double> habit, double stray, int seed = 1)
    {
        var random = new Random(seed);
        return Enumerable
            .Range(0, 365)
            .Select(First.AddDays)
            .ToDictionary(d => d, d => Math.Round(habit(d) + stray * (random.NextDouble() + random.NextDouble() - 1), 1));
    }

    /// <summary>The changes that are told on the Mondays of a year.</summary>
    private static List<SlowChange> Mondays(
        Dictionary<DateOnly, double> days,
        DailyFigure figure = DailyFigure.Rises,
        TimeZoneInfo? zone = null
    )
    {
        var told = new List<SlowChange>();
        for (var monday = new DateOnly(2026, 1, 5); monday.Year == 2026; monday = monday.AddDays(7))
        {
            var known = days.Where(d => d.Key < monday).ToDictionary();
            var found =
                figure == DailyFigure.Rises
                    ? SlowChanges.FindRising(known, monday, zone ?? Shanghai)
                    : SlowChanges.Find(figure, known, monday);
            var at = monday.ToDateTime(TimeOnly.MinValue);
            if (
                found is not { } change
                || SlowChanges.IsTold(told.LastOrDefault(c => c.FoundAt >= at - SlowChanges.Remembered), change.Before, change.Now)
            )
                continue;
            told.Add(
                new SlowChange
                {
                    ResidentId = "r1",
                    Figure = figure,
                    FoundAt = at,
                    Month = change.Month,
                    Before = change.Before,
                    Now = change.Now,
                }
            );
        }

        return told;
    }
}
