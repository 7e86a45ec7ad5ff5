using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.Influx;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Storage.Readings;

/// <summary>
/// InfluxDB is down, frozen, refuses everything or refuses single lines: nothing acknowledged is lost, each refused line is reported, and
/// nobody waits.
/// </summary>
[Trait("Category", "Server")]
public sealed class InfluxFaultTests : IAsyncDisposable
{
    private static readonly DateTime Noon = new(2026, 3, 1, 4, 0, 0, DateTimeKind.Utc);
    private static readonly DeviceId Meter = new("meter");
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-spool-").FullName;
    private readonly InfluxServer server = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Readings_wait_on_disk_while_the_server_is_down_and_follow_in_order_over_a_restart_of_ours()
    {
        await using (var store = Open())
        {
            for (var i = 0; i < 50; i++)
                await store.AppendAsync([Water(i)], Cancellation);
            Assert.True(store.Spooled.Bytes > 0);
            Assert.NotNull(store.Spooled.Oldest);
            Assert.Contains("wait on disk", store.Concern, StringComparison.Ordinal);
            Assert.Null(await store.ProbeAsync(Cancellation)); // the store works, because the spool takes the readings
        }

        await server.StartAsync();
        await using var again = Open();
        await again.AppendAsync([Water(50)], Cancellation);
        await DrainedAsync(again);
        Assert.Equal(Enumerable.Range(0, 51).Select(i => (double)i), await ValuesAsync(again));
        Assert.Null(again.Concern);
    }

    [Fact]
    public async Task Killed_and_started_again_under_load_it_has_every_acknowledged_reading_once()
    {
        await server.StartAsync();
        await using var store = Open();
        var acknowledged = 0;
        using var enough = new CancellationTokenSource();
        var load = Task.Run(
            async () =>
            {
                for (; !enough.IsCancellationRequested; acknowledged++)
                    await store.AppendAsync([Water(acknowledged)], Cancellation);
            },
            Cancellation
        );
        for (var round = 0; round < 3; round++)
        {
            await ReachedAsync(() => acknowledged, acknowledged + 30);
            await server.KillAsync();
            await ReachedAsync(() => acknowledged, acknowledged + 30);
            await server.StartAsync();
        }

        await enough.CancelAsync();
        await load;
        await DrainedAsync(store);
        Assert.Equal(Enumerable.Range(0, acknowledged).Select(i => (double)i), await ValuesAsync(store));
    }

    [Fact]
    public async Task A_frozen_server_keeps_nobody_waiting_longer_than_its_patience()
    {
        await server.StartAsync();
        await using var store = Open();
        await store.AppendAsync([Water(0)], Cancellation);
        server.Freeze();
        var since = Stopwatch.GetTimestamp();
        await store.AppendAsync([Water(1)], Cancellation);
        Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(5));
        since = Stopwatch.GetTimestamp();
        for (var i = 2; i < 20; i++)
            await store.AppendAsync([Water(i)], Cancellation);
        Assert.True(
            Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(5),
            "each append waited for a server that is known to be silent"
        );
        server.Thaw();
        await DrainedAsync(store);
        Assert.Equal(20, (await ValuesAsync(store)).Count);
    }

    [Fact]
    public async Task Lines_the_server_refuses_are_kept_with_its_reason_and_the_others_are_stored()
    {
        await server.StartAsync();
        await using var store = Open();
        // A text was written into a measurement of numbers: 1.6.7 then refuses each number of it within the same shard group.
        await PostAsync("/query?q=CREATE%20DATABASE%20vigil", "");
        await PostAsync("/write?db=vigil", $"heart.rate value=\"seventy\" {LineProtocol.Nanoseconds(Noon)}");
        var told = new List<RefusedLine>();
        store.LineRefused += told.Add;
        var bad = Enumerable.Range(0, 3).Select(i => Water(i) with { Metric = Metric.HeartRate });
        await store.AppendAsync(
            [.. Enumerable.Range(0, 100).Select(Water), .. bad, .. Enumerable.Range(100, 100).Select(Water)],
            Cancellation
        );
        await DrainedAsync(store);
        Assert.Equal(200, (await ValuesAsync(store)).Count);
        Assert.Equal(3, told.Count);
        Assert.Equal(3, store.Refused);
        var kept = (await File.ReadAllLinesAsync(Path.Combine(folder, "refused.jsonl"), Cancellation))
            .Select(l => JsonSerializer.Deserialize<RefusedLine>(l)!)
            .ToList();
        Assert.Equal(told, kept);
        Assert.All(kept, k => Assert.StartsWith("heart.rate,device=meter", k.Line, StringComparison.Ordinal));
        Assert.All(kept, k => Assert.Contains("field type conflict", k.Reason, StringComparison.Ordinal));
        Assert.Equal(0, store.Spooled.Bytes);
    }

    [Fact]
    public async Task At_the_spools_cap_an_append_fails_and_says_why_and_goes_on_when_the_server_is_back()
    {
        await using var store = Open(cap: 64 << 10);
        var stored = 0;
        ReadingStoreException? full = null;
        while (full is null)
        {
            try
            {
                await store.AppendAsync([.. Enumerable.Range(stored, 50).Select(Water)], Cancellation);
                stored += 50;
            }
            catch (ReadingStoreException e)
            {
                full = e;
            }
        }

        Assert.Contains("Influx:SpoolBytes", full.Message, StringComparison.Ordinal);
        Assert.True(store.Spooled.NearlyFull);
        Assert.Contains("% full", store.Concern, StringComparison.Ordinal);
        await server.StartAsync();
        await DrainedAsync(store);
        await store.AppendAsync([Water(stored)], Cancellation);
        Assert.Equal(stored + 1, (await ValuesAsync(store)).Count);
    }

    [Fact]
    public async Task A_reader_of_a_dead_server_is_told_so()
    {
        await using var store = Open();
        var refusal = await Assert.ThrowsAsync<ReadingStoreException>(() => ValuesAsync(store));
        Assert.Contains("InfluxDB", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_and_passwords_are_sent_to_1_x()
    {
        await server.StartAsync();
        await using var store = new InfluxReadingStore(
            new InfluxOptions
            {
                Url = server.Url,
                Api = "v1",
                Username = "vigil",
                Password = "geheim:1",
            },
            folder,
            new HttpClient(),
            TimeProvider.System,
            NullLogger<InfluxReadingStore>.Instance
        );
        await store.AppendAsync([Water(0)], Cancellation);
        Assert.Equal([0], await ValuesAsync(store));
    }

    private InfluxReadingStore Open(long cap = 1 << 24) =>
        new(
            new InfluxOptions
            {
                Url = server.Url,
                Api = "v1",
                PatienceMilliseconds = 300,
                SpoolBytes = cap,
                TimeoutSeconds = 5,
            },
            folder,
            new HttpClient(),
            TimeProvider.System,
            NullLogger<InfluxReadingStore>.Instance
        );

    private async Task PostAsync(string path, string body)
    {
        using var http = new HttpClient();
        using var content = new StringContent(body);
        using var answer = await http.PostAsync(new Uri(server.Url + path), content, Cancellation);
        answer.EnsureSuccessStatusCode();
    }

    private static async Task<List<double>> ValuesAsync(InfluxReadingStore store) =>
        await store
            .QueryAsync(new ReadingQuery([Meter], Metric.WaterVolume, Noon, Noon.AddDays(30)), Cancellation)
            .Select(r => r.Value)
            .ToListAsync(Cancellation);

    private static Task DrainedAsync(InfluxReadingStore store) => ReachedAsync(() => store.Spooled.Bytes == 0 ? 1 : 0, 1);

    private static async Task ReachedAsync(Func<int> count, int goal)
    {
        var since = Stopwatch.GetTimestamp();
        while (count() < goal)
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(90), $"{count()} of {goal} after 90 s");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancellation);
        }
    }

    private static Reading Water(int i) =>
        new()
        {
            Device = Meter,
            Metric = Metric.WaterVolume,
            Time = Noon.AddSeconds(i),
            Received = Noon.AddSeconds(i + 1),
            Value = i,
        };
}
