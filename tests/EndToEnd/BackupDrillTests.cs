using System.Globalization;
using System.Text.Json;
using MQTTnet;
using MQTTnet.Protocol;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>
/// A backup is made while the service works, the data folder is destroyed, and the restored service goes on where the backup was made.
/// </summary>
[Trait("Category", "Server")]
public sealed class BackupDrillTests
{
    private const string Registry =
        "record,id,name,area,phone,contact 1 name,contact 1 phone,contact 2 name,contact 2 phone,"
        + """
            device 1 id,device 1 profile,device 2 id,device 2 profile
            resident,R1,王秀英,440114003201,,王小明,13800138001,王小红,13700137001,meter-1,senml,sos-1,senml
            resident,R2,李建国,440114003201,,李明,13800138002,李红,13700137002,meter-2,senml,sos-2,senml
            resident,R3,陈桂兰,440114003201,,陈明,13800138003,陈红,13700137003,meter-3,senml,sos-3,senml
            duty,D1,镇值班室,440114003,13600136000,,,,,,,,
            """;

    private const string Policies = """
        policies:
          - id: all
            seenWellBy: 1h
            renotifyAfter: 1h
            steps:
              - { to: contact 1, via: [sms], wait: 40s }
              - { to: contact 2, via: [sms], wait: 1h }
              - { to: duty, via: [sms], wait: 1h }
        """;

    [Fact]
    public async Task A_backup_under_load_is_restored_and_nobody_is_called_falsely_and_open_alarms_go_on()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies, new() { ["Mqtt:GatewayRate"] = "100000" });
        var gateway = await vigil.CredentialAsync("gateway-1", gateway: true);
        using var client = await ConnectAsync(vigil, gateway);
        // R1's alarm gets resolved, R2's acknowledged with a time to be seen well by; R3's stays open after its first contact was told.
        foreach (var home in new[] { 1, 2, 3 })
            await PressAsync(client, home);
        await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 3);
        var (closed, taken, open) = (await AlarmAsync(vigil, "R1"), await AlarmAsync(vigil, "R2"), await AlarmAsync(vigil, "R3"));
        using (var answer = await vigil.PostAsync($"alarms/{IdOf(closed)}/resolve", new { resolution = "true", note = "she is well" }))
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        using (var answer = await vigil.PostAsync($"alarms/{IdOf(taken)}/acknowledge", new { note = "on my way" }))
            Assert.True(answer.IsSuccessStatusCode);
        await vigil.UntilAsync(
            $"notices?alarm={IdOf(open)}",
            n => n.EnumerateArray().Any(x => x.GetProperty("state").GetString() == "sent")
        );

        // The backup is made while readings stream in and more presses are answered.
        using var stop = new CancellationTokenSource();
        var (sent, presses) = (0, 0);
        var load = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await PublishAsync(
                    client,
                    "vigil/meter-1/up",
                    $$"""[{"n":"water.volume","u":"m3","v":{{(++sent * 0.001).ToString("0.000", CultureInfo.InvariantCulture)}}}]"""
                );
                if (sent % 20 == 0 && presses++ >= 0)
                    await PressAsync(client, 2);
            }
        });
        await UntilAsync(() => sent > 50);
        var (backups, keys) = (Path.Combine(vigil.Folder, "backups"), Path.Combine(vigil.Folder, "apart"));
        var (code, output) = await vigil.RunAsync("backup", backups, "--keys", keys);
        Assert.True(code == 0, output);
        Assert.Contains("asking vigil run", output, StringComparison.Ordinal);
        await stop.CancelAsync();
        await load;
        var alarms = (await vigil.GetAsync("alarms?kind=sos")).GetArrayLength();

        // The disk is lost with everything on it.
        await vigil.Process.KillAsync();
        var backup = Assert.Single(Directory.EnumerateDirectories(backups));
        Directory.Delete(vigil.Data, recursive: true);
        (code, output) = await vigil.RunAsync("restore", backup, "--keys", keys);
        Assert.True(code == 0, output);
        Assert.Contains("every file is what it was", output, StringComparison.Ordinal);
        Assert.Contains("the keys open them", output, StringComparison.Ordinal);

        (code, output) = await vigil.RunAsync("backtest", "--store"); // a backtest can run on a restored copy
        Assert.True(code == 0, output);
        Assert.Contains(" of 3 residents", output, StringComparison.Ordinal);
        await vigil.StartAsync(); // the API key made before the backup still works: accounts and keys were restored
        var after = (await vigil.GetAsync("alarms?kind=sos")).EnumerateArray().ToList();
        Assert.Equal(3, alarms);
        Assert.Equal(3, after.Count); // no press became a second alarm
        Assert.Equal("resolved", StateOf(after, closed));
        // Open if R2 pressed again after it was acknowledged, while the backup was made; then it was open in the backup too.
        Assert.Contains(StateOf(after, taken), (string[])["acknowledged", "open"]);
        Assert.Equal("open", StateOf(after, open));
        var seenWell = after.Single(a => IdOf(a) == IdOf(taken)).GetProperty("acknowledgedBy");
        Assert.NotEqual(JsonValueKind.Undefined, seenWell.ValueKind);
        // The open alarm's next step runs without anybody doing anything.
        var notices = await vigil.UntilAsync(
            $"notices?alarm={IdOf(open)}",
            n => n.EnumerateArray().Any(x => x.GetProperty("recipientName").GetString() == "陈红"),
            seconds: 90
        );
        // his notice was not sent a second time
        Assert.Single(notices.EnumerateArray(), n => n.GetProperty("recipientName").GetString() == "陈明");
        Assert.True((await vigil.GetAsync("residents/R1/readings?metric=water.volume&limit=100000")).GetArrayLength() >= 50);
        // Devices still log in with their old credentials, and a new press becomes an alarm.
        using var again = await ConnectAsync(vigil, gateway);
        await PressAsync(again, 1);
        await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 4);
        // The duty desk is told that data between backup and restore may be missing.
        await vigil.UntilReadyAsync(text => text.Contains("was restored from the backup", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Damaged_data_stops_every_command_with_words_that_name_the_newest_backup_and_never_a_stack_trace()
    {
        var backups = Directory.CreateTempSubdirectory("vigil-backups-").FullName;
        try
        {
            await using var vigil = await VigilServer.StartAsync(Registry, Policies, new() { ["Backup:Folder"] = backups });
            var (code, output) = await vigil.RunAsync("backup", backups);
            Assert.True(code == 0, output);
            Assert.Contains("NOT in the backup", output, StringComparison.Ordinal);
            await vigil.Process.KillAsync();
            var backup = Assert.Single(Directory.EnumerateDirectories(backups));
            var records = Path.Combine(vigil.Data, "records.db");
            foreach (var beside in new[] { "-wal", "-shm" })
                File.Delete(records + beside);
            await File.WriteAllBytesAsync(
                records,
                Enumerable.Range(0, 50_000).Select(i => (byte)(i * 31)).ToArray(),
                TestContext.Current.CancellationToken
            );
            foreach (
                var command in new[] { new[] { "run" }, ["check", "--audit"], ["export", "alarms"], ["apikey", "x"], ["backup", backups] }
            )
            {
                (code, output) = await vigil.RunAsync(command);
                Assert.Equal(1, code);
                Assert.Contains("is damaged", output, StringComparison.Ordinal);
                Assert.Contains($"vigil restore {backup}", output, StringComparison.Ordinal);
                Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
            }

            // With the key file missing, no command makes a new key over data that only the old key can read.
            File.Copy(Path.Combine(backup, "records.db"), records, overwrite: true);
            var key = Path.Combine(vigil.Data, "keys", "fields.key");
            var kept = await File.ReadAllTextAsync(key, TestContext.Current.CancellationToken);
            File.Delete(key);
            foreach (var command in new[] { new[] { "run" }, ["rotate-key"], ["credential", "x"] })
            {
                (code, output) = await vigil.RunAsync(command);
                Assert.Equal(1, code);
                Assert.Contains("fields.key is missing", output, StringComparison.Ordinal);
                Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
            }

            Assert.False(File.Exists(key));
            // With the key back, the service starts although the readings, links.key and the keys of sessions are damaged, and says so.
            await File.WriteAllTextAsync(key, kept, TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(
                Path.Combine(vigil.Data, "readings.duckdb"),
                new string('x', 100_000),
                TestContext.Current.CancellationToken
            );
            await File.WriteAllTextAsync(Path.Combine(vigil.Data, "links.key"), "short", TestContext.Current.CancellationToken);
            foreach (var session in Directory.EnumerateFiles(Path.Combine(vigil.Data, "keys"), "*.xml"))
                await File.WriteAllTextAsync(session, "<key", TestContext.Current.CancellationToken);
            await vigil.StartAsync();
            await vigil.UntilReadyAsync(text =>
                text.Contains("readings.duckdb was damaged", StringComparison.Ordinal)
                && text.Contains("links.key", StringComparison.Ordinal)
                && text.Contains("people sign in anew", StringComparison.Ordinal)
            );
            var button = await vigil.CredentialAsync("sos-1");
            Assert.Equal(
                0,
                (await vigil.PublishAsync(vigil.MqttPort, "vigil/sos-1/up", """[{"n":"button","vs":"sos"}]""", "sos-1", button)).Code
            );
            await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 1);
        }
        finally
        {
            Directory.Delete(backups, recursive: true);
        }
    }

    [Fact]
    public async Task A_second_service_on_the_same_data_waits_for_the_first_and_says_for_whom()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies);
        await using var second = Server.Start(
            VigilServer.Executable,
            ["run", $"--Data:Path={vigil.Data}", $"--Http:Urls=http://127.0.0.1:{Server.FreePort()}", $"--Mqtt:Port={Server.FreePort()}"],
            vigil.Folder
        );
        await second.SaysAsync($"process {vigil.Process.Id}");
        await vigil.Process.StopAsync(TimeSpan.FromSeconds(25));
        await second.SaysAsync("is running");
    }

    private static async Task<IMqttClient> ConnectAsync(VigilServer vigil, string password)
    {
        var client = new MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(
            new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", vigil.MqttPort).WithCredentials("gateway-1", password).Build()
        );
        return client;
    }

    private static async Task PublishAsync(IMqttClient client, string topic, string payload)
    {
        var result = await client.PublishAsync(
            new MqttApplicationMessageBuilder()
                .WithTopic(topic)
                .WithPayload(payload)
                .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
                .Build()
        );
        Assert.True(result.IsSuccess, result.ReasonString);
    }

    private static Task PressAsync(IMqttClient client, int home) =>
        PublishAsync(client, $"vigil/sos-{home}/up", """[{"n":"button","vs":"sos"}]""");

    private static async Task<JsonElement> AlarmAsync(VigilServer vigil, string resident) =>
        (await vigil.GetAsync("alarms?kind=sos")).EnumerateArray().Single(a => a.GetProperty("resident").GetString() == resident);

    private static Guid IdOf(JsonElement alarm) => alarm.GetProperty("id").GetGuid();

    private static string StateOf(IEnumerable<JsonElement> alarms, JsonElement one) =>
        alarms.Single(a => IdOf(a) == IdOf(one)).GetProperty("state").GetString()!;

    private static async Task UntilAsync(Func<bool> holds)
    {
        for (var begun = TimeProvider.System.GetTimestamp(); !holds(); )
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begun).TotalSeconds < 60, "the load did not begin");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }
}
