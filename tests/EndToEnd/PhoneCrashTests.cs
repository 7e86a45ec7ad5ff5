using Vigil.Phones;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>The published service is killed (kill -9) while a message is under way; the phone network counts what really went out.</summary>
[Trait("Category", "Server")]
public sealed class PhoneCrashTests
{
    private const string Sid = "AC0123456789abcdef0123456789abcdef";
    private const string Token = "a-token-that-no-log-may-show";

    private const string Registry = """
        record,id,name,area,visitor id,visitor name,visitor phone,contact 1 name,contact 1 relation,contact 1 phone,device 1 id,device 1 profile
        resident,R1,王秀英,440114003201,V1,周志愿,+85261230003,王小明,儿子,+85261230001,sos-1,tuya/ts0215a
        area,,云溪村,440114003201,,,,,,,,
        """;

    private const string Policies = """
        policies:
          - id: all
            seenWellBy: 1h
            renotifyAfter: 1h
            steps:
              - { to: contact 1, via: [VIA], wait: 30m }
              - { to: visitor, via: [sms], wait: 30m }
        """;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Marked as being sent, the request on the wire, and the provider has not taken it: it goes out after the restart, once.</summary>
    [Theory]
    [InlineData("sms")]
    [InlineData("voice")]
    public async Task Killed_between_marked_and_sent_it_is_sent_once(string via)
    {
        await using var network = await StartNetworkAsync();
        network.Service = Service.Hangs;
        await using var vigil = await StartAsync(network, via);
        await PressAsync(vigil);
        await vigil.UntilAsync("notices", n => n.EnumerateArray().Any(x => x.GetProperty("state").GetString() == "sending"));
        await vigil.Process.KillAsync();
        Assert.Empty(network.Taken);
        network.Service = Service.Up;
        await vigil.StartAsync();
        await vigil.UntilAsync("notices", n => n.EnumerateArray().Any(x => x.GetProperty("state").GetString() is "sent" or "delivered"));
        await StaysAsync(vigil, network);
    }

    /// <summary>The provider has taken it and its answer is lost with us: it is found in the provider's list and not sent again.</summary>
    [Theory]
    [InlineData("sms")]
    [InlineData("voice")]
    public async Task Killed_between_sent_and_recorded_it_is_not_sent_again(string via)
    {
        await using var network = await StartNetworkAsync();
        network.Receipts = Receipts.None; // else the receipt would tell
        network.Service = Service.SwallowsAnswer;
        await using var vigil = await StartAsync(network, via);
        await PressAsync(vigil);
        while (network.Taken.Count == 0) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Stop);
        await vigil.Process.KillAsync();
        network.Service = Service.Up;
        await vigil.StartAsync();
        var notices = await vigil.UntilAsync("notices", n => n.EnumerateArray().Any(x => x.GetProperty("state").GetString() is "sent" or "delivered"));
        Assert.Single(notices.EnumerateArray());
        await StaysAsync(vigil, network);
        Assert.DoesNotContain(Token, vigil.Process.Output, StringComparison.Ordinal);
    }

    private static Task<PhoneNetwork> StartNetworkAsync() =>
        PhoneNetwork.StartAsync(new TwilioAccount(Sid, Token, "+85230000000", "http://127.0.0.1:9"), TimeProvider.System);

    private static Task<VigilServer> StartAsync(PhoneNetwork network, string via) => VigilServer.StartAsync(Registry, Policies.Replace("VIA", via, StringComparison.Ordinal), new()
    {
        ["Notify:Routes:default"] = "twilio", ["Twilio:BaseUrl"] = network.Url, ["Twilio:AccountSid"] = Sid, ["Twilio:AuthToken"] = Token, ["Twilio:From"] = "+85230000000",
        ["Http:PublicUrl"] = "http://127.0.0.1:9", // nothing comes back: what is known is known by asking
    });

    private static async Task PressAsync(VigilServer vigil)
    {
        var button = await vigil.CredentialAsync("sos-1");
        var (code, output) = await vigil.PublishAsync(vigil.MqttPort, "zigbee2mqtt/sos-1", """{"action":"emergency"}""", "sos-1", button);
        Assert.True(code == 0, output);
    }

    /// <summary>Exactly one went out, and the one alarm has one notice: also a while later, when every lease and retry would have come.</summary>
    private static async Task StaysAsync(VigilServer vigil, PhoneNetwork network)
    {
        await Task.Delay(TimeSpan.FromSeconds(4), TimeProvider.System, Stop);
        Assert.Equal("+85261230001", Assert.Single(network.Taken).Number);
        Assert.Single((await vigil.GetAsync("notices")).EnumerateArray());
    }
}
