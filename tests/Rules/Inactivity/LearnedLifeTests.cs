using Vigil.Model;
using Vigil.Rules;
using Vigil.Rules.Inactivity;

namespace Vigil.Tests.Rules.Inactivity;

/// <summary>What the learned rule does for people, tested through the whole engine or on real homes.</summary>
public sealed class LearnedLifeTests
{
    private static readonly DateTime Monday = new(2026, 3, 1, 16, 0, 0, DateTimeKind.Utc);
    private static readonly ResidentId Resident = new("R1");

    private static DeviceFacts Meter(string id) => new(new DeviceId(id), Monday, TimeSpan.FromHours(1), [Metric.WaterVolume]);

    private static RuleEngine Engine(List<AbsenceFacts>? absences = null, params string[] meters)
    {
        var engine = new RuleEngine(RuleSet.Default, Households.Shanghai);
        engine.Put(
            new ResidentFacts
            {
                Id = Resident,
                Area = new AreaCode("440100001001"),
                Absences = absences ?? [],
                Devices = [.. meters.Select(Meter)],
            }
        );
        return engine;
    }

    private static void Say(RuleEngine engine, string meter, DateTime at, double total, List<Finding> into) =>
        engine.Apply(
            Resident,
            new Reading
            {
                Device = new DeviceId(meter),
                Metric = Metric.WaterVolume,
                Time = at,
                Received = at,
                Value = Math.Round(total, 4),
            },
            into
        );

    private static List<Finding> Silences(List<Finding> findings) =>
        [.. findings.Where(f => f.Change == FindingChange.Opened && (f.Kind == AlarmKind.Inactivity || f.Kind == AlarmKind.NoWater))];

    [Fact]
    public void One_silence_is_one_alarm_and_ends_when_water_is_used_again()
    {
        var engine = Engine(null, "w");
        var found = new List<Finding>();
        var total = 100.0;
        var end = Monday.AddDays(60);
        foreach (var i in Households.Regular(Monday, 64))
            Say(engine, "w", i.To, total += i.To <= end || i.To > end.AddDays(3) ? i.Use : 0, found);
        var alarm = Assert.Single(Silences(found));
        Assert.Equal(AlarmKind.Inactivity, alarm.Kind);
        Assert.InRange((alarm.Time - end).TotalHours, 3, 14);
        Assert.Contains("water was used before", alarm.Reason, StringComparison.Ordinal);
        Assert.Contains("自4月30日 22:00起没有用水", alarm.ReasonZh, StringComparison.Ordinal);
        Assert.Single(found, f => f.Kind == AlarmKind.Inactivity && f.Change == FindingChange.Cleared);
    }

    [Fact]
    public void One_silent_meter_of_two_says_nothing_while_the_other_shows_use()
    {
        var engine = Engine(null, "bath", "kitchen");
        var found = new List<Finding>();
        double bath = 10,
            kitchen = 20;
        var closed = Monday.AddDays(45);
        var end = Monday.AddDays(80);
        foreach (var i in Households.Regular(Monday, 83))
        {
            // The meters report at different minutes. The bathroom is no longer used from day 45 on, and nothing from day 80 on.
            Say(engine, "bath", i.To.AddMinutes(-10), bath += i.To < closed ? i.Use / 2 : 0, found);
            Say(engine, "kitchen", i.To, kitchen += i.To <= end ? i.Use / 2 : 0, found);
        }

        var alarm = Assert.Single(Silences(found));
        Assert.InRange((alarm.Time - end).TotalHours, 3, 24);
    }

    [Fact]
    public void A_meter_that_reports_late_is_waited_for_before_its_home_is_called_silent()
    {
        var engine = Engine(null, "bath", "kitchen");
        var found = new List<Finding>();
        double bath = 10,
            kitchen = 20;
        var closed = Monday.AddDays(45);
        var batch = new List<(DateTime At, double Total)>();
        foreach (var i in Households.Regular(Monday, 70))
        {
            // Only the kitchen is still used, and its meter sends a whole day at once, each total with its own time.
            Say(engine, "bath", i.To, bath += i.To < closed ? i.Use : 0, found);
            batch.Add((i.To, kitchen += i.Use));
            if (batch.Count < 48)
                continue;
            foreach (var (at, total) in batch)
                Say(engine, "kitchen", at, total, found);
            batch.Clear();
        }

        Assert.Empty(Silences(found));
    }

    [Fact]
    public void During_an_absence_nothing_is_raised_and_after_it_the_silence_counts_from_its_end()
    {
        var away = new AbsenceFacts(Monday.AddDays(60), Monday.AddDays(63), "daughter");
        var engine = Engine([away], "w");
        var found = new List<Finding>();
        var total = 100.0;
        foreach (var i in Households.Regular(Monday, 66))
            Say(engine, "w", i.To, total += i.To <= away.From ? i.Use : 0, found);
        var alarm = Assert.Single(Silences(found));
        Assert.InRange((alarm.Time - away.Until).TotalHours, 3, 24);
    }

    [Fact]
    public void Who_is_away_each_weekend_raises_it_late_there_and_still_early_on_a_working_day()
    {
        var pattern = new LifePattern(LifeMeter.Water);
        bool Away(DateTime to) =>
            to.AddHours(8) is { DayOfWeek: DayOfWeek.Saturday or DayOfWeek.Sunday } local
            && !(local is { DayOfWeek: DayOfWeek.Sunday, Hour: >= 19 });
        pattern.Feed(Households.Regular(Monday, 119).Select(i => Away(i.To) ? i with { Use = 0 } : i));
        // Friday evening in week 17, before a weekend.
        pattern.Feed(Households.Regular(Monday.AddDays(119), 5));
        var friday = pattern.DueAt!.Value - pattern.LastUse;
        var working = new LifePattern(LifeMeter.Water);
        working.Feed(Households.Regular(Monday, 119).Select(i => Away(i.To) ? i with { Use = 0 } : i));
        working.Feed(Households.Regular(Monday.AddDays(119), 2));
        var tuesday = working.DueAt!.Value - working.LastUse;
        Assert.InRange(tuesday.TotalHours, 8, 15);
        Assert.True(friday > tuesday + TimeSpan.FromHours(2), $"Friday {friday}, Tuesday {tuesday}");
    }

    [Fact]
    public void A_smaller_budget_waits_longer_and_a_larger_one_less()
    {
        var waits = new List<double>();
        foreach (var days in new[] { 10.0, 30, 100, 300, 1000 })
        {
            var pattern = new LifePattern(LifeMeter.Water, new InactivitySettings(BudgetDays: days));
            double sum = 0;
            var count = 0;
            pattern.Feed(
                Households.Real("daiad_alicante_water.csv.gz", "AL19"),
                () =>
                {
                    if (!pattern.Learned || pattern.LastUse != pattern.KnownUntil)
                        return;
                    sum += (pattern.DueAt!.Value - pattern.LastUse).TotalHours;
                    count++;
                }
            );
            waits.Add(sum / count);
        }

        Assert.Equal(waits.Order(), waits);
        Assert.True(waits[^1] > waits[0] + 4, string.Join(", ", waits));
    }

    [Fact]
    public void A_false_alarm_makes_a_home_more_careful_and_the_budget_takes_it_back()
    {
        var pattern = new LifePattern(LifeMeter.Water, new InactivitySettings(BudgetDays: 40));
        pattern.Feed(Households.Regular(Monday, 90));
        var before = pattern.Weight;
        // Out for one day until the evening, which causes a false alarm.
        pattern.Feed(
            Households.Regular(Monday.AddDays(90), 1).Select(i => i.To < Monday.AddDays(90).AddHours(20) ? i with { Use = 0 } : i)
        );
        pattern.Feed(Households.Regular(Monday.AddDays(91), 1));
        Assert.True(pattern.Weight > before * 1.8, $"{pattern.Weight} after {before}");
        pattern.Feed(Households.Regular(Monday.AddDays(92), 42));
        Assert.Equal(before, pattern.Weight, 3);
    }

    [Fact]
    public void A_water_heater_that_switches_on_at_night_does_not_hide_life_below_it()
    {
        // A refrigerator of 60 W, a heater that runs for half an hour at 1 kW every seven hours, and cooking and light by day, far below
        // the heater.
        var pattern = new LifePattern(LifeMeter.Electricity);
        for (var i = 0; i < 60 * 48; i++)
        {
            var at = Monday.AddMinutes(30 * i);
            var heater = i % 14 == 3 ? 0.5 : 0;
            var life = i % 48 is 14 or 15 or 24 or 25 or 36 or 37 or 40 or 43 ? 0.15 : 0;
            pattern.Observe(at, at.AddMinutes(30), 0.03 + heater + life, Households.Shanghai);
            if (i > 40 * 48)
                Assert.True(pattern.KnownUntil - pattern.LastUse < TimeSpan.FromHours(11.5), $"life was not seen at {at}");
        }

        Assert.InRange(pattern.Background, 0.06, 0.2);
    }

    /// <summary>
    /// Ninety days each of three homes. The bounds leave room for chance; ADR 3's figures need whole years and many homes.
    /// </summary>
    [Theory]
    [InlineData("daiad_alicante_water.csv.gz", "AL19", LifeMeter.Water, 1, 11)]
    [InlineData("daiad_alicante_water.csv.gz", "AL22", LifeMeter.Water, 1, 13)]
    [InlineData("sgsc_electricity_au.csv.gz", "SG01", LifeMeter.Electricity, 2, 13)]
    public void Real_homes_are_seldom_disturbed_and_soon_noticed(
        string file,
        string home,
        LifeMeter meter,
        int mostFalse,
        double medianHours
    )
    {
        var pattern = new LifePattern(meter);
        var delays = new List<double>();
        var alarms = 0;
        var open = false;
        var held = DateTime.MinValue;
        pattern.Feed(
            Households.Real(file, home),
            () =>
            {
                if (!pattern.Learned)
                    return;
                if (open && pattern.LastUse > held)
                    open = false;
                if (!open && pattern.IsDue)
                {
                    open = true;
                    alarms++;
                    held = pattern.DueAt!.Value;
                }

                // The delay if life had stopped at this reading.
                if (!open)
                    delays.Add((pattern.DueAt!.Value - pattern.KnownUntil).TotalHours);
            }
        );
        delays.Sort();
        Assert.InRange(alarms, 0, mostFalse);
        Assert.InRange(delays[delays.Count / 2], 3, medianHours);
        Assert.InRange(delays[^1], 3, 24);
    }

    [Fact]
    public void A_worked_Saturday_is_judged_with_the_working_days_and_a_holiday_by_its_day_of_the_week()
    {
        var days = new PastDays();
        var monday = new DateOnly(2026, 9, 14).DayNumber;
        days.StartAt(monday);
        while (days.Day < monday + 27) // Sunday, 11 October
            days.NextDay(known: true);
        static int[] Weekend(PastDays days) =>
            [.. Enumerable.Range(0, 28).Where(back => (days.Weekend >> back & 1) != 0).Select(back => 27 - back).Order()];
        Assert.Equal([5, 6, 12, 13, 19, 20, 26, 27], Weekend(days));
        var offDays = Enumerable.Range(17, 7).Select(i => DateOnly.FromDayNumber(monday + i)).ToHashSet(); // 1 to 7 October
        days.Follow(new WorkCalendar(offDays, [new(2026, 9, 20), new(2026, 10, 10)]));
        Assert.Equal([5, 12, 13, 19, 20, 27], Weekend(days));
        Assert.False(days.IsWeekend(monday + 17));
        Assert.False(days.IsWeekend(monday + 26));
        Assert.True(days.IsWeekend(monday + 33)); // after the last day in the file, the day of the week decides
        days.NextDay(known: true);
        Assert.Equal([4, 11, 12, 18, 19, 26], Weekend(days));
        days.Follow(WorkCalendar.None);
        Assert.Equal([4, 5, 11, 12, 18, 19, 25, 26], Weekend(days));
    }
}
