namespace Vigil.Model;

/// <summary>
/// The precision of every store: DuckDB's and PostgreSQL's timestamps count microseconds. Every time is rounded to it on arrival, so that a
/// reading that is replayed from a store has the same time, and its findings the same key.
/// </summary>
public static class Microseconds
{
    /// <summary>Cuts off what is finer.</summary>
    public static DateTime ToMicroseconds(this DateTime time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMicrosecond));

    /// <summary>The nearest microsecond: decimal seconds read as a floating-point number are a little off.</summary>
    public static DateTime NearestMicrosecond(this DateTime time) =>
        time.Ticks > DateTime.MaxValue.Ticks - TimeSpan.TicksPerMicrosecond
            ? time.ToMicroseconds()
            : time.AddTicks(TimeSpan.TicksPerMicrosecond / 2).ToMicroseconds();
}
