namespace Vigil.Model;

/// <summary>
/// The service's time: the wall clock at the start, and from then on monotonic time. A wall clock that is set back or forward, or was never
/// set, changes no deadline. Small differences (NTP) are slewed by a hundredth of the passing time, so that time never goes back. A larger
/// one is taken over in one step by <see cref="Set"/>, whose caller moves all deadlines along with it. Thread-safe.
/// </summary>
public sealed class SteadyClock : TimeProvider
{
    /// <summary>A clock before this was never set: the program is newer.</summary>
    public static readonly DateTimeOffset Earliest = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>
    /// Identifies the boot of the machine: within it, monotonic timestamps of different processes can be compared. "-" where it isn't
    /// known.
    /// </summary>
    public static readonly string Boot = File.Exists("/proc/sys/kernel/random/boot_id")
        ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()
        : "-";

    /// <summary>A difference is made up by this part of the passing time.</summary>
    private const int SlewPart = 100;

    private readonly TimeProvider machine;
    private readonly Lock gate = new();
    private volatile Anchor anchor;

    /// <param name="machine">The machine's clocks: <see cref="TimeProvider.System"/>.</param>
    public SteadyClock(TimeProvider machine)
    {
        this.machine = machine;
        anchor = new Anchor(machine.GetTimestamp(), machine.GetUtcNow().UtcTicks, 0);
    }

    public override long TimestampFrequency => machine.TimestampFrequency;

    public override TimeZoneInfo LocalTimeZone => machine.LocalTimeZone;

    /// <summary>What the machine's wall clock says.</summary>
    public DateTimeOffset Wall => machine.GetUtcNow();

    /// <summary>How far the wall clock is ahead of this one; negative when it is behind.</summary>
    public TimeSpan WallAhead
    {
        get
        {
            while (true)
            {
                // If the process is suspended between the two readings, the pause would look like a jump: read again.
                var before = machine.GetTimestamp();
                var (wall, mine) = (machine.GetUtcNow(), GetUtcNow());
                if (machine.GetElapsedTime(before) < TimeSpan.FromMilliseconds(50))
                    return wall - mine;
            }
        }
    }

    public override DateTimeOffset GetUtcNow() => new(Now(), TimeSpan.Zero);

    public override long GetTimestamp() => machine.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        machine.CreateTimer(callback, state, dueTime, period);

    /// <summary>Makes up a small difference gradually.</summary>
    public void Follow(TimeSpan ahead)
    {
        lock (gate)
            anchor = new Anchor(machine.GetTimestamp(), Now(), ahead.Ticks);
    }

    /// <summary>Jumps: the caller has to move every time taken from this clock by as much.</summary>
    public void Set(TimeSpan by)
    {
        lock (gate)
            anchor = new Anchor(machine.GetTimestamp(), Now() + by.Ticks, 0);
    }

    private long Now()
    {
        var from = anchor;
        var elapsed = Math.Max(0, machine.GetElapsedTime(from.Stamp).Ticks);
        var most = elapsed / SlewPart;
        return from.Ticks + elapsed + Math.Clamp(from.Owed, -most, most);
    }

    /// <param name="Stamp">A monotonic timestamp.</param>
    /// <param name="Ticks">This clock's time at it, UTC.</param>
    /// <param name="Owed">The difference that is still to be made up, ticks.</param>
    private sealed record Anchor(long Stamp, long Ticks, long Owed);
}
