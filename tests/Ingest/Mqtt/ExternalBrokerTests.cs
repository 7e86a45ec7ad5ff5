using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Tests.Servers;
using static Vigil.Tests.Ingest.Mqtt.TlsTests;

namespace Vigil.Tests.Ingest.Mqtt;

/// <summary>The service as a client of a broker that a site already has: Debian's mosquitto.</summary>
[Trait("Category", "Server")]
public sealed class ExternalBrokerTests
{
    [Fact]
    public async Task A_broker_that_is_connected_and_silent_is_noticed_and_what_waited_arrives()
    {
        await using var mosquitto = new MosquittoServer();
        await mosquitto.StartAsync();
        var came = new ConcurrentQueue<string>();
        using var client = Client(
            mosquitto.Port,
            message =>
            {
                came.Enqueue(Encoding.UTF8.GetString(message.Payload.Span));
                return Receipt.Committed;
            }
        );
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
        using var next = Client(
            mosquitto.Port,
            message =>
            {
                came.Enqueue(Encoding.UTF8.GetString(message.Payload.Span));
                return Receipt.Committed;
            }
        );
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
        ConcurrentQueue<string> one = [],
            two = [];
        using var first = Client(
            mosquitto.Port,
            m =>
            {
                one.Enqueue(Encoding.UTF8.GetString(m.Payload.Span));
                return Receipt.Committed;
            },
            "one",
            "vigil"
        );
        using var second = Client(
            mosquitto.Port,
            m =>
            {
                two.Enqueue(Encoding.UTF8.GetString(m.Payload.Span));
                return Receipt.Committed;
            },
            "two",
            "vigil"
        );
        foreach (var c in new[] { first, second })
        {
            await c.StartAsync(TestContext.Current.CancellationToken);
            await UntilAsync(() => c.Live, () => c.Trouble);
        }

        for (var i = 0; i < 20; i++)
            await PublishAsync(mosquitto.Port, $"m{i}");
        await UntilAsync(() => one.Count + two.Count == 20, () => $"{one.Count} + {two.Count}");
        Assert.Equal(20, one.Concat(two).Distinct().Count());
        Assert.True(!one.IsEmpty && !two.IsEmpty, $"{one.Count} + {two.Count}");
        foreach (var c in new[] { first, second })
            await c.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_link_that_is_dead_in_both_directions_is_noticed_within_one_and_a_half_keep_alives_and_made_anew()
    {
        await using var mosquitto = new MosquittoServer();
        await mosquitto.StartAsync();
        await using var link = new Link(mosquitto.Port);
        var came = new ConcurrentQueue<string>();
        using var client = Client(
            link.Port,
            message =>
            {
                came.Enqueue(Encoding.UTF8.GetString(message.Payload.Span));
                return Receipt.Committed;
            },
            keepAlive: 4
        );
        await client.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => client.Live, () => client.Trouble);
        link.Cut(); // still connected, but nothing gets through
        var begun = TimeProvider.System.GetTimestamp();
        await UntilAsync(() => !client.Live, () => "live although nothing comes round");
        Assert.InRange(TimeProvider.System.GetElapsedTime(begun).TotalSeconds, 0, 4 * 1.5 + 0.5);
        await PublishAsync(mosquitto.Port, "meanwhile");
        link.Mend();
        await UntilAsync(() => client.Live && came.Contains("meanwhile"), () => client.Trouble);
        await client.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_message_that_stays_uncommitted_makes_the_service_reconnect_and_the_broker_send_it_again()
    {
        await using var mosquitto = new MosquittoServer();
        await mosquitto.StartAsync();
        var came = new ConcurrentQueue<DateTime>();
        using var client = Client(
            mosquitto.Port,
            message =>
            {
                came.Enqueue(message.Received);
                return came.Count < 3 ? Receipt.NotStored : Receipt.Committed; // the store works again at the third try
            },
            unacknowledged: 1
        );
        await client.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => client.Live, () => client.Trouble);
        await PublishAsync(mosquitto.Port, "a press");
        await UntilAsync(() => came.Count == 3, () => $"came {came.Count} times: {client.Trouble}");
        Assert.Single(came.Distinct()); // it is one message, and it keeps the time at which it first arrived
        await UntilAsync(() => client.Live, () => client.Trouble);
        await client.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task What_the_broker_sends_again_to_a_restarted_service_is_known_and_a_new_message_is_not()
    {
        await using var mosquitto = new MosquittoServer();
        await mosquitto.StartAsync();
        var file = Path.Combine(mosquitto.Folder, "redeliveries");
        var came = new ConcurrentQueue<DateTime>();
        for (var start = 0; start < 2; start++)
        {
            var unacknowledged = start == 0; // for the broker this is a service that was killed between its commit and the acknowledgement
            using var client = Client(
                mosquitto.Port,
                message =>
                {
                    came.Enqueue(message.Received);
                    return unacknowledged ? Receipt.NotStored : Receipt.Committed;
                },
                redeliveries: file
            );
            await client.StartAsync(TestContext.Current.CancellationToken);
            await UntilAsync(() => client.Live, () => client.Trouble);
            if (start == 0)
                await PublishAsync(mosquitto.Port, "a press");
            await UntilAsync(() => came.Count == start + 1, () => $"{came.Count}");
            if (start == 1)
            {
                await PublishAsync(mosquitto.Port, "a press"); // a new press with the same bytes
                await UntilAsync(() => came.Count == 3, () => $"{came.Count}");
            }

            await client.StopAsync(CancellationToken.None);
        }

        var times = came.ToArray();
        Assert.Equal(times[0], times[1]);
        Assert.NotEqual(times[0], times[2]);
    }

    [Fact]
    public async Task A_broker_that_is_killed_is_missed_and_nothing_it_acknowledged_and_saved_is_lost()
    {
        await using var mosquitto = new MosquittoServer();
        await mosquitto.StartAsync();
        var came = new ConcurrentQueue<string>();
        using var client = Client(
            mosquitto.Port,
            message =>
            {
                came.Enqueue(Encoding.UTF8.GetString(message.Payload.Span));
                return Receipt.Committed;
            }
        );
        await client.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => client.Live, () => client.Trouble);
        var ledger = new List<string>();
        for (var round = 0; round < 3; round++)
        {
            await PublishAsync(mosquitto.Port, $"m{round}");
            ledger.Add($"m{round}");
            await UntilAsync(() => came.Contains(ledger[^1]), () => $"{string.Join(',', came)}: {client.Trouble}");
            await mosquitto.KillAsync();
            await UntilAsync(() => !client.Live && client.Trouble.Length > 0, () => "live without a broker");
            // While the broker is down, a publish fails, so a device would send it again later.
            Assert.NotEqual(
                0,
                (
                    await Server.RunAsync(
                        "mosquitto_pub",
                        ["-h", "127.0.0.1", "-p", $"{mosquitto.Port}", "-q", "1", "-t", "vigil/d1/up", "-m", "lost"]
                    )
                ).Code
            );
            await mosquitto.StartAsync();
            await UntilAsync(() => client.Live, () => client.Trouble);
        }

        Assert.Equal(ledger, came.Distinct().Order(StringComparer.Ordinal));
        await client.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Messages_that_the_broker_dropped_while_the_service_was_away_are_told()
    {
        await using var mosquitto = new MosquittoServer(extra: "sys_interval 1\nmax_queued_messages 10", queued: null);
        await mosquitto.StartAsync();
        var file = Path.Combine(mosquitto.Folder, "dropped");
        var troubles = new Troubles(TimeProvider.System);
        var came = 0;
        for (var start = 0; start < 2; start++)
        {
            using var client = Client(
                mosquitto.Port,
                _ =>
                {
                    Interlocked.Increment(ref came);
                    return Receipt.Committed;
                },
                troubles: troubles,
                dropped: file
            );
            await client.StartAsync(TestContext.Current.CancellationToken);
            await UntilAsync(() => client.Live && File.Exists(file), () => client.Trouble);
            if (start == 0)
                Assert.Empty(troubles.Now); // messages dropped before the service first counted are not reported
            else
                await UntilAsync(
                    () => troubles.Now.Any(t => t.Case == "broker-queue"),
                    () => $"{came} of 100 came and nobody knows of the others"
                );
            await client.StopAsync(CancellationToken.None);
            if (start == 0)
                Assert.Equal(
                    0,
                    (
                        await Server.RunAsync(
                            "mosquitto_pub",
                            ["-h", "127.0.0.1", "-p", $"{mosquitto.Port}", "-q", "1", "-t", "vigil/d1/up", "-l"],
                            string.Concat(Enumerable.Range(0, 100).Select(i => $"m{i}\n"))
                        )
                    ).Code
                );
        }

        Assert.InRange(came, 1, 99);
    }

    private static ExternalBroker Client(
        int port,
        Func<InboundMessage, Receipt> inbox,
        string id = "vigil",
        string share = "",
        int keepAlive = 1,
        int unacknowledged = 30,
        string? redeliveries = null,
        Troubles? troubles = null,
        string? dropped = null
    ) =>
        new(
            new MqttOptions
            {
                Embedded = false,
                Host = "127.0.0.1",
                Port = port,
                CanarySeconds = keepAlive,
                UnacknowledgedSeconds = unacknowledged,
                ClientId = id,
                ShareName = share,
            },
            ["vigil/+/up"],
            (m, _) => ValueTask.FromResult(inbox(m)),
            new Redeliveries(redeliveries, TimeProvider.System),
            troubles ?? new Troubles(TimeProvider.System),
            dropped,
            TimeProvider.System,
            NullLogger<ExternalBroker>.Instance
        );

    /// <summary>A TCP connection to a broker that can be interrupted without either end noticing.</summary>
    private sealed class Link : IAsyncDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource stop = new();
        private readonly int broker;
        private volatile bool cut;

        public Link(int broker)
        {
            this.broker = broker;
            listener.Start();
            _ = AcceptAsync();
        }

        public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

        public void Cut() => cut = true;

        /// <summary>Connections made from now on work; bytes that were lost stay lost.</summary>
        public void Mend() => cut = false;

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            listener.Stop();
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    var near = await listener.AcceptTcpClientAsync(stop.Token);
                    var far = new TcpClient();
                    await far.ConnectAsync(IPAddress.Loopback, broker, stop.Token);
                    var dead = new StrongBox<bool>();
                    _ = PumpAsync(near, far, dead);
                    _ = PumpAsync(far, near, dead);
                }
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // the test is over
            }
        }

        private async Task PumpAsync(TcpClient from, TcpClient to, StrongBox<bool> dead)
        {
            var buffer = new byte[4096];
            try
            {
                while (await from.GetStream().ReadAsync(buffer, stop.Token) is > 0 and var read)
                {
                    dead.Value |= cut;
                    if (!dead.Value)
                        await to.GetStream().WriteAsync(buffer.AsMemory(0, read), stop.Token);
                }

                if (!dead.Value)
                    to.Client.Shutdown(SocketShutdown.Send);
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
            {
                // one end is gone
            }
        }
    }

    private static async Task PublishAsync(int port, string text) =>
        Assert.Equal(
            0,
            (await Server.RunAsync("mosquitto_pub", ["-h", "127.0.0.1", "-p", $"{port}", "-q", "1", "-t", "vigil/d1/up", "-m", text])).Code
        );
}
