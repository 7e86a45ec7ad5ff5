using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// InfluxDB's line protocol (v1 and v2 reference): <c>metric,device=…,channel=… value=…,received=…i time</c>. Measurement is the metric; commas, spaces
/// and equal signs in tags are escaped with a backslash, quotes and backslashes in text fields too; times are nanoseconds since 1970.
/// Encodes straight to UTF-8.
/// </summary>
public static class LineProtocol
{
    public static void Write(IBufferWriter<byte> output, in Reading reading)
    {
        Escaped(output, reading.Metric.Name, ", ");
        Raw(output, ",device="u8);
        Escaped(output, reading.Device.Value, ",= ");
        if (reading.Channel.Length > 0)
        {
            Raw(output, ",channel="u8);
            Escaped(output, reading.Channel, ",= ");
        }

        Raw(output, " value="u8);
        Number(output, reading.Value);
        Raw(output, ",received="u8);
        Whole(output, Nanoseconds(reading.Received));
        Raw(output, "i,flags="u8);
        Whole(output, (byte)reading.Flags);
        Raw(output, "i"u8);
        if (reading.Metric.Kind == MetricKind.Location)
        {
            Raw(output, ",longitude="u8);
            Number(output, reading.Longitude);
            if (!float.IsNaN(reading.Accuracy))
            {
                Raw(output, ",accuracy="u8);
                Number(output, reading.Accuracy);
            }

            if (!float.IsNaN(reading.Speed))
            {
                Raw(output, ",speed="u8);
                Number(output, reading.Speed);
            }
        }

        if (reading.Event is { } word)
        {
            Raw(output, ",event=\""u8);
            Escaped(output, word, "\"");
            Raw(output, "\""u8);
        }

        Raw(output, " "u8);
        Whole(output, Nanoseconds(reading.Time));
        Raw(output, "\n"u8);
    }

    public static long Nanoseconds(DateTime time) => (time.Ticks - DateTime.UnixEpoch.Ticks) * 100;

    public static DateTime Time(long nanoseconds) => DateTime.UnixEpoch.AddTicks(nanoseconds / 100);

    /// <summary>A backslash before each special character; a line feed would end the point and becomes a space; a last backslash would escape what follows and gets a space.</summary>
    private static void Escaped(IBufferWriter<byte> output, string text, string special)
    {
        var span = output.GetSpan(text.Length * 6 + 2);
        var length = 0;
        if (Ascii.IsValid(text) && text.AsSpan().IndexOfAny(special) < 0 && text.AsSpan().IndexOfAny('\\', '\n', '\r') < 0)
        {
            length = Encoding.ASCII.GetBytes(text, span);
            output.Advance(length);
            return;
        }

        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value is '\n' or '\r')
            {
                span[length++] = (byte)' ';
                continue;
            }

            if (rune.Value == '\\' && special == "\"") span[length++] = (byte)'\\';
            else if (rune.IsAscii && special.Contains((char)rune.Value, StringComparison.Ordinal)) span[length++] = (byte)'\\';
            length += rune.EncodeToUtf8(span[length..]);
        }

        if (text.EndsWith('\\') && special != "\"") span[length++] = (byte)'_';
        output.Advance(length);
    }

    private static void Number(IBufferWriter<byte> output, double value)
    {
        var span = output.GetSpan(32);
        value.TryFormat(span, out var written, provider: System.Globalization.CultureInfo.InvariantCulture); // shortest text that reads back the same
        output.Advance(written);
    }

    private static void Whole(IBufferWriter<byte> output, long value)
    {
        Utf8Formatter.TryFormat(value, output.GetSpan(24), out var written);
        output.Advance(written);
    }

    private static void Raw(IBufferWriter<byte> output, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(output.GetSpan(bytes.Length));
        output.Advance(bytes.Length);
    }
}
