using System.Diagnostics;
using System.Net;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Vigil.Bench;

/// <summary>
/// With Debian's mosquitto: the published service, which acknowledges each message after its commit, compared with a subscriber on the same
/// client library that acknowledges at once and drops it. All messages wait in mosquitto's queue before the clock starts, so what is
/// measured is how fast they are taken.
/// </summary>
internal static class MosquittoLoad
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var messages = arguments.Number("--messages", 60_000);
        var rounds = arguments.Number("--rounds", 3);
        var records = arguments.Number("--records", 10);
        var vigil = arguments.Text("--vigil") ?? Path.Combine(Directory.GetCurrentDirectory(), ".artifacts", "vigil", "vigil");
        Console.WriteLine(
            $"mosquitto, {messages} queued messages of {records} SenML records from 2000 devices, QoS 1, MQTT 5; "
                + $"{Environment.ProcessorCount} cores shared by broker and subscriber"
        );
        var (dropped, kept) = (new List<double>(), new List<double>());
        for (var round = 1; round <= rounds; round++)
        {
            var drop = await RoundAsync(messages, records, null);
            var durable = await RoundAsync(messages, records, vigil);
            dropped.Add(drop);
            kept.Add(durable);
            Console.WriteLine(
                $"  round {round}: dropped {drop:0} messages/s, durable {durable:0} messages/s ({durable * records:0} readings/s)"
            );
        }

        dropped.Sort();
        kept.Sort();
        Console.WriteLine(
            $"durable {kept[rounds / 2] * records:0} readings/s ({kept[rounds / 2]:0} messages/s), dropped {dropped[rounds / 2]:0} "
                + $"messages/s, ratio {kept[rounds / 2] / dropped[rounds / 2]:0.00} (medians of {rounds})"
        );
        return 0;
    }

    private static async Task<double> RoundAsync(int messages, int records, string? vigil)
    {
        var folder = Directory.CreateTempSubdirectory("vigil-bench");
        var port = BrokerLoad.FreePort();
        var config = Path.Combine(folder.FullName, "mosquitto.conf");
        await File.WriteAllTextAsync(
            config,
            $"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nmax_inflight_messages "
                + $"2000\nlog_dest none\nuser root\n"
        );
        using var mosquitto = BrokerLoad.Start("/usr/sbin/mosquitto", ["-c", config]);
        try
        {
            await BrokerLoad.ReadyAsync(port);
            // Opens a session first, so that mosquitto keeps messages for it.
            using (var session = await ConnectAsync(port, "vigil"))
                await session.DisconnectAsync();
            await FillAsync(port, messages, records);
            if (vigil is null)
            {
                var (count, done) = (0, new TaskCompletionSource());
                var begun = Stopwatch.GetTimestamp();
                using var client = await ConnectAsync(
                    port,
                    "vigil",
                    () =>
                    {
                        if (Interlocked.Increment(ref count) == messages)
                            done.TrySetResult();
                    }
                );
                await done.Task;
                return messages / Stopwatch.GetElapsedTime(begun).TotalSeconds;
            }

            await BrokerLoad.SeedAsync(folder.FullName, 2000, 0);
            var http = BrokerLoad.FreePort();
            using var server = BrokerLoad.Start(
                vigil,
                [
                    "run",
                    "--Mqtt:Embedded",
                    "false",
                    "--Mqtt:Host",
                    "127.0.0.1",
                    "--Mqtt:Port",
                    $"{port}",
                    "--Mqtt:Topics",
                    "vigil/+/up",
                    "--Http:Urls",
                    $"http://127.0.0.1:{http}",
                    "--Data:Path",
                    folder.FullName,
                ]
            );
            try
            {
                // From the first committed reading to the last, by the service's own counter.
                using var client = new HttpClient();
                var (first, target) = (0L, (long)messages * records);
                var begun = 0L;
                while (true)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
                    long committed;
                    try
                    {
                        committed = Committed(await client.GetStringAsync(new Uri($"http://127.0.0.1:{http}/metrics")));
                    }
                    catch (HttpRequestException)
                    {
                        continue;
                    }

                    if (begun == 0 && committed > 0)
                        (begun, first) = (Stopwatch.GetTimestamp(), committed);
                    if (committed >= target)
                        return (target - first) / (double)records / Stopwatch.GetElapsedTime(begun).TotalSeconds;
                }
            }
            finally
            {
                BrokerLoad.Stop(server);
            }
        }
        finally
        {
            BrokerLoad.Stop(mosquitto);
            folder.Delete(recursive: true);
        }
    }

    private static long Committed(string metrics)
    {
        foreach (var line in metrics.Split('\n'))
            if (
                line.StartsWith("vigil_readings_committed", StringComparison.Ordinal)
                && long.TryParse(line[(line.LastIndexOf(' ') + 1)..], out var value)
            )
                return value;
        return 0;
    }

    private static async Task<IMqttClient> ConnectAsync(int port, string id, Action? came = null)
    {
        var client = new MqttClientFactory().CreateMqttClient();
        if (came is not null)
            client.ApplicationMessageReceivedAsync += _ =>
            {
                came();
                return Task.CompletedTask;
            };
        await client.ConnectAsync(
            new MqttClientOptionsBuilder()
                .WithTcpServer(new DnsEndPoint("127.0.0.1", port).Host, port)
                .WithProtocolVersion(MqttProtocolVersion.V500)
                .WithClientId(id)
                .WithCleanStart(false)
                .WithSessionExpiryInterval(uint.MaxValue)
                .WithReceiveMaximum(2000)
                .Build()
        );
        await client.SubscribeAsync("vigil/+/up", MqttQualityOfServiceLevel.AtLeastOnce);
        return client;
    }

    private static async Task FillAsync(int port, int messages, int records)
    {
        using var client = new MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", port).WithClientId("filler").Build());
        var time = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() - messages;
        for (var i = 0; i < messages; i++)
            await client.PublishAsync(
                new MqttApplicationMessageBuilder()
                    .WithTopic($"vigil/{MqttLoad.Device(i % 2000)}/up")
                    .WithPayload(MqttLoad.Pack(i % 2000, time + i, i, records))
                    .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
                    .Build()
            );
    }
}
