using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MQTTnet.AspNetCore;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace Vigil.Ingest.Mqtt;

/// <summary>Checks a user name and password; null when they don't fit. Takes the same time for an unknown name as for a wrong password.</summary>
public delegate ValueTask<Sender?> Authenticate(string username, byte[] password, CancellationToken cancellation);

/// <summary>
/// The embedded broker: MQTTnet's server behind Kestrel. Devices publish to the service alone; nothing is routed from device to device, nothing is
/// retained and no session outlives its connection, so a stalled or hostile reader costs nobody anything.
/// </summary>
public sealed partial class EmbeddedBroker(
    MqttOptions options, MqttConnectionHandler handler, Authenticate authenticate, Inbox inbox, TimeProvider clock, ILogger<EmbeddedBroker> log)
    : IHostedService, IAsyncDisposable
{
    private const string SenderKey = "sender";
    private const string BucketKey = "bucket";

    private readonly ConcurrentDictionary<IPAddress, int> loggingInByAddress = new();
    private readonly ConcurrentDictionary<string, TakeOvers> takeOvers = new(StringComparer.Ordinal);
    private MqttServer? server;
    private readonly ConcurrentDictionary<string, Socket> holderByClientId = new(StringComparer.Ordinal);
    private int loggingIn;

    /// <summary>Connected and logged in now.</summary>
    public int Connections => holderByClientId.Count;

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
        LogListening(log, options.Port, options.Tls ? "TLS" : "TCP");
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (server is { IsStarted: true }) await server.StopAsync(new MqttServerStopOptions());
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        server?.Dispose();
        server = null;
    }

    /// <summary>Kestrel middleware in front of the server: limits sockets that have not logged in, and every packet by its announced length.</summary>
    public async Task LimitAsync(ConnectionContext connection, Func<Task> next)
    {
        var address = (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        var socket = new Socket(this, options, connection, address) { Certified = BrokerListener.NameOf(connection.Features) };
        if (!socket.Admitted)
        {
            LogTooMany(log, address);
            connection.Abort(new ConnectionAbortedException("Too many connections that have not logged in"));
            return;
        }

        connection.Transport = new LimitedTransport(connection.Transport, options.MaxConnectBytes, options.MaxPacketBytes);
        pending[connection.RemoteEndPoint!] = socket;
        try
        {
            await next();
        }
        catch (ConnectionAbortedException e)
        {
            LogAborted(log, address, e.Message);
        }
        finally
        {
            pending.TryRemove(connection.RemoteEndPoint!, out _);
            socket.Ended();
        }
    }

    private readonly ConcurrentDictionary<EndPoint, Socket> pending = new();

    private async Task ValidateAsync(ValidatingConnectionEventArgs e)
    {
        e.ReasonCode = await JudgeAsync(e);
        if (e.ReasonCode == MqttConnectReasonCode.Success && e.RemoteEndPoint is { } endpoint && pending.TryGetValue(endpoint, out var socket)) socket.LoggedIn();
    }

    private async Task<MqttConnectReasonCode> JudgeAsync(ValidatingConnectionEventArgs e)
    {
        if (e.KeepAlivePeriod is null or 0 || e.KeepAlivePeriod > options.MaxKeepAliveSeconds)
        {
            LogRefused(log, e.RemoteEndPoint, $"keep-alive {e.KeepAlivePeriod ?? 0} s; 1 to {options.MaxKeepAliveSeconds} are allowed");
            return MqttConnectReasonCode.UnspecifiedError;
        }

        if (Connections >= options.MaxConnections) return MqttConnectReasonCode.QuotaExceeded;
        if (e.ClientId is { Length: > 64 }) return MqttConnectReasonCode.ClientIdentifierNotValid;
        var sender = e.UserName is { Length: > 0 and <= 128 } name && e.RawPassword is { Length: > 0 and <= 512 } password
            ? await authenticate(name, password, e.CancellationToken)
            : null;
        if (sender is null)
        {
            LogRefused(log, e.RemoteEndPoint, "user name or password");
            return MqttConnectReasonCode.BadUserNameOrPassword;
        }

        if (e.RemoteEndPoint is not { } from || !pending.TryGetValue(from, out var socket)) return MqttConnectReasonCode.ServerUnavailable; // closed meanwhile
        if (socket.Certified is { } certified && certified != sender.Name)
        {
            LogRefused(log, e.RemoteEndPoint, $"{sender.Name} showed the certificate of {certified}");
            return MqttConnectReasonCode.NotAuthorized;
        }

        if (e.ClientId.Length == 0) e.AssignedClientIdentifier = $"{sender.Name}.{Guid.NewGuid():N}";
        var clientId = e.ClientId.Length == 0 ? e.AssignedClientIdentifier : e.ClientId;
        socket.Name = sender.Name;
        while (!holderByClientId.TryAdd(clientId, socket))
        {
            if (!holderByClientId.TryGetValue(clientId, out var holder)) continue;
            // Identity comes from the credential. A client id in use belongs to whoever holds it: nobody is pushed out by another credential.
            if (holder.Name != sender.Name)
            {
                LogRefused(log, from, $"{sender.Name} asked for the client id of {holder.Name}");
                return MqttConnectReasonCode.ClientIdentifierNotValid;
            }

            if (!takeOvers.GetOrAdd(sender.Name, _ => new TakeOvers(clock)).Admit())
            {
                LogRefused(log, from, $"{sender.Name} pushed itself out too often within a minute: two devices with one credential?");
                return MqttConnectReasonCode.ConnectionRateExceeded;
            }

            if (!await EndAsync(clientId, holder, e.CancellationToken)) return MqttConnectReasonCode.ServerBusy;
        }

        socket.ClientId = clientId;
        e.SessionItems[SenderKey] = sender;
        e.SessionItems[BucketKey] = sender.Gateway
            ? new TokenBucket(options.GatewayRate, options.GatewayBurst, clock)
            : new TokenBucket(options.DeviceRate, options.DeviceBurst, clock);
        return MqttConnectReasonCode.Success;
    }

    /// <summary>
    /// Ends the connection that holds a client id and waits until nothing of it is left. MQTTnet 5.2's own take-over stops the old connection inside the
    /// lock of all logins, and a connection that ends by itself at that moment takes the new one down with it (its clean-up goes by client id).
    /// </summary>
    private async Task<bool> EndAsync(string clientId, Socket holder, CancellationToken cancellation)
    {
        try
        {
            var goodbye = server!.DisconnectClientAsync(clientId, new MqttServerClientDisconnectOptions { ReasonCode = MqttDisconnectReasonCode.SessionTakenOver });
            await Task.WhenAny(goodbye, holder.Gone).WaitAsync(TimeSpan.FromSeconds(1), clock, cancellation);
            await holder.Gone.WaitAsync(TimeSpan.FromSeconds(1), clock, cancellation);
            return true;
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException)
        {
            // It doesn't read its goodbye, or is between login and connection.
        }

        holder.Abort();
        return await Task.WhenAny(holder.Gone, Task.Delay(TimeSpan.FromSeconds(5), clock, cancellation)) == holder.Gone;
    }

    private async Task PublishAsync(InterceptingPublishEventArgs e)
    {
        e.ProcessPublish = false;
        if (e.SessionItems[SenderKey] is not Sender sender || e.SessionItems[BucketKey] is not TokenBucket bucket)
        {
            e.CloseConnection = true;
            return;
        }

        if (Topics.Refuse(e.ApplicationMessage.Topic, options.MaxTopicBytes, options.MaxTopicLevels) is { } reason)
        {
            LogRefusedMessage(log, sender.Name, reason);
            e.CloseConnection = true;
            return;
        }

        var wait = bucket.Take();
        if (wait > TimeSpan.Zero) await Task.Delay(wait, clock, e.CancellationToken);
        var payload = e.ApplicationMessage.Payload;
        // A device's own retain flag says "keep this", not "this is old": the broker keeps nothing, so it is news.
        var message = new InboundMessage(
            e.ApplicationMessage.Topic, payload.IsSingleSegment ? payload.First : System.Buffers.BuffersExtensions.ToArray(payload),
            clock.GetUtcNow().UtcDateTime, Retained: false, sender);
        switch (await inbox(message, e.CancellationToken))
        {
            case Receipt.Committed:
                return;
            case Receipt.NotAllowed:
                // To an MQTT 3.1.1 device a refusal would look like an ordinary PUBACK; only a closed connection says no.
                LogRefusedMessage(log, sender.Name, $"may not publish to {e.ApplicationMessage.Topic}");
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
        if (e.SessionItems[SenderKey] is Sender { Gateway: false } sender && e.TopicFilter.Topic == $"vigil/{sender.Name}/down") return Task.CompletedTask;
        e.ProcessSubscription = false;
        e.Response.ReasonCode = MqttSubscribeReasonCode.NotAuthorized;
        return Task.CompletedTask;
    }

    /// <summary>A socket: counted among those that log in until it has, then holder of its client id until nothing of it is left.</summary>
    private sealed class Socket
    {
        private readonly EmbeddedBroker broker;
        private readonly ConnectionContext connection;
        private readonly IPAddress address;
        private readonly TaskCompletionSource gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int loggedIn;

        public Socket(EmbeddedBroker broker, MqttOptions limits, ConnectionContext connection, IPAddress address)
        {
            this.broker = broker;
            this.connection = connection;
            this.address = address;
            var all = Interlocked.Increment(ref broker.loggingIn);
            var here = broker.loggingInByAddress.AddOrUpdate(address, 1, (_, n) => n + 1);
            Admitted = all <= limits.MaxUnauthenticated && here <= limits.MaxUnauthenticatedPerAddress;
            if (!Admitted) LoggedIn();
        }

        public bool Admitted { get; }

        /// <summary>Name of the certificate it showed; null where none is asked for.</summary>
        public string? Certified { get; init; }

        /// <summary>Whose credential it showed.</summary>
        public string? Name { get; set; }

        public string? ClientId { get; set; }

        public Task Gone => gone.Task;

        public void Abort() => connection.Abort(new ConnectionAbortedException("Taken over by a new connection"));

        public void LoggedIn()
        {
            if (Interlocked.Exchange(ref loggedIn, 1) != 0) return;
            Interlocked.Decrement(ref broker.loggingIn);
            if (broker.loggingInByAddress.AddOrUpdate(address, 0, (_, n) => n - 1) == 0)
                broker.loggingInByAddress.TryRemove(new KeyValuePair<IPAddress, int>(address, 0));
        }

        public void Ended()
        {
            LoggedIn();
            if (ClientId is not null) broker.holderByClientId.TryRemove(new KeyValuePair<string, Socket>(ClientId, this));
            gone.SetResult();
        }
    }

    /// <summary>Take-overs of one credential: more than ten a minute are two devices that push each other out; the one that is in stays.</summary>
    private sealed class TakeOvers(TimeProvider clock)
    {
        private readonly Queue<long> logins = new();

        public bool Admit()
        {
            lock (logins)
            {
                var now = clock.GetTimestamp();
                while (logins.TryPeek(out var oldest) && clock.GetElapsedTime(oldest, now) > TimeSpan.FromMinutes(1)) logins.Dequeue();
                if (logins.Count >= 10) return false;
                logins.Enqueue(now);
                return true;
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Embedded MQTT broker ready on port {Port} ({Transport})")]
    private static partial void LogListening(ILogger logger, int port, string transport);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT login refused from {Remote}: {Reason}")]
    private static partial void LogRefused(ILogger logger, EndPoint? remote, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT message of {Sender} refused, connection closed: {Reason}")]
    private static partial void LogRefusedMessage(ILogger logger, string sender, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT connection from {Address} closed: too many that have not logged in")]
    private static partial void LogTooMany(ILogger logger, IPAddress address);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT connection from {Address} closed: {Reason}")]
    private static partial void LogAborted(ILogger logger, IPAddress address, string reason);
}
