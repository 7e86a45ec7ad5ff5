using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;

namespace Vigil.Tests.Storage.Readings;

/// <summary>
/// A readings file that can't be used is set aside and the service goes on; a copy made while readings are written is consistent.
/// </summary>
public sealed class DamagedReadingsTests : IDisposable
{
    private static readonly DateTime Noon = new(2026, 3, 1, 4, 0, 0, DateTimeKind.Utc);
    private static readonly DeviceId Meter = new("meter");
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-damaged-").FullName;
    private readonly Troubles troubles = new(TimeProvider.System);

    private string Database => Path.Combine(folder, "readings.duckdb");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("not a database")]
    [InlineData("emptied")]
    [InlineData("header flipped")]
    [InlineData("root flipped")]
    [InlineData("truncated")]
    public async Task A_damaged_file_is_kept_aside_and_readings_are_taken_into_an_empty_one(string damage)
    {
        await FillAsync(0, 1000);
        var length = new FileInfo(Database).Length;
        if (damage == "not a database")
            await File.WriteAllTextAsync(Database, new string('x', 100_000), Cancellation);
        if (damage == "emptied")
            await File.WriteAllBytesAsync(Database, [], Cancellation);
        if (damage == "header flipped")
            Flip(Database, 12);
        if (damage == "root flipped")
            for (var at = 12_288L; at < length; at += 4096)
                Flip(Database, at + 100);
        if (damage == "truncated")
            using (var file = new FileStream(Database, FileMode.Open))
                file.SetLength(length / 2);
        await using var store = Open();
        await store.AppendAsync([Water(5000)], Cancellation);
        Assert.Equal([5000.0], await ValuesAsync(store));
        Assert.Null(store.Concern);
        Assert.Contains(
            Directory.EnumerateFiles(folder),
            f => Path.GetFileName(f).StartsWith("readings.duckdb.damaged-", StringComparison.Ordinal)
        );
        var trouble = Assert.Single(troubles.Now);
        Assert.Equal("readings-damaged", trouble.Case);
        Assert.Contains("set aside", trouble.What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_log_alone_is_set_aside_and_what_was_folded_into_the_file_stays()
    {
        await FillAsync(0, 1000);
        await using (var store = Open())
        {
            await store.AppendAsync([.. Enumerable.Range(1000, 500).Select(Water)], Cancellation);
            File.Copy(Database + ".wal", Path.Combine(folder, "log"));
            File.Copy(Database, Path.Combine(folder, "main")); // both files as a kill -9 would leave them
        }

        File.Move(Path.Combine(folder, "main"), Database, overwrite: true);
        File.Move(Path.Combine(folder, "log"), Database + ".wal", overwrite: true);
        Flip(Database + ".wal", new FileInfo(Database + ".wal").Length / 2);
        await using var again = Open();
        await again.AppendAsync([Water(5000)], Cancellation);
        Assert.Equal([.. Enumerable.Range(0, 1000).Select(i => (double)i), 5000.0], await ValuesAsync(again));
        Assert.Contains("the readings of the last minutes", Assert.Single(troubles.Now).What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_without_its_file_is_not_poured_into_an_empty_one()
    {
        await File.WriteAllTextAsync(Database + ".wal", "of another file", Cancellation);
        await using var store = Open();
        await store.AppendAsync([Water(1)], Cancellation);
        Assert.Contains(Directory.EnumerateFiles(folder), f => f.Contains(".wal.damaged-", StringComparison.Ordinal));
        Assert.Single(troubles.Now);
    }

    [Fact]
    public async Task A_copy_is_whole_while_readings_are_appended_and_it_holds_up_nobody()
    {
        await FillAsync(0, 50_000);
        await using var store = Open();
        var next = 50_000;
        using var stop = new CancellationTokenSource();
        var appending = Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested)
                    await store.AppendAsync([Water(next++)], Cancellation);
            },
            Cancellation
        );
        var copy = Path.Combine(folder, "copy.duckdb");
        var before = next;
        var (rows, newest) = await store.CopyAsync(copy, Cancellation);
        await stop.CancelAsync();
        await appending;
        Assert.InRange(rows, before, next);
        Assert.NotNull(newest);
        var (wrong, read, _) = DuckDbCopy.Check(copy);
        Assert.Null(wrong);
        Assert.Equal(rows, read);
        await using var copied = new DuckDbReadingStore(copy, new DuckDbOptions { LowDiskBytes = 0 });
        Assert.Equal(Enumerable.Range(0, (int)rows).Select(i => (double)i), await ValuesAsync(copied));
        Assert.Equal(next, (await ValuesAsync(store)).Count);
    }

    private async Task FillAsync(int from, int count)
    {
        await using var store = Open();
        await store.AppendAsync([.. Enumerable.Range(from, count).Select(Water)], Cancellation);
    }

    private DuckDbReadingStore Open() => new(Database, new DuckDbOptions { LowDiskBytes = 0 }, troubles);

    private static void Flip(string path, long at)
    {
        using var file = new FileStream(path, FileMode.Open);
        if (at >= file.Length)
            return;
        file.Seek(at, SeekOrigin.Begin);
        var was = file.ReadByte();
        file.Seek(at, SeekOrigin.Begin);
        file.WriteByte((byte)(was ^ 0x10));
    }

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
}
