using Microsoft.Extensions.Time.Testing;
using Vigil.Model;

namespace Vigil.Tests.Model;

public class TroublesTests
{
    private readonly FakeTimeProvider clock = new();

    [Fact]
    public void What_goes_wrong_is_shown_until_it_is_over_and_what_happened_once_for_a_while()
    {
        var troubles = new Troubles(clock);
        troubles.Say("logins", "logins are held up", "登录受阻", TimeSpan.FromSeconds(10));
        troubles.Say("logins", "logins are still held up", "登录仍受阻", TimeSpan.FromSeconds(10));
        troubles.Happened("clock", "the clock was put back", "时钟被调回", TimeSpan.FromHours(1));
        Assert.Equal(["the clock was put back", "logins are still held up"], troubles.Now.Select(t => t.What));

        clock.Advance(TimeSpan.FromMinutes(61));
        Assert.Equal(["logins"], troubles.Now.Select(t => t.Case));

        troubles.Over("logins");
        Assert.Empty(troubles.Now);
    }
}
