namespace Vigil.Storage.Records;

/// <summary>
/// Slow password hashes, worked out on threads of their own: half of the cores, so that a thousand devices that come back at once leave the
/// thread pool to what they say. Devices that speak of life go first; beyond <see cref="Most"/> that wait, others are told to come again.
/// </summary>
internal sealed class SlowHashes(TimeProvider clock) : IDisposable
{
    /// <summary>About ten seconds of work for one core.</summary>
    public const int Most = 256;

    /// <summary>Beyond this even those who go first would not be answered in time.</summary>
    public const int MostFirst = 4096;

    private readonly Lock gate = new();
    private readonly Queue<Work> first = new(),
        others = new();
    private readonly Queue<Func<Task>> later = new();
    private readonly SemaphoreSlim available = new(0);
    private readonly CancellationTokenSource stop = new();
    private bool started,
        storing;

    /// <summary>Whether the password fits; null: too many wait.</summary>
    public async ValueTask<bool?> FitsAsync(string stored, byte[] password, bool first, CancellationToken cancellation)
    {
        var work = new Work(stored, password, cancellation);
        lock (gate)
        {
            var queue = first ? this.first : others;
            if (queue.Count >= (first ? MostFirst : Most))
                return null;
            queue.Enqueue(work);
            Start();
        }

        available.Release();
        return await work.Answer.Task.WaitAsync(cancellation);
    }

    /// <summary>What can wait until the logins are through: one after the other.</summary>
    public void Later(Func<Task> todo)
    {
        lock (gate)
        {
            later.Enqueue(todo);
            if (storing)
                return;
            storing = true;
        }

        _ = Task.Run(StoreAsync);
    }

    public void Dispose()
    {
        stop.Cancel();
        stop.Dispose();
    }

    private void Start()
    {
        if (started)
            return;
        started = true;
        for (var i = 0; i < Math.Max(1, Environment.ProcessorCount / 2); i++)
            new Thread(Run) { IsBackground = true, Name = "password hashes" }.Start(stop.Token);
    }

    private void Run(object? token)
    {
        try
        {
            while (true)
            {
                available.Wait((CancellationToken)token!);
                Work work;
                lock (gate)
                    work = first.Count > 0 ? first.Dequeue() : others.Dequeue();
                if (work.Cancellation.IsCancellationRequested)
                    continue; // nobody waits for it
                try
                {
                    work.Answer.TrySetResult(PasswordHash.Fits(work.Stored, work.Password));
                }
                catch (FormatException)
                {
                    work.Answer.TrySetResult(false);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // the service ends
        }
    }

    private async Task StoreAsync()
    {
        while (true)
        {
            Func<Task> todo;
            lock (gate)
            {
                if (!later.TryDequeue(out todo!))
                {
                    storing = false;
                    return;
                }
            }

            await todo();
            // A writer among others: a storm's worth of rows is no reason to hold up an alarm.
            await Task.Delay(TimeSpan.FromMilliseconds(20), clock, CancellationToken.None);
        }
    }

    private sealed record Work(string Stored, byte[] Password, CancellationToken Cancellation)
    {
        public TaskCompletionSource<bool> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
