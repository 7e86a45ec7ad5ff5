using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Vigil.Storage.Records;

namespace Vigil.Bench;

/// <summary>
/// After a restart all devices log in at the same moment and from one address, to a service that remembers none of them. Buttons are
/// pressed meanwhile, each over a connection of its own. A device that is refused tries again after one to three seconds, a button after a
/// quarter of a second.
/// </summary>
internal static class LoginLoad
{
    private const string Password = "AbCdEfGhIjKlMnOpQrStUvWx";

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var devices = arguments.Number("--devices", 2000);
        var presses = arguments.Number("--presses", 40);
        var every = TimeSpan.FromMilliseconds(arguments.Number("--every", 250));
        var warm = arguments.Text("--warm") == "yes"; // presses once before, so that compiling isn't measured
        var rounds = arguments.Number("--rounds", 3);
        var vigil = arguments.Text("--vigil") ?? Path.Combine(Directory.GetCurrentDirectory(), ".artifacts", "vigil", "vigil");
        ThreadPool.SetMinThreads(8, 8);
        Console.WriteLine(
            $"{devices} devices come back at once after a restart, {presses} presses among them, one every "
                + $"{every.TotalMilliseconds:0} ms{(warm ? ", after a first one" : "")}; {Environment.ProcessorCount} cores shared "
                + $"by service and devices"
        );
        foreach (var slow in new[] { false, true })
        {
            var all = new List<double>();
            for (var round = 1; round <= rounds; round++)
            {
                var folder = Directory.CreateTempSubdirectory("vigil-bench");
                await SeedAsync(folder.FullName, devices, presses + 1, slow);
                var port = BrokerLoad.FreePort();
                using var server = BrokerLoad.Start(
                    vigil,
                    [
                        "run",
                        "--Mqtt:Port",
                        $"{port}",
                        "--Http:Urls",
                        $"http://127.0.0.1:{BrokerLoad.FreePort()}",
                        "--Data:Path",
                        folder.FullName,
                    ]
                );
                await BrokerLoad.ReadyAsync(port);
                if (warm)
                    await ComeAsync(
                        port,
                        $"sos{presses:D5}",
                        """[{"n":"button","vs":"sos"}]""",
                        () => { },
                        250,
                        250,
                        CancellationToken.None
                    );
                var begun = Stopwatch.GetTimestamp();
                var refused = 0;
                using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(300));
                var coming = Enumerable
                    .Range(0, devices)
                    .Select(i =>
                        Task.Run(() =>
                            ComeAsync(
                                port,
                                $"dev{i:D5}",
                                """[{"n":"water.volume","v":1}]""",
                                () => Interlocked.Increment(ref refused),
                                1000,
                                3000,
                                enough.Token
                            )
                        )
                    )
                    .ToList();
                var pressing = new List<Task<double>>();
                for (var i = 0; i < presses; i++)
                {
                    var number = i;
                    pressing.Add(
                        Task.Run(() =>
                            ComeAsync(port, $"sos{number:D5}", """[{"n":"button","vs":"sos"}]""", () => { }, 250, 250, enough.Token)
                        )
                    );
                    await Task.Delay(every, TimeProvider.System);
                }

                var took = (await Task.WhenAll(pressing)).Order().ToList();
                await Task.WhenAll(coming);
                all.AddRange(took);
                Console.WriteLine(
                    $"  {(slow ? "PBKDF2 of an older version" : "fast hashes")}, round {round}: all in after "
                        + $"{Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s, {refused} refusals; press from the first try to "
                        + $"PUBACK p50 {At(took, 0.5):0} ms, p99 {At(took, 0.99):0} ms, max {took[^1]:0} ms"
                );
                BrokerLoad.Stop(server);
                folder.Delete(recursive: true);
            }

            all.Sort();
            Console.WriteLine(
                $"{(slow ? "PBKDF2 of an older version" : "fast hashes")}: {all.Count} presses, p50 {At(all, 0.5):0} ms, p99 "
                    + $"{At(all, 0.99):0} ms, max {all[^1]:0} ms"
            );
        }

        return 0;
    }

    private static double At(List<double> sorted, double share) => sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * share))];

    /// <summary>Milliseconds from the first try until the acknowledgement.</summary>
    private static async Task<double> ComeAsync(
        int port,
        string name,
        string payload,
        Action refused,
        int least,
        int most,
        CancellationToken stop
    )
    {
        var begun = Stopwatch.GetTimestamp();
        while (true)
        {
            if (await TryAsync(port, name, payload, stop))
                return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
            refused();
            await Task.Delay(TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(least, most + 1)), TimeProvider.System, stop);
        }
    }

    private static async Task<bool> TryAsync(int port, string name, string payload, CancellationToken stop)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, stop);
            byte[] connect = [0, 4, .. "MQTT"u8, 4, 0b1100_0010, 0, 60, .. Text(name), .. Text(name), .. Text(Password)];
            await socket.SendAsync(
                new byte[] { 0x10, (byte)connect.Length }
                    .Concat(connect)
                    .ToArray(),
                stop
            );
            var answer = new byte[4];
            if (await ReadAsync(socket, answer, stop) is false || answer[3] != 0)
                return false;
            byte[] publish = [.. Text($"vigil/{name}/up"), 0, 1, .. Encoding.ASCII.GetBytes(payload)];
            await socket.SendAsync(
                new byte[] { 0x32, (byte)publish.Length }
                    .Concat(publish)
                    .ToArray(),
                stop
            );
            return await ReadAsync(socket, answer, stop) && answer[0] == 0x40;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static async Task<bool> ReadAsync(Socket socket, byte[] answer, CancellationToken stop)
    {
        for (var have = 0; have < answer.Length; )
        {
            var got = await socket.ReceiveAsync(answer.AsMemory(have), stop);
            if (got == 0)
                return false;
            have += got;
        }

        return true;
    }

    private static async Task SeedAsync(string folder, int devices, int presses, bool slow)
    {
        var records = RecordsServices.CreateFactory("Sqlite", null, folder);
        await records.MigrateAsync(CancellationToken.None);
        await using var db = await records.CreateDbContextAsync();
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var salt = RandomNumberGenerator.GetBytes(16);
        // All share one hash: checking it is what costs time.
        var hash = slow
            ? $"pbkdf2-sha256$100000${Convert.ToBase64String(salt)}$"
                + Convert.ToBase64String(
                    Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(Password), salt, 100_000, HashAlgorithmName.SHA256, 32)
                )
            : PasswordHash.Fast(Encoding.UTF8.GetBytes(Password));
        void Add(string device, string profile, int number)
        {
            db.Residents.Add(
                new Resident
                {
                    Id = "R-" + device,
                    Name = "王" + number,
                    Area = $"4401{number % 500:D8}",
                    CreatedAt = now,
                    UpdatedAt = now,
                }
            );
            db.Devices.Add(
                new Device
                {
                    Id = device,
                    Profile = profile,
                    ResidentId = "R-" + device,
                    InstalledAt = now,
                }
            );
            db.Credentials.Add(
                new Credential
                {
                    Username = device,
                    CreatedAt = now,
                    PasswordHash = hash,
                }
            );
        }

        for (var i = 0; i < devices; i++)
            Add($"dev{i:D5}", "kamstrup/multical21", i); // a meter, whose profile has no calls for help
        for (var i = 0; i < presses; i++)
            Add($"sos{i:D5}", "senml", devices + i);
        await db.SaveChangesAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
    }

    private static byte[] Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
    }
}
