using System.Globalization;
using System.Text.Json;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>
/// The main job on real programs: the published service with Debian's mosquitto and InfluxDB, and mosquitto_pub as the device.
/// </summary>
[Trait("Category", "Server")]
public sealed class MainJobTests
{
    private const string Registry =
        "record,id,name,area,phone,latitude,longitude,visitor id,visitor name,visitor phone,"
        + "contact 1 name,contact 1 relation,contact 1 phone,contact 2 name,contact 2 relation,contact 2 phone,"
        + "device 1 id,device 1 profile,device 2 id,device 2 profile,device 3 id,device 3 profile\n"
        + "resident,R1,王秀英,440114003201,,23.1,113.2,V1,周志愿,13912340001,王小明,儿子,13800138001,王小红,女儿,13700137001,"
        + """
            76348799,kamstrup/multical21,sos-1,tuya/ts0215a,014450376202,jt808
            duty,D1,镇值班室,440114003,13600136000,,,,,,,,,,,,,,,,,
            area,,云溪村,440114003201,,,,,,,,,,,,,,,,,,
            """;

    /// <summary>People in the shipped order, with waits of a second.</summary>
    private const string Policies = """
        policies:
          - id: all
            seenWellBy: 1h
            renotifyAfter: 1h
            steps:
              - { to: contact 1, via: [sms], wait: 1s }
              - { to: contact 2, via: [sms], wait: 1s }
              - { to: visitor, via: [sms], wait: 1s }
              - { to: duty, via: [sms], wait: 1h }
        """;

    [Fact]
    public async Task A_water_meter_goes_quiet_and_the_alarm_climbs_until_the_desk_acknowledges_it()
    {
        await using var mosquitto = new MosquittoServer();
        await mosquitto.StartAsync();
        await using var influx = new InfluxServer();
        await influx.StartAsync();
        await using var vigil = await VigilServer.StartAsync(
            Registry,
            Policies,
            new()
            {
                ["Mqtt:Embedded"] = "false",
                ["Mqtt:Host"] = "127.0.0.1",
                ["Mqtt:Port"] = $"{mosquitto.Port}",
                ["Readings:Store"] = "Influx",
                ["Influx:Api"] = "v1",
                ["Influx:Url"] = influx.Url,
                ["Influx:Bucket"] = "vigil",
            }
        );
        await vigil.Process.SaysAsync("Subscribed to");

        await MeterGoesQuietAsync(vigil, mosquitto.Port, null, null);
        var alarm = await AlarmAsync(vigil, "no-water");
        await ToldInOrderAsync(vigil, alarm, "王小明", "王小红", "周志愿", "镇值班室");

        // The readings are in the real InfluxDB, each of them once.
        var readings = await vigil.GetAsync($"residents/R1/readings?metric=water.volume&from={Day(-3)}");
        Assert.Equal(50, readings.GetArrayLength());

        using var answer = await vigil.PostAsync($"alarms/{alarm}/acknowledge", new { note = "calling her now" });
        Assert.Equal(204, (int)answer.StatusCode);
        var one = await vigil.GetAsync($"alarms/{alarm}");
        Assert.Equal("acknowledged", one.GetProperty("alarm").GetProperty("state").GetString());
        Assert.Equal("api:test", one.GetProperty("alarm").GetProperty("acknowledgedBy").GetString());
        Assert.Equal(
            ["opened", "acknowledged"],
            one.GetProperty("timeline")
                .EnumerateArray()
                .Select(t => t.GetProperty("what").GetString()!)
                .Where(w => w is "opened" or "acknowledged")
        );
        using var again = await vigil.PostAsync($"alarms/{alarm}/acknowledge", new { note = "" });
        Assert.Equal(409, (int)again.StatusCode);
    }

    [Fact]
    public async Task The_same_against_the_embedded_broker_and_DuckDB_and_a_press_is_told_within_a_second()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies);
        var meter = await vigil.CredentialAsync("76348799");
        var button = await vigil.CredentialAsync("sos-1");
        var locator = await vigil.CredentialAsync("014450376202");

        await MeterGoesQuietAsync(vigil, vigil.MqttPort, "76348799", meter);
        var alarm = await AlarmAsync(vigil, "no-water");
        await ToldInOrderAsync(vigil, alarm, "王小明", "王小红", "周志愿", "镇值班室");

        // A JT/T 808 position of the locator, in the bytes that the device sends.
        var frame = Convert.FromHexString(
            "7e070400510144503762020002000101004c00040100000800030202301006f893e8001d000000952608172218121404"
                + "00000000170200000104000036c9030200002504000000002a02000030011f31010eea04020c8300ef0400000000037e"
        );
        var file = Path.Combine(vigil.Folder, "frame.bin");
        await File.WriteAllBytesAsync(file, frame);
        Assert.Equal(
            0,
            (
                await Server.RunAsync(
                    "mosquitto_pub",
                    [
                        "-h",
                        "127.0.0.1",
                        "-p",
                        $"{vigil.MqttPort}",
                        "-q",
                        "1",
                        "-t",
                        "jt808/014450376202",
                        "-f",
                        file,
                        "-u",
                        "014450376202",
                        "-P",
                        locator,
                    ]
                )
            ).Code
        );
        var place = (await vigil.GetAsync("residents/R1/readings?metric=location&from=2026-08-01T00:00:00Z&to=2026-09-01T00:00:00Z"))[0];
        Assert.Equal(33.697808, place.GetProperty("value").GetDouble(), 6);
        Assert.Equal(116.954088, place.GetProperty("longitude").GetDouble(), 6);

        Assert.Equal(
            0,
            (
                await vigil.PublishAsync(
                    vigil.MqttPort,
                    "zigbee2mqtt/sos-1",
                    """{"action":"emergency","battery":87,"linkquality":96,"voltage":2900}""",
                    "sos-1",
                    button
                )
            ).Code
        );
        var sos = await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 1, seconds: 5);
        var notices = await vigil.UntilAsync(
            $"notices?alarm={sos[0].GetProperty("id").GetGuid()}",
            n => n.EnumerateArray().Any(x => x.GetProperty("state").GetString() == "sent"),
            seconds: 5
        );
        var opened = sos[0].GetProperty("openedAt").GetDateTime();
        Assert.InRange((notices.EnumerateArray().Min(n => n.GetProperty("createdAt").GetDateTime()) - opened).TotalSeconds, 0, 1);
        Assert.InRange((opened - sos[0].GetProperty("raisedAt").GetDateTime()).TotalSeconds, 0, 1);

        // A backtest of the stored readings raises the same alarm as the live service. While the service runs it holds the readings' file,
        // and the command says what to do instead.
        var (code, output) = await vigil.RunAsync("backtest", "--store", "--resident", "R1");
        Assert.Equal(1, code);
        Assert.Contains("is in use by vigil run, process ", output, StringComparison.Ordinal);
        Assert.Contains("vigil restore FOLDER/vigil-TIME", output, StringComparison.Ordinal);
        await vigil.Process.StopAsync(TimeSpan.FromSeconds(20));
        (code, output) = await vigil.RunAsync("backtest", "--store", "--resident", "R1");
        Assert.True(code == 0, output);
        Assert.Contains("\"kind\":\"no-water\"", output, StringComparison.Ordinal);
        Assert.Contains("\"kind\":\"sos\"", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_read_is_kept_and_who_is_not_known_waits_to_be_bound()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies);
        var meter = await vigil.CredentialAsync("76348799");
        var gateway = await vigil.CredentialAsync("gateway-1", gateway: true);

        Assert.Equal(0, (await vigil.PublishAsync(vigil.MqttPort, "wmbusmeters/76348799", """{"total_m3":""", "76348799", meter)).Code);
        var rejected = (await vigil.GetAsync("rejected"))[0];
        Assert.Equal("wmbusmeters/76348799", rejected.GetProperty("topic").GetString());
        Assert.Equal("""{"total_m3":""", System.Text.Encoding.UTF8.GetString(rejected.GetProperty("payload").GetBytesFromBase64()));
        Assert.Contains("is not JSON", rejected.GetProperty("reason").GetString());

        Assert.Equal(
            0,
            (
                await vigil.PublishAsync(
                    vigil.MqttPort,
                    "wmbusmeters/55555555",
                    """{"media":"cold water","meter":"multical21","id":"55555555","total_m3":1.5,"timestamp":"2026-01-01T00:00:00Z"}""",
                    "gateway-1",
                    gateway
                )
            ).Code
        );
        var unbound = Assert.Single((await vigil.GetAsync("devices/unbound")).EnumerateArray());
        Assert.Equal("55555555", unbound.GetProperty("id").GetString());
        using var bound = await vigil.PostAsync("devices/unbound/55555555/bind", new { resident = "R1" });
        Assert.Equal(204, (int)bound.StatusCode);
        Assert.Equal(0, (await vigil.GetAsync("devices/unbound")).GetArrayLength());

        // A device that a bridge announces by Home Assistant's discovery is listed as unbound; once bound, it is read as it was announced.
        Assert.Equal(
            0,
            (
                await vigil.PublishAsync(
                    vigil.MqttPort,
                    "homeassistant/sensor/esp-7/total/config",
                    """
                    {"state_topic":"esp-7/state","value_template":"{{ value_json.total }}","unit_of_measurement":"L",
                     "device_class":"water","unique_id":"esp-7-total","device":{"identifiers":["esp-7"],"name":"Kitchen meter"}}
                    """,
                    "gateway-1",
                    gateway
                )
            ).Code
        );
        var announced = Assert.Single((await vigil.GetAsync("devices/unbound")).EnumerateArray());
        Assert.Equal(("esp-7", "home-assistant"), (announced.GetProperty("id").GetString(), announced.GetProperty("profile").GetString()));
        Assert.Contains("Kitchen meter", announced.GetProperty("announced").GetString(), StringComparison.Ordinal);
        using var taken = await vigil.PostAsync("devices/unbound/esp-7/bind", new { resident = "R1" });
        Assert.Equal(204, (int)taken.StatusCode);
        // The service follows a new binding within seconds. Until then the meter counts as unknown, so it repeats its total.
        var stored = 0;
        for (
            var patience = System.Diagnostics.Stopwatch.StartNew();
            stored == 0 && patience.Elapsed < TimeSpan.FromSeconds(30);
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, TestContext.Current.CancellationToken)
        )
        {
            Assert.Equal(0, (await vigil.PublishAsync(vigil.MqttPort, "esp-7/state", """{"total":12500}""", "gateway-1", gateway)).Code);
            stored = (await vigil.GetAsync("residents/R1/readings?metric=water.volume"))
                .EnumerateArray()
                .Count(x => x.GetProperty("device").GetString() == "esp-7" && x.GetProperty("value").GetDouble() == 12.5);
        }

        Assert.True(stored > 0, vigil.Process.Output);
    }

    [Fact]
    public async Task A_device_cannot_log_in_without_its_password_nor_speak_for_another()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies);
        var button = await vigil.CredentialAsync("sos-1");
        Assert.NotEqual(0, (await vigil.PublishAsync(vigil.MqttPort, "zigbee2mqtt/sos-1", """{"action":"emergency"}""")).Code);
        Assert.NotEqual(
            0,
            (await vigil.PublishAsync(vigil.MqttPort, "zigbee2mqtt/sos-1", """{"action":"emergency"}""", "sos-1", "wrong")).Code
        );
        Assert.NotEqual(
            0,
            (await vigil.PublishAsync(vigil.MqttPort, "wmbusmeters/76348799", """{"id":"76348799","total_m3":1}""", "sos-1", button)).Code
        );
        // The topic is the sender's own, but the payload names another device.
        await vigil.PublishAsync(
            vigil.MqttPort,
            "vigil/sos-1/up",
            """[{"bn":"76348799/","n":"water.volume","u":"m3","v":1}]""",
            "sos-1",
            button
        );
        Assert.Equal(0, (await vigil.GetAsync("alarms")).GetArrayLength());
        Assert.Equal(0, (await vigil.GetAsync("residents/R1/readings")).GetArrayLength());
    }

    [Fact]
    public async Task Wrong_configuration_stops_the_start_with_every_error_at_once()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-test-").FullName;
        var rules = Path.Combine(folder, "rules.yaml");
        await File.WriteAllTextAsync(
            rules,
            "rules:\n  sos: {}\n  fall: {}\n  smoke: {}\n  gas: {}\n  voice-help: {}\n  no-water: { within: soon }\n  no-watter: {}\n"
        );
        var (code, output) = await Server.RunAsync(
            VigilServer.Executable,
            ["run", $"--Data:Path={folder}", $"--Rules:Path={rules}", "--Mqtt:Port=0", "--Readings:Store=Paper", "--Time:Zone=Mars"]
        );
        Assert.Equal(1, code);
        Assert.Contains($"{rules}:7", output);
        Assert.Contains("'soon'", output);
        Assert.Contains($"{rules}:8", output);
        Assert.Contains("no-watter", output);
        Assert.Contains("Mqtt:Port", output);
        Assert.Contains("'Paper'", output);
        Assert.Contains("'Mars'", output);
        Assert.DoesNotContain("is running", output);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_command_takes_the_settings_that_follow_its_options_and_a_key_is_not_changed_under_a_service_that_runs()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies);
        var file = Path.Combine(vigil.Folder, "more.json");
        await File.WriteAllTextAsync(file, "{}");
        var (code, output) = await vigil.RunAsync("check", "--config", file);
        Assert.True(code == 0, output);
        (code, output) = await vigil.RunAsync("credential", "gateway-2", "--gateway", "--topic", "zigbee2mqtt/#");
        Assert.True(code == 0 && Directory.GetDirectories(vigil.Folder).Length == 1, output); // nothing was written outside Data:Path
        (code, output) = await vigil.RunAsync("rotate-key");
        Assert.NotEqual(0, code);
        Assert.Contains("held by vigil run", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_acknowledged_is_lost_and_no_alarm_doubled_when_the_service_is_killed_again_and_again()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies, new() { ["Mqtt:GatewayRate"] = "100000" });
        var gateway = await vigil.CredentialAsync("gateway-1", gateway: true);
        var acknowledged = new List<DateTime>();
        var started = TimeProvider.System.GetUtcNow().UtcDateTime.Date.AddDays(-1);
        var random = new Random(1);
        var next = 0;
        var pressed = new List<DateTime>();
        DateTime? unanswered = null; // a press without an acknowledgement; the button sends it again, as every device does
        // Six rounds in ./test; ./test long sets the number by VIGIL_KILL_ROUNDS.
        var rounds = int.Parse(Environment.GetEnvironmentVariable("VIGIL_KILL_ROUNDS") ?? "6", CultureInfo.InvariantCulture);
        for (var round = 0; round < rounds; round++)
        {
            using var client = await ConnectedAsync($"g{round}");
            await AgainAsync(client);
            var enough = acknowledged.Count + random.Next(10, 60);
            Task? kill = null;
            try
            {
                while (kill is not { IsCompleted: true })
                {
                    var time = started.AddSeconds(next++);
                    var total = (next * 0.001).ToString("0.000", CultureInfo.InvariantCulture);
                    var payload =
                        $$"""{"id":"76348799","media":"cold water","total_m3":{{total}},"timestamp":"{{time:yyyy-MM-ddTHH:mm:ssZ}}"}""";
                    var result = await client.PublishAsync(
                        new MQTTnet.MqttApplicationMessageBuilder()
                            .WithTopic("wmbusmeters/76348799")
                            .WithPayload(payload)
                            .WithQualityOfServiceLevel(MQTTnet.Protocol.MqttQualityOfServiceLevel.AtLeastOnce)
                            .Build()
                    );
                    if (result.IsSuccess)
                        acknowledged.Add(time);
                    if (next % 25 == 0)
                    {
                        pressed.Add(time);
                        unanswered = time;
                        await AgainAsync(client);
                    }

                    // Kills the service after a random number of messages, while more are being sent.
                    if (acknowledged.Count >= enough)
                        kill ??= Task.Run(vigil.Process.KillAsync);
                }
            }
            catch (Exception e)
                when (e is MQTTnet.Exceptions.MqttCommunicationException or OperationCanceledException or InvalidOperationException)
            {
                // the service was killed
            }

            await (kill ?? throw new InvalidOperationException($"the service ended by itself:\n{vigil.Process.Output}"));
            await vigil.StartAsync();
        }

        using (var last = await ConnectedAsync("last"))
            await AgainAsync(last);
        Assert.True(
            acknowledged.Count > 100,
            $"only {acknowledged.Count} messages were acknowledged; the load is too small to prove anything"
        );
        var stored = (await vigil.GetAsync($"residents/R1/readings?metric=water.volume&from={started:yyyy-MM-ddTHH:mm:ssZ}&limit=100000"))
            .EnumerateArray()
            .Select(r => r.GetProperty("time").GetDateTime())
            .ToList();
        Assert.Equal(stored.Count, stored.Distinct().Count());
        Assert.Empty(acknowledged.Except(stored));
        // One sos alarm, with every press exactly once on its timeline, even one whose alarm was committed before the kill and its reading
        // after it.
        var alarm = Assert.Single((await vigil.GetAsync("alarms?kind=sos")).EnumerateArray());
        var presses = (await vigil.GetAsync($"residents/R1/readings?metric=button&from={started:yyyy-MM-ddTHH:mm:ssZ}&limit=100000"))
            .EnumerateArray()
            .Select(r => r.GetProperty("time").GetDateTime());
        Assert.Equal(pressed, presses.Order());
        var timeline = (await vigil.GetAsync($"alarms/{alarm.GetProperty("id").GetGuid()}")).GetProperty("timeline");
        var told = timeline.EnumerateArray().Count(t => t.GetProperty("what").GetString() is "opened" or "repeated");
        Assert.True(pressed.Count == told, $"{pressed.Count} presses, {told} told\n{timeline}\n{vigil.Process.Output}");

        async Task<MQTTnet.IMqttClient> ConnectedAsync(string id)
        {
            var client = new MQTTnet.MqttClientFactory().CreateMqttClient();
            await client.ConnectAsync(
                new MQTTnet.MqttClientOptionsBuilder()
                    .WithTcpServer("127.0.0.1", vigil.MqttPort)
                    .WithCredentials("gateway-1", gateway)
                    .WithClientId(id)
                    .Build()
            );
            return client;
        }

        async Task AgainAsync(MQTTnet.IMqttClient client)
        {
            if (unanswered is not { } time)
                return;
            var result = await client.PublishAsync(
                new MQTTnet.MqttApplicationMessageBuilder()
                    .WithTopic("vigil/sos-1/up")
                    .WithPayload($$"""[{"n":"button","vs":"sos","t":{{new DateTimeOffset(time).ToUnixTimeSeconds()}}}]""")
                    .WithQualityOfServiceLevel(MQTTnet.Protocol.MqttQualityOfServiceLevel.AtLeastOnce)
                    .Build()
            );
            if (result.IsSuccess)
                unanswered = null;
        }
    }

    [Fact]
    public async Task SIGTERM_with_devices_connected_ends_the_service_cleanly_and_soon()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies);
        var gateway = await vigil.CredentialAsync("gateway-1", gateway: true);
        using var client = new MQTTnet.MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(
            new MQTTnet.MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", vigil.MqttPort).WithCredentials("gateway-1", gateway).Build()
        );
        Assert.Equal(0, await vigil.Process.StopAsync(TimeSpan.FromSeconds(20)));
    }

    private static async Task MeterGoesQuietAsync(VigilServer vigil, int port, string? username, string? password)
    {
        // An hourly total for the last two days; no water in the last 25 hours.
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var hour = new DateTime(now.Year, now.Month, now.Day, now.Hour, 0, 0, DateTimeKind.Utc);
        for (var ago = 49; ago >= 0; ago--)
        {
            var total = 6.408 + 0.010 * Math.Min(49 - ago, 24);
            var payload = string.Create(
                CultureInfo.InvariantCulture,
                $$"""
                {"_":"telegram","media":"cold water","meter":"multical21","name":"MyTapWater","id":"76348799","status":"DRY"
                """
                    + $$""","total_m3":{{total:0.000}},"target_m3":6.408,"flow_temperature_c":127,"external_temperature_c":19"""
                    + $$""","timestamp":"{{hour.AddHours(-ago):yyyy-MM-ddTHH:mm:ssZ}}"}"""
            );
            var (code, output) = await vigil.PublishAsync(port, "wmbusmeters/76348799", payload, username, password);
            Assert.True(code == 0, output);
        }
    }

    private static async Task<Guid> AlarmAsync(VigilServer vigil, string kind)
    {
        var alarms = await vigil.UntilAsync($"alarms?kind={kind}", a => a.GetArrayLength() > 0);
        var alarm = Assert.Single(alarms.EnumerateArray());
        Assert.Equal("R1", alarm.GetProperty("resident").GetString());
        Assert.Contains("24 h", alarm.GetProperty("reason").GetString());
        return alarm.GetProperty("id").GetGuid();
    }

    private static async Task ToldInOrderAsync(VigilServer vigil, Guid alarm, params string[] names)
    {
        var notices = await vigil.UntilAsync(
            $"notices?alarm={alarm}",
            n => n.EnumerateArray().Count(x => x.GetProperty("state").GetString() == "sent") >= names.Length,
            seconds: 40
        );
        Assert.Equal(
            names,
            notices
                .EnumerateArray()
                .OrderBy(n => n.GetProperty("createdAt").GetDateTime())
                .Select(n => n.GetProperty("recipientName").GetString()!)
        );
        foreach (var notice in notices.EnumerateArray())
        {
            var text = notice.GetProperty("text").GetString()!;
            Assert.Contains("王*", text);
            Assert.DoesNotContain("王秀英", text);
        }
    }

    private static string Day(int days) =>
        TimeProvider.System.GetUtcNow().AddDays(days).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
