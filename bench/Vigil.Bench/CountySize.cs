using System.Diagnostics;
using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Microsoft.EntityFrameworkCore;
using Vigil.Host;
using Vigil.Model;
using Vigil.Rules;
using Vigil.Storage.Records;

namespace Vigil.Bench;

/// <summary>
/// How large a county may be: the published service started on a folder with so many homes, each of four devices, and snapshots of the
/// rules as they are after some days of hourly readings. Measures the time until devices are heard and until it says that it is ready,
/// memory a home, and what the change of one home costs: how long until it is in force, and the service's processor time beside that of
/// the same seconds without a change.
/// </summary>
internal static class CountySize
{
    private const int Partitions = 16;

    /// <summary>Seconds in each of which one home is changed, or none.</summary>
    private const int Rounds = 15;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(3);

    public static async Task<int> RunAsync(string folder, int homes, int hours, string vigil)
    {
        var records = RecordsServices.CreateFactory("Sqlite", null, folder);
        await MakeAsync(folder, records, homes, hours);
        Console.WriteLine($"{homes} homes with {CountyLoad.DevicesEach} devices each, {hours} h of hourly readings known; SQLite");
        var (port, http) = (BrokerLoad.FreePort(), BrokerLoad.FreePort());
        var said = new Lines();
        var begun = Stopwatch.GetTimestamp();
        using var server = BrokerLoad.Start(
            vigil,
            [
                "run",
                "--Mqtt:Port",
                $"{port}",
                "--Http:Urls",
                $"http://127.0.0.1:{http}",
                "--Data:Path",
                folder,
                // Looks at every home's devices in memory; between two looks it costs nothing, and this measures changes.
                "--Protection:EverySeconds",
                "3600",
            ],
            said.Add
        );
        try
        {
            await BrokerLoad.ReadyAsync(port, seconds: 600);
            Console.WriteLine($"devices are heard after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s");
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{http}") };
            while (!await IsReadyAsync(client))
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            server.Refresh();
            Console.WriteLine(
                $"ready after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s, with {server.TotalProcessorTime.TotalSeconds:0.0} s of "
                    + $"processor; load average {File.ReadAllText("/proc/loadavg").Split(' ')[0]}"
            );
            SayMemory("when ready", server, homes, await HeapAsync(client));
            await said.UntilAsync("Search: ", TimeSpan.FromMinutes(5));
            await said.UntilAsync("Protection: ", TimeSpan.FromMinutes(5));
            Console.WriteLine($"search and protection have read the registry after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s");
            SayMemory("with search and protection", server, homes, await HeapAsync(client));
            await Task.Delay(TimeSpan.FromSeconds(60), TimeProvider.System); // every partition of the rules has been saved
            SayMemory("a minute later", server, homes, await HeapAsync(client));
            await ChangeAsync(records, server, said, homes);
            SayMemory("at the end", server, homes, await HeapAsync(client));
            foreach (var line in said.Of("Registry: ", "Rules: ", "Search: ", "Protection: ").Take(4))
                Console.WriteLine("  " + line);
        }
        finally
        {
            BrokerLoad.Stop(server);
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        }

        return 0;
    }

    private static async Task ChangeAsync(RecordsFactory records, Process server, Lines said, int homes)
    {
        var (quiet, changed, late) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            quiet.Add(await SpentAsync(server, () => Task.CompletedTask));
            changed.Add(
                await SpentAsync(
                    server,
                    async () =>
                    {
                        var id = CountyLoad.Home(round * (homes / Rounds));
                        var seen = said.Count("Registry: 1 homes");
                        await using var db = await records.CreateDbContextAsync();
                        await db.Residents.Where(r => r.Id == id).ExecuteUpdateAsync(u => u.SetProperty(r => r.KeyClass, r => !r.KeyClass));
                        var since = Stopwatch.GetTimestamp();
                        while (said.Count("Registry: 1 homes") == seen && Stopwatch.GetElapsedTime(since) < Window)
                            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
                        late.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
                    }
                )
            );
        }

        quiet.Sort();
        changed.Sort();
        late.Sort();
        Console.WriteLine(
            $"one changed home, {Rounds} times: in force after {late[Rounds / 2]:0} ms (median), {late[^1]:0} ms (at most); processor of "
                + $"the service {changed[Rounds / 2]:0} ms in {Window.TotalSeconds:0} s with a change, {quiet[Rounds / 2]:0} ms in as many "
                + $"without: {changed[Rounds / 2] - quiet[Rounds / 2]:0} ms a change (medians)"
        );
    }

    private static async Task<double> SpentAsync(Process server, Func<Task> act)
    {
        server.Refresh();
        var (before, begun) = (server.TotalProcessorTime, Stopwatch.GetTimestamp());
        await act();
        if (Window - Stopwatch.GetElapsedTime(begun) is { Ticks: > 0 } rest)
            await Task.Delay(rest, TimeProvider.System);
        server.Refresh();
        return (server.TotalProcessorTime - before).TotalMilliseconds;
    }

    private static void SayMemory(string when, Process server, int homes, double heap)
    {
        server.Refresh();
        Console.WriteLine(
            $"memory {when}: {server.WorkingSet64 / 1048576} MiB resident, {server.WorkingSet64 / homes} B a home; managed heap "
                + $"{heap / 1048576:0} MiB, {heap / homes:0} B a home; most ever {server.PeakWorkingSet64 / 1048576} MiB"
        );
    }

    private static async Task<double> HeapAsync(HttpClient client)
    {
        var text = await client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        return text.Split('\n')
            .Where(l => l.StartsWith("vigil_process_heap_bytes", StringComparison.Ordinal))
            .Select(l => double.Parse(l.Split(' ')[^1], CultureInfo.InvariantCulture))
            .FirstOrDefault(double.NaN);
    }

    private static async Task<bool> IsReadyAsync(HttpClient client)
    {
        try
        {
            using var answer = await client.GetAsync(new Uri("/healthz/ready", UriKind.Relative));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>The registry and the snapshots of the rules, unless the folder has them.</summary>
    private static async Task MakeAsync(string folder, RecordsFactory records, int homes, int hours)
    {
        Directory.CreateDirectory(folder);
        await records.MigrateAsync(CancellationToken.None);
        await using (var db = await records.CreateDbContextAsync())
        {
            if (!await db.Residents.AnyAsync())
            {
                await CountyLoad.SeedAsync(records, homes);
                // As the service does after an hour.
                var newest = await db.RegistryChanges.MaxAsync(c => c.Sequence);
                await db.RegistryChanges.Where(c => c.Sequence < newest).ExecuteDeleteAsync();
            }
        }

        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var rules = Path.Combine(folder, "rules");
        if (hours > 0)
            Directory.CreateDirectory(rules);
        else if (Directory.Exists(rules))
            Directory.Delete(rules, recursive: true);
        for (var p = 0; p < Partitions && hours > 0; p++)
        {
            var path = Path.Combine(rules, $"rules-{p}-of-{Partitions}.state");
            if (!File.Exists(path))
                SnapshotFile.Write(path, Learned(p, homes, hours, now), now);
        }
    }

    /// <summary>The state of one partition after hourly readings until now.</summary>
    private static byte[] Learned(int partition, int homes, int hours, DateTime now)
    {
        var mine = Enumerable.Range(0, homes).Where(h => PartitionOf(CountyLoad.AreaOf(h)) == partition).ToArray();
        var metrics = RulesLoad.Meters;
        var problems = new List<Problem>();
        var shipped = RuleSet.Load(Path.Combine("config", "rules.yaml"), problems) ?? throw new InvalidOperationException("rules.yaml");
        var engine = new RuleEngine(shipped, TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"));
        var (ids, findings) = (Array.ConvertAll(mine, h => new ResidentId(CountyLoad.Home(h))), new List<Finding>());
        var devices = mine.SelectMany(h => Enumerable.Range(0, metrics.Length).Select(d => new DeviceId(CountyLoad.Device(h, d))))
            .ToArray();
        for (var hour = 0; hour < hours; hour++, findings.Clear())
            RulesLoad.Pour(engine, ids, devices, metrics, now.AddHours(-hours), hour, findings, mine.Length);
        using var made = new MemoryStream();
        engine.Save(made);
        return made.ToArray();
    }

    private static int PartitionOf(string area) => (int)(XxHash32.HashToUInt32(MemoryMarshal.AsBytes(area.AsSpan())) % Partitions);

    /// <summary>What the service has said.</summary>
    private sealed class Lines
    {
        private readonly Lock gate = new();
        private readonly List<string> all = [];

        public void Add(string line)
        {
            lock (gate)
                all.Add(line);
        }

        public int Count(string text)
        {
            lock (gate)
                return all.Count(l => l.Contains(text, StringComparison.Ordinal));
        }

        public List<string> Of(params string[] texts)
        {
            lock (gate)
                return all.FindAll(l => texts.Any(t => l.Contains(t, StringComparison.Ordinal)));
        }

        public async Task UntilAsync(string text, TimeSpan atMost)
        {
            var begun = Stopwatch.GetTimestamp();
            while (Count(text) == 0)
            {
                if (Stopwatch.GetElapsedTime(begun) > atMost)
                    throw new TimeoutException($"the service never said '{text}'");
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            }
        }
    }
}
