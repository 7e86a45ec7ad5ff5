using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using MQTTnet.AspNetCore;
using Vigil.Ingest.Mqtt;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Mqtt;

/// <summary>
/// The embedded broker on a real port, with an inbox that keeps the messages it receives. Devices d1 and d2 (or more) have the password
/// "right".
/// </summary>
internal sealed class BrokerUnderTest : IAsyncDisposable
{
    private readonly WebApplication app;

    private BrokerUnderTest(WebApplication app, int port) => (this.app, Port) = (app, port);

    public int Port { get; }

    public ConcurrentQueue<(string Topic, string From, string Payload)> Came { get; private init; } = [];

    /// <summary>When the messages arrived, in this order.</summary>
    public ConcurrentQueue<DateTime> At { get; private init; } = [];

    /// <summary>How much work each login was allowed to cost.</summary>
    public ConcurrentQueue<LoginEffort> Looked { get; private init; } = [];

    public Troubles Troubles => app.Services.GetRequiredService<Troubles>();

    public EmbeddedBroker Broker => app.Services.GetRequiredService<EmbeddedBroker>();

    public static async Task<BrokerUnderTest> StartAsync(
        Action<MqttOptions>? set = null,
        Func<InboundMessage, Receipt>? inbox = null,
        int devices = 2,
        bool anyTopic = false,
        TimeProvider? clock = null,
        string? redeliveries = null,
        Func<string, bool>? goesFirst = null,
        Func<string, Task>? beforeLooking = null,
        Func<InboundMessage, Task<Receipt>>? commit = null
    )
    {
        var options = new MqttOptions();
        set?.Invoke(options);
        var came = new ConcurrentQueue<(string, string, string)>();
        var at = new ConcurrentQueue<DateTime>();
        var looked = new ConcurrentQueue<LoginEffort>();
        var remembered = new ConcurrentDictionary<string, bool>();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Services.AddMqttConnectionHandler();
        builder
            .Services.AddSingleton(options)
            .AddSingleton(clock ?? TimeProvider.System)
            .AddSingleton<GoesFirst>(_ => name => goesFirst?.Invoke(name) == true)
            .AddSingleton<Authenticate>(_ =>
                async (name, password, effort, _) =>
                {
                    looked.Enqueue(effort);
                    if (beforeLooking is not null)
                        await beforeLooking(name);
                    if (effort == LoginEffort.Remembered && !remembered.ContainsKey(name))
                        return new Login(LoginOutcome.Busy);
                    if (
                        name is not ['d', .. var number]
                        || !int.TryParse(number, out var n)
                        || n > devices
                        || Encoding.UTF8.GetString(password) != "right"
                    )
                        return new Login(LoginOutcome.Wrong);
                    remembered[name] = true;
                    return new Login(LoginOutcome.Right, new Sender(name, false, []));
                }
            )
            .AddSingleton(new Redeliveries(redeliveries, clock ?? TimeProvider.System))
            .AddSingleton<Troubles>()
            .AddSingleton(new System.Diagnostics.Metrics.Meter("Vigil.Tests.Broker"))
            .AddSingleton<Inbox>(_ =>
                (message, _) =>
                {
                    // As in the pipeline, a device may use its own topic only.
                    var device = message.Topic.Split('/') is ["vigil", var named, "up"] ? named : "";
                    if (device != message.From.Name && !anyTopic)
                        return ValueTask.FromResult(Receipt.NotAllowed);
                    at.Enqueue(message.Received);
                    came.Enqueue((message.Topic, message.From.Name, Encoding.UTF8.GetString(message.Payload.Span)));
                    return commit is null
                        ? ValueTask.FromResult(inbox?.Invoke(message) ?? Receipt.Committed)
                        : new ValueTask<Receipt>(commit(message));
                }
            )
            .AddSingleton<EmbeddedBroker>()
            .AddHostedService(s => s.GetRequiredService<EmbeddedBroker>());
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, listen => BrokerListener.Use(listen, options)));
        var app = builder.Build();
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new BrokerUnderTest(app, new Uri(app.Urls.First().Replace("mqtt", "tcp", StringComparison.Ordinal)).Port)
        {
            Came = came,
            At = at,
            Looked = looked,
        };
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
    }
}

/// <summary>A device as raw bytes on a socket: a test decides what it sends and sees exactly what comes back.</summary>
internal sealed class RawDevice : IAsyncDisposable
{
    private readonly TcpClient socket;
    private readonly Stream stream;

    private RawDevice(TcpClient socket, Stream stream) => (this.socket, this.stream) = (socket, stream);

    /// <param name="port">Port of the broker on loopback.</param>
    /// <param name="trusted">The server certificate to trust; with it the connection uses TLS.</param>
    /// <param name="certificate">The client certificate that is shown to the broker.</param>
    /// <param name="from">Local address to connect from, such as 127.0.0.2.</param>
    public static async Task<RawDevice> OpenAsync(
        int port,
        X509Certificate2? trusted = null,
        X509Certificate2? certificate = null,
        string? from = null
    )
    {
        var socket = from is null ? new TcpClient() : new TcpClient(new IPEndPoint(IPAddress.Parse(from), 0));
        await socket.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
        if (trusted is null)
            return new RawDevice(socket, socket.GetStream());
        var tls = new SslStream(
            socket.GetStream(),
            false,
            (_, server, _, _) =>
            {
                using var chain = new X509Chain();
                chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
                chain.ChainPolicy.CustomTrustStore.Add(trusted);
                chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
                return server is X509Certificate2 shown && chain.Build(shown);
            }
        );
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "localhost", ClientCertificates = certificate is null ? [] : [certificate] },
            TestContext.Current.CancellationToken
        );
        return new RawDevice(socket, tls);
    }

    /// <summary>Opens a socket and logs in; returns the code of the CONNACK.</summary>
    public static async Task<(RawDevice Device, int Code)> LogInAsync(
        int port,
        string name = "d1",
        string password = "right",
        string? clientId = null,
        byte level = 4,
        ushort keepAlive = 60,
        string? from = null
    )
    {
        var device = await OpenAsync(port, from: from);
        await device.SendAsync(Connect(name, password, clientId ?? name, level, keepAlive));
        var answer = await device.ReadAsync();
        return (device, answer is [0x20, _, _, var code, ..] ? code : -1);
    }

    public static byte[] Connect(
        string name,
        string password,
        string clientId,
        byte level = 4,
        ushort keepAlive = 60,
        (string Topic, string Payload)? will = null
    )
    {
        var flags = 0b1100_0010 | (will is null ? 0 : 0b0000_0100);
        byte[] body =
        [
            0,
            4,
            .. "MQTT"u8,
            level,
            (byte)flags,
            (byte)(keepAlive >> 8),
            (byte)keepAlive,
            .. level == 5 ? new byte[] { 0 } : [],
            .. Text(clientId),
        ];
        if (will is { } w)
            body = [.. body, .. level == 5 ? new byte[] { 0 } : [], .. Text(w.Topic), .. Text(w.Payload)];
        return Packet(0x10, [.. body, .. Text(name), .. Text(password)]);
    }

    public static byte[] Publish(
        string topic,
        string payload,
        int qos = 1,
        byte level = 4,
        bool retain = false,
        ushort id = 1,
        bool dup = false
    ) => Publish(Encoding.UTF8.GetBytes(topic), Encoding.UTF8.GetBytes(payload), qos, level, retain, id, dup);

    public static byte[] Publish(
        byte[] topic,
        byte[] payload,
        int qos = 1,
        byte level = 4,
        bool retain = false,
        ushort id = 1,
        bool dup = false
    ) =>
        Packet(
            (byte)(0x30 | (dup ? 8 : 0) | qos << 1 | (retain ? 1 : 0)),
            [
                (byte)(topic.Length >> 8),
                (byte)topic.Length,
                .. topic,
                .. qos > 0 ? new[] { (byte)(id >> 8), (byte)id } : [],
                .. level == 5 ? new byte[] { 0 } : [],
                .. payload,
            ]
        );

    public static byte[] Subscribe(string filter, byte level = 4) =>
        Packet(0x82, [0, 7, .. level == 5 ? new byte[] { 0 } : [], .. Text(filter), 1]);

    public static byte[] Packet(byte type, byte[] body)
    {
        var packet = new List<byte> { type };
        for (var rest = body.Length; ; )
        {
            var digit = rest & 0x7F;
            rest >>= 7;
            packet.Add((byte)(rest > 0 ? digit | 0x80 : digit));
            if (rest == 0)
                break;
        }

        return [.. packet, .. body];
    }

    public async Task SendAsync(byte[] bytes)
    {
        await stream.WriteAsync(bytes, TestContext.Current.CancellationToken);
        await stream.FlushAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>
    /// The bytes that arrive next; empty when the broker has closed the connection. Fails when nothing comes for ten seconds.
    /// </summary>
    public async Task<byte[]> ReadAsync()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(10));
        var buffer = new byte[4096];
        try
        {
            return buffer[..await stream.ReadAsync(buffer, patience.Token)];
        }
        catch (IOException)
        {
            return []; // a reset also means that the broker closed it
        }
    }

    /// <summary>Reads until the broker closes the connection; returns what it sent before.</summary>
    public async Task<byte[]> UntilClosedAsync()
    {
        var all = new List<byte>();
        while (await ReadAsync() is { Length: > 0 } some)
            all.AddRange(some);
        return [.. all];
    }

    /// <summary>FIN: sends nothing more, but can still read answers.</summary>
    public void Finish() => socket.Client.Shutdown(SocketShutdown.Send);

    /// <summary>RST: ends the connection without a goodbye.</summary>
    public void Reset()
    {
        socket.Client.LingerState = new LingerOption(true, 0);
        socket.Client.Dispose();
    }

    /// <summary>Waits until a condition holds.</summary>
    public static async Task UntilAsync(Func<bool> holds, double seconds = 10)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (!holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begun).TotalSeconds < seconds, $"not within {seconds} s");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    public ValueTask DisposeAsync()
    {
        stream.Dispose();
        socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private static byte[] Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
    }
}
