using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>A plumber changes the water meter: its total begins again, under another id, and the person's life goes on.</summary>
public sealed class ReplacedMeterNightTests
{
    /// <summary>Not in every hour: the same use in each would be a leak.</summary>
    private static double Day(int h) => ((h % 24) + 24) % 24 is >= 7 and <= 21 && h % 3 == 0 ? 0.012 : 0;

    private static DeviceFacts Installed(string id, double hours) => HomeScenario.Meter(id) with { InstalledAt = HomeScenario.At(hours) };

    [Fact]
    public void A_replaced_meter_with_a_smaller_total_raises_nothing()
    {
        var night = Replaced();
        var total = 0.0;
        for (var h = 11; h < 24 * 10; h++)
            night.Say("w2", Metric.WaterVolume, h, total += Day(h)).Tick(h + 0.5);
        Assert.Empty(night.Findings);
    }

    [Fact]
    public void Whoever_falls_after_the_meter_was_replaced_is_missed_as_soon_as_ever()
    {
        var night = Replaced();
        var total = 0.0;
        for (var h = 11; h <= 13; h++)
            night.Say("w2", Metric.WaterVolume, h, total += 0.02);
        for (var h = 14; h <= 60; h++)
            night.Say("w2", Metric.WaterVolume, h, total);
        // A day after the last use, although the old meter has said nothing about it.
        Assert.Equal(HomeScenario.At(37), night.Only(AlarmKind.NoWater).Time);
    }

    [Fact]
    public void What_a_meter_counted_elsewhere_is_no_use_of_the_home_that_it_comes_back_to()
    {
        var night = Replaced();
        for (var h = 11; h <= 30; h++)
            night.Say("w2", Metric.WaterVolume, h, h / 3 * 0.012);
        // The first one is in the home again, after a day with thirsty people.
        night.Engine.Put(night.Facts = HomeScenario.Home("R1", Installed("w", 30.5)));
        for (var h = 31; h <= 56; h++)
            night.Water(h, 102.9);
        Assert.DoesNotContain(night.Findings, f => f.Kind == AlarmKind.Overuse || f.Change == FindingChange.Cleared);
        night.Water(57, 102.9);
        night.Only(AlarmKind.NoWater);
    }

    [Fact]
    public void A_device_that_comes_back_and_never_speaks_is_missed_from_its_return_on()
    {
        var night = new HomeScenario().Flow(-48, 10, 100, Day);
        night.Engine.Put(night.Facts = HomeScenario.Home("R1", Installed("w2", 10)));
        night.Engine.Put(night.Facts = HomeScenario.Home("R1", Installed("w", 100)));
        night.Tick(147);
        Assert.Empty(night.Of(AlarmKind.DeviceNeverSeen));
        night.Tick(149);
        var told = night.Only(AlarmKind.DeviceNeverSeen);
        Assert.Contains("installed or registered", told.Reason, StringComparison.Ordinal);
    }

    /// <summary>Until ten in the morning meter w counts, then w2 is there.</summary>
    private static HomeScenario Replaced()
    {
        var night = new HomeScenario().Flow(-48, 10, 100, Day);
        night.Engine.Put(night.Facts = HomeScenario.Home("R1", Installed("w2", 10.5)));
        return night;
    }
}
