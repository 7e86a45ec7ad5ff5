using Vigil.Model;
using Vigil.Notify.Escalation;

namespace Vigil.Tests.Notify;

public sealed class PoliciesTests
{
    [Fact]
    public void Every_mistake_is_reported_with_line_id_and_value()
    {
        var problems = Check(
            """
            policies:
              - id: a
                severity: [urgent]
                kind: [no-gas]
                class: vip
                hours: 25:00-07:00
                quiet: 22:00-07:00
                steps:
                  - { to: neighbour, via: [pigeon], wait: soon }
            """
        );
        Assert.Contains(problems, p => p is { Line: 3, Value: "urgent" });
        Assert.Contains(problems, p => p is { Line: 4, Value: "no-gas", Id: "a.kind" });
        Assert.Contains(problems, p => p is { Line: 5, Value: "vip" });
        Assert.Contains(problems, p => p is { Line: 6, Value: "25:00-07:00" });
        Assert.Contains(problems, p => p.Message.En.Contains("quiet hours are for warning", StringComparison.Ordinal));
        Assert.Contains(problems, p => p is { Line: 9, Value: "neighbour" });
        Assert.Contains(problems, p => p is { Line: 9, Value: "pigeon" });
        Assert.Contains(problems, p => p is { Line: 9, Value: "soon" });
        Assert.Contains(
            problems,
            p => p is { Value: "critical" } && p.Message.En.Contains("somebody would be told nothing", StringComparison.Ordinal)
        );
    }

    [Fact]
    public void The_class_of_the_resident_and_the_hour_choose_the_policy()
    {
        var problems = new List<Problem>();
        var policies = Load(
            """
            policies:
              - id: night
                kind: [no-water]
                hours: 22:00-06:00
                steps: [{ to: duty, via: [sms] }]
              - id: key
                class: key
                steps: [{ to: visitor, via: [sms] }]
              - id: all
                steps: [{ to: contacts, via: [sms] }]
            """,
            problems
        )!;
        Assert.Empty(problems);
        var alarm = new AlarmFacts(Severity.High, "no-water", "440111001001", "r1", KeyClass: true, LocalTime: new TimeOnly(23, 0));
        Assert.Equal("night", policies.For(alarm).Id);
        Assert.Equal("key", policies.For(alarm with { LocalTime = new TimeOnly(12, 0) }).Id);
        Assert.Equal("all", policies.For(alarm with { LocalTime = new TimeOnly(6, 0), KeyClass = false }).Id);
    }

    [Theory]
    [InlineData("told", false)]
    [InlineData("acknowledged", true)]
    public async Task Where_it_is_enough_that_somebody_was_told_nobody_else_is(string until, bool others)
    {
        var policies = Load(
            $$"""
            policies:
              - id: enough
                severity: [warning]
                until: {{until}}
                steps: [{ to: contact 1, via: [sms], wait: 5m }, { to: contact 2, via: [sms], wait: 5m }]
              - id: all
                steps: [{ to: contacts, via: [sms] }]
            """,
            []
        )!;
        await using var night = await Night.BeginAsync(policies: policies);
        await night.Desk.CommitAsync([night.Says(AlarmKind.DoorOpen, severity: Severity.Warning)], TestContext.Current.CancellationToken);
        await night.PassAsync(TimeSpan.FromHours(1));
        Assert.Equal(others ? [night.Contact1, night.Contact2] : [night.Contact1], night.Order);
    }

    [Fact]
    public void Hours_over_midnight_end_on_the_next_day()
    {
        Assert.True(Hours.TryParse("22:00-07:00", out var hours));
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
        // at 23:00, until 07:00
        Assert.Equal(new DateTime(2026, 1, 15, 23, 0, 0), hours.EndOf(new DateTime(2026, 1, 15, 15, 0, 0, DateTimeKind.Utc), zone));
        // noon is outside the quiet hours
        Assert.Equal(new DateTime(2026, 1, 15, 4, 0, 0), hours.EndOf(new DateTime(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc), zone));
    }

    private static List<Problem> Check(string yaml)
    {
        var problems = new List<Problem>();
        Assert.Null(Load(yaml, problems));
        return problems;
    }

    private static Policies? Load(string yaml, List<Problem> problems)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, yaml);
            return Policies.Load(path, problems);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
