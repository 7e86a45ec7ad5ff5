using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Readings.Influx;

namespace Vigil.Bench;

/// <summary>
/// How fast readings become durable with several batch sizes, what a reading costs on disk, and how long it takes to read a resident's
/// month.
/// </summary>
internal static class StorageLoad
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var rows = arguments.Number("--rows", 20_000_000);
        var folder = arguments.Text("--folder") ?? Directory.CreateTempSubdirectory("vigil-bench-").FullName;
        Console.WriteLine(
            $"{Environment.ProcessorCount} processors, .NET {Environment.Version}, {rows:N0} readings, "
                + $"{CountyReadings.Residents * CountyReadings.SeriesEach} series"
        );
        Func<IReadingStore> open;
        if (arguments.Text("--influx") is { } url)
        {
            open = () =>
                new InfluxReadingStore(
                    new InfluxOptions
                    {
                        Url = url,
                        Api = "v1",
                        Bucket = "bench",
                        PatienceMilliseconds = 60_000,
                        BatchMilliseconds = 0,
                    },
                    Path.Combine(folder, "spool"),
                    new HttpClient(),
                    TimeProvider.System,
                    NullLogger<InfluxReadingStore>.Instance
                );
        }
        else
        {
            open = () =>
                new DuckDbReadingStore(
                    Path.Combine(folder, "readings.duckdb"),
                    new DuckDbOptions { CheckpointSize = arguments.Text("--checkpoint") ?? "64MB" }
                );
        }

        var village = new CountyReadings();
        // A folder that an earlier run has filled is only queried.
        long stored = arguments.Number("--stored", 0);
        var store = open();
        foreach (var (size, share) in stored > 0 ? [] : new[] { (1000, 0.02), (2000, 0.02), (8192, 0.02), (5000, 1.0) })
            stored += await AppendAsync(store, village, size, Math.Max(size, (long)(rows * share) - (share == 1.0 ? stored : 0)));
        await store.DisposeAsync();
        if (arguments.Text("--influx") is null)
            Console.WriteLine(
                $"on disk {new DirectoryInfo(folder).EnumerateFiles().Sum(f => f.Length) / 1e6:N1} MB, "
                    + $"{new DirectoryInfo(folder).EnumerateFiles().Sum(f => f.Length) / (double)stored:0.00} B a reading"
            );

        store = open();
        var since = Stopwatch.GetTimestamp();
        var end = CountyReadings.Start + CountyReadings.Every * (stored / (CountyReadings.Residents * CountyReadings.SeriesEach));
        var first = await CountAsync(
            store.QueryAsync(new ReadingQuery(CountyReadings.DevicesOf(0), Metric.WaterVolume, end.AddDays(-1), end), default)
        );
        Console.WriteLine($"start and first query {Stopwatch.GetElapsedTime(since).TotalMilliseconds:0} ms ({first} readings)");
        var random = new Random(7);
        await TimeAsync(
            "a resident's last month, all metrics",
            () => new ReadingQuery(CountyReadings.DevicesOf(random.Next(CountyReadings.Residents)), null, end.AddDays(-30), end),
            store
        );
        await TimeAsync(
            "a resident's month in the middle",
            () =>
                new ReadingQuery(
                    CountyReadings.DevicesOf(random.Next(CountyReadings.Residents)),
                    null,
                    Middle(end),
                    Middle(end).AddDays(30)
                ),
            store
        );
        await TimeAsync(
            "a meter's last day",
            () =>
                new ReadingQuery(
                    [CountyReadings.Device(random.Next(CountyReadings.Residents), 0)],
                    Metric.WaterVolume,
                    end.AddDays(-1),
                    end
                ),
            store
        );
        since = Stopwatch.GetTimestamp();
        var recent = await CountAsync(store.ReceivedSinceAsync(end.AddHours(-2), default));
        Console.WriteLine(
            $"received in the last two hours: {recent:N0} readings in {Stopwatch.GetElapsedTime(since).TotalMilliseconds:0} ms"
        );
        await store.DisposeAsync();
        Console.WriteLine($"working set {Environment.WorkingSet >> 20} MiB");
        return 0;
    }

    private static DateTime Middle(DateTime end) => CountyReadings.Start + (end - CountyReadings.Start) / 2;

    private static async Task<long> AppendAsync(IReadingStore store, CountyReadings village, int size, long rows)
    {
        var batch = new Reading[size];
        var times = new List<double>();
        long done = 0;
        var (allocated, collections) = (GC.GetTotalAllocatedBytes(), GC.CollectionCount(2));
        while (done < rows)
        {
            village.Fill(batch);
            var since = Stopwatch.GetTimestamp();
            await store.AppendAsync(batch, CancellationToken.None);
            times.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
            done += size;
        }

        var seconds = times.Sum() / 1000;
        times.Sort();
        Console.WriteLine(
            $"batches of {size, 5}: {done / seconds, 10:N0} readings/s durable over {done:N0}; append p50 "
                + $"{times[times.Count / 2]:0.0} ms, p99 {times[times.Count * 99 / 100]:0.0} ms, max {times[^1]:0} ms; "
                + $"{(GC.GetTotalAllocatedBytes() - allocated) / (double)done:0} B allocated a reading, "
                + $"{GC.CollectionCount(2) - collections} full collections"
        );
        return done;
    }

    private static async Task TimeAsync(string what, Func<ReadingQuery> query, IReadingStore store)
    {
        var times = new List<double>();
        var rows = 0;
        for (var i = 0; i < 15; i++)
        {
            var since = Stopwatch.GetTimestamp();
            rows = await CountAsync(store.QueryAsync(query(), default));
            times.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
        }

        var first = times[0];
        times.Sort();
        Console.WriteLine($"{what}: {rows:N0} readings, first {first:0} ms, p50 {times[times.Count / 2]:0} ms, max {times[^1]:0} ms");
    }

    private static async Task<int> CountAsync(IAsyncEnumerable<Reading> readings)
    {
        var count = 0;
        await foreach (var _ in readings)
            count++;
        return count;
    }
}
