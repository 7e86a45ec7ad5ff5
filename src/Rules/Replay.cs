using Vigil.Model;

namespace Vigil.Rules;

/// <summary>
/// The rules over recorded readings of many homes, which may follow each other or be mixed: for each home the clock stands at its own
/// newest reading. An outage of a village is not seen this way.
/// </summary>
public sealed class Replay(RuleSet rules, TimeZoneInfo zone)
{
    private readonly RuleEngine engine = new(rules, zone) { Replaying = true };
    private Home? home;

    /// <summary>Homes so far.</summary>
    public int Count => engine.Count;

    /// <summary>One more reading of a home, in the order of arrival.</summary>
    /// <param name="resident">The same string for the same home again and again is the fastest.</param>
    public void Apply(string resident, in Reading reading, List<Finding> into)
    {
        if (!ReferenceEquals(home?.Id, resident))
            home = engine.Find(resident) ?? engine.Add(resident);
        var received = reading.Received.Ticks;
        // Silence between two readings of a home is noticed as it would have been live.
        if (home.QueuedDue < received)
            engine.AdvanceHome(home, received - 1, into);
        engine.Apply(home, reading, into);
        if (home.QueuedDue <= received)
            engine.AdvanceHome(home, received, into);
    }
}
