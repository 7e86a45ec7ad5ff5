using System.Globalization;

namespace Vigil.Notify.Escalation;

/// <summary>A span of local time of day such as <c>22:00-07:00</c>; it may go over midnight. The end does not belong to it.</summary>
public readonly record struct Hours(TimeOnly From, TimeOnly Until)
{
    public static bool TryParse(string? text, out Hours hours)
    {
        hours = default;
        if (text?.Split('-') is not [var from, var until])
            return false;
        if (
            !TimeOnly.TryParseExact(from.Trim(), "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var a)
            || !TimeOnly.TryParseExact(until.Trim(), "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var b)
            || a == b
        )
            return false;
        hours = new Hours(a, b);
        return true;
    }

    public bool Contains(TimeOnly time) => time.IsBetween(From, Until);

    /// <summary>When the span that a moment lies in ends; the moment itself when it lies in none. UTC in and out.</summary>
    public DateTime EndOf(DateTime utc, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTimeFromUtc(utc, zone);
        if (!Contains(TimeOnly.FromDateTime(local)))
            return utc;
        var end = local.Date + Until.ToTimeSpan();
        return utc + ((end <= local ? end.AddDays(1) : end) - local);
    }

    public override string ToString() => $"{From:HH\\:mm}-{Until:HH\\:mm}";
}
