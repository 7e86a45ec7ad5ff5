using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.Influx;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Storage.Readings;

/// <summary>Answers a real server gives only in trouble, and what is sent to v2.</summary>
public sealed class InfluxAnswerTests : IDisposable
{
    private static readonly DateTime Noon = new(2026, 3, 1, 4, 0, 0, DateTimeKind.Utc);
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-spool-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_v2_write_names_its_organisation_bucket_and_token_and_is_gzipped()
    {
        using var answers = new Answers(_ => new HttpResponseMessage(HttpStatusCode.NoContent));
        await using var store = Open(
            answers,
            new InfluxOptions
            {
                Org = "town hall",
                Bucket = "vigil",
                Token = "t0ken",
            }
        );
        await store.AppendAsync([Water(1), Water(2)], Cancellation);
        var sent = Assert.Single(answers.Requests);
        Assert.Equal("http://127.0.0.1:8086/api/v2/write?org=town%20hall&bucket=vigil&precision=ns", sent.Address);
        Assert.Equal("Token t0ken", sent.Authorization);
        Assert.Equal(2, LineProtocolReader.Read(sent.Body).Count);
    }

    [Theory]
    [InlineData(HttpStatusCode.TooManyRequests)]
    [InlineData(HttpStatusCode.ServiceUnavailable)]
    [InlineData(HttpStatusCode.InternalServerError)]
    [InlineData(HttpStatusCode.Unauthorized)]
    [InlineData(HttpStatusCode.NotFound)]
    public async Task An_unwilling_server_is_asked_again_when_it_said_so_and_not_before(HttpStatusCode status)
    {
        var clock = new WatchedClock(new DateTimeOffset(Noon));
        var willing = false;
        using var answers = new Answers(_ =>
            willing
                ? new HttpResponseMessage(HttpStatusCode.NoContent)
                : new HttpResponseMessage(status)
                {
                    Headers = { RetryAfter = new System.Net.Http.Headers.RetryConditionHeaderValue(TimeSpan.FromSeconds(60)) },
                }
        );
        await using var store = Open(answers, new InfluxOptions(), clock);
        await store.AppendAsync([Water(1)], Cancellation);
        await answers.SeenAsync(2); // the append's own try, and the first of the drain
        await clock.WaitsAsync(TimeSpan.FromSeconds(60));
        Assert.Contains(((int)status).ToString(CultureInfo.InvariantCulture), store.Concern, StringComparison.Ordinal);
        willing = true;
        clock.Advance(TimeSpan.FromSeconds(59));
        await Task.Yield();
        Assert.Equal(2, answers.Requests.Count);
        clock.Advance(TimeSpan.FromSeconds(2));
        await answers.SeenAsync(3);
        Assert.Equal(answers.Requests.First().Body, answers.Requests.Last().Body);
    }

    [Fact]
    public async Task One_bad_line_among_thousands_is_found_kept_and_the_others_arrive()
    {
        var arrived = new ConcurrentDictionary<long, bool>();
        using var answers = new Answers(request =>
        {
            var lines = LineProtocolReader.Read(request.Body);
            if (lines.Any(l => l.Tags["device"] == "bad"))
                return new HttpResponseMessage(HttpStatusCode.BadRequest)
                {
                    Content = new StringContent("{\"code\":\"invalid\",\"message\":\"line is bad\"}"),
                };
            foreach (var line in lines)
                arrived[line.Time] = true;
            return new HttpResponseMessage(HttpStatusCode.NoContent);
        });
        await using var store = Open(answers, new InfluxOptions());
        await store.AppendAsync(
            [.. Enumerable.Range(0, 4000).Select(i => i == 1234 ? Water(i) with { Device = new DeviceId("bad") } : Water(i))],
            Cancellation
        );
        Assert.Equal(3999, arrived.Count);
        Assert.Equal(1, store.Refused);
        Assert.Contains(
            "line is bad",
            await File.ReadAllTextAsync(Path.Combine(folder, "refused.jsonl"), Cancellation),
            StringComparison.Ordinal
        );
        Assert.True(answers.Requests.Count < 60, $"{answers.Requests.Count} requests to find one line");
    }

    [Fact]
    public async Task Appends_that_come_together_share_a_request()
    {
        using var answers = new Answers(_ => new HttpResponseMessage(HttpStatusCode.NoContent));
        await using var store = Open(answers, new InfluxOptions { BatchMilliseconds = 50, BatchSize = 1000 });
        await Task.WhenAll(Enumerable.Range(0, 400).Select(i => store.AppendAsync([Water(i)], Cancellation)));
        Assert.True(answers.Requests.Count < 40, $"{answers.Requests.Count} requests for 400 readings");
        Assert.Equal(400, answers.Requests.Sum(r => LineProtocolReader.Read(r.Body).Count));
    }

    [Fact]
    [Trait("Category", "Server")]
    public async Task Victoria_metrics_takes_v2_writes_and_gives_the_values_back()
    {
        await using var server = new VictoriaMetricsServer();
        await server.StartAsync();
        var store = new InfluxReadingStore(
            new InfluxOptions
            {
                Url = server.Url,
                Api = "v2",
                PatienceMilliseconds = 10_000,
            },
            folder,
            new HttpClient(),
            TimeProvider.System,
            NullLogger<InfluxReadingStore>.Instance
        );
        await using (store)
        {
            await store.AppendAsync([.. Enumerable.Range(0, 1000).Select(Water)], Cancellation);
            Assert.Null(await store.ProbeAsync(Cancellation));
            Assert.Null(store.Concern);
            Assert.Equal(0, store.Refused);
        }

        using var http = new HttpClient();
        // What was just written is searched only after a flush.
        await http.GetStringAsync(new Uri(server.Url + "/internal/force_flush"), Cancellation);
        var export = await http.GetStringAsync(
            new Uri(
                $"{server.Url}/api/v1/export?match[]={Uri.EscapeDataString("{__name__=\"water.volume_value\",device=\"水表 1\"}")}&start=0"
            ),
            Cancellation
        );
        using var series = System.Text.Json.JsonDocument.Parse(export.Split('\n')[0]);
        Assert.Equal(
            Enumerable.Range(0, 1000).Select(i => i / 1000.0),
            series.RootElement.GetProperty("values").EnumerateArray().Select(v => v.GetDouble())
        );
        Assert.Equal(new DateTimeOffset(Noon).ToUnixTimeMilliseconds(), series.RootElement.GetProperty("timestamps")[0].GetInt64());
    }

    private InfluxReadingStore Open(Answers answers, InfluxOptions options, TimeProvider? clock = null)
    {
        if (clock is FakeTimeProvider)
            options.BatchMilliseconds = 0;
        return new InfluxReadingStore(
            options,
            folder,
            new HttpClient(answers, disposeHandler: false),
            clock ?? TimeProvider.System,
            NullLogger<InfluxReadingStore>.Instance
        );
    }

    private static Reading Water(int i) =>
        new()
        {
            Device = new DeviceId("水表 1"),
            Metric = Metric.WaterVolume,
            Time = Noon.AddSeconds(i),
            Received = Noon.AddSeconds(i + 1),
            Value = i / 1000.0,
        };

    /// <summary>Says when somebody begins to wait: a clock that is moved before that moves past him.</summary>
    private sealed class WatchedClock(DateTimeOffset start) : FakeTimeProvider(start)
    {
        private readonly ConcurrentDictionary<TimeSpan, TaskCompletionSource> waits = new();

        public Task WaitsAsync(TimeSpan time) => Of(time).Task.WaitAsync(TimeSpan.FromSeconds(20), Cancellation);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Of(dueTime).TrySetResult();
            return timer;
        }

        private TaskCompletionSource Of(TimeSpan time) =>
            waits.GetOrAdd(time, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
    }

    private sealed record Request(string Address, string? Authorization, string Body);

    /// <summary>A server of status codes.</summary>
    private sealed class Answers(Func<Request, HttpResponseMessage> answer) : HttpMessageHandler
    {
        private readonly SemaphoreSlim seen = new(0);

        public ConcurrentQueue<Request> Requests { get; } = new();

        public async Task SeenAsync(int count)
        {
            while (Requests.Count < count)
                Assert.True(await seen.WaitAsync(TimeSpan.FromSeconds(20), Cancellation), $"{Requests.Count} of {count} requests came");
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var body = new GZipStream(await request.Content!.ReadAsStreamAsync(cancellationToken), CompressionMode.Decompress);
            using var reader = new StreamReader(body, Encoding.UTF8);
            var seenRequest = new Request(
                request.RequestUri!.AbsoluteUri,
                request.Headers.Authorization?.ToString(),
                await reader.ReadToEndAsync(cancellationToken)
            );
            var response = answer(seenRequest);
            Requests.Enqueue(seenRequest);
            seen.Release();
            return response;
        }
    }
}
