using Vigil.Model;

namespace Vigil.Rules;

/// <summary>
/// One partition of residents: (state, reading or tick, settings) → (state, findings). Pure: no I/O, no clock of its own, no randomness.
/// Not thread-safe: one owner at a time.
/// </summary>
public sealed class RuleEngine
{
    public RuleEngine(RuleSet rules, TimeZoneInfo zone)
    {
        Rules = rules;
        Zone = zone;
    }

    public RuleSet Rules { get; private set; }

    public TimeZoneInfo Zone { get; }

    /// <summary>When <see cref="AdvanceTo"/> has something to do next; null when nothing is awaited.</summary>
    public DateTime? NextDue { get; private set; }

    /// <summary>Adds a resident or replaces what is known; learned state is kept.</summary>
    public void Put(ResidentFacts facts) => throw new NotSupportedException();

    public void Remove(ResidentId resident) => throw new NotSupportedException();

    /// <summary>Replaces the rules without losing state.</summary>
    public void Use(RuleSet rules) => Rules = rules;

    /// <summary>Takes one reading of a resident's device.</summary>
    public void Apply(ResidentId resident, in Reading reading, List<Finding> into) => throw new NotSupportedException();

    /// <summary>Lets time pass up to a moment of arrival time: what was due by then is found. Called only when the queue before it has been applied (invariant 3).</summary>
    public void AdvanceTo(DateTime now, List<Finding> into) => throw new NotSupportedException();

    /// <summary>Writes all state; <see cref="Load"/> reads it back, and the readings that arrived since are applied again.</summary>
    public void Save(Stream stream) => throw new NotSupportedException();

    public void Load(Stream stream) => throw new NotSupportedException();
}

/// <summary>The rules in force: kinds, parameters and whom they apply to, read from <c>config/rules.yaml</c>.</summary>
public sealed class RuleSet
{
    /// <summary>Reads a rules file; all its problems come at once, and then there is no rule set.</summary>
    public static RuleSet? Load(string path, List<Problem> problems) => throw new NotSupportedException();
}
