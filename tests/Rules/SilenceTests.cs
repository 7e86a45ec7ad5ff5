using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

public sealed class SilenceTests
{
    private static double Day(int h) => ((h % 24) + 24) % 24 is >= 7 and <= 21 ? 0.006 : 0;

    [Fact]
    public void Flat_readings_for_24_hours_are_found_at_the_reading_that_completes_them_without_any_clock()
    {
        var night = new HomeScenario().Flow(-48, 20, 100, Day);
        var last = 100 + Enumerable.Range(-48, 69).Sum(Day);
        night.Water(21, last + 0.02);
        for (var h = 22; h <= 44; h++)
            night.Water(h, last + 0.02);
        Assert.Empty(night.Of(AlarmKind.NoWater));
        night.Water(45, last + 0.02);
        var found = night.Only(AlarmKind.NoWater);
        Assert.Equal(HomeScenario.At(45), found.Time);
        Assert.Equal("no-water/2026-01-02T13:00:00Z", found.Episode);
        Assert.StartsWith("no water since 2 Jan 21:00 (0 L in 24 h)", found.Reason);
        Assert.StartsWith("自1月2日 21:00起没有用水", found.ReasonZh);
        Assert.Equal(Severity.High, found.Severity);
    }

    [Fact]
    public void A_whole_day_in_one_late_batch_is_judged_by_its_own_times_and_use_ends_it()
    {
        var night = new HomeScenario().Flow(-48, 0, 100, _ => 0.02);
        for (var h = 1; h <= 30; h++)
            night.Water(h, 100.98, received: 40);
        Assert.Equal(HomeScenario.At(24), night.Only(AlarmKind.NoWater).Time);
        night.Water(31, 101.00, received: 41);
        var cleared = night.Only(AlarmKind.NoWater, FindingChange.Cleared);
        Assert.Equal(HomeScenario.At(31), cleared.Time);
        Assert.StartsWith("water used again at 07:00", cleared.Reason);
        Assert.Equal(1, cleared.Sequence);
    }

    [Fact]
    public void A_meter_that_stops_reporting_is_a_silent_device_then_a_welfare_check_but_never_no_water()
    {
        var night = new HomeScenario().Flow(-48, 0, 100, _ => 0.01).Tick(2.9);
        Assert.Empty(night.Of(AlarmKind.DeviceSilent));
        night.Tick(3.1);
        Assert.Equal(Severity.Technical, night.Only(AlarmKind.DeviceSilent).Severity);
        night.Tick(60);
        var welfare = night.Only(AlarmKind.DeviceSilent, FindingChange.Updated);
        Assert.Equal(Severity.High, welfare.Severity);
        Assert.True(welfare.Notify);
        Assert.Contains("nobody knows", welfare.Reason);
        night.Water(61, 100.6);
        Assert.Equal(Severity.High, night.Only(AlarmKind.DeviceSilent, FindingChange.Cleared).Severity);
        Assert.Empty(night.Of(AlarmKind.NoWater));
    }

    [Theory]
    [InlineData(24, 96)] // a pendant's daily heartbeat: silent after four are missed
    [InlineData(1, 72)] // a smoke detector's: silent after three days
    public void A_device_of_unknown_interval_is_missed_by_its_own_cadence(double every, double after)
    {
        var night = Pendant();
        var last = 0.0;
        for (var h = 0.0; h < 21 * 24; h += every)
            night.Say("pendant", Metric.BatteryLevel, last = h + h % 0.3, 90);
        night.Tick(last + after - 1);
        Assert.Empty(night.Of(AlarmKind.DeviceSilent));
        night.Tick(last + after + 2);
        var told = night.Only(AlarmKind.DeviceSilent);
        Assert.Equal(Severity.Technical, told.Severity);
        Assert.Contains("heard at least every", told.Reason, StringComparison.Ordinal);
        night.Restart().Say("pendant", Metric.BatteryLevel, last + 150, 90);
        night.Only(AlarmKind.DeviceSilent, FindingChange.Cleared);
    }

    [Fact]
    public void A_button_that_is_pressed_now_and_then_is_never_missed()
    {
        var night = Pendant();
        foreach (var day in (int[])[0, 3, 4, 11, 12, 30, 31])
            night.Say("pendant", Metric.Button, day * 24 + day % 7, 1, "pressed");
        night.Tick(200 * 24);
        Assert.Empty(night.Of(AlarmKind.DeviceSilent));
    }

    [Fact]
    public void A_cadence_is_not_missed_while_nobody_is_at_home()
    {
        var night = Pendant();
        for (var h = 0; h < 21 * 24; h++)
            night.Say("pendant", Metric.BatteryLevel, h, 90);
        night.Engine.Put(
            night.Facts with
            {
                Absences = [new AbsenceFacts(HomeScenario.At(21 * 24), HomeScenario.At(31 * 24), "daughter")],
            }
        );
        night.Tick(31 * 24 - 1);
        Assert.Empty(night.Of(AlarmKind.DeviceSilent));
        night.Tick(31 * 24 + 1).Only(AlarmKind.DeviceSilent);
    }

    private static HomeScenario Pendant() =>
        new(facts: HomeScenario.Home("R1", new DeviceFacts(new DeviceId("pendant"), HomeScenario.Midnight, null, [])));

    [Theory]
    [InlineData(0.003)]
    [InlineData(0.0005)]
    public void A_leak_does_not_hide_a_silent_home(double leakPerHour)
    {
        var night = new HomeScenario();
        var total = 100.0;
        for (var h = -72; h <= 90; h++)
            night.Water(h, total = Math.Round(total + leakPerHour + (h < 20 ? Day(h) : 0), 4));
        var found = night.Only(AlarmKind.NoWater);
        Assert.InRange(found.Time, HomeScenario.At(19), HomeScenario.At(46));
        Assert.DoesNotContain(night.Of(AlarmKind.NoWater), f => f.Change == FindingChange.Cleared);
    }

    [Fact]
    public void Totals_of_a_wrong_clock_do_not_hide_a_silent_home_with_a_leak()
    {
        // Two totals in a row have a date in the next year, so they count from their arrival, an hour after they were read. Their litres
        // must be counted once.
        var night = new HomeScenario();
        var total = 100.0;
        for (var h = -72; h <= 90; h++)
        {
            total = Math.Round(total + 0.0028 + (h < 20 ? Day(h) : 0), 3);
            var wrong = h is 25 or 26 or 33 or 40;
            night.Say("w", Metric.WaterVolume, wrong ? h + 400 * 24 : h, total, received: h + 1.01);
        }

        var found = night.Only(AlarmKind.NoWater);
        Assert.InRange(found.Time, HomeScenario.At(19), HomeScenario.At(46));
        Assert.DoesNotContain(night.Of(AlarmKind.NoWater), f => f.Change == FindingChange.Cleared);
    }

    [Fact]
    public void A_lived_in_home_with_a_leak_is_left_alone()
    {
        var night = new HomeScenario();
        var total = 100.0;
        for (var h = -72; h <= 240; h++)
            night.Water(h, total += 0.003 + Day(h));
        Assert.Empty(night.Of(AlarmKind.NoWater));
    }

    [Fact]
    public void Use_in_a_long_radio_gap_is_neither_silence_nor_certain_life()
    {
        var night = new HomeScenario().Flow(-48, 0, 100, _ => 0.01);
        night.Water(30, 101); // no reading for 30 h, in which 510 L were used at some time
        Assert.Empty(night.Of(AlarmKind.NoWater));
        for (var h = 31; h <= 60; h++)
            night.Water(h, 101);
        Assert.InRange(night.Only(AlarmKind.NoWater).Time, HomeScenario.At(41), HomeScenario.At(54));
    }

    [Fact]
    public void A_flat_total_over_a_radio_gap_is_silence()
    {
        var night = new HomeScenario().Flow(-48, 0, 100, _ => 0.01);
        night.Water(30, 100.49);
        Assert.Equal(HomeScenario.At(24), night.Only(AlarmKind.NoWater).Time);
    }

    [Theory]
    [InlineData(999999.99)]
    [InlineData(4294967.29)]
    public void A_register_that_rolls_over_is_use_not_a_reset(double end)
    {
        var night = new HomeScenario().Flow(-30, 0, end - 0.31, _ => 0.01).Water(1, 0.02);
        for (var h = 2; h <= 24; h++)
            night.Water(h, 0.02);
        Assert.Empty(night.Of(AlarmKind.NoWater));
        night.Water(25, 0.02);
        Assert.Equal(HomeScenario.At(25), night.Only(AlarmKind.NoWater).Time);
    }

    [Fact]
    public void An_absurd_total_is_not_believed_and_does_not_look_like_life()
    {
        var night = new HomeScenario().Flow(-30, 0, 100, _ => 0.01);
        for (var h = 1; h <= 24; h++)
            night.Water(
                h,
                h == 12 ? 1e6
                    : h == 15 ? 3
                    : 100.31
            );
        Assert.Equal(HomeScenario.At(24), night.Only(AlarmKind.NoWater).Time);
        Assert.Empty(night.Of(AlarmKind.Overuse));
    }

    [Fact]
    public void A_replaced_meter_is_believed_from_its_second_total_on()
    {
        var night = new HomeScenario().Flow(-30, 0, 100, _ => 0.01).Flow(1, 60, 0, h => h < 3 ? 0 : 0.01);
        Assert.Empty(night.Of(AlarmKind.NoWater));
        Assert.Empty(night.Of(AlarmKind.Overuse));
    }

    [Fact]
    public void A_clock_from_the_future_can_not_push_a_deadline_away()
    {
        var night = new HomeScenario().Flow(-30, 0, 100, _ => 0.01);
        night.Water(500, 100.31, received: 1);
        for (var h = 2; h <= 24; h++)
            night.Water(h, 100.31);
        Assert.Equal(HomeScenario.At(24), night.Only(AlarmKind.NoWater).Time);
        Assert.Contains("the device says it is", night.Only(AlarmKind.ClockWrong).Reason);
        night.Only(AlarmKind.ClockWrong, FindingChange.Cleared);
    }

    [Fact]
    public void Duplicates_and_old_readings_change_nothing()
    {
        var night = new HomeScenario().Flow(-30, 10, 100, Day);
        night.Flow(-30, 10, 100, Day);
        var total = 100 + Enumerable.Range(-30, 41).Sum(Day);
        for (var h = 11; h <= 40; h++)
            night.Water(h, total).Water(h, total).Water(h - 5, total);
        Assert.Equal(HomeScenario.At(33), night.Only(AlarmKind.NoWater).Time); // 6 L since 09:00, which is less than the 10 L that count
    }

    [Fact]
    public void A_late_reading_places_the_last_use_better()
    {
        var night = new HomeScenario().Flow(-30, 0, 100, _ => 0.01).Water(3, 100.33).Water(1, 100.33);
        for (var h = 4; h <= 25; h++)
            night.Water(h, 100.33);
        Assert.Equal(HomeScenario.At(25), night.Only(AlarmKind.NoWater).Time);
    }

    [Fact]
    public void Silence_that_goes_on_becomes_critical_and_notifies_again()
    {
        var night = new HomeScenario().Flow(-30, 0, 100, _ => 0.01).Flow(1, 50, 100.31, _ => 0);
        var update = night.Only(AlarmKind.NoWater, FindingChange.Updated);
        Assert.Equal((Severity.Critical, true, HomeScenario.At(48)), (update.Severity, update.Notify, update.Time));
    }

    [Fact]
    public void Absence_holds_no_water_back_with_its_reason_and_silence_counts_again_from_its_end()
    {
        var night = new HomeScenario(
            facts: HomeScenario.Home("R1") with
            {
                Absences = [new AbsenceFacts(HomeScenario.At(1), HomeScenario.At(50), "daughter")],
            }
        );
        var held = new List<string>();
        night.Engine.HeldBack = (_, why) => held.Add(why);
        night.Flow(-30, 0, 100, _ => 0.01).Flow(1, 73, 100.31, _ => 0);
        Assert.Empty(night.Of(AlarmKind.NoWater));
        Assert.Contains("daughter", Assert.Single(held));
        night.Water(74, 100.31);
        Assert.Equal(HomeScenario.At(74), night.Only(AlarmKind.NoWater).Time);
    }

    [Fact]
    public void An_absence_ends_at_the_first_use()
    {
        var night = new HomeScenario(
            facts: HomeScenario.Home("R1") with
            {
                Absences = [new AbsenceFacts(HomeScenario.At(1), HomeScenario.At(500), "daughter")],
            }
        );
        night.Flow(-30, 0, 100, _ => 0.01).Flow(1, 30, 100.31, _ => 0).Water(31, 100.35);
        for (var h = 32; h <= 55; h++)
            night.Water(h, 100.35);
        Assert.Equal(HomeScenario.At(55), night.Only(AlarmKind.NoWater).Time);
    }

    [Fact]
    public void Heightened_watch_tightens_the_limit_and_asks_for_a_visit()
    {
        var night = new HomeScenario(facts: HomeScenario.Home("R1") with { WatchUntil = HomeScenario.At(100) });
        night.Flow(-30, 0, 100, _ => 0.01).Flow(1, 12, 100.31, _ => 0);
        Assert.Contains("please visit", night.Only(AlarmKind.NoWater).Reason);
    }

    [Fact]
    public void The_reason_names_every_device_that_corroborates_or_contradicts()
    {
        var night = new HomeScenario();
        for (var h = -30; h <= 24; h++)
        {
            night.Water(h, 100 + (h <= 0 ? (h + 30) * 0.01 : 0.3));
            night.Say("e", Metric.ElectricityEnergy, h, 50 + (h <= 1 ? (h + 30) * 0.2 : 6.2));
            if (h == -6)
                night.Say("d", Metric.DoorOpen, h - 0.5, 1).Say("d", Metric.DoorOpen, h, 0);
        }

        Assert.Equal(
            "no water since 2 Jan 00:00 (0 L in 24 h), electricity flat since 2 Jan 01:00, door not opened since 1 Jan 18:00",
            night.Only(AlarmKind.NoWater).Reason
        );
    }

    [Fact]
    public void A_device_that_never_spoke_is_found_from_its_installation_on()
    {
        var night = new HomeScenario(
            facts: HomeScenario.Home("R1", HomeScenario.Meter("w") with { InstalledAt = HomeScenario.Midnight })
        ).Tick(47);
        Assert.Empty(night.Findings);
        night.Tick(49);
        Assert.Equal(HomeScenario.At(48), night.Only(AlarmKind.DeviceNeverSeen).Time);
        night.Water(50, 1);
        night.Only(AlarmKind.DeviceNeverSeen, FindingChange.Cleared);
    }

    [Fact]
    public void After_our_own_downtime_silence_counts_only_while_we_listened()
    {
        var night = new HomeScenario().Flow(-30, 0, 100, _ => 0.01).Tick(0.1).Restart().Tick(10);
        Assert.Empty(night.Of(AlarmKind.DeviceSilent));
        night.Tick(11.5);
        Assert.Empty(night.Of(AlarmKind.DeviceSilent));
        night.Tick(13.5);
        night.Only(AlarmKind.DeviceSilent);
    }

    [Fact]
    public void One_village_without_water_is_one_outage_and_presses_still_come_through()
    {
        var engine = new RuleEngine(RuleSet.Default, TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"));
        var found = new List<Finding>();
        for (var r = 0; r < 20; r++)
            engine.Put(HomeScenario.Home($"R{r}", HomeScenario.Meter($"w{r}")));
        void Meter(int r, int h, double total) =>
            engine.Apply(
                new ResidentId($"R{r}"),
                new Reading
                {
                    Device = new DeviceId($"w{r}"),
                    Metric = Metric.WaterVolume,
                    Time = HomeScenario.At(h),
                    Received = HomeScenario.At(h),
                    Value = total,
                },
                found
            );
        for (var h = -30; h <= 30; h++)
        for (var r = 0; r < 20; r++)
            Meter(r, h, 100 + Math.Min(h + 30, 30 - r % 5) * 0.01);
        Assert.DoesNotContain(found, f => f.Kind == AlarmKind.NoWater);
        var outage = Assert.Single(found, f => f.Kind != AlarmKind.WaterRunning && f.Change == FindingChange.Opened);
        // every home that is held back is named
        Assert.Equal(20, found.Count(f => f.Kind == AlarmKind.Outage && f.Change == FindingChange.Updated));
        Assert.Contains(found, f => f.Kind == AlarmKind.Outage && f.Reason.Contains("held back: R7, no water since"));
        Assert.Equal("area:440100001001", outage.Subject);
        Assert.Contains("20 of 20 homes", outage.Reason);
        engine.Apply(
            new ResidentId("R3"),
            new Reading
            {
                Device = new DeviceId("b"),
                Metric = Metric.Button,
                Time = HomeScenario.At(30),
                Received = HomeScenario.At(30),
                Event = "pressed",
            },
            found
        );
        Assert.Contains(found, f => f.Kind == AlarmKind.Sos && f.Subject == "R3");
        // The main is repaired; in two homes nobody uses water again.
        for (var h = 31; h <= 33; h++)
        for (var r = 0; r < 20; r++)
            Meter(r, h, 100.3 - r % 5 * 0.01 + (r < 18 ? (h - 30) * 0.02 : 0));
        Assert.Contains(found, f => f.Kind == AlarmKind.Outage && f.Change == FindingChange.Cleared);
        Assert.DoesNotContain(found, f => f.Kind == AlarmKind.NoWater);
        engine.AdvanceTo(HomeScenario.At(33), found);
        Assert.Contains(found, f => f.Kind == AlarmKind.NoWater && f.Subject == "R18" && f.Change == FindingChange.Opened);
        Assert.Contains(found, f => f.Kind == AlarmKind.NoWater && f.Subject == "R19" && f.Change == FindingChange.Opened);
        Assert.DoesNotContain(found, f => f.Kind == AlarmKind.NoWater && f.Subject == "R1" && f.Change == FindingChange.Cleared);
    }

    [Fact]
    public void What_an_outage_holds_back_is_told_after_some_hours_at_most()
    {
        var engine = new RuleEngine(RuleSet.Default, TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"));
        var found = new List<Finding>();
        for (var r = 0; r < 6; r++)
            engine.Put(HomeScenario.Home($"R{r}", HomeScenario.Meter($"w{r}")));
        for (var h = -30; h <= 25; h++)
        for (var r = 0; r < 6; r++)
            engine.Apply(
                new ResidentId($"R{r}"),
                new Reading
                {
                    Device = new DeviceId($"w{r}"),
                    Metric = Metric.WaterVolume,
                    Time = HomeScenario.At(h),
                    Received = HomeScenario.At(h),
                    Value = 100 + Math.Min(h + 30, 30) * 0.01,
                },
                found
            );
        Assert.DoesNotContain(found, f => f.Kind == AlarmKind.NoWater);
        engine.AdvanceTo(HomeScenario.At(37), found);
        Assert.Equal(6, found.Count(f => f.Kind == AlarmKind.NoWater && f.Change == FindingChange.Opened));
    }
}
