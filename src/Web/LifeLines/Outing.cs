using Vigil.Model;

namespace Vigil.Web.LifeLines;

/// <summary>Somebody seems to have left the home.</summary>
/// <param name="From">When the door was last heard of, UTC.</param>
/// <param name="Until">The next sign of life; null while there is none yet.</param>
public readonly record struct Outing(DateTime From, DateTime? Until)
{
    /// <summary>A pause after the door that is shorter says nothing.</summary>
    public static readonly TimeSpan Least = TimeSpan.FromMinutes(30);

    /// <summary>
    /// Pure. A door is opened or closed, and then nothing in the home tells of life for half an hour or longer. Whoever fell behind the
    /// door after coming home looks the same: an outing is shown beside a silence, never in its place.
    /// </summary>
    /// <param name="signs">Of all devices, in order of time.</param>
    /// <param name="end">Until when signs are known.</param>
    public static IEnumerable<Outing> Of(IReadOnlyList<SignOfLife> signs, DateTime end)
    {
        for (var i = 0; i < signs.Count; i++)
        {
            DateTime? next = i + 1 < signs.Count ? signs[i + 1].Time : null;
            if (signs[i].Metric.Life.Sense == LifeSense.Door && (next ?? end) - signs[i].Time >= Least)
                yield return new Outing(signs[i].Time, next);
        }
    }
}
