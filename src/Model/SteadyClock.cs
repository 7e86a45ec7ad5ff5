namespace Vigil.Model;

/// <summary>
/// The service's time: the wall clock's when it started, and from then on what has truly passed. A wall clock that is put back or forward,
/// or was never set, moves nothing that waits. Small differences (NTP) are followed by a hundredth of the time that passes, so that time
/// never goes back; a larger one is taken over in one step by <see cref="Set"/>, by whoever moves everything that waits along with it.
/// Thread-safe.
/// </summary>
public sealed class SteadyClock : TimeProvider
{
    /// <summary>A clock before this was never set: the program is younger.</summary>
    public static readonly DateTimeOffset Earliest = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>
    /// Names the time since the kernel was started, during which timestamps of one process can be compared with another's; "-" where that
    /// isn't known.
    /// </summary>
    public static readonly string Boot = File.Exists("/proc/sys/kernel/random/boot_id")
        ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()
        : "-";

    /// <summary>Of each second so many parts are made up.</summary>
    private const int Part = 100;

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
                // A process that is stopped between the two looks would take its sleep for a jump.
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

    /// <summary>Makes up a small difference, little by little.</summary>
    public void Follow(TimeSpan ahead)
    {
        lock (gate)
            anchor = new Anchor(machine.GetTimestamp(), Now(), ahead.Ticks);
    }

    /// <summary>Jumps: everything that was written down by this clock has to be moved by as much.</summary>
    public void Set(TimeSpan by)
    {
        lock (gate)
            anchor = new Anchor(machine.GetTimestamp(), Now() + by.Ticks, 0);
    }

    private long Now()
    {
        var from = anchor;
        var elapsed = Math.Max(0, machine.GetElapsedTime(from.Stamp).Ticks);
        var most = elapsed / Part;
        return from.Ticks + elapsed + Math.Clamp(from.Owed, -most, most);
    }

    /// <param name="Stamp">The machine's monotonic time…</param>
    /// <param name="Ticks">…at which it was so late, UTC.</param>
    /// <param name="Owed">What is still to be made up, ticks.</param>
    private sealed record Anchor(long Stamp, long Ticks, long Owed);
}
