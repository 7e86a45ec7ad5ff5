using Vigil.Rules.Inactivity;

namespace Vigil.Tests.Rules.Inactivity;

public sealed class LifePatternTests
{
    /// <summary>Midnight in Shanghai, at the start of a Monday.</summary>
    private static readonly DateTime Monday = new(2026, 3, 1, 16, 0, 0, DateTimeKind.Utc);

    [Fact]
    public void While_it_learns_only_the_fixed_rule_holds()
    {
        var pattern = new LifePattern(LifeMeter.Water);
        pattern.Feed(Households.Regular(Monday, 27), () => Assert.Equal(pattern.LastUse.AddHours(24), pattern.DueAt));
        Assert.False(pattern.Learned);
    }

    [Fact]
    public void Nothing_is_due_before_the_first_reading() => Assert.Null(new LifePattern(LifeMeter.Water).DueAt);

    [Fact]
    public void A_regular_life_that_stops_is_noticed_long_before_the_fixed_rule_and_says_why()
    {
        var pattern = new LifePattern(LifeMeter.Water);
        pattern.Feed(Households.Regular(Monday, 90));
        var evening = pattern.LastUse;
        Assert.True(pattern.Learned);
        Assert.InRange((pattern.DueAt!.Value - evening).TotalHours, 10, 18);
        var why = pattern.Explain(evening.AddHours(11.5));
        Assert.Equal(why.OfDays, why.UsedDays);
        Assert.InRange(why.OfDays, 80, 90);
        Assert.Contains(
            $"on {why.UsedDays} of the last {why.OfDays} mornings water was used before 08:00; now 09:30 and nothing since",
            why.Reason,
            StringComparison.Ordinal
        );
        Assert.Contains($"最近{why.OfDays}个早晨中有{why.UsedDays}个在08:00前有用水；现在09:30", why.ReasonZh, StringComparison.Ordinal);
    }

    [Fact]
    public void Never_later_than_the_fixed_rule_nor_within_the_least_hours()
    {
        foreach (
            var (file, home, meter) in new[]
            {
                ("daiad_alicante_water.csv.gz", "AL19", LifeMeter.Water),
                ("daiad_alicante_water.csv.gz", "AL22", LifeMeter.Water),
                ("sgsc_electricity_au.csv.gz", "SG01", LifeMeter.Electricity),
            }
        )
        {
            var pattern = new LifePattern(meter);
            pattern.Feed(Households.Real(file, home), () => Assert.InRange((pattern.DueAt!.Value - pattern.LastUse).TotalHours, 2, 24));
            Assert.True(pattern.Learned);
        }
    }

    [Fact]
    public void Late_repeated_and_overlapping_intervals_never_move_the_due_time_later()
    {
        var random = new Random(20260301);
        var pattern = new LifePattern(LifeMeter.Water);
        var known = new List<Households.Interval>();
        foreach (var i in Households.Real("daiad_alicante_water.csv.gz", "AL22"))
        {
            pattern.Observe(i.From, i.To, i.Use, Households.Shanghai);
            known.Add(i);
            var due = pattern.DueAt;
            var old = known[random.Next(known.Count)];
            pattern.Observe(old.From, old.To, old.Use + 0.05, Households.Shanghai);
            pattern.Observe(i.From.AddMinutes(-random.Next(200)), i.To.AddMinutes(-random.Next(60)), 0.05, Households.Shanghai);
            Assert.Equal(due, pattern.DueAt);
        }
    }

    [Fact]
    public void A_snapshot_goes_on_as_if_nothing_had_happened()
    {
        var intervals = Households.Real("daiad_alicante_water.csv.gz", "AL19");
        var live = new LifePattern(LifeMeter.Water);
        var restored = new LifePattern(LifeMeter.Water);
        for (var i = 0; i < intervals.Count; i++)
        {
            if (i % 97 == 0)
            {
                var bytes = new MemoryStream();
                live.Write(new BinaryWriter(bytes));
                Assert.InRange(bytes.Length, 300, 2048);
                bytes.Position = 0;
                restored = new LifePattern(LifeMeter.Water);
                restored.Read(new BinaryReader(bytes));
            }

            live.Feed([intervals[i]]);
            restored.Feed([intervals[i]]);
            Assert.Equal(live.DueAt, restored.DueAt);
            Assert.Equal(live.IsDue, restored.IsDue);
            Assert.Equal(live.Weight, restored.Weight);
        }
    }

    [Fact]
    public void A_snapshot_of_another_version_is_refused() =>
        Assert.Throws<InvalidDataException>(() => new LifePattern(LifeMeter.Water).Read(new BinaryReader(new MemoryStream([99]))));

    [Fact]
    public void The_budget_is_kept_in_an_irregular_life()
    {
        // Two years in which somebody is out at random times, about twice a week, for 6 to 19 hours.
        var random = new Random(7);
        var pattern = new LifePattern(LifeMeter.Water, new InactivitySettings(BudgetDays: 50));
        var alarms = 0;
        var open = false;
        var outUntil = DateTime.MinValue;
        var since = Monday;
        foreach (var i in Households.Regular(Monday, 730))
        {
            if (i.To > outUntil && random.Next(168) == 0)
                outUntil = i.To.AddHours(random.Next(6, 20));
            pattern.Feed([i with { Use = i.To <= outUntil ? 0 : i.Use }]);
            if (open && pattern.LastUse == i.To)
            {
                // Silences of 24 h and more would alarm without learning too, so they don't count against the budget.
                if (i.To - since < TimeSpan.FromHours(24))
                    alarms++;
                open = false;
            }

            if (open || !pattern.IsDue)
                continue;
            open = true;
            since = pattern.LastUse;
        }

        Assert.InRange(alarms, 4, 730 / 50 * 2);
    }

    [Fact]
    public void A_changed_life_is_learned_within_six_weeks()
    {
        var pattern = new LifePattern(LifeMeter.Water);
        pattern.Feed(Households.Regular(Monday, 120));
        // From now on everything happens four hours later each day.
        var early = 0;
        var late = 0;
        var day = 0;
        var open = false;
        pattern.Feed(
            Households.Regular(Monday.AddDays(120), 84, hoursLater: 4),
            () =>
            {
                day++;
                if (!pattern.IsDue)
                    open = false;
                else if (!open)
                {
                    open = true;
                    if (day <= 42 * 48)
                        early++;
                    else
                        late++;
                }
            }
        );
        Assert.InRange(early, 0, 8);
        Assert.InRange(late, 0, 1);
        Assert.InRange((pattern.DueAt!.Value - pattern.LastUse).TotalHours, 8, 22);
    }

    [Fact]
    public void A_leak_does_not_hide_that_life_has_stopped()
    {
        var intervals = Households.Real("daiad_alicante_water.csv.gz", "AL22");
        var dry = new LifePattern(LifeMeter.Water);
        dry.Feed(intervals);
        var leaking = new LifePattern(LifeMeter.Water);
        leaking.Feed(intervals);
        var end = intervals[^1].To;
        DateTime? noticed = null;
        for (var h = 0; h < 30 && noticed is null; h++)
        {
            leaking.Observe(end.AddHours(h), end.AddHours(h + 1), 0.003, Households.Shanghai);
            if (leaking.IsDue)
                noticed = leaking.KnownUntil;
        }

        Assert.NotNull(noticed);
        Assert.True(noticed <= dry.DueAt!.Value.AddHours(8), $"{noticed} instead of {dry.DueAt}");
    }

    [Fact]
    public void A_refrigerator_is_not_life()
    {
        var intervals = Households.Real("sgsc_electricity_au.csv.gz", "SG01");
        var pattern = new LifePattern(LifeMeter.Electricity);
        pattern.Feed(intervals);
        // The quietest six hours of the last week, repeated again and again.
        var last = intervals[^336..];
        var least = Enumerable.Range(0, last.Count - 12).MinBy(i => last.Skip(i).Take(12).Sum(x => x.Use));
        var before = pattern.LastUse;
        var end = intervals[^1].To;
        for (var i = 0; i < 60; i++)
            pattern.Observe(end.AddMinutes(30 * i), end.AddMinutes(30 * (i + 1)), last[least + i % 12].Use, Households.Shanghai);
        Assert.Equal(before, pattern.LastUse);
        Assert.True(pattern.IsDue);
    }

    [Fact]
    public void A_long_gap_with_use_is_neither_silence_nor_life_at_its_end()
    {
        var pattern = new LifePattern(LifeMeter.Water);
        pattern.Feed(Households.Regular(Monday, 60));
        var end = pattern.KnownUntil;
        pattern.Observe(end, end.AddHours(20), 0.1, Households.Shanghai);
        Assert.False(pattern.IsDue);
        Assert.InRange(pattern.LastUse, end.AddHours(10), end.AddHours(19));
    }

    [Fact]
    public void A_meter_that_reports_once_a_day_keeps_to_the_fixed_rule()
    {
        var pattern = new LifePattern(LifeMeter.Water);
        for (var d = 0; d < 90; d++)
        {
            pattern.Observe(Monday.AddDays(d), Monday.AddDays(d + 1), 0.08, Households.Shanghai);
            Assert.False(pattern.IsDue);
        }

        Assert.False(pattern.Learned);
        pattern.Observe(Monday.AddDays(90), Monday.AddDays(91), 0, Households.Shanghai);
        Assert.True(pattern.IsDue);
    }

    [Fact]
    public void Taking_an_interval_allocates_nothing_but_room_for_the_days_that_come()
    {
        var intervals = Households.Real("daiad_alicante_water.csv.gz", "AL22");
        var pattern = new LifePattern(LifeMeter.Water);
        pattern.Feed(intervals[..1000]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 1000; i < intervals.Count; i++)
        {
            pattern.Observe(intervals[i].From, intervals[i].To, intervals[i].Use, Households.Shanghai);
            _ = pattern.IsDue;
        }

        // Once in eight days a wider array; once a day, for all homes of a service, which days are weekends.
        var days = (intervals[^1].To - intervals[1000].From).TotalDays;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200 * (long)days);
    }

    [Fact]
    public void Daylight_saving_does_not_disturb_it()
    {
        var madrid = TimeZoneInfo.FindSystemTimeZoneById("Europe/Madrid");
        var pattern = new LifePattern(LifeMeter.Water);
        foreach (var i in Households.Regular(new DateTime(2026, 1, 5, 0, 0, 0, DateTimeKind.Utc), 330))
        {
            pattern.Observe(i.From, i.To, i.Use, madrid);
            Assert.InRange((pattern.DueAt!.Value - pattern.LastUse).TotalHours, 2, 24);
        }

        Assert.True(pattern.Learned);
    }
}
