using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>Nights in which somebody has taken consent back: nothing is watched, and who calls is heard.</summary>
public sealed class ConsentNightTests
{
    private static double Lives(int h) => (h % 24 + 24) % 24 is >= 7 and <= 21 ? 0.012 : 0;

    [Fact]
    public void A_silence_that_runs_when_monitoring_is_withdrawn_is_never_told()
    {
        var night = new HomeScenario().Flow(-96, 8, 100, Lives).Tick(9);
        Withdraw(night, Refusals.Monitoring).Tick(9.1).Tick(200);
        Assert.Empty(night.Findings);
        Assert.Empty(night.Engine.OutlooksOf(night.Facts.Id));
        Assert.True(night.Engine.NextDue is null, $"{night.Engine.NextDue} is waited for");
    }

    [Fact]
    public void A_silence_that_was_told_ends_with_the_reason_whoever_has_taken_it()
    {
        var night = new HomeScenario().Flow(-96, 60, 100, h => h <= 8 ? Lives(h) : 0);
        Assert.NotEmpty(night.Of(AlarmKind.NoWater).Concat(night.Of(AlarmKind.Inactivity)));
        var open = night.Findings.Count(f => f.Change == FindingChange.Opened);
        Withdraw(night, Refusals.Monitoring).Tick(60.1);
        var ended = night.Findings.Where(f => f.Change == FindingChange.Cleared).ToList();
        Assert.Equal(open, ended.Count);
        Assert.All(ended, f => Assert.True(f.IsFinal));
        Assert.All(ended, f => Assert.Equal("ended: no consent to remote monitoring any more", f.Reason));
        var before = night.Findings.Count;
        night.Flow(61, 120, 200, _ => 0).Restart().Tick(200);
        Assert.Equal(before, night.Findings.Count);
    }

    [Fact]
    public void A_press_smoke_and_a_spoken_call_are_told_and_a_fall_is_not()
    {
        var night = new HomeScenario();
        Withdraw(night, Refusals.Monitoring | Refusals.Location | Refusals.Health)
            .Press(1)
            .Say("s", Metric.Smoke, 2, 1)
            .Say("v", Metric.VoiceHelp, 3, 1, "help")
            .Say("f", Metric.Fall, 4, 1, "fall")
            .Say("f", Metric.BatteryLevel, 5, 3);
        Assert.Equal([AlarmKind.Sos, AlarmKind.Smoke, AlarmKind.VoiceHelp, AlarmKind.BatteryLow], night.Findings.Select(f => f.Kind));
    }

    [Fact]
    public void Without_location_nobody_wanders_and_the_rest_goes_on()
    {
        var night = new HomeScenario().Fix(1, 10);
        Withdraw(night, Refusals.Location);
        for (var h = 2; h < 30; h++)
            night.Fix(h, 5000).Tick(h + 0.5);
        Assert.Empty(night.Of(AlarmKind.Wandering));
        night.Say("w2", Metric.HeartRate, 40, 180);
        for (var m = 1; m < 60; m++)
            night.Say("w2", Metric.HeartRate, 40 + m / 60.0, 180);
        night.Only(AlarmKind.VitalSign);
    }

    [Fact]
    public void Without_health_no_pulse_is_judged_and_an_open_alarm_of_it_ends()
    {
        var night = new HomeScenario();
        for (var m = 0; m < 60; m++)
            night.Say("w2", Metric.HeartRate, 1 + m / 60.0, 180);
        night.Only(AlarmKind.VitalSign);
        Withdraw(night, Refusals.Health).Tick(2.1);
        Assert.Equal("ended: no consent to health readings any more", night.Only(AlarmKind.VitalSign, FindingChange.Cleared).Reason);
        for (var m = 0; m < 60; m++)
            night.Say("w2", Metric.HeartRate, 3 + m / 60.0, 180);
        night.Only(AlarmKind.VitalSign);
    }

    [Fact]
    public void Nothing_that_was_learned_is_left_and_who_agrees_again_is_learned_anew()
    {
        var night = new HomeScenario().Flow(-96, 8, 100, Lives);
        Assert.NotEmpty(night.Engine.OutlooksOf(night.Facts.Id));
        Withdraw(night, Refusals.Monitoring).Tick(9);
        Withdraw(night, Refusals.None).Tick(10);
        Assert.DoesNotContain(night.Engine.OutlooksOf(night.Facts.Id), o => ReferenceEquals(o.Kind, AlarmKind.NoWater));
        night.Flow(11, 60, 300, h => h < 20 ? 0.02 : 0);
        Assert.NotEmpty(night.Of(AlarmKind.NoWater).Concat(night.Of(AlarmKind.Inactivity)));
    }

    [Fact]
    public void Who_agrees_again_after_weeks_is_not_missed_for_the_time_in_which_nothing_was_taken()
    {
        var night = new HomeScenario().Flow(-96, 8, 100, Lives);
        Withdraw(night, Refusals.Monitoring).Tick(8 + 24 * 14);
        // As the record of the consent does it: the devices get their grace anew.
        var again = HomeScenario.At(8 + 24 * 14);
        night.Facts = night.Facts with { Devices = [.. night.Facts.Devices.Select(d => d with { InstalledAt = again })] };
        Withdraw(night, Refusals.None).Tick(8 + 24 * 14 + 1);
        Assert.DoesNotContain(night.Findings, f => f.Change == FindingChange.Opened);
        night.Tick(8 + 24 * 14 + 49); // and a meter that stays silent from then on is missed
        Assert.NotEmpty(night.Of(AlarmKind.DeviceSilent));
    }

    [Fact]
    public void A_pendant_that_falls_silent_is_missed_where_nothing_else_is()
    {
        var pendant = new DeviceFacts(new DeviceId("p"), HomeScenario.Midnight, TimeSpan.FromHours(1), []) { OnlyCalls = true };
        var night = new HomeScenario(facts: HomeScenario.Home("R1", HomeScenario.Meter("w"), pendant));
        night.Water(0, 100).Say("p", Metric.BatteryLevel, 0, 80);
        Withdraw(night, Refusals.Monitoring).Tick(100);
        var missed = night.Only(AlarmKind.DeviceSilent);
        Assert.Equal("p", missed.Device?.Value);
        Assert.Single(night.Findings);
    }

    private static HomeScenario Withdraw(HomeScenario night, Refusals refused)
    {
        night.Facts = night.Facts with { Refused = refused };
        night.Engine.Put(night.Facts);
        return night;
    }
}
