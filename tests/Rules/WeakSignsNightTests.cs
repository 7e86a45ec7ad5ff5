using Vigil.Model;
using Vigil.Rules;
using static Vigil.Tests.Rules.SensorDays;

namespace Vigil.Tests.Rules;

/// <summary>
/// What hides the silence of a home's sensors, or seems to end it: a meter that stands still, a door behind which nobody moved, a boiler, a
/// pendant that tests itself, a clock that was set, other sensors that died months ago.
/// </summary>
public sealed class WeakSignsNightTests
{
    private const double Minute = 1 / 60.0;

    [Fact]
    public void A_meter_that_stands_still_hides_no_later_silence_of_the_sensors()
    {
        var home = Rooms();
        for (var day = 0; day < 37; day++)
            home.Day(day, dry: day >= 35);
        home.Only(AlarmKind.Inactivity); // the meter's alarm, a day after the last use
        var last = 37 * 24.0;
        for (var h = 0; h < 48; h++)
            home.Water(last + h, 100 + 35 * 96 * 1e-3).Battery(last + h, last + h + 1);
        home.Tick(last + 48);
        var told = Assert.Single(
            home.Findings,
            f => f.Kind == AlarmKind.Inactivity && f.Notify && f.Reason.Contains("sign of life", StringComparison.Ordinal)
        );
        Assert.InRange(told.Time, HomeScenario.At(last), HomeScenario.At(last + 13));
    }

    [Fact]
    public void Who_was_seen_long_after_the_main_broke_is_told_of_as_silent_beside_the_dry_tap()
    {
        var home = Rooms();
        home.Water(-3, 100).Water(-2, 100.05).Morning(7).Morning(9).Morning(12).Battery(0, 70);
        for (var h = -1.0; h < 12 + 30; h++)
            home.Water(h, 100.05).Tick(h);
        Assert.Single(home.Of(AlarmKind.NoWater), f => f.Change == FindingChange.Opened);
        Assert.Equal(24, (home.Only(AlarmKind.Inactivity).Time - HomeScenario.At(12 + 2 * Minute)).TotalHours, precision: 3);
    }

    [Theory]
    [InlineData("not-back", "inactivity")]
    [InlineData("inactivity", "not-back")]
    public void Where_one_of_the_two_rules_is_off_the_other_holds(string off, string told)
    {
        var home = Rooms(HomeScenario.Written($"rules:\n  {off}: {{ enabled: false }}\n  no-water: {{ enabled: false }}\n"));
        for (var day = 0; day < 12; day++)
            home.Day(day, outFor: 2.5);
        var left = 12 * 24 + 9.0;
        home.Morning(left - 2).Opens("door", left).Battery(left, left + 96).Tick(left + 96);
        Assert.Equal(
            [told],
            home.Findings.Where(f => f.Change == FindingChange.Opened && f.Severity == Severity.High).Select(f => f.Kind.Name)
        );
    }

    [Fact]
    public void A_downtime_does_not_put_an_alarm_off_that_waits_for_the_hours_of_its_rule()
    {
        var home = Rooms(
            HomeScenario.Written("rules:\n  inactivity: { when: { from: \"08:00\", to: \"20:00\" } }\n  no-water: { enabled: false }\n")
        );
        home.Morning(13);
        home.Engine.AddDowntime(HomeScenario.At(16), HomeScenario.At(29));
        home.Battery(29, 80).Tick(80);
        // the service has listened for 24 h at two in the night, outside the rule's hours
        Assert.Equal(HomeScenario.At(48 + 8), home.Only(AlarmKind.Inactivity).Time);
    }

    [Fact]
    public void A_clock_that_is_set_forward_counts_once()
    {
        var home = Rooms().Morning(7).Tick(7 + 20);
        home.Engine.SetClock(TimeSpan.FromHours(30), HomeScenario.At(7 + 50));
        home.Tick(7 + 53.9);
        Assert.Empty(home.Of(AlarmKind.Inactivity));
        home.Tick(7 + 54.2);
        home.Only(AlarmKind.Inactivity);
    }

    [Fact]
    public void A_clock_that_was_days_ahead_puts_off_nothing_that_waited_for_the_hours_of_a_rule()
    {
        var home = Rooms(
            HomeScenario.Written("rules:\n  inactivity: { when: { from: \"08:00\", to: \"20:00\" } }\n  no-water: { enabled: false }\n")
        );
        home.Morning(22);
        home.Engine.SetClock(TimeSpan.FromHours(240), HomeScenario.At(22.1 + 240));
        home.Tick(240 + 48); // it falls due at night and waits for 08:00
        home.Engine.SetClock(TimeSpan.FromHours(-240), HomeScenario.At(48));
        home.Tick(72);
        Assert.InRange(home.Only(AlarmKind.Inactivity).Time, HomeScenario.At(48), HomeScenario.At(57));
    }

    [Fact]
    public void A_boiler_that_burns_by_itself_is_nobody()
    {
        var home = Rooms();
        for (var h = 0.0; h < 7; h += 0.5)
            home.Say("gas", Metric.GasVolume, h, h * 0.1);
        home.Morning(7);
        for (var h = 7.5; h < 60; h += 0.5)
            if (h % 24 is > 5 or < 1)
                home.Say("gas", Metric.GasVolume, h, h * 0.1);
        home.Tick(60);
        home.Only(AlarmKind.Inactivity);
        Assert.Empty(home.Of(AlarmKind.SensorFault));
    }

    [Fact]
    public void A_pendant_that_tests_itself_is_nobody()
    {
        var home = Rooms().Morning(7);
        for (var h = 8.0; h < 40; h += 3)
            home.Say("sos", Metric.Button, h, 1, "test");
        home.Tick(40).Only(AlarmKind.Inactivity);
    }

    [Fact]
    public void A_press_of_a_watch_proves_life_also_just_after_its_steps()
    {
        var home = Rooms().Morning(7).Say("watch", Metric.Steps, 14.9, 100);
        home.Say("watch", Metric.Steps, 15, 150).Say("watch", Metric.Button, 15.02, 1, "pressed").Tick(24 + 14);
        Assert.Empty(home.Of(AlarmKind.Inactivity));
        home.Tick(24 + 16).Only(AlarmKind.Inactivity);
    }

    [Fact]
    public void Lone_pulses_in_weeks_of_an_absence_end_neither_it_nor_the_alarm_of_one_that_nobody_told()
    {
        var told = Rooms();
        var silent = Rooms();
        foreach (var home in new[] { told, silent })
        {
            for (var day = 0; day < 30; day++)
                home.Day(day);
            home.Battery(720, 721);
        }

        told.Engine.Put(told.Facts with { Absences = [new AbsenceFacts(HomeScenario.At(720), HomeScenario.At(720 + 504), "daughter")] });
        foreach (var home in new[] { told, silent })
        {
            for (var day = 30; day < 51; day++)
            {
                home.Battery(day * 24, day * 24 + 24);
                if (day == 39)
                    home.Pulse("bath", day * 24 + 10).Pulse("bath", day * 24 + 11.3).Pulse("bath", day * 24 + 12.6);
            }

            home.Tick(51 * 24 - 1);
        }

        Assert.Empty(told.Of(AlarmKind.Inactivity));
        Assert.DoesNotContain(
            silent.Of(AlarmKind.Inactivity),
            f => f.Change == FindingChange.Cleared && f.Reason.Contains("signs of life again", StringComparison.Ordinal)
        );
    }

    [Fact]
    public void A_door_alone_that_was_told_of_once_is_not_told_of_every_night_for_ever()
    {
        var home = new HomeScenario(facts: HomeScenario.Home("R1", Sensor("door", Metric.DoorOpen, "大门")));
        void Days(int from, int to)
        {
            for (var day = from; day < to; day++)
            {
                foreach (var h in (double[])[7.5, 10, 12.5, 15, 18])
                    home.Battery(day * 24 + (h > 8 ? h - 2.5 : 0), day * 24 + h, "door")
                        .Tick(day * 24 + h - 0.1)
                        .Opens("door", day * 24 + h);
            }
        }

        Days(0, 40);
        home.Findings.Clear();
        home.Battery(40 * 24, 42 * 24, "door");
        Days(42, 60);
        Assert.InRange(home.Of(AlarmKind.Inactivity).Count(f => f.Change == FindingChange.Opened), 1, 4);
    }

    [Fact]
    public void A_radar_that_repeats_itself_in_one_visit_is_not_missed_afterwards()
    {
        var home = Rooms();
        for (var s = 0; s < 60; s++)
            home.Say("guest", Metric.Presence, 10 + s * Minute / 3, 1);
        for (var day = 1; day < 9; day++)
            home.Day(day);
        Assert.Empty(home.Of(AlarmKind.SensorFault));
    }

    [Fact]
    public void A_first_pulse_that_arrives_late_ends_the_fault_of_its_sensor_for_good()
    {
        var home = Rooms();
        for (var day = 0; day < 20; day++)
            home.Day(day);
        for (var day = 20; day < 30; day++)
            home.Day(day, without: "bath");
        home.Only(AlarmKind.SensorFault);
        home.Pulse("kitchen", 720.2).Say("bath", Metric.Motion, 720.1, 1, received: 720.3);
        home.Pulse("kitchen", 720.5).Pulse("bedroom", 720.6).Day(30, without: "bath");
        Assert.Equal([FindingChange.Opened, FindingChange.Cleared], home.Of(AlarmKind.SensorFault).Select(f => f.Change));
    }
}
