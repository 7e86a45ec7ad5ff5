using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MQTTnet.AspNetCore;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using MQTTnet.Server;
using Vigil.Model;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// The embedded broker: MQTTnet's server behind Kestrel. Devices publish to the service alone: nothing is routed from device to device,
/// nothing is retained and no session outlives its connection, so that a stalled or hostile client can't slow down the others.
/// </summary>
public sealed partial class EmbeddedBroker : IHostedService, IAsyncDisposable
{
    internal const string SocketKey = "socket";

    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How far a credential may run ahead of its rate with the pause after each message; further ahead, messages wait before delivery.
    /// </summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromSeconds(1);

    private readonly MqttOptions options;
    private readonly MqttConnectionHandler handler;
    private readonly Authenticate authenticate;
    private readonly Inbox inbox;
    private readonly Redeliveries redeliveries;
    private readonly Troubles troubles;
    private readonly TimeProvider clock;
    private readonly ILogger<EmbeddedBroker> log;
    private readonly LoginGate gate;
    private readonly Allowances allowances;
    private readonly LoginLine line;
    private readonly LoginCounts counts;
    private readonly CancellationTokenSource stopping = new();
    private MqttServer? server;

    public EmbeddedBroker(
        MqttOptions options,
        MqttConnectionHandler handler,
        Authenticate authenticate,
        GoesFirst goesFirst,
        Inbox inbox,
        Redeliveries redeliveries,
        Troubles troubles,
        Meter meter,
        TimeProvider clock,
        ILogger<EmbeddedBroker> log
    )
    {
        (this.options, this.handler, this.authenticate, this.inbox, this.redeliveries) = (
            options,
            handler,
            authenticate,
            inbox,
            redeliveries
        );
        (this.troubles, this.clock, this.log) = (troubles, clock, log);
        gate = new LoginGate(options, clock);
        allowances = new Allowances(options, clock);
        line = new LoginLine(goesFirst);
        counts = new LoginCounts(meter);
        Sockets = new BrokerSockets(options, gate, line, counts, redeliveries, TakeAsync, clock, log);
        meter.CreateObservableGauge("vigil_connections", () => Connections, description: "MQTT connections logged in");
        meter.CreateObservableGauge("vigil_logins_waiting", () => gate.Waiting, description: "MQTT sockets that have not logged in");
        meter.CreateObservableGauge(
            "vigil_messages_redelivered",
            () => redeliveries.Known,
            description: "MQTT messages known as sent again"
        );
    }

    /// <summary>Connected and logged in now.</summary>
    public int Connections => Sockets.LoggedIn;

    /// <summary>What Kestrel's middleware passes each connection through.</summary>
    internal BrokerSockets Sockets { get; }

    /// <summary>Sockets that have not logged in.</summary>
    internal int WaitingLogins => gate.Waiting;

    /// <summary>Credentials whose rate is being tracked.</summary>
    internal int Allowed => allowances.Count;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var settings = new MqttServerOptionsBuilder()
            .WithoutDefaultEndpoint()
            // At a take-over a stalled client may hold the lock of all logins for so long; MQTTnet's default is 100 s.
            .WithDefaultCommunicationTimeout(TimeSpan.FromSeconds(5))
            .WithPersistentSessions(false)
            .WithMaxPendingMessagesPerClient(100)
            .Build();
        server = new MqttServer(settings, [handler], new MqttNetNullLogger());
        var logins = new BrokerLogins(server, options, authenticate, Sockets, gate, allowances, redeliveries, counts, clock, log);
        server.ValidatingConnectionAsync += logins.ValidateAsync;
        server.InterceptingPublishAsync += PublishAsync;
        server.InterceptingSubscriptionAsync += SubscribeAsync;
        await server.StartAsync();
        _ = SweepAsync(stopping.Token);
        LogListening(log, options.Port, options.Tls ? "TLS" : "TCP");
        if (redeliveries.Trouble is { } why)
            LogForgetful(log, why);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        if (server is { IsStarted: true })
            await server.StopAsync(new MqttServerStopOptions());
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        server?.Dispose();
        server = null;
        line.Dispose();
    }

    private async Task PublishAsync(InterceptingPublishEventArgs e)
    {
        e.ProcessPublish = false;
        if (e.SessionItems[SocketKey] is not BrokerSocket { Sender: not null, Allowance: not null, Packets: { } packets } socket)
        {
            e.CloseConnection = true;
            return;
        }

        if (packets.IsAgain)
            return; // sent again at QoS 2: known already, only acknowledged again
        var bytes = e.ApplicationMessage.Payload;
        var payload = bytes.IsSingleSegment ? bytes.First : System.Buffers.BuffersExtensions.ToArray(bytes);
        var receipt = await TakeAsync(socket, packets.Current, e.ApplicationMessage.Topic, payload, e.CancellationToken);
        // MQTT 3.1.1 has no refusing PUBACK: only a closed connection tells the device.
        if (receipt == Receipt.NotAllowed)
            e.Response.ReasonCode = MqttPubAckReasonCode.NotAuthorized;
        e.CloseConnection = receipt != Receipt.Committed;
    }

    /// <summary>Takes a message, whether it came through MQTTnet or past it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Receipt> TakeAsync(
        BrokerSocket socket,
        Delivery delivery,
        string topic,
        ReadOnlyMemory<byte> payload,
        CancellationToken cancellation
    )
    {
        var sender = socket.Sender!;
        if (Topics.Refuse(topic, options.MaxTopicBytes, options.MaxTopicLevels) is { } reason)
        {
            LogRefusedMessage(log, sender.Name, reason);
            return Receipt.NotAllowed;
        }

        var came = redeliveries.FirstCame(socket.Origin, delivery.Id, delivery.Dup, topic, payload.Span, out var key);
        if (key != 0)
            socket.Remember(key);
        // The pause comes after the message, so that a press is delivered first; only a credential that is far ahead over many connections
        // waits before delivery.
        var pause = socket.Allowance!.Bucket.Take();
        if (pause > Ahead)
        {
            await Task.Delay(pause - Ahead, clock, cancellation);
            pause = Ahead;
        }

        // A device's retain flag means "keep this", not "this is old". This broker keeps nothing, so the message is new.
        var receipt = await inbox(new InboundMessage(topic, payload, came, Retained: false, sender), cancellation);
        if (receipt == Receipt.NotAllowed)
            LogRefusedMessage(log, sender.Name, $"may not publish to {topic}");
        else if (receipt == Receipt.Committed && pause > TimeSpan.Zero)
            await Task.Delay(pause, clock, cancellation);
        return receipt;
    }

    /// <summary>A device may subscribe to its own command topic and to nothing else.</summary>
    private Task SubscribeAsync(InterceptingSubscriptionEventArgs e)
    {
        if (
            e.SessionItems[SocketKey] is BrokerSocket { Sender: { Gateway: false } sender }
            && e.TopicFilter.Topic == $"vigil/{sender.Name}/down"
        )
            return Task.CompletedTask;
        e.ProcessSubscription = false;
        e.Response.ReasonCode = MqttSubscribeReasonCode.NotAuthorized;
        return Task.CompletedTask;
    }

    /// <summary>Forgets credentials and addresses that are no longer used, and reports failed logins.</summary>
    private async Task SweepAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(SweepEvery, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                allowances.Sweep();
                gate.Sweep();
                counts.Report(troubles, SweepEvery);
            }
        }
        catch (OperationCanceledException)
        {
            // stopped
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Embedded MQTT broker ready on port {Port} ({Transport})")]
    private static partial void LogListening(ILogger logger, int port, string transport);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT message of {Sender} refused, connection closed: {Reason}")]
    private static partial void LogRefusedMessage(ILogger logger, string sender, string reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Which messages came before is kept in memory alone, a press that is sent again after a kill would be told "
            + "twice: {Reason}"
    )]
    private static partial void LogForgetful(ILogger logger, string reason);
}
