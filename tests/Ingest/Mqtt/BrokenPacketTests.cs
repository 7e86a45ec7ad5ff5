using System.Diagnostics;
using System.Text;
using Vigil.Ingest.Mqtt;

namespace Vigil.Tests.Ingest.Mqtt;

/// <summary>Packets that break off, that MQTT forbids or that come twice, and what the embedded broker does with them.</summary>
[Trait("Category", "Server")]
public sealed class BrokenPacketTests
{
    private const string Press = """[{"n":"button","vs":"sos"}]""";

    /// <summary>Much less than the five seconds after which the broker gives up a login and the 90 s of a keep-alive.</summary>
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(2.5);

    [Theory]
    [InlineData("10")] // the first byte of CONNECT, without a length
    [InlineData("10FF")] // half a length
    [InlineData("102A00044D515454")] // half of CONNECT
    public async Task Half_a_packet_and_the_end_before_the_login_closes_at_once_and_burns_nothing(string hex)
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        await EndsAtOnceAsync(() => RawDevice.OpenAsync(broker.Port), Convert.FromHexString(hex));
    }

    [Theory]
    [InlineData("32")]
    [InlineData("3280")] // half of a length of two bytes
    [InlineData("3240000C")] // a PUBLISH that breaks off in its topic
    public async Task Half_a_packet_and_the_end_after_the_login_closes_at_once_and_burns_nothing(string hex)
    {
        await using var broker = await BrokerUnderTest.StartAsync(devices: 40);
        var next = 0;
        await EndsAtOnceAsync(async () => (await RawDevice.LogInAsync(broker.Port, $"d{++next}")).Device, Convert.FromHexString(hex));
        await RawDevice.UntilAsync(() => broker.Broker.Connections == 0);
        Assert.Empty(broker.Came);
    }

    [Fact]
    public async Task Half_a_packet_and_a_reset_lets_go_of_the_connection()
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (device, code) = await RawDevice.LogInAsync(broker.Port);
        Assert.Equal(0, code);
        await device.SendAsync(RawDevice.Publish("vigil/d1/up", Press)[..9]);
        device.Reset();
        await RawDevice.UntilAsync(() => broker.Broker.Connections == 0);
        var (again, ok) = await RawDevice.LogInAsync(broker.Port);
        await using var _ = again;
        Assert.Equal(0, ok);
    }

    [Theory]
    [InlineData("PUBLISH at QoS 1 with packet id 0", "320E0008766967696C2F643100005B5D")]
    [InlineData("PUBLISH with QoS 3", "360E0008766967696C2F643100015B5D")]
    [InlineData("PUBLISH at QoS 0 that says it is sent again", "380C0008766967696C2F64315B5D")]
    [InlineData("SUBSCRIBE with flags 0", "8012000700" + "0D766967696C2F64312F646F776E01")]
    [InlineData("SUBSCRIBE with packet id 0", "8212000000" + "0D766967696C2F64312F646F776E01")]
    [InlineData("SUBSCRIBE to nothing", "82020007")]
    [InlineData("UNSUBSCRIBE with flags 0", "A011000700" + "0D766967696C2F64312F646F776E")]
    [InlineData("PUBREL with flags 0", "60020001")]
    [InlineData("PUBREL with packet id 0", "62020000")]
    [InlineData("PUBACK with flags", "41020001")]
    [InlineData("PINGREQ with a body", "C00100")]
    [InlineData("PINGRESP, which is the broker's", "D000")]
    [InlineData("packet type 0", "0000")]
    [InlineData("AUTH, which nobody asked for", "F000")]
    [InlineData("a second CONNECT", "101000044D5154540402003C0004" + "64326432")]
    public async Task What_MQTT_forbids_closes_the_connection(string what, string hex)
    {
        await using var broker = await BrokerUnderTest.StartAsync(anyTopic: true);
        var (device, _) = await RawDevice.LogInAsync(broker.Port);
        await using var __ = device;
        // A valid packet comes first and is accepted, so the broker checks every packet and not only the first.
        await device.SendAsync([.. RawDevice.Publish("vigil/d1/up", Press), .. Convert.FromHexString(hex)]);
        Assert.True(Convert.ToHexString(await device.UntilClosedAsync()) is "" or "40020001", what);
        Assert.True(broker.Came.Count <= 1, what);
    }

    [Theory]
    [InlineData("766967696C2FFF2F7570")] // not valid UTF-8
    [InlineData("766967696C2FEDA0802F7570")] // half of a surrogate pair
    [InlineData("766967696C2F00")] // NUL
    [InlineData("766967696C2FC080")] // NUL, encoded in two bytes
    public async Task A_topic_that_is_no_text_is_not_acknowledged(string hex)
    {
        // The inbox accepts any topic here, so a refusal comes from the broker.
        await using var broker = await BrokerUnderTest.StartAsync(anyTopic: true);
        foreach (byte level in new byte[] { 4, 5 })
        {
            var (device, _) = await RawDevice.LogInAsync(broker.Port, level: level);
            await using var __ = device;
            await device.SendAsync(RawDevice.Publish(Convert.FromHexString(hex), Encoding.UTF8.GetBytes(Press), level: level));
            Assert.DoesNotContain((byte)0x40, await device.UntilClosedAsync());
        }

        Assert.Empty(broker.Came);
    }

    [Fact]
    public async Task A_press_sent_twice_at_QoS_2_before_it_is_released_is_one()
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (device, _) = await RawDevice.LogInAsync(broker.Port);
        await using var __ = device;
        await device.SendAsync(RawDevice.Publish("vigil/d1/up", Press, qos: 2, id: 7));
        Assert.Equal([0x50, 2, 0, 7], await device.ReadAsync());
        await device.SendAsync(RawDevice.Publish("vigil/d1/up", Press, qos: 2, id: 7, dup: true));
        Assert.Equal([0x50, 2, 0, 7], await device.ReadAsync());
        // without the flag too: the id is not free yet (MQTT 3.1.1 §4.3.3)
        await device.SendAsync(RawDevice.Publish("vigil/d1/up", Press, qos: 2, id: 7));
        Assert.Equal([0x50, 2, 0, 7], await device.ReadAsync());
        Assert.Single(broker.Came);
        await device.SendAsync([0x62, 2, 0, 7]);
        Assert.Equal([0x70, 2, 0, 7], await device.ReadAsync());
        // after its release the id is free: this is another press
        await device.SendAsync(RawDevice.Publish("vigil/d1/up", Press, qos: 2, id: 7));
        Assert.Equal([0x50, 2, 0, 7], await device.ReadAsync());
        Assert.Equal(2, broker.Came.Count);
    }

    private static async Task EndsAtOnceAsync(Func<Task<RawDevice>> open, byte[] half)
    {
        var devices = new List<RawDevice>();
        for (var i = 0; i < 16; i++)
            devices.Add(await open());
        var begun = Stopwatch.GetTimestamp();
        foreach (var device in devices)
        {
            await device.SendAsync(half);
            device.Finish();
        }

        foreach (var device in devices)
            Assert.True(await device.UntilClosedAsync() is { Length: 0 });
        var took = Stopwatch.GetElapsedTime(begun);
        foreach (var device in devices)
            await device.DisposeAsync();
        Assert.True(took < AtOnce, $"closed after {took.TotalSeconds:0.0} s");
    }
}
