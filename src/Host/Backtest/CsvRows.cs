using System.Buffers.Text;
using System.Text;
using Vigil.Model;

namespace Vigil.Host.Backtest;

/// <summary>
/// Reads rows <c>resident,device,metric,time,value</c> from UTF-8 without allocating strings for each row. An optional sixth column is the
/// arrival time. The value of a location is <c>"lat lon"</c>, that of an event its name.
/// </summary>
internal sealed class CsvRows(Stream stream)
{
    private readonly Utf8Lines lines = new(stream);
    private readonly InternedTexts texts = new();

    public long Line { get; private set; }

    public string Resident { get; private set; } = "";
    public string Device { get; private set; } = "";
    public Metric? Metric { get; private set; }
    public long Time { get; private set; }
    public long Received { get; private set; }
    public double Value { get; private set; }
    public double Longitude { get; private set; }
    public string? Event { get; private set; }

    /// <summary>Why the current row can't be used, with the wrong value; null when it can.</summary>
    public string? Trouble { get; private set; }

    /// <summary>Reads the next row; false at the end.</summary>
    public bool Next()
    {
        while (true)
        {
            if (!lines.Next(out var line))
                return false;
            Line++;
            if (line.Length == 0)
                continue;
            if (Line == 1)
            {
                if (line.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
                    line = line[3..];
                if (line.StartsWith("resident,"u8))
                    continue;
            }

            Trouble = Parse(line);
            return true;
        }
    }

    private string? Parse(ReadOnlySpan<byte> line)
    {
        var rest = line;
        if (
            !Field(ref rest, out var resident)
            || !Field(ref rest, out var device)
            || !Field(ref rest, out var metric)
            || !Field(ref rest, out var time)
        )
            return $"'{Encoding.UTF8.GetString(line[..Math.Min(line.Length, 80)])}': resident,device,metric,time,value are expected";
        var hasReceived = rest.IndexOf((byte)',') >= 0;
        Field(ref rest, out var value);
        if (resident.IsEmpty)
            return "'': the resident is missing";
        if (device.IsEmpty)
            return "'': the device is missing";
        Resident = texts.Of(resident);
        Device = texts.Of(device);
        var name = texts.Of(metric);
        if (!ReferenceEquals(name, Metric?.Name))
        {
            if (!Metric.TryParse(name, out var found))
                return $"'{name}': is not a metric";
            Metric = found;
        }

        if (!Timestamp.TryParse(time, out var ticks))
            return $"'{Encoding.UTF8.GetString(time)}': is not a time such as 2026-01-01T00:00:00Z";
        Time = Received = ticks;
        if (hasReceived && rest.Length > 0)
        {
            if (!Timestamp.TryParse(rest, out ticks))
                return $"'{Encoding.UTF8.GetString(rest)}': is not an arrival time";
            Received = ticks;
        }

        Event = null;
        Longitude = 0;
        Value = 1;
        switch (Metric!.Kind)
        {
            case MetricKind.Event:
                Event = texts.Of(value);
                return null;
            case MetricKind.Location:
                var space = value.IndexOfAny((byte)' ', (byte)';');
                if (
                    space < 0
                    || !Number(value[..space], out var latitude)
                    || !Number(value[(space + 1)..].TrimStart((byte)' '), out var longitude)
                )
                    return $"'{Encoding.UTF8.GetString(value)}': is not 'latitude longitude'";
                Value = latitude;
                Longitude = longitude;
                return null;
            default:
                if (!Number(value, out var number))
                    return $"'{Encoding.UTF8.GetString(value)}': is not a number";
                Value = number;
                return null;
        }
    }

    private static bool Number(ReadOnlySpan<byte> text, out double value)
    {
        // Exact for plain decimals of up to 15 digits, and several times faster than the general parser.
        long digits = 0;
        var scale = 0;
        var seen = 0;
        var point = false;
        var i = 0;
        var negative = text.Length > 0 && text[0] == '-';
        if (negative)
            i++;
        for (; i < text.Length; i++)
        {
            var c = text[i];
            if (c is >= (byte)'0' and <= (byte)'9' && seen < 15)
            {
                digits = digits * 10 + (c - '0');
                seen++;
                if (point)
                    scale++;
            }
            else if (c == '.' && !point)
            {
                point = true;
            }
            else
            {
                return Utf8Parser.TryParse(text, out value, out var used) && used == text.Length && double.IsFinite(value);
            }
        }

        value = digits / Powers[scale];
        if (negative)
            value = -value;
        return seen > 0;
    }

    private static readonly double[] Powers = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

    private static bool Field(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> field)
    {
        if (rest.Length > 0 && rest[0] == '"')
        {
            // Quoted (RFC 4180). A doubled quote inside isn't handled: ids have none.
            var close = rest[1..].IndexOf((byte)'"');
            if (close >= 0)
            {
                field = rest.Slice(1, close);
                rest = rest[(close + 2)..];
                var more = rest.Length > 0 && rest[0] == ',';
                if (more)
                    rest = rest[1..];
                return more;
            }
        }

        var comma = rest.IndexOf((byte)',');
        if (comma < 0)
        {
            field = rest;
            rest = default;
            return false;
        }

        field = rest[..comma];
        rest = rest[(comma + 1)..];
        return true;
    }
}
