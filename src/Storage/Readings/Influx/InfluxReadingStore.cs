using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// InfluxDB over its line protocol. A point (metric, device, channel, time) overwrites itself, so a redelivery changes nothing but its
/// arrival time. No append waits for a server that is down longer than Influx:PatienceMilliseconds: then it is made durable in a
/// <see cref="Spool"/> on disk (<see cref="Delivery"/>). What is in the spool can't be queried yet.
/// </summary>
public sealed partial class InfluxReadingStore : IReadingStore
{
    private static readonly TimeSpan BucketCheckEvery = TimeSpan.FromSeconds(30);

    private readonly InfluxApi api;
    private readonly Spool spool;
    private readonly Delivery delivery;
    private readonly RefusedLines refused;
    private readonly TimeProvider clock;
    private readonly ILogger<InfluxReadingStore> log;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task checking;
    private volatile string? bucketTrouble;

    public InfluxReadingStore(
        InfluxOptions options,
        string spoolFolder,
        HttpClient http,
        TimeProvider clock,
        ILogger<InfluxReadingStore> log,
        Meter? meter = null
    )
    {
        this.clock = clock;
        this.log = log;
        spool = new Spool(spoolFolder, options.SpoolBytes, clock);
        refused = new RefusedLines(Path.Combine(spoolFolder, "refused.jsonl"));
        api = new InfluxApi(options, http, clock, Refuse);
        meter?.CreateObservableGauge("vigil_spool_bytes", () => spool.State.Bytes, "By", "Readings that wait on disk for InfluxDB");
        meter?.CreateObservableGauge("vigil_spool_cap_bytes", () => options.SpoolBytes, "By", "How much may wait on disk for InfluxDB");
        meter?.CreateObservableGauge(
            "vigil_spool_oldest_seconds",
            () => spool.State.Oldest is { } oldest ? (clock.GetUtcNow().UtcDateTime - oldest).TotalSeconds : 0,
            "s",
            "For how long the oldest reading has waited for InfluxDB"
        );
        meter?.CreateObservableCounter(
            "vigil_lines_refused",
            () => refused.Count,
            description: "Points InfluxDB will never take; kept in refused.jsonl with its reason"
        );
        delivery = new Delivery(options, api, spool, clock, log);
        checking = Task.Run(() => CheckBucketAsync(stopping.Token));
    }

    /// <summary>
    /// A point that the server will never accept; it is kept in <c>refused.jsonl</c> beside the spool before this is raised.
    /// </summary>
    public event Action<RefusedLine>? LineRefused;

    /// <summary>What waits on disk.</summary>
    public SpoolState Spooled => spool.State;

    /// <summary>How many lines the server has refused since the start.</summary>
    public long Refused => refused.Count;

    public string? Concern => delivery.Concern ?? (delivery.HasWritten ? null : bucketTrouble);

    public Task AppendAsync(IReadOnlyList<Reading> readings, CancellationToken cancellation)
    {
        if (readings.Count == 0)
            return Task.CompletedTask;
        cancellation.ThrowIfCancellationRequested();
        return delivery.AppendAsync(readings, cancellation);
    }

    public async IAsyncEnumerable<Reading> QueryAsync(ReadingQuery query, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (query.Devices.Count == 0 || query.Limit <= 0)
            yield break;
        var devices = string.Join(" OR ", query.Devices.Select(d => $"\"device\" = '{InfluxApi.Quoted(LineProtocol.Encode(d.Value))}'"));
        var limit = query.Limit == int.MaxValue || query.Thinned is not null ? "" : $" LIMIT {query.Limit}";
        var where =
            $"({devices}) AND time >= {LineProtocol.Nanoseconds(query.From)} AND time < {LineProtocol.Nanoseconds(query.To)}{limit}";
        var found = await InfluxReadings.SelectAsync(api, query.Metric, where, cancellation);
        foreach (
            var reading in Thinning
                .Of(found, query.Thinned)
                .OrderBy(r => r.Time)
                .ThenBy(r => r.Received)
                .ThenBy(r => r.Device)
                .ThenBy(r => r.Metric.Name, StringComparer.Ordinal)
                .ThenBy(r => r.Channel, StringComparer.Ordinal)
                .Take(query.Limit)
        )
            yield return reading;
    }

    public IAsyncEnumerable<Reading> ReceivedSinceAsync(DateTime received, CancellationToken cancellation) =>
        new Arrivals(api, where => InfluxReadings.SelectAsync(api, null, where, cancellation), clock).SinceAsync(received, cancellation);

    public async Task<string?> ProbeAsync(CancellationToken cancellation)
    {
        var state = spool.State;
        if (state.Bytes < state.Cap / 100 * 99)
            return null; // the spool takes what the server doesn't
        return await api.PingAsync(cancellation) is { } why ? $"{why}; its spool is full ({state.Cap} bytes)" : null;
    }

    public Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation) => api.DeleteBeforeAsync(time, cancellation);

    public async Task DeleteAsync(IReadOnlyList<DeviceSpan> devices, CancellationToken cancellation)
    {
        if (devices.Count > 0)
            CheckNothingWaits();
        foreach (var device in devices)
            await api.DeleteAsync(device, cancellation);
        refused.Forget([.. devices.Select(d => $"device={LineProtocol.Encode(d.Device.Value)}")]);
    }

    public async Task DeleteAsync(
        IReadOnlyList<DeviceSpan>? devices,
        IReadOnlyList<Metric> metrics,
        DateTime before,
        CancellationToken cancellation,
        DateTime from = default
    )
    {
        if (devices is { Count: > 0 })
            CheckNothingWaits();
        foreach (var metric in metrics)
            if (devices is null)
                await api.DeleteAsync(null, metric, before, cancellation);
            else
                foreach (var device in devices)
                    await api.DeleteAsync(device, metric, before, cancellation);
    }

    /// <summary>What waits on disk would come to the server after the deletion of its device.</summary>
    private void CheckNothingWaits()
    {
        if (spool.State is { Bytes: > 0 } waits)
            throw new ReadingStoreException(
                $"{api.Name} has yet to take {waits.Bytes} bytes of readings that wait on disk; delete when it has them"
            );
    }

    public async ValueTask DisposeAsync()
    {
        await delivery.DisposeAsync();
        await stopping.CancelAsync();
        await checking;
        spool.Dispose();
        api.Dispose();
        stopping.Dispose();
    }

    /// <summary>
    /// Reports a wrong token or a missing bucket at the start, not only with the first reading; until it is mended, or a write has
    /// succeeded all the same.
    /// </summary>
    private async Task CheckBucketAsync(CancellationToken cancellation)
    {
        try
        {
            while (await api.CheckBucketAsync(cancellation) is { } why && !delivery.HasWritten)
            {
                if (bucketTrouble != why)
                    LogBucket(log, why);
                bucketTrouble = why;
                await Task.Delay(BucketCheckEvery, clock, cancellation);
            }

            bucketTrouble = null;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // the store is being disposed
        }
        catch (Exception e)
        {
            LogBucket(log, e.Message); // readings are accepted whether the check works or not
        }
    }

    private void Refuse(IReadOnlyList<RefusedLine> lines)
    {
        refused.Keep(lines);
        LogRefused(log, lines.Count, lines[0].Reason);
        foreach (var line in lines)
            LineRefused?.Invoke(line);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Reason}")]
    private static partial void LogBucket(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "InfluxDB refused {Count} lines, kept in refused.jsonl: {Reason}")]
    private static partial void LogRefused(ILogger logger, int count, string reason);
}
