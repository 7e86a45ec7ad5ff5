using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

public sealed class UrgentAlarmTests
{
    [Fact]
    public void A_press_is_an_alarm_at_once_and_a_second_one_notifies_again()
    {
        var night = new HomeScenario().Press(3).Press(3.1);
        var first = night.Only(AlarmKind.Sos);
        Assert.Equal((Severity.Critical, "sos/2026-01-01T19:00:00Z/b", 0), (first.Severity, first.Episode, first.Sequence));
        var again = night.Only(AlarmKind.Sos, FindingChange.Updated);
        Assert.Equal((true, first.Episode, 1), (again.Notify, again.Episode, again.Sequence));
    }

    [Fact]
    public void A_press_is_known_by_its_moment_whatever_the_rules_remember_of_the_one_before()
    {
        var both = new HomeScenario().Press(3).Press(3.1).Of(AlarmKind.Sos);
        var second = new HomeScenario().Press(3.1).Only(AlarmKind.Sos); // started again without what was stored
        Assert.Equal(FindingChange.Updated, both.Last().Change);
        Assert.Equal(second.Key, both.Last().Key);
        Assert.NotEqual(both.First().Key, both.Last().Key);
    }

    [Fact]
    public void The_same_press_delivered_again_says_nothing()
    {
        var night = new HomeScenario().Press(3).Press(3, received: 3.01).Restart().Press(3);
        Assert.Single(night.Of(AlarmKind.Sos));
    }

    [Fact]
    public void A_key_that_a_locator_tells_of_with_every_position_is_one_press_until_it_was_let_go()
    {
        var night = new HomeScenario();
        for (var hour = 3.0; hour < 3.2; hour += 0.02)
            night.Press(hour).Say("b", Metric.ButtonHeld, hour, 1);
        Assert.Single(night.Of(AlarmKind.Sos));
        night.Say("b", Metric.ButtonHeld, 3.21, 0).Press(3.25);
        Assert.True(night.Only(AlarmKind.Sos, FindingChange.Updated).Notify);
    }

    [Fact]
    public void A_press_hours_later_is_another_call()
    {
        var night = new HomeScenario().Press(3).Press(8);
        Assert.Equal(2, night.Of(AlarmKind.Sos).Count(f => f.Change == FindingChange.Opened));
    }

    [Fact]
    public void A_stale_press_is_a_late_case_not_dropped_and_not_live()
    {
        var night = new HomeScenario().Press(3, received: 9);
        var late = night.Only(AlarmKind.Sos);
        Assert.Equal(Severity.High, late.Severity);
        Assert.StartsWith("late SOS pressed: at 03:00, heard of at 09:00", late.Reason);
        night.Press(9.1);
        Assert.Contains(night.Of(AlarmKind.Sos), f => f.Severity == Severity.Critical && f.Change == FindingChange.Opened);
    }

    [Fact]
    public void A_press_older_than_the_open_call_is_its_own_late_case()
    {
        var night = new HomeScenario().Press(9).Press(3, received: 9.01);
        Assert.Equal(2, night.Of(AlarmKind.Sos).Select(f => f.Episode).Distinct().Count());
        night.Press(9.1);
        Assert.Equal(night.Findings[0].Episode, night.Findings[^1].Episode);
    }

    [Theory]
    [InlineData(-500000)]
    [InlineData(24)]
    public void A_press_with_an_impossible_clock_is_judged_by_its_arrival(double hours)
    {
        var night = new HomeScenario().Press(hours, received: 3);
        Assert.Equal((Severity.Critical, HomeScenario.At(3)), (night.Only(AlarmKind.Sos).Severity, night.Only(AlarmKind.Sos).Time));
    }

    [Fact]
    public void Absence_never_silences_a_press_and_a_test_press_alarms_nobody()
    {
        var night = new HomeScenario(
            facts: HomeScenario.Home("R1") with
            {
                Absences = [new AbsenceFacts(HomeScenario.At(0), HomeScenario.At(50), "x")],
            }
        );
        night.Press(1, flags: ReadingFlags.Test);
        Assert.Empty(night.Findings);
        night.Press(2);
        Assert.Equal(Severity.Critical, night.Only(AlarmKind.Sos).Severity);
    }

    [Fact]
    public void Smoke_that_is_repeated_says_nothing_new_and_clears_when_it_stays_away()
    {
        var night = new HomeScenario()
            .Say("s", Metric.Smoke, 1, 1)
            .Say("s", Metric.Smoke, 1.1, 1)
            .Say("s", Metric.Smoke, 1.2, 0)
            .Say("s", Metric.Smoke, 1.21, 1);
        Assert.Equal([FindingChange.Opened, FindingChange.Updated], night.Of(AlarmKind.Smoke).Select(f => f.Change));
        Assert.True(night.Findings[^1].Notify);
        night.Say("s", Metric.Smoke, 1.5, 0).Tick(2);
        Assert.Equal(HomeScenario.At(1.5), night.Only(AlarmKind.Smoke, FindingChange.Cleared).Time);
    }

    [Fact]
    public void Two_detectors_are_two_episodes()
    {
        var night = new HomeScenario().Say("s1", Metric.Smoke, 1, 1).Say("s2", Metric.Smoke, 1, 1).Say("s1", Metric.Smoke, 2, 0).Tick(3);
        Assert.Equal(2, night.Of(AlarmKind.Smoke).Select(f => f.Episode).Distinct().Count());
        Assert.Equal("s1", night.Only(AlarmKind.Smoke, FindingChange.Cleared).Device!.Value.Value);
    }

    [Fact]
    public void Late_smoke_is_said_to_be_late_and_live_smoke_after_it_is_critical()
    {
        var night = new HomeScenario().Say("s", Metric.Smoke, 1, 1, received: 5);
        Assert.Equal(Severity.High, night.Only(AlarmKind.Smoke).Severity);
        night.Say("s", Metric.Smoke, 5.1, 1);
        Assert.Equal(Severity.Critical, night.Only(AlarmKind.Smoke, FindingChange.Updated).Severity);
    }

    [Theory]
    [InlineData("fall", "fall")]
    [InlineData("voice.help", "voice-help")]
    public void A_fall_and_a_call_for_help_are_critical_at_once(string metric, string kind)
    {
        var night = new HomeScenario().Say("x", Metric.Parse(metric), 1, 1);
        Assert.Equal(Severity.Critical, night.Only(AlarmKind.Parse(kind)).Severity);
    }
}
