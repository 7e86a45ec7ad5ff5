using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Bench;

/// <summary>
/// A county: homes with four devices each, all of which report over MQTT through gateways within half a minute, again and again, and a few
/// presses a second among them. Measures how long a press waits for its acknowledgement, which comes after its alarm and its reading are
/// committed. The service is the published one. The baseline is presses in a quiet county in the same run, and with <c>--baseline</c>
/// another build under the same load.
/// </summary>
internal static class CountyLoad
{
    internal const int DevicesEach = 4;
    private const int Gateways = 400;
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(30);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var homes = arguments.Number("--homes", 50_000);
        var minutes = arguments.Number("--minutes", 2);
        var press = arguments.Number("--press", 200);
        var postgres = arguments.Text("--database") is "postgres";
        var built = Path.Combine(Directory.GetCurrentDirectory(), ".artifacts", "vigil", "vigil");
        if (arguments.Text("--size") is { } folder)
            return await CountySize.RunAsync(folder, homes, arguments.Number("--hours", 80), arguments.Text("--vigil") ?? built);
        Console.WriteLine(
            $"{homes} homes with {DevicesEach} devices each, {(postgres ? "PostgreSQL" : "SQLite")}; {Gateways} gateways over MQTT, QoS 1, "
                + $"message in flight each; all devices within {Round.TotalSeconds:0} s; a press each {press} ms; {minutes} min"
        );
        if (arguments.Text("--baseline") is { } other)
            await MeasureAsync("baseline", other, homes, minutes, press, postgres);
        await MeasureAsync("this build", arguments.Text("--vigil") ?? built, homes, minutes, press, postgres);
        return 0;
    }

    private static async Task MeasureAsync(string name, string vigil, int homes, int minutes, int press, bool usePostgres)
    {
        await using var postgres = usePostgres ? await TemporaryPostgres.StartedAsync() : null;
        var folder = Directory.CreateTempSubdirectory("vigil-county-");
        var factory = postgres is null
            ? RecordsServices.CreateFactory("Sqlite", null, folder.FullName)
            : RecordsServices.CreateFactory("Postgres", postgres.ConnectionString, folder.FullName);
        var begun = Stopwatch.GetTimestamp();
        await factory.MigrateAsync(CancellationToken.None);
        await SeedAsync(factory, homes);
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Console.WriteLine($"{name}: registry loaded in {Stopwatch.GetElapsedTime(begun).TotalSeconds:0} s");
        begun = Stopwatch.GetTimestamp();
        var port = BrokerLoad.FreePort();
        string[] more = postgres is null ? [] : ["--Records:Store", "Postgres", "--Records:ConnectionString", postgres.ConnectionString];
        using var server = BrokerLoad.StartVigil(vigil, folder.FullName, port, more);
        await BrokerLoad.ReadyAsync(port);
        Console.WriteLine($"{name}: ready after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0} s");
        try
        {
            var links = new List<MqttLoad.Link>();
            foreach (var group in Enumerable.Range(0, Gateways).Chunk(32))
                links.AddRange(await Task.WhenAll(group.Select(g => MqttLoad.Link.OpenAsync(port, Gateway(g), Password(g)))));
            using var button = await MqttLoad.Link.OpenAsync(port, Gateway(Gateways), Password(Gateways));
            using var stop = new CancellationTokenSource();
            var pressed = 0;
            var quiet = await PressAsync(button, press, TimeSpan.FromSeconds(30), homes, () => pressed++);
            Say($"{name}, quiet", quiet, "");
            long messages = 0;
            var speaking = links
                .Select((link, g) => Task.Run(() => SpeakAsync(link, g, homes, () => Interlocked.Increment(ref messages), stop.Token)))
                .ToList();
            await Task.Delay(Round, TimeProvider.System); // not measured: in the first round the rules begin with each home
            var (before, since) = (Interlocked.Read(ref messages), Stopwatch.GetTimestamp());
            var loaded = await PressAsync(button, press, TimeSpan.FromMinutes(minutes), homes, () => pressed++);
            var rate = (Interlocked.Read(ref messages) - before) / Stopwatch.GetElapsedTime(since).TotalSeconds;
            await stop.CancelAsync();
            await Task.WhenAll(speaking);
            await using var db = factory.CreateDbContext();
            var (all, newest) = (await db.Devices.CountAsync(d => d.LastSeenAt != null), TimeProvider.System.GetUtcNow().UtcDateTime);
            var oldest = await db.Devices.MinAsync(d => d.LastSeenAt);
            Say(
                $"{name}, county speaking",
                loaded,
                $"; {rate:0} messages/s acknowledged; {all} devices noted, the one noted longest ago "
                    + $"{(oldest is { } o ? (newest - o).TotalSeconds : double.NaN):0} s old; "
                    + $"load average {File.ReadAllText("/proc/loadavg").Split(' ')[0]}"
            );
            foreach (var link in links)
                link.Dispose();
        }
        finally
        {
            BrokerLoad.Stop(server);
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            folder.Delete(recursive: true);
        }
    }

    private static void Say(string what, List<double> micros, string more)
    {
        micros.Sort();
        var round = new MqttRound(0, 1, micros);
        Console.WriteLine(
            $"{what}: {micros.Count} presses, p50 {round.Percentile(0.5):0} ms, p99 {round.Percentile(0.99):0} ms, max "
                + $"{round.Percentile(1):0} ms{more}"
        );
    }

    /// <summary>
    /// Sends for a gateway's devices one after another, evenly over the round; a gateway that falls behind sends without a pause.
    /// </summary>
    private static async Task SpeakAsync(MqttLoad.Link link, int gateway, int homes, Action acknowledged, CancellationToken stop)
    {
        var mine = Enumerable.Range(0, homes).Where(h => h % Gateways == gateway).ToList();
        var every = Round / (mine.Count * DevicesEach);
        var begun = Stopwatch.GetTimestamp();
        var packet = new byte[512];
        var total = 1.0;
        long sent = 0;
        try
        {
            while (!stop.IsCancellationRequested)
                foreach (var home in mine)
                    for (var d = 0; d < DevicesEach; d++)
                    {
                        var wait = every * sent++ - Stopwatch.GetElapsedTime(begun);
                        if (wait > TimeSpan.Zero)
                            await Task.Delay(wait, TimeProvider.System, stop);
                        var payload = string.Create(
                            CultureInfo.InvariantCulture,
                            $"[{{\"n\":\"{Says(d)}\",\"v\":{total += 0.001:0.000}}}]"
                        );
                        if (
                            !await link.PublishAsync(
                                Encoding.ASCII.GetBytes($"vigil/{Device(home, d)}/up"),
                                Encoding.ASCII.GetBytes(payload),
                                packet
                            )
                        )
                            return;
                        acknowledged();
                    }
        }
        catch (OperationCanceledException)
        {
            // the time is over
        }
    }

    private static async Task<List<double>> PressAsync(MqttLoad.Link link, int every, TimeSpan lasting, int homes, Func<int> next)
    {
        var micros = new List<double>();
        var packet = new byte[256];
        var begun = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(begun) < lasting)
        {
            // Each home presses once, and consecutive presses come from homes far apart.
            var home = (int)((long)next() * 7919 % homes);
            var topic = Encoding.ASCII.GetBytes($"vigil/{Device(home, DevicesEach - 1)}/up");
            var since = Stopwatch.GetTimestamp();
            if (!await link.PublishAsync(topic, "[{\"n\":\"button\",\"vs\":\"sos\"}]"u8.ToArray(), packet))
                throw new InvalidOperationException("a press was not acknowledged");
            micros.Add(Stopwatch.GetElapsedTime(since).TotalMicroseconds);
            await Task.Delay(TimeSpan.FromMilliseconds(every), TimeProvider.System);
        }

        return micros;
    }

    /// <summary>Writes directly into the records, thousands of rows per transaction.</summary>
    internal static async Task SeedAsync(RecordsFactory records, int homes)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        foreach (var some in Enumerable.Range(0, homes).Chunk(20_000))
        {
            await using var db = await records.CreateDbContextAsync();
            await using var turn = await db.Database.BeginTransactionAsync();
            await db.InsertAsync(
                Array.ConvertAll(
                    some,
                    h => new Resident
                    {
                        Id = Home(h),
                        Name = "王" + h,
                        Area = AreaOf(h),
                        CreatedAt = now,
                        UpdatedAt = now,
                    }
                ),
                CancellationToken.None
            );
            await db.InsertAsync(
                some.SelectMany(h =>
                        Enumerable
                            .Range(0, DevicesEach)
                            .Select(d => new Device
                            {
                                Id = Device(h, d),
                                Profile = "senml",
                                ResidentId = Home(h),
                                InstalledAt = now,
                            })
                    )
                    .ToList(),
                CancellationToken.None
            );
            await turn.CommitAsync();
        }

        await using var last = await records.CreateDbContextAsync();
        for (var g = 0; g <= Gateways; g++)
        {
            var salt = RandomNumberGenerator.GetBytes(16);
            var hash = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(Password(g)), salt, 1, HashAlgorithmName.SHA256, 32);
            last.Credentials.Add(
                new Credential
                {
                    Username = Gateway(g),
                    Gateway = true,
                    Topics = "vigil/#",
                    CreatedAt = now,
                    PasswordHash = $"pbkdf2-sha256$1${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}",
                }
            );
        }

        await last.SaveChangesAsync();
    }

    /// <summary>Five hundred villages.</summary>
    internal static string AreaOf(int home) => string.Create(CultureInfo.InvariantCulture, $"4401{home % 500:D8}");

    internal static string Home(int home) => string.Create(CultureInfo.InvariantCulture, $"R{home:D6}");

    internal static string Device(int home, int device) => string.Create(CultureInfo.InvariantCulture, $"h{home:D6}-{device}");

    private static string Gateway(int number) => string.Create(CultureInfo.InvariantCulture, $"gw{number:D4}");

    private static string Password(int gateway) => string.Create(CultureInfo.InvariantCulture, $"pw-{gateway:D4}");

    private static string Says(int device) =>
        device switch
        {
            0 => "water.volume",
            1 => "electricity.energy",
            2 => "air.temperature",
            _ => "battery.level",
        };
}
