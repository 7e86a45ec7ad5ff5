using System.Runtime.CompilerServices;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// Readings in order of arrival. InfluxDB finds points by the time they were measured at; their arrival is a field, and looking for it
/// everywhere would read the whole database. Nearly all readings arrive within the hour, so that hour is looked through; for the others
/// (frozen batches, clocks that are wrong) the measurement <c>vigil.arrival</c> says, at the time of arrival, of which device and from when
/// they are. It is written in the same request.
/// </summary>
internal sealed class Arrivals(InfluxApi api, Func<string, Task<List<Reading>>> select, TimeProvider clock)
{
    private static readonly TimeSpan Usual = TimeSpan.FromHours(1);

    /// <summary>So many readings of one answer are aimed at: the window of arrival times grows and shrinks to it.</summary>
    private const int Aim = 100_000;

    /// <summary>Devices asked for in one query.</summary>
    private const int Together = 50;

    public static void Note(IReadOnlyList<Reading> readings, PooledBytes lines)
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
            // The last window is open: what arrives meanwhile, or by a clock that has gone back since, is not left out.
            DateTime? to = from + window < now ? from + window : null;
            var found = await WindowAsync(from, to, cancellation);
            foreach (var reading in found.OrderBy(r => r.Received).ThenBy(r => r.Time))
                yield return reading;
            if (to is not { } next)
                yield break;
            from = next;
            if (found.Count < Aim / 2 && window < TimeSpan.FromDays(60))
                window *= 2;
            else if (found.Count > Aim * 2 && window > TimeSpan.FromMinutes(1))
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
        foreach (var some in unusual.Chunk(Together))
        {
            // InfluxQL takes no times within OR: one range for all of them.
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
