namespace Vigil.Rules;

/// <summary>
/// When the service itself could not hear its devices (stopped, the broker unreachable): such time doesn't count as silence of devices
/// (invariant 3). Times are UTC ticks.
/// </summary>
internal sealed class Downtimes
{
    private const int Most = 64;

    /// <summary>Not overlapping, in no order.</summary>
    public List<(long From, long Until)> All { get; } = [];

    /// <summary>Adds a downtime. One that overlaps known ones is merged with them, so that nothing counts twice.</summary>
    public void Add(long from, long until)
    {
        for (var i = All.Count - 1; i >= 0; i--)
        {
            if (All[i].Until < from || All[i].From > until)
                continue;
            from = Math.Min(from, All[i].From);
            until = Math.Max(until, All[i].Until);
            All.RemoveAt(i);
        }

        if (All.Count == Most)
            All.RemoveAt(0);
        All.Add((from, until));
    }

    /// <summary>The moment at which the service has listened for <paramref name="allowed"/> since <paramref name="since"/>.</summary>
    public long ListenedFor(long since, long allowed)
    {
        var at = since + allowed;
        foreach (var (from, until) in All)
        {
            if (until <= since || from >= at)
                continue;
            at += until - Math.Max(from, since);
        }

        return at;
    }

    /// <summary>Moves all of them with the service's clock.</summary>
    public void Move(long by)
    {
        for (var i = 0; i < All.Count; i++)
            All[i] = (All[i].From + by, All[i].Until + by);
    }
}
