using System.Diagnostics;
using System.Text;
using Vigil.Ingest.Mqtt;

namespace Vigil.Tests.Ingest.Mqtt;

/// <summary>Messages at QoS 1, which the broker takes past MQTTnet.</summary>
public sealed class DirectPublishTests
{
    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Messages_that_come_together_are_committed_together_and_acknowledged_in_their_order(byte level)
    {
        var (came, all) = (0, new TaskCompletionSource<Receipt>(TaskCreationOptions.RunContinuationsAsynchronously));
        await using var broker = await BrokerUnderTest.StartAsync(commit: _ =>
        {
            if (Interlocked.Increment(ref came) == 3)
                all.SetResult(Receipt.Committed); // one after the other they would never be committed
            return all.Task;
        });
        var (device, _) = await RawDevice.LogInAsync(broker.Port, level: level);
        await using var __ = device;
        await device.SendAsync([.. Up("a", 1, 7, level), .. Up("b", 1, 8, level), .. Up("c", 1, 9, level)]);
        Assert.Equal("400200074002000840020009", await AnswersAsync(device, 12));
        Assert.Equal(["a", "b", "c"], broker.Came.Select(c => c.Payload));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Acknowledgements_keep_the_order_of_the_messages_whatever_their_quality_of_service(byte level)
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (device, _) = await RawDevice.LogInAsync(broker.Port, level: level);
        await using var __ = device;
        await device.SendAsync([.. Up("a", 1, 1, level), .. Up("b", 2, 2, level), .. Up("c", 0, 0, level), .. Up("d", 1, 3, level)]);
        Assert.Equal("400200015002000240020003", await AnswersAsync(device, 12));
        Assert.Equal(["a", "b", "c", "d"], broker.Came.Select(c => c.Payload));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task What_is_not_committed_is_not_acknowledged_nor_is_what_came_behind_it(byte level)
    {
        await using var broker = await BrokerUnderTest.StartAsync(inbox: m =>
            Encoding.UTF8.GetString(m.Payload.Span) == "b" ? Receipt.NotStored : Receipt.Committed
        );
        var (device, _) = await RawDevice.LogInAsync(broker.Port, level: level);
        await using var __ = device;
        await device.SendAsync([.. Up("a", 1, 1, level), .. Up("b", 1, 2, level), .. Up("c", 1, 3, level)]);
        var answers = Convert.ToHexString(await device.UntilClosedAsync());
        Assert.DoesNotContain("40020002", answers, StringComparison.Ordinal);
        Assert.DoesNotContain("40020003", answers, StringComparison.Ordinal);
    }

    /// <summary>
    /// Messages of 19 bytes, and some of 20: wherever the pieces end, some of them end with a message.
    /// </summary>
    [Fact]
    public async Task A_message_may_end_where_a_piece_of_the_buffer_ends()
    {
        var first = new TaskCompletionSource<Receipt>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var broker = await BrokerUnderTest.StartAsync(
            o => (o.DeviceRate, o.DeviceBurst) = (100_000, 100_000),
            commit: _ => first.Task
        );
        var (device, _) = await RawDevice.LogInAsync(broker.Port);
        await using var __ = device;
        var sent = new List<byte>();
        var awaited = new StringBuilder();
        for (ushort id = 1; id <= 40_000; id++)
        {
            sent.AddRange(Up(id % 100 == 1 ? "abc" : "ab", 1, id, 4));
            awaited.Append(System.Globalization.CultureInfo.InvariantCulture, $"4002{id:X4}");
        }

        var answers = AnswersAsync(device, 4 * 40_000);
        await device.SendAsync([.. sent]);
        first.SetResult(Receipt.Committed); // what was sent waits in pieces
        Assert.Equal(awaited.ToString(), await answers);
    }

    [Fact]
    public async Task A_message_that_fails_ends_its_own_connection_only()
    {
        await using var broker = await BrokerUnderTest.StartAsync(inbox: m =>
            m.From.Name == "d1" ? throw new InvalidOperationException("a fault") : Receipt.Committed
        );
        var (faulty, _) = await RawDevice.LogInAsync(broker.Port);
        var (sound, _) = await RawDevice.LogInAsync(broker.Port, "d2");
        await using var __ = faulty;
        await using var ___ = sound;
        await faulty.SendAsync(Up("x", 1, 1, 4));
        Assert.Empty(await faulty.UntilClosedAsync());
        await sound.SendAsync(RawDevice.Publish("vigil/d2/up", "y"));
        Assert.Equal("40020001", await AnswersAsync(sound, 4));
    }

    /// <summary>
    /// MQTTnet counts the packets that it sees, and closes a connection of which it sees none for one and a half keep-alives.
    /// </summary>
    [Fact]
    public async Task A_device_that_only_publishes_is_not_taken_for_dead()
    {
        await using var broker = await BrokerUnderTest.StartAsync(o => (o.DeviceRate, o.DeviceBurst) = (100_000, 100_000));
        var (device, _) = await RawDevice.LogInAsync(broker.Port, keepAlive: 1);
        await using var __ = device;
        var begun = Stopwatch.GetTimestamp();
        ushort id = 0;
        while (Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(3.5))
        {
            await device.SendAsync(Up("x", 1, id = (ushort)(id % 60_000 + 1), 4));
            Assert.Equal($"4002{id:X4}", await AnswersAsync(device, 4));
        }
    }

    [Fact]
    public async Task A_topic_alias_of_mqtt_5_is_understood_among_messages_without_one()
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (device, _) = await RawDevice.LogInAsync(broker.Port, level: 5);
        await using var __ = device;
        await device.SendAsync([.. Aliased("vigil/d1/up", 1, "a"), .. Up("b", 1, 2, 5), .. Aliased("", 3, "c"), .. Up("d", 1, 4, 5)]);
        Assert.Equal("40020001400200024002000340020004", await AnswersAsync(device, 16));
        Assert.Equal(
            [("vigil/d1/up", "a"), ("vigil/d1/up", "b"), ("vigil/d1/up", "c"), ("vigil/d1/up", "d")],
            broker.Came.Select(c => (c.Topic, c.Payload))
        );
    }

    private static byte[] Up(string payload, int qos, ushort id, byte level) =>
        RawDevice.Publish("vigil/d1/up", payload, qos, level, id: id);

    /// <summary>A PUBLISH with topic alias 1 (MQTT 5 §3.3.2.3.4).</summary>
    private static byte[] Aliased(string topic, byte id, string payload) =>
        RawDevice.Packet(
            0x32,
            [0, (byte)topic.Length, .. Encoding.ASCII.GetBytes(topic), 0, id, 3, 0x23, 0, 1, .. Encoding.ASCII.GetBytes(payload)]
        );

    private static async Task<string> AnswersAsync(RawDevice device, int bytes)
    {
        var all = new List<byte>();
        while (all.Count < bytes && await device.ReadAsync() is { Length: > 0 } some)
            all.AddRange(some);
        return Convert.ToHexString([.. all]);
    }
}
