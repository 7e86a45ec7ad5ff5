using System.Diagnostics;
using System.Globalization;
using System.Text;
using Vigil.Storage.Records;
using Vigil.Tests.Ingest.Mqtt;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>
/// The published service with too few threads, too little memory, too few file handles, or more logins than it has turns for.
/// </summary>
[Trait("Category", "Server")]
public sealed class ScarcityTests
{
    private const int Homes = 12;

    /// <summary>Memory in MiB. With 180 the kernel ends the service under this flood.</summary>
    private const int Limit = 300;

    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(5);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task When_everything_in_the_pool_blocks_a_press_is_told_within_five_seconds_and_it_is_said()
    {
        var busy = Path.Combine(Path.GetTempPath(), $"vigil-busy-{Guid.NewGuid():n}");
        await using var vigil = await VigilServer.StartAsync(Registry(), environment: BusyThreads.Environment(busy));
        var button = await vigil.CredentialAsync("sos-0");
        try
        {
            await File.WriteAllTextAsync(busy, "", Stop);
            await vigil.Process.SaysAsync("Work waited");
            Assert.InRange(await PressAsync(vigil, 0, button), TimeSpan.Zero, InTime);
        }
        finally
        {
            File.Delete(busy);
        }
    }

    [Fact]
    public async Task With_two_threads_and_a_flood_presses_are_told_within_five_seconds()
    {
        await using var vigil = await VigilServer.StartAsync(
            Registry(),
            settings: new() { ["Mqtt:GatewayRate"] = "100000" },
            environment: new Dictionary<string, string> { ["DOTNET_ThreadPool_ForceMaxWorkerThreads"] = "2" }
        );
        await PressesInAFloodAsync(vigil);
    }

    [Fact]
    public async Task With_little_memory_and_a_flood_presses_are_told_within_five_seconds_and_the_service_lives()
    {
        const string groups = "/sys/fs/cgroup/memory";
        var group = Directory.CreateDirectory(Path.Combine(groups, $"vigil-test-{Guid.NewGuid():n}")).FullName;
        try
        {
            await File.WriteAllTextAsync(
                Path.Combine(group, "memory.limit_in_bytes"),
                (Limit << 20).ToString(CultureInfo.InvariantCulture),
                Stop
            );
            await using (
                var vigil = await VigilServer.StartAsync(
                    Registry(),
                    settings: new() { ["Mqtt:GatewayRate"] = "100000" },
                    under: ["sh", "-c", $"echo $$ > {group}/cgroup.procs && exec \"$@\"", "sh"]
                )
            )
            {
                await PressesInAFloodAsync(vigil);
            }
        }
        finally
        {
            Directory.Delete(group);
        }
    }

    [Fact]
    public async Task Sockets_of_HTTP_that_say_nothing_take_no_file_that_a_press_needs()
    {
        await using var vigil = await VigilServer.StartAsync(Registry(), under: ["sh", "-c", "ulimit -n 1024 && exec \"$@\"", "sh"]);
        var button = await vigil.CredentialAsync("sos-0");
        var idle = new List<System.Net.Sockets.Socket>();
        try
        {
            for (var i = 0; i < 1500; i++)
            {
                var socket = new System.Net.Sockets.Socket(
                    System.Net.Sockets.AddressFamily.InterNetwork,
                    System.Net.Sockets.SocketType.Stream,
                    System.Net.Sockets.ProtocolType.Tcp
                );
                idle.Add(socket);
                try
                {
                    await socket.ConnectAsync(System.Net.IPAddress.Loopback, vigil.HttpPort, Stop);
                }
                catch (System.Net.Sockets.SocketException)
                {
                    // refused: the service can take no more
                }
            }

            // The HTTP API may be out of reach meanwhile, but devices are still heard.
            var (device, code) = await RawDevice.LogInAsync(vigil.MqttPort, "sos-0", button);
            await using var _ = device;
            Assert.Equal(0, code);
            await device.SendAsync(RawDevice.Publish("vigil/sos-0/up", """[{"n":"button","vs":"sos"}]"""));
            Assert.Equal([0x40, 2, 0, 1], await device.ReadAsync());
        }
        finally
        {
            foreach (var socket in idle)
                socket.Dispose();
        }

        await vigil.UntilAsync("alarms?kind=sos&resident=R0", a => a.GetArrayLength() == 1);
    }

    /// <summary>
    /// All devices log in at the same moment, as after a power cut in a county or a restart of the service, and retry without a pause.
    /// </summary>
    [Fact]
    public Task When_two_thousand_devices_come_back_at_once_presses_are_told_within_five_seconds_and_all_get_in() => ComeBackAsync(2000);

    [Fact]
    [Trait("Category", "Long")] // the clients and the service need the whole machine
    public Task When_five_thousand_devices_come_back_at_once_presses_are_told_within_five_seconds_and_all_get_in() => ComeBackAsync(5000);

    private static async Task ComeBackAsync(int meters)
    {
        await using var vigil = await VigilServer.StartAsync(Registry());
        var buttons = new List<string>();
        for (var i = 0; i < Homes; i++)
            buttons.Add(await vigil.CredentialAsync($"sos-{i}"));
        await vigil.Process.KillAsync();
        await RegisterAsync(vigil.Data, meters);
        await vigil.StartAsync();

        var (answered, refused) = (0, 0);
        var underWay = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        async Task LogInAsync(int meter)
        {
            for (; ; refused++)
            {
                try
                {
                    var (device, code) = await RawDevice.LogInAsync(
                        vigil.MqttPort,
                        $"m{meter}",
                        from: $"127.{1 + meter / 250}.0.{1 + meter % 250}" // each in a home of its own
                    );
                    await using var _ = device;
                    if (code != 0)
                        continue;
                    await device.SendAsync(RawDevice.Publish($"vigil/m{meter}/up", """[{"n":"water.volume","u":"m3","v":12.5}]"""));
                    if (await device.ReadAsync() is not [0x40, 2, 0, 1])
                        continue;
                    if (Interlocked.Increment(ref answered) == meters / 20)
                        underWay.SetResult();
                    return;
                }
                catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or OperationCanceledException)
                {
                    // when the test isn't over, the login was refused or not answered in time: the device tries again at once
                    Stop.ThrowIfCancellationRequested();
                }
            }
        }

        var begun = Stopwatch.GetTimestamp();
        var storm = Task.WhenAll(Enumerable.Range(0, meters).Select(m => Task.Run(() => LogInAsync(m), Stop)));
        await underWay.Task.WaitAsync(TimeSpan.FromMinutes(1), Stop);
        Assert.True(answered < meters, "the first press comes after the storm");
        var waits = new List<(TimeSpan Wait, int Answered)>();
        for (var i = 0; i < Homes; i++)
            waits.Add((await PressAsync(vigil, i, buttons[i]), answered));
        await storm.WaitAsync(TimeSpan.FromMinutes(3), Stop);
        TestContext.Current.TestOutputHelper?.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{meters} devices were back after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s, refused {refused} times; presses "
                    + $"told after {string.Join(", ", waits.Select(w => $"{w.Wait.TotalSeconds:0.00} s ({w.Answered} back)"))}"
            )
        );
        Assert.All(waits, w => Assert.InRange(w.Wait, TimeSpan.Zero, InTime));
    }

    /// <summary>Meters m0, m1, …, each of a resident of its own, all with the password "right".</summary>
    private static async Task RegisterAsync(string data, int meters)
    {
        var hash = PasswordHash.Fast("right"u8.ToArray());
        await using var db = RecordsServices.CreateFactory("Sqlite", null, data).CreateDbContext();
        for (var i = 0; i < meters; i++)
        {
            if (i % 10 == 0)
                db.Residents.Add(
                    new Resident
                    {
                        Id = $"M{i / 10}",
                        Name = "李桂兰",
                        Area = "440114003201",
                    }
                );
            db.Devices.Add(
                new Device
                {
                    Id = $"m{i}",
                    Profile = "senml",
                    ResidentId = $"M{i / 10}",
                    InstalledAt = DateTime.UnixEpoch,
                }
            );
            db.Credentials.Add(new Credential { Username = $"m{i}", PasswordHash = hash });
        }

        await db.SaveChangesAsync(Stop);
    }

    /// <summary>Eight gateways send large messages, the next as soon as one is answered, while each home presses once.</summary>
    private static async Task PressesInAFloodAsync(VigilServer vigil)
    {
        var passwords = new List<string>();
        for (var i = 0; i < Homes; i++)
            passwords.Add(await vigil.CredentialAsync($"sos-{i}"));
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        long answered = 0;
        var gateway = await vigil.CredentialAsync("gateway-1", gateway: true);
        var flood = Enumerable
            .Range(0, 8)
            .Select(g => FloodAsync(vigil, g, gateway, () => Interlocked.Increment(ref answered), enough.Token))
            .ToList();
        var waits = new List<TimeSpan>();
        for (var i = 0; i < Homes; i++)
        {
            waits.Add(await PressAsync(vigil, i, passwords[i]));
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, Stop);
        }

        Assert.False(vigil.Process.HasExited, vigil.Process.Output);
        await enough.CancelAsync();
        await Task.WhenAll(flood);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{answered} messages answered; presses told after "
                + $"{string.Join(", ", waits.Select(w => w.TotalSeconds.ToString("0.00", CultureInfo.InvariantCulture)))} s"
        );
        Assert.True(answered > 100, $"{answered} messages are no flood");
        Assert.All(waits, w => Assert.InRange(w, TimeSpan.Zero, InTime));
    }

    private static async Task FloodAsync(VigilServer vigil, int number, string password, Action answered, CancellationToken enough)
    {
        for (var n = 0; !enough.IsCancellationRequested; )
        {
            using var client = new MQTTnet.MqttClientFactory().CreateMqttClient();
            try
            {
                await client.ConnectAsync(
                    new MQTTnet.MqttClientOptionsBuilder()
                        .WithTcpServer("127.0.0.1", vigil.MqttPort)
                        .WithCredentials("gateway-1", password)
                        .WithClientId($"flood-{number}")
                        .Build(),
                    enough
                );
                while (!enough.IsCancellationRequested)
                {
                    var records = new StringBuilder("[");
                    for (var i = 0; i < 250; i++)
                        records.Append(
                            CultureInfo.InvariantCulture,
                            $$"""{{(i > 0 ? "," : "")}}{"n":"water.volume","u":"m3","v":{{++n}},"t":{{-1_000_000 + n}}}"""
                        );
                    var device = $"meter-{number}";
                    await client.PublishAsync(
                        new MQTTnet.MqttApplicationMessageBuilder()
                            .WithTopic($"vigil/{device}/up")
                            .WithPayload(records.Append(']').ToString())
                            .WithQualityOfServiceLevel(MQTTnet.Protocol.MqttQualityOfServiceLevel.AtLeastOnce)
                            .Build(),
                        enough
                    );
                    answered();
                }
            }
            catch (Exception e)
                when (e is MQTTnet.Exceptions.MqttCommunicationException or OperationCanceledException or InvalidOperationException)
            {
                // refused, or the flood is over
            }
        }
    }

    /// <summary>
    /// Presses with the button's own credential. Returns how long it took until the alarm and its first notice to a contact were there.
    /// </summary>
    private static async Task<TimeSpan> PressAsync(VigilServer vigil, int home, string password)
    {
        var begun = Stopwatch.GetTimestamp();
        var (device, code) = await RawDevice.LogInAsync(vigil.MqttPort, $"sos-{home}", password);
        await using var _ = device;
        Assert.Equal(0, code);
        await device.SendAsync(RawDevice.Publish($"vigil/sos-{home}/up", """[{"n":"button","vs":"sos"}]"""));
        var alarm = await vigil.UntilAsync($"alarms?kind=sos&resident=R{home}", a => a.GetArrayLength() == 1, seconds: 60);
        await vigil.UntilAsync(
            $"notices?alarm={alarm[0].GetProperty("id").GetGuid()}",
            n => n.EnumerateArray().Any(x => x.GetProperty("state").GetString() is "sent" or "delivered"),
            seconds: 60
        );
        return Stopwatch.GetElapsedTime(begun);
    }

    private static string Registry()
    {
        var registry = new StringBuilder(
            "record,id,name,area,contact 1 name,contact 1 phone,device 1 id,device 1 profile,device 2 id,device 2 "
                + "profile\narea,,云溪村,440114003201,,,,,,\n"
        );
        for (var i = 0; i < Homes; i++)
            registry.Append(
                CultureInfo.InvariantCulture,
                $"resident,R{i},王秀英,440114003201,王小明,+8526123{i:0000},sos-{i},senml,meter-{i},senml\n"
            );
        return registry.ToString();
    }
}
