using Quickenshtein;

namespace Vigil.Settings;

/// <summary>What somebody meant who wrote a name that isn't known.</summary>
public static class NearestName
{
    /// <returns>Null where none is near.</returns>
    public static string? Of(string written, IEnumerable<string> known)
    {
        var (least, nearest) = (int.MaxValue, "");
        foreach (var name in known)
        {
            var distance = Levenshtein.GetDistance(name.TrimStart('-').ToUpperInvariant(), written.ToUpperInvariant());
            if (distance < least)
                (least, nearest) = (distance, name);
        }

        return least <= Math.Max(2, written.Length / 3) ? nearest : null;
    }
}
