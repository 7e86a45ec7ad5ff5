using System.Runtime.CompilerServices;
using Vigil.Model;

namespace Vigil.Storage.Readings;

/// <summary>Reads what devices measured in one home. Everything that shows or judges a person's past reads it this way.</summary>
public static class HomeReadings
{
    /// <summary>
    /// The queries that together find a home's readings: nearly always one. Two meters of one home, or one that came back after a while
    /// elsewhere, are in queries of their own, so that no use is counted from the total of one to that of the other.
    /// </summary>
    public static IEnumerable<ReadingQuery> Queries(
        this IReadOnlyList<DeviceSpan> devices,
        Metric? metric,
        DateTime from,
        DateTime to,
        int limit = int.MaxValue,
        TimeSpan? thinned = null
    ) =>
        devices
            .Select(d => (d.Device, From: d.From > from ? d.From : from, To: d.Until < to ? d.Until : to))
            .Where(d => d.From < d.To)
            .GroupBy(d => (d.From, d.To))
            .Select(g => new ReadingQuery([.. g.Select(d => d.Device).Distinct()], metric, g.Key.From, g.Key.To, limit)
            {
                Thinned = thinned,
            });

    /// <summary>A home's readings in order of time.</summary>
    /// <param name="store">Where readings are.</param>
    /// <param name="devices">When which devices were in the home.</param>
    /// <param name="metric">One metric; null for all.</param>
    /// <param name="from">Inclusive.</param>
    /// <param name="to">Exclusive.</param>
    /// <param name="limit">At most so many, the earliest ones.</param>
    /// <param name="thinned">As <see cref="ReadingQuery.Thinned"/>.</param>
    /// <param name="cancellation">Stops between readings.</param>
    /// <exception cref="ReadingStoreException">The readings could not be read.</exception>
    public static async IAsyncEnumerable<Reading> QueryAsync(
        this IReadingStore store,
        IReadOnlyList<DeviceSpan> devices,
        Metric? metric,
        DateTime from,
        DateTime to,
        [EnumeratorCancellation] CancellationToken cancellation,
        int limit = int.MaxValue,
        TimeSpan? thinned = null
    )
    {
        var queries = devices.Queries(metric, from, to, limit, thinned).ToList();
        var open = new List<IAsyncEnumerator<Reading>>();
        try
        {
            var next = new PriorityQueue<IAsyncEnumerator<Reading>, (DateTime Time, int Of)>();
            for (var of = 0; of < queries.Count; of++)
            {
                open.Add(store.QueryAsync(queries[of], cancellation).GetAsyncEnumerator(cancellation));
                if (await open[of].MoveNextAsync())
                    next.Enqueue(open[of], (open[of].Current.Time, of));
            }

            while (limit-- > 0 && next.TryDequeue(out var rows, out var place))
            {
                yield return rows.Current;
                if (await rows.MoveNextAsync())
                    next.Enqueue(rows, (rows.Current.Time, place.Of));
            }
        }
        finally
        {
            foreach (var rows in open)
                await rows.DisposeAsync();
        }
    }
}
