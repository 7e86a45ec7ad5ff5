using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Time.Testing;
using Vigil.Ingest.Mqtt;

namespace Vigil.Tests.Ingest.Mqtt;

/// <summary>Floods of logins, and that real devices still get in.</summary>
[Trait("Category", "Server")]
public sealed class LoginTests
{
    private const string Press = """[{"n":"button","vs":"sos"}]""";
    private static readonly string[] Elsewhere = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6"];

    [Theory]
    [InlineData(true)] // a login from this address has succeeded before
    [InlineData(false)] // the broker has just started and knows no address
    public async Task Half_open_sockets_from_five_addresses_keep_no_press_out(bool known)
    {
        await using var broker = await BrokerUnderTest.StartAsync(devices: 40);
        if (known)
        {
            var (before, ok) = await RawDevice.LogInAsync(broker.Port, "d40");
            await before.DisposeAsync();
            Assert.Equal(0, ok);
        }

        var half = new ConcurrentBag<RawDevice>();
        async Task HoldAsync(string from)
        {
            for (var i = 0; i < 64; i++)
            {
                var socket = await RawDevice.OpenAsync(broker.Port, from: from);
                await socket.SendAsync([0x10]);
                half.Add(socket);
            }
        }

        await Task.WhenAll(Elsewhere.Select(HoldAsync));
        Assert.Equal(320, half.Count);
        for (var i = 1; i <= 20; i++)
        {
            var begun = Stopwatch.GetTimestamp();
            var (button, code) = await RawDevice.LogInAsync(broker.Port, $"d{i}");
            await using var _ = button;
            Assert.Equal(0, code);
            await button.SendAsync(RawDevice.Publish($"vigil/d{i}/up", Press));
            Assert.Equal([0x40, 2, 0, 1], await button.ReadAsync());
            Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(2));
            // An attacker whose sockets were closed opens new ones at once.
            foreach (var from in Elsewhere)
            {
                var again = await RawDevice.OpenAsync(broker.Port, from: from);
                await again.SendAsync([0x10]);
                half.Add(again);
            }
        }

        Assert.Equal(20, broker.Came.Count);
        foreach (var socket in half)
            await socket.DisposeAsync();
    }

    [Fact]
    public async Task A_flood_of_wrong_passwords_is_looked_at_a_few_times_a_second_and_costs_nobody_a_login()
    {
        await using var broker = await BrokerUnderTest.StartAsync();
        var (known, _) = await RawDevice.LogInAsync(broker.Port); // now address and password are known to be good
        await known.DisposeAsync();
        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        var tried = 0;
        var begun = Stopwatch.GetTimestamp();
        var guessing = Enumerable
            .Range(0, 48)
            .Select(async n =>
            {
                while (!enough.IsCancellationRequested)
                {
                    await using var guess = await RawDevice.OpenAsync(broker.Port);
                    await guess.SendAsync(RawDevice.Connect("d1", "wrong", $"x{n}"));
                    Interlocked.Increment(ref tried);
                    await guess.UntilClosedAsync();
                }
            })
            .ToList();

        // Meanwhile the device itself logs in from the same address.
        for (var i = 0; i < 5; i++)
        {
            var (device, code) = await RawDevice.LogInAsync(broker.Port);
            await using var __ = device;
            Assert.Equal(0, code);
            await device.SendAsync(RawDevice.Publish("vigil/d1/up", Press));
            Assert.Equal(0x40, (await device.ReadAsync())[0]);
        }

        await Task.WhenAll(guessing);
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        var looked = broker.Looked.Count(l => l != LoginEffort.Remembered);
        Assert.True(tried > 48, $"{tried} guesses prove nothing");
        // checked are the 48 that came first, a burst of twenty, twenty a second, and the device's own logins
        Assert.InRange(looked, 1, 48 + 20 + 20 * seconds + 6);
        // a slow hash for those that came first, and for hardly any after them
        Assert.InRange(broker.Looked.Count(l => l == LoginEffort.Full), 1, 48 + 6 + 6 + 5);
        Assert.InRange(tried, 49, 48 * (1 + seconds / 0.25)); // a guess must wait for its answer, so it occupies its socket
    }

    [Fact]
    public async Task A_button_logs_in_and_is_heard_while_meters_wait_for_their_turn()
    {
        var records = new TaskCompletionSource();
        await using var broker = await BrokerUnderTest.StartAsync(
            devices: 100,
            goesFirst: name => name == "d1",
            beforeLooking: name => name == "d1" ? Task.CompletedTask : records.Task
        );
        var meters = new List<RawDevice>();
        for (var i = 2; i <= 100; i++)
        {
            meters.Add(await RawDevice.OpenAsync(broker.Port));
            await meters[^1].SendAsync(RawDevice.Connect($"d{i}", "right", $"d{i}"));
        }

        // sixteen logins are checked at a time; the others wait at the broker
        await RawDevice.UntilAsync(() => broker.Looked.Count == 16);
        var (button, code) = await RawDevice.LogInAsync(broker.Port, level: 5);
        await using var _ = button;
        Assert.Equal(0, code);
        await button.SendAsync(RawDevice.Publish("vigil/d1/up", Press, level: 5));
        Assert.Equal(0x40, (await button.ReadAsync())[0]);
        Assert.Equal(17, broker.Looked.Count);
        records.SetResult();
        foreach (var meter in meters)
            Assert.Equal([0x20, 2, 0, 0], await meter.ReadAsync());
        foreach (var meter in meters)
            await meter.DisposeAsync();
    }

    [Fact]
    public async Task Logins_that_come_to_nothing_are_told_and_the_trouble_is_over_when_they_end()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var broker = await BrokerUnderTest.StartAsync(clock: clock);
        var guesses = new List<RawDevice>();
        for (var i = 0; i < 60; i++)
        {
            guesses.Add(await RawDevice.OpenAsync(broker.Port));
            await guesses[i].SendAsync(RawDevice.Connect("nobody", "wrong", $"x{i}"));
        }

        // No login is answered while the clock stands still; then all are answered and counted.
        await RawDevice.UntilAsync(() => broker.Looked.Count == 60 && broker.Broker.WaitingLogins == 60);
        clock.Advance(TimeSpan.FromSeconds(10));
        await RawDevice.UntilAsync(() => broker.Troubles.Now.Any(t => t.Case == "logins"));
        foreach (var guess in guesses)
            await guess.DisposeAsync();
        await RawDevice.UntilAsync(() => broker.Broker.WaitingLogins == 0);
        clock.Advance(TimeSpan.FromSeconds(10));
        await RawDevice.UntilAsync(() => broker.Troubles.Now.Count == 0);
    }

    [Fact]
    public async Task Many_client_ids_of_one_credential_get_together_what_one_gets()
    {
        // While the clock stands still only the burst comes through, then what a second more allows.
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var broker = await BrokerUnderTest.StartAsync(
            o => (o.DeviceRate, o.DeviceBurst, o.MaxConnectionsPerDevice) = (10, 30, 300),
            clock: clock
        );
        var devices = new List<RawDevice>();
        for (var i = 0; i < 100; i++)
        {
            var (device, code) = await RawDevice.LogInAsync(broker.Port, clientId: $"d1-{i}");
            Assert.Equal(0, code);
            devices.Add(device);
        }

        foreach (var device in devices)
            for (ushort id = 1; id <= 5; id++)
                await device.SendAsync(RawDevice.Publish("vigil/d1/up", Press, id: id));
        await RawDevice.UntilAsync(() => broker.Came.Count >= 40);
        // Another credential is not slowed down.
        var (calm, _) = await RawDevice.LogInAsync(broker.Port, "d2");
        await using var __ = calm;
        await calm.SendAsync(RawDevice.Publish("vigil/d2/up", Press));
        Assert.Equal(0x40, (await calm.ReadAsync())[0]);
        Assert.Equal(40, broker.Came.Count(c => c.From == "d1"));
        clock.Advance(TimeSpan.FromSeconds(1));
        await RawDevice.UntilAsync(() => broker.Came.Count(c => c.From == "d1") >= 50);
        Assert.Equal(50, broker.Came.Count(c => c.From == "d1"));
        foreach (var device in devices)
            await device.DisposeAsync();
    }

    [Fact]
    public async Task A_connection_too_many_of_a_credential_ends_its_oldest_and_the_new_one_is_heard()
    {
        await using var broker = await BrokerUnderTest.StartAsync(o => o.MaxConnectionsPerDevice = 3);
        var devices = new List<RawDevice>();
        for (var i = 0; i < 4; i++)
        {
            var (device, code) = await RawDevice.LogInAsync(broker.Port, clientId: $"d1-{i}");
            Assert.Equal(0, code);
            devices.Add(device);
        }

        Assert.Empty(await devices[0].UntilClosedAsync());
        await devices[3].SendAsync(RawDevice.Publish("vigil/d1/up", Press));
        Assert.Equal(0x40, (await devices[3].ReadAsync())[0]);
        await RawDevice.UntilAsync(() => broker.Broker.Connections == 3);
        foreach (var device in devices)
            await device.DisposeAsync();
    }

    [Fact]
    public async Task A_credential_that_is_gone_and_owes_nothing_is_forgotten()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var broker = await BrokerUnderTest.StartAsync(clock: clock);
        var (device, _) = await RawDevice.LogInAsync(broker.Port);
        await device.SendAsync(RawDevice.Publish("vigil/d1/up", Press));
        Assert.Equal(0x40, (await device.ReadAsync())[0]);
        Assert.Equal(1, broker.Broker.Allowed);
        await device.DisposeAsync();
        await RawDevice.UntilAsync(() => broker.Broker.Connections == 0);
        clock.Advance(TimeSpan.FromSeconds(20));
        await RawDevice.UntilAsync(() => broker.Broker.Allowed == 0);
    }
}
