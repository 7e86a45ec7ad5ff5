namespace Vigil.Rules;

/// <summary>
/// Which days are holidays and which weekends are worked (调休), as the holidays file says. For rules' hours and for what is learned of a
/// home: the resident may be long retired, but families, carers and shops keep to it.
/// </summary>
internal sealed class WorkCalendar
{
    /// <summary>Neither holidays nor worked weekends.</summary>
    public static readonly WorkCalendar None = new([], []);

    private readonly HashSet<DateOnly> holidays;
    private readonly HashSet<DateOnly> workdays;

    /// <summary>Worked or not, a day each from <see cref="first"/> on: learned habits ask 24 times for one silence.</summary>
    private readonly bool[] worked = [];
    private readonly long first;
    private volatile Weekends128? newest;

    /// <param name="holidays">Days off, also where they fall on a weekend anyway.</param>
    /// <param name="workdays">Saturdays and Sundays that are worked instead; none of them is a holiday.</param>
    public WorkCalendar(HashSet<DateOnly> holidays, HashSet<DateOnly> workdays)
    {
        (this.holidays, this.workdays) = (holidays, workdays);
        if (workdays.Count == 0)
            return;
        first = workdays.Min().DayNumber;
        worked = new bool[workdays.Max().DayNumber - first + 1];
        foreach (var day in workdays)
            worked[day.DayNumber - first] = true;
    }

    public IReadOnlySet<DateOnly> Holidays => holidays;

    public IReadOnlySet<DateOnly> Workdays => workdays;

    /// <summary>
    /// A Saturday or Sunday that isn't worked. A holiday on another day is no weekend: on recorded homes, judging holidays with the
    /// weekends told slightly later and with slightly more false alarms (ADR 3).
    /// </summary>
    /// <param name="day">Days since 0001-01-01 (a Monday), local.</param>
    public bool IsWeekend(long day) => SaturdayOrSunday(day) && !((ulong)(day - first) < (ulong)worked.Length && worked[day - first]);

    /// <summary>
    /// Which of the last 128 days are weekends, a bit each, the day itself in bit 0. Homes ask for the same day, so the newest is kept for
    /// all of them rather than one for each.
    /// </summary>
    public UInt128 WeekendsUntil(long day)
    {
        if (newest is { } known && known.Day == day)
            return known.Weekends;
        UInt128 weekends = 0;
        for (var back = 0; back < 128 && back <= day; back++)
            if (IsWeekend(day - back))
                weekends |= UInt128.One << back;
        newest = new Weekends128(day, weekends);
        return weekends;
    }

    public static bool SaturdayOrSunday(long day) => day % 7 >= 5;

    private sealed record Weekends128(long Day, UInt128 Weekends);
}
