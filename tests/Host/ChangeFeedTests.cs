using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Vigil.Host;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Rules;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Host;

public sealed class SqliteChangeFeedTests : ChangeFeedTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-feed-").FullName;

    protected override Task<IDbContextFactory<RecordsDb>> BeginAsync() =>
        Task.FromResult<IDbContextFactory<RecordsDb>>(RecordsServices.CreateFactory("Sqlite", null, folder));

    public override ValueTask DisposeAsync()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
        return base.DisposeAsync();
    }
}

[Trait("Category", "Server")]
public sealed class PostgresChangeFeedTests(PostgresServer server) : ChangeFeedTests, IClassFixture<PostgresServer>
{
    protected override async Task<IDbContextFactory<RecordsDb>> BeginAsync() =>
        RecordsServices.CreateFactory("Postgres", await server.CreateDatabaseAsync(), "");

    [Fact]
    public async Task A_change_that_was_begun_before_another_and_committed_after_it_is_not_missed()
    {
        await StartAsync();
        await using var slow = await Records.CreateDbContextAsync(Stop);
        await using var turn = await slow.Database.BeginTransactionAsync(Stop);
        await slow.Residents.Where(r => r.Id == "R1").ExecuteUpdateAsync(u => u.SetProperty(r => r.KeyClass, true), Stop);
        await ChangeAsync(db => db.Residents.Where(r => r.Id == "R2").ExecuteUpdateAsync(u => u.SetProperty(r => r.KeyClass, true), Stop));
        await Registry.FollowAsync(Stop);
        Assert.False(Registry.FactsOf(new ResidentId("R1"))!.KeyClass);
        await turn.CommitAsync(Stop);
        await Registry.FollowAsync(Stop);
        Assert.True(Registry.FactsOf(new ResidentId("R1"))!.KeyClass);
        Assert.True(Registry.FactsOf(new ResidentId("R2"))!.KeyClass);
    }
}

/// <summary>The running service follows every change of the registry, whoever makes it, and reads only what was changed.</summary>
public abstract class ChangeFeedTests : IAsyncDisposable
{
    private static readonly DateTime Now = new(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc);
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(Now));

    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    protected abstract Task<IDbContextFactory<RecordsDb>> BeginAsync();

    private protected IDbContextFactory<RecordsDb> Records { get; private set; } = null!;

    private protected LiveRegistry Registry { get; private set; } = null!;

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_watch_that_is_extended_is_in_force_in_every_home_of_the_area()
    {
        await StartAsync();
        await ChangeAsync(db => WatchAsync(db, Now.AddHours(5)));
        await Registry.FollowAsync(Stop);
        await ChangeAsync(db => WatchAsync(db, Now.AddHours(9)));
        await Registry.FollowAsync(Stop);
        Assert.Equal([Now.AddHours(9), Now.AddHours(9), null], Facts.Select(f => f?.WatchUntil)); // R3 is in another county
        Assert.Equal(Now, Facts[0]!.WatchFrom);
    }

    [Fact]
    public async Task An_absence_that_is_moved_or_ended_and_one_that_is_taken_back_are_in_force()
    {
        await StartAsync();
        var absence = new Absence
        {
            ResidentId = "R1",
            From = Now,
            Until = Now.AddDays(9),
            Author = "daughter",
        };
        await ChangeAsync(async db =>
        {
            db.Absences.Add(absence);
            await db.SaveChangesAsync(Stop);
        });
        await Registry.FollowAsync(Stop);
        await ChangeAsync(db => db.Absences.ExecuteUpdateAsync(u => u.SetProperty(a => a.Until, Now.AddDays(4)), Stop));
        await Registry.FollowAsync(Stop);
        Assert.Equal(Now.AddDays(4), Assert.Single(Facts[0]!.Absences).Until);
        await ChangeAsync(db => db.Absences.ExecuteDeleteAsync(Stop));
        await Registry.FollowAsync(Stop);
        Assert.Empty(Facts[0]!.Absences);
    }

    [Fact]
    public async Task A_device_that_moves_is_its_new_homes_and_one_that_is_removed_is_nobodys()
    {
        await StartAsync();
        await ChangeAsync(db =>
            db.Devices.Where(d => d.Id == "sos-1").ExecuteUpdateAsync(u => u.SetProperty(d => d.ResidentId, "R2"), Stop)
        );
        await Registry.FollowAsync(Stop);
        Assert.Equal("R2", Registry.Find("sos-1")!.Resident!.Value.Value);
        Assert.Equal([0, 2, 1], Facts.Select(f => f!.Devices.Count));
        await ChangeAsync(db => db.Devices.Where(d => d.Id == "sos-2").ExecuteDeleteAsync(Stop));
        await Registry.FollowAsync(Stop);
        Assert.Null(Registry.Find("sos-2"));
        Assert.Equal(["sos-1"], Facts[1]!.Devices.Select(d => d.Id.Value));
    }

    [Fact]
    public async Task A_resident_who_is_added_is_watched_and_one_who_is_erased_is_not()
    {
        await StartAsync();
        await ChangeAsync(async db =>
        {
            db.Residents.Add(Lives("R4", "440114003201"));
            db.Devices.Add(Button("sos-4", "R4"));
            await db.SaveChangesAsync(Stop);
        });
        await ChangeAsync(db => db.Residents.Where(r => r.Id == "R1").ExecuteDeleteAsync(Stop));
        await Registry.FollowAsync(Stop);
        Assert.Equal("R4", Registry.Find("sos-4")!.Resident!.Value.Value);
        Assert.Null(Facts[0]);
        Assert.Null(Registry.Find("sos-1")!.Resident); // bound to nobody again
    }

    [Fact]
    public async Task What_devices_report_is_no_change_of_the_registry()
    {
        await StartAsync();
        await ChangeAsync(db =>
            db.Devices.ExecuteUpdateAsync(u => u.SetProperty(d => d.LastSeenAt, Now).SetProperty(d => d.TestedAt, Now), Stop)
        );
        await using var db = await Records.CreateDbContextAsync(Stop);
        Assert.Empty((await ChangeFeed.SinceAsync(db, Registry.Place, LiveRegistry.Step, Stop)).Changed);
    }

    [Fact]
    public async Task Every_part_of_the_registry_tells_what_was_changed()
    {
        await StartAsync();
        await ChangeAsync(async db =>
        {
            db.Visitors.Add(new Visitor { Id = "v1", Name = "李" });
            db.DutyOfficers.Add(
                new DutyOfficer
                {
                    Id = "o1",
                    Name = "陈",
                    Area = "440114",
                }
            );
            db.Areas.Add(new Area { Code = "440114003201", Name = "平山村" });
            db.Contacts.Add(
                new Contact
                {
                    ResidentId = "R1",
                    Order = 1,
                    Name = "女儿",
                }
            );
            await db.SaveChangesAsync(Stop);
        });
        await using var db = await Records.CreateDbContextAsync(Stop);
        Assert.Equal(
            ["Area 440114003201", "Home R1", "Officer o1", "Visitor v1"],
            (await ChangeFeed.SinceAsync(db, Registry.Place, LiveRegistry.Step, Stop))
                .Changed.Select(c => $"{c.Part} {c.Subject}")
                .Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task Many_changes_are_taken_over_step_by_step_and_none_is_left_out()
    {
        await StartAsync();
        const int Homes = LiveRegistry.Step / 20;
        for (var round = 0; round < 21; round++) // more than one step, in many transactions
            await ChangeAsync(async db =>
            {
                for (var i = 0; i < Homes; i++)
                    db.Add(
                        new Resident
                        {
                            Id = $"N{round}-{i}",
                            Name = "王",
                            Area = "440111001001",
                        }
                    );
                await db.SaveChangesAsync(Stop);
            });
        await Registry.FollowAsync(Stop);
        Assert.True(Registry.IsBehind);
        Assert.NotNull(Registry.FactsOf(new ResidentId("N0-0")));
        Assert.Null(Registry.FactsOf(new ResidentId($"N20-{Homes - 1}")));
        for (var steps = 0; Registry.IsBehind; steps++)
        {
            Assert.True(steps < 3, "it never gets to the end");
            await Registry.FollowAsync(Stop);
        }

        for (var round = 0; round < 21; round++)
        for (var i = 0; i < Homes; i++)
            Assert.NotNull(Registry.FactsOf(new ResidentId($"N{round}-{i}")));
    }

    [Fact]
    public async Task One_transaction_of_more_changes_than_a_step_is_taken_over_too()
    {
        await StartAsync();
        await ChangeAsync(async db =>
        {
            for (var i = 0; i <= LiveRegistry.Step; i++)
                db.Add(
                    new Resident
                    {
                        Id = $"N{i}",
                        Name = "王",
                        Area = "440111001001",
                    }
                );
            await db.SaveChangesAsync(Stop);
        });
        for (var steps = 0; steps == 0 || Registry.IsBehind; steps++)
        {
            Assert.True(steps < 3, "it never gets to the end");
            await Registry.FollowAsync(Stop);
        }

        Assert.NotNull(Registry.FactsOf(new ResidentId($"N{LiveRegistry.Step}")));
    }

    [Fact]
    public async Task Who_has_not_followed_for_long_reads_all_again_because_old_changes_are_forgotten()
    {
        await StartAsync();
        await ChangeAsync(db => db.Residents.Where(r => r.Id == "R1").ExecuteUpdateAsync(u => u.SetProperty(r => r.KeyClass, true), Stop));
        await ChangeAsync(db => db.Set<RegistryChange>().ExecuteDeleteAsync(Stop));
        await Registry.FollowAsync(Stop);
        Assert.False(Facts[0]!.KeyClass);
        clock.Advance(TimeSpan.FromMinutes(31));
        await Registry.FollowAsync(Stop);
        Assert.True(Facts[0]!.KeyClass);
    }

    [Fact]
    public async Task Changes_are_forgotten_after_an_hour()
    {
        await StartAsync();
        await ChangeAsync(async db =>
        {
            var old = await db.RegistryChanges.OrderBy(c => c.Sequence).Take(3).ToListAsync(Stop);
            old.ForEach(c => c.ChangedAt = c.ChangedAt.AddMinutes(-61));
            await db.SaveChangesAsync(Stop);
        });
        await using var db = await Records.CreateDbContextAsync(Stop);
        var all = await db.RegistryChanges.CountAsync(Stop);
        Assert.False(await ChangeFeed.ForgetAsync(db, Stop));
        Assert.Equal(all - 3, await db.RegistryChanges.CountAsync(Stop));
    }

    private ResidentFacts?[] Facts => [.. new[] { "R1", "R2", "R3" }.Select(id => Registry.FactsOf(new ResidentId(id)))];

    private protected async Task StartAsync()
    {
        Records = await BeginAsync();
        await Records.MigrateAsync(Stop);
        await ChangeAsync(async db =>
        {
            db.Areas.Add(new Area { Code = "440114", Name = "花都区" });
            db.Residents.AddRange(Lives("R1", "440114003201"), Lives("R2", "440114003202"), Lives("R3", "440115003201"));
            db.Devices.AddRange(Button("sos-1", "R1"), Button("sos-2", "R2"), Button("sos-3", "R3"));
            await db.SaveChangesAsync(Stop);
        });
        var problems = new List<Problem>();
        var profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), problems);
        Assert.Empty(problems);
        Registry = new LiveRegistry(
            Records,
            profiles,
            new RulePartitions(RuleSet.Default, TimeZoneInfo.Utc),
            clock,
            NullLogger<LiveRegistry>.Instance
        );
        await Registry.ReloadAsync(Stop);
    }

    private protected async Task ChangeAsync(Func<RecordsDb, Task> change)
    {
        await using var db = await Records.CreateDbContextAsync(Stop);
        await change(db);
    }

    private static Task WatchAsync(RecordsDb db, DateTime until) =>
        db
            .Areas.Where(a => a.Code == "440114")
            .ExecuteUpdateAsync(u => u.SetProperty(a => a.WatchFrom, Now).SetProperty(a => a.WatchUntil, until), Stop);

    private static Resident Lives(string id, string area) =>
        new()
        {
            Id = id,
            Name = "王秀英",
            Area = area,
            CreatedAt = Now,
            UpdatedAt = Now,
        };

    private static Device Button(string id, string resident) =>
        new()
        {
            Id = id,
            Profile = "senml",
            ResidentId = resident,
            InstalledAt = Now,
        };
}
