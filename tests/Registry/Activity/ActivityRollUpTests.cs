using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Registry.Activity;

public sealed class SqliteActivityRollUpTests : ActivityRollUpTests
{
    protected override async Task<IDbContextFactory<RecordsDb>> RecordsAsync(string folder) => await FreshRecords.SqliteAsync(folder);

    protected override IReadOnlyList<string> RefuseDaysOfR0 =>
        ["CREATE TRIGGER bad BEFORE INSERT ON DailyActivity WHEN NEW.ResidentId = 'r0' BEGIN SELECT RAISE(ABORT, 'bad row'); END"];
}

[Trait("Category", "Server")]
public sealed class PostgresActivityRollUpTests(PostgresServer server) : ActivityRollUpTests, IClassFixture<PostgresServer>
{
    protected override async Task<IDbContextFactory<RecordsDb>> RecordsAsync(string folder) =>
        await FreshRecords.PostgresAsync(await server.CreateDatabaseAsync());

    protected override IReadOnlyList<string> RefuseDaysOfR0 =>
        ["""ALTER TABLE "DailyActivity" ADD CONSTRAINT bad CHECK ("ResidentId" <> 'r0')"""];
}

/// <summary>The daily roll-up of one home over a hundred days, on both databases.</summary>
public abstract class ActivityRollUpTests : IAsyncLifetime
{
    private static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");

    /// <summary>A Monday, shortly after midnight in Shanghai.</summary>
    private static readonly DateTime Monday = new(2026, 11, 1, 16, 40, 0, DateTimeKind.Utc);
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-activity-").FullName;
    private readonly FakeTimeProvider clock = new(Monday.AddDays(-2));
    private IDbContextFactory<RecordsDb> records = null!;
    private DuckDbReadingStore store = null!;
    private Retention retention = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    protected abstract Task<IDbContextFactory<RecordsDb>> RecordsAsync(string folder);

    public async ValueTask InitializeAsync()
    {
        records = await RecordsAsync(folder);
        store = new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new DuckDbOptions { LowDiskBytes = 0 });
        retention = new Retention(store, records, Shanghai, new ReadingsOptions { KeepDays = 0 }, clock);
        await using var db = await records.CreateDbContextAsync(Stop);
        db.Add(
            new Resident
            {
                Id = "r1",
                Name = "陈",
                Area = "440118101001",
            }
        );
        db.Add(
            new Device
            {
                Id = "hall",
                Profile = "senml",
                ResidentId = "r1",
                InstalledAt = Monday.AddDays(-300),
            }
        );
        await db.SaveChangesAsync(Stop);
    }

    public async ValueTask DisposeAsync()
    {
        await store.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>On each day in a range of days, counted from the Monday, somebody rises at the given minute of the day.</summary>
    private async Task RiseAsync(int from, int to, Func<int, int> minute) =>
        await store.AppendAsync(
            [
                .. Enumerable
                    .Range(from, to - from)
                    .SelectMany(day =>
                        new[] { minute(day), minute(day) + 10, 20 * 60 }.SelectMany(at => new[] { (day, at, 1), (day, at + 2, 0) })
                    )
                    .Select(m => Motion(Monday.AddMinutes(-40).AddDays(m.day).AddMinutes(m.Item2), m.Item3)),
            ],
            Stop
        );

    private static Reading Motion(DateTime time, double value) =>
        new()
        {
            Device = new DeviceId("hall"),
            Metric = Metric.Motion,
            Time = time,
            Received = time,
            Value = value,
        };

    private async Task RunAsync(int day)
    {
        clock.SetUtcNow(Monday.AddDays(day));
        await retention.RunAsync(Monday.AddDays(day), Stop);
    }

    [Fact]
    public async Task A_home_whose_days_cannot_be_written_stops_no_other()
    {
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            db.Add(
                new Resident
                {
                    Id = "r0",
                    Name = "黄",
                    Area = "440118101001",
                }
            );
            db.Add(
                new Device
                {
                    Id = "bad",
                    Profile = "senml",
                    ResidentId = "r0",
                    InstalledAt = Monday.AddDays(-300),
                }
            );
            await db.SaveChangesAsync(Stop);
            foreach (var statement in RefuseDaysOfR0)
                await db.Database.ExecuteSqlRawAsync(statement, Stop);
        }

        var failed = new List<string>();
        retention.ActivityFailed = (resident, _) => failed.Add(resident);
        await RiseAsync(-3, 1, _ => 6 * 60);
        await RunAsync(1);
        Assert.Equal(["r0"], failed);
        await using var after = await records.CreateDbContextAsync(Stop);
        Assert.NotEmpty(await after.DailyActivity.Where(d => d.ResidentId == "r1").ToListAsync(Stop));
    }

    /// <summary>Statements that make the database refuse what is written about the days of r0.</summary>
    protected abstract IReadOnlyList<string> RefuseDaysOfR0 { get; }

    private async Task<List<SlowChange>> ChangesAsync()
    {
        await using var db = await records.CreateDbContextAsync(Stop);
        return await db.SlowChanges.OrderBy(c => c.FoundAt).ToListAsync(Stop);
    }

    [Fact]
    public async Task Who_rises_two_hours_later_is_told_of_in_the_week_in_which_it_is_known_and_not_again()
    {
        await RiseAsync(-104, 36, day => (day < -14 ? 365 : 490) + day % 5);
        await RunAsync(-1); // a Sunday: twelve of thirteen days are known, and it is the first roll-up
        await RunAsync(0);
        await RunAsync(1);
        var change = Assert.Single(await ChangesAsync());
        Assert.Equal((DailyFigure.Rises, new DateOnly(2026, 8, 1)), (change.Figure, change.Month));
        Assert.InRange(change.Before, 361, 369);
        Assert.InRange(change.Now, 486, 494);
        for (var day = 2; day < 35; day++)
            await RunAsync(day);
        Assert.Single(await ChangesAsync());

        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal(138, await db.DailyActivity.CountAsync(d => d.Rose != null, Stop));
        var months = await PersonMonthsAsync(db);
        Assert.Equal(new DateOnly(2026, 11, 1), months[0].Month);
        Assert.InRange(months[0].Usual[DailyFigure.Rises], 486, 494);
        await db.Residents.Where(r => r.Id == "r1").ExecuteDeleteAsync(Stop); // erasure
        Assert.False(await db.DailyActivity.AnyAsync(Stop) || await db.SlowChanges.AnyAsync(Stop));
    }

    private static Task<IReadOnlyList<Vigil.Registry.Activity.MonthOfActivity>> PersonMonthsAsync(RecordsDb db) =>
        Vigil.Registry.Activity.PersonFigures.MonthsAsync(db, "r1", new DateOnly(2026, 8, 1), Stop);

    [Fact]
    public async Task It_is_compared_once_a_week_and_on_the_next_day_where_no_Monday_was_run()
    {
        await RiseAsync(-104, 10, _ => 365);
        await RunAsync(0);
        // Changes the stored days, so that every comparison from now on would find something.
        await using (var db = await records.CreateDbContextAsync(Stop))
            await db
                .DailyActivity.Where(d => d.Day < new DateOnly(2026, 10, 15))
                .ExecuteUpdateAsync(u => u.SetProperty(d => d.Rose, 200), Stop);
        await RunAsync(1);
        await RunAsync(6); // the Sunday
        Assert.Empty(await ChangesAsync());
        await RunAsync(8); // a Tuesday
        Assert.Equal(Monday.AddDays(8), Assert.Single(await ChangesAsync()).FoundAt);
    }

    [Theory]
    [InlineData("few days")]
    [InlineData("a sensor came")]
    [InlineData("a sensor fell silent")]
    [InlineData("away")]
    public async Task Nothing_is_told_of(string what)
    {
        await RiseAsync(what == "few days" ? -40 : -104, 0, day => day < -14 ? 365 : 490);
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            var device = await db.Devices.SingleAsync(Stop);
            if (what == "a sensor came")
                device.InstalledAt = Monday.AddDays(-30);
            if (what == "a sensor fell silent")
                device.LastSeenAt = Monday.AddDays(-4);
            if (what == "away")
                db.Absences.Add(
                    new Absence
                    {
                        ResidentId = "r1",
                        From = Monday.AddDays(-14),
                        Until = Monday.AddDays(-5),
                        Author = "duty:d1",
                        Reason = "with the daughter",
                    }
                );
            await db.SaveChangesAsync(Stop);
        }

        await RunAsync(0);
        Assert.Empty(await ChangesAsync());
    }

    [Fact]
    public async Task What_is_older_than_thirteen_months_is_deleted()
    {
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            foreach (var back in new[] { 500, 397, 396, 1 })
                db.DailyActivity.Add(
                    new DailyActivity
                    {
                        ResidentId = "r1",
                        Day = new DateOnly(2026, 11, 2).AddDays(-back),
                        Rose = 365,
                    }
                );
            db.DailyUse.Add(new DailyUse { ResidentId = "r1", Day = new DateOnly(2025, 1, 1) });
            await db.SaveChangesAsync(Stop);
        }

        await RunAsync(0);
        await using var left = await records.CreateDbContextAsync(Stop);
        Assert.Equal(
            [new DateOnly(2026, 11, 2).AddDays(-396), new DateOnly(2026, 11, 1)],
            await left.DailyActivity.OrderBy(d => d.Day).Select(d => d.Day).ToListAsync(Stop)
        );
        Assert.Single(await left.DailyUse.ToListAsync(Stop)); // water and electricity use is kept
    }
}
