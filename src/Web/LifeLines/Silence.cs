namespace Vigil.Web.LifeLines;

/// <summary>No device told of life.</summary>
/// <param name="From">The sign before it, UTC; where there is none, the beginning of what was looked at.</param>
/// <param name="Until">The sign after it; where there is none yet, the end of what was looked at.</param>
/// <param name="Longer">It may have begun earlier.</param>
public readonly record struct Silence(DateTime From, DateTime Until, bool Longer)
{
    public TimeSpan Length => Until - From;

    /// <summary>Pure.</summary>
    /// <param name="signs">Of all devices, in order of time.</param>
    /// <param name="begin">Since when signs are known.</param>
    /// <param name="end">Until when.</param>
    /// <param name="least">Shorter ones are left out.</param>
    public static IEnumerable<Silence> Of(IReadOnlyList<SignOfLife> signs, DateTime begin, DateTime end, TimeSpan least)
    {
        var (from, first) = (begin, true);
        foreach (var until in signs.Select(s => s.Time).Append(end))
        {
            if (until - from >= least)
                yield return new Silence(from, until, first);
            (from, first) = (until, false);
        }
    }
}
