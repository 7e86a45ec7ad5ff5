using System.Globalization;
using System.Text;

namespace Vigil.Host.Backtest;

/// <summary>
/// Parses ISO 8601 times, <c>2026-01-01T00:00:00[.fff](Z|±hh:mm)</c>, from bytes without allocating a string. Without an offset the time is
/// UTC.
/// </summary>
internal static class Timestamp
{
    public static bool TryParse(ReadOnlySpan<byte> text, out long ticks)
    {
        ticks = 0;
        if (
            text.Length < 19
            || text[4] != '-'
            || text[7] != '-'
            || text[10] is not ((byte)'T' or (byte)' ')
            || text[13] != ':'
            || text[16] != ':'
        )
            return Slow(text, out ticks);
        if (
            !Two(text, 0, out var century)
            || !Two(text, 2, out var year)
            || !Two(text, 5, out var month)
            || !Two(text, 8, out var day)
            || !Two(text, 11, out var hour)
            || !Two(text, 14, out var minute)
            || !Two(text, 17, out var second)
        )
            return false;
        year += century * 100;
        if (
            year < 1
            || month is < 1 or > 12
            || day < 1
            || day > DateTime.DaysInMonth(year, month)
            || hour > 23
            || minute > 59
            || second > 59
        )
            return false;
        ticks = new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc).Ticks;
        var rest = text[19..];
        if (rest.Length > 0 && rest[0] == '.')
        {
            long unit = TimeSpan.TicksPerSecond / 10;
            var i = 1;
            for (; i < rest.Length && rest[i] is >= (byte)'0' and <= (byte)'9'; i++, unit /= 10)
                ticks += (rest[i] - '0') * unit;
            if (i == 1)
                return false;
            rest = rest[i..];
        }

        if (rest.Length == 0 || (rest.Length == 1 && rest[0] == 'Z'))
            return true;
        if (rest.Length is not (3 or 5 or 6) || rest[0] is not ((byte)'+' or (byte)'-'))
            return false;
        if (!Two(rest, 1, out var hours))
            return false;
        var minutes = 0;
        if (rest.Length == 6 ? rest[3] != ':' || !Two(rest, 4, out minutes) : rest.Length == 5 && !Two(rest, 3, out minutes))
            return false;
        if (hours > 14 || minutes > 59)
            return false;
        var offset = (hours * 60 + minutes) * TimeSpan.TicksPerMinute;
        ticks -= rest[0] == '-' ? -offset : offset;
        return true;
    }

    private static bool Slow(ReadOnlySpan<byte> text, out long ticks)
    {
        ticks = 0;
        if (
            text.Length is 0 or > 40
            || !DateTimeOffset.TryParse(
                Encoding.UTF8.GetString(text),
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal,
                out var time
            )
        )
            return false;
        ticks = time.UtcTicks;
        return true;
    }

    private static bool Two(ReadOnlySpan<byte> text, int at, out int value)
    {
        var tens = text[at] - '0';
        var ones = text[at + 1] - '0';
        value = tens * 10 + ones;
        return tens is >= 0 and <= 9 && ones is >= 0 and <= 9;
    }
}
