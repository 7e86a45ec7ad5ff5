using Vigil.Model;
using Vigil.Tests.Host;

namespace Vigil.Tests.Model;

public sealed class SteadyClockTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 28, 4, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(-3600)]
    [InlineData(3 * 3600)]
    [InlineData(-40 * 365 * 86400L)]
    public void A_wall_clock_that_is_set_moves_no_time_that_waits(long seconds)
    {
        var machine = new JumpingClock(Noon);
        var clock = new SteadyClock(machine);
        machine.Jump(TimeSpan.FromSeconds(seconds));
        machine.Advance(TimeSpan.FromSeconds(40));
        Assert.Equal(Noon.AddSeconds(40), clock.GetUtcNow());
        Assert.Equal(TimeSpan.FromSeconds(seconds), clock.WallAhead);
        clock.Set(clock.WallAhead);
        Assert.Equal(machine.GetUtcNow(), clock.GetUtcNow());
    }

    [Theory]
    [InlineData(1900)]
    [InlineData(-1900)]
    public void A_small_difference_is_made_up_and_time_never_goes_back(int milliseconds)
    {
        var machine = new JumpingClock(Noon);
        var clock = new SteadyClock(machine);
        machine.Jump(TimeSpan.FromMilliseconds(milliseconds));
        var before = clock.GetUtcNow();
        for (var second = 0; second < 200; second++)
        {
            clock.Follow(clock.WallAhead);
            for (var part = 0; part < 10; part++)
            {
                machine.Advance(TimeSpan.FromMilliseconds(100));
                Assert.True(clock.GetUtcNow() > before);
                before = clock.GetUtcNow();
            }
        }

        Assert.Equal(TimeSpan.Zero, clock.WallAhead);
    }

    [Fact]
    public void A_watch_that_has_died_makes_up_no_more_than_was_owed()
    {
        var machine = new JumpingClock(Noon);
        var clock = new SteadyClock(machine);
        machine.Jump(TimeSpan.FromSeconds(1));
        clock.Follow(clock.WallAhead);
        machine.Advance(TimeSpan.FromDays(3));
        Assert.Equal(machine.GetUtcNow(), clock.GetUtcNow());
    }
}
