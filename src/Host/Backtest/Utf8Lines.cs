namespace Vigil.Host.Backtest;

/// <summary>The lines of a stream as bytes, without their line ends. A line is valid until the next one is read.</summary>
internal sealed class Utf8Lines(Stream stream)
{
    private readonly byte[] buffer = new byte[1 << 18];
    private int start;
    private int end;
    private bool ended;

    public bool Next(out ReadOnlySpan<byte> line)
    {
        while (true)
        {
            var newline = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                line = buffer.AsSpan(start, newline);
                start += newline + 1;
                if (line.Length > 0 && line[^1] == '\r')
                    line = line[..^1];
                return true;
            }

            if (ended)
            {
                line = buffer.AsSpan(start, end - start);
                var any = start < end;
                start = end;
                if (line.Length > 0 && line[^1] == '\r')
                    line = line[..^1];
                return any;
            }

            if (start > 0)
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                end -= start;
                start = 0;
            }
            else if (end == buffer.Length)
            {
                end = 0; // a line of more than 256 KiB is no row: its beginning is dropped, its rest reported as a bad row
            }

            var read = stream.Read(buffer, end, buffer.Length - end);
            if (read == 0)
                ended = true;
            end += read;
        }
    }
}
