using System.Buffers;
using System.Globalization;
using System.Text;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// InfluxDB's line protocol (v1 and v2 reference): <c>metric,device=…,channel=… value=…,received=…i time</c>, written as UTF-8 without a
/// string. The measurement is the metric, times are nanoseconds since 1970. Commas, spaces and equal signs in a tag and quotes in a text
/// field are escaped with a backslash. Backslashes, control characters and per cent signs are percent-encoded: line protocol can't end a
/// tag with a backslash and can't hold a line feed in one, and 1.x reads <c>\\</c> as two backslashes.
/// </summary>
public static class LineProtocol
{
    /// <summary>Most bytes of a line without device, channel and event: metric, names, six numbers, two times.</summary>
    private const int LongestRest = 384;

    private static readonly SearchValues<char> SpecialInTag = SearchValues.Create(Specials(", ="));
    private static readonly SearchValues<char> SpecialInText = SearchValues.Create(Specials("\""));
    private static readonly byte[][] Names = [.. Metric.All.Select(m => Encoding.UTF8.GetBytes(m.Name + ",device="))];

    public static void Write(IBufferWriter<byte> output, in Reading reading)
    {
        // A character is at most three bytes of UTF-8, or three as %XX.
        var longest = LongestRest + 3 * (reading.Device.Value.Length + reading.Channel.Length + (reading.Event?.Length ?? 0));
        output.Advance(Write(output.GetSpan(longest), reading));
    }

    /// <summary>
    /// Writes a point that says: readings of a device that were measured from <paramref name="oldest"/> to <paramref name="newest"/>
    /// arrived at <paramref name="received"/>.
    /// </summary>
    public static void WriteArrival(IBufferWriter<byte> output, DeviceId device, DateTime received, DateTime oldest, DateTime newest)
    {
        var line = output.GetSpan(LongestRest + 3 * device.Value.Length);
        var at = 0;
        Raw(line, ref at, "vigil.arrival,device="u8);
        Text(line, ref at, device.Value, SpecialInTag);
        Raw(line, ref at, " oldest="u8);
        Moment(line, ref at, oldest);
        Raw(line, ref at, "i,newest="u8);
        Moment(line, ref at, newest);
        Raw(line, ref at, "i "u8);
        Moment(line, ref at, received);
        line[at++] = (byte)'\n';
        output.Advance(at);
    }

    public static long Nanoseconds(DateTime time) => (time.Ticks - DateTime.UnixEpoch.Ticks) * 100;

    public static DateTime Time(long nanoseconds) => DateTime.UnixEpoch.AddTicks(nanoseconds / 100);

    /// <summary>A text as a tag or text field stores it, without the backslashes of the line: what a query has to compare with.</summary>
    public static string Encode(string text)
    {
        if (text.AsSpan().IndexOfAny(SpecialInTag) < 0)
            return text;
        var encoded = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            if (IsEncoded(c))
                encoded.Append(CultureInfo.InvariantCulture, $"%{(int)c:X2}");
            else
                encoded.Append(c);
        }

        return encoded.ToString();
    }

    /// <summary>
    /// Reverses <see cref="Encode"/>. A per cent sign without two hexadecimal digits was written by somebody else and is left alone.
    /// </summary>
    public static string Decode(string text)
    {
        if (!text.Contains('%', StringComparison.Ordinal))
            return text;
        var decoded = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (
                text[i] == '%'
                && i + 2 < text.Length
                && byte.TryParse(text.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            )
            {
                decoded.Append((char)code);
                i += 2;
            }
            else
            {
                decoded.Append(text[i]);
            }
        }

        return decoded.ToString();
    }

    private static int Write(Span<byte> line, in Reading reading)
    {
        var at = 0;
        Raw(line, ref at, Names[reading.Metric.Index]);
        Text(line, ref at, reading.Device.Value, SpecialInTag);
        if (reading.Channel.Length > 0)
        {
            Raw(line, ref at, ",channel="u8);
            Text(line, ref at, reading.Channel, SpecialInTag);
        }

        Raw(line, ref at, " received="u8);
        Moment(line, ref at, reading.Received);
        Raw(line, ref at, "i,flags="u8);
        Utf8Numbers.Write(line, ref at, (long)reading.Flags);
        line[at++] = (byte)'i';
        Field(line, ref at, ",value="u8, reading.Value);
        if (reading.Metric.Kind == MetricKind.Location)
        {
            Field(line, ref at, ",longitude="u8, reading.Longitude);
            Field(line, ref at, ",accuracy="u8, reading.Accuracy);
            Field(line, ref at, ",speed="u8, reading.Speed);
        }

        if (reading.Event is { } word)
        {
            Raw(line, ref at, ",event=\""u8);
            Text(line, ref at, word, SpecialInText);
            line[at++] = (byte)'"';
        }

        line[at++] = (byte)' ';
        Moment(line, ref at, reading.Time);
        line[at++] = (byte)'\n';
        return at;
    }

    private static void Text(Span<byte> line, ref int at, string text, SearchValues<char> special)
    {
        if (text.AsSpan().IndexOfAny(special) < 0)
        {
            at += Encoding.UTF8.GetBytes(text, line[at..]);
            return;
        }

        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.IsAscii && IsEncoded((char)rune.Value))
            {
                line[at++] = (byte)'%';
                line[at++] = (byte)"0123456789ABCDEF"[rune.Value >> 4];
                line[at++] = (byte)"0123456789ABCDEF"[rune.Value & 15];
                continue;
            }

            if (rune.IsAscii && special.Contains((char)rune.Value))
                line[at++] = (byte)'\\';
            at += rune.EncodeToUtf8(line[at..]);
        }
    }

    /// <summary>Line protocol has neither NaN nor infinity: the field is left out and reads back as NaN.</summary>
    private static void Field(Span<byte> line, ref int at, ReadOnlySpan<byte> name, double value)
    {
        if (!double.IsFinite(value))
            return;
        Raw(line, ref at, name);
        Utf8Numbers.Write(line, ref at, value);
    }

    private static void Field(Span<byte> line, ref int at, ReadOnlySpan<byte> name, float value)
    {
        if (!float.IsFinite(value))
            return;
        Raw(line, ref at, name);
        Utf8Numbers.Write(line, ref at, value);
    }

    /// <summary>Nanoseconds since 1970. Times are kept to the microsecond, so the last three digits are zero.</summary>
    private static void Moment(Span<byte> line, ref int at, DateTime time)
    {
        var microseconds = (time.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        Utf8Numbers.Write(line, ref at, microseconds);
        if (microseconds != 0)
            Raw(line, ref at, "000"u8);
    }

    private static void Raw(Span<byte> line, ref int at, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(line[at..]);
        at += bytes.Length;
    }

    private static bool IsEncoded(char c) => c is '%' or '\\' or < ' ' or '\x7F';

    private static string Specials(string escaped) => escaped + "%\\\x7F" + string.Concat(Enumerable.Range(0, 32).Select(i => (char)i));
}
