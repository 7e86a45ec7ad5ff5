using System.Net;
using Vigil.Notify.Webhooks;

namespace Vigil.Tests.Notify.Webhooks;

public sealed class OutwardConnectionsTests
{
    private static readonly OutwardConnections Outward = new(allowLoopback: false, []);

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("10.1.2.3")]
    [InlineData("172.31.255.255")]
    [InlineData("192.168.1.1")]
    [InlineData("169.254.169.254")] // where clouds hand out credentials
    [InlineData("100.64.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::1")]
    [InlineData("::")]
    [InlineData("fe80::1")]
    [InlineData("fd00::1")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("64:ff9b::a00:1")] // 10.0.0.1 behind NAT64
    [InlineData("2002:a00:1::")] // 10.0.0.1 in 6to4
    [InlineData("2001:db8::1")]
    [InlineData("ff02::1")]
    public void An_address_inside_is_refused(string address) => Assert.False(Outward.Allows(IPAddress.Parse(address)));

    [Theory]
    [InlineData("119.29.29.29")]
    [InlineData("172.32.0.1")]
    [InlineData("2400:3200::1")]
    public void An_address_of_the_Internet_is_allowed(string address) => Assert.True(Outward.Allows(IPAddress.Parse(address)));

    [Theory]
    [InlineData("http://example.org/", "not an https address")]
    [InlineData("file:///etc/passwd", "not an https address")]
    [InlineData("https://user:pass@example.org/", "user name")]
    [InlineData("https://127.0.0.1/", "inside this network")]
    [InlineData("https://2130706433/", "inside this network")] // 127.0.0.1 written as one number
    [InlineData("https://[::ffff:10.0.0.1]/", "inside this network")]
    public void A_typed_address_says_why_it_is_refused(string url, string why) =>
        Assert.Contains(why, Outward.Refuses(url)?.En, StringComparison.Ordinal);

    [Fact]
    public async Task A_name_that_resolves_to_this_machine_is_refused_when_it_is_connected_to()
    {
        Assert.Null(Outward.Refuses("https://localhost/"));
        using var http = new HttpClient(Outward.Handler());
        var refused = await Assert.ThrowsAsync<HttpRequestException>(() =>
            http.GetAsync(new Uri("https://localhost:9/"), TestContext.Current.CancellationToken)
        );
        Assert.Contains("inside this network", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_of_ones_own_and_loopback_are_reached_where_they_were_allowed()
    {
        var own = new OutwardConnections(allowLoopback: true, [IPNetwork.Parse("10.20.0.0/16")]);
        Assert.True(own.Allows(IPAddress.Parse("10.20.3.4")));
        Assert.False(own.Allows(IPAddress.Parse("10.21.3.4")));
        Assert.Null(own.Refuses("http://127.0.0.1:8080/hook"));
        Assert.NotNull(own.Refuses("http://10.20.3.4/hook"));
    }
}
