namespace Vigil.Rules;

/// <summary>
/// Which days are off and which weekends are worked (调休), as the holidays file says; any other Saturday and Sunday is off. For rules' hours
/// and for what is learned of a home: the resident may be long retired, but families, carers and shops keep to it.
/// </summary>
internal sealed class WorkCalendar
{
    /// <summary>Neither holidays nor worked weekends.</summary>
    public static readonly WorkCalendar None = new([], []);

    private readonly HashSet<DateOnly> holidays;
    private readonly HashSet<DateOnly> workdays;

    /// <summary>Off or not, a day each from <see cref="first"/> on: learned habits ask 24 times for one silence.</summary>
    private readonly bool[] off = [];
    private readonly long first;

    /// <param name="holidays">Days off, also where they fall on a weekend anyway.</param>
    /// <param name="workdays">Saturdays and Sundays that are worked instead; none of them is a holiday.</param>
    public WorkCalendar(HashSet<DateOnly> holidays, HashSet<DateOnly> workdays)
    {
        (this.holidays, this.workdays) = (holidays, workdays);
        if (holidays.Count + workdays.Count == 0)
            return;
        first = holidays.Concat(workdays).Min().DayNumber;
        off = new bool[holidays.Concat(workdays).Max().DayNumber - first + 1];
        for (var i = 0; i < off.Length; i++)
            off[i] = SaturdayOrSunday(first + i);
        foreach (var day in holidays)
            off[day.DayNumber - first] = true;
        foreach (var day in workdays)
            off[day.DayNumber - first] = false;
    }

    public IReadOnlySet<DateOnly> Holidays => holidays;

    public IReadOnlySet<DateOnly> Workdays => workdays;

    /// <summary>Whether people are off on a day: a weekend that isn't worked, or a holiday.</summary>
    /// <param name="day">Days since 0001-01-01 (a Monday), local.</param>
    public bool IsOff(long day) => (ulong)(day - first) < (ulong)off.Length ? off[day - first] : SaturdayOrSunday(day);

    public static bool SaturdayOrSunday(long day) => day % 7 >= 5;
}
