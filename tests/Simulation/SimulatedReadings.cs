using System.Runtime.CompilerServices;
using Vigil.Model;
using Vigil.Storage.Readings;

namespace Vigil.Tests.Simulation;

/// <summary>
/// A readings store on a simulated disk. When the process dies, a batch that was not synced is lost, or a part of it is stored. Times are
/// kept to the microsecond, as in DuckDB.
/// </summary>
internal sealed class SimulatedReadings(Random random, InjectedFaults faults, Journal journal) : IReadingStore
{
    private readonly List<Reading> stored = [];
    private readonly HashSet<(string Device, string Metric, string Channel, DateTime Time)> keys = [],
        known = [];
    private readonly HashSet<(string Device, string Metric)> wrongClocks = [];
    private IReadOnlyList<Reading>? unsynced;

    public string? Concern => null;

    public int Count => stored.Count;

    /// <summary>How many starts could not read the stored readings; the rules then don't know what arrived after their snapshot.</summary>
    public int FailedReplays { get; private set; }

    /// <summary>
    /// Whether a reading is stored, under the device's time, or under its arrival when the service believes the device's clock is wrong.
    /// </summary>
    public bool Holds(string device, string metric, DateTime time) =>
        wrongClocks.Contains((device, metric)) || known.Contains((device, metric, "", ToMilliseconds(time)));

    public async Task AppendAsync(IReadOnlyList<Reading> readings, CancellationToken cancellation)
    {
        if (faults.Fails(Place.Readings))
        {
            if (!faults.IsDown(Place.Readings) && random.Next(2) == 0)
                Keep(readings, random.Next(readings.Count + 1)); // half of it was written, or all of it and the error is wrong
            journal.Cover("the readings' disk failed");
            throw new ReadingStoreException("the simulated disk failed");
        }

        unsynced = readings;
        await faults.PointAsync(Place.Readings, "sync of readings");
        Keep(readings, readings.Count);
        unsynced = null;
        await faults.PointAsync(Place.Readings, "between the sync of readings and the rules");
    }

    /// <summary>The process died: a part of the batch that was being written remains.</summary>
    public void Crash()
    {
        if (unsynced is null)
            return;
        journal.Cover("readings were torn by a crash");
        Keep(unsynced, random.Next(unsynced.Count + 1));
        unsynced = null;
    }

    public async IAsyncEnumerable<Reading> ReceivedSinceAsync(DateTime received, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await faults.PointAsync(Place.Readings, "replay of readings");
        if (faults.IsDown(Place.Readings))
        {
            FailedReplays++;
            journal.Cover("a start could not read what was stored");
            throw new ReadingStoreException("the simulated disk can't be read");
        }

        foreach (var reading in stored.Where(r => r.Received >= received).OrderBy(r => r.Received).ToList())
            yield return reading;
    }

    public async IAsyncEnumerable<Reading> QueryAsync(ReadingQuery query, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await faults.PointAsync(Place.Readings, "query of readings");
        var asked = stored.Where(r =>
            query.Devices.Contains(r.Device)
            && (query.Metric is null || r.Metric == query.Metric)
            && r.Time >= query.From
            && r.Time < query.To
        );
        foreach (var reading in asked.OrderBy(r => r.Time).Take(query.Limit).ToList())
            yield return reading;
    }

    public Task<string?> ProbeAsync(CancellationToken cancellation) => Task.FromResult<string?>(null);

    public Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation) => Task.CompletedTask;

    public Task DeleteAsync(IReadOnlyList<DeviceSpan> devices, CancellationToken cancellation) => Task.CompletedTask;

    public Task DeleteAsync(
        IReadOnlyList<DeviceSpan>? devices,
        IReadOnlyList<Metric> metrics,
        DateTime before,
        CancellationToken cancellation,
        DateTime from = default
    ) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>The time to the millisecond, as devices report it: a time that was a decimal number on its way is not exact.</summary>
    private static DateTime ToMilliseconds(DateTime time) =>
        new(
            (time.Ticks + TimeSpan.TicksPerMillisecond / 2) / TimeSpan.TicksPerMillisecond * TimeSpan.TicksPerMillisecond,
            DateTimeKind.Utc
        );

    private void Keep(IReadOnlyList<Reading> readings, int first)
    {
        for (var i = 0; i < first; i++)
        {
            var r = readings[i];
            r = r with { Time = r.Time.ToMicroseconds(), Received = r.Received.ToMicroseconds() };
            if (!keys.Add((r.Device.Value, r.Metric.Name, r.Channel, r.Time)))
                continue;
            known.Add((r.Device.Value, r.Metric.Name, r.Channel, ToMilliseconds(r.Time)));
            if (r.Has(ReadingFlags.ClockWrong))
                wrongClocks.Add((r.Device.Value, r.Metric.Name));
            stored.Add(r);
        }
    }
}
