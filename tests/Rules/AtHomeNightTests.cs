using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>
/// Rules about locators, beds, doors, rooms and the devices themselves (from wandering to clock-wrong), and the hours in which a rule may
/// alarm.
/// </summary>
public sealed class AtHomeNightTests
{
    [Fact]
    public void Wandering_out_at_eight_in_the_evening_is_told_a_quarter_past_ten_and_told_again_when_it_is_far()
    {
        var night = new HomeScenario().Fix(19, 0).Fix(20, 900).Tick(22.2);
        Assert.Empty(night.Of(AlarmKind.Wandering));
        night.Tick(22.3);
        Assert.Equal(HomeScenario.At(22.25), night.Only(AlarmKind.Wandering).Time);
        night.Fix(22.5, 1500).Fix(23, 6200).Fix(23.2, 6500);
        var far = night.Only(AlarmKind.Wandering, FindingChange.Updated);
        Assert.True(far.Notify);
        Assert.Contains("now 6.2 km from home", far.Reason);
        Assert.Contains("已离家6.2公里", far.ReasonZh);
        night.Fix(24, 100);
        night.Only(AlarmKind.Wandering, FindingChange.Cleared);
    }

    [Fact]
    public void The_first_fix_of_a_new_locator_at_the_factory_is_no_wandering_and_two_of_them_are()
    {
        Assert.Empty(new HomeScenario().Fix(10, 900_000).Fix(10.2, 30).Fix(10.4, 10).Tick(20).Of(AlarmKind.Wandering));
        Assert.Single(new HomeScenario().Fix(10, 9000).Fix(10.2, 9100).Of(AlarmKind.Wandering));
    }

    [Fact]
    public void An_absence_holds_wandering_back_and_not_the_press_on_the_locator()
    {
        var night = new HomeScenario(
            facts: HomeScenario.Home("R1") with
            {
                Absences = [new AbsenceFacts(HomeScenario.At(0), HomeScenario.At(20), "son")],
            }
        );
        night.Fix(1, 0).Fix(2, 9000).Fix(2.1, 9000).Say("l", Metric.Button, 3, 1, "sos");
        Assert.Empty(night.Of(AlarmKind.Wandering));
        Assert.Contains(
            "locator outside the home zone",
            new HomeScenario().Fix(1, 0).Fix(2, 800).Say("l", Metric.Button, 2.1, 1, "sos").Only(AlarmKind.Sos).Reason
        );
        night.Only(AlarmKind.Sos);
        night.Fix(20.5, 9000).Fix(20.6, 9000); // the announced absence is over, and the resident is still away
        Assert.Single(night.Of(AlarmKind.Wandering));
    }

    [Fact]
    public void A_door_opened_in_the_evening_and_left_so_is_told_soon_once_it_is_night()
    {
        var night = new HomeScenario().Say("d", Metric.DoorOpen, 21.75, 1).Tick(22.2);
        Assert.Empty(night.Of(AlarmKind.DoorOpen));
        night.Tick(22.3);
        Assert.Equal(HomeScenario.At(22.25), night.Only(AlarmKind.DoorOpen).Time);
        night.Say("d", Metric.DoorOpen, 22.4, 0);
        night.Only(AlarmKind.DoorOpen, FindingChange.Cleared);
    }

    [Fact]
    public void Out_of_bed_is_over_when_somebody_lies_down_again()
    {
        var night = new HomeScenario()
            .Say("bed", Metric.BedOccupied, -1, 1)
            .Say("bed", Metric.BedOccupied, 2, 0)
            .Tick(3)
            .Say("bed", Metric.BedOccupied, 3.5, 1);
        Assert.Contains("back in bed at 03:30", night.Only(AlarmKind.OutOfBed, FindingChange.Cleared).Reason);
    }

    [Fact]
    public void A_cold_home_found_empty_in_an_absence_is_told_after_it_with_the_time_it_is_told()
    {
        var night = new HomeScenario(
            facts: HomeScenario.Home("R1") with
            {
                Absences = [new AbsenceFacts(HomeScenario.At(0), HomeScenario.At(10), "son")],
            }
        );
        for (var h = 1; h <= 11; h++)
            night.Say("t", Metric.AirTemperature, h, 9);
        Assert.Equal(HomeScenario.At(10), night.Only(AlarmKind.ColdHome).Time);
    }

    [Fact]
    public void Tamper_is_over_when_the_lid_is_closed_and_a_never_seen_device_is_not_also_silent()
    {
        var night = new HomeScenario().Say("k", Metric.Tamper, 1, 1).Say("k", Metric.Tamper, 2, 0).Tick(3);
        Assert.Contains("is over since 02:00", night.Only(AlarmKind.Tamper, FindingChange.Cleared).Reason);
        Assert.Empty(night.Of(AlarmKind.DeviceSilent));
        night.Only(AlarmKind.DeviceNeverSeen); // the home's water meter, which never reported
    }

    [Fact]
    public void A_device_that_is_taken_away_is_no_trouble_any_more_and_its_calls_stay()
    {
        var night = new HomeScenario().Press(1).Say("b", Metric.BatteryLevel, 1, 10).Tick(3);
        night.Only(AlarmKind.DeviceNeverSeen);
        night.Facts = night.Facts with { Devices = [] };
        night.Engine.Put(night.Facts);
        night.Tick(3.1);
        Assert.Contains("taken out of the registry", night.Only(AlarmKind.DeviceNeverSeen, FindingChange.Cleared).Reason);
        night.Only(AlarmKind.BatteryLow, FindingChange.Cleared);
        Assert.DoesNotContain(night.Of(AlarmKind.Sos), f => f.Change == FindingChange.Cleared);
    }

    [Fact]
    public void A_cold_wave_tightens_the_limit_and_asks_for_a_visit()
    {
        HomeScenario Room(DateTime? watch)
        {
            var night = new HomeScenario(facts: HomeScenario.Home("R1") with { WatchUntil = watch });
            for (var q = 0; q <= 5; q++)
                night.Say("t", Metric.AirTemperature, 1 + q * 0.25, 9);
            return night;
        }

        Assert.Empty(Room(null).Findings);
        var found = Room(HomeScenario.At(100)).Only(AlarmKind.ColdHome);
        Assert.Equal(HomeScenario.At(1.5), found.Time);
        Assert.Contains("please visit", found.Reason);
        Assert.Contains("请上门探访", found.ReasonZh);
    }

    [Fact]
    public void What_comes_outside_the_hours_of_its_rule_waits_for_them_and_is_told_if_it_still_holds()
    {
        var rules = HomeScenario.Written(
            "rules:\n  battery-low: { when: { from: \"08:00\", to: \"18:00\", weekdays: [mon, tue, wed, thu, fri] } }\n  "
                + "water-leak: { when: { from: \"07:00\", to: \"22:00\" } }\n  device-silent: { when: { from: \"08:00\", to: "
                + "\"18:00\" } }\n"
        );
        var night = new HomeScenario(rules);
        var held = night.HeldBack;
        night
            .Flow(-30, 0, 100, _ => 0.01)
            .Say("b", Metric.BatteryLevel, 2, 12)
            .Say("k", Metric.WaterLeak, 3, 1)
            .Say("k2", Metric.WaterLeak, 3, 1)
            .Say("k2", Metric.WaterLeak, 4, 0)
            .Tick(6.9);
        Assert.DoesNotContain(night.Findings, f => f.Kind != AlarmKind.WaterRunning);
        Assert.Contains("battery-low: outside the hours of the rule until 08:00", held);
        night.Restart().Tick(8.1);
        var leak = night.Only(AlarmKind.WaterLeak);
        Assert.Equal((HomeScenario.At(7), "k"), (leak.Time, leak.Device!.Value.Value));
        Assert.Contains("held back outside the hours of the rule until now", leak.Reason);
        Assert.StartsWith("自03:00起漏水报警，规则时段外暂未通知", leak.ReasonZh);
        Assert.Equal(HomeScenario.At(8), night.Only(AlarmKind.BatteryLow).Time); // Friday, a working day
        Assert.Equal(HomeScenario.At(8), night.Only(AlarmKind.DeviceSilent).Time);
        // On Saturday nothing is told; on Monday it is.
        var weekend = new HomeScenario(rules).Say("b", Metric.BatteryLevel, 36, 12).Tick(72);
        Assert.Empty(weekend.Of(AlarmKind.BatteryLow));
        Assert.Equal(HomeScenario.At(80), weekend.Tick(81).Only(AlarmKind.BatteryLow).Time);
    }

    [Fact]
    public void A_welfare_check_does_not_wait_for_the_hours_of_device_silent()
    {
        var rules = HomeScenario.Written("rules:\n  device-silent: { when: { from: \"08:00\", to: \"09:00\", weekdays: [sun] } }\n");
        var night = new HomeScenario(rules).Flow(-30, 0, 100, _ => 0.01).Tick(30);
        var check = night.Only(AlarmKind.DeviceSilent);
        Assert.Equal((Severity.High, HomeScenario.At(27), 0), (check.Severity, check.Time, check.Sequence));
    }

    [Theory]
    // 02:30 doesn't exist in that night; the window opens at half past three
    [InlineData("2026-03-29T00:30:00Z", "02:30", "2026-03-29T01:30:00Z")]
    [InlineData("2026-10-24T22:00:00Z", "02:30", "2026-10-25T00:30:00Z")] // 02:30 comes twice in that night; the window opens at the first
    [InlineData("2026-06-01T22:30:00Z", "00:15", "2026-06-02T22:15:00Z")]
    public void A_window_opens_once_on_the_nights_on_which_clocks_change(string from, string opens, string expected)
    {
        static DateTime Utc(string s) =>
            DateTime.Parse(s, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AdjustToUniversal);
        var window = new RuleWindow(
            (int)TimeSpan.Parse(opens, System.Globalization.CultureInfo.InvariantCulture).TotalSeconds,
            (int)TimeSpan.Parse(opens, System.Globalization.CultureInfo.InvariantCulture).TotalSeconds + 900,
            127,
            HolidayUse.Any
        );
        var berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        Assert.Equal(Utc(expected), new DateTime(window.Next(Utc(from).Ticks, berlin, WorkCalendar.None), DateTimeKind.Utc));
    }

    [Fact]
    public void A_window_of_holidays_opens_on_the_next_one_months_ahead_and_never_when_there_is_none()
    {
        var shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
        var window = new RuleWindow(0, 0, 127, HolidayUse.Only);
        Assert.Equal(
            new DateTime(2026, 4, 3, 16, 0, 0, DateTimeKind.Utc).Ticks,
            window.Next(HomeScenario.At(0).Ticks, shanghai, new WorkCalendar([new(2026, 4, 4)], []))
        );
        Assert.Equal(0, window.Next(HomeScenario.At(0).Ticks, shanghai, WorkCalendar.None));
    }
}
