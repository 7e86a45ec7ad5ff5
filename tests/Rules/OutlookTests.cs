using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>The resident's page says when an alarm would come, and it comes then.</summary>
public sealed class OutlookTests
{
    [Fact]
    public void The_promised_moments_are_those_at_which_the_alarms_come()
    {
        var night = new HomeScenario();
        for (var hour = 0; hour <= 48; hour++)
            night.Say("w", Metric.WaterVolume, hour, 10 + Math.Min(hour, 40) * 0.02); // the last use is at 40 h
        var water = Assert.Single(night.Engine.OutlooksOf(night.Facts.Id), o => o is { Device: "w", Kind.Name: "no-water" });
        var silent = Assert.Single(night.Engine.OutlooksOf(night.Facts.Id), o => o is { Device: "w", Kind.Name: "device-silent" });
        night.Findings.Clear();
        for (var hour = 49; hour <= 80 && !night.Findings.Exists(f => f.Kind == AlarmKind.NoWater); hour++)
        {
            night.Say("w", Metric.WaterVolume, hour, 10.8);
            if (night.Findings.Exists(f => f.Kind == AlarmKind.NoWater))
                Assert.Equal(HomeScenario.At(hour), water.At);
        }

        Assert.Contains(night.Findings, f => f.Kind == AlarmKind.NoWater);

        var mute = new HomeScenario();
        mute.Say("w", Metric.WaterVolume, 48, 10);
        var promised = Assert.Single(mute.Engine.OutlooksOf(mute.Facts.Id), o => o is { Device: "w", Kind.Name: "device-silent" }).At;
        mute.Engine.AdvanceTo(promised.AddTicks(-1), mute.Findings);
        Assert.DoesNotContain(mute.Findings, f => f.Kind == AlarmKind.DeviceSilent);
        mute.Engine.AdvanceTo(promised, mute.Findings);
        Assert.Contains(mute.Findings, f => f.Kind == AlarmKind.DeviceSilent);
        Assert.Equal(silent.At - HomeScenario.At(48), promised - HomeScenario.At(48));
    }
}
