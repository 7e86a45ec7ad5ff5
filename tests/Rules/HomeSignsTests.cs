using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>What a home's devices could show right now.</summary>
public sealed class HomeSignsTests
{
    [Fact]
    public void A_meter_counts_as_heard_from_its_first_message_until_it_is_missed_and_again_when_it_is_back()
    {
        var night = new HomeScenario(facts: HomeScenario.Home("R1", HomeScenario.Meter("w")));
        Assert.Equal(new HomeSigns(1, 0, false, false), night.Engine.SignsOf(night.Facts.Id));
        night.Say("w", Metric.WaterVolume, 0, 10);
        Assert.Equal(new HomeSigns(1, 1, false, false), night.Engine.SignsOf(night.Facts.Id));
        night.Engine.AdvanceTo(HomeScenario.At(40), night.Findings);
        Assert.Contains(night.Findings, f => f.Kind == AlarmKind.DeviceSilent);
        Assert.Equal(0, night.Engine.SignsOf(night.Facts.Id).Heard);
        night.Say("w", Metric.WaterVolume, 41, 10);
        Assert.Equal(1, night.Engine.SignsOf(night.Facts.Id).Heard);
        Assert.Equal(default, night.Engine.SignsOf(new ResidentId("nobody")));
    }

    [Fact]
    public void A_locator_and_a_low_battery_are_known_until_the_device_is_taken_out()
    {
        var night = new HomeScenario(facts: HomeScenario.Home("R1", new DeviceFacts(new DeviceId("l"), HomeScenario.Midnight, null, [])));
        Assert.False(night.Engine.SignsOf(night.Facts.Id).Locator);
        night.Say("l", Metric.Location, 1, 23.1, longitude: 113.3);
        for (var hour = 2; hour < 6; hour++)
            night.Say("l", Metric.BatteryLevel, hour, 3);
        Assert.Equal(new HomeSigns(1, 1, true, true), night.Engine.SignsOf(night.Facts.Id));
        night.Engine.Put(HomeScenario.Home("R1", HomeScenario.Meter("w")));
        Assert.Equal(new HomeSigns(1, 0, false, false), night.Engine.SignsOf(night.Facts.Id));
    }

    [Fact]
    public void A_locator_is_expected_by_its_profile_before_it_has_spoken()
    {
        var facts = HomeScenario.Home("R1", new DeviceFacts(new DeviceId("l"), HomeScenario.Midnight, null, [Metric.Location]));
        Assert.True(new HomeScenario(facts: facts).Engine.SignsOf(facts.Id).Locator);
    }
}
