using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;

namespace Vigil.Tests.Storage.Readings;

/// <summary>DuckDB killed with kill -9 at random moments, and on a full disk.</summary>
[Trait("Category", "Server")]
public sealed class DuckDbCrashTests : IDisposable
{
    private const string Child = "VIGIL_TEST_APPENDS_TO";
    private const int Batch = 200;
    private static readonly DateTime Noon = new(2026, 3, 1, 4, 0, 0, DateTimeKind.Utc);
    private static readonly DeviceId Meter = new("meter");
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-crash-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Killed_at_a_random_moment_it_has_every_acknowledged_reading_once()
    {
        var database = Path.Combine(folder, "readings.duckdb");
        var random = new Random(20260301);
        var acknowledged = 0;
        for (var round = 0; round < 10; round++)
        {
            acknowledged = await AppendUntilKilledAsync(database, acknowledged, random.Next(5, 60));
            await using var store = new DuckDbReadingStore(database, new DuckDbOptions());
            var values = await ValuesAsync(store);
            Assert.True(values.Count >= acknowledged, $"round {round}: {acknowledged} acknowledged, {values.Count} stored");
            // Whole batches in order, none of them twice. The one that was being written may be stored or not.
            Assert.Equal(0, values.Count % Batch);
            Assert.Equal(Enumerable.Range(0, values.Count).Select(i => (double)i), values);
            Assert.True(values.Count <= acknowledged + Batch, "more than one batch beyond what was acknowledged");
            // After a crash the last batch is delivered again.
            await store.AppendAsync([.. Enumerable.Range(acknowledged, Batch).Select(Water)], Cancellation);
            acknowledged += Batch;
            Assert.Equal(acknowledged, (await ValuesAsync(store)).Count);
        }
    }

    [Fact]
    public async Task A_full_disk_acknowledges_nothing_and_heals_without_a_restart()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            Assert.Fail("this test mounts a file system of 6 MB, which needs Linux and root");
        var small = Directory.CreateDirectory(Path.Combine(folder, "small")).FullName;
        Run("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", small);
        try
        {
            await using var store = new DuckDbReadingStore(
                Path.Combine(small, "readings.duckdb"),
                new DuckDbOptions { LowDiskBytes = 1 << 20, CheckpointSize = "1MB" }
            );
            var random = new Random(1);
            var acknowledged = new List<double>();
            await AppendUntilFullAsync(store, acknowledged, random);
            Assert.NotNull(store.Concern);
            Assert.NotNull(await store.ProbeAsync(Cancellation));
            await Assert.ThrowsAsync<ReadingStoreException>(() => store.AppendAsync(Noise(random, acknowledged.Count), Cancellation));

            Run("mount", "-o", "remount,size=64m", small);
            Assert.Null(await store.ProbeAsync(Cancellation));
            var more = Noise(random, acknowledged.Count);
            await store.AppendAsync(more, Cancellation);
            acknowledged.AddRange(more.Select(r => r.Value));
            Assert.Null(store.Concern);
            Assert.Equal(acknowledged, await ValuesAsync(store));
        }
        finally
        {
            Run("umount", "-l", small);
        }
    }

    [Fact]
    public async Task A_reader_that_holds_on_does_not_stop_the_writer()
    {
        await using var store = new DuckDbReadingStore(
            Path.Combine(folder, "held.duckdb"),
            new DuckDbOptions { CheckpointSize = "100KB", LowDiskBytes = 0 }
        );
        await store.AppendAsync([.. Enumerable.Range(0, 10_000).Select(Water)], Cancellation);
        await using var reader = store
            .QueryAsync(new ReadingQuery([Meter], null, Noon, Noon.AddDays(30)), Cancellation)
            .GetAsyncEnumerator(Cancellation);
        Assert.True(await reader.MoveNextAsync());
        for (var i = 1; i < 20; i++)
            await store.AppendAsync([.. Enumerable.Range(i * 10_000, 10_000).Select(Water)], Cancellation);
        var rest = 1;
        while (await reader.MoveNextAsync())
            rest++;
        Assert.Equal(10_000, rest); // it reads what was stored when it began, and nothing newer
        Assert.Equal(200_000, (await ValuesAsync(store)).Count);
    }

    /// <summary>
    /// This assembly starts itself as the process to be killed: with the variable set, it appends batches and prints what was acknowledged.
    /// </summary>
    [ModuleInitializer]
    internal static void AppendIfAsked()
    {
        if (Environment.GetEnvironmentVariable(Child) is not { } database)
            return;
        var first = int.Parse(Environment.GetEnvironmentVariable(Child + "_FROM")!, CultureInfo.InvariantCulture);
        var store = new DuckDbReadingStore(database, new DuckDbOptions { CheckpointSize = "100KB", LowDiskBytes = 0 });
        var batch = new Reading[Batch];
        while (true)
        {
            for (var i = 0; i < Batch; i++)
                batch[i] = Water(first + i);
            store.AppendAsync(batch, CancellationToken.None).GetAwaiter().GetResult();
            first += Batch;
            Console.WriteLine(first);
        }
    }

    private static async Task<int> AppendUntilKilledAsync(string database, int from, int batches)
    {
        using var child = Process.Start(
            new ProcessStartInfo(Environment.ProcessPath!)
            {
                RedirectStandardOutput = true,
                Environment = { [Child] = database, [Child + "_FROM"] = from.ToString(CultureInfo.InvariantCulture) },
            }
        )!;
        var acknowledged = from;
        for (var i = 0; i < batches; i++)
            acknowledged = int.Parse(
                await child.StandardOutput.ReadLineAsync(Cancellation) ?? throw new InvalidOperationException("the child ended by itself"),
                CultureInfo.InvariantCulture
            );
        child.Kill();
        // What it printed before it died was acknowledged too.
        while (await child.StandardOutput.ReadLineAsync(Cancellation) is { } line)
            if (int.TryParse(line, CultureInfo.InvariantCulture, out var more))
                acknowledged = Math.Max(acknowledged, more);
        await child.WaitForExitAsync(Cancellation);
        return acknowledged;
    }

    private static async Task AppendUntilFullAsync(DuckDbReadingStore store, List<double> acknowledged, Random random)
    {
        while (true)
        {
            var batch = Noise(random, acknowledged.Count);
            try
            {
                await store.AppendAsync(batch, Cancellation);
            }
            catch (ReadingStoreException)
            {
                return;
            }

            acknowledged.AddRange(batch.Select(r => r.Value));
            Assert.True(acknowledged.Count < 5_000_000, "6 MB never got full");
        }
    }

    /// <summary>Readings whose values can't be compressed.</summary>
    private static Reading[] Noise(Random random, int first) =>
        [.. Enumerable.Range(first, 5000).Select(i => Water(i) with { Value = random.NextDouble() })];

    private static Reading Water(int i) =>
        new()
        {
            Device = Meter,
            Metric = Metric.WaterVolume,
            Time = Noon.AddSeconds(i),
            Received = Noon.AddSeconds(i),
            Value = i,
        };

    private static async Task<List<double>> ValuesAsync(DuckDbReadingStore store) =>
        await store
            .QueryAsync(new ReadingQuery([Meter], Metric.WaterVolume, Noon, Noon.AddDays(300)), Cancellation)
            .Select(r => r.Value)
            .ToListAsync(Cancellation);

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var complaint = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {complaint}");
    }
}
