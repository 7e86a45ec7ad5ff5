using System.Net;
using Microsoft.Extensions.Logging;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using MQTTnet.Server;
using Vigil.Model;

namespace Vigil.Ingest.Mqtt;

/// <summary>Decides on each CONNECT packet: limits, credentials, client id, and the take-over of an older connection.</summary>
internal sealed partial class BrokerLogins(
    MqttServer server,
    MqttOptions options,
    Authenticate authenticate,
    BrokerSockets sockets,
    LoginGate gate,
    Allowances allowances,
    Redeliveries redeliveries,
    LoginCounts counts,
    TimeProvider clock,
    ILogger log
)
{
    /// <summary>Refusals are delayed: their timing reveals nothing about the check, and a guesser's socket is held meanwhile.</summary>
    private static readonly TimeSpan Refusal = TimeSpan.FromMilliseconds(250),
        RepeatedRefusal = TimeSpan.FromSeconds(2);

    /// <summary>Answers a CONNECT packet.</summary>
    public async Task ValidateAsync(ValidatingConnectionEventArgs e)
    {
        if (sockets.Find(e.RemoteEndPoint) is not { } socket)
        {
            e.ReasonCode = MqttConnectReasonCode.ServerUnavailable; // closed meanwhile
            return;
        }

        var begun = clock.GetTimestamp();
        MqttConnectReasonCode code;
        try
        {
            code = await DecideAsync(e, socket);
        }
        finally
        {
            socket.LeaveLine();
        }

        if (code is MqttConnectReasonCode.BadUserNameOrPassword or MqttConnectReasonCode.ConnectionRateExceeded)
        {
            // The answer is delayed, and until then the socket counts among those that have not logged in.
            gate.Return(socket);
            var wait = (gate.Addresses.Holds(socket.Address) ? RepeatedRefusal : Refusal) - clock.GetElapsedTime(begun);
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait, clock, socket.Closed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        // MQTT 3.1.1 has no code for "too many". MQTTnet would answer "unacceptable protocol version", after which some devices never try
        // again.
        var isMqtt3 = e.ProtocolVersion != MqttProtocolVersion.V500;
        e.ReasonCode =
            isMqtt3 && code is (MqttConnectReasonCode.QuotaExceeded or MqttConnectReasonCode.ConnectionRateExceeded)
                ? MqttConnectReasonCode.ServerUnavailable
                : code;
    }

    private async Task<MqttConnectReasonCode> DecideAsync(ValidatingConnectionEventArgs e, BrokerSocket socket)
    {
        if (e.KeepAlivePeriod is null or 0 || e.KeepAlivePeriod > options.MaxKeepAliveSeconds)
        {
            LogRefused(log, e.RemoteEndPoint, $"keep-alive {e.KeepAlivePeriod ?? 0} s; 1 to {options.MaxKeepAliveSeconds} are allowed");
            return MqttConnectReasonCode.UnspecifiedError;
        }

        if (sockets.LoggedIn >= Math.Min(options.MaxConnections, OpenFiles.Most / 2))
            return MqttConnectReasonCode.QuotaExceeded;
        if (e.ClientId is { Length: > 64 } || !IsText(e.ClientId))
            return MqttConnectReasonCode.ClientIdentifierNotValid;
        var (code, sender) = await AuthenticateAsync(e, socket);
        if (sender is null)
            return code;
        if (socket.Certified is { } certified && certified != sender.Name)
        {
            LogRefused(log, e.RemoteEndPoint, $"{sender.Name} showed the certificate of {certified}");
            return MqttConnectReasonCode.NotAuthorized;
        }

        var named = e.ClientId.Length > 0 && !AssignedClientId.IsAssigned(e.ClientId);
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

        while (!sockets.TryHold(clientId, socket, out var holder))
        {
            if (holder is null)
                continue; // it was given back at that moment
            // Identity comes from the credential: a client id in use can't be taken over with another one.
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

            if (!await TakeOverAsync(clientId, holder, e.CancellationToken))
                return MqttConnectReasonCode.ServerBusy;
        }

        socket.ClientId = clientId;
        e.SessionItems[EmbeddedBroker.SocketKey] = socket;
        gate.LoggedIn(sender.Name, socket.Address);
        return MqttConnectReasonCode.Success;
    }

    /// <summary>
    /// Checks the password. After wrong ones less effort is spent on the next, but a client that has shown the right one before gets in
    /// whatever others try.
    /// </summary>
    private async Task<(MqttConnectReasonCode Code, Sender? Sender)> AuthenticateAsync(ValidatingConnectionEventArgs e, BrokerSocket socket)
    {
        if (e.UserName is not { Length: > 0 and <= 128 } name || !IsText(name) || e.RawPassword is not { Length: > 0 and <= 512 } password)
        {
            gate.Addresses.Failed(socket.Address);
            counts.Refused();
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
                counts.PutOff();
                return (effort == LoginEffort.Full ? MqttConnectReasonCode.ServerBusy : MqttConnectReasonCode.ConnectionRateExceeded, null);
            default:
                gate.Addresses.Failed(socket.Address);
                gate.Names.Failed(name);
                counts.Refused();
                LogRefused(log, e.RemoteEndPoint, "user name or password");
                return (MqttConnectReasonCode.BadUserNameOrPassword, null);
        }
    }

    /// <summary>
    /// Closes the connection that holds a client id and waits until it is gone. MQTTnet 5.2's own take-over stops the old connection inside
    /// the lock of all logins, and an old connection that ends by itself at that moment closes the new one too (its clean-up goes by client
    /// id).
    /// </summary>
    private async Task<bool> TakeOverAsync(string clientId, BrokerSocket holder, CancellationToken cancellation)
    {
        try
        {
            var disconnected = server.DisconnectClientAsync(
                clientId,
                new MqttServerClientDisconnectOptions { ReasonCode = MqttDisconnectReasonCode.SessionTakenOver }
            );
            await Task.WhenAny(disconnected, holder.Gone).WaitAsync(TimeSpan.FromSeconds(1), clock, cancellation);
            await holder.Gone.WaitAsync(TimeSpan.FromSeconds(1), clock, cancellation);
            return true;
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException)
        {
            // It doesn't read the DISCONNECT, or is between login and connection.
        }

        holder.Abort("Taken over by a new connection");
        return await Task.WhenAny(holder.Gone, Task.Delay(TimeSpan.FromSeconds(5), clock, cancellation)) == holder.Gone;
    }

    /// <summary>MQTTnet puts U+FFFD where bytes are not UTF-8 (MQTT 5 §1.5.4).</summary>
    private static bool IsText(string? text) => text is null || !text.AsSpan().ContainsAny('\0', '\uFFFD');

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT login refused from {Remote}: {Reason}")]
    private static partial void LogRefused(ILogger logger, EndPoint? remote, string reason);
}
