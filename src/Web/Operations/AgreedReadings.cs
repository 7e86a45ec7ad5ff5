using System.Runtime.CompilerServices;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>
/// The stored readings of a home as far as the resident agrees that they are seen. What was stored before a withdrawal is there until the
/// retention ends it, and is not shown. A position that came with a press is: help has to find the person.
/// </summary>
internal static class AgreedReadings
{
    /// <param name="store">Where readings are.</param>
    /// <param name="refused">By the resident.</param>
    /// <param name="devices">When which devices were in the home.</param>
    /// <param name="metric">One metric; null for all.</param>
    /// <param name="from">Inclusive.</param>
    /// <param name="to">Exclusive.</param>
    /// <param name="cancellation">Stops between readings.</param>
    /// <param name="limit">At most so many, the earliest ones.</param>
    public static async IAsyncEnumerable<Reading> QueryAsync(
        IReadingStore store,
        Refusals refused,
        IReadOnlyList<DeviceSpan> devices,
        Metric? metric,
        DateTime from,
        DateTime to,
        [EnumeratorCancellation] CancellationToken cancellation,
        int limit = int.MaxValue
    )
    {
        if (refused == Refusals.None)
        {
            await foreach (var reading in store.QueryAsync(devices, metric, from, to, cancellation, limit))
                yield return reading;
            yield break;
        }

        if (metric is { } one && one.Class != DataClass.Whereabouts && (one.EndedBy & refused) != 0)
            yield break;
        var presses = new HashSet<(DeviceId, DateTime)>();
        if (metric is null or { Class: DataClass.Whereabouts })
            foreach (var call in new[] { Metric.Button, Metric.VoiceHelp })
            await foreach (var press in store.QueryAsync(devices, call, from, to, cancellation))
                presses.Add((press.Device, press.Time));
        var left = limit;
        await foreach (var reading in store.QueryAsync(devices, metric, from, to, cancellation))
        {
            if (
                (reading.Metric.EndedBy & refused) != 0
                && !(reading.Metric.Class == DataClass.Whereabouts && presses.Contains((reading.Device, reading.Time)))
            )
                continue;
            if (left-- <= 0)
                yield break;
            yield return reading;
        }
    }
}
