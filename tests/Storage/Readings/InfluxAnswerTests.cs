using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.Influx;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Storage.Readings;

/// <summary>Answers that a real server gives only when something is wrong, and the requests that v2 gets.</summary>
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
        await answers.SeenAsync(2); // the try of AppendAsync, and the first one from the spool
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
        // The server finds new data only after a flush.
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

    [Fact]
    [Trait("Category", "Server")]
    public async Task Real_servers_answer_the_clients_health_bucket_and_deletion_requests_as_is_told()
    {
        await using var victoria = new VictoriaMetricsServer();
        await using var influx = new InfluxServer();
        await Task.WhenAll(victoria.StartAsync(), influx.StartAsync());
        foreach (var url in (string[])[victoria.Url, influx.Url])
        {
            using var api = new InfluxApi(new InfluxOptions { Url = url }, new HttpClient(), TimeProvider.System, _ => { });
            Assert.Null(await api.PingAsync(Cancellation));
            Assert.Null(await api.CheckBucketAsync(Cancellation)); // neither server has a list of buckets, so nothing is reported
            var refusal = await Assert.ThrowsAsync<ReadingStoreException>(() => api.DeleteBeforeAsync(Noon, Cancellation));
            Assert.Contains($"InfluxDB at {url}, bucket vigil, answered 4", refusal.Message, StringComparison.Ordinal);
        }

        // With v2 configured for a server of 1.x nothing is lost, and the unknown address is reported.
        await using var store = new InfluxReadingStore(
            new InfluxOptions { Url = influx.Url },
            folder,
            new HttpClient(),
            TimeProvider.System,
            NullLogger<InfluxReadingStore>.Instance
        );
        await store.AppendAsync([Water(1)], Cancellation);
        Assert.True(store.Spooled.Bytes > 0);
        Assert.Contains("answers 404", store.Concern, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(HttpStatusCode.Unauthorized, "{\"code\":\"unauthorized\",\"message\":\"unauthorized access\"}", "unauthorized access")]
    [InlineData(HttpStatusCode.NotFound, "{\"code\":\"not found\",\"message\":\"bucket \\\"vigil\\\" not found\"}", "not found")]
    [InlineData(HttpStatusCode.OK, "{\"buckets\":[{\"name\":\"other\"}]}", "no such bucket")]
    [InlineData(HttpStatusCode.BadGateway, "upstream is away", "502 upstream is away")]
    public async Task A_wrong_token_or_a_missing_bucket_is_told_at_the_start_until_it_is_mended(
        HttpStatusCode status,
        string text,
        string reason
    )
    {
        var clock = new WatchedClock(new DateTimeOffset(Noon));
        using var answers = new Answers(_ => new HttpResponseMessage(HttpStatusCode.NoContent));
        answers.Buckets = () => new HttpResponseMessage(status) { Content = new StringContent(text) };
        await using var store = Open(answers, new InfluxOptions { Org = "town", Token = "t0ken" }, clock);
        await clock.WaitsAsync(TimeSpan.FromSeconds(30));
        Assert.Contains(reason, store.Concern, StringComparison.Ordinal);
        Assert.Contains("http://127.0.0.1:8086", store.Concern, StringComparison.Ordinal);
        Assert.Contains("bucket vigil", store.Concern, StringComparison.Ordinal);
        Assert.DoesNotContain("t0ken", store.Concern, StringComparison.Ordinal);
        Assert.Equal("GET /api/v2/buckets?org=town&name=vigil", answers.Others.First());
        answers.Buckets = () =>
            new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("{\"buckets\":[{\"name\":\"vigil\"}]}") };
        clock.Advance(TimeSpan.FromSeconds(31));
        await ReachedAsync(() => store.Concern is null);
    }

    [Fact]
    public async Task A_write_that_is_taken_proves_the_check_of_the_bucket_wrong()
    {
        var clock = new WatchedClock(new DateTimeOffset(Noon));
        using var answers = new Answers(_ => new HttpResponseMessage(HttpStatusCode.NoContent));
        answers.Buckets = () => new HttpResponseMessage(HttpStatusCode.Forbidden); // the token may write but not list buckets
        await using var store = Open(answers, new InfluxOptions(), clock);
        await clock.WaitsAsync(TimeSpan.FromSeconds(30));
        Assert.Contains("403", store.Concern, StringComparison.Ordinal);
        await store.AppendAsync([Water(1)], Cancellation);
        Assert.Null(store.Concern);
    }

    [Theory]
    [InlineData(HttpStatusCode.NotFound, "404 page not found")]
    [InlineData(HttpStatusCode.BadRequest, "unsupported path requested: /api/v2/buckets")]
    [InlineData(HttpStatusCode.OK, "[]")]
    public async Task A_server_without_a_list_of_buckets_is_no_concern(HttpStatusCode status, string text)
    {
        using var answers = new Answers(_ => new HttpResponseMessage(HttpStatusCode.NoContent));
        answers.Buckets = () => new HttpResponseMessage(status) { Content = new StringContent(text) };
        using var api = new InfluxApi(new InfluxOptions(), new HttpClient(answers, disposeHandler: false), TimeProvider.System, _ => { });
        Assert.Null(await api.CheckBucketAsync(Cancellation));
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v2")]
    public async Task A_server_that_is_away_is_named_with_its_bucket_and_the_readings_wait(string protocol)
    {
        await using var store = new InfluxReadingStore(
            new InfluxOptions
            {
                Api = protocol,
                Url = "http://127.0.0.1:1",
                Bucket = "county",
            },
            folder,
            new HttpClient(),
            TimeProvider.System,
            NullLogger<InfluxReadingStore>.Instance
        );
        await store.AppendAsync([Water(1)], Cancellation);
        Assert.True(store.Spooled.Bytes > 0);
        Assert.Contains("InfluxDB at http://127.0.0.1:1, bucket county,", store.Concern, StringComparison.Ordinal);
        Assert.Contains("refused", store.Concern, StringComparison.Ordinal);
        var query = new ReadingQuery([new DeviceId("水表 1")], null, Noon, Noon.AddDays(1));
        foreach (
            var ask in (Func<Task>[])
                [
                    async () => await store.QueryAsync(query, Cancellation).ToListAsync(Cancellation),
                    () => store.DeleteBeforeAsync(Noon, Cancellation),
                    () => store.DeleteAsync([new DeviceId("水表 1")], Cancellation),
                ]
        )
            Assert.Contains(
                "http://127.0.0.1:1, bucket county,",
                (await Assert.ThrowsAsync<ReadingStoreException>(ask)).Message,
                StringComparison.Ordinal
            );
    }

    [Theory]
    [InlineData("v1", HttpStatusCode.OK)]
    [InlineData("v1", HttpStatusCode.BadRequest)]
    [InlineData("v2", HttpStatusCode.OK)]
    [InlineData("v2", HttpStatusCode.BadRequest)]
    [InlineData("v2", HttpStatusCode.BadGateway)]
    public async Task A_web_page_instead_of_InfluxDB_neither_takes_a_reading_nor_condemns_one(string protocol, HttpStatusCode status)
    {
        HttpResponseMessage Page()
        {
            var page = new HttpResponseMessage(status)
            {
                Content = new ByteArrayContent("<html><head><title>Town hall\n login</title></head><body>…</body></html>"u8.ToArray()),
            };
            page.Content.Headers.TryAddWithoutValidation("Content-Type", "text/html; charset=no-such-set");
            return page;
        }

        using var answers = new Answers(_ => Page());
        answers.Buckets = Page;
        await using var store = Open(answers, new InfluxOptions { Api = protocol });
        await store.AppendAsync([Water(1)], Cancellation);
        Assert.Equal(0, store.Refused);
        Assert.True(store.Spooled.Bytes > 0);
        Assert.Contains($"{(int)status} with a web page: Town hall  login", store.Concern, StringComparison.Ordinal);
        var query = new ReadingQuery([new DeviceId("水表 1")], null, Noon, Noon.AddDays(1));
        await Assert.ThrowsAsync<ReadingStoreException>(async () => await store.QueryAsync(query, Cancellation).ToListAsync(Cancellation));
        await Assert.ThrowsAsync<ReadingStoreException>(() => store.DeleteBeforeAsync(Noon, Cancellation));
    }

    [Fact]
    public async Task A_date_to_come_back_at_is_kept_to()
    {
        var clock = new WatchedClock(new DateTimeOffset(Noon));
        using var answers = new Answers(_ => new HttpResponseMessage(HttpStatusCode.ServiceUnavailable)
        {
            Headers = { RetryAfter = new System.Net.Http.Headers.RetryConditionHeaderValue(new DateTimeOffset(Noon.AddMinutes(2))) },
        });
        await using var store = Open(answers, new InfluxOptions(), clock);
        await store.AppendAsync([Water(1)], Cancellation);
        await clock.WaitsAsync(TimeSpan.FromMinutes(2));
        Assert.Contains("503", store.Concern, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deletions_of_v2_end_before_the_moment_and_name_the_device_as_it_is_stored()
    {
        using var answers = new Answers(_ => new HttpResponseMessage(HttpStatusCode.NoContent));
        await using var store = Open(answers, new InfluxOptions { Org = "town hall", Token = "t0ken" });
        await store.DeleteBeforeAsync(Noon, Cancellation);
        await store.DeleteAsync([new DeviceId("meter \"100%\"")], Cancellation);
        Assert.Equal(
            [
                "POST /api/v2/delete?org=town%20hall&bucket=vigil "
                    + """{"start":"1970-01-01T00:00:00Z","stop":"2026-03-01T03:59:59.9999999Z"}""",
                "POST /api/v2/delete?org=town%20hall&bucket=vigil "
                    + """{"start":"1970-01-01T00:00:00Z","stop":"2200-01-01T00:00:00Z","predicate":"device=\"meter \\\"100%25\\\"\""}""",
            ],
            answers.Others.Where(o => o.StartsWith("POST", StringComparison.Ordinal))
        );
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v2")]
    public async Task A_silent_server_holds_up_nobody_who_gives_up_and_no_stop_of_ours(string protocol)
    {
        using var answers = new Answers(_ => new HttpResponseMessage(HttpStatusCode.NoContent)) { Silent = true };
        var options = new InfluxOptions
        {
            Api = protocol,
            PatienceMilliseconds = 200,
            TimeoutSeconds = 600,
        };
        var store = Open(answers, options);
        await using (store)
        {
            await store.AppendAsync([Water(1)], Cancellation).WaitAsync(TimeSpan.FromSeconds(10), Cancellation);
            Assert.Contains("no answer within 0.2 s", store.Concern, StringComparison.Ordinal);
            using var enough = new CancellationTokenSource();
            var deletion = store.DeleteBeforeAsync(Noon, enough.Token);
            await enough.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
                deletion.WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None)
            );
        }

        options.TimeoutSeconds = 1;
        await using var patient = Open(answers, options);
        var told = await Assert.ThrowsAsync<ReadingStoreException>(() => patient.DeleteBeforeAsync(Noon, Cancellation));
        Assert.Contains("within 1 s", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Neither_log_nor_trace_ever_has_the_token()
    {
        using var traced = new StringWriter();
        using var listener = new System.Diagnostics.TextWriterTraceListener(traced);
        System.Diagnostics.Trace.Listeners.Add(listener);
        try
        {
            var logged = new ConcurrentQueue<string>();
            using var answers = new Answers(_ => new HttpResponseMessage(HttpStatusCode.Unauthorized));
            answers.Buckets = () => new HttpResponseMessage(HttpStatusCode.Unauthorized);
            var store = new InfluxReadingStore(
                // The official client would take a log level and a token from the query of this address.
                new InfluxOptions { Url = "http://127.0.0.1:8086?logLevel=Body&token=other", Token = "t0ken-of-the-county" },
                folder,
                new HttpClient(answers, disposeHandler: false),
                TimeProvider.System,
                new Logged(logged)
            );
            await using (store)
            {
                await store.AppendAsync([Water(1)], Cancellation);
                await ReachedAsync(() => logged.Count >= 2); // about the bucket and about the write
            }

            Assert.All(answers.Requests, r => Assert.Equal("Token t0ken-of-the-county", r.Authorization));
            listener.Flush();
            Assert.DoesNotContain("t0ken-of-the-county", string.Join('\n', logged), StringComparison.Ordinal);
            Assert.DoesNotContain("t0ken-of-the-county", traced.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain("water.volume", traced.ToString(), StringComparison.Ordinal);
        }
        finally
        {
            System.Diagnostics.Trace.Listeners.Remove(listener);
        }
    }

    private static async Task ReachedAsync(Func<bool> goal)
    {
        var since = System.Diagnostics.Stopwatch.GetTimestamp();
        while (!goal())
        {
            Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(20));
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Cancellation);
        }
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

    /// <summary>
    /// A fake clock that says when somebody starts to wait: moved earlier, it would pass the moment before the wait began.
    /// </summary>
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

    private sealed class Logged(ConcurrentQueue<string> lines) : ILogger<InfluxReadingStore>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> format) =>
            lines.Enqueue($"{format(state, exception)} {exception}");
    }

    /// <summary>A server that answers with status codes chosen by the test; it has the bucket unless the test says otherwise.</summary>
    private sealed class Answers(Func<Request, HttpResponseMessage> answer) : HttpMessageHandler
    {
        private readonly SemaphoreSlim seen = new(0);

        /// <summary>The requests that write.</summary>
        public ConcurrentQueue<Request> Requests { get; } = new();

        /// <summary>All other requests, with their bodies.</summary>
        public ConcurrentQueue<string> Others { get; } = new();

        public Func<HttpResponseMessage> Buckets { get; set; } =
            () => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("{\"buckets\":[{\"name\":\"vigil\"}]}") };

        public bool Silent { get; init; }

        public async Task SeenAsync(int count)
        {
            while (Requests.Count < count)
                Assert.True(await seen.WaitAsync(TimeSpan.FromSeconds(20), Cancellation), $"{Requests.Count} of {count} requests came");
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (Silent)
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            if (!request.RequestUri!.AbsolutePath.EndsWith("/write", StringComparison.Ordinal))
            {
                var text = request.Content is null ? "" : " " + await request.Content.ReadAsStringAsync(cancellationToken);
                Others.Enqueue($"{request.Method} {request.RequestUri.PathAndQuery}{text}");
                // In 1.x the database always exists here.
                return text.Contains("CREATE", StringComparison.Ordinal) ? new HttpResponseMessage(HttpStatusCode.OK) : Buckets();
            }

            using var body = new GZipStream(await request.Content!.ReadAsStreamAsync(cancellationToken), CompressionMode.Decompress);
            using var reader = new StreamReader(body, Encoding.UTF8);
            var seenRequest = new Request(
                request.RequestUri.AbsoluteUri,
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
