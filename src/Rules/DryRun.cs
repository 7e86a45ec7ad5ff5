using Vigil.Model;

namespace Vigil.Rules;

/// <summary>An alarm that would have been raised.</summary>
/// <param name="Raised">UTC, reading time.</param>
/// <param name="Cleared">When it would have ended by itself; null when it had not by the end.</param>
public sealed record DryAlarm(AlarmKind Kind, Severity Severity, DateTime Raised, DateTime? Cleared, string Reason, string ReasonZh);

/// <summary>
/// What the rules would have found in one resident's stored readings: the same engine, whose clock follows the arrivals of the readings.
/// </summary>
public static class DryRun
{
    /// <param name="rules">The rules to try.</param>
    /// <param name="zone">Where the home is.</param>
    /// <param name="facts">The resident as registered now.</param>
    /// <param name="readings">Of the resident's devices, in any order.</param>
    /// <param name="from">Earlier readings only teach the rules; their alarms are left out.</param>
    /// <param name="to">How far the clock runs on after the last reading.</param>
    public static IReadOnlyList<DryAlarm> Of(
        RuleSet rules,
        TimeZoneInfo zone,
        ResidentFacts facts,
        IEnumerable<Reading> readings,
        DateTime from,
        DateTime to
    )
    {
        var engine = new RuleEngine(rules, zone);
        var findings = new List<Finding>();
        var open = new Dictionary<string, DryAlarm>(StringComparer.Ordinal);
        var all = new List<(string Episode, DryAlarm Alarm)>();
        engine.Put(facts);
        foreach (var reading in readings.OrderBy(r => r.Received).ThenBy(r => r.Time))
        {
            engine.AdvanceTo(reading.Received.AddTicks(-1), findings);
            engine.Apply(facts.Id, reading, findings);
            Take();
        }

        engine.AdvanceTo(to, findings);
        Take();
        return [.. all.Select(a => open.GetValueOrDefault(a.Episode, a.Alarm)).Where(a => a.Raised >= from)];

        void Take()
        {
            foreach (var f in findings)
            {
                if (open.TryGetValue(f.Episode, out var known))
                    open[f.Episode] = known with
                    {
                        Severity = f.Severity > known.Severity ? f.Severity : known.Severity,
                        Cleared = f.Change == FindingChange.Cleared ? f.Time : known.Cleared,
                    };
                else if (f.Change != FindingChange.Cleared)
                {
                    open[f.Episode] = new DryAlarm(f.Kind, f.Severity, f.Time, null, f.Reason, f.ReasonZh);
                    all.Add((f.Episode, open[f.Episode]));
                }
            }

            findings.Clear();
        }
    }
}
