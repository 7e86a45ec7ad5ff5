using System.Diagnostics;
using System.Globalization;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>Disk, databases and files fail under the published service: what is still told, and what is said of it.</summary>
[Trait("Category", "Server")]
public sealed class FaultTests
{
    private const string Registry = """
        record,id,name,area,phone,contact 1 name,contact 1 phone,device 1 id,device 1 profile,device 2 id,device 2 profile
        resident,R1,王秀英,440114003201,,王小明,13800138001,meter-1,senml,sos-1,senml
        duty,D1,镇值班室,440114003,13600136000,,,,,,
        """;

    [Fact]
    public async Task A_full_disk_acknowledges_nothing_says_so_and_heals_without_a_restart()
    {
        // A file system of its own, 64 MiB, of which the service reserves 16 MiB for alarms.
        var mount = Directory.CreateTempSubdirectory("vigil-disk-").FullName;
        await MustAsync("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", mount);
        try
        {
            await using var vigil = await VigilServer.StartAsync(
                Registry,
                null,
                new()
                {
                    ["Data:Path"] = Path.Combine(mount, "data"),
                    ["Data:ReserveMiB"] = "16",
                    ["Readings:DuckDb:LowDiskBytes"] = "1",
                }
            );
            var meter = await vigil.CredentialAsync("meter-1");
            var button = await vigil.CredentialAsync("sos-1");
            Assert.Equal(0, (await PublishAsync(vigil, "meter-1", meter, 1)).Code);

            var free = new DriveInfo(mount).AvailableFreeSpace;
            await File.WriteAllBytesAsync(Path.Combine(mount, "filler"), new byte[free - (12 << 20)]);
            await vigil.UntilReadyAsync(text => text.Contains("are kept for alarms", StringComparison.Ordinal));
            Assert.NotEqual(0, (await PublishAsync(vigil, "meter-1", meter, 2)).Code); // the connection was closed without a PUBACK
            var trouble = (await vigil.UntilAsync("alarms?kind=service-trouble", a => a.GetArrayLength() == 1))[0];
            Assert.Contains("readings are not taken", trouble.GetProperty("reason").GetString(), StringComparison.Ordinal);
            Assert.Equal("open", trouble.GetProperty("state").GetString());
            // The press is an alarm, but not acknowledged: its reading is not stored yet, and the device sends it again.
            Assert.NotEqual(
                0,
                (await vigil.PublishAsync(vigil.MqttPort, "vigil/sos-1/up", """[{"n":"button","vs":"sos"}]""", "sos-1", button)).Code
            );
            await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 1, seconds: 5);

            File.Delete(Path.Combine(mount, "filler"));
            await vigil.UntilReadyAsync(text => text.StartsWith("ready", StringComparison.Ordinal));
            Assert.Equal(0, (await PublishAsync(vigil, "meter-1", meter, 2)).Code);
            Assert.Equal(
                [1.0, 2.0],
                (await vigil.GetAsync("residents/R1/readings?metric=water.volume"))
                    .EnumerateArray()
                    .Select(r => r.GetProperty("value").GetDouble())
            );
            await vigil.UntilAsync(
                "alarms?kind=service-trouble",
                a => a[0].GetProperty("clearedAt").ValueKind == System.Text.Json.JsonValueKind.String
            );
        }
        finally
        {
            await MustAsync("umount", "-l", mount);
            Directory.Delete(mount);
        }
    }

    [Fact]
    public async Task While_InfluxDB_is_down_alarms_are_on_time_and_readings_wait_on_disk_then_drain()
    {
        await using var influx = new InfluxServer();
        await influx.StartAsync();
        await using var vigil = await VigilServer.StartAsync(
            Registry,
            null,
            new()
            {
                ["Readings:Store"] = "Influx",
                ["Influx:Api"] = "v1",
                ["Influx:Url"] = influx.Url,
                ["Influx:Bucket"] = "vigil",
            }
        );
        var meter = await vigil.CredentialAsync("meter-1");
        var button = await vigil.CredentialAsync("sos-1");
        Assert.Equal(0, (await PublishAsync(vigil, "meter-1", meter, 1)).Code);
        await vigil.UntilAsync("residents/R1/readings?metric=water.volume", r => r.GetArrayLength() == 1);

        await influx.KillAsync();
        for (var i = 2; i <= 20; i++)
            Assert.Equal(0, (await PublishAsync(vigil, "meter-1", meter, i)).Code); // acknowledged, so it is on disk
        var begun = Stopwatch.GetTimestamp();
        Assert.Equal(
            0,
            (await vigil.PublishAsync(vigil.MqttPort, "vigil/sos-1/up", """[{"n":"button","vs":"sos"}]""", "sos-1", button)).Code
        );
        await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 1, seconds: 5);
        Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(5));
        var trouble = await vigil.UntilAsync("alarms?kind=service-trouble", a => a.GetArrayLength() == 1);
        Assert.Contains("InfluxDB", trouble[0].GetProperty("reason").GetString(), StringComparison.Ordinal);

        await influx.StartAsync();
        var stored = await vigil.UntilAsync("residents/R1/readings?metric=water.volume", r => r.GetArrayLength() == 20, seconds: 60);
        Assert.Equal(
            Enumerable.Range(1, 20).Select(i => (double)i),
            stored.EnumerateArray().Select(r => r.GetProperty("value").GetDouble())
        );
        await vigil.UntilAsync(
            "alarms?kind=service-trouble",
            a => a[0].GetProperty("clearedAt").ValueKind == System.Text.Json.JsonValueKind.String
        );
    }

    /// <summary>Contacts are told at once, without a wait.</summary>
    private const string Policies = """
        policies:
          - id: all
            seenWellBy: 1h
            renotifyAfter: 1h
            steps:
              - { to: contact 1, via: [sms], wait: 1h }
        """;

    [Fact]
    public async Task On_a_disk_filled_to_the_last_byte_a_press_is_told_and_answered_and_acknowledged_when_it_can_be_stored()
    {
        var mount = Directory.CreateTempSubdirectory("vigil-disk-").FullName;
        await MustAsync("mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", mount);
        try
        {
            await using var vigil = await VigilServer.StartAsync(
                Registry,
                Policies,
                new()
                {
                    ["Data:Path"] = Path.Combine(mount, "data"),
                    ["Data:ReserveMiB"] = "4",
                    ["Readings:DuckDb:LowDiskBytes"] = "1",
                }
            );
            var button = await vigil.CredentialAsync("sos-1");
            Fill(Path.Combine(mount, "filler"));
            await PressIsToldAsync(vigil, button);
            using (
                var answer = await vigil.PostAsync(
                    $"alarms/{(await vigil.GetAsync("alarms?kind=sos"))[0].GetProperty("id").GetGuid()}/acknowledge",
                    new { note = "on the way" }
                )
            )
                Assert.Equal(204, (int)answer.StatusCode);

            File.Delete(Path.Combine(mount, "filler"));
            await vigil.UntilReadyAsync(text => text.StartsWith("ready", StringComparison.Ordinal));
            // The device sends the press again because it was not acknowledged: now it is stored, and nobody is called a second time.
            Assert.Equal(0, (await PressAsync(vigil, button)).Code);
            Assert.Equal(1, (await vigil.GetAsync("residents/R1/readings?metric=button")).GetArrayLength());
            var alarm = Assert.Single((await vigil.GetAsync("alarms?kind=sos")).EnumerateArray());
            Assert.Equal("acknowledged", alarm.GetProperty("state").GetString());
            await UntilAsync(() => File.Exists(Path.Combine(mount, "data", "reserve")), vigil); // the reserve file is made again
        }
        finally
        {
            await MustAsync("umount", "-l", mount);
            Directory.Delete(mount);
        }
    }

    [Fact]
    public async Task A_service_that_starts_on_a_full_disk_takes_presses()
    {
        var mount = Directory.CreateTempSubdirectory("vigil-disk-").FullName;
        await MustAsync("mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", mount);
        try
        {
            await using var vigil = await VigilServer.StartAsync(
                Registry,
                Policies,
                new()
                {
                    ["Data:Path"] = Path.Combine(mount, "data"),
                    ["Data:ReserveMiB"] = "4",
                    ["Readings:DuckDb:LowDiskBytes"] = "1",
                }
            );
            var button = await vigil.CredentialAsync("sos-1");
            await vigil.Process.StopAsync(TimeSpan.FromSeconds(20));
            Fill(Path.Combine(mount, "filler"));
            await vigil.StartAsync();
            await PressIsToldAsync(vigil, button);
        }
        finally
        {
            await MustAsync("umount", "-l", mount);
            Directory.Delete(mount);
        }
    }

    [Fact]
    public async Task Killed_on_a_full_disk_whose_reserve_is_used_it_starts_and_the_open_alarm_goes_on()
    {
        var mount = Directory.CreateTempSubdirectory("vigil-disk-").FullName;
        await MustAsync("mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", mount);
        try
        {
            await using var vigil = await VigilServer.StartAsync(
                Registry,
                Policies,
                new()
                {
                    ["Data:Path"] = Path.Combine(mount, "data"),
                    ["Data:ReserveMiB"] = "4",
                    ["Readings:DuckDb:LowDiskBytes"] = "1",
                }
            );
            var button = await vigil.CredentialAsync("sos-1");
            Fill(Path.Combine(mount, "filler"));
            await PressIsToldAsync(vigil, button);
            await UntilAsync(() => !File.Exists(Path.Combine(mount, "data", "reserve")), vigil);
            Fill(Path.Combine(mount, "filler-2"));
            await vigil.Process.KillAsync();
            await vigil.StartAsync();
            Assert.Equal(
                "open",
                Assert.Single((await vigil.GetAsync("alarms?kind=sos")).EnumerateArray()).GetProperty("state").GetString()
            );
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(mount, "data"), "*.new"));
        }
        finally
        {
            await MustAsync("umount", "-l", mount);
            Directory.Delete(mount);
        }
    }

    [Fact]
    public async Task A_restore_that_has_no_room_names_the_folder_and_what_it_needs_and_leaves_nothing()
    {
        var mount = Directory.CreateTempSubdirectory("vigil-disk-").FullName;
        await MustAsync("mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", mount);
        try
        {
            await using var vigil = await VigilServer.StartAsync(Registry, Policies);
            var backups = Path.Combine(vigil.Folder, "backups");
            Assert.Equal(0, (await vigil.RunAsync(["backup", backups])).Code);
            Fill(Path.Combine(mount, "filler"));
            var (code, said) = await Server.RunAsync(
                VigilServer.Executable,
                ["restore", Assert.Single(Directory.GetDirectories(backups)), $"--Data:Path={Path.Combine(mount, "data")}"]
            );
            Assert.NotEqual(0, code);
            Assert.Contains($"{Path.Combine(mount, "data")} has 0.0 KiB free", said, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", said, StringComparison.Ordinal);
            Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(mount, "data")));
        }
        finally
        {
            await MustAsync("umount", "-l", mount);
            Directory.Delete(mount);
        }
    }

    [Fact]
    public async Task A_records_file_deleted_under_the_service_is_said_and_nothing_is_acknowledged_that_a_restart_would_not_have()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies);
        var (meter, button) = (await vigil.CredentialAsync("meter-1"), await vigil.CredentialAsync("sos-1"));
        Assert.Equal(0, (await PublishAsync(vigil, "meter-1", meter, 1)).Code);
        await vigil.UntilReadyAsync(text => text.StartsWith("ready", StringComparison.Ordinal));
        foreach (var file in Directory.GetFiles(vigil.Data, "records.db*"))
            File.Delete(file);
        await vigil.UntilReadyAsync(text => text.Contains("records.db was deleted or moved away", StringComparison.Ordinal));
        Assert.NotEqual(0, (await PublishAsync(vigil, "meter-1", meter, 2)).Code);
        Assert.NotEqual(
            0,
            (await vigil.PublishAsync(vigil.MqttPort, "vigil/sos-1/up", """[{"n":"button","vs":"sos"}]""", "sos-1", button)).Code
        );
        Assert.False(File.Exists(Path.Combine(vigil.Data, "records.db")), "an empty one stands in its place");
        // the press is an alarm although it could not be acknowledged
        await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 1, seconds: 10, mayFail: true);
    }

    [Fact]
    public async Task A_disk_that_fails_every_sync_acknowledges_nothing_and_is_over_when_it_works_again()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies);
        var button = await vigil.CredentialAsync("sos-1");
        await using (
            var broken = Server.Start(
                "strace",
                [
                    "-f",
                    "-q",
                    "-o",
                    "/dev/null",
                    "-e",
                    "trace=fsync,fdatasync",
                    "-e",
                    "inject=fsync,fdatasync:error=EIO",
                    "-p",
                    $"{vigil.Process.Id}",
                ]
            )
        )
        {
            await UntilAsync(
                () => File.ReadAllText($"/proc/{vigil.Process.Id}/status").Contains($"TracerPid:\t{broken.Id}", StringComparison.Ordinal),
                vigil
            );
            Assert.NotEqual(0, (await PressAsync(vigil, button)).Code);
            await vigil.UntilReadyAsync(text => text.Contains("I/O error", StringComparison.OrdinalIgnoreCase));
            await broken.StopAsync(TimeSpan.FromSeconds(10));
        }

        // The press becomes an alarm as soon as the disk works, before the device sends it again.
        await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 1);
        await vigil.UntilReadyAsync(text => text.StartsWith("ready", StringComparison.Ordinal));
        Assert.Equal(0, (await PressAsync(vigil, button)).Code);
        Assert.Equal(0, Assert.Single((await vigil.GetAsync("alarms?kind=sos")).EnumerateArray()).GetProperty("repeats").GetInt32());
        Assert.Equal(1, (await vigil.GetAsync("residents/R1/readings?metric=button")).GetArrayLength());
    }

    private static async Task PressIsToldAsync(VigilServer vigil, string button)
    {
        await PressAsync(vigil, button); // acknowledged only if its reading could be stored too
        var alarm = await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 1, seconds: 10);
        await vigil.UntilAsync(
            $"notices?alarm={alarm[0].GetProperty("id").GetGuid()}",
            n => n.EnumerateArray().Any(x => x.GetProperty("state").GetString() == "sent"),
            seconds: 10
        );
    }

    private static readonly long Pressed = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>A press with a fixed time, so that sending it again is the same press.</summary>
    private static Task<(int Code, string Output)> PressAsync(VigilServer vigil, string password) =>
        vigil.PublishAsync(
            vigil.MqttPort,
            "vigil/sos-1/up",
            string.Create(CultureInfo.InvariantCulture, $$"""[{"n":"button","vs":"sos","t":{{Pressed}}}]"""),
            "sos-1",
            password
        );

    /// <summary>Fills the file system until not one byte more fits.</summary>
    private static void Fill(string path)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var block in new[] { 1 << 20, 1 << 12, 1 })
        {
            try
            {
                while (true)
                    file.Write(new byte[block]);
            }
            catch (IOException)
            {
                // nothing of this size fits any more
            }
        }
    }

    private static async Task UntilAsync(Func<bool> holds, VigilServer vigil)
    {
        for (
            var begun = Stopwatch.GetTimestamp();
            !holds();
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, TestContext.Current.CancellationToken)
        )
            Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(30), vigil.Process.Output);
    }

    private static Task<(int Code, string Output)> PublishAsync(VigilServer vigil, string device, string password, int value) =>
        vigil.PublishAsync(
            vigil.MqttPort,
            $"vigil/{device}/up",
            string.Create(CultureInfo.InvariantCulture, $$"""[{"n":"water.volume","v":{{value}},"t":{{-1000 + value * 10}}}]"""),
            device,
            password
        );

    private static async Task MustAsync(string program, params string[] arguments)
    {
        var (code, output) = await Server.RunAsync(program, arguments);
        Assert.True(code == 0, $"{program} {string.Join(' ', arguments)}: {output}");
    }
}
