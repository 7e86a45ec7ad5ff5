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
/// Neither <c>IsConnected</c> nor silence proves that the link works: a canary message that the service publishes must come back to it, and
/// a message that stays unacknowledged forces a reconnect, after which the broker sends it again.
/// </summary>
/// <param name="options">Address, login and timeouts.</param>
/// <param name="profileTopics">What is subscribed to unless the options name topics.</param>
/// <param name="inbox">Takes the messages.</param>
/// <param name="redeliveries">Recognises messages that are sent again.</param>
/// <param name="troubles">Is told of messages that the broker dropped.</param>
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
    private readonly TimeSpan longestUnacknowledged = TimeSpan.FromSeconds(options.UnacknowledgedSeconds);
    private readonly ulong origin = redeliveries.Origin("", options.ClientId);
    private readonly ConcurrentDictionary<long, long> unacknowledged = new();
    private readonly DroppedMessages dropped = new(droppedPath, troubles, log);
    private readonly string canaryTopic = $"vigil-canary/{options.ClientId}";
    private long sequence;
    private long heard;
    private volatile bool live;
    private volatile IMqttClient? link;

    /// <summary>The canary came back and no message has been unacknowledged for too long.</summary>
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

    /// <summary>Publishes over the same connection on which devices are heard.</summary>
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
        var result = await client.ConnectAsync(ExternalBrokerLogin.Options(options), cancellation);
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
        await dropped.SubscribeAsync(client, cancellation);
        LogSubscribed(log, options.Host, options.Port, filters.Count);
        Interlocked.Exchange(ref heard, clock.GetTimestamp());
        Trouble = "";
        live = true;
    }

    /// <summary>Returns when the connection has to be replaced.</summary>
    private async Task WatchAsync(IMqttClient client, CancellationToken connection)
    {
        var period = TimeSpan.FromSeconds(options.CanarySeconds);
        for (var turn = 0; ; turn++)
        {
            // Checked every quarter of a period, with a canary at every second check: a dead link is noticed within one and a half periods.
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
        if (e.ApplicationMessage.Topic == DroppedMessages.Topic)
        {
            dropped.Take(e.ApplicationMessage.ConvertPayloadToString());
            return e.AcknowledgeAsync(connection);
        }

        var number = Interlocked.Increment(ref sequence);
        unacknowledged[number] = clock.GetTimestamp();
        // Not awaited: MQTTnet calls the handler for one message at a time, and many messages share a commit.
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

    [LoggerMessage(Level = LogLevel.Information, Message = "Subscribed to {Filters} topic filters at {Host}:{Port}")]
    private static partial void LogSubscribed(ILogger logger, string host, int port, int filters);

    [LoggerMessage(Level = LogLevel.Warning, Message = "MQTT broker {Host}:{Port}: {Trouble}; next try in {Wait} s")]
    private static partial void LogLost(ILogger logger, string host, int port, string trouble, double wait);

    [LoggerMessage(Level = LogLevel.Error, Message = "The broker did not grant {Topic}: {Why}. Readings on it will not arrive")]
    private static partial void LogNotGranted(ILogger logger, string topic, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A message on {Topic} was not acknowledged: {Why}")]
    private static partial void LogNotAcknowledged(ILogger logger, string topic, string why);
}
