using System.Buffers.Text;
using System.Globalization;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// Writes numbers as the shortest UTF-8 text that reads back as the same number. Most readings have few decimals: value × 1000 (× 1000000
/// for coordinates) is then a whole number below 2⁵³. The division of two exact numbers is rounded correctly, as a decimal text is when it
/// is parsed; so digits ÷ 1000 = value proves that the short text is right, and writing it is several times faster than TryFormat.
/// </summary>
internal static class Utf8Numbers
{
    public static void Write(Span<byte> line, ref int at, double value)
    {
        var scaled = Math.Round(value * 1000);
        if (Math.Abs(scaled) < 9e15 && scaled / 1000 == value)
        {
            WriteDecimals(line, ref at, (long)scaled, 1000);
            return;
        }

        scaled = Math.Round(value * 1_000_000);
        if (Math.Abs(scaled) < 9e15 && scaled / 1_000_000 == value)
        {
            WriteDecimals(line, ref at, (long)scaled, 1_000_000);
            return;
        }

        value.TryFormat(line[at..], out var written, provider: CultureInfo.InvariantCulture);
        at += written;
    }

    public static void Write(Span<byte> line, ref int at, float value)
    {
        var scaled = Math.Round(value * 1000.0);
        if (Math.Abs(scaled) < 1e9 && (float)(scaled / 1000) == value)
        {
            WriteDecimals(line, ref at, (long)scaled, 1000);
            return;
        }

        value.TryFormat(line[at..], out var written, provider: CultureInfo.InvariantCulture);
        at += written;
    }

    public static void Write(Span<byte> line, ref int at, long value)
    {
        Utf8Formatter.TryFormat(value, line[at..], out var written);
        at += written;
    }

    /// <summary>Writes digits ÷ scale without trailing zeros. Minus zero becomes zero, which no sensor distinguishes.</summary>
    private static void WriteDecimals(Span<byte> line, ref int at, long digits, long scale)
    {
        if (digits < 0)
        {
            line[at++] = (byte)'-';
            digits = -digits;
        }

        var (whole, rest) = Math.DivRem(digits, scale);
        Write(line, ref at, whole);
        if (rest == 0)
            return;
        line[at++] = (byte)'.';
        for (var left = (uint)rest; left != 0; left %= (uint)scale)
        {
            scale /= 10;
            line[at++] = (byte)('0' + left / (uint)scale);
        }
    }
}
