using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;

namespace Vigil.Tests.Storage.Readings;

public sealed class DuckDbReadingStoreTests : ReadingStoreContract, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-duckdb-").FullName;

    private string Database => Path.Combine(folder, "data", "readings.duckdb");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    protected override Task<IReadingStore> OpenAsync() =>
        Task.FromResult<IReadingStore>(new DuckDbReadingStore(Database, new DuckDbOptions { LowDiskBytes = 0 }));

    [Fact]
    public async Task What_was_stored_before_a_restart_is_not_stored_twice_after_it()
    {
        var meter = NewDevice();
        await using (var before = await OpenAsync())
            await before.AppendAsync([Water(meter, 0, 1), Water(meter, 1, 2)], Cancellation);
        await using (var after = await OpenAsync())
        {
            await after.AppendAsync([Water(meter, 0, 1), Water(meter, 1, 2), Water(meter, 2, 3)], Cancellation);
            Assert.Equal([1, 2, 3], (await ReadAsync(after, meter)).Select(r => r.Value));
        }

        Assert.Equal(3L, Count());
    }

    [Fact]
    public async Task A_metric_of_a_later_version_is_passed_over_and_keeps_its_number()
    {
        var meter = NewDevice();
        await using (var store = await OpenAsync())
            await store.AppendAsync([Water(meter, 0, 1)], Cancellation);
        Execute(
            "INSERT INTO series VALUES (2, 'x', 'metric.of.tomorrow', ''); INSERT INTO readings SELECT 2, time, received, 9, NULL, "
                + "NULL, NULL, NULL, 0 FROM readings;"
        );
        await using var again = await OpenAsync();
        var other = NewDevice();
        await again.AppendAsync([Water(other, 0, 5)], Cancellation);
        Assert.Equal([1], (await ReadAsync(again, meter)).Select(r => r.Value));
        Assert.Equal([5], (await ReadAsync(again, other)).Select(r => r.Value));
        Assert.Equal(2, (await again.ReceivedSinceAsync(DateTime.UnixEpoch, Cancellation).ToListAsync(Cancellation)).Count);
    }

    [Fact]
    public async Task Channels_that_a_device_invents_without_end_share_a_series_after_so_many()
    {
        Reading Of(int n) =>
            new()
            {
                Device = new DeviceId("w-1"),
                Metric = Metric.WaterVolume,
                Channel = $"x{n}",
                Time = DateTime.UnixEpoch.AddSeconds(n),
                Received = DateTime.UnixEpoch.AddSeconds(n),
                Value = n,
            };
        var folder = Directory.CreateTempSubdirectory("vigil-series-").FullName;
        for (var start = 0; start < 2; start++)
        {
            // After the first time, known devices and metrics are read back from the file.
            await using var store = new Vigil.Storage.Readings.DuckDb.DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new());
            await store.AppendAsync([.. Enumerable.Range(start * 2000, 2000).Select(Of)], CancellationToken.None);
            var channels = new List<string>();
            await foreach (
                var r in store.QueryAsync(
                    new ReadingQuery([new DeviceId("w-1")], null, DateTime.UnixEpoch, DateTime.UnixEpoch.AddDays(1)),
                    CancellationToken.None
                )
            )
                channels.Add(r.Channel);
            Assert.Equal((start + 1) * 2000, channels.Count);
            Assert.Equal(1025, channels.Distinct().Count());
        }

        Directory.Delete(folder, recursive: true);
    }

    private object? Count() => Scalar("SELECT count(*) FROM readings");

    private void Execute(string sql) => Scalar(sql);

    private object? Scalar(string sql)
    {
        using var connection = new DuckDB.NET.Data.DuckDBConnection($"DataSource={Database}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
