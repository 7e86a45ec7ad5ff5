using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
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
/// The embedded broker: MQTTnet's server behind Kestrel. Devices publish to the service alone; nothing is routed from device to device,
/// nothing is retained and no session outlives its connection, so a stalled or hostile reader costs nobody anything.
/// </summary>
public sealed partial class EmbeddedBroker : IHostedService, IAsyncDisposable
{
    private const string SocketKey = "socket";

    /// <summary>
    /// So much of its rate a credential may be ahead before a message waits to be told; the rest of the pause comes behind it.
    /// </summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromSeconds(1);

    /// <summary>A refusal comes so late that it tells nothing of the work behind it, and a guesser's socket is held meanwhile.</summary>
    private static readonly TimeSpan Refusal = TimeSpan.FromMilliseconds(250),
        RepeatedRefusal = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan TimeForConnect = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Look = TimeSpan.FromSeconds(10);

    /// <summary>So many logins that come to nothing between two looks are a trouble of the service.</summary>
    private const int TroubledFrom = 50;

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
    private readonly ConcurrentDictionary<EndPoint, BrokerSocket> pending = new();
    private readonly ConcurrentDictionary<string, BrokerSocket> holderByClientId = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource stopping = new();
    private readonly Counter<long> refusedLogins,
        displacedSockets,
        busyLogins;
    private long refused,
        displaced,
        busy;
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
        refusedLogins = meter.CreateCounter<long>("vigil_logins_refused", description: "MQTT logins with a wrong name or password");
        displacedSockets = meter.CreateCounter<long>(
            "vigil_logins_displaced",
            description: "MQTT sockets that did not log in and gave way to others"
        );
        busyLogins = meter.CreateCounter<long>(
            "vigil_logins_busy",
            description: "MQTT logins put off: too many at once, or after wrong passwords"
        );
        meter.CreateObservableGauge("vigil_connections", () => Connections, description: "MQTT connections logged in");
        meter.CreateObservableGauge("vigil_logins_waiting", () => gate.Waiting, description: "MQTT sockets that have not logged in");
        meter.CreateObservableGauge(
            "vigil_messages_redelivered",
            () => redeliveries.Known,
            description: "MQTT messages known as sent again"
        );
    }

    /// <summary>Connected and logged in now.</summary>
    public int Connections => holderByClientId.Count;

    /// <summary>Sockets that have not logged in.</summary>
    internal int WaitingLogins => gate.Waiting;

    /// <summary>Credentials whose rate is kept in mind.</summary>
    internal int Allowed => allowances.Count;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var settings = new MqttServerOptionsBuilder()
            .WithoutDefaultEndpoint()
            // Also how long a stalled reader may hold the lock of all logins at a take-over: MQTTnet's own default is 100 s.
            .WithDefaultCommunicationTimeout(TimeSpan.FromSeconds(5))
            .WithPersistentSessions(false)
            .WithMaxPendingMessagesPerClient(100)
            .Build();
        server = new MqttServer(settings, [handler], new MqttNetNullLogger());
        server.ValidatingConnectionAsync += ValidateAsync;
        server.InterceptingPublishAsync += PublishAsync;
        server.InterceptingSubscriptionAsync += SubscribeAsync;
        await server.StartAsync();
        _ = LookAsync(stopping.Token);
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

    /// <summary>Kestrel middleware in front of everything, the TLS handshake too: sockets that have not logged in are few.</summary>
    public async Task AdmitAsync(ConnectionContext connection, Func<Task> next)
    {
        var socket = new BrokerSocket(
            connection,
            (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None,
            clock.GetTimestamp()
        );
        if (!gate.Admit(socket, out var other))
        {
            Count(ref busy, busyLogins);
            LogTooMany(log, socket.Address);
            connection.Abort(new ConnectionAbortedException("Too many connections that have not logged in"));
            return;
        }

        if (other is not null)
        {
            Count(ref displaced, displacedSockets);
            other.Abort("gave way to another that logs in");
        }

        connection.Features.Set(socket);
        pending[connection.RemoteEndPoint!] = socket;
        try
        {
            await next();
        }
        finally
        {
            pending.TryRemove(connection.RemoteEndPoint!, out _);
            gate.Leave(socket);
            socket.Allowance?.Leave(socket);
            if (socket.ClientId is not null)
                holderByClientId.TryRemove(new KeyValuePair<string, BrokerSocket>(socket.ClientId, socket));
            socket.Ended();
        }
    }

    /// <summary>Kestrel middleware in front of the server: every packet by its announced length, and by what MQTT asks of it.</summary>
    public async Task LimitAsync(ConnectionContext connection, Func<Task> next)
    {
        var socket = connection.Features.Get<BrokerSocket>()!;
        socket.Certified = BrokerListener.NameOf(connection.Features);
        var packets = socket.Packets = new PacketLimit(connection.Transport.Input, options.MaxConnectBytes, options.MaxPacketBytes);
        connection.Transport = new LimitedTransport(connection.Transport, packets);
        try
        {
            if (await InLineAsync(socket, packets))
                await next();
            else
                connection.Abort(new ConnectionAbortedException("its login can't be looked at"));
        }
        catch (ConnectionAbortedException)
        {
            // said below
        }
        finally
        {
            socket.LeaveLine();
            if (packets.Refused is { } reason)
                LogAborted(log, socket.Address, socket.Sender?.Name, reason);
            if (packets.SaidGoodbye)
                foreach (var key in socket.Remembered)
                    redeliveries.Forget(key);
        }
    }

    /// <summary>Until its CONNECT is there and its turn has come. False: it said nothing in time, is gone, or too many wait.</summary>
    private async Task<bool> InLineAsync(BrokerSocket socket, PacketLimit packets)
    {
        using var patience = new CancellationTokenSource(TimeForConnect, clock);
        try
        {
            var name = await packets.NameAsync(patience.Token);
            gate.Leave(socket);
            if (await line.EnterAsync(name, socket.Closed) is { } place)
            {
                socket.Enter(place);
                return true;
            }

            Count(ref busy, busyLogins);
            return false;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return false;
        }
    }

    private async Task ValidateAsync(ValidatingConnectionEventArgs e)
    {
        if (e.RemoteEndPoint is not { } from || !pending.TryGetValue(from, out var socket))
        {
            e.ReasonCode = MqttConnectReasonCode.ServerUnavailable; // closed meanwhile
            return;
        }

        var begun = clock.GetTimestamp();
        MqttConnectReasonCode code;
        try
        {
            code = await JudgeAsync(e, socket);
        }
        finally
        {
            socket.LeaveLine();
        }

        if (code is MqttConnectReasonCode.BadUserNameOrPassword or MqttConnectReasonCode.ConnectionRateExceeded)
        {
            // It is answered late, and until then its place is one of those that have not logged in.
            gate.Return(socket);
            var wait = (gate.Addresses.Holds(socket.Address) ? RepeatedRefusal : Refusal) - clock.GetElapsedTime(begun);
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait, clock, socket.Closed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        // MQTT 3.1.1 has no word for "too many": MQTTnet would say that the protocol is not spoken, upon which some devices never come
        // back.
        var three = e.ProtocolVersion != MqttProtocolVersion.V500;
        e.ReasonCode =
            three && code is (MqttConnectReasonCode.QuotaExceeded or MqttConnectReasonCode.ConnectionRateExceeded)
                ? MqttConnectReasonCode.ServerUnavailable
                : code;
    }

    private async Task<MqttConnectReasonCode> JudgeAsync(ValidatingConnectionEventArgs e, BrokerSocket socket)
    {
        if (e.KeepAlivePeriod is null or 0 || e.KeepAlivePeriod > options.MaxKeepAliveSeconds)
        {
            LogRefused(log, e.RemoteEndPoint, $"keep-alive {e.KeepAlivePeriod ?? 0} s; 1 to {options.MaxKeepAliveSeconds} are allowed");
            return MqttConnectReasonCode.UnspecifiedError;
        }

        if (Connections >= Math.Min(options.MaxConnections, OpenFiles.Most / 2))
            return MqttConnectReasonCode.QuotaExceeded;
        if (e.ClientId is { Length: > 64 } || !IsText(e.ClientId))
            return MqttConnectReasonCode.ClientIdentifierNotValid;
        var (code, sender) = await WhoAsync(e, socket);
        if (sender is null)
            return code;
        if (socket.Certified is { } certified && certified != sender.Name)
        {
            LogRefused(log, e.RemoteEndPoint, $"{sender.Name} showed the certificate of {certified}");
            return MqttConnectReasonCode.NotAuthorized;
        }

        var named = e.ClientId.Length > 0 && !PacketLimit.IsAssigned(e.ClientId);
        if (e.ClientId.Length == 0)
            e.AssignedClientIdentifier = $"{sender.Name}.{Guid.NewGuid():N}";
        var clientId = e.ClientId.Length == 0 ? e.AssignedClientIdentifier : e.ClientId;
        socket.Sender = sender;
        socket.Origin = redeliveries.Origin(sender.Name, named ? e.ClientId : "");
        BrokerSocket? oldest;
        while (!(socket.Allowance = allowances.Of(sender)).TryEnter(socket, out oldest))
            await Task.Yield(); // it was forgotten at that moment
        if (oldest is not null)
        {
            LogRefused(log, e.RemoteEndPoint, $"{sender.Name} holds too many connections: its oldest is ended");
            oldest.Abort("one connection of its credential too many");
        }

        while (!holderByClientId.TryAdd(clientId, socket))
        {
            if (!holderByClientId.TryGetValue(clientId, out var holder))
                continue;
            // Identity comes from the credential. A client id in use belongs to whoever holds it: nobody is pushed out by another
            // credential.
            if (holder.Sender?.Name != sender.Name)
            {
                LogRefused(log, e.RemoteEndPoint, $"{sender.Name} asked for the client id of {holder.Sender?.Name}");
                return MqttConnectReasonCode.ClientIdentifierNotValid;
            }

            if (!socket.Allowance.MayTakeOver())
            {
                LogRefused(
                    log,
                    e.RemoteEndPoint,
                    $"{sender.Name} pushed itself out too often within a minute: two devices with one credential?"
                );
                return MqttConnectReasonCode.ConnectionRateExceeded;
            }

            if (!await EndAsync(clientId, holder, e.CancellationToken))
                return MqttConnectReasonCode.ServerBusy;
        }

        socket.ClientId = clientId;
        e.SessionItems[SocketKey] = socket;
        gate.LoggedIn(sender.Name, socket.Address);
        return MqttConnectReasonCode.Success;
    }

    /// <summary>
    /// Whose password it is. After wrong ones less is spent on the next; who has shown the right one before gets in whatever others try.
    /// </summary>
    private async Task<(MqttConnectReasonCode Code, Sender? Sender)> WhoAsync(ValidatingConnectionEventArgs e, BrokerSocket socket)
    {
        if (e.UserName is not { Length: > 0 and <= 128 } name || !IsText(name) || e.RawPassword is not { Length: > 0 and <= 512 } password)
        {
            gate.Addresses.Failed(socket.Address);
            Count(ref refused, refusedLogins);
            LogRefused(log, e.RemoteEndPoint, "no user name or password");
            return (MqttConnectReasonCode.BadUserNameOrPassword, null);
        }

        var addressHeld = gate.Addresses.Holds(socket.Address);
        var effort =
            addressHeld && !gate.Addresses.MayCheck(socket.Address) ? LoginEffort.Remembered
            : addressHeld || (gate.Names.Holds(name) && !gate.IsKnown(name, socket.Address)) ? LoginEffort.Quick
            : LoginEffort.Full;
        var login = await authenticate(name, password, effort, socket.Closed);
        switch (login.Outcome)
        {
            case LoginOutcome.Right:
                return (MqttConnectReasonCode.Success, login.Sender);
            case LoginOutcome.Busy:
                Count(ref busy, busyLogins);
                return (effort == LoginEffort.Full ? MqttConnectReasonCode.ServerBusy : MqttConnectReasonCode.ConnectionRateExceeded, null);
            default:
                gate.Addresses.Failed(socket.Address);
                gate.Names.Failed(name);
                Count(ref refused, refusedLogins);
                LogRefused(log, e.RemoteEndPoint, "user name or password");
                return (MqttConnectReasonCode.BadUserNameOrPassword, null);
        }
    }

    /// <summary>
    /// Ends the connection that holds a client id and waits until nothing of it is left. MQTTnet 5.2's own take-over stops the old
    /// connection inside the lock of all logins, and a connection that ends by itself at that moment takes the new one down with it (its
    /// clean-up goes by client id).
    /// </summary>
    private async Task<bool> EndAsync(string clientId, BrokerSocket holder, CancellationToken cancellation)
    {
        try
        {
            var goodbye = server!.DisconnectClientAsync(
                clientId,
                new MqttServerClientDisconnectOptions { ReasonCode = MqttDisconnectReasonCode.SessionTakenOver }
            );
            await Task.WhenAny(goodbye, holder.Gone).WaitAsync(TimeSpan.FromSeconds(1), clock, cancellation);
            await holder.Gone.WaitAsync(TimeSpan.FromSeconds(1), clock, cancellation);
            return true;
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException)
        {
            // It doesn't read its goodbye, or is between login and connection.
        }

        holder.Abort("Taken over by a new connection");
        return await Task.WhenAny(holder.Gone, Task.Delay(TimeSpan.FromSeconds(5), clock, cancellation)) == holder.Gone;
    }

    private async Task PublishAsync(InterceptingPublishEventArgs e)
    {
        e.ProcessPublish = false;
        if (e.SessionItems[SocketKey] is not BrokerSocket { Sender: { } sender, Allowance: { } allowance, Packets: { } packets } socket)
        {
            e.CloseConnection = true;
            return;
        }

        if (packets.IsAgain)
            return; // known and not released: acknowledged again
        var topic = e.ApplicationMessage.Topic;
        if (Topics.Refuse(topic, options.MaxTopicBytes, options.MaxTopicLevels) is { } reason)
        {
            LogRefusedMessage(log, sender.Name, reason);
            e.CloseConnection = true;
            return;
        }

        // The pause comes behind the message, so that a press is told before it; only a credential that is far ahead on many connections
        // waits in front.
        var (delivery, pause) = (packets.Current, allowance.Bucket.Take());
        if (pause > Ahead)
        {
            await Task.Delay(pause - Ahead, clock, e.CancellationToken);
            pause = Ahead;
        }

        var bytes = e.ApplicationMessage.Payload;
        var payload = bytes.IsSingleSegment ? bytes.First : System.Buffers.BuffersExtensions.ToArray(bytes);
        var came = redeliveries.FirstCame(socket.Origin, delivery.Id, delivery.Dup, topic, payload.Span, out var key);
        if (key != 0)
            socket.Remember(key);
        // A device's own retain flag says "keep this", not "this is old": the broker keeps nothing, so it is news.
        switch (await inbox(new InboundMessage(topic, payload, came, Retained: false, sender), e.CancellationToken))
        {
            case Receipt.Committed:
                if (pause > TimeSpan.Zero)
                    await Task.Delay(pause, clock, e.CancellationToken);
                return;
            case Receipt.NotAllowed:
                // To an MQTT 3.1.1 device a refusal would look like an ordinary PUBACK; only a closed connection says no.
                LogRefusedMessage(log, sender.Name, $"may not publish to {topic}");
                e.Response.ReasonCode = MqttPubAckReasonCode.NotAuthorized;
                e.CloseConnection = true;
                return;
            default:
                e.CloseConnection = true;
                return;
        }
    }

    /// <summary>Devices hear their own command topic and nothing else.</summary>
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

    /// <summary>Now and then: who is gone is forgotten, and logins that come to nothing are told of.</summary>
    private async Task LookAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Look, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                allowances.Sweep();
                gate.Sweep();
                var (wrong, gaveWay, putOff) = (
                    Interlocked.Exchange(ref refused, 0),
                    Interlocked.Exchange(ref displaced, 0),
                    Interlocked.Exchange(ref busy, 0)
                );
                if (wrong + gaveWay + putOff < TroubledFrom)
                    troubles.Over("logins");
                else
                    troubles.Say(
                        "logins",
                        $"logins at the MQTT broker come to nothing: {wrong} wrong passwords, {gaveWay} sockets that never logged "
                            + $"in, {putOff} put off, within {Look.TotalSeconds:0} s",
                        $"MQTT 登录异常：{Look.TotalSeconds:0}秒内密码错误{wrong}次、未登录的连接{gaveWay}个、暂缓{putOff}次"
                    );
            }
        }
        catch (OperationCanceledException)
        {
            // stopped
        }
    }

    private static void Count(ref long since, Counter<long> total)
    {
        Interlocked.Increment(ref since);
        total.Add(1);
    }

    /// <summary>MQTTnet puts U+FFFD where bytes are no text (MQTT 5 §1.5.4).</summary>
    private static bool IsText(string? text) => text is null || !text.AsSpan().ContainsAny('\0', '\uFFFD');

    [LoggerMessage(Level = LogLevel.Information, Message = "Embedded MQTT broker ready on port {Port} ({Transport})")]
    private static partial void LogListening(ILogger logger, int port, string transport);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT login refused from {Remote}: {Reason}")]
    private static partial void LogRefused(ILogger logger, EndPoint? remote, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT message of {Sender} refused, connection closed: {Reason}")]
    private static partial void LogRefusedMessage(ILogger logger, string sender, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT connection from {Address} closed: too many that have not logged in")]
    private static partial void LogTooMany(ILogger logger, IPAddress address);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT connection of {Sender} from {Address} closed: {Reason}")]
    private static partial void LogAborted(ILogger logger, IPAddress address, string? sender, string reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Which messages came before is kept in memory alone, a press that is sent again after a kill would be told "
            + "twice: {Reason}"
    )]
    private static partial void LogForgetful(ILogger logger, string reason);
}
