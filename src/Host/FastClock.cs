namespace Vigil.Host;

/// <summary>
/// The demo's clock, faster than real time: everything that uses it (rules, escalation, simulated homes) runs faster by the same factor.
/// The speed may be changed while it runs, without a jump in time.
/// </summary>
internal sealed class FastClock(DateTimeOffset start, double speed) : TimeProvider
{
    private readonly Lock gate = new();
    private long realBase = System.GetTimestamp();
    private TimeSpan elapsedBase;
    private double speed = speed;

    public double Speed
    {
        get => speed;
        set
        {
            lock (gate)
            {
                elapsedBase = Elapsed();
                realBase = System.GetTimestamp();
                speed = value;
            }
        }
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (gate)
            return start + Elapsed();
    }

    public override long GetTimestamp()
    {
        lock (gate)
            return Elapsed().Ticks;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        System.CreateTimer(callback, state, Real(dueTime), Real(period));

    private TimeSpan Elapsed() => elapsedBase + System.GetElapsedTime(realBase) * speed;

    private TimeSpan Real(TimeSpan time) =>
        time == Timeout.InfiniteTimeSpan || time == TimeSpan.Zero
            ? time
            : TimeSpan.FromMilliseconds(Math.Max(1, time.TotalMilliseconds / speed));
}
