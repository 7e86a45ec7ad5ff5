using System.Runtime.CompilerServices;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// Queries readings in order of arrival. InfluxDB has an index on the time of measurement only; the arrival is a field, and a search by it
/// would read the whole database. Nearly all readings arrive within an hour of their measurement, so an hour around is searched. For the
/// others (batches that a meter kept, clocks that are wrong) a point of the measurement <c>vigil.arrival</c>, written in the same request
/// at the time of arrival, says of which device they are and when they were measured.
/// </summary>
internal sealed class Arrivals(InfluxApi api, Func<string, Task<List<Reading>>> select, TimeProvider clock)
{
    /// <summary>Readings that arrive within this time of their measurement need no point of their own.</summary>
    private static readonly TimeSpan Usual = TimeSpan.FromHours(1);

    /// <summary>How many readings one query should return: the window of arrival times grows and shrinks towards it.</summary>
    private const int ReadingsAimedAt = 100_000;

    private const int DevicesInOneQuery = 50;

    /// <summary>Adds the points of <c>vigil.arrival</c> that a batch needs to its lines.</summary>
    public static void WriteUnusual(IReadOnlyList<Reading> readings, PooledBytes lines)
    {
        Dictionary<(DeviceId, DateTime), (DateTime Oldest, DateTime Newest)>? unusual = null;
        for (var i = 0; i < readings.Count; i++)
        {
            var reading = readings[i];
            if ((reading.Received - reading.Time).Duration() < Usual)
                continue;
            unusual ??= [];
            var key = (reading.Device, reading.Received);
            var (oldest, newest) = unusual.GetValueOrDefault(key, (reading.Time, reading.Time));
            unusual[key] = (reading.Time < oldest ? reading.Time : oldest, reading.Time > newest ? reading.Time : newest);
        }

        if (unusual is null)
            return;
        foreach (var ((device, received), (oldest, newest)) in unusual)
            LineProtocol.WriteArrival(lines, device, received, oldest, newest);
    }

    public async IAsyncEnumerable<Reading> SinceAsync(DateTime received, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var window = TimeSpan.FromHours(1);
        for (var from = received; ; )
        {
            // The last window has no end: it includes what arrives meanwhile, and what arrived before the clock was set back.
            DateTime? to = from + window < now ? from + window : null;
            var found = await WindowAsync(from, to, cancellation);
            foreach (var reading in found.OrderBy(r => r.Received).ThenBy(r => r.Time))
                yield return reading;
            if (to is not { } next)
                yield break;
            from = next;
            if (found.Count < ReadingsAimedAt / 2 && window < TimeSpan.FromDays(60))
                window *= 2;
            else if (found.Count > ReadingsAimedAt * 2 && window > TimeSpan.FromMinutes(1))
                window /= 2;
        }
    }

    private async Task<List<Reading>> WindowAsync(DateTime from, DateTime? to, CancellationToken cancellation)
    {
        var arrived =
            $"\"received\" >= {LineProtocol.Nanoseconds(from)}" + (to is { } t ? $" AND \"received\" < {LineProtocol.Nanoseconds(t)}" : "");
        var measured =
            $"time > {LineProtocol.Nanoseconds(from - Usual)}" + (to is { } u ? $" AND time < {LineProtocol.Nanoseconds(u + Usual)}" : "");
        var found = await select($"{measured} AND {arrived}");
        var unusual = await UnusualAsync(from, to, cancellation);
        if (unusual.Count == 0)
            return found;
        var seen = found.Select(r => (r.Device, r.Metric, r.Channel, r.Time)).ToHashSet();
        foreach (var some in unusual.Chunk(DevicesInOneQuery))
        {
            // InfluxQL doesn't allow times within OR, so one range covers all of these devices.
            var devices = string.Join(" OR ", some.Select(d => $"\"device\" = '{InfluxApi.Quoted(d.Key)}'"));
            var range = $"time >= {some.Min(d => d.Value.Oldest)} AND time <= {some.Max(d => d.Value.Newest)}";
            foreach (var reading in await select($"({devices}) AND {range} AND {arrived}"))
                if (seen.Add((reading.Device, reading.Metric, reading.Channel, reading.Time)))
                    found.Add(reading);
        }

        return found;
    }

    private async Task<Dictionary<string, (long Oldest, long Newest)>> UnusualAsync(
        DateTime from,
        DateTime? to,
        CancellationToken cancellation
    )
    {
        var unusual = new Dictionary<string, (long Oldest, long Newest)>(StringComparer.Ordinal);
        var when = $"time >= {LineProtocol.Nanoseconds(from)}" + (to is { } t ? $" AND time < {LineProtocol.Nanoseconds(t)}" : "");
        await foreach (
            var series in api.QueryAsync(
                $"SELECT \"oldest\"::field, \"newest\"::field, \"device\"::tag FROM \"vigil.arrival\" WHERE {when}",
                changes: false,
                cancellation
            )
        )
        {
            foreach (var row in series.GetProperty("values").EnumerateArray())
            {
                if (row[3].GetString() is not { } device)
                    continue;
                var (oldest, newest) = unusual.GetValueOrDefault(device, (long.MaxValue, long.MinValue));
                unusual[device] = (Math.Min(oldest, row[1].GetInt64()), Math.Max(newest, row[2].GetInt64()));
            }
        }

        return unusual;
    }
}
