using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Registry.Search;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Registry.Search;

public sealed class SqliteRegistrySearchTests : RegistrySearchTests
{
    protected override async Task<RecordsFactory> RecordsAsync(string folder) => await FreshRecords.SqliteAsync(folder);
}

[Trait("Category", "Server")]
public sealed class PostgresRegistrySearchTests(PostgresServer server) : RegistrySearchTests, IClassFixture<PostgresServer>
{
    protected override async Task<RecordsFactory> RecordsAsync(string folder) =>
        await FreshRecords.PostgresAsync(await server.CreateDatabaseAsync());
}

/// <summary>Search over the registry as the header's box does it.</summary>
public abstract class RegistrySearchTests : IAsyncLifetime
{
    private const string Here = "441900003001",
        There = "440100001001";

    private readonly string folder = Directory.CreateTempSubdirectory("vigil-search-").FullName;
    private RecordsFactory records = null!;
    private SearchIndex index = null!;
    private RegistrySearch search = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    protected abstract Task<RecordsFactory> RecordsAsync(string folder);

    public async ValueTask InitializeAsync()
    {
        records = await RecordsAsync(folder);
        index = new SearchIndex(records, NullLogger<SearchIndex>.Instance);
        search = new RegistrySearch(index);
        await using var db = await records.CreateDbContextAsync(Stop);
        db.Areas.Add(new Area { Code = "441900", Name = "东江县" });
        db.Visitors.Add(
            new Visitor
            {
                Id = "v1",
                Name = "陈探访",
                Phone = "+8613700000001",
                Area = Here,
            }
        );
        Add(db, "R001", "王秀英", Here, "江南镇人民路12号", "独居,失能", ("王建国", "儿子", "+8613800138000"));
        Add(db, "R002", "李秀英", Here, "江北镇人民路2栋12号", "空巢", ("李娜", "女儿", "+8613800138001"));
        Add(db, "R003", "秀英王", There, "江南镇解放路1号", "独居", ("王建国", "侄子", "+8613800138000"));
        await db.SaveChangesAsync(Stop);
        await index.FollowAsync(Stop);
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
    [InlineData("秀英", "resident R001 R002 R003")]
    [InlineData("王秀英", "resident R001")]
    [InlineData("王", "resident R001 R003; contact R001 R003")]
    [InlineData("r00２", "resident R002")]
    [InlineData("人民路12号", "address R001")] // R002 has all its pairs, not one after another
    [InlineData("江南 秀英", "resident R001 R003")]
    [InlineData("王建国", "contact R001 R003")]
    [InlineData("13800138000", "phone R001 R003")]
    [InlineData("+86 137 0000 0001", "phone v1")]
    [InlineData("1380013", "")] // a part of a number is nobody's
    [InlineData("失能", "category R001")]
    [InlineData("探访", "visitor v1")]
    [InlineData("东江", "area 441900")]
    [InlineData("4419", "area 441900")]
    [InlineData("dev-R001", "device dev-R001")]
    [InlineData("厨房", "device dev-R001 dev-R002 dev-R003")]
    [InlineData("没有这个", "")]
    [InlineData("  ", "")]
    [InlineData("%' OR 1=1 --", "")]
    public async Task What_is_typed_finds(string typed, string found) => Assert.Equal(found, await FindAsync(typed));

    [Fact]
    public async Task Nobody_of_another_area_is_found_by_anything()
    {
        foreach (var typed in new[] { "秀英", "王建国", "13800138000", "江南", "独居", "厨房", "dev-R00", "R003", "江南 秀英" })
            Assert.DoesNotContain("R003", await FindAsync(typed, "4419"), StringComparison.Ordinal);
        Assert.Equal("resident R001 R002", await FindAsync("秀英", "4419"));
        Assert.Equal("phone R001", await FindAsync("13800138000", "4419"));
        Assert.Equal("", await FindAsync("秀英", RecordsDb.Nowhere));
    }

    [Fact]
    public async Task No_phone_number_stands_in_what_is_found()
    {
        await using var db = records.CreateDbContext("");
        var group = Assert.Single(await search.FindAsync(db, "13800138000", 10, Stop));
        Assert.All(group.Hits, h => Assert.Contains("+86138****8000", h.Detail, StringComparison.Ordinal));
        Assert.All(group.Hits, h => Assert.DoesNotContain("13800138000", h.Title + h.Detail, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_anybody_changes_is_found_with_the_next_look_and_what_is_erased_is_not()
    {
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            await db.Residents.Where(r => r.Id == "R001").ExecuteUpdateAsync(u => u.SetProperty(r => r.Name, "赵秀兰"), Stop);
            await db.Contacts.Where(c => c.ResidentId == "R002").ExecuteUpdateAsync(u => u.SetProperty(c => c.Name, "孙悦"), Stop);
            await db.Residents.Where(r => r.Id == "R003").ExecuteDeleteAsync(Stop);
            Add(db, "R004", "秀英钱", Here, "", "", ("钱", "", ""));
            await db.SaveChangesAsync(Stop);
        }

        await index.FollowAsync(Stop);
        Assert.Equal("resident R002 R004", await FindAsync("秀英"));
        Assert.Equal("resident R001", await FindAsync("赵秀兰"));
        Assert.Equal("", await FindAsync("李娜"));
        Assert.Equal("contact R002", await FindAsync("孙悦"));
        Assert.Equal("contact R001", await FindAsync("王建国"));
    }

    [Fact]
    public async Task Who_was_erased_is_not_found_although_the_change_names_nobody()
    {
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            await db.Residents.Where(r => r.Id == "R003").ExecuteDeleteAsync(Stop);
            await db
                .RegistryChanges.Where(c => c.Subject == "R003")
                .ExecuteUpdateAsync(u => u.SetProperty(c => c.Subject, ChangeFeed.Anybody), Stop);
        }

        await index.FollowAsync(Stop);
        Assert.Equal("contact R002", await FindAsync("李娜")); // who has the same name
    }

    [Fact]
    public async Task Pages_follow_each_other_without_a_gap_or_a_double()
    {
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            for (var i = 0; i < 450; i++)
                Add(db, $"P{i:D3}", i % 3 == 0 ? "周玉兰香" : "周玉香兰", i % 2 == 0 ? Here : There, "", "", ("某", "", ""));
            await db.SaveChangesAsync(Stop);
        }

        await index.FollowAsync(Stop);
        await using var here = records.CreateDbContext("4419");
        var (ids, from) = (new List<string>(), (int?)0);
        while (from is { } at)
        {
            var page = await search.FindAsync(here, SearchKind.Resident, "玉兰", at, 20, Stop);
            Assert.True(page.Hits.Count == 20 || page.Next is null);
            ids.AddRange(page.Hits.Select(h => h.Id));
            from = page.Next;
        }

        Assert.Equal(Enumerable.Range(0, 450).Where(i => i % 6 == 0).Select(i => $"P{i:D3}"), ids);
    }

    private async Task<string> FindAsync(string typed, string within = "")
    {
        await using var db = records.CreateDbContext(within);
        var groups = await search.FindAsync(db, typed, 10, Stop);
        return string.Join(
            "; ",
            groups.Select(g =>
                $"{g.Kind.ToString().ToLowerInvariant()} {string.Join(' ', g.Hits.Select(h => h.Id).Order(StringComparer.Ordinal))}"
            )
        );
    }

    private static void Add(
        RecordsDb db,
        string id,
        string name,
        string area,
        string address,
        string categories,
        (string Name, string Relation, string Phone) contact
    ) =>
        db.Residents.Add(
            new Resident
            {
                Id = id,
                Name = name,
                Area = area,
                Address = address,
                Categories = categories,
                Contacts =
                [
                    new Contact
                    {
                        Id = Guid.NewGuid(),
                        ResidentId = id,
                        Order = 1,
                        Name = contact.Name,
                        Relation = contact.Relation,
                        Phone = contact.Phone,
                    },
                ],
                Devices =
                [
                    new Device
                    {
                        Id = "dev-" + id,
                        Profile = "senml",
                        ResidentId = id,
                        Label = "厨房",
                    },
                ],
            }
        );
}
