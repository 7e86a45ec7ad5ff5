using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Registry;
using Vigil.Registry.Search;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;
using Vigil.Tests.Storage.Records;
using Vigil.Web.Accounts;

namespace Vigil.Tests.Registry.Search;

public sealed class SqliteRegistryListsTests : RegistryListsTests
{
    protected override async Task<RecordsFactory> RecordsAsync(string folder) => await FreshRecords.SqliteAsync(folder);
}

[Trait("Category", "Server")]
public sealed class PostgresRegistryListsTests(PostgresServer server) : RegistryListsTests, IClassFixture<PostgresServer>
{
    protected override async Task<RecordsFactory> RecordsAsync(string folder) =>
        await FreshRecords.PostgresAsync(await server.CreateDatabaseAsync());
}

/// <summary>Lists that are found in memory have the rows, the order and the number that the records have.</summary>
public abstract class RegistryListsTests : IAsyncLifetime
{
    private const string Here = "441900003001",
        There = "440100001001";

    private static readonly DateTime Now = new(2026, 3, 20, 1, 0, 0, DateTimeKind.Utc);

    private readonly string folder = Directory.CreateTempSubdirectory("vigil-lists-").FullName;
    private RecordsFactory records = null!;
    private SearchIndex index = null!;
    private RegistryLists lists = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    protected abstract Task<RecordsFactory> RecordsAsync(string folder);

    public async ValueTask InitializeAsync()
    {
        records = await RecordsAsync(folder);
        index = new SearchIndex(records, NullLogger<SearchIndex>.Instance);
        lists = new RegistryLists(index);
        await using var db = await records.CreateDbContextAsync(Stop);
        for (var i = 0; i < 40; i++)
            Add(db, $"R{i:D3}", i % 3 == 0 ? "王秀英" : "李建国", i % 2 == 0 ? Here : There);
        await db.SaveChangesAsync(Stop);
    }

    public ValueTask DisposeAsync()
    {
        index.Dispose();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData("", "", "R000 R001 R002", 40)]
    [InlineData("", "4419", "R000 R002 R004", 20)]
    [InlineData("秀英", "", "R000 R003 R006", 14)]
    [InlineData("王秀英", "4401", "R003 R009 R015", 7)]
    [InlineData("r01", "", "R010 R011 R012", 10)]
    [InlineData("R01", "4419", "R010 R012 R014", 5)]
    [InlineData("44190000", "", "R000 R002 R004", 20)]
    [InlineData("44190000", "4401", "", 0)]
    [InlineData("7", "", "R007 R017 R027", 4)]
    [InlineData("没有", "", "", 0)]
    [InlineData("", "-", "", 0)]
    public async Task Residents_are_found_by_name_number_and_area_before_and_after_all_is_in_memory(
        string search,
        string within,
        string first,
        int total
    )
    {
        // A database tells small letters from capitals; so does the list for the moments after a start.
        if (search != "r01")
            Assert.Equal((first, total), await ResidentsAsync(within, search));
        await index.FollowAsync(Stop);
        Assert.Equal((first, total), await ResidentsAsync(within, search));
    }

    [Theory]
    [InlineData("", "", null, "R000-1 R000-2 R001-1", 82)]
    [InlineData("", "4419", null, "R000-1 R000-2 R002-1", 41)]
    [InlineData("", "", DeviceStatus.InStock, "s1", 1)]
    [InlineData("", "", DeviceStatus.Retired, "s2", 1)]
    [InlineData("", "4419", DeviceStatus.Retired, "", 0)]
    [InlineData("", "4401", DeviceStatus.InHome, "R001-1 R001-2 R003-1", 40)]
    [InlineData("3-2", "", null, "R003-2 R013-2 R023-2", 4)]
    [InlineData("水表", "4419", null, "R000-1 R002-1 R004-1", 20)]
    [InlineData("R005", "", null, "R005-1 R005-2", 2)]
    [InlineData("R005", "4419", null, "", 0)]
    [InlineData("nothing", "", null, "", 0)]
    public async Task Devices_are_found_by_id_label_home_and_state_before_and_after_all_is_in_memory(
        string search,
        string within,
        DeviceStatus? state,
        string first,
        int total
    )
    {
        await StockAsync();
        Assert.Equal((first, total), await DevicesAsync(within, state, search));
        await index.FollowAsync(Stop);
        Assert.Equal((first, total), await DevicesAsync(within, state, search));
    }

    [Fact]
    public async Task What_was_just_saved_is_in_the_list_in_its_place()
    {
        await StockAsync();
        await index.FollowAsync(Stop);
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            Add(db, "R0015", "周玉兰", Here); // between others
            Add(db, "Z", "周玉兰", There);
            await db.SaveChangesAsync(Stop);
            await db.Residents.Where(r => r.Id == "R002").ExecuteUpdateAsync(u => u.SetProperty(r => r.Area, There), Stop);
            await db.Residents.Where(r => r.Id == "R004").ExecuteUpdateAsync(u => u.SetProperty(r => r.Name, "周玉兰"), Stop);
            await db.Devices.Where(d => d.Id == "R006-1").ExecuteDeleteAsync(Stop);
            await db
                .Devices.Where(d => d.Id == "s1")
                .ExecuteUpdateAsync(u => u.SetProperty(d => d.ResidentId, "R006").SetProperty(d => d.StockArea, ""), Stop);
            await db.Residents.Where(r => r.Id == "R008").ExecuteDeleteAsync(Stop); // its devices are in nobody's home now
        }

        Assert.Equal(("R000 R001 R0015", 41), await ResidentsAsync("", ""));
        Assert.Equal(("R000 R0015 R004", 19), await ResidentsAsync("4419", ""));
        Assert.Equal(("R0015 R004 Z", 3), await ResidentsAsync("", "玉兰"));
        Assert.Equal(("R0015-1 R0015-2", 2), await DevicesAsync("4419", null, "R0015"));
        Assert.Equal(("R002-1 R002-2", 2), await DevicesAsync("4401", null, "R002"));
        Assert.Equal(("R006-2 s1", 2), await DevicesAsync("4419", null, "R006"));
        Assert.Equal(("R008-1 R008-2", 2), await DevicesAsync("", DeviceStatus.InStock, ""));
        await EqualTheRecordsAsync();
    }

    /// <summary>Whatever is done in whatever order, all pages together are what the records have.</summary>
    [Fact]
    public async Task After_many_changes_pages_put_together_are_the_records()
    {
        await StockAsync();
        await index.FollowAsync(Stop);
        var random = new Random(5);
        for (var round = 0; round < 12; round++)
        {
            await using (var db = await records.CreateDbContextAsync(Stop))
            {
                for (var i = 0; i < 5; i++)
                    Add(db, $"N{random.Next(100_000):D5}", "孙悦", random.Next(2) == 0 ? Here : There);
                await db.SaveChangesAsync(Stop);
                var ids = await db.Residents.OrderBy(r => r.Id).Select(r => r.Id).ToListAsync(Stop);
                string Some() => ids[random.Next(ids.Count)];
                var (gone, moved, named) = (Some(), Some(), Some());
                await db.Residents.Where(r => r.Id == gone).ExecuteDeleteAsync(Stop);
                await db
                    .Residents.Where(r => r.Id == moved)
                    .ExecuteUpdateAsync(u => u.SetProperty(r => r.Area, r => r.Area == Here ? There : Here), Stop);
                await db.Residents.Where(r => r.Id == named).ExecuteUpdateAsync(u => u.SetProperty(r => r.Name, "王秀英"), Stop);
                await db.Devices.Where(d => d.Id == named + "-2").ExecuteDeleteAsync(Stop);
            }

            await EqualTheRecordsAsync();
        }
    }

    [Fact]
    public async Task Devices_that_were_never_heard_come_first_then_those_that_were_heard_longest_ago()
    {
        await index.FollowAsync(Stop);
        await using var db = await records.CreateDbContextAsync(Stop);
        await db.Devices.ExecuteUpdateAsync(u => u.SetProperty(d => d.FirstSeenAt, Now).SetProperty(d => d.LastSeenAt, Now), Stop);
        await db.Devices.Where(d => d.Id == "R020-1").ExecuteUpdateAsync(u => u.SetProperty(d => d.LastSeenAt, Now.AddDays(-3)), Stop);
        await db
            .Devices.Where(d => d.Id == "R030-1")
            .ExecuteUpdateAsync(
                u => u.SetProperty(d => d.FirstSeenAt, (DateTime?)null).SetProperty(d => d.LastSeenAt, (DateTime?)null),
                Stop
            );
        var (page, total) = await lists.SilentFirstAsync(db, null, "", 4, Stop);
        Assert.Equal(("R030-1 R020-1 R000-1 R000-2", 80), (string.Join(' ', page.Select(d => d.Id)), total));
        // Of a county's too many to put in order: never heard, then by id, although what is in memory says that all were never heard.
        (page, total) = await lists.SilentFirstAsync(db, null, "", 4, Stop, sortable: 10);
        Assert.Equal(("R030-1 R000-1 R000-2 R001-1", 80), (string.Join(' ', page.Select(d => d.Id)), total));
        await using var there = records.CreateDbContext("4401");
        (page, total) = await lists.SilentFirstAsync(there, null, "", 2, Stop, sortable: 10);
        Assert.Equal(("R001-1 R001-2", 40), (string.Join(' ', page.Select(d => d.Id)), total));
    }

    /// <summary>What is in memory chooses, the records say: nobody is on the page who was visited in the meantime.</summary>
    [Fact]
    public async Task The_plan_of_a_county_is_that_of_a_village_page_by_page()
    {
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            var number = 0;
            foreach (var r in await db.Residents.OrderBy(r => r.Id).ToListAsync(Stop))
            {
                r.CreatedAt = Now.AddDays(-50);
                (r.KeyClass, r.Categories, r.ConsentService) = (number % 5 == 0, number % 4 == 0 ? "失能" : "独居", number % 9 != 0);
                AddVisit(db, r.Id, number % 3 == 0 ? "phone" : "home", number % 40);
                number++;
            }

            db.Areas.Add(
                new Area
                {
                    Code = "441900",
                    Name = "县",
                    WatchFrom = Now.AddDays(-2),
                    WatchUntil = Now.AddDays(2),
                    WatchReason = "台风",
                }
            );
            await db.SaveChangesAsync(Stop);
        }

        await index.FollowAsync(Stop);
        foreach (var within in new[] { "", "4419", "4401" })
            Assert.Equal(await VisitPlan.ReadAsync(Bound(within), null, Now, TimeSpan.FromDays(7), Stop), await PlanAsync(within));

        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            foreach (var visited in (await PlanAsync("")).Take(3))
                AddVisit(db, visited.Resident, "home", 0);
            await db.SaveChangesAsync(Stop);
        }

        var left = await VisitPlan.ReadAsync(Bound(""), null, Now, TimeSpan.FromDays(7), Stop);
        Assert.Equal(left, await PlanAsync(""));

        async Task<List<VisitAsked>> PlanAsync(string within)
        {
            var all = new List<VisitAsked>();
            for (var total = 1; all.Count < total; )
            {
                (var page, total) = await VisitPlan.PageAsync(
                    Bound(within),
                    index,
                    null,
                    Now,
                    TimeSpan.FromDays(7),
                    all.Count,
                    7,
                    Stop,
                    few: 10
                );
                Assert.True(page.Count > 0 || total == 0);
                all.AddRange(page);
            }

            return all;
        }
    }

    private BoundRecords Bound(string within) => new(records, within);

    private async Task EqualTheRecordsAsync()
    {
        foreach (var within in new[] { "", "4419", "4401" })
        {
            await using var db = records.CreateDbContext(within);
            foreach (var search in new[] { "", "秀英", "N", "-2" })
            {
                var people = await db
                    .Residents.Where(r => r.Name.Contains(search) || r.Id.Contains(search))
                    .Select(r => r.Id)
                    .ToListAsync(Stop);
                var found = new List<string>();
                for (var total = 1; found.Count < total; )
                {
                    (var page, total) = await lists.ResidentsAsync(db.Residents, within, search, found.Count, 17, Stop);
                    Assert.Equal(people.Count, total);
                    found.AddRange(page.Select(r => r.Id));
                }

                Assert.Equal(people.Order(StringComparer.Ordinal), found);
                var devices = await db
                    .Devices.Where(d => d.Id.Contains(search) || d.Label.Contains(search))
                    .Select(d => d.Id)
                    .ToListAsync(Stop);
                found.Clear();
                for (var total = 1; found.Count < total; )
                {
                    (var page, total) = await lists.DevicesAsync(db, null, null, search, found.Count, 17, Stop);
                    Assert.Equal(devices.Count, total);
                    found.AddRange(page.Select(d => d.Id));
                }

                Assert.Equal(devices.Order(StringComparer.Ordinal), found);
            }
        }
    }

    private async Task<(string First, int Total)> ResidentsAsync(string within, string search)
    {
        await using var db = records.CreateDbContext(within);
        var (page, total) = await lists.ResidentsAsync(db.Residents.AsNoTracking(), within, search, 0, 3, Stop);
        return (string.Join(' ', page.Select(r => r.Id)), total);
    }

    private async Task<(string First, int Total)> DevicesAsync(string within, DeviceStatus? state, string search)
    {
        await using var db = records.CreateDbContext(within);
        var (page, total) = await lists.DevicesAsync(db, null, state, search, 0, 3, Stop);
        return (string.Join(' ', page.Select(d => d.Id)), total);
    }

    private async Task StockAsync()
    {
        await using var db = await records.CreateDbContextAsync(Stop);
        foreach (var (id, area) in new[] { ("s1", Here), ("s2", There) })
            db.Devices.Add(
                new Device
                {
                    Id = id,
                    Profile = "senml",
                    Label = "备用",
                    StockArea = area,
                    RetiredAt = id == "s2" ? Now : null,
                }
            );
        await db.SaveChangesAsync(Stop);
    }

    private static void AddVisit(RecordsDb db, string resident, string form, int daysAgo) =>
        db.Visits.Add(
            new Visit
            {
                Id = Guid.NewGuid(),
                ResidentId = resident,
                Time = Now.AddDays(-daysAgo),
                Form = form,
                RecordedBy = "test",
            }
        );

    private static void Add(RecordsDb db, string id, string name, string area) =>
        db.Residents.Add(
            new Resident
            {
                Id = id,
                Name = name,
                Area = area,
                CreatedAt = Now,
                Devices =
                [
                    .. Enumerable
                        .Range(1, 2)
                        .Select(n => new Device
                        {
                            Id = string.Create(CultureInfo.InvariantCulture, $"{id}-{n}"),
                            Profile = "senml",
                            ResidentId = id,
                            Label = n == 1 ? "厨房水表" : "按钮",
                            InstalledAt = Now,
                        }),
                ],
            }
        );
}
