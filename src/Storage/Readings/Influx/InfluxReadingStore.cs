using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// InfluxDB over its line protocol. The point (metric, device, channel, time) overwrites itself, so a repeat changes nothing but its
/// arrival time. Appends that come together share a request. While the server is down, slow or unwilling they are made durable in a <see
/// cref="Spool"/> on disk and drained in order when it is back: nothing ever waits for a dead server longer than
/// Influx:PatienceMilliseconds. What is spooled can't be queried yet.
/// </summary>
public sealed partial class InfluxReadingStore : IReadingStore
{
    private const string Selected =
        "SELECT \"value\"::field, \"received\"::field, \"flags\"::field, \"longitude\"::field, \"accuracy\"::field, "
        + "\"speed\"::field, \"event\"::field, \"device\"::tag, \"channel\"::tag";

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly InfluxOptions options;
    private readonly InfluxApi api;
    private readonly Spool spool;
    private readonly RefusedLines refused;
    private readonly TimeProvider clock;
    private readonly ILogger<InfluxReadingStore> log;
    private readonly Channel<Batch> waiting = Channel.CreateUnbounded<Batch>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource stopping = new();
    private readonly SemaphoreSlim spooled = new(0, 1);
    private readonly Task sending;
    private readonly Task draining;
    private readonly Task checking;
    private volatile string? trouble;
    private volatile string? bucketTrouble;
    private volatile bool written;
    private bool warned;

    public InfluxReadingStore(
        InfluxOptions options,
        string spoolFolder,
        HttpClient http,
        TimeProvider clock,
        ILogger<InfluxReadingStore> log,
        Meter? meter = null
    )
    {
        this.options = options;
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
        sending = Task.Run(SendAsync);
        draining = Task.Run(() => DrainAsync(stopping.Token));
        checking = Task.Run(() => CheckBucketAsync(stopping.Token));
    }

    /// <summary>A point the server will never take. It is kept in <c>refused.jsonl</c> beside the spool before this is raised.</summary>
    public event Action<RefusedLine>? LineRefused;

    /// <summary>What waits on disk.</summary>
    public SpoolState Spooled => spool.State;

    /// <summary>How many lines the server has refused since the start.</summary>
    public long Refused => refused.Count;

    public string? Concern
    {
        get
        {
            var state = spool.State;
            if (state.NearlyFull)
                return $"the spool for InfluxDB is {state.Bytes * 100 / state.Cap} % full ({state.Bytes} of {state.Cap} bytes); at "
                    + $"its cap nothing more is acknowledged. {trouble}";
            if (state.Bytes > 0)
                return $"{state.Bytes} bytes of readings wait on disk for InfluxDB since {state.Oldest:u}: {trouble}";
            return written ? null : bucketTrouble;
        }
    }

    public Task AppendAsync(IReadOnlyList<Reading> readings, CancellationToken cancellation)
    {
        if (readings.Count == 0)
            return Task.CompletedTask;
        cancellation.ThrowIfCancellationRequested();
        var batch = new Batch(readings.Count);
        for (var i = 0; i < readings.Count; i++)
            LineProtocol.Write(batch.Lines, readings[i]);
        Arrivals.Note(readings, batch.Lines);
        return waiting.Writer.TryWrite(batch)
            ? batch.Durable.Task.WaitAsync(cancellation)
            : throw new ReadingStoreException("the InfluxDB store is closed");
    }

    public async IAsyncEnumerable<Reading> QueryAsync(ReadingQuery query, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (query.Devices.Count == 0 || query.Limit <= 0)
            yield break;
        var devices = string.Join(" OR ", query.Devices.Select(d => $"\"device\" = '{InfluxApi.Quoted(LineProtocol.Encode(d.Value))}'"));
        var limit = query.Limit == int.MaxValue ? "" : $" LIMIT {query.Limit}";
        var where =
            $"({devices}) AND time >= {LineProtocol.Nanoseconds(query.From)} AND time < {LineProtocol.Nanoseconds(query.To)}{limit}";
        var found = await SelectAsync(query.Metric, where, cancellation);
        foreach (
            var reading in found
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
        new Arrivals(api, where => SelectAsync(null, where, cancellation), clock).SinceAsync(received, cancellation);

    public async Task<string?> ProbeAsync(CancellationToken cancellation)
    {
        var state = spool.State;
        if (state.Bytes < state.Cap / 100 * 99)
            return null; // the spool takes what the server doesn't
        return await api.PingAsync(cancellation) is { } why ? $"{why}; its spool is full ({state.Cap} bytes)" : null;
    }

    public Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation) => api.DeleteBeforeAsync(time, cancellation);

    public async Task DeleteAsync(IReadOnlyList<DeviceId> devices, CancellationToken cancellation)
    {
        foreach (var device in devices)
            await api.DeleteAsync(device, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        waiting.Writer.TryComplete();
        await sending;
        await stopping.CancelAsync();
        await draining;
        await checking;
        spool.Dispose();
        api.Dispose();
        spooled.Dispose();
        stopping.Dispose();
    }

    /// <summary>
    /// A wrong token or a bucket that isn't there is said at the start, not with the first reading, and no more once it is mended or a write
    /// has shown that it was nothing.
    /// </summary>
    private async Task CheckBucketAsync(CancellationToken cancellation)
    {
        try
        {
            while (await api.CheckBucketAsync(cancellation) is { } why && !written)
            {
                if (bucketTrouble != why)
                    LogBucket(log, why);
                bucketTrouble = why;
                await Task.Delay(LongestPause, clock, cancellation);
            }

            bucketTrouble = null;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // what is not known yet the next start asks again
        }
        catch (Exception e)
        {
            LogBucket(log, e.Message); // a check is no reason to take no readings
        }
    }

    /// <summary>Takes what waits, as much as fits into a request, and waits a moment for more when that is little.</summary>
    private async Task SendAsync()
    {
        var batches = new List<Batch>();
        using var joined = new PooledBytes(1 << 16);
        while (await waiting.Reader.WaitToReadAsync(CancellationToken.None))
        {
            var lines = Gather(batches, 0);
            if (lines < options.BatchSize && options.BatchMilliseconds > 0 && !waiting.Reader.Completion.IsCompleted)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(options.BatchMilliseconds), clock, CancellationToken.None);
                Gather(batches, lines);
            }

            joined.Clear();
            foreach (var batch in batches)
            {
                batch.Lines.Memory.Span.CopyTo(joined.GetSpan(batch.Lines.Count));
                joined.Advance(batch.Lines.Count);
                batch.Lines.Dispose();
            }

            var failure = await KeepAsync(joined.Memory);
            foreach (var batch in batches)
            {
                if (failure is null)
                    batch.Durable.SetResult();
                else
                    batch.Durable.SetException(failure);
            }

            batches.Clear();
        }
    }

    private int Gather(List<Batch> batches, int lines)
    {
        while (lines < options.BatchSize && waiting.Reader.TryRead(out var batch))
        {
            batches.Add(batch);
            lines += batch.Count;
        }

        return lines;
    }

    /// <summary>
    /// To the server, or to the spool when something waits there already (order) or the server doesn't take it in good time.
    /// </summary>
    private async Task<ReadingStoreException?> KeepAsync(ReadOnlyMemory<byte> lines)
    {
        try
        {
            if (spool.IsEmpty)
            {
                var outcome = await api.WriteAsync(lines, TimeSpan.FromMilliseconds(options.PatienceMilliseconds), CancellationToken.None);
                if (outcome.Trouble is null)
                {
                    written = true;
                    return null;
                }

                trouble = outcome.Trouble;
                LogSpooling(log, outcome.Trouble);
            }

            if (!spool.TryAdd(lines.Span))
                return new ReadingStoreException(
                    $"InfluxDB doesn't take readings ({trouble}) and its spool is full: Influx:SpoolBytes is {options.SpoolBytes}"
                );
            Warn();
            if (spooled.CurrentCount == 0)
                spooled.Release(); // released here only
            return null;
        }
        catch (ReadingStoreException e)
        {
            return e;
        }
        catch (Exception e)
        {
            return new ReadingStoreException($"readings could neither be sent to InfluxDB nor spooled: {e.Message}", e);
        }
    }

    private async Task DrainAsync(CancellationToken cancellation)
    {
        using var lines = new PooledBytes(1 << 16);
        var pause = FirstPause;
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                if (!spool.TryPeek(lines, options.BatchSize * 128, out var next))
                {
                    await spooled.WaitAsync(cancellation);
                    continue;
                }

                var outcome = await api.WriteAsync(lines.Memory, TimeSpan.FromSeconds(options.TimeoutSeconds), cancellation);
                if (outcome.Trouble is null)
                {
                    written = true;
                    spool.Take(next);
                    pause = FirstPause;
                    if (spool.IsEmpty)
                        LogDrained(log);
                    continue;
                }

                trouble = outcome.Trouble;
                var asked = outcome.RetryAfter is { } after && after > pause ? after : pause;
                await Task.Delay(asked < TimeSpan.FromMinutes(10) ? asked : TimeSpan.FromMinutes(10), clock, cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return; // what is spooled stays on disk
            }
            catch (Exception e)
            {
                trouble = e.Message;
                LogDrainFailed(log, e);
                await Task.Delay(pause, clock, CancellationToken.None);
            }

            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private void Warn()
    {
        var nearlyFull = spool.State.NearlyFull;
        if (nearlyFull && !warned)
            LogNearlyFull(log, Concern!);
        warned = nearlyFull;
    }

    private void Refuse(IReadOnlyList<RefusedLine> lines)
    {
        refused.Keep(lines);
        LogRefused(log, lines.Count, lines[0].Reason);
        foreach (var line in lines)
            LineRefused?.Invoke(line);
    }

    private async Task<List<Reading>> SelectAsync(Metric? metric, string where, CancellationToken cancellation)
    {
        var found = new List<Reading>();
        var (devices, channels) = (
            new Dictionary<string, DeviceId>(StringComparer.Ordinal),
            new Dictionary<string, string>(StringComparer.Ordinal)
        );
        await foreach (
            var series in api.QueryAsync(
                $"{Selected} FROM {(metric is null ? "/.*/" : $"\"{metric.Name}\"")} WHERE {where}",
                changes: false,
                cancellation
            )
        )
        {
            if (!Metric.TryParse(series.GetProperty("name").GetString(), out var of))
                continue; // written by a later version, or by somebody else
            foreach (var row in series.GetProperty("values").EnumerateArray())
            {
                if (row[2].ValueKind != JsonValueKind.Number || row[8].GetString() is not { } device)
                    continue; // not ours
                if (!devices.TryGetValue(device, out var id))
                    devices[device] = id = new DeviceId(LineProtocol.Decode(device));
                var channel = row[9].GetString() ?? "";
                if (!channels.TryGetValue(channel, out var decoded))
                    channels[channel] = decoded = LineProtocol.Decode(channel);
                found.Add(
                    new Reading
                    {
                        Device = id,
                        Metric = of,
                        Channel = decoded,
                        Time = LineProtocol.Time(row[0].GetInt64()),
                        Received = LineProtocol.Time(row[2].GetInt64()),
                        Value = Number(row[1], double.NaN),
                        Flags = row[3].ValueKind == JsonValueKind.Number ? (ReadingFlags)row[3].GetInt32() : ReadingFlags.None,
                        Longitude = Number(row[4], 0),
                        Accuracy = (float)Number(row[5], double.NaN),
                        Speed = (float)Number(row[6], double.NaN),
                        Event = row[7].GetString() is { } word ? LineProtocol.Decode(word) : null,
                    }
                );
            }
        }

        return found;
    }

    private static double Number(JsonElement value, double missing) =>
        value.ValueKind == JsonValueKind.Number ? value.GetDouble() : missing;

    [LoggerMessage(Level = LogLevel.Warning, Message = "InfluxDB doesn't take readings, they are kept on disk until it does: {Reason}")]
    private static partial void LogSpooling(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Reason}")]
    private static partial void LogBucket(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "InfluxDB has everything that waited on disk")]
    private static partial void LogDrained(ILogger logger);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Concern}")]
    private static partial void LogNearlyFull(ILogger logger, string concern);

    [LoggerMessage(Level = LogLevel.Error, Message = "The spool could not be drained; it is tried again")]
    private static partial void LogDrainFailed(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "InfluxDB refused {Count} lines, kept in refused.jsonl: {Reason}")]
    private static partial void LogRefused(ILogger logger, int count, string reason);

    /// <summary>One append that waits to be durable.</summary>
    private sealed class Batch(int count)
    {
        public int Count => count;

        public PooledBytes Lines { get; } = new(count * 160);

        public TaskCompletionSource Durable { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
