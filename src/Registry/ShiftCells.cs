using System.Globalization;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>The same as <see cref="ResidentCells"/> for a line of the rota.</summary>
internal static class ShiftCells
{
    public static void Shift(RegistryRow row, Shift shift)
    {
        shift.Days = row.Cell("days", shift.Days, 127, text => DaysIn(row, text) ?? shift.Days, Days);
        (shift.From, shift.Until) = row.Cell(
            "hours",
            (shift.From, shift.Until),
            (TimeOnly.MinValue, TimeOnly.MinValue),
            text => HoursIn(row, text) ?? (shift.From, shift.Until),
            h => Hours(h.Item1, h.Item2)
        );
        shift.FirstDay = row.Date("first day", shift.FirstDay);
        shift.LastDay = row.Date("last day", shift.LastDay);
        if (shift.FirstDay > shift.LastDay)
            row.Wrong("last day", row["last day"], new Wording("lies before the first day", "早于起始日"));
    }

    /// <summary>Weekdays as <see cref="TryDays"/> reads them: 1-5; 1,3,6-7.</summary>
    public static string Days(int days)
    {
        var parts = new List<string>();
        for (var day = 1; day <= 7; day++)
        {
            if ((days >> (day - 1) & 1) == 0)
                continue;
            var first = day;
            while (day < 7 && (days >> day & 1) == 1)
                day++;
            parts.Add(first == day ? $"{first}" : $"{first}-{day}");
        }

        return string.Join(',', parts);
    }

    public static string Hours(TimeOnly from, TimeOnly until) =>
        from == until && from == TimeOnly.MinValue
            ? "00:00-24:00"
            : $"{from.ToString("HH:mm", CultureInfo.InvariantCulture)}-{until.ToString("HH:mm", CultureInfo.InvariantCulture)}";

    private static int? DaysIn(RegistryRow row, string text)
    {
        if (TryDays(text, out var days))
            return days;
        row.Wrong(
            "days",
            text,
            new Wording(
                "is not weekdays such as 1-5, 6,7 or 一至五 (1 is Monday, 7 Sunday)",
                "不是星期，应如 1-5、6,7 或 一至五（1 为周一，7 为周日）"
            )
        );
        return null;
    }

    private static (TimeOnly, TimeOnly)? HoursIn(RegistryRow row, string text)
    {
        if (TryHours(text, out var from, out var until))
            return (from, until);
        row.Wrong(
            "hours",
            text,
            new Wording(
                "is not a span of the day such as 08:00-20:00, 20:00-08:00 or 00:00-24:00",
                "不是时段，应如 08:00-20:00、20:00-08:00 或 00:00-24:00"
            )
        );
        return null;
    }

    /// <summary>Weekdays: 1-5; 1,3,5; 6-7; 一至五; 周六,周日; 5-1 is Friday to Monday. Empty: every day.</summary>
    internal static bool TryDays(string text, out int days)
    {
        days = 0;
        foreach (var part in text.Split([',', '，', '、', ' '], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = part.Split(['-', '–', '至', '到'], StringSplitOptions.TrimEntries).Select(Day).ToList();
            if (ends.Count is 0 or > 2 || ends.Contains(0))
                return false;
            for (var day = ends[0]; ; day = day % 7 + 1)
            {
                days |= 1 << (day - 1);
                if (day == ends[^1])
                    break;
            }
        }

        if (days == 0 && text.Trim().Length == 0)
            days = 127;
        return days > 0;
    }

    private static int Day(string text) =>
        text.Replace("周", "", StringComparison.Ordinal).Replace("星期", "", StringComparison.Ordinal) switch
        {
            "1" or "一" => 1,
            "2" or "二" => 2,
            "3" or "三" => 3,
            "4" or "四" => 4,
            "5" or "五" => 5,
            "6" or "六" => 6,
            "7" or "日" or "天" => 7,
            _ => 0,
        };

    /// <summary>A span of the day: 08:00-20:00; 20:00-08:00 ends on the next day. Empty or 00:00-24:00: the whole day.</summary>
    private static bool TryHours(string text, out TimeOnly from, out TimeOnly until)
    {
        (from, until) = (TimeOnly.MinValue, TimeOnly.MinValue);
        if (text.Length == 0)
            return true;
        return text.Replace('：', ':').Replace("24:00", "00:00", StringComparison.Ordinal).Split('-', '–') is [var a, var b]
            && TimeOnly.TryParseExact(a.Trim(), "H:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out from)
            && TimeOnly.TryParseExact(b.Trim(), "H:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out until);
    }
}
