using System.Globalization;

namespace Vigil.Village;

/// <summary>What somebody in the village does, and when.</summary>
/// <param name="At">Time since the first midnight of the scenario, local.</param>
/// <param name="Resident">R01, R02…</param>
/// <param name="What">still, presses-sos, walks-away.</param>
public sealed record ScenarioLine(TimeSpan At, string Resident, string What);

/// <summary>
/// A scenario as text, a line each: <c>day time resident what</c>, such as <c>-1 21:40 R07 still</c>. Day 0 is the day the village wakes
/// up; <c>#</c> starts a comment.
/// </summary>
public static class Scenario
{
    public static readonly string[] Words = ["still", "presses-sos", "walks-away"];

    /// <exception cref="FormatException">Names the line and what stands there.</exception>
    public static IReadOnlyList<ScenarioLine> Parse(string text)
    {
        var lines = new List<ScenarioLine>();
        var number = 0;
        foreach (var raw in text.Split('\n'))
        {
            number++;
            var line = raw.Split('#')[0].Trim();
            if (line.Length == 0)
                continue;
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (
                parts.Length != 4
                || !int.TryParse(parts[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var day)
                || !TimeSpan.TryParseExact(parts[1], @"hh\:mm", CultureInfo.InvariantCulture, out var time)
                || !Words.Contains(parts[3])
            )
                throw new FormatException($"scenario line {number}: '{line}': expected 'day hh:mm resident {string.Join('|', Words)}'");
            lines.Add(new ScenarioLine(TimeSpan.FromDays(day) + time, parts[2], parts[3]));
        }

        return [.. lines.OrderBy(l => l.At)];
    }
}
