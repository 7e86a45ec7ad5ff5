namespace Vigil.Rules.Inactivity;

/// <summary>The offset of local time, asked of the time zone once an hour.</summary>
internal struct LocalClock()
{
    private int offsetSeconds;
    private int hour = -1;

    /// <summary>Local time minus UTC, ticks. Zones have whole minutes.</summary>
    public long Offset
    {
        readonly get => offsetSeconds * TimeSpan.TicksPerSecond;
        set => offsetSeconds = (int)(value / TimeSpan.TicksPerSecond);
    }

    /// <summary>The hour for which it was asked, since 0001-01-01 UTC.</summary>
    public long Hour
    {
        readonly get => hour;
        set => hour = (int)value;
    }

    public void Set(long utc, TimeZoneInfo zone)
    {
        if (utc / TimeSpan.TicksPerHour == Hour)
            return;
        Hour = utc / TimeSpan.TicksPerHour;
        Offset = zone.GetUtcOffset(new DateTime(utc, DateTimeKind.Utc)).Ticks;
    }
}
