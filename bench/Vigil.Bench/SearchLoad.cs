using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
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
    private const string Surnames = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗";
    private const string Given = "秀英桂兰玉珍淑华建国志强秀兰凤英丽娟文芳春梅海燕金花少芬伟民永福德明国栋兴旺美玲翠莲红霞雪梅";
    private const string Places = "人民解放建设中山和平东风光明胜利新华文化";

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
            await FillAsync(records, homes);
            Console.WriteLine(
                $"{(postgres ? "PostgreSQL" : "SQLite")}, {homes} homes with two contacts and two devices, written in "
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
        await MeasureAsync("name of three characters", () => Name(random, 2));
        await MeasureAsync("name of two characters", () => Name(random, 1));
        await MeasureAsync("given name", () => Name(random, 2)[1..]);
        await MeasureAsync("one character", () => Surnames[random.Next(Surnames.Length)].ToString());
        await MeasureAsync("number", () => $"r{random.Next(homes):D7}");
        await MeasureAsync("part of an address", () => Address(random.Next(homes))[^8..]);
        await MeasureAsync("street, which thousands have", () => Address(random.Next(homes))[7..10]);
        await MeasureAsync("name and street", () => $"{Name(random, 2)} {Address(random.Next(homes))[7..9]}");
        await MeasureAsync("phone", () => $"137{random.Next(homes):D8}");
        await MeasureAsync("device", () => $"d{random.Next(homes):D7}-1");
        await MeasureAsync("beginning of devices", () => $"d{random.Next(homes / 100):D5}");
        await MeasureAsync("category", () => "独居");
        await MeasureAsync("visitor", () => $"陈探访{random.Next(2000)}");
        await MeasureAsync("nothing has it", () => "鑫淼" + Name(random, 1));

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

    private static async Task FillAsync(RecordsFactory records, int homes)
    {
        var random = new Random(7);
        var at = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        await using (var db = await records.CreateDbContextAsync())
        {
            db.Areas.Add(new Area { Code = "440111", Name = "某县" });
            for (var i = 0; i < 2000; i++)
                db.Visitors.Add(
                    new Visitor
                    {
                        Id = $"v{i}",
                        Name = $"陈探访{i}",
                        Phone = $"+86139{i:D8}",
                        Area = Village(i),
                    }
                );
            await db.SaveChangesAsync();
        }

        const int batch = 5000;
        for (var from = 0; from < homes; from += batch)
        {
            var residents = new List<Resident>();
            var contacts = new List<Contact>();
            var devices = new List<Device>();
            for (var i = from; i < Math.Min(from + batch, homes); i++)
            {
                var id = $"r{i:D7}";
                residents.Add(
                    new Resident
                    {
                        Id = id,
                        Name = Name(random, random.Next(5) == 0 ? 1 : 2),
                        Area = Village(i),
                        Address = Address(i),
                        Categories =
                            i % 3 == 0 ? "独居"
                            : i % 3 == 1 ? "空巢,失能"
                            : "留守",
                        Phone = $"+86138{i:D8}",
                        VisitorId = $"v{i % 2000}",
                        CreatedAt = at,
                        UpdatedAt = at,
                    }
                );
                for (var n = 1; n <= 2; n++)
                {
                    contacts.Add(
                        new Contact
                        {
                            Id = Guid.NewGuid(),
                            ResidentId = id,
                            Order = n,
                            Name = Name(random, 2),
                            Relation = "儿子",
                            Phone = $"+8613{8 - n}{i:D8}",
                        }
                    );
                    devices.Add(
                        new Device
                        {
                            Id = $"d{i:D7}-{n}",
                            Profile = "senml",
                            ResidentId = id,
                            Label = n == 1 ? "厨房水表" : "卧室按钮",
                            InstalledAt = at,
                        }
                    );
                }
            }

            await using var db = await records.CreateDbContextAsync();
            await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
            await db.InsertAsync(residents, CancellationToken.None);
            await db.InsertAsync(contacts, CancellationToken.None);
            await db.InsertAsync(devices, CancellationToken.None);
            await turn.CommitAsync(CancellationToken.None);
        }
    }

    private static string Village(int i) => string.Create(CultureInfo.InvariantCulture, $"440111{i % 20 + 1:D3}{i / 20 % 25 + 1:D3}");

    private static string Name(Random random, int given)
    {
        Span<char> name = stackalloc char[1 + given];
        name[0] = Surnames[random.Next(Surnames.Length)];
        for (var i = 1; i <= given; i++)
            name[i] = Given[random.Next(Given.Length)];
        return new string(name);
    }

    /// <summary>Twenty towns of twenty-five villages.</summary>
    private static string Address(int i) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"某省某市某县{Places[i % 20]}{Places[(i + 1) % 20]}镇{Places[i / 20 % 20]}{Places[i / 400 % 20]}村{i % 97 + 1}巷{i % 1009 + 1}号"
        );
}
