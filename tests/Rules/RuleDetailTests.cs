using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>Details of the rules that their own test files don't cover.</summary>
public sealed class RuleDetailTests
{
    private static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");

    private static RuleSet Written(string yaml, string? holidays = null)
    {
        var folder = Directory.CreateTempSubdirectory("vigil-rules-").FullName;
        var path = Path.Combine(folder, "rules.yaml");
        File.WriteAllText(path, yaml);
        if (holidays is not null)
            File.WriteAllText(Path.Combine(folder, "holidays.yaml"), holidays);
        var problems = new List<Problem>();
        var rules = RuleSet.Load(path, problems);
        Directory.Delete(folder, recursive: true);
        Assert.Empty(problems);
        return rules!;
    }

    /// <summary>Homes with a water meter each, which all live alike: up at about seven, to bed at about ten.</summary>
    private sealed class Lives
    {
        private readonly RuleEngine engine = new(RuleSet.Default, Shanghai);
        private readonly double[] totals;

        public Lives(int homes)
        {
            totals = new double[homes];
            for (var r = 0; r < homes; r++)
                engine.Put(HomeScenario.Home($"R{r}", HomeScenario.Meter($"w{r}")));
        }

        public List<Finding> Found { get; } = [];

        /// <summary>Hourly totals of all homes; <paramref name="uses"/> says which home uses water in which hour.</summary>
        public void Live(double from, double to, Func<int, double, bool> uses)
        {
            for (var h = from; h <= to; h++)
            {
                for (var r = 0; r < totals.Length; r++)
                {
                    var time = HomeScenario.At(h).AddMinutes(r);
                    totals[r] += uses(r, h) ? 0.012 + (r + h * 7) % 5 * 0.002 : 0;
                    engine.Apply(
                        new ResidentId($"R{r}"),
                        new Reading
                        {
                            Device = new DeviceId($"w{r}"),
                            Metric = Metric.WaterVolume,
                            Time = time,
                            Received = time,
                            Value = Math.Round(totals[r], 3),
                        },
                        Found
                    );
                }

                engine.AdvanceTo(HomeScenario.At(h + 1), Found);
            }
        }

        /// <summary>Water is used from seven until ten in the evening, in at least two of three hours.</summary>
        public static bool Usual(int r, double h) =>
            ((h % 24) + 24) % 24 is var hour && hour is >= 7 and <= 22 && (hour is 7 or 12 or 18 or 21 || (r + h) % 3 != 0);
    }

    [Fact]
    public void A_main_that_breaks_in_the_morning_is_one_outage_where_lives_are_learned()
    {
        var village = new Lives(8);
        village.Live(-40 * 24, 9, Lives.Usual);
        village.Found.Clear();
        village.Live(10, 22, (_, _) => false);
        var outage = Assert.Single(village.Found, f => f.Kind == AlarmKind.Outage && f.Change == FindingChange.Opened);
        Assert.Contains("have no water since about", outage.Reason);
        Assert.DoesNotContain(village.Found, f => f.Kind == AlarmKind.Inactivity);
        Assert.All(
            village.Found.Where(f => f.Kind == AlarmKind.Outage && f.Change == FindingChange.Updated),
            f => Assert.Contains("held back: R", f.Reason)
        );

        // Repaired at 23:00. Everybody goes on living, except one who has been lying on the floor all the time.
        village.Live(23, 40, (r, h) => r != 5 && (h < 24 || Lives.Usual(r, h)));
        Assert.Single(village.Found, f => f.Kind == AlarmKind.Outage && f.Change == FindingChange.Cleared);
        Assert.Equal("R5", Assert.Single(village.Found, f => f.Kind == AlarmKind.Inactivity && f.Change == FindingChange.Opened).Subject);
    }

    [Fact]
    public void A_village_that_sleeps_does_not_hide_the_one_who_did_not_get_up()
    {
        var village = new Lives(8);
        village.Live(-40 * 24, 21, Lives.Usual);
        village.Found.Clear();
        village.Live(22, 24 + 14, (r, h) => r != 3 && Lives.Usual(r, h));
        var found = Assert.Single(
            village.Found,
            f => f.Kind is var k && (k == AlarmKind.Inactivity || k == AlarmKind.NoWater || k == AlarmKind.Outage)
        );
        Assert.Equal(("R3", FindingChange.Opened), (found.Subject, found.Change));
        Assert.InRange(found.Time, HomeScenario.At(24 + 7), HomeScenario.At(24 + 12));
    }

    [Fact]
    public void A_door_sensor_that_repeats_its_state_does_not_open_the_door()
    {
        var night = new HomeScenario().Say("d", Metric.DoorOpen, -6.5, 1).Say("d", Metric.DoorOpen, -6, 0);
        for (var h = -30; h <= 24; h++)
        {
            night.Water(h, 100 + Math.Min(h + 30, 30) * 0.01);
            if (h > -6)
                night.Say("d", Metric.DoorOpen, h, 0);
        }

        Assert.Contains("door not opened since 1 Jan 18:00", night.Only(AlarmKind.NoWater).Reason);
        Assert.Contains("门自1月1日 18:00起未开", night.Only(AlarmKind.NoWater).ReasonZh);
        Assert.Empty(night.Of(AlarmKind.DoorOpen));
    }

    [Fact]
    public void Inactivity_that_falls_due_outside_its_window_is_told_when_the_window_opens()
    {
        var rules = Written("rules:\n  inactivity: { when: { from: \"08:00\", to: \"20:00\" } }\n");
        HomeScenario Lived(RuleSet with)
        {
            var night = new HomeScenario(with);
            var total = 0.0;
            // Somebody who is up at night: water every hour from noon until three in the morning, and none from then until noon.
            for (var h = -40 * 24; h <= 34; h++)
                night.Water(h, total = Math.Round(total + (h <= 14 && ((h % 24) + 24) % 24 is < 4 or > 11 ? 0.02 : 0), 3));
            return night;
        }

        var always = Lived(RuleSet.Default).Only(AlarmKind.Inactivity).Time;
        Assert.InRange(always, HomeScenario.At(20), HomeScenario.At(31));
        var inWindow = Lived(rules).Only(AlarmKind.Inactivity).Time;
        Assert.Equal(HomeScenario.At(32), inWindow);
    }

    [Fact]
    public void A_refrigerator_and_a_drip_do_not_end_an_absence_and_a_kettle_does()
    {
        var facts = HomeScenario.Home(
            "R1",
            HomeScenario.Meter("w"),
            new DeviceFacts(new DeviceId("e"), HomeScenario.Midnight, TimeSpan.FromHours(1), [Metric.ElectricityEnergy])
        ) with
        {
            Absences = [new AbsenceFacts(HomeScenario.At(1), HomeScenario.At(90), "daughter")],
        };
        HomeScenario Away(int back)
        {
            var night = new HomeScenario(facts: facts);
            double water = 100,
                energy = 50;
            for (var h = -72; h <= 80; h++)
            {
                var lives = (h < 1 || h == back) && ((h % 24) + 24) % 24 is > 6 and < 22;
                night.Water(h, water = Math.Round(water + 0.003 + (lives ? 0.02 : 0), 4));
                night.Say("e", Metric.ElectricityEnergy, h, energy = Math.Round(energy + 0.12 + (h % 3) * 0.01 + (lives ? 0.4 : 0), 3));
            }

            return night;
        }

        Assert.Empty(Away(int.MaxValue).Of(AlarmKind.NoWater));
        Assert.Empty(Away(int.MaxValue).Of(AlarmKind.NoElectricity));
        Assert.NotEmpty(Away(33).Of(AlarmKind.NoWater)); // somebody came home at nine on the second morning, and has used nothing since
    }

    [Fact]
    public void A_meter_that_begins_again_at_nought_neither_cries_nor_hides_the_silence_after_it()
    {
        var night = new HomeScenario().Flow(-30, 0, 100, _ => 0.01).Flow(1, 10, 0, _ => 0.01);
        for (var h = 11; h <= 60; h++)
            night.Water(h, 0.1);
        Assert.Empty(night.Of(AlarmKind.Overuse));
        Assert.Equal(HomeScenario.At(34), night.Only(AlarmKind.NoWater).Time);
    }

    [Fact]
    public void A_total_that_jumps_back_once_is_not_believed()
    {
        var night = new HomeScenario().Flow(-30, 0, 100, _ => 0.01);
        for (var h = 1; h <= 24; h++)
            night.Water(h, h == 7 ? 55 : 100.31);
        Assert.Equal(HomeScenario.At(24), night.Only(AlarmKind.NoWater).Time);
    }

    [Fact]
    public void Two_readings_too_far_apart_are_not_two_in_a_row_and_a_kept_one_is_not_now()
    {
        var night = new HomeScenario().Say("h", Metric.HeartRate, 1, 140).Say("h", Metric.HeartRate, 2, 141);
        Assert.Empty(night.Of(AlarmKind.VitalSign));
        night.Say("h", Metric.HeartRate, 2.1, 142, flags: ReadingFlags.Retained);
        Assert.Empty(night.Of(AlarmKind.VitalSign));
        night.Say("h", Metric.HeartRate, 2.2, 35).Say("h", Metric.HeartRate, 2.3, 36);
        Assert.Contains("below 40", night.Only(AlarmKind.VitalSign).Reason);
        // Another vital sign is told as well, and an absence doesn't hold it back.
        night.Facts = night.Facts with
        {
            Absences = [new AbsenceFacts(HomeScenario.At(0), HomeScenario.At(50), "son")],
        };
        night.Engine.Put(night.Facts);
        night.Say("o", Metric.BloodOxygen, 3, 80).Say("o", Metric.BloodOxygen, 3.1, 82);
        Assert.Equal(2, night.Of(AlarmKind.VitalSign).Count());
    }

    [Fact]
    public void A_poor_fix_proves_nothing_and_the_market_is_no_wandering()
    {
        const string Yaml = """
            rules: {}
            overrides:
              - resident: R1
                rules:
                  wandering:
                    zones:
                      - { name: market, points: ["23.130, 113.300"], radius: 300 }
                      - { name: park, points: ["23.150, 113.290", "23.150, 113.310", "23.160, 113.310", "23.160, 113.290"] }
            """;
        HomeScenario Fixes(RuleSet? rules, params (double Hours, double Latitude, float Accuracy)[] fixes)
        {
            var night = new HomeScenario(rules);
            foreach (var (hours, latitude, accuracy) in fixes)
            {
                night.Engine.Apply(
                    night.Facts.Id,
                    new Reading
                    {
                        Device = new DeviceId("l"),
                        Metric = Metric.Location,
                        Time = HomeScenario.At(hours),
                        Received = HomeScenario.At(hours),
                        Value = latitude,
                        Longitude = 113.3,
                        Accuracy = accuracy,
                    },
                    night.Findings
                );
            }

            night.Tick(22);
            return night;
        }

        var outside = 23.1 + 800 / 111195.0;
        // with an accuracy of 600 m the position doesn't count
        Assert.Empty(Fixes(null, (9, 23.1, 20), (10, outside, 600), (15, outside, 600)).Of(AlarmKind.Wandering));
        Assert.Empty(Fixes(null, (9, 23.1, 20), (10, outside, 450), (10.5, 23.1, 20)).Of(AlarmKind.Wandering));
        // the locator fell silent outside: the alarm comes by the clock
        Assert.Equal(HomeScenario.At(14), Fixes(null, (9, 23.1, 20), (10, outside, 20)).Only(AlarmKind.Wandering).Time);
        Assert.Single(Fixes(null, (9, 23.1, 20), (10, 23.13, 20)).Of(AlarmKind.Wandering));
        Assert.Empty(Fixes(Written(Yaml), (9, 23.1, 20), (10, 23.13, 20), (13, 23.155, 20)).Of(AlarmKind.Wandering));
    }

    [Fact]
    public void A_hot_home_a_door_at_night_and_the_device_that_says_its_battery_is_low()
    {
        var night = new HomeScenario();
        for (var h = 12; h <= 15; h++)
            night.Say("t", Metric.AirTemperature, h, 35);
        Assert.Equal(HomeScenario.At(14), night.Only(AlarmKind.HotHome).Time);
        night.Say("t", Metric.AirTemperature, 16, 32);
        night.Say("t", Metric.AirTemperature, 17, 30);
        night.Only(AlarmKind.HotHome, FindingChange.Cleared);
        night.Say("d", Metric.DoorOpen, 22.5, 1).Tick(22.8);
        Assert.Equal(HomeScenario.At(22.75), night.Only(AlarmKind.DoorOpen).Time); // after a quarter of an hour, because it is night
        night.Say("b", Metric.BatteryLow, 23, 1).Say("b", Metric.BatteryLow, 24, 1).Say("b", Metric.BatteryLow, 25, 0);
        Assert.Equal([FindingChange.Opened, FindingChange.Cleared], night.Of(AlarmKind.BatteryLow).Select(f => f.Change));
    }

    [Fact]
    public void A_rule_bound_to_working_days_keeps_quiet_on_weekends_and_holidays()
    {
        var rules = Written(
            "holidays: holidays.yaml\nrules:\n  hot-home: { when: { weekdays: [mon, tue, wed, thu, fri], holidays: skip } }\n",
            "holidays:\n  - { name: day off, from: 2026-01-05, to: 2026-01-05 }\nworkdays:\n  - { name: in exchange, day: 2026-01-04 }\n"
        );
        HomeScenario On(double day)
        {
            var night = new HomeScenario(rules);
            for (var h = 12; h <= 16; h++)
                night.Say("t", Metric.AirTemperature, day * 24 + h, 35);
            return night;
        }

        Assert.Single(On(0).Of(AlarmKind.HotHome)); // Friday 2 January 2026
        Assert.Empty(On(1).Of(AlarmKind.HotHome)); // Saturday
        Assert.Single(On(2).Of(AlarmKind.HotHome)); // a Sunday that is a working day in exchange for the holiday
        Assert.Empty(On(3).Of(AlarmKind.HotHome)); // Monday, a day off
        Assert.Single(On(4).Of(AlarmKind.HotHome));
    }

    [Theory]
    [InlineData(0b0111110, true)] // Monday to Friday
    [InlineData(0b1111111, true)]
    [InlineData(0b1111110, true)]
    [InlineData(0b0000001, false)] // Sundays
    [InlineData(0b1000001, false)] // weekends
    [InlineData(0b0000011, true)] // a rule that names Sunday holds on every Sunday
    [InlineData(0b0000110, false)]
    public void A_worked_Sunday_is_one_of_the_working_days_and_none_of_the_weekend(int weekdays, bool holds)
    {
        var calendar = new WorkCalendar([], [new(2026, 1, 4)]);
        Assert.Equal(holds, new RuleWindow(0, 0, weekdays, HolidayUse.Any).Contains(new DateTime(2026, 1, 4, 12, 0, 0), calendar));
        Assert.Equal(
            (weekdays & 1) != 0,
            new RuleWindow(0, 0, weekdays, HolidayUse.Any).Contains(new DateTime(2026, 1, 4), WorkCalendar.None)
        );
    }

    [Fact]
    public void The_nearest_override_wins_area_then_class_then_resident_as_written()
    {
        var rules = Written(
            """
            rules:
              no-water: { within: 24h }
            overrides:
              - { area: "4401", rules: { no-water: { within: 20h } } }
              - { area: "440100001001", rules: { no-water: { within: 18h } } }
              - { class: key, rules: { no-water: { within: 16h } } }
              - { resident: R9, rules: { no-water: { within: 14h } } }
            """
        );
        double Found(ResidentFacts facts)
        {
            var night = new HomeScenario(rules, facts: facts).Flow(-30, 0, 100, _ => 0.01).Flow(1, 30, 100.31, _ => 0);
            return (night.Only(AlarmKind.NoWater).Time - HomeScenario.Midnight).TotalHours;
        }

        Assert.Equal(24, Found(HomeScenario.Home("R1") with { Area = new AreaCode("450000000000") }));
        Assert.Equal(20, Found(HomeScenario.Home("R1") with { Area = new AreaCode("440199999999") }));
        Assert.Equal(18, Found(HomeScenario.Home("R1")));
        Assert.Equal(16, Found(HomeScenario.Home("R1") with { KeyClass = true }));
        Assert.Equal(14, Found(HomeScenario.Home("R9") with { KeyClass = true }));
    }

    [Theory]
    [InlineData("2026-03-28T22:00:00Z")] // in the night to 29 March 23:00 to 06:00 is six hours
    [InlineData("2026-10-24T21:00:00Z")] // in the night to 25 October it is eight
    public void The_nights_on_which_clocks_change_are_nights(string from)
    {
        var rules = Written("rules:\n  out-of-bed: { longer_than: 45m, when: { from: \"23:00\", to: \"06:00\" } }\n");
        var berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        var start = DateTime.Parse(
            from,
            System.Globalization.CultureInfo.InvariantCulture,
            System.Globalization.DateTimeStyles.AdjustToUniversal
        );
        var night = new HomeScenario(rules, berlin);
        double Hours(int local, int minute) // hours from HomeScenario.Midnight to a local time of the next morning
        {
            var day = TimeZoneInfo.ConvertTimeFromUtc(start, berlin).Date.AddDays(1);
            return (TimeZoneInfo.ConvertTimeToUtc(day.AddHours(local).AddMinutes(minute), berlin) - HomeScenario.Midnight).TotalHours;
        }

        night.Say("bed", Metric.BedOccupied, (start - HomeScenario.Midnight).TotalHours, 1);
        night.Say("bed", Metric.BedOccupied, Hours(1, 30), 0).Tick(Hours(1, 30) + 0.7);
        Assert.Empty(night.Of(AlarmKind.OutOfBed));
        night.Tick(Hours(1, 30) + 0.8); // 45 minutes have really passed, whatever the local time says
        night.Only(AlarmKind.OutOfBed);
        night.Say("bed", Metric.BedOccupied, Hours(4, 0), 1).Say("bed", Metric.BedOccupied, Hours(5, 30), 0).Tick(Hours(9, 0));
        Assert.Single(night.Of(AlarmKind.OutOfBed), f => f.Change == FindingChange.Opened); // from six on it counts as morning
    }

    [Theory]
    [InlineData("2026-03-28T12:00:00Z")]
    [InlineData("2026-10-24T12:00:00Z")]
    public void Twenty_four_hours_are_twenty_four_hours_on_the_day_of_23_and_of_25(string last)
    {
        var at = (
            DateTime.Parse(last, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AdjustToUniversal)
            - HomeScenario.Midnight
        ).TotalHours;
        var night = new HomeScenario(zone: TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"));
        for (var h = -48; h <= 30; h++)
            night.Water(at + h, 100 + Math.Min(h + 48, 48) * 0.01);
        Assert.Equal(HomeScenario.At(at + 24), night.Only(AlarmKind.NoWater).Time);
    }

    [Fact]
    public void Habits_follow_the_clock_on_the_wall_through_the_change_of_time()
    {
        // Up at seven local time for forty days before the clocks change and for ten after it: the shift of one hour in UTC must not look
        // like silence.
        var berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        var night = new HomeScenario(zone: berlin);
        var start = new DateTime(2026, 2, 17, 0, 0, 0, DateTimeKind.Utc);
        var total = 0.0;
        for (var h = 0; h < 50 * 24; h++)
        {
            var time = start.AddHours(h);
            var local = TimeZoneInfo.ConvertTimeFromUtc(time, berlin).Hour;
            if (local is 8 or 9 or 13 or 14 or 19 or 20 or 22)
                total += 0.015;
            night.Water((time - HomeScenario.Midnight).TotalHours, Math.Round(total, 3));
        }

        Assert.Empty(night.Of(AlarmKind.Inactivity));
        Assert.Empty(night.Of(AlarmKind.NoWater));
    }

    [Fact]
    public void Deadlines_of_a_thousand_homes_that_reported_together_are_found_at_their_own_moment()
    {
        var engine = new RuleEngine(RuleSet.Default, Shanghai);
        var found = new List<Finding>();
        for (var r = 0; r < 1000; r++)
            engine.Put(HomeScenario.Home($"R{r}", HomeScenario.Meter($"w{r}")) with { Area = new AreaCode($"44010000{r:D4}") });
        for (var h = 0; h <= 5; h++)
        {
            for (var r = 0; r < 1000; r++)
            {
                var at = HomeScenario.At(h).AddMilliseconds(r);
                if (h < 5 || r % 2 == 0)
                    engine.Apply(
                        new ResidentId($"R{r}"),
                        new Reading
                        {
                            Device = new DeviceId($"w{r}"),
                            Metric = Metric.WaterVolume,
                            Time = at,
                            Received = at,
                            Value = 100 + h * 0.01,
                        },
                        found
                    );
            }

            engine.AdvanceTo(HomeScenario.At(h).AddMinutes(10), found);
        }

        // Meters that last reported at four are silent from seven on, each at its own millisecond.
        engine.AdvanceTo(HomeScenario.At(7).AddTicks(-1), found);
        Assert.Empty(found);
        engine.AdvanceTo(HomeScenario.At(7).AddMilliseconds(500), found);
        Assert.Equal(250, found.Count(f => f.Kind == AlarmKind.DeviceSilent));
        engine.AdvanceTo(HomeScenario.At(7).AddMilliseconds(1000), found);
        Assert.Equal(500, found.Count(f => f.Kind == AlarmKind.DeviceSilent));
        Assert.All(
            found,
            f =>
                Assert.Equal(
                    int.Parse(f.Subject[1..], System.Globalization.CultureInfo.InvariantCulture),
                    (f.Time - HomeScenario.At(7)).TotalMilliseconds
                )
        );
    }
}
