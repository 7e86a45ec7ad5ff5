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
              - { to: contact 1, via: [sms], wait: 1s }
              - { to: visitor, via: [voice], wait: 30m }
        """;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Marked as being sent, the request on the wire, and the provider has not taken it: it goes out after the restart, once.</summary>
    [Fact]
    public async Task Killed_between_marked_and_sent_a_text_and_a_call_are_made_once_each()
    {
        await using var network = await StartNetworkAsync();
        network.Service = Service.Hangs;
        await using var vigil = await StartAsync(network);
        await PressAsync(vigil);
        await vigil.UntilAsync("notices", n => n.EnumerateArray().Count(x => x.GetProperty("state").GetString() == "sending") == 2);
        await vigil.Process.KillAsync();
        Assert.Empty(network.Taken);
        network.Service = Service.Up;
        await vigil.StartAsync();
        await SentAsync(vigil);
        await StaysAsync(vigil, network);
    }

    /// <summary>The provider has taken it and its answer is lost with us: it is found in the provider's list and not sent again.</summary>
    [Fact]
    public async Task Killed_between_sent_and_recorded_neither_text_nor_call_is_made_again()
    {
        await using var network = await StartNetworkAsync();
        network.Receipts = Receipts.None; // else the receipt would tell
        network.Service = Service.SwallowsAnswer;
        await using var vigil = await StartAsync(network);
        var button = await PressAsync(vigil);
        while (network.Taken.Count < 2) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Stop);
        await vigil.Process.KillAsync();
        network.Service = Service.Up;
        await vigil.StartAsync();
        await SentAsync(vigil);
        await StaysAsync(vigil, network);

        // The credit runs out: said where the operator looks, and no secret with it.
        network.Service = Service.OutOfCredit;
        Assert.Equal(0, (await vigil.PublishAsync(vigil.MqttPort, "zigbee2mqtt/sos-1", """{"action":"emergency"}""", "sos-1", button)).Code);
        await vigil.UntilAsync("notices", n => n.EnumerateArray().Any(x => x.GetProperty("state").GetString() == "deferred"));
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{vigil.HttpPort}") };
        using var ready = await http.GetAsync("/healthz/ready", Stop);
        Assert.Equal(503, (int)ready.StatusCode);
        Assert.Contains("channel twilio: Twilio: the account is not active", await ready.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        Assert.Contains("\nvigil_channel_down_twilio 1\n", await http.GetStringAsync("/metrics", Stop), StringComparison.Ordinal);
        Assert.DoesNotContain(Token, vigil.Process.Output, StringComparison.Ordinal);
    }

    private static Task<PhoneNetwork> StartNetworkAsync() =>
        PhoneNetwork.StartAsync(new TwilioAccount(Sid, Token, "+85230000000", "http://127.0.0.1:9"), TimeProvider.System);

    private static Task<VigilServer> StartAsync(PhoneNetwork network) => VigilServer.StartAsync(Registry, Policies, new()
    {
        ["Notify:Routes:default"] = "twilio", ["Twilio:BaseUrl"] = network.Url, ["Twilio:AccountSid"] = Sid, ["Twilio:AuthToken"] = Token, ["Twilio:From"] = "+85230000000",
        ["Http:PublicUrl"] = "http://127.0.0.1:9", // nothing comes back: what is known is known by asking
    });

    private static async Task<string> PressAsync(VigilServer vigil)
    {
        var button = await vigil.CredentialAsync("sos-1");
        var (code, output) = await vigil.PublishAsync(vigil.MqttPort, "zigbee2mqtt/sos-1", """{"action":"emergency"}""", "sos-1", button);
        Assert.True(code == 0, output);
        return button;
    }

    private static Task SentAsync(VigilServer vigil) =>
        vigil.UntilAsync("notices", n => n.EnumerateArray().Count(x => x.GetProperty("state").GetString() is "sent" or "delivered") == 2);

    /// <summary>Exactly one text and one call went out, and the one alarm has these two notices: also a while later, when every lease and retry would have come.</summary>
    private static async Task StaysAsync(VigilServer vigil, PhoneNetwork network)
    {
        await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System, Stop);
        Assert.Equal([("call", "+85261230003"), ("sms", "+85261230001")], network.Taken.Select(t => (t.Kind, t.Number)).Order());
        Assert.Equal(2, (await vigil.GetAsync("notices")).GetArrayLength());
    }
}
