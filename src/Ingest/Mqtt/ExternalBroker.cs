using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// Subscribes to a broker that is already there: persistent session, manual acknowledgement after commit, Receive Maximum as back-pressure.
/// Trusts neither <c>IsConnected</c> nor silence: its own canary must come round, and a message unacknowledged for 30 s forces a reconnect,
/// after which the broker sends it again.
/// </summary>
public sealed partial class ExternalBroker(
    MqttOptions options, IReadOnlyList<string> profileTopics, Inbox inbox, TimeProvider clock, ILogger<ExternalBroker> log) : BackgroundService
{
    public static readonly TimeSpan LongestUnacknowledged = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<long, long> unacknowledged = new();
    private readonly string canaryTopic = $"vigil-canary/{options.ClientId}";
    private long sequence;
    private long heard;
    private volatile bool live;
    private volatile IMqttClient? link;

    /// <summary>The canary came round within three periods and nothing hangs.</summary>
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
                Trouble = e is OperationCanceledException ? "connection lost" : e.Message;
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
        (link ?? throw new InvalidOperationException("the broker is not connected"))
            .PublishAsync(new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(payload).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build(), cancellation);

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
        if (options.Username.Length > 0) builder.WithCredentials(options.Username, options.Password);
        if (options.Tls) builder.WithTlsOptions(Tls);
        var result = await client.ConnectAsync(builder.Build(), cancellation);
        if (result.ResultCode != MqttClientConnectResultCode.Success) throw new InvalidOperationException($"the broker refused the connection: {result.ResultCode}");

        var filters = options.Topics.Length > 0 ? options.Topics.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) : profileTopics;
        var subscribe = new MqttClientSubscribeOptionsBuilder();
        foreach (var filter in filters)
        {
            var topic = options.ShareName.Length > 0 ? $"$share/{options.ShareName}/{filter}" : filter;
            subscribe.WithTopicFilter(topic, MqttQualityOfServiceLevel.AtLeastOnce, retainAsPublished: false);
        }

        subscribe.WithTopicFilter(canaryTopic, MqttQualityOfServiceLevel.AtMostOnce);
        var granted = await client.SubscribeAsync(subscribe.Build(), cancellation);
        foreach (var item in granted.Items)
            if (item.ResultCode > MqttClientSubscribeResultCode.GrantedQoS2) LogNotGranted(log, item.TopicFilter.Topic, item.ResultCode.ToString());
        LogSubscribed(log, options.Host, options.Port, filters.Count);
        Interlocked.Exchange(ref heard, clock.GetTimestamp());
        Trouble = "";
        live = true;
    }

    /// <summary>Returns when the link has to be made anew.</summary>
    private async Task WatchAsync(IMqttClient client, CancellationToken connection)
    {
        var period = TimeSpan.FromSeconds(options.CanarySeconds);
        while (true)
        {
            await client.PublishAsync(new MqttApplicationMessageBuilder().WithTopic(canaryTopic).WithPayload("tweet").Build(), connection);
            await Task.Delay(period, clock, connection);
            var now = clock.GetTimestamp();
            if (clock.GetElapsedTime(Interlocked.Read(ref heard), now) > period * 3)
            {
                Trouble = $"connected, but nothing came round for {period.TotalSeconds * 3:0} s";
                return;
            }

            foreach (var (_, since) in unacknowledged)
            {
                if (clock.GetElapsedTime(since, now) <= LongestUnacknowledged) continue;
                Trouble = $"a message could not be committed for {LongestUnacknowledged.TotalSeconds:0} s; the broker is asked to send it again";
                return;
            }
        }
    }

    private Task ReceivedAsync(MqttApplicationMessageReceivedEventArgs e, CancellationToken connection)
    {
        e.AutoAcknowledge = false;
        Interlocked.Exchange(ref heard, clock.GetTimestamp());
        if (e.ApplicationMessage.Topic == canaryTopic) return e.AcknowledgeAsync(connection);
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
            var message = new InboundMessage(
                e.ApplicationMessage.Topic, e.ApplicationMessage.Payload.ToArray(), clock.GetUtcNow().UtcDateTime, e.ApplicationMessage.Retain, Sender.ExternalBroker);
            if (await inbox(message, connection) == Receipt.NotStored) return;
            await e.AcknowledgeAsync(connection);
            unacknowledged.TryRemove(number, out _);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            LogNotAcknowledged(log, e.ApplicationMessage.Topic, failure.Message);
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
            tls.WithClientCertificates([X509Certificate2.CreateFromPemFile(options.Certificate, options.CertificateKey.Length > 0 ? options.CertificateKey : null)]);
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
