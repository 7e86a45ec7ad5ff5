using Microsoft.Playwright;
using Vigil.Tests.Servers;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Browser;

/// <summary>
/// The published service in a real browser: a press appears as a row, a key stops the escalation, and the page says so when the service
/// hangs.
/// </summary>
[Trait("Category", "Server")]
public sealed class ServiceTests(ITestOutputHelper output)
{
    private const string Registry = """
        record,id,name,area,phone,contact 1 name,contact 1 phone,contact 2 name,contact 2 phone,device 1 id,device 1 profile
        resident,R1,王秀英,440114003201,,王小明,13800138001,王小红,13800138002,sos-1,senml
        duty,D1,镇值班室,440114003,13600136000,,,,,,
        """;

    private const string Policies = """
        policies:
          - id: all
            seenWellBy: 1h
            steps:
              - { to: contact 1, via: [sms], wait: 4s }
              - { to: contact 2, via: [sms], wait: 4s }
              - { to: duty, via: [sms], wait: 4s }
        """;

    [Fact]
    public async Task A_press_is_shown_within_a_second_a_key_ends_the_escalation_and_a_service_that_hangs_turns_the_banner_red()
    {
        await using var vigil = await VigilServer.StartAsync(Registry, Policies, new() { ["Http:Open"] = "true" });
        var button = await vigil.CredentialAsync("sos-1");
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.PageAsync(new Uri($"http://127.0.0.1:{vigil.HttpPort}"));
        await Chromium.OpenBoardAsync(page);
        await page.EvaluateAsync(
            "new MutationObserver(() => { if (!window.seenAt && document.querySelector('[data-alarm]')) window.seenAt = Date.now(); "
                + "}).observe(document.body, { childList: true, subtree: true })"
        );
        Assert.Equal(
            0,
            (await vigil.PublishAsync(vigil.MqttPort, "vigil/sos-1/up", """[{"n":"button","vs":"sos"}]""", "sos-1", button)).Code
        );
        await page.WaitForFunctionAsync("() => window.seenAt");
        var alarm = (await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 1))[0];
        var took =
            await page.EvaluateAsync<double>("window.seenAt")
            - new DateTimeOffset(alarm.GetProperty("openedAt").GetDateTime()).ToUnixTimeMilliseconds();
        output.WriteLine($"shown {took} ms after its commit");
        Assert.True(took < 1000, $"shown {took} ms after its commit");

        await vigil.UntilAsync("notices", n => n.GetArrayLength() >= 1);
        await page.Keyboard.PressAsync("ArrowDown");
        await page.Keyboard.PressAsync("a");
        await Assertions.Expect(page.Locator(".alarm.state-acknowledged")).ToBeVisibleAsync();
        var notices = $"notices?alarm={alarm.GetProperty("id").GetString()}";
        var told = (await vigil.GetAsync(notices)).GetArrayLength();

        // While the service hangs, the page says by the browser's own clock that it is out of date; when the service goes on, it is live
        // again.
        await Server.RunAsync("kill", ["-STOP", $"{vigil.Process.Id}"]);
        try
        {
            await Assertions.Expect(page.Locator("#stale")).ToBeVisibleAsync(new() { Timeout = 14_000 });
        }
        finally
        {
            await Server.RunAsync("kill", ["-CONT", $"{vigil.Process.Id}"]);
        }

        await Assertions.Expect(page.Locator("#stale")).ToBeHiddenAsync(new() { Timeout = 20_000 });
        // More than two waits of the plan have passed since the key was pressed, and nobody else was told.
        Assert.Equal(told, (await vigil.GetAsync(notices)).GetArrayLength());
        Assert.Contains(
            (await vigil.GetAsync($"alarms/{alarm.GetProperty("id").GetString()}")).GetProperty("steps").EnumerateArray(),
            s => s.GetProperty("state").GetString() == "waiting"
        );
    }
}
