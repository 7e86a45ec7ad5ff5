using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Registry;

/// <summary>
/// Whose readings are whose, when devices come and go: a person's past is read from the devices that were theirs then, and not from what
/// those tell of another home later.
/// </summary>
public sealed class MovedDevicesTests : IAsyncLifetime
{
    private static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");

    /// <summary>2 March 00:00 in Shanghai.</summary>
    private static readonly DateTime Midnight = new(2026, 3, 1, 16, 0, 0, DateTimeKind.Utc);
    private static readonly DateOnly Day = new(2026, 3, 2);

    private readonly string folder = Directory.CreateTempSubdirectory("vigil-moved-").FullName;
    private RecordsFactory records = null!;
    private DuckDbReadingStore store = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        records = await FreshRecords.SqliteAsync(folder);
        store = new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new DuckDbOptions { LowDiskBytes = 0 });
        await using var db = records.CreateDbContext();
        foreach (var id in new[] { "r1", "r2" })
            db.Add(
                new Resident
                {
                    Id = id,
                    Name = "陈",
                    Area = "440118101001",
                }
            );
        await db.SaveChangesAsync(Stop);
    }

    public async ValueTask DisposeAsync()
    {
        await store.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_week_in_which_the_meter_was_replaced_is_whole_and_the_difference_of_the_totals_is_no_use()
    {
        // A litre an hour; the old meter stands at 500 m³ on the fourth day at noon, the new one begins at 0.2 m³.
        await FillAsync("old", 0, 84, hour => 500 + hour / 1000.0);
        await FillAsync("new", 84, 168, hour => 0.2 + (hour - 84) / 1000.0);
        await PutAsync("new", "r1", Midnight.AddHours(84));
        await WasAsync("old", "r1", null, Midnight.AddHours(84));
        var days = await DaysAsync("r1", 7);
        Assert.Equal(Enumerable.Range(0, 7).Select(Day.AddDays), days.Select(d => d.Day));
        Assert.All(days, d => Assert.InRange(d.Litres!.Value, 23, 24));
        await RollUpAsync(Midnight.AddDays(7));
        await using var db = records.CreateDbContext();
        var kept = await db.DailyUse.Where(d => d.ResidentId == "r1").OrderBy(d => d.Day).Select(d => d.Litres!.Value).ToListAsync(Stop);
        Assert.Equal(days.Select(d => d.Litres!.Value), kept);
    }

    [Fact]
    public async Task A_device_that_was_moved_shows_nothing_of_the_former_home_nor_the_former_home_what_it_measures_since()
    {
        // It counts on: 1 litre an hour in the first home for two days, 10 in the second.
        await FillAsync("meter", 0, 48, hour => 7 + hour / 1000.0);
        await FillAsync("meter", 49, 96, hour => 7.048 + (hour - 48) / 100.0);
        await PutAsync("meter", "r2", Midnight.AddHours(48.5));
        await WasAsync("meter", "r1", null, Midnight.AddHours(48.5));
        Assert.Equal([24, 24, null, null], (await DaysAsync("r1", 4)).Select(d => d.Litres).Concat([null, null]).Take(4));
        var second = await DaysAsync("r2", 4);
        Assert.Equal([Day.AddDays(2), Day.AddDays(3)], second.Select(d => d.Day));
        Assert.Equal(230, second[0].Litres!.Value, 0.5);
        Assert.All(await ReadAsync("r1"), r => Assert.True(r.Time < Midnight.AddHours(48.5)));
        Assert.All(await ReadAsync("r2"), r => Assert.True(r.Time >= Midnight.AddHours(48.5)));
        Assert.Equal((49, 48), ((await ReadAsync("r1")).Count, (await ReadAsync("r2")).Count));
    }

    [Fact]
    public async Task What_was_used_elsewhere_before_a_meter_came_back_is_not_used_here_and_all_is_read_in_order()
    {
        await FillAsync("meter", 0, 24, hour => 1 + hour / 1000.0);
        await FillAsync("meter", 25, 47, hour => 1.024 + (hour - 24) / 10.0);
        await FillAsync("meter", 48, 72, hour => 3.324 + (hour - 48) / 1000.0);
        await PutAsync("meter", "r1", Midnight.AddHours(47.5));
        await WasAsync("meter", "r1", null, Midnight.AddHours(24.5));
        await WasAsync("meter", "r2", Midnight.AddHours(24.5), Midnight.AddHours(47.5));
        var days = await DaysAsync("r1", 4);
        Assert.Equal([24.0, 24.0], [days[0].Litres!.Value, days[^1].Litres!.Value]);
        Assert.True(days.Sum(d => d.Litres ?? 0) < 49);
        var times = (await ReadAsync("r1")).ConvertAll(r => r.Time);
        Assert.Equal(times.Order(), times);
        Assert.Equal(50, times.Count);
        await using var db = records.CreateDbContext();
        var first = await store
            .QueryAsync(await db.PlacesOfAsync("r1", Stop), null, Midnight, Midnight.AddDays(4), Stop, limit: 30)
            .ToListAsync(Stop);
        Assert.Equal(times.Take(30), first.Select(r => r.Time));
    }

    [Fact]
    public async Task The_days_of_a_home_whose_last_meter_was_taken_away_are_written_down_all_the_same()
    {
        await FillAsync("meter", 0, 40, hour => 1 + hour / 1000.0);
        await PutAsync("meter", null, null);
        await WasAsync("meter", "r1", null, Midnight.AddHours(40));
        await RollUpAsync(Midnight.AddDays(2).AddHours(1));
        await using var db = records.CreateDbContext();
        Assert.Equal([24, 15], await db.DailyUse.OrderBy(d => d.Day).Select(d => Math.Round(d.Litres!.Value)).ToListAsync(Stop));
    }

    private async Task RollUpAsync(DateTime now) =>
        await new Retention(store, records, Shanghai, new ReadingsOptions { KeepDays = 0 }, TimeProvider.System).RunAsync(now, Stop);

    private async Task<List<DayOfUse>> DaysAsync(string resident, int days)
    {
        await using var db = records.CreateDbContext();
        var places = await db.PlacesOfAsync(resident, Stop);
        return [.. await DailyLife.ReadAsync(store, places, Midnight, Midnight.AddDays(days), Shanghai, Stop)];
    }

    private async Task<List<Reading>> ReadAsync(string resident)
    {
        await using var db = records.CreateDbContext();
        var places = await db.PlacesOfAsync(resident, Stop);
        return await store.QueryAsync(places, null, Midnight.AddDays(-1), Midnight.AddDays(9), Stop).ToListAsync(Stop);
    }

    private async Task PutAsync(string device, string? resident, DateTime? since)
    {
        await using var db = records.CreateDbContext();
        db.Devices.Add(
            new Device
            {
                Id = device,
                Profile = "senml",
                ResidentId = resident,
                PlacedAt = since,
            }
        );
        await db.SaveChangesAsync(Stop);
    }

    private async Task WasAsync(string device, string resident, DateTime? from, DateTime until)
    {
        await using var db = records.CreateDbContext();
        db.FormerPlaces.Add(
            new FormerPlace
            {
                DeviceId = device,
                ResidentId = resident,
                From = from,
                Until = until,
            }
        );
        await db.SaveChangesAsync(Stop);
    }

    /// <summary>A total every hour, of the first and the last hour too.</summary>
    private Task FillAsync(string device, int from, int to, Func<int, double> total) =>
        store.AppendAsync(
            [
                .. Enumerable
                    .Range(from, to - from + 1)
                    .Select(hour => new Reading
                    {
                        Device = new DeviceId(device),
                        Metric = Metric.WaterVolume,
                        Time = Midnight.AddHours(hour),
                        Received = Midnight.AddHours(hour),
                        Value = total(hour),
                    }),
            ],
            Stop
        );
}
