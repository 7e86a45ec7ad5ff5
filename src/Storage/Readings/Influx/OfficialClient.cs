using System.Net.Http.Headers;
using InfluxDB.Client;
using InfluxDB.Client.Api.Client;
using InfluxDB.Client.Api.Domain;
using InfluxDB.Client.Api.Service;
using RestSharp;
using LogLevel = InfluxDB.Client.Core.LogLevel;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// InfluxData's client for the v2 API, over our HttpClient, which has the address, TLS, the credentials and any handlers; the client itself
/// knows no token and no password, and logs nothing. Each call's time limit comes as a token. Its services are called without the
/// exceptions they would throw: those parse <c>Retry-After</c> as a number of seconds and fail on the date that HTTP allows as well.
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
    /// Sends lines that are compressed already. Of the client's calls only this one takes bytes: WriteRecordsAsync takes strings, and
    /// joins, encodes and compresses them again (docs/adr/0007-influxdb-client.md).
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

    public Task<ServerAnswer> DeleteAsync(DateTime start, DateTime stop, string? predicate, CancellationToken cancellation) =>
        AskAsync(
            () =>
                deletions.PostDeleteAsyncWithIRestResponse(
                    new DeletePredicateRequest(start, stop, predicate),
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

    /// <summary>A request that got no answer throws what HttpClient would have thrown, so that callers need not know this client.</summary>
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
            ServerAnswer.IsPageType(answer.ContentType),
            RetryConditionHeaderValue.TryParse(after?.ToString(), out var retry) ? retry : null
        );
    }
}
