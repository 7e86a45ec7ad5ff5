using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using Vigil.Model;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// Subscribes to a broker that is already there: persistent session, manual acknowledgement after commit, Receive Maximum as back-pressure.
/// Trusts neither <c>IsConnected</c> nor silence: its own canary must come round, and a message that stays unacknowledged forces a
/// reconnect, after which the broker sends it again.
/// </summary>
/// <param name="options">Where, and how patiently.</param>
/// <param name="profileTopics">What is subscribed to unless the options name topics.</param>
/// <param name="inbox">Takes what comes.</param>
/// <param name="redeliveries">Knows what came before.</param>
/// <param name="troubles">Hears of messages that the broker dropped.</param>
/// <param name="droppedPath">Where the broker's count of dropped messages is kept over a restart; null: nowhere.</param>
/// <param name="clock">The service's.</param>
/// <param name="log">The log.</param>
public sealed partial class ExternalBroker(
    MqttOptions options,
    IReadOnlyList<string> profileTopics,
    Inbox inbox,
    Redeliveries redeliveries,
    Troubles troubles,
    string? droppedPath,
    TimeProvider clock,
    ILogger<ExternalBroker> log
) : BackgroundService
{
    /// <summary>
    /// Where mosquitto counts messages that it dropped because a subscriber's queue was full; other brokers have nothing there.
    /// </summary>
    private const string DroppedTopic = "$SYS/broker/publish/messages/dropped";

    private static readonly TimeSpan ToldFor = TimeSpan.FromHours(1);

    private readonly TimeSpan longestUnacknowledged = TimeSpan.FromSeconds(options.UnacknowledgedSeconds);
    private readonly ulong origin = redeliveries.Origin("", options.ClientId);
    private readonly ConcurrentDictionary<long, long> unacknowledged = new();
    private readonly string canaryTopic = $"vigil-canary/{options.ClientId}";
    private long sequence;
    private long heard;
    private long? dropped;
    private bool asksForDropped = true;
    private volatile bool live;
    private volatile IMqttClient? link;

    /// <summary>The canary came round and nothing hangs.</summary>
    public bool Live => live;

    /// <summary>Why the link is not live, in words; empty when it is.</summary>
    public string Trouble { get; private set; } = "not connected yet";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var wait = TimeSpan.FromMilliseconds(500);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                using var client = new MqttClientFactory().CreateMqttClient();
                using var connection = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
                unacknowledged.Clear();
                client.ApplicationMessageReceivedAsync += e => ReceivedAsync(e, connection.Token);
                client.DisconnectedAsync += _ => connection.CancelAsync();
                await ConnectAsync(client, stoppingToken);
                link = client;
                wait = TimeSpan.FromMilliseconds(500);
                await WatchAsync(client, connection.Token);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                Trouble = e switch
                {
                    OperationCanceledException => "connection lost",
                    TimeoutException => "connected, but nothing goes out",
                    _ => e.Message,
                };
            }

            live = false;
            link = null;
            LogLost(log, options.Host, options.Port, Trouble, wait.TotalSeconds);
            await Task.Delay(wait, clock, stoppingToken);
            wait = TimeSpan.FromSeconds(Math.Min(wait.TotalSeconds * 2, 30));
        }
    }

    /// <summary>Says something by the way over which devices are heard.</summary>
    /// <exception cref="InvalidOperationException">There is no connection now.</exception>
    public Task PublishAsync(string topic, byte[] payload, CancellationToken cancellation) =>
        (link ?? throw new InvalidOperationException("the broker is not connected")).PublishAsync(
            new MqttApplicationMessageBuilder()
                .WithTopic(topic)
                .WithPayload(payload)
                .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
                .Build(),
            cancellation
        );

    private async Task ConnectAsync(IMqttClient client, CancellationToken cancellation)
    {
        var builder = new MqttClientOptionsBuilder()
            .WithTcpServer(options.Host, options.Port)
            .WithProtocolVersion(MqttProtocolVersion.V500)
            .WithClientId(options.ClientId)
            .WithCleanStart(false)
            .WithSessionExpiryInterval(uint.MaxValue)
            .WithReceiveMaximum((ushort)options.ReceiveMaximum)
            .WithMaximumPacketSize((uint)options.MaxPacketBytes)
            .WithKeepAlivePeriod(TimeSpan.FromSeconds(options.CanarySeconds))
            .WithTimeout(TimeSpan.FromSeconds(10));
        if (options.Username.Length > 0)
            builder.WithCredentials(options.Username, options.Password);
        if (options.Tls)
            builder.WithTlsOptions(Tls);
        var result = await client.ConnectAsync(builder.Build(), cancellation);
        if (result.ResultCode != MqttClientConnectResultCode.Success)
            throw new InvalidOperationException($"the broker refused the connection: {result.ResultCode}");

        var filters =
            options.Topics.Length > 0
                ? options.Topics.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                : profileTopics;
        var subscribe = new MqttClientSubscribeOptionsBuilder();
        foreach (var filter in filters)
        {
            var topic = options.ShareName.Length > 0 ? $"$share/{options.ShareName}/{filter}" : filter;
            subscribe.WithTopicFilter(topic, MqttQualityOfServiceLevel.AtLeastOnce, retainAsPublished: false);
        }

        subscribe.WithTopicFilter(canaryTopic, MqttQualityOfServiceLevel.AtMostOnce);
        var granted = await client.SubscribeAsync(subscribe.Build(), cancellation);
        foreach (var item in granted.Items)
            if (item.ResultCode > MqttClientSubscribeResultCode.GrantedQoS2)
                LogNotGranted(log, item.TopicFilter.Topic, item.ResultCode.ToString());
        if (asksForDropped)
            await AskForDroppedAsync(client, cancellation);
        LogSubscribed(log, options.Host, options.Port, filters.Count);
        Interlocked.Exchange(ref heard, clock.GetTimestamp());
        Trouble = "";
        live = true;
    }

    /// <summary>A broker may refuse this, or even close the connection for it: then it isn't asked again.</summary>
    private async Task AskForDroppedAsync(IMqttClient client, CancellationToken cancellation)
    {
        asksForDropped = false;
        var granted = await client.SubscribeAsync(
            new MqttClientSubscribeOptionsBuilder().WithTopicFilter(DroppedTopic).Build(),
            cancellation
        );
        asksForDropped = granted.Items.All(i => i.ResultCode <= MqttClientSubscribeResultCode.GrantedQoS2);
        if (!asksForDropped)
            LogDroppedUnknown(log, DroppedTopic);
    }

    /// <summary>Returns when the link has to be made anew.</summary>
    private async Task WatchAsync(IMqttClient client, CancellationToken connection)
    {
        var period = TimeSpan.FromSeconds(options.CanarySeconds);
        for (var turn = 0; ; turn++)
        {
            // Half a period without a canary and a quarter until the next look: a dead link is known within one and a half.
            if (turn % 2 == 0)
                await client
                    .PublishAsync(new MqttApplicationMessageBuilder().WithTopic(canaryTopic).WithPayload("tweet").Build(), connection)
                    .WaitAsync(period, clock, connection);
            await Task.Delay(period / 4, clock, connection);
            var now = clock.GetTimestamp();
            if (clock.GetElapsedTime(Interlocked.Read(ref heard), now) > period * 1.25)
            {
                Trouble = $"connected, but nothing came round for {period.TotalSeconds * 1.25:0.#} s";
                return;
            }

            foreach (var (_, since) in unacknowledged)
            {
                if (clock.GetElapsedTime(since, now) <= longestUnacknowledged)
                    continue;
                Trouble =
                    $"a message could not be committed for {longestUnacknowledged.TotalSeconds:0} s; the broker is asked to send it again";
                return;
            }
        }
    }

    private Task ReceivedAsync(MqttApplicationMessageReceivedEventArgs e, CancellationToken connection)
    {
        e.AutoAcknowledge = false;
        Interlocked.Exchange(ref heard, clock.GetTimestamp());
        if (e.ApplicationMessage.Topic == canaryTopic)
            return e.AcknowledgeAsync(connection);
        if (e.ApplicationMessage.Topic == DroppedTopic)
        {
            if (
                long.TryParse(e.ApplicationMessage.ConvertPayloadToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            )
                Dropped(count);
            return e.AcknowledgeAsync(connection);
        }

        var number = Interlocked.Increment(ref sequence);
        unacknowledged[number] = clock.GetTimestamp();
        // Not awaited: MQTTnet calls the handler one message after the other, and a commit is shared by many.
        _ = CommitAsync(e, number, connection);
        return Task.CompletedTask;
    }

    private async Task CommitAsync(MqttApplicationMessageReceivedEventArgs e, long number, CancellationToken connection)
    {
        try
        {
            var payload = e.ApplicationMessage.Payload.ToArray();
            var came = redeliveries.FirstCame(
                origin,
                e.PacketIdentifier,
                e.ApplicationMessage.Dup,
                e.ApplicationMessage.Topic,
                payload,
                out _
            );
            var message = new InboundMessage(e.ApplicationMessage.Topic, payload, came, e.ApplicationMessage.Retain, Sender.ExternalBroker);
            if (await inbox(message, connection) == Receipt.NotStored)
                return;
            await e.AcknowledgeAsync(connection);
            unacknowledged.TryRemove(number, out _);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            LogNotAcknowledged(log, e.ApplicationMessage.Topic, failure.Message);
        }
    }

    /// <summary>
    /// The broker's own count, over all its subscribers. A queue that overflowed while the service was away shows in it and nowhere else:
    /// the devices were told that it had arrived.
    /// </summary>
    private void Dropped(long now)
    {
        dropped ??= ReadDropped();
        if (dropped is { } before && now != before && (now < before ? now : now - before) is var lost and > 0)
        {
            LogDropped(log, lost);
            troubles.Happened(
                "broker-queue",
                $"the MQTT broker dropped {lost} messages because a subscriber's queue was full; what devices said may be lost "
                    + $"(max_queued_messages)",
                $"MQTT 服务器因队列已满丢弃了{lost}条消息，设备数据可能缺失（max_queued_messages）",
                ToldFor
            );
        }

        if (now != dropped)
            KeepDropped(now);
        dropped = now;
    }

    private long? ReadDropped() =>
        droppedPath is not null
        && File.Exists(droppedPath)
        && long.TryParse(File.ReadAllText(droppedPath), NumberStyles.None, CultureInfo.InvariantCulture, out var kept)
            ? kept
            : null;

    private void KeepDropped(long count)
    {
        try
        {
            if (droppedPath is not null)
                File.WriteAllText(droppedPath, count.ToString(CultureInfo.InvariantCulture));
        }
        catch (IOException e)
        {
            LogNotKept(log, e.Message);
        }
    }

    private void Tls(MqttClientTlsOptionsBuilder tls)
    {
        tls.UseTls();
        if (options.CertificateAuthority.Length > 0)
        {
            var trusted = new X509Certificate2Collection();
            trusted.ImportFromPemFile(options.CertificateAuthority);
            tls.WithTrustChain(trusted);
        }

        if (options.Certificate.Length > 0)
            tls.WithClientCertificates([
                X509Certificate2.CreateFromPemFile(options.Certificate, options.CertificateKey.Length > 0 ? options.CertificateKey : null),
            ]);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Subscribed to {Filters} topic filters at {Host}:{Port}")]
    private static partial void LogSubscribed(ILogger logger, string host, int port, int filters);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT broker {Host}:{Port}: {Trouble}; next try in {Wait} s")]
    private static partial void LogLost(ILogger logger, string host, int port, string trouble, double wait);

    [LoggerMessage(Level = LogLevel.Error, Message = "The broker did not grant {Topic}: {Why}. Readings on it will not arrive")]
    private static partial void LogNotGranted(ILogger logger, string topic, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A message on {Topic} was not acknowledged: {Why}")]
    private static partial void LogNotAcknowledged(ILogger logger, string topic, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "The broker dropped {Lost} messages because a subscriber's queue was full")]
    private static partial void LogDropped(ILogger logger, long lost);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "The broker doesn't show {Topic}: messages that it drops while the service is away can't be noticed"
    )]
    private static partial void LogDroppedUnknown(ILogger logger, string topic);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The broker's count of dropped messages could not be kept: {Reason}")]
    private static partial void LogNotKept(ILogger logger, string reason);
}
