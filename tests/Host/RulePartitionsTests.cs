using Vigil.Host;
using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Host;

/// <summary>What the rules know survives damaged snapshots, and a home whose rules throw stops no other.</summary>
public sealed class RulePartitionsTests : IDisposable
{
    private static readonly DateTime Start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly RuleSet Rules = RuleSet.Load(Path.Combine(AppContext.BaseDirectory, "config", "rules.yaml"), [])!;
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-snapshots-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Of_3000_snapshots_with_a_few_flipped_bits_none_is_believed_and_the_one_before_is_taken()
    {
        var path = await SaveTwiceAsync();
        var whole = await File.ReadAllBytesAsync(path);
        const int Seed = 20261128;
        var random = new Random(Seed);
        for (var round = 0; round < 3000; round++)
        {
            var damaged = (byte[])whole.Clone();
            var bits = Enumerable.Range(0, 1 + round % 3).Select(_ => random.Next(whole.Length * 8)).Distinct().ToList();
            foreach (var bit in bits)
                damaged[bit / 8] ^= (byte)(1 << bit % 8);
            await File.WriteAllBytesAsync(path, damaged);
            var (from, newest, told) = Load();
            Assert.True(
                newest == Start.AddHours(1) && from == Start.AddMinutes(59) && told is ["rules-0-of-1.state"],
                $"seed {Seed}, round {round}: bits {string.Join(',', bits)} gave {newest:u}, told of {string.Join(',', told)}"
            );
        }
    }

    [Fact]
    public async Task A_snapshot_cut_at_any_length_is_noticed_and_without_any_the_rules_learn_again()
    {
        var path = await SaveTwiceAsync();
        var whole = await File.ReadAllBytesAsync(path);
        for (var length = 0; length < whole.Length; length++)
        {
            await File.WriteAllBytesAsync(path, whole[..length]);
            var (_, newest, told) = Load();
            Assert.True(newest == Start.AddHours(1) && told.Count == 1, $"cut at {length}: {newest:u}");
        }

        await File.WriteAllBytesAsync(SnapshotFile.Before(path), whole[..^1]);
        var (from, none, both) = Load();
        Assert.Null(none);
        Assert.Equal(Start.AddDays(-35), from);
        Assert.Equal(2, both.Count);
        File.Delete(path);
        File.Delete(SnapshotFile.Before(path));
        Assert.Empty(Load().Told); // on a first start there is nothing to be damaged
    }

    [Fact]
    public async Task A_partition_whose_snapshot_is_damaged_learns_again_and_the_others_leave_out_what_they_know()
    {
        var rules = Partitions(16, out var residents);
        for (var p = 0; p < 16; p++)
            await rules.SaveAsync(folder, p, Start.AddHours(p), () => Task.FromResult(true));
        await File.WriteAllTextAsync(Path.Combine(folder, "rules-3-of-16.state"), "torn");
        var again = Partitions(16, out _);
        var (from, newest) = again.Load(folder, Start.AddDays(-35), (_, _) => { });
        Assert.Equal((Start.AddDays(-35), Start.AddHours(15)), (from, newest));

        // Every home gets the same old press again; only the home whose snapshot was damaged has to learn from it.
        var findings = new List<Finding>();
        foreach (var resident in residents)
            again.Replay(resident, Press(resident, Start.AddDays(-10)), findings);
        Assert.NotEmpty(findings);
        Assert.True(findings.Count < residents.Count, $"{findings.Count} of {residents.Count}");
    }

    [Fact]
    public async Task A_snapshot_that_is_not_settled_is_not_written()
    {
        await Partitions(1, out _).SaveAsync(folder, 0, Start, () => Task.FromResult(false));
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void What_was_found_before_a_home_failed_stands_the_others_are_looked_at_and_the_look_ends()
    {
        var engine = new RuleEngine(Rules, TimeZoneInfo.Utc);
        var failed = new List<string>();
        engine.Failed = (home, _) => failed.Add(home);
        foreach (var id in new[] { "A", "B", "C" })
            engine.Put(Facts(id, "440114003201"));
        engine.Find("B")!.Devices = []; // a state that contradicts itself, so that every look at the home throws
        var found = new List<Finding>();
        engine.AdvanceTo(Start.AddDays(30), found);
        Assert.Equal(["A", "C"], found.Select(f => f.Subject).Distinct().Order());
        Assert.Equal(["B"], failed.Distinct());
        Assert.True(engine.NextDue > Start.AddDays(30));

        // Later looks go on, also for the other homes.
        failed.Clear();
        engine.AdvanceTo(Start.AddDays(31), found);
        Assert.Equal(["B"], failed);
    }

    [Fact]
    public void A_home_that_fails_in_one_partition_stops_no_reading_of_another_nor_its_own_next()
    {
        var rules = Partitions(2, out var residents);
        var failed = new List<string>();
        rules.Failed = (home, _) => failed.Add(home);
        rules.OnDoubted((_, _, _) => throw new InvalidOperationException("what is told fails"));
        var findings = new List<Finding>();
        // A total that falls is doubted, and the handler of doubts throws.
        foreach (var (value, minute) in new[] { (100.0, 0), (101.0, 10), (5.0, 20), (4.0, 30) })
            rules.Apply(residents[0], Total(residents[0], value, Start.AddMinutes(minute)), findings);
        Assert.NotEmpty(failed);
        Assert.All(failed, home => Assert.Equal(residents[0].Value, home));
        rules.Apply(residents[0], Press(residents[0], Start.AddHours(1)), findings);
        rules.Apply(residents[1], Press(residents[1], Start.AddHours(1)), findings);
        Assert.Equal([residents[0].Value, residents[1].Value], findings.Where(f => f.Kind == AlarmKind.Sos).Select(f => f.Subject));
    }

    [Fact]
    public async Task What_was_heard_before_the_clock_was_set_back_is_not_laid_over_what_is_known_since()
    {
        var machine = new JumpingClock(new DateTimeOffset(Start.AddHours(10)));
        var clock = new SteadyClock(machine);
        var rules = Partitions(1, out var residents);
        var findings = new List<Finding>();
        var before = Smoke(residents[0], 0, Start.AddHours(9.9));
        rules.Apply(residents[0], before, findings);
        machine.Jump(TimeSpan.FromHours(-1));
        rules.SetClock(TimeSpan.FromHours(-1), clock);
        rules.Apply(residents[0], Smoke(residents[0], 1, Start.AddHours(9.1)), findings);
        Assert.Equal(AlarmKind.Smoke, Assert.Single(findings).Kind);
        await rules.SaveAsync(folder, 0, Start.AddHours(9.2), () => Task.FromResult(true));

        // Started again before the clock is back at where it was. The older "no smoke" is replayed and must not clear the alarm.
        var again = Partitions(1, out _);
        var started = Start.AddHours(9.3);
        again.Load(folder, Start, (file, why) => Assert.Fail(file + why), started);
        again.Replay(residents[0], before, findings);
        again.ComeBack(started);
        again.Advance(new JumpingClock(new DateTimeOffset(Start.AddHours(12))), findings);
        Assert.DoesNotContain(findings, f => f.Kind == AlarmKind.Smoke && f.Change == FindingChange.Cleared);
        Assert.Single(findings, f => f.Kind == AlarmKind.Smoke);
    }

    [Fact]
    public async Task A_freeze_that_was_forgiven_is_forgiven_by_every_partition_though_only_one_was_saved_before_a_crash()
    {
        var rules = Partitions(2, out var residents);
        for (var hour = 1; hour <= 9; hour++)
            foreach (var resident in residents)
                rules.Apply(resident, Total(resident, hour, Start.AddHours(hour)), []);
        for (var p = 0; p < 2; p++)
            await rules.SaveAsync(folder, p, Start.AddHours(9), () => Task.FromResult(true));
        var thawed = Start.AddHours(21);
        rules.ForgiveDeafness(Start.AddHours(9), thawed);
        await rules.SaveAsync(folder, 1, thawed, () => Task.FromResult(true));

        // Killed right after that: the only thing the start can know is that one partition was saved after the freeze.
        var again = Partitions(2, out _);
        var (_, newest) = again.Load(folder, Start.AddDays(-35), (file, why) => Assert.Fail(file + why), thawed.AddMinutes(1));
        again.ForgiveDeafness(newest!.Value, thawed.AddMinutes(1));
        var findings = new List<Finding>();
        again.Advance(new JumpingClock(new DateTimeOffset(thawed.AddMinutes(2))), findings);
        Assert.DoesNotContain(findings, f => f.Kind == AlarmKind.DeviceSilent);
        again.Advance(new JumpingClock(new DateTimeOffset(thawed.AddHours(12))), findings);
        Assert.Equal(residents.Count, findings.Count(f => f.Kind == AlarmKind.DeviceSilent)); // silence after the freeze is not forgiven
    }

    private static Reading Smoke(ResidentId resident, double value, DateTime time) =>
        new()
        {
            Device = new DeviceId($"smoke-{resident.Value}"),
            Metric = Metric.Smoke,
            Time = time,
            Received = time,
            Value = value,
        };

    private async Task<string> SaveTwiceAsync()
    {
        var rules = Partitions(1, out var residents);
        var findings = new List<Finding>();
        for (var minute = 0; minute < 180; minute += 10)
            foreach (var resident in residents)
                rules.Apply(resident, Total(resident, 100 + minute / 1000.0, Start.AddMinutes(minute)), findings);
        await rules.SaveAsync(folder, 0, Start.AddHours(1), () => Task.FromResult(true));
        rules.Apply(residents[0], Press(residents[0], Start.AddHours(1.5)), findings);
        await rules.SaveAsync(folder, 0, Start.AddHours(2), () => Task.FromResult(true));
        var (_, newest, told) = Load();
        Assert.Equal(Start.AddHours(2), newest);
        Assert.Empty(told);
        return Path.Combine(folder, "rules-0-of-1.state");
    }

    private (DateTime From, DateTime? Newest, List<string> Told) Load()
    {
        var told = new List<string>();
        var (from, newest) = new RulePartitions(Rules, TimeZoneInfo.Utc, 1).Load(folder, Start.AddDays(-35), (file, _) => told.Add(file));
        return (from, newest, told);
    }

    private static RulePartitions Partitions(int count, out List<ResidentId> residents)
    {
        var rules = new RulePartitions(Rules, TimeZoneInfo.Utc, count);
        residents = [.. Enumerable.Range(0, Math.Max(2, count * 2)).Select(i => new ResidentId($"R{i}"))];
        rules.Update(residents.Select((r, i) => Facts(r.Value, $"4401140032{i:00}")), []);
        return rules;
    }

    private static ResidentFacts Facts(string id, string area) =>
        new()
        {
            Id = new ResidentId(id),
            Area = new AreaCode(area),
            Devices = [new DeviceFacts(new DeviceId($"meter-{id}"), Start, TimeSpan.FromHours(1), [Metric.WaterVolume])],
        };

    private static Reading Total(ResidentId resident, double value, DateTime time) =>
        new()
        {
            Device = new DeviceId($"meter-{resident}"),
            Metric = Metric.WaterVolume,
            Time = time,
            Received = time,
            Value = value,
        };

    private static Reading Press(ResidentId resident, DateTime time) =>
        new()
        {
            Device = new DeviceId($"sos-{resident}"),
            Metric = Metric.Button,
            Time = time,
            Received = time,
            Value = 1,
            Event = "sos",
        };
}
