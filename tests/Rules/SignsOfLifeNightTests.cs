using Vigil.Model;
using Vigil.Rules;
using static Vigil.Tests.Rules.SensorDays;

namespace Vigil.Tests.Rules;

/// <summary>
/// Homes with motion sensors, doors, a refrigerator's contact, a plug and a tap: when their silence is told, what ends it, and what the
/// alarm says about it.
/// </summary>
public sealed class SignsOfLifeNightTests
{
    private const double Minute = 1 / 60.0;

    [Fact]
    public void A_day_without_a_certain_sign_is_told_in_spite_of_lone_pulses_of_single_sensors()
    {
        var home = Rooms().Morning(7);
        home.Pulse("kitchen", 12).Pulse("bedroom", 15.5).Pulse("bath", 22).Pulse("kitchen", 24 + 3).Tick(24 + 6.9);
        Assert.Empty(home.Of(AlarmKind.Inactivity));
        home.Tick(24 + 7.5);
        Assert.Equal(24, (home.Only(AlarmKind.Inactivity).Time - HomeScenario.At(7 + 2 * Minute)).TotalHours, precision: 3);
    }

    [Fact]
    public void Three_pulses_of_one_chair_within_twenty_minutes_are_no_certain_sign()
    {
        var home = Rooms().Morning(7);
        home.Pulse("kitchen", 15).Pulse("kitchen", 15.1).Pulse("kitchen", 15.3).Tick(24 + 7.5);
        home.Only(AlarmKind.Inactivity);
    }

    [Theory]
    [InlineData("bath", "motion", 1)] // movement in a second room
    [InlineData("door", "door.open", 1)]
    [InlineData("w", "water.volume", 100.2)] // water from a tap
    [InlineData("sos", "button", 1)]
    [InlineData("cuff", "blood.pressure.systolic", 130)] // somebody used the blood pressure monitor
    public void A_pulse_and_a_sign_of_something_else_within_half_an_hour_begin_the_silence_anew(string device, string metric, double value)
    {
        var home = Rooms().Morning(7);
        home.Water(14.9, 100).Say("door", Metric.DoorOpen, 6, 0).Pulse("kitchen", 15);
        home.Say(device, Metric.Parse(metric), 15.2, value, metric == "button" ? "pressed" : null);
        home.Tick(24 + 8);
        Assert.Empty(home.Of(AlarmKind.Inactivity));
    }

    [Fact]
    public void A_watch_that_measures_a_pulse_by_itself_says_nothing_of_life()
    {
        var home = Rooms().Morning(7);
        for (var h = 8.0; h < 24 + 8; h += 0.25)
            home.Say("watch", Metric.HeartRate, h, 70);
        home.Tick(24 + 8).Only(AlarmKind.Inactivity);
    }

    [Fact]
    public void The_silence_of_a_learned_home_is_told_in_hours_with_what_was_expected_and_what_was_last_seen()
    {
        var home = Rooms();
        for (var day = 0; day < 35; day++)
            home.Day(day);
        var last = 35 * 24.0;
        home.Water(last + 1, 200).Battery(last, last + 24).Tick(last + 24);
        var told = home.Only(AlarmKind.Inactivity);
        Assert.InRange((told.Time - HomeScenario.At(last - 1)).TotalHours, 8, 13); // she usually gets up at seven
        Assert.Matches(@"^on 3\d of the last 3\d mornings there was a sign of life before 0[7-9]:[03]0; now \d\d:\d\d, last ", told.Reason);
        Assert.Contains("movement (\"卧室\") at", told.Reason, StringComparison.Ordinal);
        Assert.Contains("卧室）", told.ReasonZh, StringComparison.Ordinal);
        Assert.Contains("个早晨中有", told.ReasonZh, StringComparison.Ordinal);
        Assert.DoesNotContain("nothing at all was received", told.Reason, StringComparison.Ordinal);
        home.Pulse("kitchen", last + 25).Pulse("bath", last + 25.1);
        home.Only(AlarmKind.Inactivity, FindingChange.Cleared);
    }

    [Fact]
    public void Where_nothing_at_all_is_received_since_it_may_be_the_person_or_the_sensors_and_somebody_is_to_look()
    {
        var home = Rooms();
        for (var day = 0; day < 35; day++)
            home.Day(day);
        home.Tick(36 * 24);
        var told = home.Only(AlarmKind.Inactivity);
        Assert.Contains("either nobody is up or the sensors don't reach us, please look", told.Reason, StringComparison.Ordinal);
        Assert.Contains("请探访核实", told.ReasonZh, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sensor_that_dies_is_a_fault_with_its_name_and_no_inactivity()
    {
        var home = Rooms();
        for (var day = 0; day < 35; day++)
            home.Day(day);
        for (var day = 35; day < 50; day++)
            home.Day(day, without: "bath").Battery(day * 24, day * 24 + 24, "bath");
        Assert.Empty(home.Of(AlarmKind.Inactivity));
        var fault = home.Only(AlarmKind.SensorFault);
        Assert.Equal(Severity.Technical, fault.Severity);
        Assert.Equal("bath", fault.Device?.Value);
        Assert.Contains("no movement (\"卫生间\") since", fault.Reason, StringComparison.Ordinal);
        Assert.InRange((fault.Time - HomeScenario.At(35 * 24)).TotalDays, 2, 8);
        home.Pulse("bath", 50 * 24 + 8);
        home.Only(AlarmKind.SensorFault, FindingChange.Cleared);
    }

    [Fact]
    public void Who_stays_out_longer_than_ever_is_missed_and_who_is_out_as_usual_is_not()
    {
        var home = Rooms();
        for (var day = 0; day < 30; day++)
            home.Day(day, outFor: 2 + day % 3 * 0.5);
        Assert.Empty(home.Of(AlarmKind.NotBack));
        Assert.Empty(home.Of(AlarmKind.Inactivity));
        var left = 30 * 24 + 9.0;
        home.Morning(30 * 24 + 7).Opens("door", left).Battery(left, left + 8).Tick(left + 3);
        Assert.Empty(home.Of(AlarmKind.NotBack));
        home.Tick(left + 8);
        var missed = home.Only(AlarmKind.NotBack);
        Assert.InRange((missed.Time - HomeScenario.At(left)).TotalHours, 3, 5);
        Assert.StartsWith("not back: left at 09:00, ", missed.Reason, StringComparison.Ordinal);
        Assert.Contains("most outings last 2.5 h", missed.Reason, StringComparison.Ordinal);
        Assert.StartsWith("外出未归：09:00出门", missed.ReasonZh, StringComparison.Ordinal);
        Assert.Empty(home.Of(AlarmKind.Inactivity));
        home.Opens("door", left + 9);
        home.Only(AlarmKind.NotBack, FindingChange.Cleared);
    }

    [Fact]
    public void A_refrigerator_is_no_door_that_leads_out()
    {
        var home = Rooms();
        for (var day = 0; day < 35; day++)
            home.Day(day);
        var last = 35 * 24 + 8.0;
        home.Morning(last - 1).Opens("fridge", last).Battery(last, last + 20).Tick(last + 20);
        Assert.Empty(home.Of(AlarmKind.NotBack));
        home.Only(AlarmKind.Inactivity);
    }

    [Fact]
    public void A_dry_tap_is_no_silence_while_somebody_is_seen_and_one_day_of_it_is_told_all_the_same()
    {
        var home = Rooms();
        for (var day = 0; day < 35; day++)
            home.Day(day);
        for (var day = 35; day < 37; day++)
            home.Day(day, dry: true);
        var told = home.Only(AlarmKind.Inactivity);
        Assert.Contains("water", told.Reason, StringComparison.Ordinal);
        Assert.True((told.Time - HomeScenario.At(35 * 24 - 2)).TotalHours is > 23.5 and < 25, $"{told.Time} {told.Reason}");
    }

    [Fact]
    public void After_three_days_a_home_is_judged_by_what_is_usual_in_others_twelve_hours_at_the_soonest()
    {
        var home = Rooms();
        for (var day = 0; day < 5; day++)
            home.Day(day);
        home.Battery(5 * 24, 6 * 24).Tick(6 * 24);
        Assert.InRange((home.Only(AlarmKind.Inactivity).Time - HomeScenario.At(5 * 24 - 2.8)).TotalHours, 12, 20);
    }

    [Fact]
    public void Who_leaves_by_the_door_for_an_absence_that_was_told_is_missed_only_after_its_end()
    {
        var home = Rooms();
        for (var day = 0; day < 12; day++)
            home.Day(day, outFor: 2.5);
        var leaves = 12 * 24 + 9.0;
        home.Morning(leaves - 2).Opens("door", leaves);
        home.Engine.Put(
            home.Facts with
            {
                Absences = [new AbsenceFacts(HomeScenario.At(leaves), HomeScenario.At(leaves + 72), "daughter")],
            }
        );
        home.Tick(leaves + 72);
        Assert.Empty(home.Of(AlarmKind.NotBack));
        home.Tick(leaves + 72 + 24);
        Assert.InRange(home.Only(AlarmKind.NotBack).Time, HomeScenario.At(leaves + 72 + 2), HomeScenario.At(leaves + 72 + 12));
    }

    [Fact]
    public void Who_moves_about_at_home_again_ends_the_absence_that_was_told_and_is_watched()
    {
        var home = Rooms().Morning(7).Tick(30);
        home.Engine.Put(home.Facts with { Absences = [new AbsenceFacts(HomeScenario.At(9), HomeScenario.At(240), "daughter")] });
        home.Tick(96).Morning(97).Morning(98).Morning(99).Morning(100).Battery(97, 97 + 25).Tick(97 + 28);
        Assert.Equal(24, (home.Only(AlarmKind.Inactivity).Time - HomeScenario.At(100 + 2 * Minute)).TotalHours, precision: 3);
    }

    [Fact]
    public void Who_waters_the_flowers_of_somebody_absent_ends_no_absence()
    {
        var home = Rooms().Morning(7).Tick(30);
        home.Engine.Put(home.Facts with { Absences = [new AbsenceFacts(HomeScenario.At(9), HomeScenario.At(240), "daughter")] });
        for (var day = 2; day < 9; day++)
            home.Morning(day * 24 + 17).Morning(day * 24 + 17.4).Tick(day * 24 + 23);
        home.Tick(239);
        Assert.Empty(home.Of(AlarmKind.Inactivity));
    }

    [Fact]
    public void A_tap_that_ends_an_absence_lets_the_silence_of_the_sensors_count_again()
    {
        var home = Rooms(HomeScenario.Written("rules:\n  no-water: { enabled: false }\n")).Water(6, 100).Morning(7).Tick(8);
        home.Engine.Put(home.Facts with { Absences = [new AbsenceFacts(HomeScenario.At(9), HomeScenario.At(240), "daughter")] });
        home.Water(60, 100).Tick(70).Water(70.5, 100).Pulse("kitchen", 71.4).Water(71, 100.05, received: 71.5).Battery(72, 110).Tick(110);
        Assert.InRange(home.Only(AlarmKind.Inactivity).Time, HomeScenario.At(71.4 + 12), HomeScenario.At(71.4 + 24));
    }

    [Fact]
    public void An_absence_holds_the_silence_back_and_it_counts_from_its_end()
    {
        var home = Rooms();
        home.Engine.Put(home.Facts with { Absences = [new AbsenceFacts(HomeScenario.At(9), HomeScenario.At(60), "daughter")] });
        home.Morning(7).Tick(60 + 23);
        Assert.Empty(home.Of(AlarmKind.Inactivity));
        home.Tick(60 + 25);
        Assert.Equal(HomeScenario.At(60 + 24), home.Only(AlarmKind.Inactivity).Time);
    }

    [Fact]
    public void A_silence_that_is_told_is_told_anew_when_one_pulse_of_the_only_sensor_was_all_that_came()
    {
        var home = new HomeScenario(facts: HomeScenario.Home("R1", Sensor("pir", Metric.Motion, "客厅")));
        for (var h = 0; h < 40 * 24; h++)
        {
            if (h % 24 is >= 7 and < 22)
                home.Say("pir", Metric.Motion, h, 1);
            home.Say("pir", Metric.BatteryLevel, h + 0.1, 90);
        }

        var empty = 40 * 24.0;
        home.Battery(empty, empty + 60, "pir").Tick(empty + 60);
        home.Only(AlarmKind.Inactivity);
        home.Pulse("pir", empty + 61).Battery(empty + 61, empty + 80, "pir").Tick(empty + 80);
        var told = home.Of(AlarmKind.Inactivity).Where(f => f.Change == FindingChange.Opened).ToList();
        Assert.Equal(2, told.Count);
        Assert.InRange((told[1].Time - HomeScenario.At(empty + 61)).TotalHours, 4, 12.1);
    }

    [Fact]
    public void A_button_a_cuff_or_a_door_that_is_hardly_used_say_nothing_by_their_silence()
    {
        var home = new HomeScenario(
            facts: HomeScenario.Home("R1", Sensor("sos", Metric.Button, "床头"), Sensor("door", Metric.DoorOpen, "大门"))
        );
        home.Say("sos", Metric.Button, 8, 1, "pressed").Say("cuff", Metric.BloodPressureSystolic, 9, 130);
        for (var day = 0; day < 40; day += 4)
            home.Battery(day * 24, day * 24 + 96, "door").Opens("door", day * 24 + 9).Opens("door", day * 24 + 10.2);
        home.Battery(40 * 24, 43 * 24, "door").Tick(43 * 24);
        Assert.Empty(home.Of(AlarmKind.Inactivity));
    }

    [Fact]
    public void A_rule_whose_hours_never_come_is_silent_and_stops_nothing()
    {
        var rules = HomeScenario.Written(
            "holidays: holidays.yaml\nrules:\n  inactivity: { when: { holidays: only } }\n",
            "holidays:\n  - { name: 元旦, from: 2020-01-01, to: 2020-01-01 }\n"
        );
        new HomeScenario(rules).Pulse("kitchen", 7).Pulse("bath", 7.1).Tick(100);
    }

    [Fact]
    public void A_silence_that_was_told_is_not_told_again_when_the_clock_is_set()
    {
        var home = Rooms().Morning(7).Tick(24 + 8);
        home.Only(AlarmKind.Inactivity);
        home.Engine.SetClock(TimeSpan.FromHours(-2), HomeScenario.At(24 + 6));
        home.Tick(24 + 20);
        home.Only(AlarmKind.Inactivity);
        home.Restart().Tick(24 + 24);
        home.Only(AlarmKind.Inactivity);
    }

    [Fact]
    public void A_sensor_that_fires_day_and_night_is_a_fault_and_hides_nobody()
    {
        var home = Rooms();
        for (var day = 0; day < 35; day++)
            home.Day(day);
        for (var h = 35 * 24.0; h < 38 * 24; h += 0.2)
            home.Pulse("kitchen", h); // sunlight on a curtain triggers the sensor; nobody is up
        home.Tick(38 * 24);
        home.Only(AlarmKind.Inactivity);
        var fault = home.Only(AlarmKind.SensorFault);
        Assert.Equal("kitchen", fault.Device?.Value);
        Assert.Contains("without a pause since", fault.Reason, StringComparison.Ordinal);
        Assert.Contains("昼夜不停", fault.ReasonZh, StringComparison.Ordinal);
        home.Pulse("kitchen", 38 * 24 + 7);
        home.Only(AlarmKind.SensorFault, FindingChange.Cleared);
    }

    [Fact]
    public void One_sensor_that_shows_a_movement_twice_is_one_sensor()
    {
        var home = Rooms().Morning(7);
        home.Pulse("bath", 15)
            .Say("bath", Metric.Presence, 15, 1)
            .Say("bath", Metric.SwitchOn, 15, 0)
            .Say("bath", Metric.SwitchOn, 15.01, 1);
        home.Tick(24 + 7.5);
        home.Only(AlarmKind.Inactivity);
    }

    [Fact]
    public void Where_the_other_sensors_are_gone_the_last_one_is_believed_alone()
    {
        var home = Rooms().Morning(7);
        for (var h = 8.0; h < 12 * 24; h++)
            if (h % 24 is >= 7 and < 22)
                home.Pulse("kitchen", h);
        var told = home.Of(AlarmKind.Inactivity).Where(f => f.Time > HomeScenario.At(9 * 24)).ToList();
        Assert.Empty(told);
    }

    [Theory]
    [InlineData(true)] // the sensors' silence is told first
    [InlineData(false)] // the meter's silence is told first
    public void The_silence_of_sensors_and_of_a_meter_is_one_alarm_whichever_tells_first(bool sensorsFirst)
    {
        var home = Rooms().Morning(7);
        home.Water(6, 100).Water(7.2, 100.05);
        for (var h = 8.0; h < 24 + 14; h++)
        {
            if (sensorsFirst)
                home.Tick(h);
            home.Water(h, 100.05);
        }

        home.Tick(24 + 14);
        var opened = Assert.Single(home.Findings, f => f.Change == FindingChange.Opened && f.Severity == Severity.High);
        Assert.Equal(sensorsFirst ? AlarmKind.Inactivity : AlarmKind.NoWater, opened.Kind);
        Assert.Single(home.Findings, f => f.Change == FindingChange.Updated); // the second silence is added once, not every hour
    }

    [Fact]
    public void The_silence_of_sensors_and_of_a_meter_that_began_at_one_moment_have_names_of_their_own()
    {
        var home = Rooms(HomeScenario.Written("rules:\n  no-water: { enabled: false }\n"));
        for (var day = 0; day < 10; day++)
            home.Day(day);
        var last = 10 * 24.0;
        home.Water(last + 0.001, 100.96).Pulse("bath", last + 0.9).Water(last + 1, 101.2);
        home.Water(last + 1.5, 101.2);
        for (var h = last + 2; h < last + 40; h++)
        {
            home.Tick(h).Water(h, 101.2).Say("bedroom", Metric.BatteryLevel, h, 90);
            if (h == last + 20)
                home.Pulse("kitchen", h + 0.1).Pulse("bath", h + 0.2);
        }

        var told = home.Of(AlarmKind.Inactivity).Where(f => f.Change == FindingChange.Opened).ToList();
        Assert.Equal(
            [last + 1, last + 1],
            told.Select(f =>
                (
                    DateTime.Parse(f.Episode.Split('/')[1], null, System.Globalization.DateTimeStyles.AdjustToUniversal)
                    - HomeScenario.Midnight
                ).TotalHours
            )
        );
        Assert.Equal(told.Count, told.DistinctBy(f => (f.Episode, f.Sequence)).Count());
    }

    [Fact]
    public void Who_sits_for_a_day_before_a_sensor_that_says_so_every_minute_is_not_missed()
    {
        var home = Rooms().Morning(7);
        for (var h = 7.1; h < 24 + 8; h += Minute)
            home.Pulse("kitchen", h);
        home.Tick(24 + 6);
        Assert.Empty(home.Of(AlarmKind.Inactivity));
    }

    [Fact]
    public void Who_is_back_from_three_weeks_in_hospital_is_watched_again_within_days()
    {
        var home = Rooms();
        for (var day = 0; day < 35; day++)
            home.Day(day);
        home.Battery(35 * 24, 56 * 24);
        for (var day = 56; day < 62; day++)
            home.Day(day);
        home.Findings.Clear();
        home.Battery(62 * 24, 63 * 24).Tick(63 * 24);
        Assert.InRange(home.Only(AlarmKind.Inactivity).Time, HomeScenario.At(62 * 24 + 2), HomeScenario.At(62 * 24 + 13));
    }

    [Theory]
    [InlineData(1, 17)] // used at nine every day: missed from ten on
    [InlineData(2, 41)] // every other day
    [InlineData(5, 0)] // used so rarely that nothing can be expected of it
    public void A_door_alone_is_missed_by_how_often_it_is_used(int everyDays, int told)
    {
        var home = new HomeScenario(facts: HomeScenario.Home("R1", Sensor("door", Metric.DoorOpen, "大门")));
        for (var day = 0; day < 40; day++)
        {
            home.Battery(day * 24, day * 24 + 24, "door");
            if (day % everyDays == 0)
                home.Opens("door", day * 24 + 9).Opens("door", day * 24 + 17);
        }

        home.Findings.Clear();
        home.Battery(40 * 24, 46 * 24, "door").Tick(46 * 24);
        if (told == 0)
            Assert.Empty(home.Of(AlarmKind.Inactivity));
        else
            Assert.InRange(
                (home.Only(AlarmKind.Inactivity).Time - HomeScenario.At((39 - 39 % everyDays) * 24 + 17)).TotalHours,
                told - 1,
                told + 1
            );
    }

    [Fact]
    public void A_plug_in_use_is_a_sign_and_at_rest_it_is_none()
    {
        var home = Rooms().Morning(7);
        for (var h = 8.0; h < 24 + 8; h += 0.25)
            home.Say("plug", Metric.ElectricityPower, h, h is 15 ? 900 : 2 + h % 2);
        home.Pulse("kitchen", 15.1).Tick(24 + 8); // the kettle shows that somebody was up
        Assert.Empty(home.Of(AlarmKind.Inactivity));
        home.Tick(24 + 16);
        home.Only(AlarmKind.Inactivity);
    }
}
