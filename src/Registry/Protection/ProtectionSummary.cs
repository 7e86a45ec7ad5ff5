namespace Vigil.Registry.Protection;

/// <summary>How many homes are protected now.</summary>
/// <param name="At">When it was last looked at, UTC; null: not yet.</param>
/// <param name="Homes">In the registry, of this area and class.</param>
/// <param name="Protected">Of them.</param>
/// <param name="ByGap">Homes that lack something, by what; a home may lack several things.</param>
public sealed record ProtectionSummary(DateTime? At, int Homes, int Protected, IReadOnlyDictionary<ProtectionGap, int> ByGap);

/// <summary>Which homes are asked for.</summary>
/// <param name="Within">Area that the asker is bound to; empty for all.</param>
/// <param name="Area">Of this area alone; empty for all.</param>
/// <param name="KeyClass">Key (重点) or general (一般) alone; null for both.</param>
public readonly record struct ProtectionFilter(string Within, string Area = "", bool? KeyClass = null)
{
    internal bool Takes(string area, bool keyClass) =>
        area.StartsWith(Within, StringComparison.Ordinal)
        && area.StartsWith(Area, StringComparison.Ordinal)
        && (KeyClass is not { } key || key == keyClass);
}

/// <summary>Counts of each village and class, so that no page counts all homes.</summary>
internal sealed class ProtectionCounts
{
    private readonly Dictionary<(string Area, bool KeyClass), int[]> counts = [];

    private static int Kinds => ProtectionGaps.All.Count;

    public void Add(GuardedHome home)
    {
        if (!counts.TryGetValue((home.Area, home.KeyClass), out var of))
            counts[(home.Area, home.KeyClass)] = of = new int[Kinds + 2];
        of[Kinds]++;
        if (home.IsProtected)
            of[Kinds + 1]++;
        for (var gaps = home.Gaps; gaps != 0; gaps &= gaps - 1)
            of[int.TrailingZeroCount(gaps)]++;
    }

    public ProtectionSummary Sum(ProtectionFilter filter, DateTime? at)
    {
        var sum = new int[Kinds + 2];
        foreach (var ((area, key), of) in counts)
            if (filter.Takes(area, key))
                for (var i = 0; i < sum.Length; i++)
                    sum[i] += of[i];
        return new ProtectionSummary(at, sum[Kinds], sum[Kinds + 1], ProtectionGaps.All.ToDictionary(g => g, g => sum[(int)g]));
    }
}
