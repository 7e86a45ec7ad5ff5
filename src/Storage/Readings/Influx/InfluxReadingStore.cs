using System.Buffers;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// InfluxDB over its stable wire protocol: writes by line protocol (<c>/write</c> of 1.x, <c>/api/v2/write</c> of 2.x, 3.x and 1.8), reads by InfluxQL at
/// <c>/query</c>. The point (metric, device, channel, time) overwrites itself, so a repeat changes nothing. While the server is down or slow, readings
/// are made durable in a spool on disk and drained in order; alarms never wait for it.
/// </summary>
public sealed partial class InfluxReadingStore : IReadingStore
{
    private static readonly string[] Columns = ["value", "received", "flags", "longitude", "accuracy", "speed", "event"];

    private readonly HttpClient http;
    private readonly InfluxOptions options;
    private readonly Spool spool;
    private readonly TimeProvider clock;
    private readonly ILogger<InfluxReadingStore> log;
    private readonly string refusedFile;
    private readonly CancellationTokenSource stopping = new();
    private readonly SemaphoreSlim wake = new(0, 1);
    private readonly Task draining;
    private readonly Uri writeUrl;
    private bool created;
    private long refused;

    public InfluxReadingStore(InfluxOptions options, string spoolFolder, HttpClient http, TimeProvider clock, ILogger<InfluxReadingStore> log)
    {
        this.options = options;
        this.http = http;
        this.clock = clock;
        this.log = log;
        http.BaseAddress = new Uri(options.Url.TrimEnd('/') + "/");
        http.Timeout = TimeSpan.FromSeconds(options.TimeoutSeconds);
        if (options.Token.Length > 0) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Token", options.Token);
        else if (options.Username.Length > 0)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.Username}:{options.Password}")));
        writeUrl = new Uri(
            options.Api == "v1"
                ? $"write?db={Uri.EscapeDataString(options.Bucket)}&precision=ns"
                : $"api/v2/write?org={Uri.EscapeDataString(options.Org)}&bucket={Uri.EscapeDataString(options.Bucket)}&precision=ns",
            UriKind.Relative);
        spool = new Spool(Path.Combine(spoolFolder, "influx.spool"), options.SpoolBytes);
        refusedFile = Path.Combine(spoolFolder, "influx.refused");
        draining = Task.Run(() => DrainAsync(stopping.Token));
    }

    /// <summary>Bytes that wait on disk for the server.</summary>
    public long SpooledBytes => spool.Bytes;

    /// <summary>Lines the server refused; each is kept in <c>influx.refused</c> with the server's reason.</summary>
    public long Refused => Interlocked.Read(ref refused);

    public async Task AppendAsync(IReadOnlyList<Reading> readings, CancellationToken cancellation)
    {
        for (var from = 0; from < readings.Count; from += options.BatchSize)
        {
            var lines = new ArrayBufferWriter<byte>(Math.Min(readings.Count, options.BatchSize) * 128);
            for (var i = from; i < Math.Min(readings.Count, from + options.BatchSize); i++) LineProtocol.Write(lines, readings[i]);
            // What waits goes first: the order of arrival is kept.
            if (spool.Bytes == 0 && await PostAsync(lines.WrittenMemory, cancellation) is null) continue;
            if (!await spool.AddAsync(lines.WrittenMemory))
                throw new ReadingStoreException($"InfluxDB can't be reached and its spool holds {options.SpoolBytes} bytes already (Influx:SpoolBytes)");
            if (wake.CurrentCount == 0) wake.Release();
        }
    }

    public async IAsyncEnumerable<Reading> QueryAsync(ReadingQuery query, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (query.Devices.Count == 0) yield break;
        var devices = string.Join(" OR ", query.Devices.Select(d => $"device = '{d.Value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'"));
        var where = $"({devices}) AND time >= {LineProtocol.Nanoseconds(query.From)} AND time < {LineProtocol.Nanoseconds(query.To)}";
        var found = await SelectAsync(query.Metric, where, cancellation);
        foreach (var reading in found.OrderBy(r => r.Time).ThenBy(r => r.Received).ThenBy(r => r.Device).ThenBy(r => r.Metric.Name, StringComparer.Ordinal).ThenBy(r => r.Channel, StringComparer.Ordinal).Take(query.Limit))
            yield return reading;
    }

    public async IAsyncEnumerable<Reading> ReceivedSinceAsync(DateTime received, [EnumeratorCancellation] CancellationToken cancellation)
    {
        // Arrival is a field, not an index: measurements much older than their arrival are looked for in the last weeks only.
        var from = LineProtocol.Nanoseconds(received.AddDays(-40));
        var found = await SelectAsync(null, $"time >= {from} AND received >= {LineProtocol.Nanoseconds(received)}", cancellation);
        foreach (var reading in found.OrderBy(r => r.Received).ThenBy(r => r.Time)) yield return reading;
    }

    public async Task<string?> ProbeAsync(CancellationToken cancellation)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri("ping", UriKind.Relative), cancellation);
            if (!answer.IsSuccessStatusCode) return $"InfluxDB answers {(int)answer.StatusCode}";
            return spool.Bytes > options.SpoolBytes * 8 / 10 ? $"the InfluxDB spool is {spool.Bytes * 100 / options.SpoolBytes} % full" : null;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return $"InfluxDB can't be reached: {e.Message}; {spool.Bytes} of {options.SpoolBytes} bytes spooled";
        }
    }

    public async Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation)
    {
        if (options.Api != "v1") return; // buckets of v2 have a retention period of their own
        await QueryJsonAsync($"DELETE WHERE time < {LineProtocol.Nanoseconds(time)}", cancellation, post: true);
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        try
        {
            await draining;
        }
        catch (OperationCanceledException)
        {
            // what is spooled stays on disk
        }

        spool.Dispose();
        http.Dispose();
        wake.Dispose();
        stopping.Dispose();
    }

    /// <returns>Null when the server has it; else why it should be tried again later.</returns>
    private async Task<string?> PostAsync(ReadOnlyMemory<byte> lines, CancellationToken cancellation)
    {
        try
        {
            if (!created && options.Api == "v1")
            {
                await QueryJsonAsync($"CREATE DATABASE \"{options.Bucket}\"", cancellation, post: true);
                created = true;
            }

            using var content = new ByteArrayContent(Gzip(lines.Span));
            content.Headers.ContentEncoding.Add("gzip");
            content.Headers.ContentType = new MediaTypeHeaderValue("text/plain") { CharSet = "utf-8" };
            using var answer = await http.PostAsync(writeUrl, content, cancellation);
            if (answer.IsSuccessStatusCode) return null;
            var reason = await answer.Content.ReadAsStringAsync(cancellation);
            if (answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnprocessableEntity) return await DivideAsync(lines, reason, cancellation);
            created &= answer.StatusCode != HttpStatusCode.NotFound; // the database was dropped behind our back
            return $"{(int)answer.StatusCode} {reason}";
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException && !cancellation.IsCancellationRequested)
        {
            return e.Message;
        }
    }

    /// <summary>A batch with a bad line is halved until the bad one stands alone; it is kept with the server's reason, the good ones are stored.</summary>
    private async Task<string?> DivideAsync(ReadOnlyMemory<byte> lines, string reason, CancellationToken cancellation)
    {
        var count = lines.Span.Count((byte)'\n');
        if (count <= 1)
        {
            await File.AppendAllTextAsync(refusedFile, $"{Encoding.UTF8.GetString(lines.Span).TrimEnd()}\t{reason.ReplaceLineEndings(" ").Trim()}\n", cancellation);
            Interlocked.Increment(ref refused);
            LogRefused(log, reason);
            return null;
        }

        var middle = 0;
        for (var i = 0; i < count / 2; i++) middle += lines.Span[middle..].IndexOf((byte)'\n') + 1;
        return await PostAsync(lines[..middle], cancellation) ?? await PostAsync(lines[middle..], cancellation);
    }

    private async Task DrainAsync(CancellationToken cancellation)
    {
        var wait = TimeSpan.FromSeconds(1);
        while (!cancellation.IsCancellationRequested)
        {
            if (spool.Bytes == 0)
            {
                await wake.WaitAsync(cancellation);
                continue;
            }

            var trouble = await spool.TakeAsync(lines => PostAsync(lines, cancellation));
            if (trouble is null)
            {
                wait = TimeSpan.FromSeconds(1);
                continue;
            }

            LogWaiting(log, spool.Bytes, trouble);
            await Task.Delay(wait, clock, cancellation);
            wait = TimeSpan.FromSeconds(Math.Min(30, wait.TotalSeconds * 2));
        }
    }

    private async Task<List<Reading>> SelectAsync(Metric? metric, string where, CancellationToken cancellation)
    {
        var from = metric is null ? "/.*/" : $"\"{metric.Name}\"";
        using var answer = await QueryJsonAsync($"SELECT {string.Join(", ", Columns.Select(c => $"\"{c}\""))} FROM {from} WHERE {where} GROUP BY \"device\", \"channel\"", cancellation);
        var found = new List<Reading>();
        foreach (var result in answer.RootElement.GetProperty("results").EnumerateArray())
        {
            if (result.TryGetProperty("error", out var error)) throw new ReadingStoreException($"InfluxDB refused a query: {error.GetString()}");
            if (!result.TryGetProperty("series", out var list)) continue;
            foreach (var series in list.EnumerateArray())
            {
                if (!Metric.TryParse(series.GetProperty("name").GetString(), out var of)) continue;
                var tags = series.GetProperty("tags");
                var device = new DeviceId(tags.GetProperty("device").GetString()!);
                var channel = tags.TryGetProperty("channel", out var c) ? c.GetString() ?? "" : "";
                foreach (var row in series.GetProperty("values").EnumerateArray())
                {
                    found.Add(new Reading
                    {
                        Device = device, Metric = of, Channel = channel, Time = LineProtocol.Time(row[0].GetInt64()), Value = row[1].GetDouble(),
                        Received = LineProtocol.Time(row[2].GetInt64()), Flags = (ReadingFlags)row[3].GetInt32(),
                        Longitude = row[4].ValueKind == JsonValueKind.Number ? row[4].GetDouble() : 0, Accuracy = Optional(row[5]), Speed = Optional(row[6]), Event = row[7].GetString(),
                    });
                }
            }
        }

        return found;
    }

    private static float Optional(JsonElement value) => value.ValueKind == JsonValueKind.Number ? value.GetSingle() : float.NaN;

    private async Task<JsonDocument> QueryJsonAsync(string query, CancellationToken cancellation, bool post = false)
    {
        try
        {
            var url = new Uri($"query?db={Uri.EscapeDataString(options.Bucket)}&epoch=ns" + (post ? "" : $"&q={Uri.EscapeDataString(query)}"), UriKind.Relative);
            using var form = new FormUrlEncodedContent([new("q", query)]);
            using var answer = post ? await http.PostAsync(url, form, cancellation) : await http.GetAsync(url, cancellation);
            if (!answer.IsSuccessStatusCode) throw new ReadingStoreException($"InfluxDB answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellation)}");
            return JsonDocument.Parse(await answer.Content.ReadAsStreamAsync(cancellation));
        }
        catch (Exception e) when (!post && e is HttpRequestException or TaskCanceledException)
        {
            throw new ReadingStoreException($"InfluxDB can't be reached: {e.Message}", e);
        }
    }

    private static byte[] Gzip(ReadOnlySpan<byte> bytes)
    {
        using var buffer = new MemoryStream(bytes.Length / 4 + 64);
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(bytes);
        return buffer.ToArray();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Bytes} bytes of readings wait on disk for InfluxDB: {Reason}")]
    private static partial void LogWaiting(ILogger logger, long bytes, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "InfluxDB refused a line, kept in influx.refused: {Reason}")]
    private static partial void LogRefused(ILogger logger, string reason);
}
