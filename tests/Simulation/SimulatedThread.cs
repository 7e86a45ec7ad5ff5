namespace Vigil.Tests.Simulation;

/// <summary>
/// Where a simulated service runs: one thread, on which everything that awaits goes on in an order that the seed chooses. A thread pool
/// promises no order either. After a crash it never runs again.
/// </summary>
internal sealed class SimulatedThread(Random random) : SynchronizationContext
{
    private readonly List<(SendOrPostCallback What, object? State, bool Bare)> ready = [];
    private readonly int thread = Environment.CurrentManagedThreadId;
    private volatile bool dead;

    /// <summary>Something went on by itself on another thread: the run can't be repeated.</summary>
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
            return; // something that a crash left behind
        if (!Here())
            return;
        ready.Add((d, state, false));
    }

    /// <summary>
    /// Runs something outside of this context: what libraries await "without context" then goes on here at once, and not on the thread
    /// pool.
    /// </summary>
    public void PostBare(Action what)
    {
        if (!dead)
            ready.Add((static w => ((Action)w!)(), what, true));
    }

    /// <summary>Begins something that goes on by itself.</summary>
    public void Start(Func<Task> work) => Post(static w => _ = ((Func<Task>)w!)(), work);

    /// <summary>Runs all that can go on now, until nothing can or the end is called.</summary>
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

    /// <summary>Called wherever the service waits.</summary>
    public bool Here()
    {
        if (Environment.CurrentManagedThreadId == thread)
            return true;
        Strayed ??= Environment.StackTrace;
        return false;
    }
}
