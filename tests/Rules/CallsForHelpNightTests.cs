using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>
/// Rules about calls for help, falls, vital signs and detectors: sos, fall, voice-help, smoke, gas, water-leak, vital-sign.
/// </summary>
public sealed class CallsForHelpNightTests
{
    [Theory]
    [InlineData("double", "（双击）")]
    [InlineData("long", "（长按）")]
    public void Sos_says_how_the_button_was_pressed_and_any_press_is_a_call(string word, string zh)
    {
        var found = new HomeScenario().Say("b", Metric.Button, 3, 1, word).Only(AlarmKind.Sos);
        Assert.Equal(Severity.Critical, found.Severity);
        Assert.Contains($"({word})", found.Reason);
        Assert.Contains("按下紧急呼叫" + zh, found.ReasonZh);
    }

    [Fact]
    public void A_button_let_go_is_no_call()
    {
        Assert.Empty(new HomeScenario().Say("b", Metric.Button, 3, 1, "released").Findings);
    }

    [Fact]
    public void The_press_that_comes_after_many_newer_ones_is_not_dropped()
    {
        var night = new HomeScenario().Press(1);
        for (var p = 0; p < 12; p++)
            night.Press(9 + p * 0.01);
        night.Press(4, received: 9.2); // the gateway had stored it
        Assert.Contains(
            night.Of(AlarmKind.Sos),
            f => f.Time == HomeScenario.At(4) && f.Change == FindingChange.Opened && f.Severity == Severity.High
        );
        var told = night.Findings.Count;
        night.Press(9.03, received: 9.3); // a repeated delivery from the middle of the call; nobody presses now
        Assert.Equal(told, night.Findings.Count);
    }

    [Fact]
    public void A_fall_at_night_names_what_else_is_known_and_a_second_fall_notifies_again()
    {
        var night = new HomeScenario()
            .Say("d", Metric.DoorOpen, -4, 1)
            .Say("d", Metric.DoorOpen, -3.9, 0)
            .Say("r", Metric.Fall, 2, 1, "fall")
            .Say("r", Metric.Fall, 2.2, 1, "fall");
        var fall = night.Only(AlarmKind.Fall);
        Assert.Contains("fall at 02:00", fall.Reason);
        Assert.Contains("door not opened since", fall.Reason);
        Assert.Contains("检测到跌倒", fall.ReasonZh);
        Assert.True(night.Only(AlarmKind.Fall, FindingChange.Updated).Notify);
    }

    [Fact]
    public void A_call_for_help_by_voice_comes_through_in_an_absence_and_at_any_hour()
    {
        var night = new HomeScenario(
            facts: HomeScenario.Home("R1") with
            {
                Absences = [new AbsenceFacts(HomeScenario.At(0), HomeScenario.At(50), "x")],
            }
        ).Say("v", Metric.VoiceHelp, 4, 1, "help");
        Assert.Equal(Severity.Critical, night.Only(AlarmKind.VoiceHelp).Severity);
    }

    [Theory]
    [InlineData("smoke", "smoke")]
    [InlineData("gas", "gas")]
    [InlineData("water.leak", "water-leak")]
    public void A_short_alarm_of_a_detector_that_arrives_after_its_end_is_told_once(string metric, string kind)
    {
        var night = new HomeScenario().Say("s", Metric.Parse(metric), 1, 0).Say("s", Metric.Parse(metric), 4, 0, received: 4.001);
        night.Say("s", Metric.Parse(metric), 3.99, 1, received: 4.002).Say("s", Metric.Parse(metric), 3.99, 1, received: 4.01);
        var found = night.Only(AlarmKind.Parse(kind));
        Assert.Equal(HomeScenario.At(3.99), found.Time);
        Assert.Equal(AlarmKind.Parse(kind).DefaultSeverity, found.Severity);
        Assert.Contains("after news from 04:00", found.Reason);
        // A later report of the detector opens a new episode.
        night.Say("s", Metric.Parse(metric), 5, 1);
        Assert.Equal(2, night.Of(AlarmKind.Parse(kind)).Count(f => f.Change == FindingChange.Opened));
    }

    [Fact]
    public void Smoke_repeated_out_of_order_while_it_lasts_or_delivered_again_after_it_says_nothing()
    {
        var night = new HomeScenario();
        for (var m = 0; m < 20; m++)
            night.Say("s", Metric.Smoke, 1 + m / 60.0, 1);
        night.Say("s", Metric.Smoke, 1 + 5 / 60.0, 1, received: 1.35).Say("s", Metric.Smoke, 1.4, 0).Tick(2);
        var told = night.Of(AlarmKind.Smoke).Count();
        Assert.Equal(2, told);
        night.Say("s", Metric.Smoke, 1 + 7 / 60.0, 1, received: 2.1).Restart().Say("s", Metric.Smoke, 1 + 9 / 60.0, 1, received: 2.2);
        Assert.Equal(told, night.Of(AlarmKind.Smoke).Count());
    }

    [Fact]
    public void Gas_clears_when_it_stays_away_and_a_drill_alarms_nobody()
    {
        var night = new HomeScenario().Say("g", Metric.Gas, 1, 1, flags: ReadingFlags.Test).Say("g", Metric.Gas, 1.05, 0);
        Assert.Empty(night.Findings);
        night.Say("g", Metric.Gas, 2, 1).Say("g", Metric.Gas, 2.5, 0).Tick(3);
        Assert.Contains("gas is over since 02:30", night.Only(AlarmKind.Gas, FindingChange.Cleared).Reason);
    }

    [Fact]
    public void A_vital_sign_has_to_last_on_one_side()
    {
        const double Second = 1 / 3600.0;
        var slipped = new HomeScenario()
            .Say("h", Metric.HeartRate, 1, 140)
            .Say("h", Metric.HeartRate, 1 + 2 * Second, 150)
            .Say("h", Metric.HeartRate, 1 + 5 * Second, 80);
        Assert.Empty(slipped.Findings);
        var loose = new HomeScenario()
            .Say("h", Metric.HeartRate, 1, 35)
            .Say("h", Metric.HeartRate, 1.1, 140)
            .Say("h", Metric.HeartRate, 1.2, 35);
        Assert.Empty(loose.Findings);
        var nonsense = new HomeScenario()
            .Say("h", Metric.HeartRate, 1, 140)
            .Say("h", Metric.HeartRate, 1.4, 255)
            .Say("h", Metric.HeartRate, 1.8, 141);
        Assert.Empty(nonsense.Findings); // the two readings that count are 48 minutes apart
    }

    [Fact]
    public void A_vital_sign_that_goes_to_the_other_side_is_told_in_the_same_episode()
    {
        var night = new HomeScenario()
            .Say("g", Metric.BloodGlucose, 1, 3)
            .Say("g", Metric.BloodGlucose, 1.2, 2.9)
            .Say("g", Metric.BloodGlucose, 1.4, 2.8);
        Assert.Contains("below 3.9", night.Only(AlarmKind.VitalSign).Reason);
        night.Say("g", Metric.BloodGlucose, 2, 18).Say("g", Metric.BloodGlucose, 2.2, 19);
        Assert.Contains("above 16.7", night.Only(AlarmKind.VitalSign, FindingChange.Updated).Reason);
        night.Say("g", Metric.BloodGlucose, 3, 16.6);
        Assert.DoesNotContain(night.Findings, f => f.Change == FindingChange.Cleared);
        night.Say("g", Metric.BloodGlucose, 3.2, 9);
        night.Only(AlarmKind.VitalSign, FindingChange.Cleared);
    }

    [Fact]
    public void A_vital_sign_heard_of_hours_later_says_so()
    {
        var night = new HomeScenario().Say("o", Metric.BloodOxygen, 1, 84, received: 7).Say("o", Metric.BloodOxygen, 1.2, 83, received: 7);
        var found = night.Only(AlarmKind.VitalSign);
        Assert.Equal(HomeScenario.At(1.2), found.Time);
        Assert.EndsWith("heard of at 07:00", found.Reason);
        Assert.EndsWith("07:00才收到", found.ReasonZh);
    }
}
