using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;

namespace Vigil.Host.Commands;

/// <summary>
/// <c>vigil demo</c>: the real service (embedded broker, DuckDB, SQLite) in a temporary folder, with a clock that runs fast, a simulated
/// village that connects over MQTT, and a terminal that prints what happens: frame → readings → finding → alarm → SMS and calls →
/// acknowledgement or escalation. Notices go through the Twilio channel to a phone network on loopback, where simulated people answer or
/// don't: nothing leaves the machine.
/// </summary>
internal static class DemoCommand
{
    public static Command Create()
    {
        var speed = new Option<double>("--speed")
        {
            Description = "How many times faster than the wall clock (720: a day in two minutes)",
            DefaultValueFactory = _ => 720,
        };
        var residents = new Option<int>("--residents") { Description = "How many homes", DefaultValueFactory = _ => 20 };
        var port = new Option<int>("--port") { Description = "Port of the duty board", DefaultValueFactory = _ => 5080 };
        var mqttPort = new Option<int>("--mqtt-port")
        {
            Description = "Port of the embedded broker (0: any free one)",
            DefaultValueFactory = _ => 0,
        };
        var days = new Option<double>("--days")
        {
            Description = "Stops after so many simulated days (0: runs until Ctrl+C)",
            DefaultValueFactory = _ => 0,
        };
        var postgres = new Option<string>("--postgres")
        {
            Description = "Records in this PostgreSQL database (a connection string, an empty database) instead of SQLite",
            DefaultValueFactory = _ => "",
        };
        var command = new Command(
            "demo",
            "The main job with nothing installed: a simulated village and its phones, notices shown instead of sent, the duty board "
                + "on http://127.0.0.1:5080"
        )
        {
            speed,
            residents,
            port,
            mqttPort,
            days,
            postgres,
        };
        command.SetAction(
            (result, cancellation) =>
                RunAsync(
                    Math.Clamp(result.GetValue(speed), 1, 5000),
                    Math.Clamp(result.GetValue(residents), 1, 99),
                    result.GetValue(port),
                    result.GetValue(mqttPort),
                    result.GetValue(days),
                    result.GetValue(postgres)!,
                    cancellation
                )
        );
        return command;
    }

    private static async Task<int> RunAsync(
        double speed,
        int residents,
        int port,
        int mqttPort,
        double days,
        string postgres,
        CancellationToken cancellation
    )
    {
        var folder = Directory.CreateTempSubdirectory("vigil-demo-").FullName;
        try
        {
            if (mqttPort == 0)
                mqttPort = FreePort();
            var phonePort = FreePort();
            var values = new Dictionary<string, string?>
            {
                ["Data:Path"] = folder,
                ["Http:Urls"] = $"http://127.0.0.1:{port}",
                ["Http:Open"] = "true",
                ["Mqtt:Port"] = mqttPort.ToString(CultureInfo.InvariantCulture),
                ["Mqtt:Host"] = "127.0.0.1",
                ["Mqtt:Embedded"] = "true",
                ["Readings:Store"] = "DuckDb",
                ["Records:Store"] = postgres.Length > 0 ? "Postgres" : "Sqlite",
                ["Records:ConnectionString"] = postgres,
                ["Backup:Folder"] = "",
                // The village sends a month's messages in seconds, far more than the limits for real devices allow.
                ["Mqtt:DeviceRate"] = "100000",
                ["Mqtt:DeviceBurst"] = "1000000",
                ["Mqtt:MaxUnauthenticatedPerAddress"] = "1000",
                ["Logging:LogLevel:Default"] = "Warning",
                ["Time:Speed"] = speed.ToString(CultureInfo.InvariantCulture),
                ["Http:PublicUrl"] = $"http://127.0.0.1:{port}",
                ["Twilio:BaseUrl"] = $"http://127.0.0.1:{phonePort}",
                ["Twilio:AccountSid"] = "AC" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
                ["Twilio:AuthToken"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
                ["Twilio:PreviousAuthToken"] = "",
                ["Twilio:From"] = "+85230000000",
                ["Twilio:MessagingServiceSid"] = "",
                ["Twilio:OneWay"] = "",
                ["Twilio:RingSeconds"] = "30",
                ["Twilio:ValiditySeconds"] = "3600",
                ["Notify:Routes:default"] = "twilio",
                ["Notify:Routes:mail"] = "outbox",
                ["Notify:Routes:webhook"] = "outbox",
                ["Health:CanaryMinutes"] = "0",
                ["Health:HeartbeatUrl"] = "",
            };
            // Overrides all routes this machine is configured with: the demo's numbers may belong to somebody.
            foreach (var route in Settings.Read([], []).GetSection("Notify:Routes").GetChildren())
                values.TryAdd($"Notify:Routes:{route.Key}", "twilio");
            if (RunCommand.Load([], [], values) is not { } settings)
                return 1;
            if (RunCommand.PortTaken(settings) is not null)
                return PortInUse(port);
            return await DemoRun.RunAsync(settings, speed, residents, mqttPort, phonePort, days, cancellation);
        }
        catch (IOException e) when (e.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            return PortInUse(port);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int PortInUse(int port)
    {
        Console.Error.WriteLine($"vigil demo: port {port} is in use; choose another with --port");
        return 1;
    }

    private static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
