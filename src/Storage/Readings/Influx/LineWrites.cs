using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;

namespace Vigil.Storage.Readings.Influx;

/// <summary>How a write ended.</summary>
/// <param name="Trouble">Null when the server has every line it will ever accept; else why the write has to be repeated.</param>
/// <param name="RetryAfter">How long the server wants to be left alone; null when it doesn't say.</param>
/// <param name="IsDatabaseMissing">The server doesn't know the database or the bucket.</param>
internal readonly record struct WriteOutcome(string? Trouble, TimeSpan? RetryAfter = null, bool IsDatabaseMissing = false);

/// <summary>
/// Writes batches of lines, compressed. A batch that the server rejects for its content is halved until the bad lines are found, so that
/// the good ones are stored.
/// </summary>
internal sealed partial class LineWrites(InfluxConnection connection)
{
    private readonly Uri url = new($"write?db={Uri.EscapeDataString(connection.Options.Bucket)}&precision=ns", UriKind.Relative);

    /// <param name="lines">Whole lines.</param>
    /// <param name="bad">Gets the lines that the server will never accept.</param>
    /// <param name="cancellation">Stops between two requests.</param>
    public async Task<WriteOutcome> WriteAsync(ReadOnlyMemory<byte> lines, List<RefusedLine> bad, CancellationToken cancellation)
    {
        using var body = new PooledBytes(lines.Length / 4 + 256);
        Compress(lines.Span, body);
        var answer = connection.Official is { } client
            ? await client.WriteAsync(body.Memory, cancellation)
            : await PostAsync(body.Memory, cancellation);
        if (answer.IsSuccess)
            return default;
        // Only InfluxDB itself can say that a line is bad; a proxy's page about the request says nothing about its lines.
        if (
            answer.Status is HttpStatusCode.RequestEntityTooLarge
            || (!answer.IsPage && answer.Status is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity)
        )
            return await DivideAsync(lines, answer.Reason, bad, cancellation);
        return Repeat(answer) with { IsDatabaseMissing = answer.Status is HttpStatusCode.NotFound };
    }

    /// <summary>The write has to be repeated later.</summary>
    public WriteOutcome Repeat(in ServerAnswer answer) =>
        new($"{connection.Name} answers {answer.Reason}", answer.WaitFrom(connection.Clock.GetUtcNow()));

    private async Task<ServerAnswer> PostAsync(ReadOnlyMemory<byte> gzipped, CancellationToken cancellation)
    {
        using var content = new ReadOnlyMemoryContent(gzipped);
        content.Headers.ContentEncoding.Add("gzip");
        content.Headers.ContentType = new MediaTypeHeaderValue("text/plain") { CharSet = "utf-8" };
        return await ServerAnswer.ReadAsync(await connection.Http.PostAsync(url, content, cancellation), cancellation);
    }

    private async Task<WriteOutcome> DivideAsync(
        ReadOnlyMemory<byte> lines,
        string reason,
        List<RefusedLine> bad,
        CancellationToken cancellation
    )
    {
        var count = lines.Span.Count((byte)'\n');
        // 1.x tells how many points of a batch it dropped. When it is all of them, they needn't be sent one by one.
        if (
            count <= 1
            || (
                Dropped().Match(reason) is { Success: true } dropped
                && dropped.Groups[1].Value == count.ToString(CultureInfo.InvariantCulture)
            )
        )
        {
            var now = connection.Clock.GetUtcNow().UtcDateTime;
            foreach (var line in Encoding.UTF8.GetString(lines.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries))
                bad.Add(new RefusedLine(now, line, reason));
            return default;
        }

        var middle = 0;
        for (var i = 0; i < count / 2; i++)
            middle += lines.Span[middle..].IndexOf((byte)'\n') + 1;
        var first = await WriteAsync(lines[..middle], bad, cancellation);
        return first.Trouble is null ? await WriteAsync(lines[middle..], bad, cancellation) : first;
    }

    private static void Compress(ReadOnlySpan<byte> bytes, PooledBytes into)
    {
        using var stream = new PooledStream(into);
        using var gzip = new GZipStream(stream, CompressionLevel.Fastest);
        gzip.Write(bytes);
    }

    [GeneratedRegex(@"dropped=(\d+)")]
    private static partial Regex Dropped();

    private sealed class PooledStream(PooledBytes into) : Stream
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
