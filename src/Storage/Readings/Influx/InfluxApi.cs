using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>How a request to write ended.</summary>
/// <param name="Trouble">Null when the server has every line it will ever take; else why it is to be tried again.</param>
/// <param name="RetryAfter">How long the server wants to be left alone; null when it doesn't say.</param>
internal readonly record struct WriteOutcome(string? Trouble, TimeSpan? RetryAfter = null);

/// <summary>
/// The server's HTTP API: v2 <c>/api/v2/write</c> (2.x, 3.x, 1.8), v1 <c>/write</c> (1.x), InfluxQL <c>/query</c> in both.
/// </summary>
internal sealed partial class InfluxApi : IDisposable
{
    private readonly HttpClient http;
    private readonly InfluxOptions options;
    private readonly TimeProvider clock;
    private readonly Action<IReadOnlyList<RefusedLine>> refuse;
    private readonly Uri writeUrl;
    private bool created;

    /// <param name="refuse">Keeps lines the server will never take; when it throws, the write counts as not done.</param>
    public InfluxApi(InfluxOptions options, HttpClient http, TimeProvider clock, Action<IReadOnlyList<RefusedLine>> refuse)
    {
        this.options = options;
        this.http = http;
        this.clock = clock;
        this.refuse = refuse;
        http.BaseAddress = new Uri(options.Url.TrimEnd('/') + "/");
        http.Timeout = Timeout.InfiniteTimeSpan; // each request brings its own
        if (options.Token.Length > 0)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Token", options.Token);
        else if (options.Username.Length > 0)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
                "Basic",
                Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.Username}:{options.Password}"))
            );
        writeUrl = new Uri(
            options.IsV1
                ? $"write?db={Uri.EscapeDataString(options.Bucket)}&precision=ns"
                : $"api/v2/write?org={Uri.EscapeDataString(options.Org)}&bucket={Uri.EscapeDataString(options.Bucket)}&precision=ns",
            UriKind.Relative
        );
    }

    /// <summary>Sends whole lines. A bad line is found by halving, kept with the server's reason, and the good ones are stored.</summary>
    public async Task<WriteOutcome> WriteAsync(ReadOnlyMemory<byte> lines, TimeSpan patience, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            if (!created && options.IsV1 && await CreateDatabaseAsync(either.Token) is { Trouble: not null } failed)
                return failed;
            var bad = new List<RefusedLine>();
            var outcome = await PostAsync(lines, bad, either.Token);
            // Kept before the good ones are let go: a line is either stored, kept as refused or sent again.
            if (bad.Count > 0)
                refuse(bad);
            return outcome;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new WriteOutcome($"no answer within {patience.TotalSeconds:0.###} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException)
        {
            return new WriteOutcome(e.Message);
        }
    }

    /// <summary>Null when the server answers; else why not.</summary>
    public async Task<string?> PingAsync(CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(Math.Min(5, options.TimeoutSeconds)), clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            using var answer = await http.GetAsync(new Uri("ping", UriKind.Relative), either.Token);
            return answer.IsSuccessStatusCode ? null : $"InfluxDB answers {(int)answer.StatusCode}";
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return "InfluxDB doesn't answer";
        }
        catch (HttpRequestException e)
        {
            return $"InfluxDB can't be reached: {e.Message}";
        }
    }

    /// <summary>
    /// Runs InfluxQL; the answer comes in chunks, each a JSON document on a line of its own, so a large one needn't fit into memory.
    /// </summary>
    public async IAsyncEnumerable<JsonElement> QueryAsync(
        string query,
        bool changes,
        [EnumeratorCancellation] CancellationToken cancellation
    )
    {
        if (!created && options.IsV1)
            await PrepareAsync(cancellation);
        using var request = new HttpRequestMessage(
            changes ? HttpMethod.Post : HttpMethod.Get,
            $"query?db={Uri.EscapeDataString(options.Bucket)}&epoch=ns&chunked=true&chunk_size=10000"
                + (changes ? "" : $"&q={Uri.EscapeDataString(query)}")
        );
        if (changes)
            request.Content = new FormUrlEncodedContent([new("q", query)]);
        using var answer = await ReachAsync(request, cancellation);
        if (!answer.IsSuccessStatusCode)
            throw new ReadingStoreException(
                $"InfluxDB answered {(int)answer.StatusCode} to a query: {Short(await answer.Content.ReadAsStringAsync(cancellation))}"
            );
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellation));
        while (await NextLineAsync(lines, cancellation) is { } line)
        {
            if (line.Length == 0)
                continue;
            using var document = JsonDocument.Parse(line);
            foreach (var result in document.RootElement.GetProperty("results").EnumerateArray())
            {
                if (result.TryGetProperty("error", out var error))
                    throw new ReadingStoreException($"InfluxDB refused a query: {error.GetString()}");
                if (!result.TryGetProperty("series", out var all))
                    continue;
                foreach (var series in all.EnumerateArray())
                    yield return series;
            }
        }
    }

    /// <summary>
    /// Deletes by time: InfluxQL's DELETE in 1.x, <c>/api/v2/delete</c> else. A server without either keeps its own retention.
    /// </summary>
    public Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation) =>
        DeleteAsync(
            $"time < {LineProtocol.Nanoseconds(time)}",
            time.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            null,
            cancellation
        );

    /// <summary>All of a device, of any time.</summary>
    public Task DeleteAsync(DeviceId device, CancellationToken cancellation)
    {
        var tag = LineProtocol.Encode(device.Value);
        return DeleteAsync($"\"device\" = '{Quoted(tag)}'", "2200-01-01T00:00:00Z", $"device=\"{tag}\"", cancellation);
    }

    private async Task DeleteAsync(string where, string stop, string? predicate, CancellationToken cancellation)
    {
        if (options.IsV1)
        {
            await foreach (var _ in QueryAsync($"DELETE WHERE {where}", changes: true, cancellation))
            {
                // nothing is answered
            }

            return;
        }

        using var request = new HttpRequestMessage(
            HttpMethod.Post,
            $"api/v2/delete?org={Uri.EscapeDataString(options.Org)}&bucket={Uri.EscapeDataString(options.Bucket)}"
        );
        request.Content = JsonContent.Create(
            new
            {
                start = "1970-01-01T00:00:00Z",
                stop,
                predicate,
            },
            options: new JsonSerializerOptions { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull }
        );
        using var answer = await ReachAsync(request, cancellation);
        if (!answer.IsSuccessStatusCode)
            throw new ReadingStoreException(
                $"InfluxDB answered {(int)answer.StatusCode} to a deletion: {Short(await answer.Content.ReadAsStringAsync(cancellation))}"
            );
    }

    /// <summary>The inside of an InfluxQL string: an encoded tag has no backslash of its own.</summary>
    public static string Quoted(string encodedTag) => encodedTag.Replace("'", "\\'", StringComparison.Ordinal);

    public void Dispose() => http.Dispose();

    /// <summary>A fresh server has no database yet, which is no reason to refuse a question about it.</summary>
    private async Task PrepareAsync(CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(options.TimeoutSeconds), clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            if (await CreateDatabaseAsync(either.Token) is { Trouble: { } trouble })
                throw new ReadingStoreException($"InfluxDB is not ready: {trouble}");
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new ReadingStoreException($"InfluxDB gave no answer within {options.TimeoutSeconds} s", e);
        }
        catch (HttpRequestException e)
        {
            throw new ReadingStoreException($"InfluxDB can't be reached: {e.Message}", e);
        }
    }

    /// <summary>
    /// The database of 1.x is made when it is missing; a user who may not make one goes on, and the write says whether it is there.
    /// </summary>
    private async Task<WriteOutcome> CreateDatabaseAsync(CancellationToken cancellation)
    {
        var bucket = options.Bucket.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
        using var form = new FormUrlEncodedContent([new("q", $"CREATE DATABASE \"{bucket}\"")]);
        using var answer = await http.PostAsync(new Uri("query", UriKind.Relative), form, cancellation);
        created = answer.IsSuccessStatusCode || answer.StatusCode is HttpStatusCode.Forbidden;
        return created ? default : Later(answer, await answer.Content.ReadAsStringAsync(cancellation));
    }

    private async Task<WriteOutcome> PostAsync(ReadOnlyMemory<byte> lines, List<RefusedLine> bad, CancellationToken cancellation)
    {
        using var body = new PooledBytes(lines.Length / 4 + 256);
        Gzip(lines.Span, body);
        using var content = new ReadOnlyMemoryContent(body.Memory);
        content.Headers.ContentEncoding.Add("gzip");
        content.Headers.ContentType = new MediaTypeHeaderValue("text/plain") { CharSet = "utf-8" };
        using var answer = await http.PostAsync(writeUrl, content, cancellation);
        if (answer.IsSuccessStatusCode)
            return default;
        var reason = Short(await answer.Content.ReadAsStringAsync(cancellation));
        switch (answer.StatusCode)
        {
            case HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity or HttpStatusCode.RequestEntityTooLarge:
                return await DivideAsync(lines, reason, bad, cancellation);
            case HttpStatusCode.NotFound:
                created = false; // the database was dropped behind our back
                break;
        }

        return Later(answer, reason);
    }

    private async Task<WriteOutcome> DivideAsync(
        ReadOnlyMemory<byte> lines,
        string reason,
        List<RefusedLine> bad,
        CancellationToken cancellation
    )
    {
        var count = lines.Span.Count((byte)'\n');
        // 1.x says how many points of a batch it dropped: all of them needn't be halved down one by one.
        if (
            count <= 1
            || (
                Dropped().Match(reason) is { Success: true } dropped
                && dropped.Groups[1].Value == count.ToString(System.Globalization.CultureInfo.InvariantCulture)
            )
        )
        {
            var now = clock.GetUtcNow().UtcDateTime;
            foreach (var line in Encoding.UTF8.GetString(lines.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries))
                bad.Add(new RefusedLine(now, line, reason));
            return default;
        }

        var middle = 0;
        for (var i = 0; i < count / 2; i++)
            middle += lines.Span[middle..].IndexOf((byte)'\n') + 1;
        var first = await PostAsync(lines[..middle], bad, cancellation);
        return first.Trouble is null ? await PostAsync(lines[middle..], bad, cancellation) : first;
    }

    private WriteOutcome Later(HttpResponseMessage answer, string reason)
    {
        var after = answer.Headers.RetryAfter;
        return new WriteOutcome(
            $"{(int)answer.StatusCode} {Short(reason)}",
            after?.Delta ?? (after?.Date is { } date ? date - clock.GetUtcNow() : null)
        );
    }

    private async Task<HttpResponseMessage> ReachAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(options.TimeoutSeconds), clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new ReadingStoreException($"InfluxDB gave no answer within {options.TimeoutSeconds} s", e);
        }
        catch (HttpRequestException e)
        {
            throw new ReadingStoreException($"InfluxDB can't be reached: {e.Message}", e);
        }
    }

    private static async Task<string?> NextLineAsync(StreamReader lines, CancellationToken cancellation)
    {
        try
        {
            return await lines.ReadLineAsync(cancellation);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new ReadingStoreException($"InfluxDB broke off in the middle of an answer: {e.Message}", e);
        }
    }

    private static void Gzip(ReadOnlySpan<byte> bytes, PooledBytes into)
    {
        using var stream = new WriterStream(into);
        using var gzip = new GZipStream(stream, CompressionLevel.Fastest);
        gzip.Write(bytes);
    }

    private static string Short(string text)
    {
        text = text.ReplaceLineEndings(" ").Trim();
        return text.Length > 1000 ? text[..1000] + "…" : text;
    }

    [GeneratedRegex(@"dropped=(\d+)")]
    private static partial Regex Dropped();

    private sealed class WriterStream(PooledBytes into) : Stream
    {
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => into.Count;
        public override long Position
        {
            get => into.Count;
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            buffer.CopyTo(into.GetSpan(buffer.Length));
            into.Advance(buffer.Length);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush() { }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
