using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>Nights in which the water main or the power line of a village fails, or seems to.</summary>
public sealed class OutageNightTests
{
    /// <summary>A village of homes, each with a water and an electricity meter.</summary>
    private sealed class VillageOf(int homes, RuleSet? rules = null, int reportEveryHours = 1)
    {
        private readonly double[] water = new double[homes];
        private readonly double[] power = new double[homes];

        public RuleEngine Engine { get; } = Settled(homes, rules, TimeSpan.FromHours(reportEveryHours));

        public List<Finding> Found { get; } = [];

        /// <summary>Findings that were held back, each with its home.</summary>
        public List<string> Held { get; } = [];

        public IEnumerable<Finding> Of(AlarmKind kind, FindingChange change = FindingChange.Opened) =>
            Found.Where(f => f.Kind == kind && f.Change == change);

        private static RuleEngine Settled(int homes, RuleSet? rules, TimeSpan every)
        {
            var engine = new RuleEngine(rules ?? RuleSet.Default, TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"));
            for (var r = 0; r < homes; r++)
                engine.Put(
                    HomeScenario.Home(
                        $"R{r}",
                        new DeviceFacts(new DeviceId($"w{r}"), HomeScenario.Midnight.AddDays(-30), every, [Metric.WaterVolume]),
                        new DeviceFacts(new DeviceId($"e{r}"), HomeScenario.Midnight.AddDays(-30), every, [Metric.ElectricityEnergy])
                    )
                );
            return engine;
        }

        public void Water(int r, double h, bool uses, double? received = null) =>
            Say(r, $"w{r}", Metric.WaterVolume, h, Math.Round(water[r] += uses ? 0.012 : 0, 3), received);

        public void Power(int r, double h, bool uses) =>
            Say(r, $"e{r}", Metric.ElectricityEnergy, h, Math.Round(power[r] += uses ? 0.3 : 0, 3), null);

        public void Live(int from, int to, Func<int, int, bool> water, Func<int, int, bool> power, Func<int, int, bool>? hears = null)
        {
            Engine.HeldBack ??= (f, why) => Held.Add($"{f.Subject} {f.Kind}: {why}");
            for (var h = from; h <= to; h++)
            {
                for (var r = 0; r < this.water.Length; r++)
                {
                    if (hears is not null && !hears(r, h))
                        continue;
                    Water(r, h, water(r, h));
                    Power(r, h, power(r, h));
                }

                Engine.AdvanceTo(HomeScenario.At(h + 0.5), Found);
            }
        }

        private void Say(int r, string device, Metric metric, double h, double value, double? received) =>
            Engine.Apply(
                new ResidentId($"R{r}"),
                new Reading
                {
                    Device = new DeviceId(device),
                    Metric = metric,
                    Time = HomeScenario.At(h),
                    Received = HomeScenario.At(received ?? h),
                    Value = value,
                },
                Found
            );
    }

    private static bool Awake(int h) => ((h % 24) + 24) % 24 is >= 7 and <= 21;

    [Fact]
    public void A_broken_main_does_not_hide_the_home_whose_electricity_is_silent_too()
    {
        var village = new VillageOf(10);
        // At 8:00 the main breaks for all. R4 has been lying on the floor since the evening before, so her home uses no electricity either.
        village.Live(-48, 30, (r, h) => h < 8 && Awake(h) && !(r == 4 && h > -3), (r, h) => Awake(h) && !(r == 4 && h > -3));
        Assert.Single(village.Of(AlarmKind.Outage));
        Assert.Contains(
            village.Held,
            h => h.StartsWith("R4 no-water", StringComparison.Ordinal) || h.StartsWith("R7 no-water", StringComparison.Ordinal)
        );
        var told = Assert.Single(village.Of(AlarmKind.NoElectricity));
        Assert.Equal("R4", told.Subject);
        Assert.InRange(told.Time, HomeScenario.At(20), HomeScenario.At(23));
    }

    [Fact]
    public void Smoke_gas_falls_and_presses_are_told_in_an_outage_and_what_has_become_worse_is_too()
    {
        var rules = HomeScenario.Written("rules:\n  outage: { hold_at_most: 48h }\n");
        var village = new VillageOf(8, rules);
        village.Live(-48, 50, (_, h) => h < 0 && Awake(h), (_, _) => true);
        Assert.Single(village.Of(AlarmKind.Outage));
        // Held back for as long as an outage may hold; after 48 hours without water somebody has to look, whatever the cause.
        var told = village.Of(AlarmKind.NoWater).ToList();
        Assert.Equal(8, told.Count);
        Assert.All(told, f => Assert.Equal((Severity.Critical, 0), (f.Severity, f.Sequence)));
        foreach (
            var (metric, word) in new[]
            {
                (Metric.Smoke, null),
                (Metric.Gas, null),
                (Metric.Fall, "fall"),
                (Metric.Button, "pressed"),
                (Metric.VoiceHelp, "help"),
            }
        )
            village.Engine.Apply(
                new ResidentId("R1"),
                new Reading
                {
                    Device = new DeviceId("x"),
                    Metric = metric,
                    Time = HomeScenario.At(51),
                    Received = HomeScenario.At(51),
                    Value = 1,
                    Event = word,
                },
                village.Found
            );
        foreach (var kind in new[] { AlarmKind.Smoke, AlarmKind.Gas, AlarmKind.Fall, AlarmKind.Sos, AlarmKind.VoiceHelp })
            Assert.Single(village.Of(kind));
    }

    [Fact]
    public void A_home_whose_silence_is_critical_by_its_rule_does_not_wait_for_the_outage()
    {
        var village = new VillageOf(
            8,
            HomeScenario.Written("overrides:\n  - { resident: R6, rules: { no-water: { severity: critical } } }\n")
        );
        village.Live(-48, 24, (_, h) => h < 0 && Awake(h), (_, _) => true);
        Assert.Single(village.Of(AlarmKind.Outage));
        Assert.Equal("R6", Assert.Single(village.Of(AlarmKind.NoWater)).Subject);
    }

    [Fact]
    public void A_feeder_that_silences_the_meters_of_a_village_is_one_finding_and_each_comes_back_or_is_told()
    {
        var village = new VillageOf(6);
        village.Live(-30, 0, (_, h) => Awake(h), (_, h) => Awake(h));
        village.Live(1, 6, (_, _) => false, (_, _) => false, (_, _) => false);
        var outage = Assert.Single(village.Of(AlarmKind.Outage));
        Assert.Contains("6 of 6 homes of 440100001001 have no signal since about 00:00", outage.Reason);
        Assert.Contains("6户自00:00左右没有信号", outage.ReasonZh);
        Assert.Empty(village.Of(AlarmKind.DeviceSilent));
        Assert.Contains(village.Held, h => h.StartsWith("R2 device-silent: held back: ", StringComparison.Ordinal));
        village.Live(7, 10, (_, h) => Awake(h), (_, h) => Awake(h), (r, _) => r != 5);
        Assert.Single(village.Of(AlarmKind.Outage, FindingChange.Cleared));
        Assert.All(village.Of(AlarmKind.DeviceSilent), f => Assert.Equal("R5", f.Subject));
        Assert.Equal(2, village.Of(AlarmKind.DeviceSilent).Count());
        Assert.Contains(
            "nothing received since 00:00, held back during an outage of the area until now",
            village.Of(AlarmKind.DeviceSilent).First().Reason
        );
        Assert.StartsWith("自00:00起没有收到数据，区域中断期间暂未通知", village.Of(AlarmKind.DeviceSilent).First().ReasonZh);
    }

    [Fact]
    public void A_village_whose_meters_report_once_a_day_is_not_taken_for_quiet_because_its_batches_are_still_on_the_way()
    {
        // Each home's day arrives in one batch after six the next morning, one home after another. R0, the first of them, used nothing from
        // 8:00 on.
        var village = new VillageOf(8, reportEveryHours: 24);
        for (var day = -4; day <= 1; day++)
        {
            for (var r = 0; r < 8; r++)
            {
                for (var h = day * 24; h < day * 24 + 24; h++)
                    village.Water(r, h, Awake(h) && !(r == 0 && h >= 8), day * 24 + 30 + r * 0.1);
                village.Engine.AdvanceTo(HomeScenario.At(day * 24 + 30 + r * 0.1), village.Found);
            }
        }

        Assert.Empty(village.Of(AlarmKind.Outage));
        Assert.Equal("R0", Assert.Single(village.Of(AlarmKind.NoWater)).Subject);
    }

    [Fact]
    public void An_outage_survives_a_restart_and_its_end_is_told_once()
    {
        var village = new VillageOf(6);
        village.Live(-30, 24, (_, h) => h < 0 && Awake(h), (_, _) => true);
        using var stream = new MemoryStream();
        village.Engine.Save(stream);
        stream.Position = 0;
        village.Engine.Load(stream);
        village.Live(25, 26, (r, h) => r != 2, (_, _) => true);
        Assert.Single(village.Of(AlarmKind.Outage));
        Assert.Single(village.Of(AlarmKind.Outage, FindingChange.Cleared));
        village.Live(27, 28, (r, _) => r != 2, (_, _) => true);
        Assert.Equal("R2", Assert.Single(village.Of(AlarmKind.NoWater)).Subject);
    }
}
