namespace Vigil.Storage.Records;

/// <summary>
/// Checks slow password hashes (PBKDF2) on threads of its own, on half of the cores: when a thousand devices reconnect at once, the thread
/// pool stays free for their messages. Life-safety devices go first; when <see cref="Most"/> others wait, further ones are told to retry.
/// </summary>
internal sealed class SlowHashes(TimeProvider clock) : IDisposable
{
    /// <summary>About ten seconds of work for one core.</summary>
    public const int Most = 256;

    /// <summary>Limit of those who go first: beyond it they could not be answered in time.</summary>
    public const int MostFirst = 4096;

    private readonly Lock gate = new();
    private readonly Queue<Work> first = new(),
        others = new();
    private readonly Queue<Func<Task>> later = new();
    private readonly SemaphoreSlim available = new(0);
    private readonly CancellationTokenSource stop = new();
    private bool started,
        runningLater;

    /// <summary>Whether the password matches; null when too many wait.</summary>
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

    /// <summary>Runs work that isn't urgent in the background, one piece after the other.</summary>
    public void Later(Func<Task> todo)
    {
        lock (gate)
        {
            later.Enqueue(todo);
            if (runningLater)
                return;
            runningLater = true;
        }

        _ = Task.Run(RunLaterAsync);
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
                    continue; // the client is gone
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
            // disposed
        }
    }

    private async Task RunLaterAsync()
    {
        while (true)
        {
            Func<Task> todo;
            lock (gate)
            {
                if (!later.TryDequeue(out todo!))
                {
                    runningLater = false;
                    return;
                }
            }

            await todo();
            // Pauses between the writes, so that a thousand of them don't hold up an alarm.
            await Task.Delay(TimeSpan.FromMilliseconds(20), clock, CancellationToken.None);
        }
    }

    private sealed record Work(string Stored, byte[] Password, CancellationToken Cancellation)
    {
        public TaskCompletionSource<bool> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
