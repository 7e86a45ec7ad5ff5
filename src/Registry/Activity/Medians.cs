namespace Vigil.Registry.Activity;

/// <summary>What is usual and how far days stray from it, so that a few odd days don't count.</summary>
internal static class Medians
{
    public static double Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count == 0 ? double.NaN
            : sorted.Count % 2 == 1 ? sorted[sorted.Count / 2]
            : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }

    /// <summary>The median absolute deviation from a median.</summary>
    public static double Deviation(IEnumerable<double> values, double median) => Of(values.Select(v => Math.Abs(v - median)));
}
