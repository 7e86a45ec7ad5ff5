using System.Diagnostics;
using System.Globalization;
using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Bench;

/// <summary>
/// The rule engine alone in one process, with all shipped rules on: homes with four devices (water, electricity, a door, a room
/// thermometer), or with <c>--devices sensors</c> eight (a water meter, a door, a room thermometer, motion in three rooms, a radar, a
/// kettle's plug). Measures the memory of a home, the time to write and read a snapshot, time and allocations of a reading in the steady
/// state, the cost of letting time pass, and how late a silence is found while readings arrive. The baseline looks each reading up in a
/// dictionary of homes and drops it.
/// </summary>
internal static class RulesLoad
{
    private static readonly DateTime Start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    internal static readonly Metric[] Meters = [Metric.WaterVolume, Metric.ElectricityEnergy, Metric.DoorOpen, Metric.AirTemperature];
    private static readonly Metric[] Sensors =
    [
        Metric.WaterVolume,
        Metric.Motion,
        Metric.DoorOpen,
        Metric.AirTemperature,
        Metric.Motion,
        Metric.Motion,
        Metric.Presence,
        Metric.ElectricityPower,
    ];

    public static int Run(Arguments arguments)
    {
        var homes = arguments.Number("--homes", 1_000_000);
        var metrics = arguments.Text("--devices") == "sensors" ? Sensors : Meters;
        var problems = new List<Problem>();
        var rules =
            RuleSet.Load(arguments.Text("--rules") ?? Path.Combine("config", "rules.yaml"), problems)
            ?? throw new InvalidOperationException(string.Join('\n', problems));
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
        var engine = new RuleEngine(rules, zone);
        var ids = new ResidentId[homes];
        var devices = new DeviceId[homes * metrics.Length];
        var baseline = new Dictionary<string, long>(homes, StringComparer.Ordinal);
        for (var h = 0; h < homes; h++)
        {
            ids[h] = new ResidentId(string.Create(CultureInfo.InvariantCulture, $"R{h:D7}"));
            baseline[ids[h].Value] = 0;
            for (var d = 0; d < metrics.Length; d++)
                devices[h * metrics.Length + d] = new DeviceId(string.Create(CultureInfo.InvariantCulture, $"d{d}-{h:D7}"));
        }

        // As the service does: what homes and devices have alike is one object.
        var expected = metrics.Select(m => new Expected(TimeSpan.FromHours(1), IsMeter(m) ? [m] : [], OnlyCalls: false)).ToArray();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var area = "";
        for (var h = 0; h < homes; h++)
        {
            if (h % 500 == 0)
                area = string.Create(CultureInfo.InvariantCulture, $"44{h / 500:D10}");
            engine.Put(
                new ResidentFacts
                {
                    Id = ids[h],
                    Area = new AreaCode(area),
                    Devices = Enumerable
                        .Range(0, metrics.Length)
                        .Select(d => new DeviceFacts(devices[h * metrics.Length + d], Start, expected[d]))
                        .ToArray(),
                }
            );
        }

        // Three days of hourly readings, or more, so that each home has its state: allocations while it learns are not the steady state.
        // They end in a morning, because sensors report most while somebody is up.
        var findings = new List<Finding>();
        var hour = 0;
        var hours = arguments.Number("--days", 3) * 24 + 8;
        var told = 0;
        for (; hour < hours; hour++, findings.Clear())
        {
            Pour(engine, ids, devices, metrics, Start, hour, findings, homes);
            told += findings.Count;
        }

        var state = GC.GetTotalMemory(forceFullCollection: true) - before;
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{homes} homes, {devices.Length} devices: {state / (double)homes:0} bytes a home, state and registry facts "
                    + $"({state / 1048576.0:0} MiB); {told} findings while learning"
            )
        );
        findings.Clear();

        var begun = Stopwatch.GetTimestamp();
        foreach (var id in ids)
            baseline[id.Value]++;
        var lookup = Stopwatch.GetElapsedTime(begun).TotalNanoseconds / homes;
        var (count, bytes) = (0L, GC.GetAllocatedBytesForCurrentThread());
        var processor = Environment.CpuUsage.TotalTime; // beside other work, the time by the clock says little
        begun = Stopwatch.GetTimestamp();
        for (var i = 0; i < 4; i++, hour++)
            count += Pour(engine, ids, devices, metrics, Start, hour, findings, homes, advance: false);
        var each = Stopwatch.GetElapsedTime(begun).TotalNanoseconds / count;
        bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
        var spent = (Environment.CpuUsage.TotalTime - processor).TotalNanoseconds / count;
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"a reading: {each:0} ns with all rules on ({spent:0} ns of the processor), {bytes / (double)count:0.00} bytes "
                    + $"allocated, {count} readings, each of another home than the last; baseline, finding a home in a dictionary: "
                    + $"{lookup:0} ns"
            )
        );

        begun = Stopwatch.GetTimestamp();
        const int Ticks = 1000;
        var now = Start.AddHours(hour - 1);
        for (var i = 0; i < Ticks; i++)
            engine.AdvanceTo(now = now.AddMilliseconds(100), findings);
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"a tick of 100 ms: {Stopwatch.GetElapsedTime(begun).TotalMicroseconds / Ticks:0} µs"
            )
        );

        var path = Path.Combine(Path.GetTempPath(), $"vigil-rules-{Environment.ProcessId}.state");
        begun = Stopwatch.GetTimestamp();
        using (var file = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 20, FileOptions.DeleteOnClose))
        {
            engine.Save(file);
            file.Flush(flushToDisk: true);
            var saved = Stopwatch.GetElapsedTime(begun);
            var length = file.Length;
            file.Position = 0;
            var again = new RuleEngine(rules, zone);
            begun = Stopwatch.GetTimestamp();
            again.Load(file);
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"snapshot: {length / (double)homes:0} bytes a home ({length / 1048576.0:0} MiB), written in "
                        + $"{saved.TotalSeconds:0.0} s, read in {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s"
                )
            );
        }

        Lateness(engine, ids, devices, metrics.Length, hour, homes);
        return 0;
    }

    private static bool IsMeter(Metric metric) => metric == Metric.WaterVolume || metric == Metric.ElectricityEnergy;

    /// <summary>One hour of every home, home by home, its devices one after another.</summary>
    internal static long Pour(
        RuleEngine engine,
        ResidentId[] ids,
        DeviceId[] devices,
        Metric[] metrics,
        DateTime start,
        int hour,
        List<Finding> findings,
        int homes,
        bool advance = true
    )
    {
        var used = hour / 24 * 15 + Math.Clamp(hour % 24 - 6, 0, 15); // 10 L in each hour from 7 to 22
        var up = hour % 24 is >= 7 and < 22;
        for (var d = 0; d < metrics.Length; d++)
        {
            var metric = metrics[d];
            for (var h = 0; h < homes; h++)
            {
                var time = start.AddHours(hour).AddTicks(d * 10_000_000L + h);
                var value = metric.Name switch
                {
                    "water.volume" => used * 0.01,
                    "electricity.energy" => hour * 0.05 + used * 0.2,
                    "motion" or "presence" => up ? 1 : 0,
                    "electricity.power" => up && hour % 2 == 0 ? 1800 : 1,
                    "door.open" => 0,
                    _ => 20 + h % 5,
                };
                engine.Apply(
                    ids[h],
                    new Reading
                    {
                        Device = devices[h * metrics.Length + d],
                        Metric = metric,
                        Time = time,
                        Received = time,
                        Value = value,
                    },
                    findings
                );
            }
        }

        if (advance)
            engine.AdvanceTo(start.AddHours(hour).AddSeconds(5), findings);
        return homes * (long)metrics.Length;
    }

    /// <summary>
    /// A tenth of the homes falls silent. Each deadline (a door left open for an hour, a device not heard) is at a different moment while
    /// readings of the other homes keep the engine busy for 800 of every 1000 ms. Measured is the real time from the deadline to the
    /// finding.
    /// </summary>
    private static void Lateness(RuleEngine engine, ResidentId[] ids, DeviceId[] devices, int each, int hour, int homes)
    {
        var findings = new List<Finding>();
        var late = new List<double>();
        var begun = Stopwatch.GetTimestamp();
        var virtualStart = Start.AddHours(hour);
        var next = 0;
        DateTime Now() => virtualStart + Stopwatch.GetElapsedTime(begun);
        // Doors that were opened almost an hour ago, one after another within ten seconds, so that they fall due over the next ten seconds.
        var opened = Math.Min(homes / 10, 50_000);
        for (var h = 0; h < opened; h++)
        {
            var time = virtualStart.AddMinutes(-60).AddSeconds(1 + 10.0 * h / opened);
            engine.Apply(
                ids[h],
                new Reading
                {
                    Device = devices[h * each + 2],
                    Metric = Metric.DoorOpen,
                    Time = time,
                    Received = time,
                    Value = 1,
                },
                findings
            );
        }

        findings.Clear();
        while (Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(14))
        {
            var busy = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(busy) < TimeSpan.FromMilliseconds(80))
            {
                for (var i = 0; i < 1000; i++, next++)
                {
                    var h = opened + next % (homes - opened);
                    engine.Apply(
                        ids[h],
                        new Reading
                        {
                            Device = devices[h * each + 3],
                            Metric = Metric.AirTemperature,
                            Time = Now(),
                            Received = Now(),
                            Value = 21,
                        },
                        findings
                    );
                }
            }

            findings.Clear();
            engine.AdvanceTo(Now(), findings);
            var at = Now();
            foreach (var f in findings)
                if (f.Kind == AlarmKind.DoorOpen && f.Change == FindingChange.Opened)
                    late.Add((at - f.Time).TotalMilliseconds);
            findings.Clear();
        }

        late.Sort();
        if (late.Count > 0)
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"lateness of {late.Count} deadlines while {next} readings were applied in 14 s: p50 {late[late.Count / 2]:0} "
                        + $"ms, p99 {late[(int)(late.Count * 0.99)]:0} ms, max {late[^1]:0} ms"
                )
            );
        else
            Console.WriteLine("no deadline came due: nothing is said of lateness");
    }
}
