using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>
/// Nights in which a home falls silent or its water doesn't stop running: no-water, no-electricity, water-running, overuse, the longest
/// wait of inactivity, absence, watch.
/// </summary>
public sealed class SilentHomeNightTests
{
    private static double Hour(double h) => ((h % 24) + 24) % 24;

    private static double Lives(int h) => Hour(h) is >= 7 and <= 21 ? 0.012 : 0;

    [Fact]
    public void No_electricity_the_refrigerator_goes_on_and_the_person_does_not()
    {
        var night = new HomeScenario();
        var total = 500.0;
        // A refrigerator of 45 W runs day and night, and 0.3 kWh are used in each hour that somebody is up; from the first evening on only
        // the refrigerator runs.
        for (var h = -72; h <= 60; h++)
            night.Say(
                "e",
                Metric.ElectricityEnergy,
                h,
                total = Math.Round(total + 0.045 + (h % 2 == 0 ? 0.01 : 0) + (h < 20 && Hour(h) is >= 7 and < 22 ? 0.3 : 0), 3)
            );
        var found = night.Only(AlarmKind.NoElectricity);
        Assert.InRange(found.Time, HomeScenario.At(20 + 16), HomeScenario.At(20 + 26));
        Assert.Contains("all of it a base load of", found.Reason);
        Assert.Contains("基础负荷", found.ReasonZh);
        Assert.DoesNotContain(night.Of(AlarmKind.NoElectricity), f => f.Change == FindingChange.Cleared);
    }

    [Fact]
    public void No_electricity_ends_when_the_kettle_is_on_not_when_the_refrigerator_starts()
    {
        var night = new HomeScenario();
        var total = 500.0;
        for (var h = -48; h <= 30; h++)
            night.Say("e", Metric.ElectricityEnergy, h, total += h <= 0 && Hour(h) is >= 7 ? 0.3 : 0.001);
        night.Only(AlarmKind.NoElectricity);
        night.Say("e", Metric.ElectricityEnergy, 31, total += 0.03);
        Assert.DoesNotContain(night.Of(AlarmKind.NoElectricity), f => f.Change == FindingChange.Cleared);
        night.Say("e", Metric.ElectricityEnergy, 31.25, total + 0.15);
        Assert.StartsWith("electricity used again at 07:15", night.Only(AlarmKind.NoElectricity, FindingChange.Cleared).Reason);
    }

    [Fact]
    public void A_tap_left_open_over_a_leak_is_told_again_and_ends_when_it_is_closed_though_the_leak_goes_on()
    {
        var night = new HomeScenario().Flow(-6, 40, 100, h => h is >= 30 and < 34 ? 0.12 : 0.002);
        var opened = night.Only(AlarmKind.WaterRunning);
        Assert.Contains("a leak", opened.Reason);
        var told = night.Of(AlarmKind.WaterRunning).Where(f => f.Change == FindingChange.Updated).ToList();
        Assert.Equal([(true, HomeScenario.At(32)), (false, HomeScenario.At(34))], told.Select(f => (f.Notify, f.Time)));
        Assert.Contains("more than a leak now", told[0].Reason);
        Assert.Contains("2 L/h still flowed", told[1].Reason);
        night.Water(41, 101);
        night.Water(42, 101);
        night.Only(AlarmKind.WaterRunning, FindingChange.Cleared);
    }

    [Fact]
    public void Whoever_lies_beside_a_running_tap_is_not_hidden_by_it()
    {
        var night = new HomeScenario().Flow(-48, 40, 100, h => h < 10 ? Lives(h) : 0.15);
        Assert.Equal(
            (Severity.Warning, HomeScenario.At(12)),
            (night.Only(AlarmKind.WaterRunning).Severity, night.Only(AlarmKind.WaterRunning).Time)
        );
        var alone = night.Only(AlarmKind.WaterRunning, FindingChange.Updated);
        Assert.Equal((Severity.High, true), (alone.Severity, alone.Notify));
        Assert.InRange(alone.Time, HomeScenario.At(32), HomeScenario.At(36));
        Assert.Contains("150 L/h and nothing else has been used since", alone.Reason);
        // Whoever washes and cooks while the tap is open is at home and well.
        Assert.DoesNotContain(
            new HomeScenario().Flow(-48, 40, 100, h => h < 10 ? Lives(h) : 0.15 + Lives(h)).Of(AlarmKind.WaterRunning),
            f => f.Severity == Severity.High
        );
    }

    [Fact]
    public void A_tap_that_is_closed_ends_its_alarm_though_a_drip_of_some_hours_goes_on()
    {
        var night = new HomeScenario().Flow(
            -6,
            12,
            100,
            h =>
                h < -3 ? 0
                : h is >= 4 and < 8 ? 0.12
                : 0.002
        );
        Assert.Equal(HomeScenario.At(6), night.Only(AlarmKind.WaterRunning).Time);
        Assert.Contains("2 L/h still flowed at 08:00", night.Only(AlarmKind.WaterRunning, FindingChange.Cleared).Reason);
    }

    [Fact]
    public void Overuse_is_told_once_a_day_and_the_new_day_begins_at_nought()
    {
        var night = new HomeScenario().Flow(-30, 47, 100, h => h is >= 6 and < 20 ? 0.2 : 0);
        var found = night.Only(AlarmKind.Overuse);
        Assert.Contains("more than 2 m³", found.Reason);
        Assert.Equal(HomeScenario.At(24 + 1), night.Only(AlarmKind.Overuse, FindingChange.Cleared).Time);
    }

    [Fact]
    public void Somebody_who_was_away_for_most_of_a_day_is_missed_a_day_after_coming_home_not_an_hour()
    {
        var night = new HomeScenario(
            facts: HomeScenario.Home("R1") with
            {
                Absences = [new AbsenceFacts(HomeScenario.At(0.5), HomeScenario.At(23), "daughter")],
            }
        );
        night.Flow(-30, 0, 100, _ => 0.01).Flow(1, 46, 100.31, _ => 0);
        Assert.Empty(night.Of(AlarmKind.NoWater));
        night.Water(47, 100.31);
        Assert.Equal(HomeScenario.At(47), night.Only(AlarmKind.NoWater).Time);
    }

    [Fact]
    public void A_refrigerator_does_not_end_an_absence_and_the_kettle_does()
    {
        var facts = HomeScenario.Home("R1") with { Absences = [new AbsenceFacts(HomeScenario.At(1), HomeScenario.At(500), "daughter")] };
        HomeScenario Away(bool kettle)
        {
            var night = new HomeScenario(facts: facts);
            var total = 500.0;
            for (var h = -72; h <= 70; h++)
            {
                var lives = (h <= 0 && Hour(h) is >= 7 and < 22) || (kettle && h is 30 or 31);
                night.Say(
                    "e",
                    Metric.ElectricityEnergy,
                    h,
                    total = Math.Round(total + 0.12 + (h % 3 == 0 ? 0.01 : 0) + (lives ? 0.4 : 0), 3)
                );
            }

            return night;
        }

        Assert.Empty(Away(kettle: false).Of(AlarmKind.NoElectricity));
        Assert.InRange(Away(kettle: true).Only(AlarmKind.NoElectricity).Time, HomeScenario.At(31 + 18), HomeScenario.At(31 + 30));
    }

    [Theory]
    [InlineData(false, false, 24)]
    [InlineData(true, false, 16)]
    [InlineData(false, true, 12)]
    public void The_fixed_rule_stays_the_floor_of_a_learned_life_sooner_for_the_key_class_and_under_watch(
        bool key,
        bool watch,
        double hours
    )
    {
        // Nothing is learned here that would alarm earlier, so only the longest allowed wait counts.
        var rules = HomeScenario.Written(
            "rules:\n  inactivity: { one_false_alarm_in_days: 10000, one_false_alarm_in_days_on_watch: 10000 }\noverrides:\n  - { "
                + "class: key, rules: { no-water: { within: 16h } } }\n"
        );
        var night = new HomeScenario(
            rules,
            facts: HomeScenario.Home("R1") with
            {
                KeyClass = key,
                WatchUntil = watch ? HomeScenario.At(1000) : null,
            }
        );
        var random = new Random(3);
        var (total, last) = (100.0, -60 * 24);
        for (var h = -60 * 24; h <= 0; h++)
        {
            if (h == 0 || h - last >= 5 + random.Next(6))
                (total, last) = (Math.Round(total + 0.03, 3), h);
            night.Water(h, total);
        }

        Assert.Empty(night.Findings);
        for (var h = 1; h <= 30; h++)
            night.Water(h, total);
        var found = Assert.Single(night.Findings, f => f.Change == FindingChange.Opened && f.Kind != AlarmKind.WaterRunning);
        Assert.Equal(AlarmKind.Inactivity, found.Kind);
        Assert.True(found.Time <= HomeScenario.At(hours), $"told at {found.Time:s}, after more than {hours} h");
        Assert.Equal(watch, found.Reason.Contains("please visit", StringComparison.Ordinal));
        Assert.Equal(watch, found.ReasonZh.Contains("请上门探访", StringComparison.Ordinal));
    }

    [Fact]
    public void Under_watch_a_learned_life_is_missed_sooner()
    {
        var rules = HomeScenario.Written("rules:\n  no-water: { within_on_watch: 24h }\n");
        DateTime Missed(int seed, bool watch)
        {
            var night = new HomeScenario(rules);
            var random = new Random(seed);
            var total = 100.0;
            for (var h = -40 * 24; h <= 40; h++)
            {
                if (h == 12 && watch)
                    night.Engine.Put(night.Facts with { WatchUntil = HomeScenario.At(1000) });
                night.Water(h, total = Math.Round(total + (h < 13 && Hour(h) is >= 7 and <= 21 && random.Next(10) < 5 ? 0.02 : 0), 3));
            }

            return night.Of(AlarmKind.Inactivity).Last(f => f.Change == FindingChange.Opened).Time;
        }

        var sooner = Enumerable.Range(1, 8).Select(seed => Missed(seed, watch: false) - Missed(seed, watch: true)).ToList();
        Assert.All(sooner, s => Assert.True(s >= TimeSpan.Zero));
        Assert.Contains(sooner, s => s >= TimeSpan.FromHours(1));
    }

    [Fact]
    public void Contradiction_is_said_too_no_water_but_electricity_and_a_heart_that_beats()
    {
        var night = new HomeScenario();
        var kilowattHours = 50.0;
        for (var h = -30; h <= 24; h++)
        {
            night.Water(h, 100 + Math.Min(h + 30, 30) * 0.01);
            night.Say("e", Metric.ElectricityEnergy, h, kilowattHours += Hour(h) is 7 or 12 or 18 or 23 or 0 ? 0.4 : 0.02);
            if (h == 22)
                night.Say("watch", Metric.HeartRate, h, 71);
        }

        var found = night.Only(AlarmKind.NoWater);
        Assert.Contains("but electricity was used at 2 Jan 23:00", found.Reason);
        Assert.Contains("but heart rate 71 at 2 Jan 22:00", found.Reason);
        Assert.Contains("但用电在1月2日 23:00有使用，1月2日 22:00心率71", found.ReasonZh);
    }

    [Fact]
    public void The_welfare_check_names_the_bed_and_the_mains_when_the_meter_fell_silent()
    {
        var night = new HomeScenario()
            .Say("bed", Metric.BedOccupied, -1, 1)
            .Say("plug", Metric.PowerLost, 0.5, 1)
            .Flow(-30, 0, 100, _ => 0.01)
            .Tick(60);
        var check = night.Only(AlarmKind.DeviceSilent, FindingChange.Updated);
        Assert.Contains("in bed at", check.Reason);
        Assert.Contains("mains power lost at", check.Reason);
        Assert.Contains("断电", check.ReasonZh);
    }

    [Fact]
    public void Frozen_daily_batches_hours_late_out_of_order_and_twice_are_judged_by_their_own_times()
    {
        // The 24 totals of a day arrive at three the next morning, newest first, and every second batch arrives twice.
        var night = new HomeScenario();
        var total = 100.0;
        var totals = new Dictionary<int, double>();
        for (var h = -72; h <= 95; h++)
            totals[h] = total = Math.Round(total + (h < 40 ? Lives(h) : 0), 3);
        for (var day = -3; day <= 3; day++)
        {
            for (var copy = 0; copy <= Math.Abs(day % 2); copy++)
            for (var h = day * 24; h < day * 24 + 24; h++)
                night.Water(h, totals[h], received: day * 24 + 27 + copy);
        }

        Assert.Equal(HomeScenario.At(63), night.Only(AlarmKind.NoWater).Time); // water was used until 15:00 of the second day
        Assert.Empty(night.Of(AlarmKind.ClockWrong));
        Assert.Empty(night.Of(AlarmKind.Overuse));
    }

    [Fact]
    public void A_meter_that_begins_again_and_again_is_doubted_aloud_and_is_no_life()
    {
        var night = new HomeScenario().Flow(-30, 0, 100, _ => 0.01);
        var doubts = new List<string>();
        night.Engine.Doubted = (resident, device, why) => doubts.Add($"{resident} {device}: {why}");
        for (var h = 1; h <= 60; h++)
            night.Water(h, h % 6 < 3 ? 7 : 100.31);
        Assert.Equal("R1 w: the total went from 100.31 to 7 between 00:00 and 01:00: not used until another one fits it", doubts[0]);
        Assert.InRange(night.Only(AlarmKind.NoWater).Time, HomeScenario.At(24), HomeScenario.At(38));
        Assert.Empty(night.Of(AlarmKind.Overuse));
    }

    [Fact]
    public void A_meter_whose_clock_went_back_to_an_old_date_does_not_hide_a_silent_home()
    {
        var night = new HomeScenario().Flow(-72, 0, 100, Lives);
        var total = 100 + Enumerable.Range(-72, 73).Sum(Lives);
        // At noon the battery was changed, and from then on the meter's clock is three weeks slow. Water is used for one more evening.
        for (var h = 12; h <= 140; h++)
            night.Water(h - 21 * 24, total += h < 20 ? 0.012 : 0, received: h);
        Assert.Contains("the device says it is", night.Only(AlarmKind.ClockWrong).Reason);
        Assert.InRange(night.Only(AlarmKind.NoWater).Time, HomeScenario.At(20 + 23), HomeScenario.At(20 + 96));
    }

    [Fact]
    public void A_clock_of_1970_or_of_last_year_is_told_and_its_totals_are_judged_by_their_arrival()
    {
        foreach (var back in new[] { 56 * 365.25 * 24, 400 * 24 })
        {
            var night = new HomeScenario();
            for (var h = -30; h <= 30; h++)
                night.Water(h > 2 ? h - back : h, Math.Round(100 + Math.Min(h + 30, 30) * 0.01, 3), received: h);
            night.Only(AlarmKind.ClockWrong);
            Assert.InRange(night.Only(AlarmKind.NoWater).Time, HomeScenario.At(24), HomeScenario.At(25));
        }
    }
}
