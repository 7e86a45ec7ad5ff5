using Vigil.Phones;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>
/// The published service is killed (kill -9) while a message is being sent; the phone network counts what was really sent.
/// </summary>
[Trait("Category", "Server")]
public sealed class PhoneCrashTests
{
    private const string Sid = "AC0123456789abcdef0123456789abcdef";
    private const string Token = "a-token-that-no-log-may-show";

    private const string Registry =
        "record,id,name,area,visitor id,visitor name,visitor phone,contact 1 name,contact 1 relation,contact 1 phone,"
        + """
            device 1 id,device 1 profile
            resident,R1,王秀英,440114003201,V1,周志愿,+85261230003,王小明,儿子,+85261230001,sos-1,tuya/ts0215a
            resident,R2,陈桂芳,440114003201,,,,陈小芳,女儿,+85261230005,sos-2,tuya/ts0215a
            resident,R3,李大爷,440114003201,,,,李小军,儿子,+85261230007,sos-3,tuya/ts0215a
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

    /// <summary>
    /// The notice is marked as being sent and the request is on the wire, but the provider never takes it: after the restart it is sent
    /// once.
    /// </summary>
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

    /// <summary>
    /// The provider has taken the message, but its answer is lost in the crash: the service finds it in the provider's list and doesn't
    /// send it again.
    /// </summary>
    [Fact]
    public async Task Killed_between_sent_and_recorded_neither_text_nor_call_is_made_again()
    {
        await using var network = await StartNetworkAsync();
        network.Receipts = Receipts.None; // a receipt would tell the service that the message was taken
        network.Service = Service.SwallowsAnswer;
        await using var vigil = await StartAsync(network);
        await PressAsync(vigil);
        await UntilAsync(() => network.Taken.Count == 2);
        await vigil.Process.KillAsync();
        network.Service = Service.Up;
        await vigil.StartAsync();
        await SentAsync(vigil);
        await StaysAsync(vigil, network);

        // The account runs out of credit when somebody else presses: the health page and the metrics say so, and the log doesn't show the
        // token.
        network.Service = Service.OutOfCredit;
        await PressAsync(vigil, "sos-2");
        await vigil.UntilAsync("notices", n => n.EnumerateArray().Any(x => x.GetProperty("state").GetString() == "deferred"));
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{vigil.HttpPort}") };
        using var ready = await http.GetAsync("/healthz/ready", Stop);
        Assert.Equal(503, (int)ready.StatusCode);
        Assert.Contains(
            "channel twilio: Twilio: the account is not active",
            await ready.Content.ReadAsStringAsync(Stop),
            StringComparison.Ordinal
        );
        Assert.Contains("\nvigil_channel_down_twilio 1\n", await http.GetStringAsync("/metrics", Stop), StringComparison.Ordinal);
        Assert.DoesNotContain(Token, vigil.Process.Output, StringComparison.Ordinal);
    }

    /// <summary>Forty people press at once, and the service is killed several times while it tells their contacts.</summary>
    [Fact]
    public async Task Killed_again_and_again_in_a_storm_of_presses_every_contact_is_told_once()
    {
        const int homes = 40,
            kills = 3;
        await using var network = await StartNetworkAsync();
        var registry = new System.Text.StringBuilder(
            "record,id,name,area,contact 1 name,contact 1 relation,contact 1 phone,device 1 id,device 1 "
                + "profile\narea,,云溪村,440114003201,,,,,\n"
        );
        for (var i = 0; i < homes; i++)
            registry.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"resident,R{i},王秀英,440114003201,王小明,儿子,+8526123{i:0000},sos-{i},senml\n"
            );
        await using var vigil = await StartAsync(network, registry.ToString());
        var gateway = await vigil.CredentialAsync("gateway-1", gateway: true);
        using (var client = new MQTTnet.MqttClientFactory().CreateMqttClient())
        {
            await client.ConnectAsync(
                new MQTTnet.MqttClientOptionsBuilder()
                    .WithTcpServer("127.0.0.1", vigil.MqttPort)
                    .WithCredentials("gateway-1", gateway)
                    .Build(),
                Stop
            );
            // Half of the requests are taken and their answers lost; the other half are never taken.
            network.Service = Service.SwallowsAnswer;
            for (var i = 0; i < homes; i++)
            {
                if (i == homes / 2)
                {
                    await UntilAsync(() => network.Taken.Count == homes / 2);
                    network.Service = Service.Hangs;
                }

                var sent = await client.PublishAsync(
                    new MQTTnet.MqttApplicationMessageBuilder()
                        .WithTopic($"vigil/sos-{i}/up")
                        .WithPayload("""[{"n":"button","vs":"sos"}]""")
                        .WithQualityOfServiceLevel(MQTTnet.Protocol.MqttQualityOfServiceLevel.AtLeastOnce)
                        .Build(),
                    Stop
                );
                Assert.True(sent.IsSuccess, sent.ReasonString);
            }
        }

        var random = new Random(7);
        for (var round = 0; round < kills; round++)
        {
            await vigil.Process.KillAsync();
            network.Service = Service.Up;
            await vigil.StartAsync();
            // The next kill comes while the service asks the provider for what was taken and sends the rest.
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(10, 150)), TimeProvider.System, Stop);
        }

        await vigil.UntilAsync(
            "notices?limit=1000",
            n => n.EnumerateArray().Count(x => x.GetProperty("state").GetString() is "sent" or "delivered") >= homes
        );
        var texts = network.Taken.GroupBy(t => t.Number).ToDictionary(g => g.Key, g => g.Count());
        Assert.Equal(homes, texts.Count);
        // A message that was being sent at a kill is found in the provider's list, so nobody hears it twice.
        Assert.Equal(homes, texts.Values.Sum());
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (!holds())
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, limit.Token);
    }

    private static Task<PhoneNetwork> StartNetworkAsync() =>
        PhoneNetwork.StartAsync(new TwilioAccount(Sid, Token, "+85230000000", "http://127.0.0.1:9"), TimeProvider.System);

    private static Task<VigilServer> StartAsync(PhoneNetwork network, string? registry = null) =>
        VigilServer.StartAsync(
            registry ?? Registry,
            Policies,
            new()
            {
                ["Notify:Routes:default"] = "twilio",
                ["Twilio:BaseUrl"] = network.Url,
                ["Twilio:AccountSid"] = Sid,
                ["Twilio:AuthToken"] = Token,
                ["Twilio:From"] = "+85230000000",
                ["Http:PublicUrl"] = "http://127.0.0.1:9", // receipts can't arrive here: the service learns only by asking the provider
            }
        );

    private static async Task PressAsync(VigilServer vigil, string device = "sos-1")
    {
        var button = await vigil.CredentialAsync(device);
        var (code, output) = await vigil.PublishAsync(
            vigil.MqttPort,
            $"zigbee2mqtt/{device}",
            """{"action":"emergency"}""",
            device,
            button
        );
        Assert.True(code == 0, output);
    }

    private static Task SentAsync(VigilServer vigil, int messages = 2) =>
        vigil.UntilAsync(
            "notices",
            n => n.EnumerateArray().Count(x => x.GetProperty("state").GetString() is "sent" or "delivered") == messages
        );

    /// <summary>
    /// Exactly one text and one call were sent, and the one alarm has these two notices. To be sure that nothing else is still due, another
    /// home presses and its text is waited for: before it is sent, everything that was due earlier has been looked at.
    /// </summary>
    private static async Task StaysAsync(VigilServer vigil, PhoneNetwork network)
    {
        await PressAsync(vigil, "sos-3");
        await SentAsync(vigil, 3);
        Assert.Equal(
            [("call", "+85261230003"), ("sms", "+85261230001"), ("sms", "+85261230007")],
            network.Taken.Select(t => (t.Kind, t.Number)).Order()
        );
        Assert.Equal(3, (await vigil.GetAsync("notices")).GetArrayLength());
    }
}
