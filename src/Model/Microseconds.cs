namespace Vigil.Model;

/// <summary>
/// The precision that every store keeps: DuckDB's and PostgreSQL's timestamps count microseconds. Every moment that enters has it, so that
/// a reading that is replayed from a store says the same of the same moment and a finding keeps its key.
/// </summary>
public static class Microseconds
{
    /// <summary>What is finer is cut off.</summary>
    public static DateTime ToMicroseconds(this DateTime time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMicrosecond));

    /// <summary>The nearest microsecond: a device's decimal seconds as a floating-point number lie a little beside what it said.</summary>
    public static DateTime NearestMicrosecond(this DateTime time) =>
        time.Ticks > DateTime.MaxValue.Ticks - TimeSpan.TicksPerMicrosecond
            ? time.ToMicroseconds()
            : time.AddTicks(TimeSpan.TicksPerMicrosecond / 2).ToMicroseconds();
}
