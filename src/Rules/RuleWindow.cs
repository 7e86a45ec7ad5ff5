namespace Vigil.Rules;

/// <summary>The hours in which a rule alarms: a part of the local day, weekdays, holidays.</summary>
/// <param name="From">Seconds after midnight; equal to <paramref name="To"/> means the whole day.</param>
/// <param name="To">Seconds after midnight; before <paramref name="From"/> means over midnight.</param>
/// <param name="Weekdays">Bit 0 is Sunday; 127 is every day.</param>
/// <param name="Holidays">Any day, not on holidays, or on holidays only.</param>
internal readonly record struct RuleWindow(int From, int To, int Weekdays, HolidayUse Holidays)
{
    private const int WorkingDays = 0b0111110;

    public static readonly RuleWindow Always = new(0, 0, 127, HolidayUse.Any);

    public bool IsAlways => this == Always;

    public bool Contains(DateTime local, WorkCalendar calendar)
    {
        var second = (int)local.TimeOfDay.TotalSeconds;
        var day = local;
        if (From < To && (second < From || second >= To))
            return false;
        if (From > To)
        {
            if (second >= To && second < From)
                return false;
            if (second < To)
                day = local.AddDays(-1); // a night belongs to the day on which it began
        }

        return (Weekdays == 127 || IsOneOfTheWeekdays(day, calendar))
            && (Holidays == HolidayUse.Any || calendar.Holidays.Contains(DateOnly.FromDateTime(day)) == (Holidays == HolidayUse.Only));
    }

    /// <summary>
    /// A worked weekend stands for no weekday in particular: it is one of Monday to Friday where all five are meant, and none of Saturday
    /// and Sunday where only these are.
    /// </summary>
    private bool IsOneOfTheWeekdays(DateTime day, WorkCalendar calendar) =>
        (Weekdays & WorkingDays) is 0 or WorkingDays && calendar.Workdays.Contains(DateOnly.FromDateTime(day))
            ? (Weekdays & WorkingDays) == WorkingDays
            : (Weekdays & (1 << (int)day.DayOfWeek)) != 0;

    /// <summary>
    /// The first moment from <paramref name="at"/> on that lies in these hours, UTC ticks; 0 when none does within a year.
    /// </summary>
    public long Next(long at, TimeZoneInfo zone, WorkCalendar calendar)
    {
        var local = Phrases.ToLocal(at, zone);
        if (Contains(local, calendar))
            return at;
        for (var day = local.Date; day <= local.Date.AddDays(366); day = day.AddDays(1))
        {
            var opens = From == To ? day : day.AddSeconds(From);
            if (opens <= local || !Contains(opens, calendar))
                continue;
            // At a change to summer time the skipped hour begins when it would have ended; an hour that comes twice begins the first time.
            if (zone.IsInvalidTime(opens))
                opens = opens.AddHours(1);
            var offset = zone.IsAmbiguousTime(opens) ? zone.GetAmbiguousTimeOffsets(opens).Max() : zone.GetUtcOffset(opens);
            return Math.Max(at, (opens - offset).Ticks);
        }

        return 0;
    }
}

internal enum HolidayUse
{
    Any,
    Skip,
    Only,
}
