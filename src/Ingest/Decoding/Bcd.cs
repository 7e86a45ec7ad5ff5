namespace Vigil.Ingest.Decoding;

/// <summary>Binary-coded decimals of Chinese meters and terminals: two digits per byte.</summary>
internal static class Bcd
{
    /// <summary>Reads up to nine bytes, the least significant first.</summary>
    /// <returns>False when a nibble is above 9: then it isn't a number.</returns>
    public static bool TryReadLittleEndian(ReadOnlySpan<byte> bytes, out long value)
    {
        value = 0;
        for (var i = bytes.Length - 1; i >= 0; i--)
        {
            if (!TryRead(bytes[i], out var two))
                return false;
            value = value * 100 + two;
        }

        return true;
    }

    public static bool TryRead(byte digits, out int value)
    {
        value = (digits >> 4) * 10 + (digits & 15);
        return digits >> 4 <= 9 && (digits & 15) <= 9;
    }

    /// <summary>
    /// An address or number as text, most significant byte first; nibbles above 9 are shown as letters, not refused: such meters exist.
    /// </summary>
    public static string Text(ReadOnlySpan<byte> bytes, bool leastSignificantFirst)
    {
        Span<char> digits = stackalloc char[bytes.Length * 2];
        for (var i = 0; i < bytes.Length; i++)
        {
            var b = bytes[leastSignificantFirst ? bytes.Length - 1 - i : i];
            digits[2 * i] = "0123456789abcdef"[b >> 4];
            digits[2 * i + 1] = "0123456789abcdef"[b & 15];
        }

        return digits.ToString();
    }

    /// <summary>
    /// A date and time in Chinese time (GMT+8) as UTC. Null for a clock that isn't set (all zeros); <see cref="DateTime.MinValue"/>, which
    /// counts as a wrong clock, for an impossible one.
    /// </summary>
    public static DateTime? ChinaTime(int year, int month, int day, int hour, int minute, int second)
    {
        if ((year % 100 | month | day | hour | minute | second) == 0)
            return null;
        if (
            year is < 1 or > 9999
            || month is < 1 or > 12
            || day < 1
            || day > DateTime.DaysInMonth(year, month)
            || hour is < 0 or > 23
            || minute is < 0 or > 59
            || second is < 0 or > 59
        )
            return DateTime.MinValue;
        var local = new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc);
        return local.Ticks < TimeSpan.TicksPerDay ? DateTime.MinValue : local.AddHours(-8);
    }
}
