using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>What <c>vigil demo</c> prints, in this order.</summary>
[Trait("Category", "Server")]
public sealed class DemoTests
{
    [Fact]
    public async Task The_demo_tells_a_press_from_the_frame_to_the_key_that_answers_it_and_nothing_goes_where_this_machine_is_set_to_send()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-demo-test-").FullName;
        // A machine set up for real use: the demo must not use its routes or its Twilio account.
        await File.WriteAllTextAsync(
            Path.Combine(folder, "appsettings.json"),
            """
            { "Notify": { "Routes": { "+86": "twilio", "+8613": "outbox", "default": "twilio" } },
              "Twilio": { "AccountSid": "AC99999999999999999999999999999999", "AuthToken": "real", "From": "+85298765432",
                          "BaseUrl": "http://127.0.0.1:9" } }
            """
        );
        var (code, output) = await Server.RunAsync(
            VigilServer.Executable,
            ["demo", "--days", "0.19", "--speed", "600", "--port", $"{Server.FreePort()}"],
            folder: folder
        );
        Assert.True(code == 0, output);
        var lines = output.Split('\n');
        var at = -1;
        foreach (
            var expected in new[]
            {
                "FRAME         zigbee2mqtt/sos-R03",
                "READING       button: sos",
                "FINDING       R03 张桂兰: sos opened",
                "ALARM         R03 张桂兰 · sos (critical) is open",
                "the phone of 张小红 +8613700130003 rings",
                "hears: 您好，这里是守望。张姓老人，呼叫求助。",
                "张小红 +8613700130003 presses 1",
                "ACKNOWLEDGED  R03 张桂兰 · sos by 张小红 (女儿), with a key in the call",
            }
        )
        {
            var found = Array.FindIndex(lines, Math.Max(0, at), l => l.Contains(expected, StringComparison.Ordinal));
            Assert.True(found >= 0, $"'{expected}' is missing after line {at}:\n{output}");
            at = found;
        }

        Assert.Contains(
            lines,
            l =>
                l.Contains("SMS           to 吴小红", StringComparison.Ordinal)
                && l.Contains("【守望】吴*：家中异常安静", StringComparison.Ordinal)
        );
        // no warnings of the log, and no unit that is only a slash
        Assert.DoesNotContain(lines, l => l.Contains("warn:", StringComparison.Ordinal) || l.Contains(" /;", StringComparison.Ordinal));
        Assert.Contains("The demo ends:", lines[^1].Length > 0 ? lines[^1] : lines[^2], StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_port_that_another_program_has_is_said_in_one_line()
    {
        using var other = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, Server.FreePort());
        other.Start();
        var port = ((System.Net.IPEndPoint)other.LocalEndpoint).Port;
        var (code, output) = await Server.RunAsync(VigilServer.Executable, ["demo", "--port", $"{port}"]);
        Assert.Equal((1, $"vigil demo: port {port} is in use; choose another with --port"), (code, output.Trim()));
    }
}
