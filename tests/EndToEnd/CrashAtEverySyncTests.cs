using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using MQTTnet;
using MQTTnet.Protocol;
using Vigil.Host.Backup;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>
/// The published service is killed at the N-th sync to disk: during a first start, an upgrade, a run with presses, a backup. The next start
/// is quick, nothing acknowledged is lost, nobody who has answered is called again, and the databases are whole. ./test tries a few N of
/// each, ./test long all of them.
/// </summary>
public sealed class CrashAtEverySyncTests(ITestOutputHelper report) : IDisposable
{
    private const string Registry = """
        record,id,name,area,phone,contact 1 name,contact 1 phone,device 1 id,device 1 profile
        resident,R1,王秀英,440114003201,,王小明,13800138001,sos-1,senml
        duty,D1,镇值班室,440114003,13600136000,,,,
        """;

    /// <summary>
    /// How soon the service promises to start. On a busy machine three undisturbed starts may be longer; then that is the limit.
    /// </summary>
    private static readonly TimeSpan StartsWithin = TimeSpan.FromSeconds(10);

    private readonly string folder = Directory.CreateTempSubdirectory("vigil-syncs-").FullName;
    private readonly Syncs syncs = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        syncs.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    [Trait("Category", "Server")]
    public Task A_first_start_killed_at_some_syncs_starts_the_next_time() => FirstStartAsync(points: 2);

    [Fact]
    [Trait("Category", "Long")]
    public Task A_first_start_killed_at_every_sync_starts_the_next_time() => FirstStartAsync(points: int.MaxValue);

    [Fact]
    [Trait("Category", "Server")]
    public Task An_upgrade_killed_at_some_syncs_is_whole_the_next_time() => UpgradeAsync(points: 3);

    [Fact]
    [Trait("Category", "Long")]
    public Task An_upgrade_killed_at_every_sync_is_whole_the_next_time() => UpgradeAsync(points: int.MaxValue);

    [Fact]
    [Trait("Category", "Server")]
    public Task Presses_killed_at_some_syncs_are_neither_lost_nor_told_again() => PressesAsync([1, 4, 9]);

    [Fact]
    [Trait("Category", "Long")]
    public Task Presses_killed_at_every_sync_are_neither_lost_nor_told_again() => PressesAsync([.. Enumerable.Range(1, 60)]);

    [Fact]
    [Trait("Category", "Server")]
    public Task A_backup_killed_at_some_syncs_is_whole_or_none() => BackupAsync([1, 8]);

    [Fact]
    [Trait("Category", "Long")]
    public Task A_backup_killed_at_every_sync_is_whole_or_none() => BackupAsync([.. Enumerable.Range(1, 40)]);

    private async Task FirstStartAsync(int points)
    {
        var (all, patience) = await CountedStartAsync();
        var (killed, longest) = (0, TimeSpan.Zero);
        foreach (var n in Spread(all, points))
        {
            var data = Path.Combine(folder, $"first-{n}");
            if (!await RunKilledAsync(["run", .. Arguments(data)], n))
                continue; // this run had fewer syncs than the counted one
            killed++;
            var took = await StartsAsync(data);
            longest = took > longest ? took : longest;
            Assert.True(took <= patience, $"killed at sync {n}: the next start took {took.TotalSeconds:0.0} s");
            Assert.Null(RecordsFile.Check(Path.Combine(data, "records.db")));
            Directory.Delete(data, recursive: true);
        }

        Assert.True(killed > 0);
        report.WriteLine($"first start: {all} syncs, killed at {killed}, longest start after it {longest.TotalSeconds:0.0} s");
    }

    private async Task UpgradeAsync(int points)
    {
        // A database as the first version made it, with a row in it.
        var old = Path.Combine(folder, "old");
        var records = RecordsServices.CreateFactory("Sqlite", null, old);
        await using (var db = records.CreateDbContext())
        {
            await db.Database.MigrateAsync("Initial", Token);
            await db.Database.ExecuteSqlRawAsync(
                "INSERT INTO Areas (Code, Name, WatchReason) VALUES ('440114003201', '云溪村', '')",
                Token
            );
            await db.Database.ExecuteSqlRawAsync("PRAGMA wal_checkpoint(TRUNCATE)", Token);
        }

        SqliteConnection.ClearAllPools();
        var counted = Copy(old, "counted");
        Assert.False(await RunKilledAsync(["user", "list", .. Arguments(counted)], int.MaxValue));
        var all = syncs.Count;
        var killed = 0;
        foreach (var n in Spread(all, points))
        {
            var data = Copy(old, $"upgrade-{n}");
            if (!await RunKilledAsync(["user", "list", .. Arguments(data)], n))
                continue;
            killed++;
            var (code, output) = await Server.RunAsync(VigilServer.Executable, ["user", "list", .. Arguments(data)]);
            Assert.True(code == 0, $"killed at sync {n} of {all}: {output}");
            await using (var db = RecordsServices.CreateFactory("Sqlite", null, data).CreateDbContext())
            {
                Assert.Empty(await db.Database.GetPendingMigrationsAsync(Token));
                Assert.Equal("云溪村", (await db.Areas.SingleAsync(Token)).Name);
            }

            SqliteConnection.ClearAllPools();
            Assert.Null(RecordsFile.Check(Path.Combine(data, "records.db")));
            Assert.False(File.Exists(Path.Combine(data, "records.db.upgrading")));
            Directory.Delete(data, recursive: true);
        }

        Assert.True(killed > 0);
        report.WriteLine($"upgrade: {all} syncs, killed at {killed}");
    }

    private async Task PressesAsync(IReadOnlyList<int> points)
    {
        await using var vigil = await VigilServer.StartAsync(Registry, null, new() { ["Mqtt:DeviceRate"] = "1000" });
        var password = await vigil.CredentialAsync("sos-1");
        foreach (var (key, value) in await syncs.EnvironmentAsync())
            vigil.Environment[key] = value;
        var patience = await RestartAsync(vigil);
        var (acknowledged, answered) = (new List<DateTime>(), new HashSet<Guid>());
        var (next, killed, longest) = (TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(-30), 0, TimeSpan.Zero);
        var answeredUpTo = DateTime.MinValue;
        next = new DateTime(next.Year, next.Month, next.Day, next.Hour, next.Minute, next.Second, DateTimeKind.Utc);
        foreach (var n in points)
        {
            syncs.KillAt(syncs.Count + n);
            var client = new MqttClientFactory().CreateMqttClient();
            try
            {
                await client.ConnectAsync(
                    new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", vigil.MqttPort).WithCredentials("sos-1", password).Build(),
                    Token
                );
                // Press, wait for the broker's acknowledgement, let the desk resolve the alarm, press again, until the service is killed.
                while (!vigil.Process.HasExited)
                {
                    var time = next = next.AddSeconds(1); // never ahead of the clock: a time in the future would not be believed
                    var sent = await client.PublishAsync(
                        new MqttApplicationMessageBuilder()
                            .WithTopic("vigil/sos-1/up")
                            .WithPayload(Press(time))
                            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
                            .Build(),
                        Token
                    );
                    if (sent.IsSuccess)
                        acknowledged.Add(time);
                    foreach (
                        var alarm in (await vigil.GetAsync("alarms?kind=sos&state=unresolved"))
                            .EnumerateArray()
                            .Select(a => a.GetProperty("id").GetGuid())
                            .ToList()
                    )
                    {
                        using var answer = await vigil.PostAsync(
                            $"alarms/{alarm}/resolve",
                            new { resolution = "true", note = "seen well" }
                        );
                        if (!answer.IsSuccessStatusCode)
                            continue;
                        answered.Add(alarm);
                        answeredUpTo = time;
                    }
                }
            }
            catch (Exception e)
                when (e
                        is MQTTnet.Exceptions.MqttCommunicationException
                            or HttpRequestException
                            or OperationCanceledException
                            or InvalidOperationException
                            or IOException
                    && !Token.IsCancellationRequested
                )
            {
                // the service was killed
            }
            finally
            {
                try
                {
                    client.Dispose();
                }
                catch (ObjectDisposedException)
                {
                    // MQTTnet throws here when the connection breaks while it cleans up
                }
            }

            await vigil.Process.EndsAsync();
            killed++;
            var took = await RestartAsync(vigil, patience);
            longest = took > longest ? took : longest;
            var since = $"{TimeProvider.System.GetUtcNow().AddDays(-1):yyyy-MM-ddTHH:mm:ssZ}";
            var stored = (await vigil.GetAsync($"residents/R1/readings?metric=button&from={since}&limit=100000"))
                .EnumerateArray()
                .Select(r => r.GetProperty("time").GetDateTime())
                .ToList();
            Assert.True(
                acknowledged.All(stored.Contains),
                $"killed at sync {n}: acknowledged and not stored: {string.Join(", ", acknowledged.Except(stored))}"
            );
            Assert.Equal(stored.Count, stored.Distinct().Count());
            var alarms = (await vigil.GetAsync("alarms?kind=sos&limit=1000")).EnumerateArray().ToList();
            var open = alarms.Where(a => a.GetProperty("state").GetString() != "resolved").ToList();
            // nobody is called again for an alarm that was answered
            Assert.DoesNotContain(open, a => answered.Contains(a.GetProperty("id").GetGuid()));
            Assert.True(open.Count <= 1, $"killed at sync {n}: {open.Count} alarms are open");
            // Only a press later than the last answer may be open; an answered press that came back under a new alarm would be older.
            Assert.All(
                open,
                a =>
                    Assert.True(
                        a.GetProperty("raisedAt").GetDateTime() > answeredUpTo,
                        $"killed at sync {n}: an alarm of {a.GetProperty("raisedAt").GetDateTime():O} is open; all up to "
                            + $"{answeredUpTo:O} were answered"
                    )
            );
        }

        report.WriteLine(
            $"presses: killed {killed} times, {acknowledged.Count} acknowledged, {answered.Count} answered, none lost, none told "
                + $"again; longest start {longest.TotalSeconds:0.0} s"
        );
    }

    private async Task BackupAsync(IReadOnlyList<int> points)
    {
        await using var vigil = await VigilServer.StartAsync(Registry);
        foreach (var (key, value) in await syncs.EnvironmentAsync())
            vigil.Environment[key] = value;
        var patience = await RestartAsync(vigil);
        var backups = Path.Combine(vigil.Folder, "backups");
        var (killed, whole) = (0, 0);
        foreach (var n in points)
        {
            syncs.KillAt(syncs.Count + n);
            var (code, output) = await vigil.RunAsync("backup", backups, "--keys", Path.Combine(vigil.Folder, "apart"));
            syncs.KillAt(null);
            foreach (var (made, manifest) in Manifest.All(backups))
            {
                Assert.Empty(await Manifest.CheckAsync(made, manifest, Token));
                whole++;
                Directory.Delete(made, recursive: true);
            }

            foreach (var rest in Directory.EnumerateDirectories(backups))
                Assert.EndsWith(".partial", rest, StringComparison.Ordinal);
            if (code == 0)
            {
                report.WriteLine($"a backup has fewer than {n} syncs of the service");
                if (!vigil.Process.HasExited)
                    continue;
            }

            await vigil.Process.EndsAsync();
            killed++;
            Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
            var took = await RestartAsync(vigil, patience);
            Assert.True(took <= patience, $"killed at sync {n} of a backup: the next start took {took.TotalSeconds:0.0} s");
        }

        report.WriteLine($"backup: killed {killed} times, {whole} backups were whole all the same");
    }

    private static string Press(DateTime time) =>
        $$"""[{"n":"button","vs":"sos","t":{{new DateTimeOffset(time).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)}}}]""";

    /// <summary>
    /// Starts the service again. Returns how long it took, or without <paramref name="patience"/> how long later starts may take.
    /// </summary>
    private async Task<TimeSpan> RestartAsync(VigilServer vigil, TimeSpan? patience = null)
    {
        if (!vigil.Process.HasExited)
            await vigil.Process.KillAsync();
        syncs.KillAt(null);
        syncs.Forget();
        var begun = TimeProvider.System.GetTimestamp();
        await vigil.StartAsync();
        var took = TimeProvider.System.GetElapsedTime(begun);
        if (patience is not { } allowed)
            return Patience(took);
        Assert.True(took <= allowed, $"the start took {took.TotalSeconds:0.0} s");
        return took;
    }

    private static TimeSpan Patience(TimeSpan undisturbed) => undisturbed * 3 > StartsWithin ? undisturbed * 3 : StartsWithin;

    /// <summary>The number of syncs in a first start, and how long later starts may take.</summary>
    private async Task<(int Syncs, TimeSpan Patience)> CountedStartAsync()
    {
        syncs.KillAt(null);
        syncs.Forget();
        await using var server = Server.Start(
            VigilServer.Executable,
            ["run", .. Arguments(Path.Combine(folder, "counted"))],
            folder,
            await syncs.EnvironmentAsync()
        );
        await server.SaysAsync("is running");
        var all = syncs.Count;
        await server.KillAsync();
        return (all, Patience(await StartsAsync(Path.Combine(folder, "counted"))));
    }

    private async Task<TimeSpan> StartsAsync(string data)
    {
        var begun = TimeProvider.System.GetTimestamp();
        await using var server = Server.Start(VigilServer.Executable, ["run", .. Arguments(data)], folder);
        await server.SaysAsync("is running", TimeSpan.FromMinutes(2));
        return TimeProvider.System.GetElapsedTime(begun);
    }

    /// <summary>
    /// True when the command was killed at its n-th sync; false when it ended or was running before it came to that sync.
    /// </summary>
    private async Task<bool> RunKilledAsync(IReadOnlyList<string> command, int n)
    {
        syncs.KillAt(n);
        syncs.Forget();
        await using var server = Server.Start(VigilServer.Executable, command, folder, await syncs.EnvironmentAsync());
        var running = server.SaysAsync("is running", TimeSpan.FromMinutes(2));
        var ended = server.EndsAsync();
        await Task.WhenAny(running, ended);
        return server.HasExited && await ended == 128 + 9;
    }

    private string Copy(string from, string name)
    {
        var to = Path.Combine(folder, name);
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var path = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.Copy(file, path);
        }

        return to;
    }

    private static IEnumerable<string> Arguments(string data) =>
        [$"--Data:Path={data}", $"--Http:Urls=http://127.0.0.1:{Server.FreePort()}", $"--Mqtt:Port={Server.FreePort()}"];

    /// <summary>As many numbers of 1…all as asked for, evenly spread, including the first and the last.</summary>
    private static IEnumerable<int> Spread(int all, int points) =>
        points >= all
            ? Enumerable.Range(1, all)
            : Enumerable.Range(0, points).Select(i => 1 + (int)((long)i * (all - 1) / (points - 1))).Distinct();
}
