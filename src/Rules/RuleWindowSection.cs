using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Rules;

/// <summary>Reads the hours of a rule, the section <c>when</c> of <c>rules.yaml</c>.</summary>
internal static class RuleWindowSection
{
    private static readonly string[] DayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

    public static RuleWindow Read(YamlSection when)
    {
        var days = 0;
        foreach (var day in when.Texts("weekdays"))
        {
            var index = Array.IndexOf(DayNames, day);
            if (index < 0)
                when.Refuse(
                    "weekdays",
                    day,
                    new Wording("is not one of " + string.Join(", ", DayNames), "应为 " + string.Join("、", DayNames))
                );
            else
                days |= 1 << index;
        }

        var use = HolidayUse.Any;
        if (when.Text("holidays") is { } text && !Enum.TryParse(text, ignoreCase: true, out use))
            when.Refuse("holidays", text, new Wording("is not one of any, skip, only", "应为 any、skip 或 only"));
        return new RuleWindow(Clock(when, "from"), Clock(when, "to"), days == 0 ? 127 : days, use);
    }

    private static int Clock(YamlSection when, string key)
    {
        if (when.Text(key) is not { } text)
            return 0;
        if (TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time))
            return (int)time.ToTimeSpan().TotalSeconds;
        when.Refuse(key, text, new Wording("is not a time of day such as 22:00", "不是时刻，应如 22:00"));
        return 0;
    }
}
