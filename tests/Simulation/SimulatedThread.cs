namespace Vigil.Tests.Simulation;

/// <summary>
/// The one thread on which a simulated service runs. What can continue does so in an order that the seed chooses, since a thread pool
/// promises no order either. After a crash nothing runs on it again.
/// </summary>
internal sealed class SimulatedThread(Random random) : SynchronizationContext
{
    private readonly List<(SendOrPostCallback What, object? State, bool Bare)> ready = [];
    private readonly int thread = Environment.CurrentManagedThreadId;
    private volatile bool dead;

    /// <summary>Where something ran on another thread, so that the run can't be repeated; null when nothing did.</summary>
    public string? Strayed { get; private set; }

    public void Kill()
    {
        dead = true;
        ready.Clear();
    }

    public override SynchronizationContext CreateCopy() => this;

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException("nothing waits for this thread");

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (dead)
            return; // left over from before a crash
        if (!Here())
            return;
        ready.Add((d, state, false));
    }

    /// <summary>
    /// Runs something without this context: library code that continues "without context" then continues here at once instead of on the
    /// thread pool.
    /// </summary>
    public void PostBare(Action what)
    {
        if (!dead)
            ready.Add((static w => ((Action)w!)(), what, true));
    }

    /// <summary>Starts work that nobody waits for.</summary>
    public void Start(Func<Task> work) => Post(static w => _ = ((Func<Task>)w!)(), work);

    /// <summary>Runs all that can continue, until nothing is left or the condition says stop.</summary>
    public bool RunReady(Func<bool> over)
    {
        var ran = false;
        while (ready.Count > 0 && !over())
        {
            ran = true;
            var at = ready.Count > 1 && random.Next(4) == 0 ? random.Next(ready.Count) : 0;
            var (what, state, bare) = ready[at];
            ready.RemoveAt(at);
            Run(() => what(state), bare);
        }

        return ran;
    }

    public void Run(Action what, bool bare)
    {
        var before = Current;
        SetSynchronizationContext(bare ? null : this);
        try
        {
            what();
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    /// <summary>Called wherever the service waits; false when that is on another thread.</summary>
    public bool Here()
    {
        if (Environment.CurrentManagedThreadId == thread)
            return true;
        Strayed ??= Environment.StackTrace;
        return false;
    }
}
