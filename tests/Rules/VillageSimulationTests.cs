using System.Globalization;
using System.Text.Json.Nodes;
using Vigil.Host.Backtest;
using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>
/// Simulated villages: homes with every kind of device, late batches, duplicates, wrong clocks, absences, broken mains, and a service that
/// crashes, is moved, or has its own clock set wrong. Several engines get the same history and must tell the same. A failing seed is
/// printed.
/// </summary>
public sealed class VillageSimulationTests
{
    private static readonly TimeZoneInfo[] Zones =
    [
        TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"),
        TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"),
    ];

    [Fact]
    public void Fifty_villages_say_the_same_live_after_crashes_and_when_moved() => Villages(1, 50);

    [Fact]
    [Trait("Category", "Long")]
    public void Five_hundred_villages_say_the_same_live_after_crashes_and_when_moved() => Villages(51, 500);

    private static void Villages(int from, int to)
    {
        Parallel.For(
            from,
            to + 1,
            seed =>
            {
                try
                {
                    new History(seed).Check();
                }
                catch (Exception e)
                {
                    throw new InvalidOperationException($"seed {seed}: {e.Message}\n{e.StackTrace}");
                }
            }
        );
    }

    [Fact]
    public async Task Live_and_the_backtest_of_a_stores_readings_say_the_same_of_every_kind()
    {
        var kinds = new HashSet<string>();
        for (var seed = 1; seed <= 40; seed++)
        {
            var history = new History(seed, homes: 3); // too few homes for an outage, because a backtest looks at each home alone
            var output = new StringWriter();
            await BacktestRun.RunAsync(RuleSet.Default, history.Zone, Homes(history), null, history.End, output, TextWriter.Null);
            var said = output
                .ToString()
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(l => JsonNode.Parse(l)!)
                .Select(n => $"{n["resident"]} {n["episode"]} {n["raised"]} {n["cleared"]} {n["severity"]} {n["reason"]}")
                .Order(StringComparer.Ordinal)
                .ToList();
            var live = history
                .Run(HomeScenario.Strict(RuleSet.Default, history.Zone))
                .GroupBy(f => (f.Subject, f.Episode))
                .Select(e =>
                {
                    kinds.Add(e.First().Kind.Name);
                    var cleared = e.FirstOrDefault(f => f.Change == FindingChange.Cleared);
                    return $"{e.Key.Subject} {e.Key.Episode} {Iso(e.First().Time)} {(cleared is null ? "" : Iso(cleared.Time))} "
                        + $"{e.Max(f => f.Severity).ToString().ToLowerInvariant()} {e.First().Reason}";
                })
                .Order(StringComparer.Ordinal)
                .ToList();
            Assert.True(
                live.SequenceEqual(said),
                $"seed {seed}: live only: {string.Join(" | ", live.Except(said).Take(3))}; backtest only: "
                    + $"{string.Join(" | ", said.Except(live).Take(3))}"
            );
        }

        // The histories must trigger every rule that a single home can break within days.
        Assert.Equal(
            AlarmKind
                .All.Where(k => k != AlarmKind.Outage && k != AlarmKind.ServiceTrouble)
                .Select(k => k.Name)
                .Order(StringComparer.Ordinal),
            kinds.Order(StringComparer.Ordinal)
        );
    }

    private static async IAsyncEnumerable<(ResidentFacts, IReadOnlyList<Reading>)> Homes(History history)
    {
        foreach (var home in history.Homes)
        {
            await Task.CompletedTask;
            yield return (home, [.. history.Arrivals.Where(a => a.Resident == home.Id).Select(a => a.Reading)]);
        }
    }

    private static string Iso(DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture) + "Z";

    /// <summary>What the devices of a village report in a week, in the order in which it arrives.</summary>
    private sealed class History
    {
        private readonly Random random;
        private readonly Random rooms;
        private readonly DateTime start;

        public History(int seed, int homes = 0)
        {
            random = new Random(seed);
            rooms = new Random(seed + 1_000_000);
            Zone = Zones[seed % 2];
            // some of the weeks include a change of Berlin's clocks
            start = new DateTime(2026, 3, 26, 0, 0, 0, DateTimeKind.Utc).AddDays(random.Next(3) * 211);
            End = start.AddDays(8);
            if (homes == 0)
                homes = 3 + random.Next(5);
            var breaks = random.Next(3) == 0 ? random.Next(30, 90) : int.MaxValue; // the hour in which the village's water main breaks
            for (var r = 0; r < homes; r++)
                Live($"R{r}", breaks, breaks == int.MaxValue ? 0 : breaks + random.Next(8, 40));
            Arrivals =
            [
                .. Arrivals
                    .OrderBy(a => a.Reading.Received)
                    .ThenBy(a => a.Resident.Value, StringComparer.Ordinal)
                    .ThenBy(a => a.Reading.Time),
            ];
        }

        public TimeZoneInfo Zone { get; }
        public DateTime End { get; }
        public List<ResidentFacts> Homes { get; } = [];
        public List<(ResidentId Resident, Reading Reading)> Arrivals { get; private set; } = [];
        private readonly List<(string Resident, DateTime Time)> presses = [];

        /// <summary>Applies the whole history once, with a tick before each arrival.</summary>
        public List<Finding> Run(RuleEngine engine)
        {
            var found = new List<Finding>();
            foreach (var home in Homes)
                engine.Put(home);
            foreach (var (resident, reading) in Arrivals)
            {
                engine.AdvanceTo(reading.Received.AddTicks(-1), found);
                engine.Apply(resident, reading, found);
            }

            engine.AdvanceTo(End, found);
            return found;
        }

        public void Check()
        {
            var steady = HomeScenario.Strict(RuleSet.Default, Zone);
            var (crashed, moved, set) = (
                HomeScenario.Strict(RuleSet.Default, Zone),
                HomeScenario.Strict(RuleSet.Default, Zone),
                HomeScenario.Strict(RuleSet.Default, Zone)
            );
            foreach (var engine in (RuleEngine[])[steady, crashed, moved, set])
            foreach (var home in Homes)
                engine.Put(home);
            List<Finding> one = [],
                two = [],
                three = [],
                four = [];
            var rulesOfOne = new Episodes();
            var snapshot = new MemoryStream();
            crashed.Save(snapshot);
            var since = new List<(ResidentId, Reading)>();
            var (wrongFrom, wrongBy) = (random.Next(Arrivals.Count), TimeSpan.FromHours(random.Next(2, 60)));
            for (var i = 0; i < Arrivals.Count; i++)
            {
                var (resident, reading) = Arrivals[i];
                var before = reading.Received.AddTicks(-1);
                steady.AdvanceTo(before, one);
                steady.Apply(resident, reading, one);
                rulesOfOne.Take(one);

                crashed.AdvanceTo(before, two);
                crashed.Apply(resident, reading, two);
                since.Add((resident, reading));
                if (random.Next(200) == 0)
                {
                    snapshot.SetLength(0);
                    crashed.Save(snapshot);
                    since.Clear();
                }
                else if (random.Next(200) == 0)
                {
                    // Killed: the engine goes back to its snapshot and reads the stored readings again. Findings count once by (subject,
                    // kind, episode, sequence), as in the store.
                    crashed = Loaded(snapshot);
                    foreach (var (again, said) in since)
                    {
                        crashed.AdvanceTo(said.Received.AddTicks(-1), two);
                        crashed.Apply(again, said, two);
                    }
                }

                // The whole state is moved to another engine between two arrivals.
                moved.AdvanceTo(before, three);
                if (random.Next(100) == 0)
                {
                    using var parcel = new MemoryStream();
                    moved.Save(parcel);
                    moved = Loaded(parcel);
                    moved.AdvanceTo(before, three);
                }

                moved.Apply(resident, reading, three);

                // For fifty arrivals the service's own clock is ahead; then it is set right.
                var ahead = i >= wrongFrom && i < wrongFrom + 50 ? wrongBy : TimeSpan.Zero;
                set.AdvanceTo(before + ahead, four);
                set.Apply(resident, reading with { Received = reading.Received + ahead }, four);
            }

            foreach (var (engine, found) in ((RuleEngine, List<Finding>)[])[(steady, one), (crashed, two), (moved, three), (set, four)])
                engine.AdvanceTo(End, found);
            rulesOfOne.Take(one);
            new Episodes().Take(three);
            new Episodes().Take(four);
            Same("moved", Keys(one, _ => true), Keys(three, _ => true));
            // The silence of a device or of a home's sensors is found by ticks. A crashed engine has missed some of them and finds it later
            // by as long as it was down. What an outage holds back depends on that, and so does whether a meter or the sensors tell a
            // silence first.
            var outage = one.Concat(two).Any(f => f.Kind == AlarmKind.Outage);
            var still = one.Concat(two).Where(IsStill).Select(f => f.Subject).ToHashSet();
            bool IsAlike(Finding f) =>
                Alike(f, outage) && !(still.Contains(f.Subject) && (f.Kind == AlarmKind.NoWater || f.Kind == AlarmKind.NoElectricity));
            Same("crashed", Keys(one, IsAlike), Keys(two, IsAlike));

            foreach (var (resident, time) in presses)
            {
                foreach (var found in (List<Finding>[])[one, two, three, four])
                    Assert.True(
                        found.Exists(f => f.Kind == AlarmKind.Sos && f.Subject == resident && f.Time == time),
                        $"the press of {resident} at {time:s} was dropped"
                    );
            }

            foreach (
                var f in one.Where(f =>
                    f.Change == FindingChange.Opened
                    && (
                        f.Kind == AlarmKind.NoWater
                        || f.Kind == AlarmKind.NoElectricity
                        || f.Kind == AlarmKind.OutOfBed
                        || f.Kind == AlarmKind.Wandering
                    )
                )
            )
                Assert.False(
                    Homes
                        .Find(h => h.Id.Value == f.Subject)!
                        .Absences.Any(a => a.From <= f.Time && f.Time < a.Until && !cameBack.Contains(f.Subject)),
                    $"{f.Kind} of {f.Subject} was raised at {f.Time:s} during an absence of "
                        + $"{string.Join(", ", Homes.Find(h => h.Id.Value == f.Subject)!.Absences)}: {f.Reason}"
                );

            // Setting the clock right makes no silence pass unnoticed: each meter that stopped for good is missed in time, or later by at
            // most as much as the clock was ahead.
            foreach (var (resident, device, last) in silent)
                Assert.True(
                    four.Exists(f =>
                        f.Kind == AlarmKind.DeviceSilent
                        && f.Subject == resident
                        && f.Device?.Value == device
                        && f.Change == FindingChange.Opened
                        && f.Time >= last
                        && f.Time <= last.AddHours(4) + wrongBy
                    ) || four.Exists(f => f.Kind == AlarmKind.Outage),
                    $"nobody missed {device} of {resident} after {last:s}"
                );
        }

        private readonly HashSet<string> cameBack = [];
        private readonly List<(string Resident, string Device, DateTime Last)> silent = [];

        /// <summary>The silence of a home's sensors, told alone or as part of a meter's silence.</summary>
        private static bool IsStill(Finding f) =>
            f.Kind == AlarmKind.Inactivity || f.Reason.StartsWith("no sign of life", StringComparison.Ordinal);

        private static bool Alike(Finding f, bool outage) =>
            f.Kind != AlarmKind.DeviceSilent
            && f.Kind != AlarmKind.DeviceNeverSeen
            && f.Kind != AlarmKind.Outage
            && f.Kind != AlarmKind.Inactivity
            && f.Kind != AlarmKind.NotBack
            && !(outage && Outages.HoldsBack(f.Kind));

        private RuleEngine Loaded(MemoryStream snapshot)
        {
            var engine = HomeScenario.Strict(RuleSet.Default, Zone);
            snapshot.Position = 0;
            engine.Load(snapshot);
            foreach (var home in Homes)
                engine.Put(home);
            return engine;
        }

        private static List<string> Keys(List<Finding> findings, Func<Finding, bool> which) =>
            [
                .. findings
                    .Where(which)
                    .Select(f => $"{f.Subject}|{f.Episode}|{f.Sequence}|{f.Change}|{f.Severity}|{f.Time:O}")
                    .Distinct()
                    .Order(StringComparer.Ordinal),
            ];

        private static void Same(string name, List<string> steady, List<string> other)
        {
            if (steady.SequenceEqual(other))
                return;
            Assert.Fail(
                $"{name}: only steady: {string.Join("; ", steady.Except(other).Take(4))}; only {name}: "
                    + $"{string.Join("; ", other.Except(steady).Take(4))}"
            );
        }

        /// <summary>
        /// An hour of three rooms' motion sensors and a kettle's plug. Somebody at home moves in two rooms; a draught now and then triggers
        /// one; a curtain triggers the third all the time. Some reports arrive late or twice.
        /// </summary>
        private void Rooms(string id, int hour, bool lives, bool isCurtain)
        {
            var time = start.AddHours(hour);
            for (var room = 0; room < 3; room++)
            {
                var moves =
                    isCurtain && room == 2 ? 2
                    : lives ? rooms.Next(room == 2 ? 2 : 4)
                    : rooms.Next(10) / 9;
                for (var move = 0; move < moves; move++)
                {
                    var at = time.AddMinutes(60.0 * (move + rooms.NextDouble()) / moves);
                    Seen($"m{room}-{id}", Metric.Motion, at, 1);
                    if (rooms.Next(3) > 0)
                        Seen($"m{room}-{id}", Metric.Motion, at.AddSeconds(rooms.Next(1, 90)), 0);
                }
            }

            Seen($"p-{id}", Metric.ElectricityPower, time.AddMinutes(15), lives && hour % 4 == 0 ? 1800 : 0.6);

            void Seen(string device, Metric metric, DateTime at, double value)
            {
                for (var copy = rooms.Next(50) / 49; copy >= 0; copy--)
                {
                    var received = at.AddSeconds(rooms.Next(40) == 0 ? rooms.Next(9000) : 1);
                    Arrivals.Add(
                        (
                            new ResidentId(id),
                            new Reading
                            {
                                Device = new DeviceId(device),
                                Metric = metric,
                                Time = at,
                                Received = received,
                                Value = value,
                            }
                        )
                    );
                }
            }
        }

        private void Live(string id, int breaks, int repaired)
        {
            var absentFrom = random.Next(4) == 0 ? random.Next(20, 100) : int.MaxValue;
            var returns = absentFrom == int.MaxValue ? 0 : absentFrom + random.Next(30, 90);
            if (absentFrom != int.MaxValue && returns < absentFrom + 60)
                cameBack.Add(id); // came back before the announced end
            var stops = random.Next(3) == 0 ? random.Next(50, 140) : int.MaxValue; // the hour in which life stops
            var leak = random.Next(4) == 0 ? random.NextDouble() * 0.004 : 0;
            var tap = random.Next(8) == 0 ? random.Next(100) : int.MaxValue;
            var batch = random.Next(4) == 0 ? random.Next(2, 12) : 1;
            var unplugged = random.Next(6) == 0 ? random.Next(40, 150) : int.MaxValue;
            var never = random.Next(6) == 0;
            var (w, e, b, d, bed, t, s, l, h, n) = (
                $"w-{id}",
                $"e-{id}",
                $"b-{id}",
                $"d-{id}",
                $"bed-{id}",
                $"t-{id}",
                $"s-{id}",
                $"l-{id}",
                $"h-{id}",
                $"n-{id}"
            );
            var hourly = TimeSpan.FromHours(1);
            Homes.Add(
                new ResidentFacts
                {
                    Id = new ResidentId(id),
                    Area = new AreaCode("440100001001"),
                    Home = (23.1, 113.3),
                    Absences =
                        absentFrom == int.MaxValue
                            ? []
                            : [new AbsenceFacts(start.AddHours(absentFrom), start.AddHours(absentFrom + 60), "daughter")],
                    Devices =
                    [
                        new DeviceFacts(new DeviceId(w), start, hourly, [Metric.WaterVolume]),
                        new DeviceFacts(new DeviceId(e), start, hourly, [Metric.ElectricityEnergy]),
                        .. new[] { b, d, bed, s, l, h }.Select(x => new DeviceFacts(new DeviceId(x), start, null, [])),
                        new DeviceFacts(new DeviceId(t), start, hourly, []),
                        .. never ? new[] { new DeviceFacts(new DeviceId(n), start, hourly, []) } : [],
                    ],
                }
            );
            double water = random.Next(900),
                energy = random.Next(900);
            bool Home(int hour) => hour < absentFrom || hour >= returns;
            var last = start;
            var (hasRooms, curtain) = (rooms.Next(2) == 0, rooms.Next(4) == 0 ? rooms.Next(20, 120) : int.MaxValue);
            for (var hour = 0; hour < 180; hour++)
            {
                var time = start.AddHours(hour);
                var local = TimeZoneInfo.ConvertTimeFromUtc(time, Zone).Hour;
                var lives = hour < stops && Home(hour) && local is > 6 and < 23;
                if (hour < breaks || hour >= repaired)
                {
                    if (lives && random.Next(3) > 0)
                        water += random.NextDouble() * 0.05;
                    if (hour >= tap && hour < tap + 5 && Home(hour))
                        water += 0.5;
                    water += leak;
                }

                energy += 0.05 + (lives ? random.NextDouble() * (random.Next(60) == 0 ? 70 : 0.4) : 0);
                if (hour < unplugged)
                {
                    var received = start.AddHours((hour / batch + 1) * batch).AddSeconds(20 + random.Next(20));
                    var clock = (absentFrom == int.MaxValue ? random.Next(80) : 2) switch
                    {
                        0 => time.AddDays(400),
                        1 => new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddHours(hour),
                        _ => time,
                    };
                    Say(w, Metric.WaterVolume, clock, Math.Round(water, 3), received);
                    if (random.Next(30) == 0)
                        Say(w, Metric.WaterVolume, time, Math.Round(water, 3), received.AddMinutes(random.Next(200)));
                    last = received;
                }

                Say(e, Metric.ElectricityEnergy, time, Math.Round(energy, 2), time.AddSeconds(5 + random.Next(30)));
                if (random.Next(10) > 0)
                    Say(
                        t,
                        Metric.AirTemperature,
                        time,
                        hour % 97 is > 40 and < 46 ? 5
                            : hour % 71 is > 60 and < 66 ? 36
                            : 20 + random.Next(8),
                        time.AddSeconds(3)
                    );
                if (hour % 12 == 0)
                    Say(t, Metric.BatteryLevel, time, Math.Max(1, 60 - hour / 3), time.AddSeconds(3));
                if (lives)
                {
                    if (random.Next(4) == 0)
                    {
                        Say(d, Metric.DoorOpen, time.AddMinutes(5), 1, time.AddMinutes(5));
                        Say(d, Metric.DoorOpen, time.AddMinutes(random.Next(6, 100)), 0, time.AddMinutes(100));
                    }

                    if (random.Next(40) == 0)
                        Press(time.AddMinutes(random.Next(60)));
                    if (random.Next(90) == 0)
                        Event(Metric.Fall, h, time.AddMinutes(random.Next(60)));
                    if (random.Next(120) == 0)
                        Event(Metric.VoiceHelp, h, time.AddMinutes(random.Next(60)));
                    var (from, to) = random.Next(12) == 0 ? (140, 150) : (60, 100);
                    Say(h, Metric.HeartRate, time.AddMinutes(10), random.Next(from, to), time.AddMinutes(10));
                    Say(h, Metric.HeartRate, time.AddMinutes(20), random.Next(from, to), time.AddMinutes(20));
                    Say(
                        l,
                        Metric.Location,
                        time.AddMinutes(30),
                        23.1 + (random.Next(15) == 0 ? 0.02 : random.NextDouble() * 0.001),
                        time.AddMinutes(30),
                        longitude: 113.3
                    );
                }

                if (hasRooms)
                    Rooms(id, hour, lives, isCurtain: hour >= curtain);
                if (local is 22 && Home(hour))
                    Say(bed, Metric.BedOccupied, time.AddMinutes(40), 1, time.AddMinutes(40));
                if (local is 2 or 6 && hour < stops && Home(hour))
                    Say(bed, Metric.BedOccupied, time.AddMinutes(random.Next(60)), 0, time.AddMinutes(60));
                if (local is 4 && hour < stops && Home(hour))
                    Say(bed, Metric.BedOccupied, time, 1, time);
                if (random.Next(150) == 0)
                {
                    var metric = random.Next(4) switch
                    {
                        0 => Metric.Smoke,
                        1 => Metric.Gas,
                        2 => Metric.WaterLeak,
                        _ => Metric.Tamper,
                    };
                    Say(s, metric, time.AddMinutes(1), 1, time.AddMinutes(1));
                    Say(s, metric, time.AddMinutes(random.Next(2, 30)), 0, time.AddMinutes(30));
                }
            }

            if (unplugged != int.MaxValue)
                silent.Add((id, w, last));

            void Say(string device, Metric metric, DateTime at, double value, DateTime received, string? word = null, double longitude = 0)
            {
                Arrivals.Add(
                    (
                        new ResidentId(id),
                        new Reading
                        {
                            Device = new DeviceId(device),
                            Metric = metric,
                            Time = at,
                            Received = received,
                            Value = value,
                            Event = word,
                            Longitude = longitude,
                        }
                    )
                );
                if (random.Next(60) == 0)
                    Arrivals.Add(
                        (
                            new ResidentId(id),
                            new Reading
                            {
                                Device = new DeviceId(device),
                                Metric = metric,
                                Time = at,
                                Received = received.AddSeconds(random.Next(9)),
                                Value = value,
                                Event = word,
                                Longitude = longitude,
                            }
                        )
                    );
            }

            void Press(DateTime at)
            {
                presses.Add((id, at));
                Event(Metric.Button, b, at);
            }

            void Event(Metric metric, string device, DateTime at) =>
                Say(device, metric, at, 1, random.Next(6) == 0 ? at.AddHours(2) : at.AddSeconds(1), "pressed");
        }
    }

    /// <summary>
    /// What must hold for every sequence of findings: numbered without a gap, opened once and closed once, told in both languages, and one
    /// open episode per kind and device.
    /// </summary>
    private sealed class Episodes
    {
        private readonly Dictionary<(string, string), int> next = [];
        private readonly Dictionary<(string, string, string?), string> open = [];
        private int taken;

        public void Take(List<Finding> findings)
        {
            for (; taken < findings.Count; taken++)
            {
                var f = findings[taken];
                Assert.False(string.IsNullOrWhiteSpace(f.Reason) || string.IsNullOrWhiteSpace(f.ReasonZh), "a finding without a reason");
                var number = next.GetValueOrDefault((f.Subject, f.Episode));
                Assert.True(number == f.Sequence, $"{f.Subject} {f.Episode}: number {f.Sequence} after {number - 1}");
                next[(f.Subject, f.Episode)] = f.Sequence + 1;
                Assert.True(
                    f.Sequence == 0 == (f.Change == FindingChange.Opened),
                    $"{f.Subject} {f.Episode}: {f.Change} as number {f.Sequence}"
                );
                if (
                    f.Kind == AlarmKind.Overuse
                    || f.Kind == AlarmKind.Inactivity
                    || f.Kind == AlarmKind.Sos
                    || f.Kind == AlarmKind.Fall
                    || f.Kind == AlarmKind.VoiceHelp
                )
                    continue;
                var key = (f.Subject, f.Kind.Name, f.Device?.Value);
                if (f.Change == FindingChange.Opened)
                    Assert.True(open.TryAdd(key, f.Episode), $"{key}: {f.Episode} opened while {open.GetValueOrDefault(key)} is open");
                if (f.Change == FindingChange.Cleared)
                    Assert.True(open.Remove(key), $"{key} was cleared without being open");
            }
        }
    }
}
