using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.EntityFrameworkCore;

namespace Vigil.Web.Api;

/// <summary>
/// How many rows a list has in all. Counting a million rows may take longer than reading a page of them: a number above
/// <see cref="Exact"/> is kept so long that counting takes a thousandth of the time, an hour at most. Thread-safe.
/// </summary>
internal sealed class KeptCounts
{
    /// <summary>Up to here it is counted each time.</summary>
    public const int Exact = 10_000;

    private const int Most = 1000;
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, (int Count, long At, TimeSpan Good)> kept = new(StringComparer.Ordinal);

    /// <param name="within">The area of whoever asks.</param>
    public async Task<int> OfAsync<T>(IQueryable<T> query, string within, CancellationToken cancellation)
    {
        var key = $"{within}\n{query.ToQueryString()}";
        if (kept.TryGetValue(key, out var known) && Stopwatch.GetElapsedTime(known.At) < known.Good)
            return known.Count;
        var begun = Stopwatch.GetTimestamp();
        var count = await query.CountAsync(cancellation);
        if (count <= Exact)
            return count;
        if (kept.Count > Most)
            kept.Clear();
        var good = Stopwatch.GetElapsedTime(begun) * 1000;
        kept[key] = (count, begun, good < Longest ? good : Longest);
        return count;
    }
}
