using CsCheck;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Tests.Rules;

namespace Vigil.Tests.Model;

/// <summary>Rules and pages count the same use from the same totals.</summary>
public sealed class MeterTotalTests
{
    private static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");

    /// <summary>Changes of the total in litres: jitter, steps back, jumps, and a meter that starts again from zero.</summary>
    private static readonly int[] Steps = [-10, -50, -1000, 5000, 500_000, int.MinValue];

    public static TheoryData<string, double[], double, int> Meters =>
        new()
        {
            { "a counter that began anew", [120.5, 120.6, 0, 0.1, 0.3], 0.3, 1 },
            { "another meter", [120.5, 120.6, 64.2, 64.3, 64.5], 0.3, 1 },
            { "a last digit that jitters", [10, 10.01, 10, 10.01, 10, 10.02], 0.02, 0 },
            { "another that jitters", [120.5, 120.49, 120.5, 120.6], 0.1, 0 },
            { "a value that no home reaches, and back", [10, 10.1, 8010, 10.2, 10.3], 0.3, 1 },
            { "a jump that stays", [10, 10.1, 310.1, 310.2, 310.4], 0.3, 1 },
            { "a register of five digits that rolled over", [99999.9, 0.1, 0.2], 0.3, 0 },
        };

    [Theory]
    [MemberData(nameof(Meters))]
    public void Rules_and_pages_count_alike(string what, double[] totals, double used, int doubted)
    {
        foreach (var metric in new[] { Metric.WaterVolume, Metric.ElectricityEnergy })
        {
            var (rules, doubts) = ByTheRules(metric, totals);
            Assert.True(
                Math.Abs(used - rules) < 1e-9 && doubts == doubted,
                $"{what}: {metric.Name} {rules} by the rules, {doubts} totals doubted"
            );
            var (day, hours) = ByThePages(metric, totals);
            Assert.True(
                Math.Abs(used - day) < 1e-9 && Math.Abs(used - hours) < 1e-9,
                $"{what}: {metric.Name} {day} by the day, {hours} by the hours"
            );
        }
    }

    [Fact]
    public void Whatever_a_meter_shows_rules_and_pages_count_alike() =>
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 300], (kind, litres) => kind < Steps.Length ? Steps[kind] : litres)
            .Array[1, 23]
            .Sample(steps =>
            {
                var totals = new List<double> { 120 };
                var litres = 120_000;
                foreach (var step in steps)
                {
                    litres = step == int.MinValue ? 0 : Math.Max(0, litres + step);
                    totals.Add(litres / 1000.0);
                }

                foreach (var metric in new[] { Metric.WaterVolume, Metric.ElectricityEnergy })
                {
                    var (rules, _) = ByTheRules(metric, [.. totals]);
                    var (day, _) = ByThePages(metric, [.. totals]); // the pages give no hours where two totals that count are far apart
                    Assert.Equal(rules, day, tolerance: 1e-6);
                }
            });

    private static (double Used, int Doubted) ByTheRules(Metric metric, double[] totals)
    {
        var night = new HomeScenario();
        var doubted = 0;
        night.Engine.Doubted = (_, _, _) => doubted++;
        for (var hour = 0; hour < totals.Length; hour++)
            night.Say("w", metric, hour, totals[hour]);
        var home = night.Engine.Find("R1")!;
        return ((ReferenceEquals(metric, Metric.WaterVolume) ? home.Water : home.Electricity)!.DayUse, doubted);
    }

    private static (double Day, double Hours) ByThePages(Metric metric, double[] totals)
    {
        var readings = totals.Select(
            (total, hour) =>
                new Reading
                {
                    Device = new DeviceId("w"),
                    Metric = metric,
                    Time = HomeScenario.At(hour),
                    Received = HomeScenario.At(hour),
                    Value = total,
                }
        );
        var day = DailyLife.Of(readings, Shanghai).Sum(d => d.Litres / 1000 ?? d.KilowattHours ?? 0);
        var hours = HourlyUse.Of(readings, HomeScenario.At(0), HomeScenario.At(24)).Sum(h => h.Litres / 1000 ?? h.KilowattHours ?? 0);
        return (day, hours);
    }
}
