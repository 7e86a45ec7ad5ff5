namespace Vigil.Rules;

/// <summary>The hours in which a rule alarms: a part of the local day, weekdays, holidays.</summary>
/// <param name="From">Seconds after midnight; equal to <paramref name="To"/> means the whole day.</param>
/// <param name="To">Seconds after midnight; before <paramref name="From"/> means over midnight.</param>
/// <param name="Weekdays">Bit 0 is Sunday; 127 is every day.</param>
/// <param name="Holidays">Any day, not on holidays, or on holidays only.</param>
internal readonly record struct RuleWindow(int From, int To, int Weekdays, HolidayUse Holidays)
{
    public static readonly RuleWindow Always = new(0, 0, 127, HolidayUse.Any);

    public bool IsAlways => this == Always;

    public bool Contains(DateTime local, IReadOnlySet<DateOnly> holidays)
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

        if ((Weekdays & (1 << (int)day.DayOfWeek)) == 0)
            return false;
        return Holidays == HolidayUse.Any || holidays.Contains(DateOnly.FromDateTime(day)) == (Holidays == HolidayUse.Only);
    }

    /// <summary>
    /// The first moment from <paramref name="at"/> on that lies in these hours, UTC ticks; 0 when none does within a year.
    /// </summary>
    public long Next(long at, TimeZoneInfo zone, IReadOnlySet<DateOnly> holidays)
    {
        var local = Phrases.ToLocal(at, zone);
        if (Contains(local, holidays))
            return at;
        for (var day = local.Date; day <= local.Date.AddDays(366); day = day.AddDays(1))
        {
            var opens = From == To ? day : day.AddSeconds(From);
            if (opens <= local || !Contains(opens, holidays))
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
