using System.Diagnostics;
using System.Text.Json;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>
/// The published service while the machine's clock is set (libfaketime), the process is stopped (SIGSTOP) or the machine has been up for
/// fifty days (a time namespace).
/// </summary>
[Trait("Category", "Server")]
public sealed class ClockFaultTests
{
    private const int Wait = 6;

    /// <summary>When the test last read whom the service has told.</summary>
    private long looked;

    /// <summary>A home with a button and twelve meters that report every hour.</summary>
    private static readonly string Registry = string.Join(
        '\n',
        [
            "record,id,name,area,phone,visitor id,visitor name,visitor phone,contact 1 name,contact 1 phone,contact 2 name,contact 2 phone,"
                + string.Join(',', Enumerable.Range(1, 7).Select(n => $"device {n} id,device {n} profile")),
            "resident,R1,王秀英,440114003201,,V1,周志愿,13912340001,王小明,13800138001,王小红,13700137001,sos-1,senml," + Meters(1),
            "resident,R2,李四,440114003201,,V1,周志愿,13912340001,,,,," + Meters(7) + ",,",
            "duty,D1,镇值班室,440114003,13600136000,,,,,,,," + new string(',', 13),
        ]
    );

    private static string Meters(int first) => string.Join(',', Enumerable.Range(first, 6).Select(n => $"meter-{n},kamstrup/multical21"));

    private static readonly string Policies = $$"""
        policies:
          - id: all
            seenWellBy: 1h
            renotifyAfter: 1h
            steps:
              - { to: contact 1, via: [sms], wait: {{Wait}}s }
              - { to: contact 2, via: [sms], wait: {{Wait}}s }
              - { to: visitor, via: [sms], wait: {{Wait}}s }
              - { to: duty, via: [sms], wait: 1h }
        """;

    [Fact]
    public async Task Put_back_an_hour_and_forward_four_escalation_keeps_its_waits_no_device_is_silent_and_both_are_said()
    {
        var rc = Path.GetTempFileName();
        await File.WriteAllTextAsync(rc, "+0\n");
        await using var vigil = await VigilServer.StartAsync(
            Registry,
            Policies,
            environment: new Dictionary<string, string>
            {
                ["LD_PRELOAD"] = Directory
                    .GetDirectories("/usr/lib", "*-linux-gnu")
                    .Select(d => Path.Combine(d, "faketime", "libfaketimeMT.so.1"))
                    .First(File.Exists),
                ["FAKETIME_TIMESTAMP_FILE"] = rc,
                ["FAKETIME_NO_CACHE"] = "1",
                ["DONT_FAKE_MONOTONIC"] = "1",
            }
        );
        var began = Stopwatch.GetTimestamp();
        await MetersAsync(vigil);
        await PressAsync(vigil);
        await ToldAsync(vigil, "王小明");

        await SetAsync(rc, "-3600");
        var (told, waited) = await ToldAsync(vigil, "王小明", "王小红");
        Assert.InRange(waited.TotalSeconds, 0, Wait + 5);
        await vigil.UntilAsync("alarms?kind=service-trouble", a => Said(a, "was put back by 59 min") || Said(a, "was put back by 1 h"));

        await SetAsync(rc, "+10800");
        (told, waited) = await ToldAsync(vigil, "王小明", "王小红", "周志愿");
        Assert.InRange(waited.TotalSeconds, 0, Wait + 5);
        await vigil.UntilAsync(
            "alarms?kind=service-trouble",
            a => Said(a, "was put forward by 4 h") || Said(a, "was put forward by 3 h 59 min")
        );
        (told, waited) = await ToldAsync(vigil, "王小明", "王小红", "周志愿", "镇值班室");
        Assert.InRange(waited.TotalSeconds, 0, Wait + 5);

        // Long enough that silent devices are judged again after the clock was set, and a little longer.
        while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(85))
            await vigil.UntilReadyAsync(text => text.StartsWith("ready", StringComparison.Ordinal));
        Assert.Equal(
            ["service-trouble", "sos"],
            (await vigil.GetAsync("alarms")).EnumerateArray().Select(a => a.GetProperty("kind").GetString()).Order()
        );
        Assert.Equal(told.Order(), (await NamesAsync(vigil)).Order()); // nobody was told twice
        File.Delete(rc);
    }

    [Fact]
    public async Task Stopped_for_twelve_seconds_what_is_overdue_runs_at_once_and_once_and_it_is_said()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies);
        await MetersAsync(vigil);
        await PressAsync(vigil);
        await ToldAsync(vigil, "王小明");
        await Server.RunAsync("kill", ["-STOP", $"{vigil.Process.Id}"]);
        await Task.Delay(TimeSpan.FromSeconds(12), TimeProvider.System); // for so long the process is stopped
        await Server.RunAsync("kill", ["-CONT", $"{vigil.Process.Id}"]);
        var (_, waited) = await ToldAsync(vigil, "王小明", "王小红");
        Assert.InRange(waited.TotalSeconds, 0, 5); // the overdue step ran at once
        await vigil.UntilAsync("alarms?kind=service-trouble", a => Said(a, "the service stood still for 1"));
        var (told, _) = await ToldAsync(vigil, "王小明", "王小红", "周志愿", "镇值班室");
        Assert.Equal(told.Order(), (await NamesAsync(vigil)).Order());
        Assert.Equal(
            ["service-trouble", "sos"],
            (await vigil.GetAsync("alarms")).EnumerateArray().Select(a => a.GetProperty("kind").GetString()).Order()
        );
    }

    [Fact]
    public async Task After_fifty_days_of_uptime_a_press_is_told_as_on_the_first()
    {
        // 4294937 s of uptime are 30 s less than 2^32 ms (49.7 days): a counter of 32 bits would overflow 30 s after the start.
        await using var vigil = await VigilServer.StartAsync(
            Registry,
            Policies,
            under: ["unshare", "--time", "--monotonic", "4294937", "--boottime", "4294937", "--fork", "--kill-child", "--"]
        );
        await PressAsync(vigil);
        var (_, waited) = await ToldAsync(vigil, "王小明", "王小红", "周志愿", "镇值班室");
        Assert.InRange(waited.TotalSeconds, 0, 3 * Wait + 10);
    }

    private static Task SetAsync(string rc, string offset) => File.WriteAllTextAsync(rc, offset + "\n");

    private static bool Said(JsonElement alarms, string words) =>
        alarms.GetArrayLength() > 0 && alarms[0].GetProperty("reason").GetString()!.Contains(words, StringComparison.Ordinal);

    private static async Task MetersAsync(VigilServer vigil)
    {
        var gateway = await vigil.CredentialAsync("gateway", gateway: true);
        for (var n = 1; n <= 12; n++)
            Assert.Equal(
                0,
                (
                    await vigil.PublishAsync(
                        vigil.MqttPort,
                        $"vigil/meter-{n}/up",
                        """[{"n":"water.volume","u":"m3","v":6.4}]""",
                        "gateway",
                        gateway
                    )
                ).Code
            );
    }

    private async Task PressAsync(VigilServer vigil)
    {
        looked = Stopwatch.GetTimestamp();
        var button = await vigil.CredentialAsync("sos-1");
        Assert.Equal(
            0,
            (await vigil.PublishAsync(vigil.MqttPort, "vigil/sos-1/up", """[{"n":"button","vs":"sos"}]""", "sos-1", button)).Code
        );
    }

    /// <summary>Waits until these people, and nobody else, have been told of the press.</summary>
    private async Task<(IReadOnlyList<string> Told, TimeSpan Waited)> ToldAsync(VigilServer vigil, params string[] names)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var told = await NamesAsync(vigil);
            var gap = Stopwatch.GetElapsedTime(looked);
            looked = Stopwatch.GetTimestamp();
            if (told.Count >= names.Length)
            {
                // If more time than one step's wait has passed since the last look, the next person may have been told as well.
                Assert.Equal(names.Order(), told.TakeLast(gap.TotalSeconds > Wait - 1 ? names.Length : told.Count).Order());
                return (told, Stopwatch.GetElapsedTime(began));
            }

            if (Stopwatch.GetElapsedTime(began).TotalSeconds > 60)
                throw new TimeoutException($"told are {string.Join(", ", told)}\n{vigil.Process.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        }
    }

    private static async Task<IReadOnlyList<string>> NamesAsync(VigilServer vigil)
    {
        var press = (await vigil.GetAsync("alarms?kind=sos"))[0].GetProperty("id").GetString();
        // The API lists the newest notice first.
        return
        [
            .. (await vigil.GetAsync("notices"))
                .EnumerateArray()
                .Where(n => n.GetProperty("alarmId").GetString() == press)
                .Select(n => n.GetProperty("recipientName").GetString()!),
        ];
    }
}
