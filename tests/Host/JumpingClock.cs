using Microsoft.Extensions.Time.Testing;

namespace Vigil.Tests.Host;

/// <summary>The clocks of a machine: one that only goes forward, by which timers fire, and a wall clock that somebody sets.</summary>
public sealed class JumpingClock(DateTimeOffset wall) : FakeTimeProvider(wall)
{
    private TimeSpan set;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + set;

    public override long GetTimestamp() => base.GetUtcNow().Ticks;

    /// <summary>The wall clock is set, and no time passes.</summary>
    public void Jump(TimeSpan by) => set += by;
}
