using Vigil.Host;
using Vigil.Model;
using Vigil.Rules;
using Vigil.Rules.Inactivity;

namespace Vigil.Tests.Host;

/// <summary>What the service learns from its homes for homes that are new.</summary>
public sealed class LifePriorsTests
{
    private static readonly DateTime Monday = new(2026, 3, 1, 16, 0, 0, DateTimeKind.Utc);
    private static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");

    [Fact]
    public void Twenty_homes_that_rise_at_ten_make_a_new_home_be_waited_for_longer_in_the_morning_and_a_restart_knows_it()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-priors-").FullName;
        var rules = new RulePartitions(RuleSet.Default, Shanghai, partitions: 4);
        rules.Update([.. Enumerable.Range(0, 20).Select(h => Home($"R{h}"))], []);
        for (var h = 0; h < 20; h++)
            Live(rules, $"R{h}", days: 30, from: 10);
        var learned = rules.LearnPriors();
        Assert.NotNull(learned);
        PriorsFile.Write(folder, learned);
        var read = PriorsFile.Read(folder, out var why);
        Assert.Null(why);
        Assert.Equal(learned.Lines(), read.Lines());
        var (shipped, late) = (DelayInNewHome(LifePriors.Shipped), DelayInNewHome(read));
        Assert.True(late > shipped, $"told after {late} with these homes, {shipped} as shipped");
        File.WriteAllText(Path.Combine(folder, "life-priors.txt"), "water general 0.1 nonsense");
        Assert.Same(LifePriors.Shipped, PriorsFile.Read(folder, out why));
        Assert.Contains("nonsense", why, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Nineteen_homes_are_their_own_people_and_teach_nothing()
    {
        var rules = new RulePartitions(RuleSet.Default, Shanghai, partitions: 4);
        rules.Update([.. Enumerable.Range(0, 19).Select(h => Home($"R{h}"))], []);
        for (var h = 0; h < 19; h++)
            Live(rules, $"R{h}", days: 30, from: 10);
        Assert.Null(rules.LearnPriors());
    }

    /// <summary>
    /// In a home known for five days somebody is up from four in the afternoon on: how long after the last day is the silence told?
    /// </summary>
    private static TimeSpan DelayInNewHome(LifePriors priors)
    {
        var rules = new RulePartitions(RuleSet.Default, Shanghai, partitions: 4);
        rules.Use(priors);
        rules.Update([Home("new")], []);
        Live(rules, "new", days: 5, from: 16);
        var found = new List<Finding>();
        rules.Advance(new Microsoft.Extensions.Time.Testing.FakeTimeProvider(new DateTimeOffset(Monday.AddDays(7))), found);
        return Assert.Single(found, f => f.Kind == AlarmKind.Inactivity && f.Change == FindingChange.Opened).Time - Monday.AddDays(5);
    }

    private static ResidentFacts Home(string id) => new() { Id = new ResidentId(id), Area = new AreaCode("440100001001") };

    /// <summary>
    /// Movement in two rooms every hour from the hour <paramref name="from"/> until ten at night, and a battery level every hour.
    /// </summary>
    private static void Live(RulePartitions rules, string home, int days, int from)
    {
        var found = new List<Finding>();
        for (var hour = 0; hour < days * 24; hour++)
        {
            var at = Monday.AddHours(hour);
            Say(rules, home, "a", Metric.BatteryLevel, at, 90, found);
            if (hour % 24 < from || hour % 24 > 22)
                continue;
            Say(rules, home, "a", Metric.Motion, at.AddMinutes(10), 1, found);
            Say(rules, home, "b", Metric.Motion, at.AddMinutes(11), 1, found);
        }
    }

    private static void Say(RulePartitions rules, string home, string room, Metric metric, DateTime at, double value, List<Finding> into) =>
        rules.Apply(
            new ResidentId(home),
            new Reading
            {
                Device = new DeviceId($"{home}-{room}"),
                Metric = metric,
                Time = at,
                Received = at,
                Value = value,
            },
            into
        );
}
