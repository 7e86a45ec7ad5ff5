using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>A county, town or village. While heightened watch is on, rules are stricter and more visits are planned.</summary>
public sealed class Area
{
    /// <summary>6, 9 or 12 digits.</summary>
    public required string Code { get; set; }
    public required string Name { get; set; }
    public DateTime? WatchFrom { get; set; }
    public DateTime? WatchUntil { get; set; }
    public string WatchReason { get; set; } = "";
}

/// <summary>Staff at the duty desk of a town or county (值班人员), or a supervisor.</summary>
public sealed class DutyOfficer
{
    public required string Id { get; set; }
    public required string Name { get; set; }
    public required string Area { get; set; }
    public string Phone { get; set; } = "";
    public string Mail { get; set; } = "";
    public string Webhook { get; set; } = "";
    public string Language { get; set; } = "zh";
    public bool Supervisor { get; set; }

    /// <summary>Who takes this officer's shifts while they are away.</summary>
    public string? SubstituteId { get; set; }

    /// <summary>First and last day away, local days of the service's time zone; null leaves that side open, both null: not away.</summary>
    public DateOnly? AwayFrom { get; set; }
    public DateOnly? AwayUntil { get; set; }
}

/// <summary>
/// A line of the rota (值班表): somebody is on duty in these hours on these weekdays. Who has no line at all is always on duty; who has some,
/// in these alone. Local days and hours of the service's time zone.
/// </summary>
public sealed class Shift
{
    public Guid Id { get; set; }

    /// <summary>officer:{id} or visitor:{id}.</summary>
    public required string Who { get; set; }

    /// <summary>The weekdays it begins on, a bit each: Monday 1, Tuesday 2, … Sunday 64.</summary>
    public int Days { get; set; } = 127;

    /// <summary>From this time of day…</summary>
    public TimeOnly From { get; set; }

    /// <summary>…up to this one, which does not belong to it; the same or an earlier one lies on the next day.</summary>
    public TimeOnly Until { get; set; }

    /// <summary>First and last day it begins on; null leaves that side open.</summary>
    public DateOnly? FirstDay { get; set; }
    public DateOnly? LastDay { get; set; }

    /// <summary>Whether a local moment lies in it; a night shift belongs to the day on which it begins.</summary>
    public bool Covers(DateTime local)
    {
        var (day, time) = (DateOnly.FromDateTime(local), TimeOnly.FromDateTime(local));
        if (From < Until)
            return BeginsOn(day) && time >= From && time < Until;
        return (BeginsOn(day) && time >= From) || (BeginsOn(day.AddDays(-1)) && time < Until);
    }

    private bool BeginsOn(DateOnly day) =>
        (Days >> (((int)day.DayOfWeek + 6) % 7) & 1) == 1 && (FirstDay is null || day >= FirstDay) && (LastDay is null || day <= LastDay);
}
