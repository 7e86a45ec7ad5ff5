namespace Vigil.Storage.Readings.DuckDb;

/// <summary>
/// The latest times of one series, so that a redelivery is known for one. A ring: memory stays the same however long the series lives.
/// </summary>
internal sealed class RecentTimes(int capacity)
{
    private readonly long[] ticks = new long[capacity];
    private int next;

    /// <summary>True the first time a time is seen; false as long as it is among the latest <c>capacity</c> ones.</summary>
    public bool Add(long time)
    {
        if (Array.IndexOf(ticks, time) >= 0)
            return false;
        ticks[next] = time;
        next = next + 1 == ticks.Length ? 0 : next + 1;
        return true;
    }
}
