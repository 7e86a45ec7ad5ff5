using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Rules;

/// <summary>Reads the public holidays beside a rules file.</summary>
internal static class HolidaysFile
{
    public static void Read(string path, List<Problem> problems, HashSet<DateOnly> into)
    {
        if (YamlSection.Load(path, problems) is not { } top)
            return;
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
                        b.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                        new Wording("is before the first day or more than 30 days after it", "早于首日，或在首日 30 天之后")
                    );
                else
                    for (var day = a; day <= b; day = day.AddDays(1))
                        into.Add(day);
            }

            section.NoOthers();
        }

        top.NoOthers();
    }

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
