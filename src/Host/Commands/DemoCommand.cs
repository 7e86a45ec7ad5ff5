using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Phones;
using Vigil.Registry;
using Vigil.Storage.Records;
using Vigil.Village;

namespace Vigil.Host.Commands;

/// <summary>
/// <c>vigil demo</c>: the real service (embedded broker, DuckDB, SQLite) in a temporary folder, a simulated village that connects over
/// MQTT/TCP, a clock that runs fast, and a terminal that tells what happens: frame → readings → finding → alarm → SMS and calls →
/// acknowledgement or escalation. Notices go through the Twilio channel to a phone network on loopback, where simulated people answer or
/// don't: nothing leaves the machine.
/// </summary>
internal static class DemoCommand
{
    private const string Area = "440114003201";

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
                // The village delivers a month in seconds; the limits are for real devices and real clocks.
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
            // Whatever routes this machine is configured with: the demo's numbers may be somebody's, and nothing may go there.
            foreach (var route in Settings.Read([], []).GetSection("Notify:Routes").GetChildren())
                values.TryAdd($"Notify:Routes:{route.Key}", "twilio");
            if (RunCommand.Load([], [], values) is not { } settings)
                return 1;
            return await RunAsync(settings, speed, residents, mqttPort, phonePort, days, cancellation);
        }
        catch (IOException e) when (e.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            Console.Error.WriteLine($"vigil demo: port {port} is in use; choose another with --port");
            return 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<int> RunAsync(
        Settings settings,
        double speed,
        int residents,
        int mqttPort,
        int phonePort,
        double days,
        CancellationToken cancellation
    )
    {
        // The village wakes up at five in the morning of today.
        var today = TimeZoneInfo.ConvertTime(TimeProvider.System.GetUtcNow(), settings.Zone);
        var midnight = new DateTimeOffset(today.Year, today.Month, today.Day, 0, 0, 0, today.Offset);
        var wakes = midnight.AddHours(5);
        var clock = new FastClock(wakes, 1);
        var homes = Enumerable.Range(1, residents).Select(n => new Household(n, seed: 1)).ToList();
        var scenario = Scenario.Parse(Resource("demo.scenario"));

        var people = new DemoPeople(homes);
        await using var phones = await PhoneNetwork.StartAsync(
            new TwilioAccount(
                settings.Configuration["Twilio:AccountSid"]!,
                settings.Configuration["Twilio:AuthToken"]!,
                settings.Configuration["Twilio:From"]!,
                settings.Urls[0]
            ),
            clock,
            phonePort
        );
        await using var app = Service.Build(settings, clock);
        await using var story = new Story(app, homes, people, phones, clock, settings);
        var records = app.Services.GetRequiredService<IDbContextFactory<RecordsDb>>();
        await records.MigrateAsync(cancellation);
        var (problems, summary) = await new RegistryImport(records, clock, id => settings.Profiles.Find(id) is not null).ImportAsync(
            new StringReader(RegistryOf(homes)),
            "demo registry",
            dryRun: false,
            cancellation
        );
        if (problems.Count > 0)
            throw new InvalidOperationException(string.Join('\n', problems));
        var logins = await LoginsAsync(app.Services.GetRequiredService<Secrets>(), homes, cancellation);
        await Service.PrepareAsync(app.Services, cancellation);
        await app.StartAsync(cancellation);
        Console.WriteLine(
            $"守望 Vigil demo — a village of {homes.Count} residents, {logins.Count} devices. Not a medical device; not a replacement "
                + $"for emergency services."
        );
        Console.WriteLine(
            $"Duty board: {settings.Urls[0]}   MQTT: 127.0.0.1:{mqttPort}   one day takes "
                + $"{TimeSpan.FromSeconds(86400 / speed).TotalSeconds:0} s   Ctrl+C stops"
        );
        var village = new SimulatedVillage(homes, logins, "127.0.0.1", mqttPort, clock, settings.Zone);
        await village.ConnectAsync(cancellation);
        var delivered = await village.DeliverHistoryAsync(wakes.AddDays(-9), wakes, scenario, midnight, cancellation);
        Console.WriteLine(
            $"The water meters have delivered what they recorded in the last nine days: {delivered} messages, each acknowledged "
                + $"after its commit."
        );
        await TestPressAsync(app.Services, village, homes[0], phones, cancellation);
        // Nobody answers a test; its calls end before the day begins.
        clock.Speed = Math.Min(speed, 20);
        while (phones.NextAt is not null)
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellation); // a look, not a time of the village's
        people.SettleIn(phones);
        Console.WriteLine("It is five in the morning. Times are the village's.");
        Console.WriteLine();
        story.Begin();
        clock.Speed = speed;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation, app.Lifetime.ApplicationStopping);
        var living = village.LiveAsync(scenario, midnight, end.Token);
        var waiting =
            days > 0 ? Task.Delay(TimeSpan.FromDays(days), clock, end.Token) : Task.Delay(Timeout.InfiniteTimeSpan, clock, end.Token);
        try
        {
            await await Task.WhenAny(living, waiting);
        }
        catch (OperationCanceledException)
        {
            // Ctrl+C
        }

        await end.CancelAsync();
        clock.Speed = 1;
        await village.DisposeAsync();
        await story.DisposeAsync();
        await app.StopAsync(CancellationToken.None);
        return 0;
    }

    /// <summary>
    /// The installer's test press: proves the whole way, and the demo's first real press doesn't wait for code to be compiled.
    /// </summary>
    private static async Task TestPressAsync(
        IServiceProvider services,
        SimulatedVillage village,
        Household home,
        PhoneNetwork phones,
        CancellationToken cancellation
    )
    {
        var rings = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnHappened(PhoneEvent happened) => rings.TrySetResult();
        phones.Happened += OnHappened;
        await village.PressAsync(home, cancellation);
        await rings.Task.WaitAsync(TimeSpan.FromSeconds(30), cancellation);
        phones.Happened -= OnHappened;
        await using var db = await services.GetRequiredService<IDbContextFactory<RecordsDb>>().CreateDbContextAsync(cancellation);
        foreach (
            var alarm in await db
                .Alarms.Where(a => a.State != AlarmState.Resolved && a.Kind == AlarmKind.Sos.Name)
                .ToListAsync(cancellation)
        )
            await services
                .GetRequiredService<AlarmDesk>()
                .ResolveAsync(alarm.Id, "installer", Resolution.Test, "test press at installation", cancellation);
        Console.WriteLine($"Test press of {home.Id}: heard, told, and resolved as a test.");
    }

    private static async Task<Dictionary<string, DeviceLogin>> LoginsAsync(
        Secrets secrets,
        IReadOnlyList<Household> homes,
        CancellationToken cancellation
    )
    {
        var logins = new Dictionary<string, DeviceLogin>();
        foreach (var home in homes)
        {
            foreach (
                var (device, topic) in new[]
                {
                    (home.WaterMeter, $"wmbusmeters/{home.WaterMeter}"),
                    (home.ElectricityMeter, $"dlt645/{home.ElectricityMeter}"),
                    (home.Button, $"zigbee2mqtt/{home.Button}"),
                    (home.Locator, $"jt808/{home.Locator}"),
                    (home.Sensor, $"vigil/{home.Sensor}/up"),
                }
            )
                logins[device] = new DeviceLogin(
                    device,
                    topic,
                    await secrets.CreateCredentialAsync(device, gateway: false, [], cancellation)
                );
        }

        return logins;
    }

    private static string RegistryOf(IReadOnlyList<Household> homes)
    {
        var csv = new StringBuilder(
            "record,id,name,area,latitude,longitude,key,visitor id,visitor name,visitor phone,contact 1 name,contact 1 "
                + "relation,contact 1 phone,contact 2 name,contact 2 relation,contact 2 phone,device 1 id,device 1 profile,device 2 "
                + "id,device 2 profile,device 2 report,device 3 id,device 3 profile,device 4 id,device 4 profile,device 5 id,device "
                + "5 profile,device 5 report,phone\n"
        );
        foreach (var h in homes)
            csv.Append(
                CultureInfo.InvariantCulture,
                $"resident,{h.Id},{h.Name},{Area},{h.Home.Latitude:0.0000},{h.Home.Longitude:0.0000},{(h.Number % 4 == 0 ? "yes" : "no")},"
                    + $"V{h.Number % 3 + 1},{"周吴郑"[h.Number % 3]}志愿,1391234{h.Number % 3:0000},"
                    + $"{h.Name[..1]}小明,儿子,1380013{h.Number:0000},{h.Name[..1]}小红,女儿,1370013{h.Number:0000},"
                    + $"{h.WaterMeter},kamstrup/multical21,{h.ElectricityMeter},dlt645-2007,60,{h.Button},tuya/ts0215a,"
                    + $"{h.Locator},jt808,{h.Sensor},senml,60,\n"
            );
        csv.Append(
            CultureInfo.InvariantCulture,
            $"area,,云溪村,{Area}\nduty,D1,镇值班室,440114003,,,,,,,,,,,,,,,,,,,,,,,,,13600136000\n"
                + $"supervisor,S1,区主管,440114,,,,,,,,,,,,,,,,,,,,,,,,,13600136001\n"
        );
        return csv.ToString();
    }

    private static string Resource(string name)
    {
        using var stream = typeof(Household).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
