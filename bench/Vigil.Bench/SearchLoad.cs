using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Model;
using Vigil.Registry.Protection;
using Vigil.Registry.Search;
using Vigil.Rules;
using Vigil.Storage.Records;

namespace Vigil.Bench;

/// <summary>
/// A county's registry, generated: how long the header's search takes for what people type, and what it costs to know which homes are
/// protected now.
/// </summary>
internal static class SearchLoad
{
    private static readonly TimeZoneInfo Zone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");

    /// <summary><c>search [--homes 1000000] [--database sqlite|postgres] [--rounds 300]</c></summary>
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (homes, rounds) = (arguments.Number("--homes", 1_000_000), arguments.Number("--rounds", 300));
        var folder = Directory.CreateTempSubdirectory("vigil-bench-").FullName;
        var postgres = arguments.Text("--database") is "postgres";
        var own = postgres ? await TemporaryPostgres.StartedAsync() : null;
        try
        {
            var records = postgres
                ? RecordsServices.CreateFactory("Postgres", own!.ConnectionString, folder)
                : RecordsServices.CreateFactory("Sqlite", null, folder);
            await records.MigrateAsync();
            var since = Stopwatch.GetTimestamp();
            await CountyRegistry.MakeAsync(records, folder, homes);
            Console.WriteLine(
                $"{(postgres ? "PostgreSQL" : "SQLite")}, {homes} homes with two contacts and four devices, written in "
                    + $"{Stopwatch.GetElapsedTime(since).TotalSeconds:0} s; {Environment.ProcessorCount} cores, .NET {Environment.Version}"
            );
            await SearchAsync(records, homes, rounds);
            await ProtectAsync(records, homes);
            return 0;
        }
        finally
        {
            if (own is not null)
                await own.DisposeAsync();
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task SearchAsync(RecordsFactory records, int homes, int rounds)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        using var index = new SearchIndex(records, NullLogger<SearchIndex>.Instance);
        await index.FollowAsync(CancellationToken.None);
        var bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        Console.WriteLine(
            $"index of names and addresses: read in {index.ReadTook.TotalSeconds:0.0} s, {(double)bytes / homes:0} bytes a home"
        );
        var search = new RegistrySearch(index);
        var random = new Random(1);
        await MeasureAsync("name of three characters", () => CountyRegistry.Name(random, 2));
        await MeasureAsync("name of two characters", () => CountyRegistry.Name(random, 1));
        await MeasureAsync("given name", () => CountyRegistry.Name(random, 2)[1..]);
        await MeasureAsync("one character", () => CountyRegistry.Surname(random));
        await MeasureAsync("number", () => CountyRegistry.Home(random.Next(homes)));
        await MeasureAsync("part of an address", () => CountyRegistry.Address(random.Next(homes))[^8..]);
        await MeasureAsync("street, which thousands have", () => CountyRegistry.Address(random.Next(homes))[7..10]);
        await MeasureAsync("name and street", () => $"{CountyRegistry.Name(random, 2)} {CountyRegistry.Address(random.Next(homes))[7..9]}");
        await MeasureAsync("phone", () => $"137{random.Next(homes):D8}");
        await MeasureAsync("device", () => $"d{random.Next(homes):D7}-1");
        await MeasureAsync("beginning of devices", () => $"d{random.Next(homes / 100):D5}");
        await MeasureAsync("category", () => "独居");
        await MeasureAsync("visitor", () => $"陈探访{random.Next(2000)}");
        await MeasureAsync("nothing has it", () => "鑫淼" + CountyRegistry.Name(random, 1));

        async Task MeasureAsync(string what, Func<string> typed)
        {
            var took = new List<double>();
            var found = 0;
            for (var i = 0; i < rounds; i++)
            {
                var text = typed();
                var since = Stopwatch.GetTimestamp();
                await using var db = records.CreateDbContext(i % 2 == 0 ? "" : "440111");
                found += (await search.FindAsync(db, text, 5, CancellationToken.None)).Sum(g => g.Hits.Count);
                took.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
            }

            took.Sort();
            Console.WriteLine(
                $"  {what}: p50 {took[rounds / 2]:0.0} ms, p95 {took[rounds * 95 / 100]:0.0} ms, max {took[^1]:0.0} ms; "
                    + $"{(double)found / rounds:0.0} results"
            );
        }
    }

    private static async Task ProtectAsync(RecordsFactory records, int homes)
    {
        var engine = new RuleEngine(RuleSet.Default, Zone);
        await foreach (var id in Ids(records))
            engine.Put(
                new ResidentFacts
                {
                    Id = new ResidentId(id),
                    Area = new AreaCode("440111001001"),
                    Devices = [new DeviceFacts(new DeviceId("d-" + id), TimeProvider.System.GetUtcNow().UtcDateTime, null, [])],
                }
            );
        var gate = new Lock();
        HomeSigns SignsOf(ResidentId home)
        {
            lock (gate)
                return engine.SignsOf(home);
        }

        var before = GC.GetTotalMemory(forceFullCollection: true);
        using var meter = new Meter("bench");
        using var protection = new ProtectedNow(
            records,
            new ContactWays((_, _) => 1, () => 1),
            _ => true,
            new ProtectionOptions(),
            TimeProvider.System,
            Zone,
            meter,
            NullLogger<ProtectedNow>.Instance,
            SignsOf
        );
        await protection.LookAsync(CancellationToken.None);
        var bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        await protection.LookAsync(CancellationToken.None);
        var look = protection.LookTook;
        await using (var db = await records.CreateDbContextAsync())
            await db.Contacts.Where(c => c.ResidentId == "r0000007").ExecuteUpdateAsync(u => u.SetProperty(c => c.Phone, ""));
        var since = Stopwatch.GetTimestamp();
        await protection.LookAsync(CancellationToken.None);
        var change = Stopwatch.GetElapsedTime(since);
        since = Stopwatch.GetTimestamp();
        var found = protection.Of(new ProtectionFilter("440111"));
        var count = Stopwatch.GetElapsedTime(since);
        since = Stopwatch.GetTimestamp();
        var (page, total) = protection.Find(new ProtectionFilter("440111"), ProtectionGap.NumberUnverified, homes / 2, 50);
        Console.WriteLine(
            $"protected now: first reading {protection.ReadTook.TotalSeconds:0.0} s, {(double)bytes / homes:0} bytes a home; "
                + $"a look {look.TotalMilliseconds:0} ms, with one changed home {change.TotalMilliseconds:0} ms; "
                + $"the number {count.TotalMilliseconds:0.00} ms ({found.Protected} of {found.Homes}), "
                + $"a page from the middle of {total} {Stopwatch.GetElapsedTime(since).TotalMilliseconds:0.0} ms ({page.Count})"
        );
    }

    private static async IAsyncEnumerable<string> Ids(RecordsFactory records)
    {
        await using var db = records.CreateDbContext();
        await foreach (var id in db.Residents.Select(r => r.Id).AsAsyncEnumerable())
            yield return id;
    }
}
