namespace Vigil.Tests.Simulation;

/// <summary>
/// The wall clock of a machine, which can be set, and its monotonic clock, which can't. Time passes when the simulation moves it, and by a
/// millisecond whenever the service reads it: two readings never give the same moment, so ids made from the time have the same order in
/// every run.
/// </summary>
internal sealed class SimulatedClock(DateTimeOffset start) : TimeProvider
{
    /// <summary>
    /// Not a whole number of microseconds: stores cut times to microseconds, and a service that forgets this must fail here.
    /// </summary>
    private const long Look = 10_003;

    private readonly PriorityQueue<SimulatedTimer, (long At, long Order)> timers = new();
    private long order;
    private bool peeks;

    /// <summary>Time since the simulation began, by the monotonic clock.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>How far the wall clock is ahead of the right time.</summary>
    public TimeSpan Ahead { get; set; }

    /// <summary>The right time.</summary>
    public DateTime Truth => (start + Elapsed).UtcDateTime;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => start + Looked() + Ahead;

    public override long GetTimestamp() => Looked().Ticks;

    /// <summary>What a clock built on this one shows, read without letting time pass.</summary>
    public DateTime Peek(TimeProvider made)
    {
        peeks = true;
        try
        {
            return made.GetUtcNow().UtcDateTime;
        }
        finally
        {
            peeks = false;
        }
    }

    private TimeSpan Looked() => peeks ? Elapsed : Elapsed += TimeSpan.FromTicks(Look);

    public void AdvanceTo(TimeSpan elapsed)
    {
        if (elapsed > Elapsed)
            Elapsed = elapsed;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (period != Timeout.InfiniteTimeSpan && period != TimeSpan.Zero)
            throw new NotSupportedException("nothing here ticks by itself");
        var timer = new SimulatedTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>When the service's next timer is due; null when it has none.</summary>
    public TimeSpan? NextTimer
    {
        get
        {
            while (timers.TryPeek(out var timer, out var due))
            {
                if (timer.Due == due.At)
                    return TimeSpan.FromTicks(due.At);
                timers.Dequeue(); // stopped, or set again
            }

            return null;
        }
    }

    /// <summary>Fires the timer that is due first; returns false when none is due.</summary>
    public bool Fire()
    {
        if (NextTimer is not { } due || due > Elapsed)
            return false;
        timers.Dequeue().Fire();
        return true;
    }

    /// <summary>Removes all timers, as a crash does.</summary>
    public void DropTimers() => timers.Clear();

    private void Set(SimulatedTimer timer, TimeSpan dueTime)
    {
        timer.Due = dueTime == Timeout.InfiniteTimeSpan ? -1 : (Elapsed + dueTime).Ticks;
        if (timer.Due >= 0)
            timers.Enqueue(timer, (timer.Due, order++));
    }

    private sealed class SimulatedTimer(SimulatedClock clock, TimerCallback callback, object? state) : ITimer
    {
        public long Due { get; set; } = -1;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            clock.Set(this, dueTime);
            return true;
        }

        public void Fire()
        {
            Due = -1;
            callback(state);
        }

        public void Dispose() => Due = -1;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
