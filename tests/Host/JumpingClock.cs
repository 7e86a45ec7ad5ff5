using Microsoft.Extensions.Time.Testing;

namespace Vigil.Tests.Host;

/// <summary>The two clocks of a machine: a monotonic one, which drives the timers, and a wall clock that a test can set.</summary>
public sealed class JumpingClock(DateTimeOffset wall) : FakeTimeProvider(wall)
{
    private TimeSpan set;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + set;

    public override long GetTimestamp() => base.GetUtcNow().Ticks;

    /// <summary>Sets the wall clock; no time passes.</summary>
    public void Jump(TimeSpan by) => set += by;
}
