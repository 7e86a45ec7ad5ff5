using Vigil.Model;

namespace Vigil.Rules;

/// <summary>
/// Runs the rules over recorded readings of many homes, in sequence or mixed: each home's clock follows its own newest reading. Outages of
/// a village are not found this way.
/// </summary>
public sealed class Replay(RuleSet rules, TimeZoneInfo zone)
{
    private readonly RuleEngine engine = new(rules, zone) { Replaying = true };
    private Home? home;

    /// <summary>Homes so far.</summary>
    public int Count => engine.Count;

    /// <summary>One more reading of a home, in the order of arrival.</summary>
    /// <param name="resident">Fastest when the same string object is passed for consecutive readings of a home.</param>
    public void Apply(string resident, in Reading reading, List<Finding> into)
    {
        if (!ReferenceEquals(home?.Id, resident))
            home = engine.Find(resident) ?? engine.Add(resident);
        var received = reading.Received.Ticks;
        // A silence between two readings of a home is found as it would have been live.
        if (home.QueuedDue < received)
            engine.AdvanceHome(home, received - 1, into);
        engine.Apply(home, reading, into);
        if (home.QueuedDue <= received)
            engine.AdvanceHome(home, received, into);
    }
}
