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
