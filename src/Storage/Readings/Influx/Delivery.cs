using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// Brings appended readings to the server. Appends that come together share a request. While the server is down, slow or refuses, readings
/// go to the <see cref="Spool"/> on disk, from which they are sent in order once the server accepts again.
/// </summary>
internal sealed partial class Delivery : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500),
        LongestPause = TimeSpan.FromSeconds(30),
        LongestRetryAfter = TimeSpan.FromMinutes(10);

    private readonly InfluxOptions options;
    private readonly InfluxApi api;
    private readonly Spool spool;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly Channel<Batch> waiting = Channel.CreateUnbounded<Batch>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource stopping = new();

    /// <summary>Wakes the loop that empties the spool.</summary>
    private readonly SemaphoreSlim spooled = new(0, 1);
    private readonly Task sending;
    private readonly Task draining;

    /// <summary>Why the latest write that failed did so; null when none has failed since the start.</summary>
    private volatile string? trouble;
    private volatile bool written;
    private bool warned;

    public Delivery(InfluxOptions options, InfluxApi api, Spool spool, TimeProvider clock, ILogger log)
    {
        (this.options, this.api, this.spool, this.clock, this.log) = (options, api, spool, clock, log);
        sending = Task.Run(SendAsync);
        draining = Task.Run(() => DrainAsync(stopping.Token));
    }

    /// <summary>The server has accepted a write since the start.</summary>
    public bool HasWritten => written;

    /// <summary>What is going wrong with the spool, in words; null when nothing waits on disk.</summary>
    public string? Concern
    {
        get
        {
            var state = spool.State;
            if (state.NearlyFull)
                return $"the spool for InfluxDB is {state.Bytes * 100 / state.Cap} % full ({state.Bytes} of {state.Cap} bytes); at "
                    + $"its cap nothing more is acknowledged. {trouble}";
            return state.Bytes > 0 ? $"{state.Bytes} bytes of readings wait on disk for InfluxDB since {state.Oldest:u}: {trouble}" : null;
        }
    }

    /// <summary>Completes when the readings are durable: on the server, or in the spool.</summary>
    public Task AppendAsync(IReadOnlyList<Reading> readings, CancellationToken cancellation)
    {
        var batch = new Batch(readings.Count);
        for (var i = 0; i < readings.Count; i++)
            LineProtocol.Write(batch.Lines, readings[i]);
        Arrivals.WriteUnusual(readings, batch.Lines);
        return waiting.Writer.TryWrite(batch)
            ? batch.Durable.Task.WaitAsync(cancellation)
            : throw new ReadingStoreException("the InfluxDB store is closed");
    }

    /// <summary>Makes durable what was appended, and leaves on disk what the server hasn't accepted yet.</summary>
    public async ValueTask DisposeAsync()
    {
        waiting.Writer.TryComplete();
        await sending;
        await stopping.CancelAsync();
        await draining;
        spooled.Dispose();
        stopping.Dispose();
    }

    /// <summary>Joins the appends that wait into requests; when they are few, it waits a moment for more.</summary>
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

            var failure = await MakeDurableAsync(joined.Memory);
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
    /// Sends lines to the server, or puts them into the spool: when the server doesn't accept them in time, and when others wait there
    /// already, because readings stay in order.
    /// </summary>
    private async Task<ReadingStoreException?> MakeDurableAsync(ReadOnlyMemory<byte> lines)
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
            WarnWhenNearlyFull();
            if (spooled.CurrentCount == 0)
                spooled.Release(); // no other place releases it, so it can't exceed its limit
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

    /// <summary>Sends what is in the spool, in order, with a growing pause after each failure.</summary>
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
                var wait = outcome.RetryAfter is { } asked && asked > pause ? asked : pause;
                await Task.Delay(wait < LongestRetryAfter ? wait : LongestRetryAfter, clock, cancellation);
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

    private void WarnWhenNearlyFull()
    {
        var nearlyFull = spool.State.NearlyFull;
        if (nearlyFull && !warned)
            LogNearlyFull(log, Concern!);
        warned = nearlyFull;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "InfluxDB doesn't take readings, they are kept on disk until it does: {Reason}")]
    private static partial void LogSpooling(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "InfluxDB has everything that waited on disk")]
    private static partial void LogDrained(ILogger logger);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Concern}")]
    private static partial void LogNearlyFull(ILogger logger, string concern);

    [LoggerMessage(Level = LogLevel.Error, Message = "The spool could not be drained; it is tried again")]
    private static partial void LogDrainFailed(ILogger logger, Exception e);

    /// <summary>One append, as lines, that waits to be durable.</summary>
    private sealed class Batch(int count)
    {
        public int Count => count;

        public PooledBytes Lines { get; } = new(count * 160);

        public TaskCompletionSource Durable { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
