using System.Diagnostics;
using Vigil.Tests.Ingest.Mqtt;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>
/// Devices that send a message twice, break off within a packet or guess passwords: a press is one alarm, and the cost in processor time
/// stays small.
/// </summary>
[Trait("Category", "Server")]
public sealed class MisbehavingDeviceTests
{
    private const string Press = """[{"n":"button","vs":"sos"}]""";

    private const string Registry = """
        record,id,name,area,phone,contact 1 name,contact 1 phone,device 1 id,device 1 profile
        resident,R1,王秀英,440114003201,,王小明,13800138001,sos-1,senml
        duty,D1,镇值班室,440114003,13600136000,,,,
        """;

    [Fact]
    public async Task A_press_sent_again_to_a_service_that_was_killed_is_one_press_and_a_new_one_is_two()
    {
        await using var vigil = await VigilServer.StartAsync(Registry);
        var password = await vigil.CredentialAsync("sos-1");
        await SayAsync(vigil, password, RawDevice.Publish("vigil/sos-1/up", Press, id: 7), 7);
        Assert.Equal(1, await PressesAsync(vigil));
        // The press is committed, but the button may never have received the acknowledgement.
        await vigil.Process.KillAsync();
        await vigil.StartAsync();
        await SayAsync(vigil, password, RawDevice.Publish("vigil/sos-1/up", Press, id: 7, dup: true), 7);
        await SayAsync(vigil, password, RawDevice.Publish("vigil/sos-1/up", Press, id: 7, dup: true), 7);
        Assert.Equal(1, await PressesAsync(vigil));
        Assert.Equal(1, (await vigil.GetAsync("residents/R1/readings?metric=button")).GetArrayLength());
        // A second press is a new message with an id of its own.
        await SayAsync(vigil, password, RawDevice.Publish("vigil/sos-1/up", Press, id: 8), 8);
        Assert.Equal(2, (await vigil.GetAsync("residents/R1/readings?metric=button")).GetArrayLength());
    }

    [Fact]
    public async Task Sockets_that_end_within_a_packet_and_wrong_passwords_cost_little_of_a_processor()
    {
        await using var vigil = await VigilServer.StartAsync(Registry);
        var password = await vigil.CredentialAsync("sos-1");
        await SayAsync(vigil, password, RawDevice.Publish("vigil/sos-1/up", Press, id: 1), 1);
        var used = Used(vigil);
        var half = new List<RawDevice>();
        for (var i = 0; i < 200; i++)
        {
            half.Add(await RawDevice.OpenAsync(vigil.MqttPort, from: $"127.0.0.{2 + i % 5}"));
            await half[i].SendAsync([0x10]);
            half[i].Finish();
        }

        foreach (var socket in half)
            Assert.Empty(await socket.UntilClosedAsync());
        foreach (var socket in half)
            await socket.DisposeAsync();
        // before this was fixed, a single such socket kept a core busy for five seconds
        Assert.InRange((Used(vigil) - used).TotalSeconds, 0, 3);

        used = Used(vigil);
        var begun = Stopwatch.GetTimestamp();
        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        var tried = 0;
        var guessing = Enumerable
            .Range(0, 100)
            .Select(async n =>
            {
                while (!enough.IsCancellationRequested)
                {
                    await using var guess = await RawDevice.OpenAsync(vigil.MqttPort, from: $"127.0.0.{2 + n % 5}");
                    await guess.SendAsync(RawDevice.Connect("sos-1", "wrong", $"x{n}"));
                    Interlocked.Increment(ref tried);
                    await guess.UntilClosedAsync();
                }
            })
            .ToList();
        await SayAsync(vigil, password, RawDevice.Publish("vigil/sos-1/up", Press, id: 2), 2); // the device itself
        await Task.WhenAll(guessing);
        Assert.True(tried > 200, $"{tried} guesses prove nothing");
        var share = (Used(vigil) - used).TotalSeconds / Stopwatch.GetElapsedTime(begun).TotalSeconds;
        // of one core, including everything else the service does; with PBKDF2 for every guess it was nine tenths of both cores
        Assert.InRange(share, 0, 0.6);
    }

    private static TimeSpan Used(VigilServer vigil)
    {
        using var process = Process.GetProcessById(vigil.Process.Id);
        return process.TotalProcessorTime;
    }

    private static async Task<int> PressesAsync(VigilServer vigil)
    {
        var alarm = (await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 1))[0].GetProperty("id").GetGuid();
        return (await vigil.GetAsync($"alarms/{alarm}"))
            .GetProperty("timeline")
            .EnumerateArray()
            .Count(t => t.GetProperty("what").GetString() is "opened" or "repeated");
    }

    private static async Task SayAsync(VigilServer vigil, string password, byte[] publish, byte id)
    {
        var (device, code) = await RawDevice.LogInAsync(vigil.MqttPort, "sos-1", password);
        await using var _ = device;
        Assert.Equal(0, code);
        await device.SendAsync(publish);
        Assert.Equal([0x40, 2, 0, id], await device.ReadAsync());
    }
}
