using System.Buffers.Text;
using System.Text;

namespace Vigil.Ingest.Decoding;

/// <summary>Comma-separated fields of a watch's frame. A field that is missing or not a number is null, never zero.</summary>
internal readonly ref struct TextFields(ReadOnlySpan<byte> text)
{
    private readonly ReadOnlySpan<byte> text = text;

    public int Count => text.Count((byte)',') + 1;

    public ReadOnlySpan<byte> this[int index]
    {
        get
        {
            var rest = text;
            for (; index > 0; index--)
            {
                var comma = rest.IndexOf((byte)',');
                if (comma < 0)
                    return default;
                rest = rest[(comma + 1)..];
            }

            var end = rest.IndexOf((byte)',');
            return (end < 0 ? rest : rest[..end]).Trim(" \r\n\t"u8);
        }
    }

    public string Text(int index) => this[index] is { Length: <= 64 } field ? Encoding.ASCII.GetString(field) : "";

    public double? Number(int index) =>
        this[index] is var field
        && Utf8Parser.TryParse(field, out double value, out var used)
        && used == field.Length
        && double.IsFinite(value)
            ? value
            : null;

    public uint? Hex(int index) =>
        this[index] is var field && Utf8Parser.TryParse(field, out uint value, out var used, 'X') && used == field.Length ? value : null;
}

/// <summary>Dates and times of watches: six digits each.</summary>
internal static class WatchTime
{
    /// <returns>UTC; <see cref="DateTime.MinValue"/>, which counts as a wrong clock, when it isn't a time.</returns>
    public static DateTime Read(ReadOnlySpan<byte> date, ReadOnlySpan<byte> time, bool dayFirst, TimeSpan zone)
    {
        Span<int> parts = stackalloc int[6];
        if (date.Length != 6 || time.Length != 6)
            return DateTime.MinValue;
        for (var i = 0; i < 6; i++)
        {
            var two = i < 3 ? date.Slice(2 * i, 2) : time.Slice(2 * i - 6, 2);
            if (!char.IsAsciiDigit((char)two[0]) || !char.IsAsciiDigit((char)two[1]))
                return DateTime.MinValue;
            parts[i] = (two[0] - '0') * 10 + two[1] - '0';
        }

        int year = 2000 + parts[dayFirst ? 2 : 0],
            month = parts[1],
            day = parts[dayFirst ? 0 : 2];
        if (month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || parts[3] > 23 || parts[4] > 59 || parts[5] > 59)
            return DateTime.MinValue;
        return new DateTime(year, month, day, parts[3], parts[4], parts[5], DateTimeKind.Utc) - zone;
    }
}
