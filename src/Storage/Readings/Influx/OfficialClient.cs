using System.Net;
using System.Net.Http.Headers;
using InfluxDB.Client;
using InfluxDB.Client.Api.Client;
using InfluxDB.Client.Api.Domain;
using InfluxDB.Client.Api.Service;
using RestSharp;
using LogLevel = InfluxDB.Client.Core.LogLevel;

namespace Vigil.Storage.Readings.Influx;

/// <summary>What a server answered. A request that got no answer at all is an exception instead.</summary>
/// <param name="IsPage">A web page: a proxy, a login or another service stands where InfluxDB should, whatever its status says.</param>
internal readonly record struct ServerAnswer(HttpStatusCode Status, string Text, bool IsPage, RetryConditionHeaderValue? RetryAfter)
{
    public bool IsSuccess => (int)Status is >= 200 and < 300 && !IsPage;

    public static bool Page(string? mediaType) => mediaType is "text/html" or "application/xhtml+xml";
}

/// <summary>
/// InfluxData's client for the v2 API, over our HttpClient: address, TLS, credentials and what stands before them are its, each call's time
/// limit comes as a token. The client is told neither token nor password and logs nothing. Its services are called without the exceptions
/// they would throw: those parse <c>Retry-After</c> as a number of seconds and break on the date that HTTP allows as well.
/// </summary>
internal sealed class OfficialClient : IDisposable
{
    private readonly InfluxOptions options;
    private readonly InfluxDBClient client;
    private readonly WriteService writes;
    private readonly PingService pings;
    private readonly DeleteService deletions;
    private readonly BucketsService buckets;

    public OfficialClient(InfluxOptions options, Uri address, HttpClient http)
    {
        this.options = options;
        client = new InfluxDBClient(
            new InfluxDBClientOptions(address.GetLeftPart(UriPartial.Path))
            {
                HttpClient = http,
                Timeout = Timeout.InfiniteTimeSpan,
                LogLevel = LogLevel.None,
            }
        );
        writes = Service<WriteService>();
        pings = Service<PingService>();
        deletions = Service<DeleteService>();
        buckets = Service<BucketsService>();
    }

    /// <summary>
    /// Lines as they are, compressed already. Of the client's calls this is the one that takes bytes: WriteRecordsAsync takes strings, joins,
    /// encodes and compresses them anew (docs/adr/0007-influxdb-client.md).
    /// </summary>
    public Task<ServerAnswer> WriteAsync(ReadOnlyMemory<byte> gzipped, CancellationToken cancellation) =>
        AskAsync(
            () =>
                writes.PostWriteAsyncWithIRestResponse(
                    options.Org,
                    options.Bucket,
                    gzipped.ToArray(),
                    contentEncoding: "gzip",
                    contentType: "text/plain; charset=utf-8",
                    precision: WritePrecision.Ns,
                    cancellationToken: cancellation
                ),
            cancellation
        );

    public Task<ServerAnswer> PingAsync(CancellationToken cancellation) =>
        AskAsync(() => pings.GetPingAsyncWithIRestResponse(cancellation), cancellation);

    public Task<ServerAnswer> DeleteAsync(DateTime stop, string? predicate, CancellationToken cancellation) =>
        AskAsync(
            () =>
                deletions.PostDeleteAsyncWithIRestResponse(
                    new DeletePredicateRequest(DateTime.UnixEpoch, stop, predicate),
                    org: options.Org,
                    bucket: options.Bucket,
                    cancellationToken: cancellation
                ),
            cancellation
        );

    public Task<ServerAnswer> BucketsAsync(CancellationToken cancellation) =>
        AskAsync(
            () =>
                buckets.GetBucketsAsyncWithIRestResponse(
                    org: options.Org.Length > 0 ? options.Org : null,
                    name: options.Bucket,
                    cancellationToken: cancellation
                ),
            cancellation
        );

    public void Dispose() => client.Dispose();

    private T Service<T>()
        where T : IApiAccessor
    {
        var service = client.CreateService<T>(typeof(T));
        service.ExceptionFactory = null;
        return service;
    }

    /// <summary>What went wrong on the way becomes what HttpClient itself would have thrown: callers know no other.</summary>
    private static async Task<ServerAnswer> AskAsync(Func<Task<RestResponse>> ask, CancellationToken cancellation)
    {
        RestResponse answer;
        try
        {
            answer = await ask();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new HttpRequestException(e.Message, e);
        }

        if (answer.StatusCode == 0)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new HttpRequestException(answer.ErrorException?.Message ?? "no answer", answer.ErrorException);
        }

        var after = answer.Headers?.FirstOrDefault(h => "Retry-After".Equals(h.Name, StringComparison.OrdinalIgnoreCase))?.Value;
        return new ServerAnswer(
            answer.StatusCode,
            answer.Content ?? "",
            ServerAnswer.Page(answer.ContentType),
            RetryConditionHeaderValue.TryParse(after?.ToString(), out var retry) ? retry : null
        );
    }
}
