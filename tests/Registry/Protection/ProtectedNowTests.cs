using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Vigil.Model;
using Vigil.Registry.Protection;
using Vigil.Rules;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Registry.Protection;

public sealed class SqliteProtectedNowTests : ProtectedNowTests
{
    protected override async Task<IDbContextFactory<RecordsDb>> RecordsAsync(string folder) => await FreshRecords.SqliteAsync(folder);
}

[Trait("Category", "Server")]
public sealed class PostgresProtectedNowTests(PostgresServer server) : ProtectedNowTests, IClassFixture<PostgresServer>
{
    protected override async Task<IDbContextFactory<RecordsDb>> RecordsAsync(string folder) =>
        await FreshRecords.PostgresAsync(await server.CreateDatabaseAsync());
}

/// <summary>What a home lacks right now, and how it follows what is changed.</summary>
public abstract class ProtectedNowTests : IAsyncLifetime
{
    private const string Here = "441900003001",
        There = "440100001001";

    private const ulong Phones = 1,
        Mail = 2;

    private static readonly DateTime Now = new(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc);
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-protected-").FullName;
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(Now));
    private readonly Dictionary<string, HomeSigns> signs = [];
    private IDbContextFactory<RecordsDb> records = null!;
    private ProtectedNow protection = null!;
    private ulong usable = Phones | Mail;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    protected abstract Task<IDbContextFactory<RecordsDb>> RecordsAsync(string folder);

    public async ValueTask InitializeAsync()
    {
        records = await RecordsAsync(folder);
        await using var db = await records.CreateDbContextAsync(Stop);
        db.Visitors.Add(new Visitor { Id = "v1", Name = "陈" });
        db.Visitors.Add(
            new Visitor
            {
                Id = "v2",
                Name = "李",
                Away = true,
            }
        );
        await db.SaveChangesAsync(Stop);
        protection = new ProtectedNow(
            records,
            new ContactWays(
                (channel, address) =>
                    channel == Channel.Mail ? Mail
                    : address[1] == '8' ? Phones
                    : 0,
                () => usable
            ),
            profile => profile == "button",
            new ProtectionOptions(),
            clock,
            TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"),
            new Meter("test"),
            NullLogger<ProtectedNow>.Instance,
            home => signs.GetValueOrDefault(home.Value, new HomeSigns(1, 1, false, false))
        );
    }

    public ValueTask DisposeAsync()
    {
        protection.Dispose();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Every_gap_is_found_and_a_weakness_leaves_a_home_protected()
    {
        await AddAsync("whole", verify: true);
        await AddAsync("refused", verify: true, change: r => r.RefusesMonitoring = true);
        await AddAsync("empty", verify: true);
        await AddAsync("mute", verify: true);
        await AddAsync("alone", change: r => r.Contacts.Clear());
        await AddAsync("abroad", change: r => r.Contacts[0].Phone = "+33612345678");
        await AddAsync("untested");
        await AddAsync("failed", phone: "+8613800000009");
        await AddAsync("unvisited", verify: true, change: r => r.VisitorId = null);
        await AddAsync("visitor-away", verify: true, change: r => r.VisitorId = "v2");
        await AddAsync("lost", verify: true, change: r => r.HomeLatitude = null);
        await AddAsync("weak-battery", verify: true);
        await AddAsync("untried-button", verify: true, button: Now.AddDays(-32));
        await AddAsync("tried-button", verify: true, button: Now.AddDays(-300), tested: Now.AddDays(-3));
        await TestAsync("+8613800000009", verified: Now.AddDays(-9), failed: Now.AddDays(-1));
        (signs["empty"], signs["mute"]) = (default, new HomeSigns(2, 0, false, false));
        (signs["lost"], signs["weak-battery"]) = (new HomeSigns(1, 1, false, true), new HomeSigns(1, 1, true, true));
        await protection.LookAsync(Stop);
        Assert.Empty(Gaps("whole"));
        Assert.Equal([ProtectionGap.Refused], Gaps("refused"));
        Assert.Equal([ProtectionGap.NoDevice], Gaps("empty"));
        Assert.Equal([ProtectionGap.AllSilent], Gaps("mute"));
        Assert.Equal([ProtectionGap.NoContact], Gaps("alone"));
        Assert.Equal([ProtectionGap.NoRoute, ProtectionGap.NumberUnverified], Gaps("abroad"));
        Assert.Equal([ProtectionGap.NumberUnverified], Gaps("untested"));
        Assert.Equal([ProtectionGap.NumberFailed], Gaps("failed"));
        Assert.Equal([ProtectionGap.NoVisitor], Gaps("unvisited"));
        Assert.Equal([ProtectionGap.NoVisitor], Gaps("visitor-away"));
        Assert.Equal([ProtectionGap.NoHomePoint], Gaps("lost"));
        Assert.Equal([ProtectionGap.BatteryLow], Gaps("weak-battery"));
        Assert.Equal([ProtectionGap.TestOverdue], Gaps("untried-button"));
        Assert.Empty(Gaps("tried-button"));
        var all = protection.Of(new ProtectionFilter(""));
        Assert.Equal((Now, 14, 8), (all.At, all.Homes, all.Protected));
        Assert.Equal((2, 2), (all.ByGap[ProtectionGap.NumberUnverified], all.ByGap[ProtectionGap.NoVisitor]));
        var (page, total) = protection.Find(new ProtectionFilter(""), null, 2, 3);
        Assert.Equal(6, total);
        Assert.Equal(["empty", "failed", "mute"], page.Select(h => h.Id));
        Assert.Equal(["abroad", "untested"], Ids(ProtectionGap.NumberUnverified));
    }

    [Fact]
    public async Task Each_area_and_class_has_its_own_numbers()
    {
        await AddAsync("a", verify: true);
        await AddAsync("b", change: r => r.Contacts.Clear());
        await AddAsync("c", change: r => (r.Area, r.KeyClass) = (There, true));
        await protection.LookAsync(Stop);
        Assert.Equal((2, 1), Of(new ProtectionFilter("4419")));
        Assert.Equal((1, 1), Of(new ProtectionFilter("4401")));
        Assert.Equal((0, 0), Of(new ProtectionFilter("4419", There)));
        Assert.Equal((0, 0), Of(new ProtectionFilter(RecordsDb.Nowhere)));
        Assert.Equal((1, 1), Of(new ProtectionFilter("", "", KeyClass: true)));
        Assert.Equal((2, 1), Of(new ProtectionFilter("", "", KeyClass: false)));
        Assert.Empty(protection.Find(new ProtectionFilter("4401"), null, 0, 10).Page);
    }

    [Fact]
    public async Task What_is_changed_counts_with_the_next_look_and_reads_that_home_alone()
    {
        await AddAsync("a", verify: true);
        await AddAsync("b", phone: "+8613800000002", button: Now.AddDays(-40));
        await protection.LookAsync(Stop);
        Assert.Equal([ProtectionGap.NumberUnverified, ProtectionGap.TestOverdue], Gaps("b"));

        // A number is verified, a button pressed; both make no change of the registry.
        await TestAsync("+8613800000002", verified: Now, failed: null);
        protection.NumberChanged("+8613800000002");
        await using (var db = await records.CreateDbContextAsync(Stop))
            await db.Devices.Where(d => d.Id == "button-b").ExecuteUpdateAsync(u => u.SetProperty(d => d.TestedAt, Now), Stop);
        await protection.LookAsync(Stop);
        Assert.Empty(Gaps("b"));

        // The number is edited: it is another number, and nobody has answered there.
        await using (var db = await records.CreateDbContextAsync(Stop))
            await db.Contacts.Where(c => c.ResidentId == "b").ExecuteUpdateAsync(u => u.SetProperty(c => c.Phone, "+8613800000003"), Stop);
        await using (var db = await records.CreateDbContextAsync(Stop))
            await db.Visitors.Where(v => v.Id == "v1").ExecuteUpdateAsync(u => u.SetProperty(v => v.SubstituteId, "v2"), Stop);
        await protection.LookAsync(Stop);
        Assert.Equal([ProtectionGap.NumberUnverified], Gaps("b"));

        await using (var db = await records.CreateDbContextAsync(Stop))
            await db.Visitors.Where(v => v.Id == "v1").ExecuteUpdateAsync(u => u.SetProperty(v => v.Away, true), Stop);
        await protection.LookAsync(Stop);
        Assert.Equal([ProtectionGap.NoVisitor], Gaps("a")); // who stands in is away too

        await using (var db = await records.CreateDbContextAsync(Stop))
            await db.Residents.Where(r => r.Id == "a").ExecuteDeleteAsync(Stop);
        await AddAsync("0-first", verify: true);
        await protection.LookAsync(Stop);
        Assert.Null(protection.Find("a"));
        Assert.Equal(["0-first", "b"], Ids(ProtectionGap.NoVisitor));

        usable = Mail; // the provider of texts and calls fails
        await protection.LookAsync(Stop);
        Assert.Contains(ProtectionGap.NoRoute, Gaps("b"));
        Assert.Equal((2, 0), Of(new ProtectionFilter("")));
    }

    [Fact]
    public async Task A_number_that_takes_neither_texts_nor_calls_has_failed()
    {
        await AddAsync("a", phone: "+8613800000007");
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            foreach (var channel in new[] { Channel.Sms, Channel.Voice })
                db.BlockedNumbers.Add(
                    new BlockedNumber
                    {
                        Id = Guid.NewGuid(),
                        Address = "+8613800000007",
                        Channel = channel,
                        Reason = "no longer in service",
                        Since = Now,
                    }
                );
            await db.SaveChangesAsync(Stop);
        }

        await protection.LookAsync(Stop);
        Assert.Equal([ProtectionGap.NoRoute, ProtectionGap.NumberFailed], Gaps("a"));
    }

    private IEnumerable<ProtectionGap> Gaps(string home) => protection.Find(home)!.Missing;

    private IEnumerable<string> Ids(ProtectionGap gap) => protection.Find(new ProtectionFilter(""), gap, 0, 100).Page.Select(h => h.Id);

    private (int Homes, int Protected) Of(ProtectionFilter filter) =>
        protection.Of(filter) is var found ? (found.Homes, found.Protected) : default;

    private async Task TestAsync(string number, DateTime? verified, DateTime? failed)
    {
        await using var db = await records.CreateDbContextAsync(Stop);
        db.ReachTests.Add(
            new ReachTest
            {
                Id = Guid.NewGuid(),
                Address = number,
                VerifiedAt = verified,
                FailedAt = failed,
            }
        );
        await db.SaveChangesAsync(Stop);
    }

    /// <param name="verify">The contact's number is; of the number that has none of its own.</param>
    /// <param name="button">When a call button was installed.</param>
    private async Task AddAsync(
        string id,
        bool verify = false,
        Action<Resident>? change = null,
        string? phone = null,
        DateTime? button = null,
        DateTime? tested = null
    )
    {
        const string verified = "+8613800000001";
        await using var db = await records.CreateDbContextAsync(Stop);
        if (verify && !await db.ReachTests.AnyAsync(t => t.Address == verified, Stop))
            await TestAsync(verified, Now, null);
        var home = new Resident
        {
            Id = id,
            Name = id,
            Area = Here,
            VisitorId = "v1",
            HomeLatitude = 23,
            HomeLongitude = 113,
            Contacts =
            [
                new Contact
                {
                    Id = Guid.NewGuid(),
                    ResidentId = id,
                    Order = 1,
                    Name = "王建国",
                    Phone = phone ?? (verify ? verified : "+8613800000008"),
                },
            ],
        };
        if (button is { } installed)
            home.Devices.Add(
                new Device
                {
                    Id = "button-" + id,
                    Profile = "button",
                    ResidentId = id,
                    InstalledAt = installed,
                    TestedAt = tested,
                }
            );
        change?.Invoke(home);
        db.Residents.Add(home);
        await db.SaveChangesAsync(Stop);
    }
}
