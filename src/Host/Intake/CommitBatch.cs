using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>
/// Commits many messages together: stores their readings and refused payloads, then gives the readings to the rules and commits what they
/// find, then answers each sender. A single loop does this, so that the rules see readings in the order in which they were stored.
/// </summary>
internal sealed partial class CommitBatch(
    RulePartitions rules,
    UncommittedFindings uncommitted,
    IReadingStore readings,
    IDbContextFactory<RecordsDb> records,
    RecordsProbe probe,
    SetAside aside,
    DiskReserve reserve,
    Meter meter,
    ILogger<CommitBatch> log
)
{
    private const int LargestBatch = 8192,
        Waiting = 65_536;
    private const int KeptRejected = 10_000;

    /// <summary>So many senders are answered in one turn of the thread pool.</summary>
    private const int AnsweredTogether = 32;

    /// <summary>A message without content, by which the loop shows that it is alive while no device sends anything.</summary>
    private static readonly Pending Empty = new();

    private readonly CommitQueue queue = new(Waiting);
    private readonly Counter<long> committed = meter.CreateCounter<long>("vigil_readings_committed", description: "Readings made durable");
    private readonly Counter<long> unstored = meter.CreateCounter<long>(
        "vigil_messages_not_stored",
        description: "Messages left unacknowledged because a store failed"
    );
    private volatile string? readingsTrouble;
    private volatile string? refusedTrouble;
    private long turned = Stopwatch.GetTimestamp();

    /// <summary>Why readings or refused payloads can't be stored; null when what failed works again.</summary>
    public string? Trouble => readingsTrouble ?? refusedTrouble;

    /// <summary>No message waits to be committed, so silence may be judged (invariant 3).</summary>
    public bool CaughtUp => queue.IsEmpty;

    /// <summary>Real time since the loop last finished a turn.</summary>
    public TimeSpan SinceTurn => Stopwatch.GetElapsedTime(Interlocked.Read(ref turned));

    /// <summary>Makes the loop turn. When the queue is full it has to turn anyway.</summary>
    public void Pulse() => queue.TryWrite(Empty);

    /// <summary>Tries again what failed, so that a trouble ends once the store works, even while no device sends anything.</summary>
    public async Task LookAgainAsync(CancellationToken cancellation)
    {
        if (readingsTrouble is not null && await readings.ProbeAsync(cancellation) is null)
            readingsTrouble = null;
        if (refusedTrouble is not null && await probe.WorksAsync())
            refusedTrouble = null;
    }

    /// <summary>Completes when the content of the message is durable, or could not be made so.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Receipt> CommitAsync(Pending pending, CancellationToken cancellation)
    {
        await queue.WriteAsync(pending, cancellation);
        return await pending.Receipt;
    }

    /// <summary>Takes no more messages; the loop ends when those in the queue are committed.</summary>
    public void Complete() => queue.Complete();

    public async Task LoopAsync()
    {
        var batch = new List<Pending>();
        var rows = new List<Reading>();
        var findings = new List<Finding>();
        while (await queue.WaitToReadAsync())
        {
            batch.Clear();
            rows.Clear();
            findings.Clear();
            while (rows.Count < LargestBatch && queue.TryRead(out var pending))
            {
                if (ReferenceEquals(pending, Empty))
                    continue;
                batch.Add(pending);
                if (!pending.IsSelfTest)
                    rows.AddRange(pending.Readings);
            }

            queue.MakeRoom();
            Interlocked.Exchange(ref turned, Stopwatch.GetTimestamp());
            if (batch.Count == 0)
                continue;
            var receipt = await CommitAsync(batch, rows, findings);
            if (receipt == Receipt.NotStored)
                unstored.Add(batch.Count);
            foreach (var some in batch.Chunk(AnsweredTogether))
                if (SynchronizationContext.Current is null)
                    ThreadPool.UnsafeQueueUserWorkItem(new Answers(some, receipt), preferLocal: false);
                else
                    new Answers(some, receipt).Execute(); // whoever gave this loop one thread has the senders go on there
            Interlocked.Exchange(ref turned, Stopwatch.GetTimestamp());
        }
    }

    private async Task<Receipt> CommitAsync(List<Pending> batch, List<Reading> rows, List<Finding> findings)
    {
        if (reserve.Withheld is not null)
            return Receipt.NotStored;
        // Other spans have the system's time; this one, which is created afterwards, needs it too.
        var begun = Tracing.Source.HasListeners() ? TimeProvider.System.GetUtcNow() : default;
        if (!await AppendAsync(rows) || !await KeepRefusedAsync(batch))
        {
            LogNotStored(log, batch.Count, Trouble ?? "");
            return Receipt.NotStored;
        }

        // The commit is shared by many messages and appears in the trace of each.
        if (begun != default)
            foreach (var pending in batch.Where(p => p.Trace != default))
                Tracing
                    .Source.StartActivity("commit", ActivityKind.Internal, pending.Trace, startTime: begun)
                    ?.SetTag("vigil.batch", rows.Count)
                    .Dispose();

        // Last, because the rules can't go back: from here on what they find has to be committed, however often it takes.
        using var turn = uncommitted.Begin();
        foreach (var pending in batch)
            pending.ApplyRest(rules, findings);
        return await turn.CommitAsync(findings) ? Receipt.Committed : Receipt.NotStored;
    }

    /// <summary>Stores readings; one that the store refuses for its content is set aside, so that the others are committed.</summary>
    private async Task<bool> AppendAsync(List<Reading> rows)
    {
        if (rows.Count == 0)
            return true;
        var failure = await Halving.TriedAsync(() =>
            Halving.CommitAsync(
                rows,
                some => readings.AppendAsync(some, CancellationToken.None),
                async () => await readings.ProbeAsync(CancellationToken.None) is null,
                (row, why) => aside.Keep(("a reading", "一条读数"), SetAsideRows.Of(row), Halving.Cause(why))
            )
        );
        readingsTrouble = failure?.Message;
        if (failure is null)
            committed.Add(rows.Count);
        return failure is null;
    }

    private async Task<bool> KeepRefusedAsync(List<Pending> batch)
    {
        List<RejectedPayload> rows = [.. batch.Select(p => p.Rejected).OfType<RejectedPayload>()];
        if (rows.Count == 0)
            return true;
        var failure = await Halving.TriedAsync(() =>
            Halving.CommitAsync(
                rows,
                WriteAsync,
                probe.WorksAsync,
                (row, why) => aside.Keep(("a payload that can't be read", "一条无法解读的数据"), row, Halving.Cause(why))
            )
        );
        refusedTrouble = failure?.Message;
        return failure is null;
    }

    private async Task WriteAsync(IReadOnlyList<RejectedPayload> rows)
    {
        await using var db = await records.CreateDbContextAsync();
        await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
        foreach (var row in rows)
            row.Id = 0; // may be set by a failed attempt in a larger batch
        db.Rejected.AddRange(rows);
        await db.SaveChangesAsync();
        var newest = rows.Max(r => r.Id);
        await db.Rejected.Where(r => r.Id <= newest - KeptRejected).ExecuteDeleteAsync();
        await turn.CommitAsync(CancellationToken.None);
    }

    /// <summary>Answers some messages: each goes on to its acknowledgement at once, one after the other.</summary>
    private sealed class Answers(Pending[] some, Receipt receipt) : IThreadPoolWorkItem
    {
        public void Execute()
        {
            foreach (var pending in some)
                pending.Answer(receipt);
        }
    }

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "{Messages} messages are not acknowledged, because they could not be stored: {Reason}"
    )]
    private static partial void LogNotStored(ILogger logger, int messages, string reason);
}
