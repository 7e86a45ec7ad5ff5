using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;

namespace Vigil.Host.Intake;

/// <summary>
/// Messages that wait to be committed: any thread writes, one loop reads. A channel would take one lock at each message's writing and
/// reading, where all connections meet; here there is none, and the loop is woken only when it sleeps.
/// </summary>
/// <param name="most">So many may wait; further writers wait for room.</param>
internal sealed class CommitQueue(int most) : IValueTaskSource<bool>
{
    private readonly ConcurrentQueue<Pending> items = new();
    private ManualResetValueTaskSourceCore<bool> signal = new() { RunContinuationsAsynchronously = true };
    private TaskCompletionSource? room;
    private volatile bool completed;
    private int count;
    private int asleep;

    public bool IsEmpty => items.IsEmpty;

    /// <exception cref="InvalidOperationException">The queue is completed.</exception>
    public ValueTask WriteAsync(Pending pending, CancellationToken cancellation)
    {
        if (Volatile.Read(ref count) >= most)
            return WaitAndWriteAsync(pending, cancellation);
        Write(pending);
        return default;
    }

    /// <summary>Writes unless nothing more can be written now.</summary>
    public void TryWrite(Pending pending)
    {
        if (completed || Volatile.Read(ref count) >= most)
            return;
        items.Enqueue(pending);
        Interlocked.Increment(ref count);
        Wake();
    }

    public bool TryRead(out Pending pending)
    {
        if (!items.TryDequeue(out pending!))
            return false;
        Interlocked.Decrement(ref count);
        return true;
    }

    /// <summary>Lets in writers that wait, where enough was read.</summary>
    public void MakeRoom()
    {
        if (Volatile.Read(ref room) is not null && Volatile.Read(ref count) < most)
            Interlocked.Exchange(ref room, null)?.SetResult();
    }

    /// <summary>Waits for a message; false when the queue is completed and empty. For one reader.</summary>
    public ValueTask<bool> WaitToReadAsync()
    {
        if (!items.IsEmpty)
            return new ValueTask<bool>(true);
        signal.Reset();
        Interlocked.Exchange(ref asleep, 1);
        // A writer that came before it was asleep has not woken it.
        if ((completed || !items.IsEmpty) && Interlocked.Exchange(ref asleep, 0) == 1)
            return new ValueTask<bool>(!items.IsEmpty);
        return new ValueTask<bool>(this, signal.Version);
    }

    /// <summary>Takes no more messages; what waits can still be read.</summary>
    public void Complete()
    {
        completed = true;
        Interlocked.Exchange(ref room, null)?.SetResult();
        Wake();
    }

    bool IValueTaskSource<bool>.GetResult(short token) => signal.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => signal.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags
    ) => signal.OnCompleted(continuation, state, token, flags);

    private void Write(Pending pending)
    {
        if (completed)
            throw new InvalidOperationException("the service is stopping and takes no more messages");
        items.Enqueue(pending);
        Interlocked.Increment(ref count);
        Wake();
    }

    private void Wake()
    {
        if (Volatile.Read(ref asleep) == 1 && Interlocked.Exchange(ref asleep, 0) == 1)
            signal.SetResult(true);
    }

    private async ValueTask WaitAndWriteAsync(Pending pending, CancellationToken cancellation)
    {
        while (!completed && Volatile.Read(ref count) >= most)
        {
            var waits = Volatile.Read(ref room);
            if (waits is null)
            {
                waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                waits = Interlocked.CompareExchange(ref room, waits, null) ?? waits;
            }

            if (Volatile.Read(ref count) >= most)
                await waits.Task.WaitAsync(cancellation);
        }

        Write(pending);
    }
}
