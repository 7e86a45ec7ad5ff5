using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>How a request to write ended.</summary>
/// <param name="Trouble">Null when the server has every line it will ever take; else why it is to be tried again.</param>
/// <param name="RetryAfter">How long the server wants to be left alone; null when it doesn't say.</param>
internal readonly record struct WriteOutcome(string? Trouble, TimeSpan? RetryAfter = null);

/// <summary>
/// The server's HTTP API: v2 (2.x, 3.x, 1.8) by InfluxData's <see cref="OfficialClient"/>, v1 (1.x), which that client doesn't speak, by
/// requests of our own. InfluxQL's <c>/query</c> is ours in both: all of these servers answer it, and the client has Flux alone.
/// </summary>
internal sealed partial class InfluxApi : IDisposable
{
    private readonly HttpClient http;
    private readonly OfficialClient? official;
    private readonly InfluxOptions options;
    private readonly TimeProvider clock;
    private readonly Action<IReadOnlyList<RefusedLine>> refuse;
    private readonly Uri writeUrl;
    private readonly string server;
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
        writeUrl = new Uri($"write?db={Uri.EscapeDataString(options.Bucket)}&precision=ns", UriKind.Relative);
        official = options.IsV1 ? null : new OfficialClient(options, http.BaseAddress, http);
        var address = http.BaseAddress.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        server = $"InfluxDB at {address.TrimEnd('/')}, bucket {options.Bucket},";
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
            return new WriteOutcome($"{server} gives no answer within {patience.TotalSeconds:0.###} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException)
        {
            return new WriteOutcome(e is HttpRequestException ? $"{server} can't be reached: {e.Message}" : e.Message);
        }
    }

    /// <summary>Null when the server answers; else why not.</summary>
    public async Task<string?> PingAsync(CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(Math.Min(5, options.TimeoutSeconds)), clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            var answer = official is null
                ? await AnswerAsync(await http.GetAsync(new Uri("ping", UriKind.Relative), either.Token), either.Token)
                : await official.PingAsync(either.Token);
            return answer.IsSuccess ? null : $"{server} answers {Reason(answer)}";
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return $"{server} doesn't answer";
        }
        catch (HttpRequestException e)
        {
            return $"{server} can't be reached: {e.Message}";
        }
    }

    /// <summary>
    /// What a first write would run into (v2; 1.x makes its database itself); null when the bucket is there or the server has no list of
    /// buckets, as 3.x and those that only speak the write API.
    /// </summary>
    public async Task<string?> CheckBucketAsync(CancellationToken cancellation)
    {
        if (official is null)
            return null;
        try
        {
            var answer = await LimitedAsync(official.BucketsAsync, cancellation);
            if (answer.IsSuccess)
                return
                    Property(answer.Text, "buckets") is not { ValueKind: JsonValueKind.Array } list
                    || list.EnumerateArray().Any(b => b.TryGetProperty("name", out var name) && name.ValueEquals(options.Bucket))
                    ? null
                    : $"{server} has no such bucket that this token may see";
            var tells =
                answer.IsPage
                || answer.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
                || (int)answer.Status >= 500
                // InfluxDB's own word about the bucket or the organisation; any other 404 is about the address.
                || Property(answer.Text, "code") is { ValueKind: JsonValueKind.String } code && code.ValueEquals("not found");
            return tells ? $"{server} answers {Reason(answer)}" : null;
        }
        catch (ReadingStoreException e)
        {
            return e.Message;
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
        {
            var why = Reason(await LimitedAsync(c => AnswerAsync(answer, c), cancellation));
            throw new ReadingStoreException($"{server} answered {why} to a query");
        }

        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellation));
        while (await NextLineAsync(lines, cancellation) is { } line)
        {
            if (line.Length == 0)
                continue;
            using var document = Results(line, out var results);
            foreach (var result in results.EnumerateArray())
            {
                if (result.TryGetProperty("error", out var error))
                    throw new ReadingStoreException($"{server} refused a query: {error.GetString()}");
                if (!result.TryGetProperty("series", out var all))
                    continue;
                foreach (var series in all.EnumerateArray())
                    yield return series;
            }
        }
    }

    /// <summary>
    /// Deletes by time: InfluxQL's DELETE in 1.x, <c>/api/v2/delete</c> else. A server without either keeps its own retention. The end of
    /// v2 is itself deleted; times of readings are whole microseconds, so that a tick before the moment is the end of what comes before it.
    /// </summary>
    public Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation) =>
        DeleteAsync($"time < {LineProtocol.Nanoseconds(time)}", time.AddTicks(-1), null, cancellation);

    /// <summary>All of a device, of any time.</summary>
    public Task DeleteAsync(DeviceId device, CancellationToken cancellation)
    {
        var tag = LineProtocol.Encode(device.Value);
        var stop = new DateTime(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        var predicate = $"device=\"{tag.Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
        return DeleteAsync($"\"device\" = '{Quoted(tag)}'", stop, predicate, cancellation);
    }

    private async Task DeleteAsync(string where, DateTime stop, string? predicate, CancellationToken cancellation)
    {
        if (official is null)
        {
            await foreach (var _ in QueryAsync($"DELETE WHERE {where}", changes: true, cancellation))
            {
                // nothing is answered
            }

            return;
        }

        var answer = await LimitedAsync(c => official.DeleteAsync(stop, predicate, c), cancellation);
        if (!answer.IsSuccess)
            throw new ReadingStoreException($"{server} answered {Reason(answer)} to a deletion");
    }

    /// <summary>The inside of an InfluxQL string: an encoded tag has no backslash of its own.</summary>
    public static string Quoted(string encodedTag) => encodedTag.Replace("'", "\\'", StringComparison.Ordinal);

    public void Dispose()
    {
        official?.Dispose();
        http.Dispose();
    }

    /// <summary>A fresh server has no database yet, which is no reason to refuse a question about it.</summary>
    private async Task PrepareAsync(CancellationToken cancellation)
    {
        if (await LimitedAsync(CreateDatabaseAsync, cancellation) is { Trouble: { } trouble })
            throw new ReadingStoreException(trouble);
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
        return created ? default : Later(await AnswerAsync(answer, cancellation));
    }

    private async Task<WriteOutcome> PostAsync(ReadOnlyMemory<byte> lines, List<RefusedLine> bad, CancellationToken cancellation)
    {
        using var body = new PooledBytes(lines.Length / 4 + 256);
        Gzip(lines.Span, body);
        var answer = official is null ? await PostAsync(body.Memory, cancellation) : await official.WriteAsync(body.Memory, cancellation);
        if (answer.IsSuccess)
            return default;
        // Only InfluxDB's own word condemns a line; the page of a proxy that dislikes the request says nothing about it.
        if (
            answer.Status is HttpStatusCode.RequestEntityTooLarge
            || (!answer.IsPage && answer.Status is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity)
        )
            return await DivideAsync(lines, Reason(answer), bad, cancellation);
        if (answer.Status is HttpStatusCode.NotFound)
            created = false; // the database was dropped behind our back
        return Later(answer);
    }

    private async Task<ServerAnswer> PostAsync(ReadOnlyMemory<byte> gzipped, CancellationToken cancellation)
    {
        using var content = new ReadOnlyMemoryContent(gzipped);
        content.Headers.ContentEncoding.Add("gzip");
        content.Headers.ContentType = new MediaTypeHeaderValue("text/plain") { CharSet = "utf-8" };
        return await AnswerAsync(await http.PostAsync(writeUrl, content, cancellation), cancellation);
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
                && dropped.Groups[1].Value == count.ToString(CultureInfo.InvariantCulture)
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

    private WriteOutcome Later(in ServerAnswer answer)
    {
        var after = answer.RetryAfter;
        return new WriteOutcome(
            $"{server} answers {Reason(answer)}",
            after?.Delta ?? (after?.Date is { } date ? date - clock.GetUtcNow() : null)
        );
    }

    private Task<HttpResponseMessage> ReachAsync(HttpRequestMessage request, CancellationToken cancellation) =>
        LimitedAsync(c => http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, c), cancellation);

    private async Task<T> LimitedAsync<T>(Func<CancellationToken, Task<T>> ask, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(options.TimeoutSeconds), clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            return await ask(either.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new ReadingStoreException($"{server} gave no answer within {options.TimeoutSeconds} s", e);
        }
        catch (HttpRequestException e)
        {
            throw new ReadingStoreException($"{server} can't be reached: {e.Message}", e);
        }
    }

    private static async Task<ServerAnswer> AnswerAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        using (answer)
            return new ServerAnswer(
                answer.StatusCode,
                // Not as a string: a proxy's page in a character set that .NET doesn't have would be an exception.
                Encoding.UTF8.GetString(await answer.Content.ReadAsByteArrayAsync(cancellation)),
                ServerAnswer.Page(answer.Content.Headers.ContentType?.MediaType),
                answer.Headers.RetryAfter
            );
    }

    private static JsonElement? Property(string text, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(name, out var value)
                ? value.Clone()
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private JsonDocument Results(string line, out JsonElement results)
    {
        JsonDocument? document = null;
        try
        {
            document = JsonDocument.Parse(line);
            if (
                document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("results", out results)
                && results.ValueKind == JsonValueKind.Array
            )
                return document;
        }
        catch (JsonException)
        {
            // said below
        }

        document?.Dispose();
        throw new ReadingStoreException($"{server} answered a query with something else: {Short(line)}");
    }

    private async Task<string?> NextLineAsync(StreamReader lines, CancellationToken cancellation)
    {
        try
        {
            return await lines.ReadLineAsync(cancellation);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new ReadingStoreException($"{server} broke off in the middle of an answer: {e.Message}", e);
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

    private static string Reason(in ServerAnswer answer) =>
        answer.IsPage
            ? $"{(int)answer.Status} with a web page: {Short(Title().Match(answer.Text).Groups[1].Value)}"
            : $"{(int)answer.Status} {Short(answer.Text)}";

    [GeneratedRegex("<title[^>]*>([^<]*)", RegexOptions.IgnoreCase)]
    private static partial Regex Title();

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
