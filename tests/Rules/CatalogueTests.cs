using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

public sealed class CatalogueTests
{
    private static RuleSet Shipped()
    {
        var problems = new List<Problem>();
        var rules = RuleSet.Load(Path.Combine(Root(), "config", "rules.yaml"), problems);
        Assert.Empty(problems);
        return rules!;
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Vigil.slnx")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }

    [Fact]
    public void A_door_open_too_long_is_found_by_the_clock_or_by_its_closing_alike()
    {
        var live = new HomeScenario().Say("d", Metric.DoorOpen, 10, 1).Tick(11.2).Say("d", Metric.DoorOpen, 11.5, 0);
        var batch = new HomeScenario().Say("d", Metric.DoorOpen, 10, 1, received: 12).Say("d", Metric.DoorOpen, 11.5, 0, received: 12);
        Assert.Equal(live.Of(AlarmKind.DoorOpen), batch.Of(AlarmKind.DoorOpen));
        Assert.Equal(HomeScenario.At(11), live.Only(AlarmKind.DoorOpen).Time);
        Assert.Empty(
            new HomeScenario().Say("d", Metric.DoorOpen, 10, 1).Say("d", Metric.DoorOpen, 10.5, 0).Tick(13).Of(AlarmKind.DoorOpen)
        );
    }

    [Fact]
    public void Out_of_bed_counts_at_night_only()
    {
        var night = new HomeScenario(Shipped()).Say("bed", Metric.BedOccupied, -1, 1).Say("bed", Metric.BedOccupied, 2, 0).Tick(2.8);
        Assert.Equal(HomeScenario.At(2.75), night.Only(AlarmKind.OutOfBed).Time);
        night.Say("bed", Metric.BedOccupied, 3, 1).Say("bed", Metric.BedOccupied, 7, 0).Tick(22);
        Assert.Single(night.Of(AlarmKind.OutOfBed), f => f.Change == FindingChange.Opened);
        night.Tick(23.1);
        Assert.Equal(2, night.Of(AlarmKind.OutOfBed).Count(f => f.Change == FindingChange.Opened));
    }

    [Fact]
    public void A_vital_sign_needs_two_readings_ignores_nonsense_and_clears_with_hysteresis()
    {
        var night = new HomeScenario()
            .Say("h", Metric.HeartRate, 1, 140)
            .Say("h", Metric.HeartRate, 1.1, 999)
            .Say("h", Metric.HeartRate, 1.2, 0);
        Assert.Empty(night.Findings);
        night.Say("h", Metric.HeartRate, 1.3, 141);
        Assert.Contains("above 130", night.Only(AlarmKind.VitalSign).Reason);
        night.Say("h", Metric.HeartRate, 1.4, 128);
        Assert.Single(night.Findings);
        night.Say("h", Metric.HeartRate, 1.5, 120);
        night.Only(AlarmKind.VitalSign, FindingChange.Cleared);
    }

    [Fact]
    public void Leaving_home_at_night_is_found_soon_far_at_once_by_day_after_hours_and_a_jump_proves_nothing()
    {
        HomeScenario Walk(params (double Hours, double Metres)[] fixes)
        {
            var night = new HomeScenario();
            foreach (var (hours, metres) in fixes)
                night.Say("l", Metric.Location, hours, 23.1 + metres / 111195, longitude: 113.3);
            return night;
        }

        Assert.Equal(HomeScenario.At(2.25), Walk((1, 0), (2, 800), (2.3, 900)).Only(AlarmKind.Wandering).Time);
        Assert.Contains("km from home", Walk((10, 0), (10.5, 6000)).Only(AlarmKind.Wandering).Reason);
        Assert.Empty(Walk((10, 0), (11, 800), (13, 800)).Findings);
        Assert.Equal(HomeScenario.At(15), Walk((10, 0), (11, 800), (16, 900)).Only(AlarmKind.Wandering).Time);
        Assert.Empty(Walk((10, 0), (10.01, 60000), (10.02, 0)).Findings);
        Assert.Single(Walk((10, 0), (11, 800), (16, 900), (17, 100)).Of(AlarmKind.Wandering), f => f.Change == FindingChange.Cleared);
    }

    [Fact]
    public void Inside_and_outside_of_a_polygon_are_told_apart()
    {
        var square = new[] { (23.0, 113.0), (23.0, 113.1), (23.1, 113.1), (23.1, 113.0) };
        Assert.True(Vigil.Rules.Kinds.Whereabouts.Outside(square, 23.05, 113.05) < 0);
        Assert.InRange(Vigil.Rules.Kinds.Whereabouts.Outside(square, 23.11, 113.05), 1100, 1125);
    }

    [Fact]
    public void A_cold_home_a_low_battery_and_a_leak_open_and_clear()
    {
        var night = new HomeScenario();
        for (var h = 0; h <= 3; h++)
            night.Say("t", Metric.AirTemperature, h, 9);
        night.Say("t", Metric.AirTemperature, 4, 13);
        Assert.Single(night.Of(AlarmKind.ColdHome));
        night.Say("t", Metric.AirTemperature, 5, 15);
        night.Only(AlarmKind.ColdHome, FindingChange.Cleared);
        night
            .Say("b", Metric.BatteryLevel, 1, 18)
            .Say("b", Metric.BatteryLevel, 2, 22)
            .Say("b", Metric.BatteryLevel, 3, 15)
            .Say("b", Metric.BatteryLevel, 4, 95);
        Assert.Equal(2, night.Of(AlarmKind.BatteryLow).Count());
        night.Say("k", Metric.WaterLeak, 1, 1).Say("k", Metric.Tamper, 1, 1);
        night.Only(AlarmKind.WaterLeak);
        night.Only(AlarmKind.Tamper);
    }

    [Fact]
    public void A_tap_left_open_a_leak_and_much_use_are_found()
    {
        var tap = new HomeScenario().Flow(0, 5, 100, h => h < 2 ? 0 : 0.12);
        Assert.Equal(HomeScenario.At(4), tap.Only(AlarmKind.WaterRunning).Time);
        var drip = new HomeScenario().Flow(0, 30, 100, _ => 0.001);
        Assert.Contains("a leak", drip.Only(AlarmKind.WaterRunning).Reason);
        var much = new HomeScenario().Flow(0, 23, 100, h => h is > 8 and < 20 ? 0.3 : 0);
        Assert.Contains("more than 2 m³", much.Only(AlarmKind.Overuse).Reason);
    }

    [Theory]
    [InlineData(2025, 28, "2025-01-28", "2025-02-04", "2025-10-08", "2025-01-27", "2025-10-09")]
    [InlineData(2026, 33, "2026-01-03", "2026-02-15", "2026-09-25", "2026-02-14", "2026-10-08")]
    public void The_days_off_are_those_of_the_State_Council(
        int year,
        int days,
        string off1,
        string off2,
        string off3,
        string work1,
        string work2
    )
    {
        var holidays = Shipped().Calendar.Holidays;
        static DateOnly Day(string s) => DateOnly.ParseExact(s, "yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(days, holidays.Count(d => d.Year == year));
        foreach (var day in new[] { off1, off2, off3 })
            Assert.Contains(Day(day), holidays);
        foreach (var day in new[] { work1, work2 })
            Assert.DoesNotContain(Day(day), holidays);
    }

    [Theory]
    [InlineData(2025, "01-26", "02-08", "04-27", "09-28", "10-11")]
    [InlineData(2026, "01-04", "02-14", "02-28", "05-09", "09-20", "10-10")]
    public void The_weekends_that_are_worked_are_those_of_the_State_Council(int year, params string[] days)
    {
        var calendar = Shipped().Calendar;
        Assert.Equal(
            days,
            calendar
                .Workdays.Where(d => d.Year == year)
                .Order()
                .Select(d => d.ToString("MM-dd", System.Globalization.CultureInfo.InvariantCulture))
        );
        Assert.All(calendar.Workdays, d => Assert.False(calendar.IsWeekend(d.DayNumber)));
    }

    [Fact]
    public void A_day_of_the_holidays_file_is_not_both_and_a_worked_weekend_is_one()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-holidays-").FullName;
        File.WriteAllText(Path.Combine(folder, "rules.yaml"), "holidays: days.yaml\nrules: {}\n");
        File.WriteAllText(
            Path.Combine(folder, "days.yaml"),
            """
            holidays:
              - { name: long, from: 2026-02-15, to: 2026-02-23 }
            workdays:
              - { name: both, day: 2026-02-15 }
              - { name: Wednesday, day: 2026-02-25 }
              - { name: unreadable, day: 28 Feb }
              - { day: 2026-02-28, colour: red }
            """
        );
        var problems = new List<Problem>();
        Assert.Null(RuleSet.Load(Path.Combine(folder, "rules.yaml"), problems));
        Directory.Delete(folder, recursive: true);
        Assert.Equal(
            [
                (4, "both.day", "2026-02-15"),
                (5, "Wednesday.day", "2026-02-25"),
                (6, "unreadable.day", "28 Feb"),
                (7, "", ""),
                (7, "", "colour"),
            ],
            problems.Select(p => (p.Line, p.Id, p.Value))
        );
        Assert.Contains("是放假日", problems[0].Message.Zh, StringComparison.Ordinal);
    }

    [Fact]
    public void A_shorter_window_holds_for_the_key_class_as_shipped()
    {
        var night = new HomeScenario(Shipped(), facts: HomeScenario.Home("R1") with { KeyClass = true })
            .Flow(-30, 0, 100, _ => 0.01)
            .Flow(1, 16, 100.31, _ => 0);
        Assert.Equal(HomeScenario.At(16), night.Only(AlarmKind.NoWater).Time);
    }

    [Fact]
    public void The_shipped_rules_name_every_kind_and_agree_with_the_defaults_and_the_schema()
    {
        var shipped = Shipped().For(null);
        foreach (var p in Parameter.All)
            Assert.True(shipped[p.Id] == p.Read(p.Default), $"{p.Kind}.{p.Name}: rules.yaml and its default differ");
        Assert.Equal(Enumerable.Range(0, Parameter.All.Length), Parameter.All.Select(p => (int)p.Id));
        var schema = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(Root(), "config", "rules.schema.json")))!;
        foreach (var p in Parameter.All)
            Assert.NotNull(schema["$defs"]!["rules"]!["properties"]![p.Kind.Name]!["properties"]![p.Name]);
        foreach (var kind in AlarmKind.All.Where(k => k != AlarmKind.ServiceTrouble))
            Assert.NotNull(schema["$defs"]!["rules"]!["properties"]![kind.Name]);
    }

    [Fact]
    public void The_schema_says_the_same_defaults()
    {
        var schema = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(Root(), "config", "rules.schema.json")))!;
        foreach (var p in Parameter.All)
        {
            var said = schema["$defs"]!["rules"]!["properties"]![p.Kind.Name]!["properties"]![p.Name]!["default"];
            Assert.True(said is not null, $"{p.Kind}.{p.Name}: the schema says no default");
            Assert.True(p.Read(said.ToString()) == p.Read(p.Default), $"{p.Kind}.{p.Name}: {said} in the schema, {p.Default} in truth");
        }
    }

    [Fact]
    public void Every_kind_has_a_row_in_the_documentation_and_every_kind_that_may_have_hours_has_words_for_when_they_begin()
    {
        var rows = File.ReadLines(Path.Combine(Root(), "docs", "rules.md")).Where(l => l.StartsWith("| `", StringComparison.Ordinal));
        var documented = string.Concat(rows.Select(l => l.Split('|')[1]));
        var schema = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(Root(), "config", "rules.schema.json")))!;
        foreach (var kind in AlarmKind.All.Where(k => k != AlarmKind.ServiceTrouble))
        {
            Assert.Contains($"`{kind.Name}`", documented);
            if (schema["$defs"]!["rules"]!["properties"]![kind.Name]!["properties"]!["when"] is not null)
                Assert.NotEqual((kind.Name, "异常"), Phrases.HeldBack(kind));
        }
    }

    [Fact]
    public void Every_mistake_in_a_rules_file_is_told_at_once_with_its_line()
    {
        var path = Path.Combine(Path.GetTempPath(), $"rules-{Guid.NewGuid():N}.yaml");
        File.WriteAllText(
            path,
            """
            rules:
              no-water: { within: 24 hours, less_than: -1 }
              sos: { enabled: false }
              no-watr: {}
              door-open: { when: { weekdays: [monday] }, color: red }
            overrides:
              - { rules: { no-water: { within: 12h } } }
            """
        );
        var problems = new List<Problem>();
        Assert.Null(RuleSet.Load(path, problems));
        File.Delete(path);
        foreach (var (line, value) in new[] { (2, "24 hours"), (2, "-1"), (3, "false"), (4, "no-watr"), (5, "monday"), (5, "color") })
            Assert.Contains(problems, p => p.Line == line && p.Value == value);
        Assert.Contains(problems, p => p.Message.En.Contains("whom it is for"));
    }
}
