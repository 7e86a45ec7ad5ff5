using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// The server's HTTP API as the store uses it. Writing, deleting and health: v2 (2.x, 3.x, 1.8) through InfluxData's
/// <see cref="OfficialClient"/>, v1 (1.x) by requests of our own, because that client doesn't speak it. Queries are our own requests in
/// both: all of these servers answer InfluxQL, and the client only speaks Flux.
/// </summary>
internal sealed class InfluxApi : IDisposable
{
    private readonly InfluxConnection connection;
    private readonly LineWrites writes;
    private readonly InfluxQueries queries;
    private readonly InfluxOptions options;
    private readonly Action<IReadOnlyList<RefusedLine>> refuse;

    /// <summary>The database of a 1.x server has been created, or can't be by this user.</summary>
    private bool created;

    /// <param name="refuse">Keeps lines the server will never accept; when it throws, the write counts as not done.</param>
    public InfluxApi(InfluxOptions options, HttpClient http, TimeProvider clock, Action<IReadOnlyList<RefusedLine>> refuse)
    {
        this.options = options;
        this.refuse = refuse;
        connection = new InfluxConnection(options, http, clock);
        writes = new LineWrites(connection);
        queries = new InfluxQueries(connection);
    }

    /// <summary>Which server and bucket it is, as messages begin.</summary>
    public string Name => connection.Name;

    /// <summary>Writes whole lines. Bad ones are kept with the server's reason, the others are stored.</summary>
    /// <param name="lines">Whole lines.</param>
    /// <param name="patience">How long the server has to answer.</param>
    /// <param name="cancellation">Gives up; the write may have been done.</param>
    public async Task<WriteOutcome> WriteAsync(ReadOnlyMemory<byte> lines, TimeSpan patience, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(patience, connection.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            if (!created && options.IsV1 && await CreateDatabaseAsync(either.Token) is { Trouble: not null } failed)
                return failed;
            var bad = new List<RefusedLine>();
            var outcome = await writes.WriteAsync(lines, bad, either.Token);
            if (outcome.IsDatabaseMissing)
                created = false; // somebody has dropped it
            // Before this returns and the caller forgets the lines: each is either stored, kept as refused or sent again.
            if (bad.Count > 0)
                refuse(bad);
            return outcome;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new WriteOutcome($"{connection.Name} gives no answer within {patience.TotalSeconds:0.###} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException)
        {
            return new WriteOutcome(e is HttpRequestException ? $"{connection.Name} can't be reached: {e.Message}" : e.Message);
        }
    }

    /// <summary>Runs InfluxQL (<see cref="InfluxQueries.RunAsync"/>).</summary>
    public async IAsyncEnumerable<JsonElement> QueryAsync(
        string query,
        bool changes,
        [EnumeratorCancellation] CancellationToken cancellation
    )
    {
        // A new 1.x server has no database yet, and answers every question about it with an error.
        if (!created && options.IsV1 && await connection.LimitedAsync(CreateDatabaseAsync, cancellation) is { Trouble: { } trouble })
            throw new ReadingStoreException(trouble);
        await foreach (var series in queries.RunAsync(query, changes, cancellation))
            yield return series;
    }

    /// <summary>Null when the server answers; else why not.</summary>
    public async Task<string?> PingAsync(CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(Math.Min(5, options.TimeoutSeconds)), connection.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            var answer = connection.Official is { } client
                ? await client.PingAsync(either.Token)
                : await ServerAnswer.ReadAsync(
                    await connection.Http.GetAsync(new Uri("ping", UriKind.Relative), either.Token),
                    either.Token
                );
            return answer.IsSuccess ? null : $"{connection.Name} answers {answer.Reason}";
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return $"{connection.Name} doesn't answer";
        }
        catch (HttpRequestException e)
        {
            return $"{connection.Name} can't be reached: {e.Message}";
        }
    }

    /// <summary>
    /// Why a first write would fail; null when the bucket exists or nobody can say. v2 only, because a database of 1.x is created when it
    /// is missing; 3.x and servers that only speak the write API have no list of buckets.
    /// </summary>
    public async Task<string?> CheckBucketAsync(CancellationToken cancellation)
    {
        if (connection.Official is not { } client)
            return null;
        try
        {
            var answer = await connection.LimitedAsync(client.BucketsAsync, cancellation);
            if (answer.IsSuccess)
                return
                    answer.Property("buckets") is not { ValueKind: JsonValueKind.Array } list
                    || list.EnumerateArray().Any(b => b.TryGetProperty("name", out var name) && name.ValueEquals(options.Bucket))
                    ? null
                    : $"{connection.Name} has no such bucket that this token may see";
            var isAboutUs =
                answer.IsPage
                || answer.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
                || (int)answer.Status >= 500
                // InfluxDB's code for a bucket or an organisation it doesn't have; any other 404 only means that there is no such address.
                || answer.Property("code") is { ValueKind: JsonValueKind.String } code && code.ValueEquals("not found");
            return isAboutUs ? $"{connection.Name} answers {answer.Reason}" : null;
        }
        catch (ReadingStoreException e)
        {
            return e.Message;
        }
    }

    /// <summary>
    /// Deletes what was measured before a moment. The end of a v2 deletion is itself deleted: since the times of readings are whole
    /// microseconds, it ends a tick before the moment. On a server that can't delete, its own retention has to.
    /// </summary>
    public Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation) =>
        DeleteAsync("", $"time < {LineProtocol.Nanoseconds(time)}", time.AddTicks(-1), null, cancellation);

    /// <summary>Deletes everything of a device, or what it measured within a time.</summary>
    public Task DeleteAsync(DeviceSpan span, CancellationToken cancellation)
    {
        var tag = LineProtocol.Encode(span.Device.Value);
        var (start, end) = (DateTime.UnixEpoch, new DateTime(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        var (from, until) = (span.From > start ? span.From : start, span.Until < end ? span.Until : end);
        var predicate = $"device=\"{tag.Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
        var where = $"\"device\" = '{Quoted(tag)}'";
        if (from > start)
            where += $" AND time >= {LineProtocol.Nanoseconds(from)}";
        if (until < end)
            where += $" AND time < {LineProtocol.Nanoseconds(until)}";
        // Of a v2 deletion the end is deleted too.
        return DeleteAsync("", where, until < end ? until.AddTicks(-1) : end, predicate, cancellation, from);
    }

    /// <summary>Deletes what was measured of a metric before a moment.</summary>
    /// <param name="device">Of whom, and within which time; null for all.</param>
    /// <param name="metric">Its name is the measurement.</param>
    /// <param name="before">Exclusive.</param>
    /// <param name="cancellation">It may be done then.</param>
    public Task DeleteAsync(DeviceSpan? device, Metric metric, DateTime before, CancellationToken cancellation)
    {
        var (start, stop) = (DateTime.UnixEpoch, device?.Until < before ? device.Value.Until : before);
        var (where, predicate) = ($"time < {LineProtocol.Nanoseconds(stop)}", $"_measurement=\"{metric.Name}\"");
        if (device is { } one)
        {
            var tag = LineProtocol.Encode(one.Device.Value);
            where += $" AND \"device\" = '{Quoted(tag)}'";
            predicate += $" AND device=\"{tag.Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
            if (one.From > start)
                (start, where) = (one.From, where + $" AND time >= {LineProtocol.Nanoseconds(one.From)}");
        }

        return start >= stop
            ? Task.CompletedTask
            : DeleteAsync($"FROM \"{metric.Name}\" ", where, stop.AddTicks(-1), predicate, cancellation, start);
    }

    /// <summary>An encoded tag as the inside of an InfluxQL string; it has no backslash of its own.</summary>
    public static string Quoted(string encodedTag) => encodedTag.Replace("'", "\\'", StringComparison.Ordinal);

    public void Dispose() => connection.Dispose();

    /// <summary>By InfluxQL's DELETE in v1, by <c>/api/v2/delete</c> in v2.</summary>
    private async Task DeleteAsync(
        string from,
        string where,
        DateTime stop,
        string? predicate,
        CancellationToken cancellation,
        DateTime? start = null
    )
    {
        if (connection.Official is not { } client)
        {
            await foreach (var _ in QueryAsync($"DELETE {from}WHERE {where}", changes: true, cancellation))
            {
                // a deletion returns no series
            }

            return;
        }

        var answer = await connection.LimitedAsync(
            limit => client.DeleteAsync(start ?? DateTime.UnixEpoch, stop, predicate, limit),
            cancellation
        );
        if (!answer.IsSuccess)
            throw new ReadingStoreException($"{connection.Name} answered {answer.Reason} to a deletion");
    }

    /// <summary>
    /// Creates the database of 1.x where it is missing. A user who may not create one goes on: the write will tell whether it exists.
    /// </summary>
    private async Task<WriteOutcome> CreateDatabaseAsync(CancellationToken cancellation)
    {
        var bucket = options.Bucket.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
        using var form = new FormUrlEncodedContent([new("q", $"CREATE DATABASE \"{bucket}\"")]);
        using var answer = await connection.Http.PostAsync(new Uri("query", UriKind.Relative), form, cancellation);
        created = answer.IsSuccessStatusCode || answer.StatusCode is HttpStatusCode.Forbidden;
        return created ? default : writes.Repeat(await ServerAnswer.ReadAsync(answer, cancellation));
    }
}
