using System.Text;
using Vigil.Host.Backtest;
using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>
/// Simulated lives with late, repeated and reordered readings, restarts with replay, wrong clocks and absences, in one time zone with
/// daylight saving time and one without. Invariants are checked after every step; a failing seed is printed.
/// </summary>
public sealed class RulesSimulationTests
{
    private const int Seeds = 500;
    private static readonly TimeZoneInfo[] Zones =
    [
        TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"),
        TimeZoneInfo.FindSystemTimeZoneById("Europe/Madrid"),
    ];

    [Fact]
    public void Five_hundred_disordered_lives_keep_every_invariant()
    {
        for (var seed = 1; seed <= Seeds; seed++)
        {
            try
            {
                Live(seed);
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}: {e.Message}");
            }
        }
    }

    private sealed record Step(Reading Reading);

    private static void Live(int seed)
    {
        var random = new Random(seed);
        // some of the weeks include the change to summer time
        var start = new DateTime(2026, 3, 20, 0, 0, 0, DateTimeKind.Utc).AddDays(random.Next(3) * 100);
        var zone = Zones[seed % 2];
        var id = new ResidentId("R1");
        var cut = random.Next(4) > 0 ? random.Next(60, 150) : int.MaxValue; // the hour in which life stops
        var leak = random.Next(3) == 0 ? random.NextDouble() * 0.003 : 0;
        var absent = random.Next(5) == 0 ? new AbsenceFacts(start.AddHours(40), start.AddHours(70), "x") : null;
        var facts = new ResidentFacts
        {
            Id = id,
            Area = new AreaCode("440100001001"),
            Absences = absent is null ? [] : [absent],
            Devices =
            [
                new DeviceFacts(new DeviceId("w"), start, TimeSpan.FromHours(1), [Metric.WaterVolume]),
                new DeviceFacts(new DeviceId("b"), start, null, [Metric.Button]),
            ],
        };

        // The readings in the order in which they arrive.
        var readings = new List<Reading>();
        var total = 100.0;
        var presses = new List<DateTime>();
        var batch = random.Next(4) == 0 ? random.Next(2, 12) : 1;
        for (var h = 0; h < 220; h++)
        {
            if (h < cut && (h % 24) is > 6 and < 22)
                total += random.NextDouble() * 0.03;
            total += leak;
            var time = start.AddHours(h);
            var received = start.AddHours((h / batch + 1) * batch).AddSeconds(random.Next(20) == 0 ? 40 : 20); // mostly in order of time
            var wrong = random.Next(60) == 0;
            readings.Add(
                new Reading
                {
                    Device = new DeviceId("w"),
                    Metric = Metric.WaterVolume,
                    Time = wrong ? time.AddDays(400) : time,
                    Received = received,
                    Value = Math.Round(total, 3),
                }
            );
            if (random.Next(40) == 0)
            {
                var at = time.AddMinutes(random.Next(60));
                presses.Add(at);
                readings.Add(
                    new Reading
                    {
                        Device = new DeviceId("b"),
                        Metric = Metric.Button,
                        Time = at,
                        Received = random.Next(5) == 0 ? at.AddHours(3) : at.AddSeconds(1),
                        Event = "pressed",
                        Value = 1,
                    }
                );
            }

            if (random.Next(30) == 0)
                readings.Add(readings[random.Next(readings.Count)] with { Received = received });
        }

        readings = [.. readings.OrderBy(r => r.Received).ThenBy(r => r.Time)];
        var steady = new RuleEngine(RuleSet.Default, zone);
        var restarted = new RuleEngine(RuleSet.Default, zone);
        steady.Put(facts);
        restarted.Put(facts);
        List<Finding> one = [],
            two = [];
        using var snapshot = new MemoryStream();
        restarted.Save(snapshot);
        var since = new List<Reading>();
        foreach (var reading in readings)
        {
            steady.AdvanceTo(reading.Received, one);
            steady.Apply(id, reading, one);
            restarted.AdvanceTo(reading.Received, two);
            restarted.Apply(id, reading, two);
            since.Add(reading);
            if (random.Next(50) == 0)
            {
                snapshot.SetLength(0);
                restarted.Save(snapshot);
                since.Clear();
            }
            else if (random.Next(40) == 0)
            {
                // Killed: the engine goes back to its snapshot and reads the stored readings again. Findings count once by (subject, kind,
                // episode, sequence), as in the store.
                restarted = new RuleEngine(RuleSet.Default, zone);
                snapshot.Position = 0;
                restarted.Load(snapshot);
                restarted.Put(facts);
                foreach (var again in since)
                {
                    restarted.Apply(id, again, two);
                    restarted.AdvanceTo(again.Received, two);
                }
            }

            Check(one, absent);
        }

        var end = start.AddHours(240);
        steady.AdvanceTo(end, one);
        restarted.AdvanceTo(end, two);
        // Restarts must not change the person's alarms. (A device's silence may be noticed at another tick, so it isn't compared.)
        Assert.Equal(Keys(one), Keys(two));

        foreach (var press in presses)
            Assert.True(one.Any(f => f.Kind == AlarmKind.Sos && f.Time == press), $"the press at {press:s} was dropped");
        var silent = one.Where(f => f.Kind == AlarmKind.NoWater).ToList();
        if (cut != int.MaxValue && absent is null)
            Assert.True(
                silent.Any(f => f.Change == FindingChange.Opened && f.Time <= start.AddHours(cut + 36)),
                $"silence from hour {cut} on was not found (leak {leak}, batch {batch}): {string.Join("; ", silent.Select(f => f.Reason))}"
            );
        if (cut == int.MaxValue && absent is null)
            Assert.Empty(silent);
    }

    private static List<string> Keys(List<Finding> findings) =>
        [
            .. findings
                .Where(f => f.Kind == AlarmKind.Sos || f.Kind == AlarmKind.NoWater)
                .Select(f => $"{f.Kind}|{f.Episode}|{f.Sequence}|{f.Change}|{f.Time:O}")
                .Distinct()
                .Order(StringComparer.Ordinal),
        ];

    private static void Check(List<Finding> findings, AbsenceFacts? absent)
    {
        var next = new Dictionary<string, int>();
        var open = new HashSet<string>();
        foreach (var f in findings)
        {
            Assert.False(string.IsNullOrWhiteSpace(f.Reason) || string.IsNullOrWhiteSpace(f.ReasonZh), "a finding without a reason");
            Assert.Equal(next.GetValueOrDefault(f.Episode), f.Sequence);
            next[f.Episode] = f.Sequence + 1;
            Assert.Equal(f.Sequence == 0, f.Change == FindingChange.Opened);
            if (f.Change == FindingChange.Opened)
                Assert.True(open.Add(f.Episode));
            if (f.Change == FindingChange.Cleared)
                Assert.True(open.Remove(f.Episode));
            if (f.Kind == AlarmKind.NoWater && f.Change == FindingChange.Opened && absent is not null)
                Assert.False(f.Time >= absent.From && f.Time < absent.Until, "no-water was raised during an absence");
        }

        Assert.True(open.Count(e => e.StartsWith("no-water", StringComparison.Ordinal)) <= 1, "two episodes of one kind are open");
    }

    [Fact]
    public void Live_and_backtest_say_the_same()
    {
        var random = new Random(7);
        var csv = new StringBuilder("resident,device,metric,time,value\n");
        var engine = new RuleEngine(RuleSet.Default, Zones[0]);
        var live = new List<Finding>();
        var start = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        var totals = new double[5];
        for (var h = 0; h < 400; h++)
        {
            for (var r = 0; r < totals.Length; r++)
            {
                if (h % (60 + r * 20) < 30)
                    totals[r] += random.Next(20) * 0.001;
                var time = start.AddHours(h).AddMinutes(r);
                csv.Append(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"R{r},w{r},water.volume,{time:yyyy-MM-ddTHH:mm:ss}Z,{totals[r]:0.000}\n"
                );
                engine.AdvanceTo(time, live);
                engine.Apply(
                    new ResidentId($"R{r}"),
                    new Reading
                    {
                        Device = new DeviceId($"w{r}"),
                        Metric = Metric.WaterVolume,
                        Time = time,
                        Received = time,
                        Value = double.Parse($"{totals[r]:0.000}", System.Globalization.CultureInfo.InvariantCulture),
                    },
                    live
                );
            }
        }

        var output = new StringWriter();
        var errors = new StringWriter();
        Assert.Equal(
            0,
            BacktestRun.Run(RuleSet.Default, Zones[0], new MemoryStream(Encoding.UTF8.GetBytes(csv.ToString())), null, null, output, errors)
        );
        var said = output
            .ToString()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => System.Text.Json.Nodes.JsonNode.Parse(l)!)
            .Select(n => $"{n["resident"]} {n["episode"]} {n["raised"]} {n["reason"]}")
            .Order(StringComparer.Ordinal);
        var expected = live.Where(f => f.Change == FindingChange.Opened)
            .Select(f => $"{f.Subject} {f.Episode} {f.Time:yyyy-MM-ddTHH:mm:ss.FFFFFFF}Z {f.Reason}")
            .Order(StringComparer.Ordinal)
            .ToList();
        Assert.NotEmpty(expected);
        Assert.Equal(expected, said);
    }
}
