using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>The service's own clock is set: no device counts as silent earlier or later because of it, and no press is lost.</summary>
public sealed class ClockShiftTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Theory]
    [InlineData(3)]
    [InlineData(72)]
    public void Set_forward_no_device_is_silent_and_one_that_is_is_found_as_much_later_as_it_would_have_been(int hours)
    {
        var night = new HomeScenario().Water(0, 1).Water(1, 1.05);
        night.Engine.SetClock(TimeSpan.FromHours(hours), HomeScenario.At(1.5 + hours));
        night.Tick(2 + hours);
        Assert.Empty(night.Findings);
        // It reports hourly and is silent after three missed reports; half an hour of the three had passed, so 2.5 h are left.
        night.Tick(1.5 + hours + 2.4);
        Assert.Empty(night.Of(AlarmKind.DeviceSilent));
        night.Tick(1.5 + hours + 2.6);
        night.Only(AlarmKind.DeviceSilent);
    }

    [Fact]
    public void Set_back_a_device_is_missed_as_soon_as_before()
    {
        var night = new HomeScenario().Water(5, 1).Water(6, 1.05);
        night.Engine.SetClock(-Hour, HomeScenario.At(5.5)); // before that it was 6:30
        night.Tick(5.5 + 2.4);
        Assert.Empty(night.Of(AlarmKind.DeviceSilent));
        night.Tick(5.5 + 2.6);
        night.Only(AlarmKind.DeviceSilent);
    }

    [Fact]
    public void A_press_after_the_clock_was_set_back_is_heard_also_from_a_button_that_is_full_of_presses()
    {
        var night = new HomeScenario();
        for (var i = 0; i < 9; i++)
            night.Press(6 + i / 100.0);
        Assert.Equal(9, night.Of(AlarmKind.Sos).Count());
        night.Engine.SetClock(-Hour, HomeScenario.At(5.2));
        night.Press(5.25);
        var again = night.Of(AlarmKind.Sos).Last();
        Assert.Equal(10, night.Of(AlarmKind.Sos).Count());
        Assert.True(again.Notify || again.Change == FindingChange.Opened);
        night.Press(5.25); // the same press, delivered again
        Assert.Equal(10, night.Of(AlarmKind.Sos).Count());
    }

    [Fact]
    public void A_press_from_before_the_clock_was_set_back_is_still_known_when_a_restart_reads_it_again()
    {
        var night = new HomeScenario();
        night.Press(6);
        night.Engine.SetClock(-Hour, HomeScenario.At(5.1));
        night.Press(6);
        night.Only(AlarmKind.Sos);
    }

    [Fact]
    public void A_door_that_is_closed_after_the_clock_was_set_back_is_closed()
    {
        var night = new HomeScenario(
            facts: HomeScenario.Home("R1", new DeviceFacts(new DeviceId("d"), HomeScenario.Midnight, null, [Metric.DoorOpen]))
        );
        night.Say("d", Metric.DoorOpen, 10, 0).Say("d", Metric.DoorOpen, 12, 1);
        night.Engine.SetClock(-Hour, HomeScenario.At(11.1));
        night.Say("d", Metric.DoorOpen, 11.2, 0).Tick(20);
        Assert.Empty(night.Of(AlarmKind.DoorOpen));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(-1)]
    public void A_door_that_stays_open_is_told_after_as_long_as_without_the_jump(int hours)
    {
        var calm = new HomeScenario(
            facts: HomeScenario.Home("R1", new DeviceFacts(new DeviceId("d"), HomeScenario.Midnight, null, [Metric.DoorOpen]))
        );
        calm.Say("d", Metric.DoorOpen, 10, 0).Say("d", Metric.DoorOpen, 12, 1).Tick(36);
        var lasts = calm.Only(AlarmKind.DoorOpen).Time - HomeScenario.At(12);

        var night = new HomeScenario(
            facts: HomeScenario.Home("R1", new DeviceFacts(new DeviceId("d"), HomeScenario.Midnight, null, [Metric.DoorOpen]))
        );
        night.Say("d", Metric.DoorOpen, 10, 0).Say("d", Metric.DoorOpen, 12, 1);
        night.Engine.SetClock(TimeSpan.FromHours(hours), HomeScenario.At(12.1 + hours));
        night.Tick(36 + hours);
        Assert.Equal(lasts, night.Only(AlarmKind.DoorOpen).Time - HomeScenario.At(12 + hours));
    }

    [Fact]
    public void Set_forward_a_home_that_uses_water_has_not_been_without_it_for_longer()
    {
        // 23 hours without water are no alarm under the shipped limit of 24; three hours that only the clock skipped must not make them
        // one.
        var within = (int)(RuleSet.Default.For(null).Ticks(RuleParameter.WaterWithin) / TimeSpan.TicksPerHour);
        var night = new HomeScenario().Water(0, 1).Water(1, 1.05).Flow(2, within - 1, 1.05, _ => 0);
        night.Engine.SetClock(3 * Hour, HomeScenario.At(within - 0.5 + 3));
        night.Water(within + 3, 1.05);
        Assert.Empty(night.Of(AlarmKind.NoWater));
        night.Water(within + 4, 1.05).Water(within + 5, 1.05);
        night.Only(AlarmKind.NoWater);
    }

    [Fact]
    public void Forward_and_back_again_leaves_silence_as_it_was()
    {
        var night = new HomeScenario().Water(0, 1).Water(1, 1.05);
        night.Engine.SetClock(3 * Hour, HomeScenario.At(4.5));
        night.Engine.SetClock(-3 * Hour, HomeScenario.At(1.6));
        night.Tick(1 + 2.9);
        Assert.Empty(night.Of(AlarmKind.DeviceSilent));
        night.Tick(1 + 3.2);
        night.Only(AlarmKind.DeviceSilent);
    }
}
