using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// Rows 值班班次 (duty shift) and 探访班次 (visitor shift): the shifts of a person in a file replace all that person had before. They are
/// read when all other rows have been, all at once.
/// </summary>
internal sealed class RotaImport(RecordsDb db, KnownRecords known, DateTime now, ImportOptions options, ImportChanges changes)
{
    /// <returns>Whether anything changes.</returns>
    public async Task<bool> ReadAsync(IReadOnlyList<RegistryRow> rows, CancellationToken cancellation)
    {
        var shifts = new List<Shift>();
        foreach (var row in rows)
            if (Read(row) is { } shift)
                shifts.Add(shift);
        var people = shifts.Select(s => s.Who).Distinct().ToArray();
        var before = (await db.Shifts.Where(s => EF.Parameter(people).Contains(s.Who)).ToListAsync(cancellation)).ToLookup(s => s.Who);
        var any = false;
        foreach (var person in shifts.GroupBy(s => s.Who))
        {
            var kind = person.Key.StartsWith("officer:", StringComparison.Ordinal) ? ImportKind.DutyShift : ImportKind.VisitorShift;
            if (before[person.Key].Select(Hours).Order().SequenceEqual(person.Select(Hours).Order()))
            {
                changes.Count(kind, Fate.Unchanged, person.Count());
                continue;
            }

            any = true;
            changes.Count(kind, before[person.Key].Any() ? Fate.Changed : Fate.New, person.Count());
            known.Removed.AddRange(before[person.Key]);
            known.NewShifts.AddRange(person);
        }

        return any;
    }

    private static (int, TimeOnly, TimeOnly, DateOnly?, DateOnly?) Hours(Shift s) => (s.Days, s.From, s.Until, s.FirstDay, s.LastDay);

    private Shift? Read(RegistryRow row)
    {
        var id = row["id"];
        if (id.Length == 0)
            return null; // said already
        var duty = row.Kind is ImportKind.DutyShift;
        var area = duty ? known.Officers.GetValueOrDefault(id)?.Area : known.Visitors.GetValueOrDefault(id)?.Area;
        if (area is null)
            row.Wrong(
                "id",
                id,
                new Wording(
                    $"is no {(duty ? "duty officer or supervisor" : "visitor")} of this file or of an earlier import",
                    duty ? "此文件和以往的导入中没有此值班人员或主管" : "此文件和以往的导入中没有此探访人"
                )
            );
        if (area?.StartsWith(options.Bound, StringComparison.Ordinal) == false)
            row.Wrong(
                "id",
                id,
                new Wording(
                    $"belongs to an area outside {options.Bound}, which you are bound to",
                    $"所属区域不在您的管理范围 {options.Bound} 内"
                )
            );
        if (!TryDays(row["days"], out var days))
            row.Wrong(
                "days",
                row["days"],
                new Wording(
                    "is not weekdays such as 1-5, 6,7 or 一至五 (1 is Monday, 7 Sunday)",
                    "不是星期，应如 1-5、6,7 或 一至五（1 为周一，7 为周日）"
                )
            );
        if (!TryHours(row["hours"], out var from, out var until))
            row.Wrong(
                "hours",
                row["hours"],
                new Wording(
                    "is not a span of the day such as 08:00-20:00, 20:00-08:00 or 00:00-24:00",
                    "不是时段，应如 08:00-20:00、20:00-08:00 或 00:00-24:00"
                )
            );
        var (first, last) = (row.Date("first day"), row.Date("last day"));
        if (first > last)
            row.Wrong("last day", row["last day"], new Wording("lies before the first day", "早于起始日"));
        return new Shift
        {
            Id = Guid.CreateVersion7(new DateTimeOffset(now)),
            Who = (duty ? "officer:" : "visitor:") + id,
            Days = days,
            From = from,
            Until = until,
            FirstDay = first,
            LastDay = last,
        };
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
