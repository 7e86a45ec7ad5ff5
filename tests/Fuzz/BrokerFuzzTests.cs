using System.Diagnostics;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Vigil.Ingest.Mqtt;
using Vigil.Tests.Ingest.Mqtt;

namespace Vigil.Tests.Fuzz;

/// <summary>
/// Random and broken bytes on the broker's port, before and after a login: a device that speaks MQTT correctly is still served at once.
/// </summary>
public sealed class BrokerFuzzTests
{
    private static readonly byte[][] Connects =
    [
        RawDevice.Connect("d1", "right", "d1"),
        RawDevice.Connect("d1", "right", "d1", level: 5),
        RawDevice.Connect("d1", "right", "d1", will: ("vigil/d1/up", "{}")),
        RawDevice.Connect("d1", "right", "d1", level: 5, will: ("vigil/d1/up", "{}")),
        RawDevice.Connect("d1", "wrong", ""),
        RawDevice.Packet(0x10, [0, 6, .. "MQIsdp"u8, 3, 0xC2, 0, 60, 0, 1, (byte)'a']),
        RawDevice.Packet(
            0x10,
            [0, 4, .. "MQTT"u8, 5, 0xC2, 0, 60, 5, 0x11, 0, 0, 0, 10, 0, 2, .. "d1"u8, 0, 2, .. "d1"u8, 0, 5, .. "right"u8]
        ),
    ];

    private static byte[][] Packets(string device, byte level) =>
        [
            RawDevice.Publish($"vigil/{device}/up", "[{\"n\":\"water.volume\",\"v\":1}]", qos: 1, level: level),
            RawDevice.Publish($"vigil/{device}/up", "[{\"n\":\"button\",\"vs\":\"sos\"}]", qos: 2, level: level, id: 2),
            RawDevice.Publish($"vigil/{device}/up", "x", qos: 0, level: level, retain: true),
            RawDevice.Publish("vigil/d2/up", "x", level: level),
            RawDevice.Subscribe($"vigil/{device}/down", level),
            RawDevice.Subscribe("#", level),
            RawDevice.Packet(0xA2, [0, 8, .. level == 5 ? new byte[] { 0 } : [], 0, 1, (byte)'a']),
            RawDevice.Packet(0xC0, []),
            RawDevice.Packet(0x62, [0, 2]),
            RawDevice.Packet(0x40, [0, 1]),
            RawDevice.Packet(0x50, [0, 1]),
            RawDevice.Packet(0x70, [0, 1]),
            RawDevice.Packet(0xE0, []),
            RawDevice.Packet(0xF0, [0, 0]),
            RawDevice.Packet(0x20, [0, 0]),
        ];

    [Fact]
    public Task No_stream_of_bytes_gets_past_the_limit_of_a_packet_or_is_read_for_ever() =>
        Fuzzing.RunAsync(
            "packet-limit",
            random =>
            {
                var stream = new List<byte>(Mutator.Bytes(random, Connects[random.Next(Connects.Length)], Connects));
                var packets = Packets("d1", 4);
                for (var more = random.Next(4); more > 0; more--)
                    stream.AddRange(
                        random.Next(2) == 0
                            ? packets[random.Next(packets.Length)]
                            : Mutator.Bytes(random, packets[random.Next(packets.Length)], packets)
                    );
                return new Sample($"{random.Next(1, 64)}", [.. stream]);
            },
            Read
        );

    [Fact]
    [Trait("Category", "Server")]
    public async Task No_bytes_before_a_login_keep_a_device_from_being_served()
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var n = 0;
        await Fuzzing.RunAsync(
            "broker-before-login",
            random => new Sample("", Mutator.Bytes(random, Connects[random.Next(Connects.Length)], Connects)),
            async sample =>
            {
                await TalkAsync(broker.Port, n, [sample.Bytes]);
                if (++n % 50 == 0)
                    await ServedAsync(broker);
            }
        );
        await EndedAsync(broker);
    }

    [Fact]
    [Trait("Category", "Server")]
    public async Task No_bytes_after_a_login_keep_another_device_from_being_served()
    {
        await using var broker = await BrokerUnderTest.StartAsync(devices: int.MaxValue);
        var n = 2;
        await Fuzzing.RunAsync(
            "broker-after-login",
            random =>
            {
                var (device, level) = ($"d{++n}", (byte)(random.Next(2) == 0 ? 4 : 5));
                var packets = Packets(device, level);
                var stream = new List<byte>();
                for (var more = 1 + random.Next(6); more > 0; more--)
                    stream.AddRange(
                        random.Next(3) == 0
                            ? packets[random.Next(packets.Length)]
                            : Mutator.Bytes(random, packets[random.Next(packets.Length)], packets)
                    );
                return new Sample($"{device} {level}", [.. stream]);
            },
            async sample =>
            {
                var (device, level) = (
                    sample.About.Split(' ')[0],
                    byte.Parse(sample.About.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture)
                );
                await TalkAsync(broker.Port, n, [RawDevice.Connect(device, "right", device, level), sample.Bytes]);
                if (n % 50 == 0)
                    await ServedAsync(broker);
            }
        );
        await EndedAsync(broker);
        Assert.DoesNotContain(broker.Came, c => c.Topic != $"vigil/{c.From}/up");
    }

    private static void Read(Sample sample) =>
        ReadAsync(sample.Bytes, int.Parse(sample.About, System.Globalization.CultureInfo.InvariantCulture)).GetAwaiter().GetResult();

    /// <summary>Reads as MQTTnet does: takes one packet after another from the start of the buffer until there is none.</summary>
    private static async Task ReadAsync(byte[] bytes, int piece)
    {
        var pipe = new Pipe();
        var limit = new PacketLimit(pipe.Reader, 4096, 64 * 1024);
        try
        {
            for (var at = 0; at < bytes.Length; at += piece)
            {
                await pipe.Writer.WriteAsync(bytes.AsMemory(at, Math.Min(piece, bytes.Length - at)));
                while (limit.TryRead(out var some) && Packet(some, limit)) { }
            }

            await pipe.Writer.CompleteAsync();
            for (var reads = 0; ; reads++)
            {
                if (reads > bytes.Length + 8)
                    throw new InvalidOperationException("the end of the stream is read for ever");
                var rest = await limit.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(5));
                if (!Packet(rest, limit) && rest.IsCompleted && rest.Buffer.IsEmpty)
                    return;
            }
        }
        catch (ConnectionAbortedException)
        {
            // the limit closed the connection, as it should with broken packets
        }
    }

    /// <summary>Consumes one packet; returns false while the packet isn't complete.</summary>
    private static bool Packet(ReadResult read, PipeReader reader)
    {
        var bytes = System.Buffers.BuffersExtensions.ToArray(read.Buffer);
        var (length, at, whole) = (0, 1, false);
        for (var shift = 0; at < bytes.Length && shift <= 21 && !whole; shift += 7)
        {
            length |= (bytes[at] & 0x7F) << shift;
            whole = (bytes[at++] & 0x80) == 0;
        }

        if (whole && length > 64 * 1024)
            throw new InvalidOperationException($"a packet of {length} bytes got through");
        if (whole && at + length <= bytes.Length)
        {
            reader.AdvanceTo(read.Buffer.GetPosition(at + length));
            return true;
        }

        reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        return false;
    }

    /// <summary>
    /// Sends the bytes from an address of its own, so that a ban of the address hits nobody else. Ends by closing, by a reset or by
    /// waiting.
    /// </summary>
    private static async Task TalkAsync(int port, int n, byte[][] said)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(new IPAddress([127, 1, (byte)(n >> 8), (byte)(n % 250 + 1)]), 0));
        try
        {
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
            foreach (var bytes in said)
                await socket.SendAsync(bytes);
            if (n % 3 == 0)
                socket.Shutdown(SocketShutdown.Send);
            if (n % 3 == 1)
                socket.LingerState = new LingerOption(true, 0);
            // waits a moment for an answer, because there may be none
            using var moment = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
            var buffer = new byte[4096];
            while (n % 3 != 1 && await socket.ReceiveAsync(buffer, moment.Token) > 0) { }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // closed or no answer: both are right
        }
    }

    private static async Task ServedAsync(BrokerUnderTest broker)
    {
        var begun = Stopwatch.GetTimestamp();
        var (device, code) = await RawDevice.LogInAsync(broker.Port, "d2");
        await using var _ = device;
        Assert.Equal(0, code);
        await device.SendAsync(RawDevice.Publish("vigil/d2/up", "[{\"n\":\"button\",\"vs\":\"sos\"}]"));
        Assert.Equal([0x40, 2, 0, 1], await device.ReadAsync());
        Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(30), $"served after {Stopwatch.GetElapsedTime(begun)}");
    }

    /// <summary>The broker no longer counts connections that have ended.</summary>
    private static async Task EndedAsync(BrokerUnderTest broker)
    {
        await ServedAsync(broker);
        var begun = Stopwatch.GetTimestamp();
        while (broker.Broker.Connections > 0)
        {
            Assert.True(
                Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(30),
                $"{broker.Broker.Connections} connections are still held"
            );
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }
}
