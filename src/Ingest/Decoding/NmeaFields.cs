using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// The comma-separated fields of a sentence; field 0 is its name. A missing or empty field is no error, a wrong one is returned as a
/// reason.
/// </summary>
internal ref struct NmeaFields(ReadOnlySpan<byte> body)
{
    /// <summary>Two-digit years from here on are of the last century: the default date of receivers is 5 or 6 January 1980.</summary>
    private const int Pivot = 80;

    private static readonly SearchValues<byte> DecimalDigits = SearchValues.Create("0123456789."u8);

    private readonly ReadOnlySpan<byte> body = body;

    public readonly ReadOnlySpan<byte> this[int index]
    {
        get
        {
            var rest = body;
            for (; index > 0; index--)
            {
                var comma = rest.IndexOf((byte)',');
                if (comma < 0)
                    return default;
                rest = rest[(comma + 1)..];
            }

            var end = rest.IndexOf((byte)',');
            return (end < 0 ? rest : rest[..end]).Trim((byte)' ');
        }
    }

    /// <summary>The character of a one-letter field; 0 when it is empty, the first one when it is longer.</summary>
    public readonly char Letter(int index) => this[index] is [var letter, ..] ? (char)letter : '\0';

    public readonly Wording? Number(int index, (string En, string Zh) name, out double? value)
    {
        value = null;
        var field = this[index];
        if (field.Length == 0)
            return null;
        if (!Utf8Parser.TryParse(field, out double number, out var used) || used != field.Length || !double.IsFinite(number))
            return new Wording($"{name.En} '{Shown(field)}' is not a number", $"{name.Zh}“{Shown(field)}”不是数字");
        value = number;
        return null;
    }

    /// <summary>hhmmss or hhmmss.sss, UTC. 60 seconds is a leap second.</summary>
    public readonly Wording? Time(int index, out TimeSpan? time)
    {
        time = null;
        var field = this[index];
        if (field.Length == 0)
            return null;
        if (
            field.Length < 6
            || !TwoDigits(field, out var hours)
            || !TwoDigits(field[2..], out var minutes)
            || !TwoDigits(field[4..], out _)
            || !Utf8Parser.TryParse(field[4..], out decimal seconds, out var used)
            || used != field.Length - 4
            || hours > 23
            || minutes > 59
            || seconds >= 61
        )
            return new Wording($"time '{Shown(field)}' is not hhmmss", $"时间“{Shown(field)}”不是 hhmmss");
        time = new TimeSpan(hours, minutes, 0) + TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond));
        return null;
    }

    /// <summary>ddmmyy.</summary>
    public readonly Wording? Date(int index, out DateTime? date)
    {
        date = null;
        var field = this[index];
        if (field.Length == 0)
            return null;
        if (
            field.Length != 6
            || !TwoDigits(field, out var day)
            || !TwoDigits(field[2..], out var month)
            || !TwoDigits(field[4..], out var year)
        )
            return new Wording($"date '{Shown(field)}' is not ddmmyy", $"日期“{Shown(field)}”不是 ddmmyy");
        year += year >= Pivot ? 1900 : 2000;
        if (month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month))
            return new Wording($"there is no date '{Shown(field)}' (ddmmyy)", $"没有“{Shown(field)}”这一天（ddmmyy）");
        date = new DateTime(year, month, day, 0, 0, 0, DateTimeKind.Utc);
        return null;
    }

    /// <summary>ddmm.mmmm, N or S, dddmm.mmmm, E or W, four fields from <paramref name="index"/> on.</summary>
    public readonly Wording? Position(int index, out double? latitude, out double? longitude)
    {
        longitude = null;
        return Angle(this[index], Letter(index + 1), 'N', 'S', 90, ("latitude", "纬度"), out latitude)
            ?? Angle(this[index + 2], Letter(index + 3), 'E', 'W', 180, ("longitude", "经度"), out longitude);
    }

    private static Wording? Angle(
        ReadOnlySpan<byte> field,
        char side,
        char positive,
        char negative,
        double most,
        (string En, string Zh) name,
        out double? degrees
    )
    {
        degrees = null;
        if (field.Length == 0)
            return null;
        // UM981 firmware writes a minus sign beside S or W: the letter alone decides.
        var digits = field[0] == '-' ? field[1..] : field;
        if (
            digits.Length == 0
            || digits.IndexOfAnyExcept(DecimalDigits) >= 0
            || !Utf8Parser.TryParse(digits, out double value, out var used)
            || used != digits.Length
        )
            return new Wording($"{name.En} '{Shown(field)}' is not degrees and minutes", $"{name.Zh}“{Shown(field)}”不是度分格式");
        var whole = Math.Floor(value / 100);
        var minutes = value - whole * 100;
        if (minutes >= 60 || whole + minutes / 60 > most)
            return new Wording($"{name.En} '{Shown(field)}' is out of range", $"{name.Zh}“{Shown(field)}”超出范围");
        if (side != positive && side != negative)
            return new Wording(
                $"{name.En} has the side '{side}', neither {positive} nor {negative}",
                $"{name.Zh}的方向为“{side}”，既不是 {positive} 也不是 {negative}"
            );
        degrees = (side == negative ? -1 : 1) * (whole + minutes / 60);
        return null;
    }

    private static bool TwoDigits(ReadOnlySpan<byte> text, out int value)
    {
        value = 0;
        if (text.Length < 2 || !char.IsAsciiDigit((char)text[0]) || !char.IsAsciiDigit((char)text[1]))
            return false;
        value = (text[0] - '0') * 10 + text[1] - '0';
        return true;
    }

    private static string Shown(ReadOnlySpan<byte> field) =>
        Encoding.ASCII.GetString(field[..Math.Min(field.Length, 24)]).Replace('\0', '?');
}
