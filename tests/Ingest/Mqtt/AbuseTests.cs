using System.Text;
using Vigil.Ingest.Mqtt;

namespace Vigil.Tests.Ingest.Mqtt;

/// <summary>What the embedded broker answers to hostile or broken devices, in bytes on real sockets.</summary>
[Trait("Category", "Server")]
public sealed class AbuseTests
{
    private const string Reading = "[{\"n\":\"water.volume\",\"v\":1}]";

    [Theory]
    [InlineData("d1", "wrong")]
    [InlineData("nobody", "right")]
    [InlineData("admin", "admin")]
    public async Task A_wrong_name_or_password_is_refused_alike_and_nothing_it_says_counts(string name, string password)
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (device, code) = await RawDevice.LogInAsync(broker.Port, name, password);
        await using var _ = device;
        Assert.Equal(4, code); // MQTT 3.1.1 §3.2.2.3: bad user name or password
        var (fifth, reason) = await RawDevice.LogInAsync(broker.Port, name, password, level: 5);
        await using var __ = fifth;
        Assert.Equal(0x86, reason);
        Assert.Equal(0, broker.Broker.Connections);
    }

    [Fact]
    public async Task The_client_id_gives_no_rights_and_cannot_push_another_device_out()
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (first, ok) = await RawDevice.LogInAsync(broker.Port);
        await using var _ = first;
        Assert.Equal(0, ok);
        var (thief, code) = await RawDevice.LogInAsync(broker.Port, "d2", clientId: "d1");
        await using var __ = thief;
        Assert.Equal(2, code); // identifier rejected
        await first.SendAsync(RawDevice.Publish("vigil/d1/up", Reading));
        Assert.Equal([0x40, 2, 0, 1], await first.ReadAsync());
    }

    [Fact]
    public async Task A_device_that_speaks_for_another_is_closed_without_an_acknowledgement()
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (three, _) = await RawDevice.LogInAsync(broker.Port);
        await three.SendAsync(RawDevice.Publish("vigil/d2/up", Reading));
        Assert.DoesNotContain((byte)0x40, await three.UntilClosedAsync());
        await three.DisposeAsync();
        var (five, _) = await RawDevice.LogInAsync(broker.Port, level: 5);
        await five.SendAsync(RawDevice.Publish("vigil/d2/up", Reading, level: 5));
        var said = await five.UntilClosedAsync();
        // PUBACK not authorized, or DISCONNECT
        Assert.True(said.Length == 0 || (said[0] == 0x40 && said[4] == 0x87) || said[0] == 0xE0, Convert.ToHexString(said));
        await five.DisposeAsync();
        Assert.Empty(broker.Came);
    }

    [Fact]
    public async Task A_will_for_another_device_never_arrives()
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        await using (var device = await RawDevice.OpenAsync(broker.Port))
        {
            await device.SendAsync(RawDevice.Connect("d1", "right", "d1", will: ("vigil/d2/up", Reading)));
            Assert.Equal(0, (await device.ReadAsync())[3]);
        }

        // Another device sends after the first one is gone: the first one's will would have arrived before it.
        var (other, _) = await RawDevice.LogInAsync(broker.Port, "d2");
        await using var __ = other;
        await other.SendAsync(RawDevice.Publish("vigil/d2/up", Reading));
        Assert.Equal(0x40, (await other.ReadAsync())[0]);
        Assert.Equal(("vigil/d2/up", "d2", Reading), Assert.Single(broker.Came));
    }

    [Theory]
    [InlineData("#")]
    [InlineData("vigil/+/up")]
    [InlineData("$SYS/#")]
    [InlineData("vigil/d2/down")]
    [InlineData("$share/g/#")]
    public async Task A_device_may_hear_its_own_commands_alone(string filter)
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (three, _) = await RawDevice.LogInAsync(broker.Port);
        await three.SendAsync(RawDevice.Subscribe(filter));
        Assert.Equal(0x80, (await three.ReadAsync())[^1] & 0x80);
        await three.DisposeAsync();
        var (five, _) = await RawDevice.LogInAsync(broker.Port, level: 5);
        await five.SendAsync(RawDevice.Subscribe(filter, level: 5));
        // shared subscriptions not supported, or not authorized
        Assert.Equal(filter.StartsWith("$share", StringComparison.Ordinal) ? 0x9E : 0x87, (await five.ReadAsync())[^1]);
        await five.SendAsync(RawDevice.Subscribe("vigil/d1/down", level: 5));
        Assert.Equal(1, (await five.ReadAsync())[^1]);
        await five.DisposeAsync();
    }

    [Fact]
    public async Task A_device_that_comes_back_while_its_old_connection_is_being_cleared_away_stays()
    {
        // MQTTnet cleans up by client id, so a connection that ended late could close the new one of the same device.
        await using var broker = await BrokerUnderTest.StartAsync(devices: 40);
        await Parallel.ForEachAsync(
            Enumerable.Range(1, 40),
            TestContext.Current.CancellationToken,
            async (n, _) =>
            {
                for (var round = 0; round < 8; round++)
                {
                    var (device, code) = await RawDevice.LogInAsync(broker.Port, $"d{n}");
                    await using var held = device;
                    Assert.Equal(0, code);
                    await device.SendAsync(RawDevice.Publish($"vigil/d{n}/up", Reading));
                    Assert.Equal([0x40, 2, 0, 1], await device.ReadAsync());
                    await device.SendAsync(RawDevice.Publish($"vigil/d{n}/up", Reading, id: 2));
                    Assert.Equal([0x40, 2, 0, 2], await device.ReadAsync());
                }
            }
        );
    }

    [Fact]
    public async Task One_credential_in_two_places_is_contained_and_the_one_inside_stays()
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var codes = new List<int>();
        RawDevice? last = null;
        for (var i = 0; i < 14; i++)
        {
            var (device, code) = await RawDevice.LogInAsync(broker.Port, level: 5);
            codes.Add(code);
            if (code == 0)
                last = device;
            else
                await device.DisposeAsync();
        }

        Assert.Equal(11, codes.Count(c => c == 0)); // the first login, and the ten takeovers that a minute allows
        Assert.All(codes.Skip(11), c => Assert.Equal(0x9F, c)); // connection rate exceeded
        await last!.SendAsync(RawDevice.Publish("vigil/d1/up", Reading, level: 5));
        Assert.Equal(0x40, (await last.ReadAsync())[0]);
        await last.DisposeAsync();
    }

    [Theory]
    [InlineData("10FFFFFF7F")] // 256 MiB announced before login
    [InlineData("10FFFFFFFF7F")] // a length of five bytes
    [InlineData("300A0003612F62")] // PUBLISH before CONNECT
    [InlineData("0000")]
    [InlineData("474554202F20485454502F312E310D0A0D0A")] // GET / HTTP/1.1
    public async Task Nonsense_before_the_login_closes_the_socket_and_holds_no_memory(string hex)
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await using var device = await RawDevice.OpenAsync(broker.Port);
        await device.SendAsync(Convert.FromHexString(hex));
        Assert.Empty(await device.UntilClosedAsync());
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - before < 16 * 1024 * 1024);
        var (good, code) = await RawDevice.LogInAsync(broker.Port);
        await using var _ = good;
        Assert.Equal(0, code);
    }

    [Fact]
    public async Task Sockets_that_never_log_in_are_few_and_the_oldest_gives_way()
    {
        await using var broker = await BrokerUnderTest.StartAsync(o => o.MaxUnauthenticatedPerAddress = 4);
        var begun = System.Diagnostics.Stopwatch.GetTimestamp();
        var held = new List<RawDevice>();
        for (var i = 0; i < 4; i++)
        {
            held.Add(await RawDevice.OpenAsync(broker.Port));
            await held[i].SendAsync([0x10]); // the first byte of a CONNECT whose rest never comes
        }

        // They don't keep out a device that does log in.
        var (good, code) = await RawDevice.LogInAsync(broker.Port);
        await using var _ = good;
        Assert.Equal(0, code);
        // The broker closes connections that don't complete their login within five seconds.
        foreach (var device in held)
            Assert.Empty(await device.UntilClosedAsync());
        Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(9));
        foreach (var device in held)
            await device.DisposeAsync();
    }

    [Fact]
    public async Task A_packet_larger_than_allowed_closes_the_connection()
    {
        await using var broker = await BrokerUnderTest.StartAsync(o => o.MaxPacketBytes = 16 * 1024);
        var (device, _) = await RawDevice.LogInAsync(broker.Port);
        await using var __ = device;
        await device.SendAsync(RawDevice.Publish("vigil/d1/up", new string('x', 17 * 1024)));
        Assert.Empty(await device.UntilClosedAsync());
        await using var large = await RawDevice.OpenAsync(broker.Port);
        await large.SendAsync(RawDevice.Connect("d1", "right", new string('i', 5000)));
        Assert.Empty(await large.UntilClosedAsync());
        Assert.Empty(broker.Came);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(301)]
    [InlineData(65535)]
    public async Task A_keep_alive_that_never_ends_is_refused(int seconds)
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (device, code) = await RawDevice.LogInAsync(broker.Port, keepAlive: (ushort)seconds);
        await using var _ = device;
        Assert.NotEqual(0, code);
        Assert.Equal(0, broker.Broker.Connections);
    }

    [Fact]
    public async Task A_flood_is_slowed_down_for_its_sender_alone_and_loses_nothing()
    {
        await using var broker = await BrokerUnderTest.StartAsync(o => (o.DeviceRate, o.DeviceBurst) = (100, 20));
        var (flood, _) = await RawDevice.LogInAsync(broker.Port);
        await using var __ = flood;
        var begun = System.Diagnostics.Stopwatch.GetTimestamp();
        for (ushort i = 1; i <= 60; i++)
            await flood.SendAsync(RawDevice.Publish("vigil/d1/up", Reading, id: i));
        var (calm, _) = await RawDevice.LogInAsync(broker.Port, "d2");
        await using var ___ = calm;
        await calm.SendAsync(RawDevice.Publish("vigil/d2/up", Reading));
        Assert.Equal(0x40, (await calm.ReadAsync())[0]);
        Assert.True(broker.Came.Count(c => c.From == "d1") < 60, "the calm device waited for the flood");
        for (var acknowledged = 0; acknowledged < 60 * 4; )
            acknowledged += (await flood.ReadAsync()).Length;
        // 40 messages more than the burst, at 100 a second
        Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(begun) > TimeSpan.FromMilliseconds(300));
        Assert.Equal(60, broker.Came.Count(c => c.From == "d1"));
    }

    [Fact]
    public async Task Nothing_is_retained_and_a_retained_press_is_told_once()
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (device, _) = await RawDevice.LogInAsync(broker.Port);
        await using var __ = device;
        await device.SendAsync(RawDevice.Publish("vigil/d1/up", "[{\"n\":\"button\",\"vs\":\"sos\"}]", retain: true));
        Assert.Equal(0x40, (await device.ReadAsync())[0]);
        await device.SendAsync(RawDevice.Subscribe("vigil/d1/down"));
        Assert.Equal([0x90, 3, 0, 7, 1], await device.ReadAsync()); // the answer to the subscription, and no retained message after it
        Assert.Single(broker.Came);
    }

    [Theory]
    [InlineData("vigil/+/up")]
    [InlineData("vigil/#")]
    [InlineData("")]
    [InlineData("vigil/d1\0/up")]
    [InlineData("$SYS/broker")]
    [InlineData("a/b/c/d/e/f/g/h/i/j/k/l/m/n")]
    public async Task A_topic_that_is_none_closes_the_connection(string topic)
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (device, _) = await RawDevice.LogInAsync(broker.Port);
        await using var __ = device;
        await device.SendAsync(RawDevice.Publish(topic, Reading));
        Assert.DoesNotContain((byte)0x40, await device.UntilClosedAsync());
        Assert.Empty(broker.Came);
    }

    [Fact]
    public async Task A_topic_of_bytes_that_are_no_text_or_too_long_closes_the_connection()
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        foreach (var topic in new[] { [0x76, 0xFF, 0xFE], Encoding.ASCII.GetBytes("vigil/" + new string('x', 300)) })
        {
            var (device, _) = await RawDevice.LogInAsync(broker.Port);
            await using var __ = device;
            await device.SendAsync(RawDevice.Publish(topic, Encoding.UTF8.GetBytes(Reading)));
            Assert.DoesNotContain((byte)0x40, await device.UntilClosedAsync());
        }

        Assert.Empty(broker.Came);
    }

    [Fact]
    public async Task What_is_not_stored_is_not_acknowledged_and_the_device_sends_it_again()
    {
        var full = true;
        await using var broker = await BrokerUnderTest.StartAsync(inbox: _ => full ? Receipt.NotStored : Receipt.Committed);
        var (device, _) = await RawDevice.LogInAsync(broker.Port);
        await device.SendAsync(RawDevice.Publish("vigil/d1/up", Reading));
        Assert.Empty(await device.UntilClosedAsync());
        await device.DisposeAsync();
        full = false;
        var (again, _) = await RawDevice.LogInAsync(broker.Port);
        await using var __ = again;
        await again.SendAsync(RawDevice.Publish("vigil/d1/up", Reading));
        Assert.Equal([0x40, 2, 0, 1], await again.ReadAsync());
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task A_reader_that_stalls_and_is_taken_over_keeps_nobody_from_logging_in_for_longer_than_a_second(byte level)
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (stalled, _) = await RawDevice.LogInAsync(broker.Port, level: level);
        await using var __ = stalled;
        // This device never reads, so the broker's answers fill the buffers of its socket.
        for (ushort i = 1; i <= 150; i++)
            await stalled.SendAsync(RawDevice.Publish("vigil/d1/up", Reading, id: i, level: level));
        var takeOver = RawDevice.LogInAsync(broker.Port, level: level); // the same device, on a new connection
        var begun = System.Diagnostics.Stopwatch.GetTimestamp();
        var (other, code) = await RawDevice.LogInAsync(broker.Port, "d2");
        await using var ___ = other;
        Assert.Equal(0, code);
        Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(1));
        var (again, own) = await takeOver;
        await using var ____ = again;
        Assert.Equal(0, own);
    }

    [Theory]
    [InlineData("")] // silent
    [InlineData("3240000C")] // in the middle of a packet
    public async Task A_device_that_is_gone_without_a_word_is_let_go_after_one_and_a_half_keep_alives(string halfPacket)
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (device, _) = await RawDevice.LogInAsync(broker.Port, keepAlive: 1);
        await using var __ = device;
        await device.SendAsync(Convert.FromHexString(halfPacket));
        var begun = System.Diagnostics.Stopwatch.GetTimestamp();
        await RawDevice.UntilAsync(() => broker.Broker.Connections == 0);
        // 1.5 keep-alives, and five seconds for a busy machine
        Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(6.5));
    }
}
