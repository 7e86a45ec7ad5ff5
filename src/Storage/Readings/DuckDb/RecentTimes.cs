namespace Vigil.Storage.Readings.DuckDb;

/// <summary>
/// The latest times of one series, by which a redelivered reading is recognised. A ring buffer: it never grows.
/// </summary>
internal sealed class RecentTimes(int capacity)
{
    private readonly long[] ticks = new long[capacity];
    private int next;

    /// <summary>True for a time that is not among the latest <c>capacity</c> ones.</summary>
    public bool Add(long time)
    {
        if (Array.IndexOf(ticks, time) >= 0)
            return false;
        ticks[next] = time;
        next = next + 1 == ticks.Length ? 0 : next + 1;
        return true;
    }
}
