using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Registry;

public sealed class RetentionTests
{
    private static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
    private static readonly DateOnly First = new(2026, 3, 1);
    private static readonly DateTime Midnight = new(2026, 2, 28, 16, 0, 0, DateTimeKind.Utc);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_used_stays_when_the_readings_go()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-retention-").FullName;
        try
        {
            var records = await FreshRecords.SqliteAsync(folder);
            await using (var db = records.CreateDbContext())
            {
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
                        Id = "meter",
                        Profile = "senml",
                        ResidentId = "r1",
                    }
                );
                await db.SaveChangesAsync(Cancellation);
            }

            await using var store = new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new DuckDbOptions { LowDiskBytes = 0 });
            await store.AppendAsync(
                [.. Enumerable.Range(0, 60 * 24).Select(hour => Water(Midnight.AddHours(hour), hour / 1000.0))],
                Cancellation
            );
            var retention = new Retention(store, records, Shanghai, new ReadingsOptions { KeepDays = 20 }, TimeProvider.System);
            var now = Midnight.AddDays(50).AddHours(1);
            Assert.Equal(50, await retention.RunAsync(now, Cancellation));
            await retention.RunAsync(now.AddDays(1), Cancellation);

            var left = await store
                .QueryAsync(new ReadingQuery([new DeviceId("meter")], null, Midnight, now), Cancellation)
                .ToListAsync(Cancellation);
            Assert.All(left, r => Assert.True(r.Time >= now.Date.AddDays(-20)));
            Assert.NotEmpty(left);
            var days = await retention.ReadAsync("r1", First, First.AddDays(60), Cancellation);
            Assert.Equal(Enumerable.Range(0, 51).Select(First.AddDays), days.Select(d => d.Day));
            Assert.All(days.Skip(1), d => Assert.Equal(24, d.Litres));
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData(0, 20)]
    [InlineData(15, 28)] // 13 days back: of the days before that the readings are gone, and what was counted then stays
    public async Task A_move_that_was_entered_weeks_late_corrects_the_days_of_both_homes(int keepDays, int corrected)
    {
        var folder = Directory.CreateTempSubdirectory("vigil-retention-").FullName;
        try
        {
            var records = await FreshRecords.SqliteAsync(folder);
            await using (var db = records.CreateDbContext())
            {
                foreach (var id in new[] { "r1", "r2" })
                    db.Add(
                        new Resident
                        {
                            Id = id,
                            Name = "陈",
                            Area = "440118101001",
                        }
                    );
                db.Add(
                    new Device
                    {
                        Id = "meter",
                        Profile = "senml",
                        ResidentId = "r1",
                    }
                );
                await db.SaveChangesAsync(Cancellation);
            }

            await using var store = new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new DuckDbOptions { LowDiskBytes = 0 });
            await store.AppendAsync([.. Enumerable.Range(0, 60 * 24).Select(h => Water(Midnight.AddHours(h), h / 1000.0))], Cancellation);
            var retention = new Retention(store, records, Shanghai, new ReadingsOptions { KeepDays = keepDays }, TimeProvider.System);
            await retention.RunAsync(Midnight.AddDays(40).AddMinutes(30), Cancellation);
            var moved = Midnight.AddDays(20);
            await using (var db = records.CreateDbContext())
            {
                db.DailyActivity.Add(
                    new DailyActivity
                    {
                        ResidentId = "r1",
                        Day = First.AddDays(30),
                        Meals = 3,
                    }
                );
                var device = await db.Devices.SingleAsync(Cancellation);
                var entered = Midnight.AddDays(40).AddHours(10);
                db.FormerPlaces.Add(device.Leave(moved, entered, ""));
                device.Enter("r2", moved, entered);
                await db.SaveChangesAsync(Cancellation);
            }

            await retention.RunAsync(Midnight.AddDays(41).AddMinutes(30), Cancellation);
            async Task<IEnumerable<DateOnly>> DaysAsync(string id) =>
                (await retention.ReadAsync(id, First, First.AddDays(60), Cancellation)).Select(d => d.Day);
            Assert.Equal(Enumerable.Range(0, corrected).Select(First.AddDays), await DaysAsync("r1"));
            var other = (await DaysAsync("r2")).Select(d => d.DayNumber - First.DayNumber).ToList();
            Assert.InRange(other[0], 20, corrected);
            Assert.Equal(40, other[^1]);
            await using var after = records.CreateDbContext();
            Assert.All(await after.DailyActivity.Where(d => d.ResidentId == "r1").ToListAsync(Cancellation), d => Assert.Null(d.Meals));
            // What is right stays, however often the night comes.
            await retention.RunAsync(Midnight.AddDays(42).AddMinutes(30), Cancellation);
            Assert.Equal(Enumerable.Range(0, corrected).Select(First.AddDays), await DaysAsync("r1"));
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Each_class_of_data_has_its_own_time_and_what_was_withdrawn_goes_after_some_days()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-retention-").FullName;
        try
        {
            var records = await FreshRecords.SqliteAsync(folder);
            var now = Midnight.AddDays(50).AddHours(1);
            await using (var db = records.CreateDbContext())
            {
                foreach (var id in new[] { "r1", "r2", "r3" })
                {
                    db.Add(
                        new Resident
                        {
                            Id = id,
                            Name = "陈",
                            Area = "440118101001",
                        }
                    );
                    db.Add(
                        new Device
                        {
                            Id = "watch-" + id,
                            Profile = "senml",
                            ResidentId = id,
                        }
                    );
                    db.Add(new DailyUse { ResidentId = id, Day = First });
                }

                await db.SaveChangesAsync(Cancellation);
                // r1 has withdrawn ten days ago, r2 yesterday, r3 has agreed again since.
                await DecideAsync(db, "r1", Purpose.Health, ConsentDecision.Withdrawn, now.AddDays(-10));
                await DecideAsync(db, "r2", Purpose.Health, ConsentDecision.Withdrawn, now.AddDays(-1));
                await DecideAsync(db, "r3", Purpose.Health, ConsentDecision.Withdrawn, now.AddDays(-10));
                await DecideAsync(db, "r3", Purpose.Health, ConsentDecision.Given, now.AddDays(-9));
                await DecideAsync(db, "r3", Purpose.Monitoring, ConsentDecision.Refused, now.AddDays(-9));
            }

            await using var store = new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new DuckDbOptions { LowDiskBytes = 0 });
            await store.AppendAsync(
                [
                    .. new[] { "r1", "r2", "r3" }.SelectMany(id =>
                        new[] { Metric.HeartRate, Metric.Location, Metric.AirTemperature, Metric.Button }.SelectMany(m =>
                            new[] { 12, 40 }.Select(ago =>
                                Water(now.AddDays(-ago), 60) with
                                {
                                    Device = new DeviceId("watch-" + id),
                                    Metric = m,
                                    Event = m.Kind == MetricKind.Event ? "pressed" : null,
                                }
                            )
                        )
                    ),
                ],
                Cancellation
            );
            var keep = new RetentionOptions { WhereaboutsDays = 30, PressDays = 0 };
            var retention = new Retention(store, records, Shanghai, new ReadingsOptions(), TimeProvider.System, keep);
            await retention.RunAsync(now, Cancellation);

            async Task<string> LeftAsync(string id) =>
                string.Join(
                    ' ',
                    (
                        await store
                            .QueryAsync(new ReadingQuery([new DeviceId("watch-" + id)], null, DateTime.UnixEpoch, now), Cancellation)
                            .ToListAsync(Cancellation)
                    )
                        .GroupBy(r => r.Metric.Name)
                        .OrderBy(g => g.Key, StringComparer.Ordinal)
                        .Select(g => $"{g.Key}:{g.Count()}")
                );
            Assert.Equal("air.temperature:2 button:2 location:1", await LeftAsync("r1"));
            Assert.Equal("air.temperature:2 button:2 heart.rate:2 location:1", await LeftAsync("r2"));
            Assert.Equal("button:2", await LeftAsync("r3"));
            await using var after = records.CreateDbContext();
            Assert.Equal(["r1", "r2"], await after.DailyUse.Select(d => d.ResidentId).Distinct().Order().ToListAsync(Cancellation));
            Assert.Equal(
                2,
                await after.Consents.CountAsync(c => c.Decision != ConsentDecision.Given && c.DataEndedAt == null, Cancellation)
            );
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task DecideAsync(RecordsDb db, string id, Purpose purpose, ConsentDecision decision, DateTime when)
    {
        db.Decide(
            await db.Residents.SingleAsync(r => r.Id == id, Cancellation),
            new Consent
            {
                Id = Guid.CreateVersion7(),
                ResidentId = id,
                Purpose = purpose,
                Decision = decision,
                RecordedAt = when,
            }
        );
        await db.SaveChangesAsync(Cancellation);
    }

    private static Reading Water(DateTime time, double total) =>
        new()
        {
            Device = new DeviceId("meter"),
            Metric = Metric.WaterVolume,
            Time = time,
            Received = time,
            Value = total,
        };
}
