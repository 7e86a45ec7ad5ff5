using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Vigil.Tests.Ingest.Mqtt;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>
/// The published service gets SIGTERM while buttons are pressed and meters report: it takes no new messages, finishes those it took, and
/// ends.
/// </summary>
[Trait("Category", "Server")]
public sealed class ShutdownTests
{
    private const int Homes = 60;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Asked_to_stop_in_a_storm_of_alarms_it_is_gone_within_twenty_seconds_and_nothing_acknowledged_is_lost()
    {
        var registry = new System.Text.StringBuilder(
            "record,id,name,area,contact 1 name,contact 1 phone,device 1 id,device 1 profile,device 2 id,device 2 "
                + "profile\narea,,云溪村,440114003201,,,,,,\n"
        );
        for (var i = 0; i < Homes; i++)
            registry.Append(
                CultureInfo.InvariantCulture,
                $"resident,R{i},王秀英,440114003201,王小明,+8526123{i:0000},sos-{i},senml,meter-{i},senml\n"
            );
        await using var vigil = await VigilServer.StartAsync(registry.ToString(), null, new() { ["Mqtt:GatewayRate"] = "100000" });
        var gateway = await vigil.CredentialAsync("gateway-1", gateway: true);
        var (presses, readings) = (new ConcurrentDictionary<int, bool>(), new ConcurrentDictionary<int, bool>());
        using var client = new MQTTnet.MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(
            new MQTTnet.MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", vigil.MqttPort).WithCredentials("gateway-1", gateway).Build(),
            Stop
        );
        var sent = 0;
        var load = Task.Run(
            async () =>
            {
                try
                {
                    while (true)
                    {
                        // Ten at once, as a gateway sends them, so that several are being handled when the signal comes.
                        var batch = Enumerable
                            .Range(sent, 10)
                            .Select(n =>
                                n % 10 == 0 && n / 10 < Homes
                                    ? PublishAsync(client, $"vigil/sos-{n / 10}/up", """[{"n":"button","vs":"sos"}]""", presses, n / 10)
                                    : PublishAsync(
                                        client,
                                        $"vigil/meter-{n % Homes}/up",
                                        $$"""[{"n":"water.volume","u":"m3","v":{{n}},"t":{{-100_000 + n}}}]""",
                                        readings,
                                        n
                                    )
                            )
                            .ToList();
                        sent += 10;
                        await Task.WhenAll(batch);
                    }
                }
                catch (Exception e)
                    when (e is MQTTnet.Exceptions.MqttCommunicationException or OperationCanceledException or InvalidOperationException)
                {
                    // the service has ended
                }
            },
            Stop
        );
        var begun = Stopwatch.GetTimestamp();
        while (presses.Count < Homes / 2) // when half of the homes have pressed
        {
            Assert.True(
                Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(60),
                $"{presses.Count} presses were acknowledged in a minute\n{vigil.Process.Output}"
            );
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Stop);
        }

        var asked = Stopwatch.GetTimestamp();
        await vigil.Process.StopAsync(TimeSpan.FromSeconds(20));
        var took = Stopwatch.GetElapsedTime(asked);
        Assert.True(vigil.Process.HasExited);
        await load;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"gone after {took.TotalSeconds:0.00} s; {presses.Count} presses and {readings.Count} readings acknowledged of {sent} sent"
        );
        Assert.InRange(took.TotalSeconds, 0, 20);
        // a service that is asked to stop is no failure
        Assert.DoesNotContain("BackgroundService failed", vigil.Process.Output, StringComparison.Ordinal);

        await vigil.StartAsync();
        var alarms = await vigil.UntilAsync(
            "alarms?kind=sos&limit=1000",
            a => presses.Keys.All(p => a.EnumerateArray().Any(x => x.GetProperty("resident").GetString() == $"R{p}")),
            seconds: 20
        );
        Assert.Equal(
            alarms.GetArrayLength(),
            alarms.EnumerateArray().Select(x => x.GetProperty("resident").GetString()).Distinct().Count()
        );
        var raised = alarms.EnumerateArray().Select(x => x.GetProperty("id").GetGuid()).ToList();
        await vigil.UntilAsync(
            "notices?limit=1000",
            n =>
                raised.TrueForAll(id =>
                    n.EnumerateArray()
                        .Any(x => x.GetProperty("alarmId").GetGuid() == id && x.GetProperty("state").GetString() is "sent" or "delivered")
                )
        );
        foreach (var home in readings.Keys.GroupBy(r => r % Homes))
        {
            var stored = (
                await vigil.GetAsync(
                    $"residents/R{home.Key}/readings?metric=water.volume&from={TimeProvider.System.GetUtcNow().AddDays(-3):yyyy-MM-dd}"
                )
            )
                .EnumerateArray()
                .Select(r => (int)r.GetProperty("value").GetDouble())
                .ToHashSet();
            Assert.DoesNotContain(home, r => !stored.Contains(r));
        }
    }

    [Theory]
    [InlineData("Registry: ")] // while stored readings are replayed
    [InlineData("Rules: ")] // when everything is prepared
    [InlineData("broker ready on port")] // while the host starts its services
    public async Task Asked_to_stop_during_its_start_it_ends_with_0_and_without_a_stack_trace_and_the_next_start_knows_of_no_crash(
        string said
    )
    {
        var folder = Directory.CreateTempSubdirectory("vigil-stop-").FullName;
        string[] command =
        [
            "run",
            $"--Data:Path={Path.Combine(folder, "data")}",
            $"--Http:Urls=http://127.0.0.1:{Server.FreePort()}",
            $"--Mqtt:Port={Server.FreePort()}",
            "--Health:CanaryMinutes=0",
        ];
        await using (var first = Server.Start(VigilServer.Executable, command, folder))
        {
            await first.SaysAsync("is running");
            Assert.Equal(0, await first.StopAsync(TimeSpan.FromSeconds(20)));
        }

        await using (var starting = Server.Start(VigilServer.Executable, command, folder))
        {
            await starting.SaysAsync(said);
            Assert.Equal(0, await starting.StopAsync(TimeSpan.FromSeconds(20)));
            Assert.DoesNotContain("Exception", starting.Output, StringComparison.Ordinal);
        }

        await using (var next = Server.Start(VigilServer.Executable, command, folder))
        {
            await next.SaysAsync("is running");
            Assert.DoesNotContain("not a clean one", next.Output, StringComparison.Ordinal);
            await next.StopAsync(TimeSpan.FromSeconds(20));
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Asked_to_stop_while_its_database_stands_still_it_gives_up_in_time_says_so_and_does_not_end_with_0()
    {
        await using var postgres = new PostgresServer();
        await postgres.InitializeAsync();
        await using var vigil = await VigilServer.StartAsync(
            "record,id,name,area,device 1 id,device 1 profile\narea,,云溪村,440114003201,,\nresident,R1,王秀英,440114003201,sos-1,senml\n",
            settings: new() { ["Records:Store"] = "Postgres", ["Records:ConnectionString"] = await postgres.CreateDatabaseAsync() }
        );
        var password = await vigil.CredentialAsync("sos-1");
        var (button, code) = await RawDevice.LogInAsync(vigil.MqttPort, "sos-1", password);
        await using var _ = button;
        Assert.Equal(0, code);
        await postgres.FreezeAsync();
        try
        {
            await button.SendAsync(RawDevice.Publish("vigil/sos-1/up", """[{"n":"button","vs":"sos"}]"""));
            Assert.NotEqual(0, await vigil.Process.StopAsync(TimeSpan.FromSeconds(60)));
            Assert.Contains("not stopped in order", vigil.Process.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("before it had started", vigil.Process.Output, StringComparison.Ordinal);
        }
        finally
        {
            await postgres.ThawAsync();
        }
    }

    private static async Task PublishAsync(
        MQTTnet.IMqttClient client,
        string topic,
        string payload,
        ConcurrentDictionary<int, bool> acknowledged,
        int number
    )
    {
        var result = await client.PublishAsync(
            new MQTTnet.MqttApplicationMessageBuilder()
                .WithTopic(topic)
                .WithPayload(payload)
                .WithQualityOfServiceLevel(MQTTnet.Protocol.MqttQualityOfServiceLevel.AtLeastOnce)
                .Build(),
            Stop
        );
        if (result.IsSuccess)
            acknowledged[number] = true;
    }
}
