using System.Globalization;
using Microsoft.Extensions.Logging;
using MQTTnet;
using Vigil.Model;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// Watches the broker's own count of dropped messages, over all its subscribers. A queue that overflowed while the service was away shows
/// there and nowhere else: the devices had their messages acknowledged.
/// </summary>
/// <param name="path">Where the count is kept over a restart; null: nowhere.</param>
/// <param name="troubles">Is told when messages were dropped.</param>
/// <param name="log">The log.</param>
internal sealed partial class DroppedMessages(string? path, Troubles troubles, ILogger log)
{
    /// <summary>Mosquitto's count of messages dropped because a subscriber's queue was full; other brokers have nothing there.</summary>
    public const string Topic = "$SYS/broker/publish/messages/dropped";

    private static readonly TimeSpan ToldFor = TimeSpan.FromHours(1);

    private long? known;
    private bool isAvailable = true;

    /// <summary>A broker may refuse the subscription or close the connection over it: then it isn't tried again.</summary>
    public async Task SubscribeAsync(IMqttClient client, CancellationToken cancellation)
    {
        if (!isAvailable)
            return;
        isAvailable = false;
        var granted = await client.SubscribeAsync(new MqttClientSubscribeOptionsBuilder().WithTopicFilter(Topic).Build(), cancellation);
        isAvailable = granted.Items.All(i => i.ResultCode <= MqttClientSubscribeResultCode.GrantedQoS2);
        if (!isAvailable)
            LogDroppedUnknown(log, Topic);
    }

    /// <summary>Takes the broker's count.</summary>
    public void Take(string? text)
    {
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var now))
            return;
        known ??= Read();
        if (known is { } before && now != before && (now < before ? now : now - before) is var lost and > 0)
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

        if (now != known)
            Keep(now);
        known = now;
    }

    private long? Read() =>
        path is not null
        && File.Exists(path)
        && long.TryParse(File.ReadAllText(path), NumberStyles.None, CultureInfo.InvariantCulture, out var kept)
            ? kept
            : null;

    private void Keep(long count)
    {
        try
        {
            if (path is not null)
                File.WriteAllText(path, count.ToString(CultureInfo.InvariantCulture));
        }
        catch (IOException e)
        {
            LogNotKept(log, e.Message);
        }
    }

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
