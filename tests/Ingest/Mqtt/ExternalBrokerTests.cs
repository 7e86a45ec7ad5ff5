using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Tests.Servers;
using static Vigil.Tests.Ingest.Mqtt.TlsTests;

namespace Vigil.Tests.Ingest.Mqtt;

/// <summary>Debian's mosquitto as the broker that is already there.</summary>
[Trait("Category", "Server")]
public sealed class ExternalBrokerTests
{
    [Fact]
    public async Task A_broker_that_is_connected_and_silent_is_noticed_and_what_waited_arrives()
    {
        await using var mosquitto = new MosquittoServer();
        await mosquitto.StartAsync();
        var came = new ConcurrentQueue<string>();
        using var client = Client(mosquitto.Port, message =>
        {
            came.Enqueue(Encoding.UTF8.GetString(message.Payload.Span));
            return Receipt.Committed;
        });
        await client.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => client.Live, () => client.Trouble);
        mosquitto.Freeze();
        await UntilAsync(() => !client.Live, () => "live although nothing comes round");
        Assert.NotEmpty(client.Trouble);
        mosquitto.Thaw();
        await UntilAsync(() => client.Live, () => client.Trouble);
        await PublishAsync(mosquitto.Port, "after");
        await UntilAsync(() => came.Contains("after"), () => string.Join(',', came));
        await client.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task What_could_not_be_stored_is_not_acknowledged_and_comes_again_after_a_restart()
    {
        await using var mosquitto = new MosquittoServer();
        await mosquitto.StartAsync();
        using (var full = Client(mosquitto.Port, _ => Receipt.NotStored))
        {
            await full.StartAsync(TestContext.Current.CancellationToken);
            await UntilAsync(() => full.Live, () => full.Trouble);
            await PublishAsync(mosquitto.Port, "kept");
            await full.StopAsync(CancellationToken.None);
        }

        await PublishAsync(mosquitto.Port, "while away");
        var came = new ConcurrentQueue<string>();
        using var next = Client(mosquitto.Port, message =>
        {
            came.Enqueue(Encoding.UTF8.GetString(message.Payload.Span));
            return Receipt.Committed;
        });
        await next.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => came.Count == 2, () => string.Join(',', came));
        Assert.Equal(["kept", "while away"], came);
        await next.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Two_services_that_share_a_subscription_divide_the_messages()
    {
        await using var mosquitto = new MosquittoServer();
        await mosquitto.StartAsync();
        ConcurrentQueue<string> one = [], two = [];
        using var first = Client(mosquitto.Port, m => { one.Enqueue(Encoding.UTF8.GetString(m.Payload.Span)); return Receipt.Committed; }, "one", "vigil");
        using var second = Client(mosquitto.Port, m => { two.Enqueue(Encoding.UTF8.GetString(m.Payload.Span)); return Receipt.Committed; }, "two", "vigil");
        foreach (var c in new[] { first, second })
        {
            await c.StartAsync(TestContext.Current.CancellationToken);
            await UntilAsync(() => c.Live, () => c.Trouble);
        }

        for (var i = 0; i < 20; i++) await PublishAsync(mosquitto.Port, $"m{i}");
        await UntilAsync(() => one.Count + two.Count == 20, () => $"{one.Count} + {two.Count}");
        Assert.Equal(20, one.Concat(two).Distinct().Count());
        Assert.True(!one.IsEmpty && !two.IsEmpty, $"{one.Count} + {two.Count}");
        foreach (var c in new[] { first, second }) await c.StopAsync(CancellationToken.None);
    }

    private static ExternalBroker Client(int port, Func<InboundMessage, Receipt> inbox, string id = "vigil", string share = "") => new(
        new MqttOptions { Embedded = false, Host = "127.0.0.1", Port = port, CanarySeconds = 1, ClientId = id, ShareName = share }, ["vigil/+/up"], (m, _) => ValueTask.FromResult(inbox(m)), new Redeliveries(null, TimeProvider.System), new Troubles(TimeProvider.System), null, TimeProvider.System,
        NullLogger<ExternalBroker>.Instance);

    private static async Task PublishAsync(int port, string text) =>
        Assert.Equal(0, (await Server.RunAsync("mosquitto_pub", ["-h", "127.0.0.1", "-p", $"{port}", "-q", "1", "-t", "vigil/d1/up", "-m", text])).Code);
}
