using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using MQTTnet.AspNetCore;
using Vigil.Ingest.Mqtt;
using Vigil.Storage.Records;

namespace Vigil.Bench;

/// <summary>
/// The embedded broker with 2,000 connections: the published service with all its work (decoding, DuckDB on disk, all rules, alarms in
/// SQLite) compared with the same broker that accepts each message and drops it. Server and load generator are separate processes on one
/// machine, and the rounds alternate.
/// </summary>
internal static class BrokerLoad
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var connections = arguments.Number("--connections", 2000);
        var seconds = arguments.Number("--seconds", 15);
        var rounds = arguments.Number("--rounds", 3);
        var vigil = arguments.Text("--vigil") ?? Path.Combine(Directory.GetCurrentDirectory(), ".artifacts", "vigil", "vigil");
        var records = (arguments.Text("--records") ?? "10,1").Split(',').Select(r => int.Parse(r, CultureInfo.InvariantCulture)).ToList();
        Console.WriteLine(
            $"embedded broker, {connections} connections, QoS 1, one message in flight each, SenML JSON; {rounds} rounds of "
                + $"{seconds} s; {Environment.ProcessorCount} cores shared by server and generator"
        );
        foreach (var each in records)
        {
            var (dropped, kept) = (new List<double>(), new List<double>());
            var (cheap, dear) = (new List<double>(), new List<double>());
            var presses = new List<double>();
            for (var round = 1; round <= rounds; round++)
            {
                var port = FreePort();
                using (var server = Start(Environment.ProcessPath!, ["drop", "--port", $"{port}"]))
                {
                    await ReadyAsync(port);
                    var result = await GenerateAsync(port, connections, each, seconds, 0, server.Id);
                    dropped.Add(result.Rate);
                    cheap.Add(result.MicrosAMessage);
                    Console.WriteLine(
                        $"  {each} records a message, round {round}: dropped  {result.Rate:0} messages/s, "
                            + $"{result.Rate * each:0} readings/s, {result.MicrosAMessage:0.0} µs of processor a message"
                    );
                    Stop(server);
                }

                var folder = Directory.CreateTempSubdirectory("vigil-bench");
                port = FreePort();
                await SeedAsync(folder.FullName, connections, presses: 4000);
                using (var server = StartVigil(vigil, folder.FullName, port))
                {
                    await ReadyAsync(port);
                    var before = server.WorkingSet64;
                    var result = await GenerateAsync(port, connections, each, seconds, 100, server.Id);
                    server.Refresh();
                    kept.Add(result.Rate);
                    dear.Add(result.MicrosAMessage);
                    presses.AddRange(result.Micros);
                    Console.WriteLine(
                        $"  {each} records a message, round {round}: durable  {result.Rate:0} messages/s, {result.Rate * each:0} "
                            + $"readings/s, {result.MicrosAMessage:0.0} µs of processor a message; "
                            + $"{server.WorkingSet64 / 1048576} MiB; SOS p50 {result.Percentile(0.5):0} ms, p99 "
                            + $"{result.Percentile(0.99):0} ms, max {result.Percentile(1):0} ms of {result.Micros.Count}"
                    );
                    Stop(server);
                }

                folder.Delete(recursive: true);
            }

            dropped.Sort();
            kept.Sort();
            cheap.Sort();
            dear.Sort();
            presses.Sort();
            var all = new MqttRound(0, 1, presses);
            Console.WriteLine(
                $"{each} records a message: durable {kept[rounds / 2] * each:0} readings/s ({kept[rounds / 2]:0} messages/s), "
                    + $"dropped {dropped[rounds / 2]:0} messages/s, ratio {kept[rounds / 2] / dropped[rounds / 2]:0.00} (medians "
                    + $"of {rounds}); processor of the server a message: {dear[rounds / 2]:0.0} µs beside {cheap[rounds / 2]:0.0}"
            );
            Console.WriteLine(
                $"  SOS from PUBLISH to PUBACK at that load, {presses.Count} presses: p50 {all.Percentile(0.5):0} ms, p99 "
                    + $"{all.Percentile(0.99):0} ms, max {all.Percentile(1):0} ms"
            );
        }

        return 0;
    }

    /// <summary>The service's broker with an inbox that accepts every message and drops it.</summary>
    public static async Task<int> DropAsync(Arguments arguments)
    {
        var options = new MqttOptions
        {
            Port = arguments.Number("--port", 1883),
            DeviceRate = 100_000,
            DeviceBurst = 100_000,
            MaxUnauthenticated = 100_000,
            MaxUnauthenticatedPerAddress = 100_000,
        };
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddMqttConnectionHandler();
        builder
            .Services.AddSingleton(options)
            .AddSingleton(TimeProvider.System)
            .AddSingleton<Authenticate>(_ =>
                (name, _, _, _) => ValueTask.FromResult(new Login(LoginOutcome.Right, new Sender(name, false, [])))
            )
            .AddSingleton<GoesFirst>(_ => _ => false)
            .AddSingleton(new Redeliveries(null, TimeProvider.System))
            .AddSingleton<Vigil.Model.Troubles>()
            .AddSingleton(new System.Diagnostics.Metrics.Meter("Vigil.Bench"))
            .AddSingleton<Inbox>(_ => (_, _) => ValueTask.FromResult(Receipt.Committed))
            .AddSingleton<EmbeddedBroker>()
            .AddHostedService(s => s.GetRequiredService<EmbeddedBroker>());
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, options.Port, listen => BrokerListener.Use(listen, options)));
        await builder.Build().RunAsync();
        return 0;
    }

    /// <summary>The load generator as a process of its own; prints one line of figures.</summary>
    public static async Task<int> LoadAsync(Arguments arguments)
    {
        ThreadPool.SetMinThreads(8, 8);
        var round = await MqttLoad.RunAsync(
            arguments.Number("--port", 1883),
            arguments.Number("--connections", 2000),
            arguments.Number("--records", 10),
            5,
            arguments.Number("--seconds", 15),
            arguments.Number("--presses", 0),
            arguments.Number("--server", 0)
        );
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{round.Messages} {round.Seconds:R} {round.Processor:R} "
                    + $"{string.Join(' ', round.Micros.Select(m => m.ToString("0", CultureInfo.InvariantCulture)))}"
            )
        );
        return 0;
    }

    internal static async Task<MqttRound> GenerateAsync(int port, int connections, int records, int seconds, int presses, int server = 0)
    {
        using var load = Start(
            Environment.ProcessPath!,
            [
                "load",
                "--port",
                $"{port}",
                "--connections",
                $"{connections}",
                "--records",
                $"{records}",
                "--seconds",
                $"{seconds}",
                "--presses",
                $"{presses}",
                "--server",
                $"{server}",
            ]
        );
        var line = await load.StandardOutput.ReadToEndAsync();
        await load.WaitForExitAsync();
        var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (fields.Length < 3)
            throw new InvalidOperationException("the generator failed: " + await load.StandardError.ReadToEndAsync());
        return new MqttRound(
            long.Parse(fields[0], CultureInfo.InvariantCulture),
            double.Parse(fields[1], CultureInfo.InvariantCulture),
            [.. fields[3..].Select(f => double.Parse(f, CultureInfo.InvariantCulture))],
            double.Parse(fields[2], CultureInfo.InvariantCulture)
        );
    }

    /// <summary>
    /// For each meter a home and a credential, and further homes with a button. Hashes have one iteration, because logins are not what is
    /// measured.
    /// </summary>
    internal static async Task<int> SeedAsync(string folder, int homes, int presses)
    {
        var records = RecordsServices.CreateFactory("Sqlite", null, folder);
        await records.MigrateAsync(CancellationToken.None);
        return await SeedAsync(records, homes, presses);
    }

    internal static async Task<int> SeedAsync(RecordsFactory records, int homes, int presses)
    {
        await using var db = await records.CreateDbContextAsync();
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        void Add(string device, string password, int number)
        {
            var salt = RandomNumberGenerator.GetBytes(16);
            db.Residents.Add(
                new Resident
                {
                    Id = "R-" + device,
                    Name = "王" + number,
                    Area = string.Create(CultureInfo.InvariantCulture, $"4401{number % 500:D8}"),
                    CreatedAt = now,
                    UpdatedAt = now,
                }
            );
            db.Devices.Add(
                new Device
                {
                    Id = device,
                    Profile = "senml",
                    ResidentId = "R-" + device,
                    InstalledAt = now,
                }
            );
            db.Credentials.Add(
                new Credential
                {
                    Username = device,
                    CreatedAt = now,
                    PasswordHash =
                        $"pbkdf2-sha256$1${Convert.ToBase64String(salt)}$"
                        + Convert.ToBase64String(
                            Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), salt, 1, HashAlgorithmName.SHA256, 32)
                        ),
                }
            );
        }

        for (var i = 0; i < homes; i++)
            Add(MqttLoad.Device(i), MqttLoad.Password(i), i);
        for (var i = 0; i < presses; i++)
            Add($"sos{i:D5}", $"pw-sos{i:D5}", homes + i);
        await db.SaveChangesAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        return 0;
    }

    internal static Process StartVigil(string vigil, string folder, int port, params string[] more) =>
        Start(
            vigil,
            [
                "run",
                "--Mqtt:Port",
                $"{port}",
                "--Mqtt:DeviceRate",
                "100000",
                "--Mqtt:DeviceBurst",
                "100000",
                "--Mqtt:MaxUnauthenticated",
                "100000",
                "--Mqtt:MaxUnauthenticatedPerAddress",
                "100000",
                "--Http:Urls",
                $"http://127.0.0.1:{FreePort()}",
                "--Data:Path",
                folder,
                .. more,
            ]
        );

    /// <param name="said">Takes each line of its standard output; none for <c>load</c>, whose caller reads it.</param>
    internal static Process Start(string program, string[] arguments, Action<string>? said = null)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var a in arguments)
            start.ArgumentList.Add(a);
        if (arguments[0] is "run" or "drop")
            start.Environment["DOTNET_GCgen0size"] = "0x4000000"; // as ./vigil sets it, and the same for both sides
        var process = Process.Start(start)!;
        if (arguments[0] != "load")
        {
            process.OutputDataReceived += (_, e) =>
            {
                if (e.Data is { } line)
                    said?.Invoke(line);
            };
            process.ErrorDataReceived += (_, e) =>
            {
                if (e.Data is { Length: > 0 } text)
                    Console.Error.WriteLine(text);
            };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        return process;
    }

    internal static void Stop(Process process)
    {
        process.Kill();
        process.WaitForExit();
    }

    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    internal static async Task ReadyAsync(int port, int seconds = 60)
    {
        for (var tries = 0; tries < seconds * 10; tries++)
        {
            try
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            }
        }

        throw new TimeoutException($"nothing listens on {port}");
    }
}
