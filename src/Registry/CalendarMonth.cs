namespace Vigil.Registry;

/// <summary>Calendar months in the service's time zone.</summary>
internal static class CalendarMonth
{
    /// <summary>The month of a moment, by its first day.</summary>
    public static DateOnly Of(DateTime time, TimeZoneInfo zone)
    {
        var day = TimeZoneInfo.ConvertTimeFromUtc(time, zone);
        return new DateOnly(day.Year, day.Month, 1);
    }

    /// <summary>When a month begins, UTC.</summary>
    public static DateTime StartOf(DateOnly month, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTimeToUtc(month.ToDateTime(TimeOnly.MinValue, DateTimeKind.Unspecified), zone);
}
