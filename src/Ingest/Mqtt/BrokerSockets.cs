using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// The embedded broker's sockets, from before the TLS handshake until they are closed: all of them by their remote end point, those that
/// have logged in by their client id as well.
/// </summary>
internal sealed partial class BrokerSockets(
    MqttOptions options,
    LoginGate gate,
    LoginLine line,
    LoginCounts counts,
    Redeliveries redeliveries,
    TakePublish take,
    TimeProvider clock,
    ILogger log
)
{
    private static readonly TimeSpan TimeForConnect = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<EndPoint, BrokerSocket> byEndPoint = new();
    private readonly ConcurrentDictionary<string, BrokerSocket> byClientId = new(StringComparer.Ordinal);

    /// <summary>How many have logged in.</summary>
    public int LoggedIn => byClientId.Count;

    public BrokerSocket? Find(EndPoint? remote) => remote is null ? null : byEndPoint.GetValueOrDefault(remote);

    /// <summary>Gives a client id to a socket. False when it is taken: the holder is null if it was just given back.</summary>
    public bool TryHold(string clientId, BrokerSocket socket, out BrokerSocket? holder)
    {
        holder = null;
        if (byClientId.TryAdd(clientId, socket))
            return true;
        byClientId.TryGetValue(clientId, out holder);
        return false;
    }

    /// <summary>Kestrel middleware before the TLS handshake: limits the sockets that have not logged in.</summary>
    public async Task AdmitAsync(ConnectionContext connection, Func<Task> next)
    {
        var socket = new BrokerSocket(
            connection,
            (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None,
            clock.GetTimestamp()
        );
        if (!gate.Admit(socket, out var other))
        {
            counts.PutOff();
            LogTooMany(log, socket.Address);
            connection.Abort(new ConnectionAbortedException("Too many connections that have not logged in"));
            return;
        }

        if (other is not null)
        {
            counts.Displaced();
            other.Abort("gave way to another that logs in");
        }

        connection.Features.Set(socket);
        byEndPoint[connection.RemoteEndPoint!] = socket;
        try
        {
            await next();
        }
        finally
        {
            byEndPoint.TryRemove(connection.RemoteEndPoint!, out _);
            gate.Leave(socket);
            socket.Allowance?.Leave(socket);
            if (socket.ClientId is not null)
                byClientId.TryRemove(new KeyValuePair<string, BrokerSocket>(socket.ClientId, socket));
            socket.Ended();
        }
    }

    /// <summary>Kestrel middleware before the MQTT server: checks each packet's length and form.</summary>
    public async Task LimitAsync(ConnectionContext connection, Func<Task> next)
    {
        var socket = connection.Features.Get<BrokerSocket>()!;
        socket.Certified = BrokerListener.NameOf(connection.Features);
        using var output = new SharedOutput(connection.Transport.Output);
        var direct = new DirectPublishes(socket, output, take);
        var packets = socket.Packets = new PacketLimit(connection.Transport.Input, options.MaxConnectBytes, options.MaxPacketBytes, direct);
        connection.Transport = new LimitedTransport(packets, output);
        try
        {
            if (await InLineAsync(socket, packets))
                await next();
            else
                connection.Abort(new ConnectionAbortedException("its login can't be looked at"));
        }
        catch (ConnectionAbortedException)
        {
            // logged below
        }
        finally
        {
            socket.LeaveLine();
            if (packets.Refused is { } reason)
                LogAborted(log, socket.Address, socket.Sender?.Name, reason);
            if (direct.Failed is { } failure and not OperationCanceledException)
                LogFailed(log, failure, socket.Sender?.Name);
            if (packets.Disconnected)
                foreach (var key in socket.Remembered)
                    redeliveries.Forget(key);
        }
    }

    /// <summary>Waits for the CONNECT packet and then for a place among the logins. False: none came in time, or too many wait.</summary>
    private async Task<bool> InLineAsync(BrokerSocket socket, PacketLimit packets)
    {
        using var timeout = new CancellationTokenSource(TimeForConnect, clock);
        try
        {
            var name = await packets.UserNameAsync(timeout.Token);
            gate.Leave(socket);
            if (await line.EnterAsync(name, socket.Closed) is { } place)
            {
                socket.Enter(place);
                return true;
            }

            counts.PutOff();
            return false;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT connection from {Address} closed: too many that have not logged in")]
    private static partial void LogTooMany(ILogger logger, IPAddress address);

    [LoggerMessage(Level = LogLevel.Error, Message = "A message of {Sender} failed and is not acknowledged")]
    private static partial void LogFailed(ILogger logger, Exception e, string? sender);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT connection of {Sender} from {Address} closed: {Reason}")]
    private static partial void LogAborted(ILogger logger, IPAddress address, string? sender, string reason);
}
