using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Rules;

/// <summary>Reads the public holidays and the worked weekends beside a rules file.</summary>
internal static class HolidaysFile
{
    public static WorkCalendar Read(string path, List<Problem> problems)
    {
        if (YamlSection.Load(path, problems) is not { } top)
            return WorkCalendar.None;
        top.Text("$schema");
        var holidays = new HashSet<DateOnly>();
        var workdays = new HashSet<DateOnly>();
        foreach (var section in top.Sections("holidays"))
        {
            section.Id = section.Text("name", required: true) ?? "";
            section.Text("source");
            var first = Day(section, "from");
            var last = Day(section, "to");
            if (first is { } a && last is { } b)
            {
                if (b < a || b.DayNumber - a.DayNumber > 30)
                    section.Refuse(
                        "to",
                        Text(b),
                        new Wording("is before the first day or more than 30 days after it", "早于首日，或在首日 30 天之后")
                    );
                else
                    for (var day = a; day <= b; day = day.AddDays(1))
                        holidays.Add(day);
            }

            section.NoOthers();
        }

        foreach (var section in top.Sections("workdays"))
        {
            section.Id = section.Text("name", required: true) ?? "";
            section.Text("source");
            if (Day(section, "day") is { } day)
            {
                if (!WorkCalendar.SaturdayOrSunday(day.DayNumber))
                    section.Refuse("day", Text(day), new Wording("is neither a Saturday nor a Sunday", "不是周六或周日"));
                else if (holidays.Contains(day))
                    section.Refuse("day", Text(day), new Wording("is a holiday too", "同时是放假日"));
                else
                    workdays.Add(day);
            }

            section.NoOthers();
        }

        top.NoOthers();
        return new WorkCalendar(holidays, workdays);
    }

    private static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static DateOnly? Day(YamlSection section, string key)
    {
        if (section.Text(key, required: true) is not { } text)
            return null;
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
            return day;
        section.Refuse(key, text, new Wording("is not a date such as 2026-02-15", "不是日期，应如 2026-02-15"));
        return null;
    }
}
