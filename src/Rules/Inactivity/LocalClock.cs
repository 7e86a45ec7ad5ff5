namespace Vigil.Rules.Inactivity;

/// <summary>The offset of local time, asked of the time zone once an hour.</summary>
internal struct LocalClock()
{
    /// <summary>Local time minus UTC, ticks.</summary>
    public long Offset { get; set; }

    /// <summary>The hour for which it was asked, since 0001-01-01 UTC.</summary>
    public long Hour { get; set; } = -1;

    public void Set(long utc, TimeZoneInfo zone)
    {
        if (utc / TimeSpan.TicksPerHour == Hour)
            return;
        Hour = utc / TimeSpan.TicksPerHour;
        Offset = zone.GetUtcOffset(new DateTime(utc, DateTimeKind.Utc)).Ticks;
    }
}
