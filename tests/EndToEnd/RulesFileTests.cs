using System.Text.Json;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>The files of rules, policies and messages are changed while the service runs.</summary>
[Trait("Category", "Server")]
public sealed class RulesFileTests
{
    private const string Registry = """
        record,id,name,area,phone,contact 1 name,contact 1 phone,device 1 id,device 1 profile,device 2 id,device 2 profile
        resident,R1,王秀英,440114003201,,王小明,13800138001,sos-1,senml,sos-3,senml
        resident,R2,李建国,440114003201,,李明,13800138002,sos-2,senml,,
        duty,D1,镇值班室,440114003,13600136000,,,,,,
        """;

    [Fact]
    public async Task A_bad_file_leaves_the_last_good_one_standing_and_says_so_and_a_good_one_comes_into_force()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-rules-").FullName;
        var file = Path.Combine(folder, "rules.yaml");
        await File.WriteAllTextAsync(file, "rules:\n  battery-low: { below: 20, clear_above: 30 }\n");
        await using var vigil = await VigilServer.StartAsync(Registry, null, new() { ["Rules:Path"] = file });
        var (one, two) = (await vigil.CredentialAsync("sos-1"), await vigil.CredentialAsync("sos-3"));
        Assert.Equal(1, await vigil.MetricAsync("vigil_rules_file_in_force"));

        await File.WriteAllTextAsync(file, "rules:\n  battery-low: { below: plenty }\n");
        await vigil.UntilReadyAsync(text =>
            text.StartsWith("ready\nwarning: ", StringComparison.Ordinal)
            && text.Contains($"{file}:2", StringComparison.Ordinal)
            && text.Contains("'plenty'", StringComparison.Ordinal)
        );
        Assert.Equal(0, await vigil.MetricAsync("vigil_rules_file_in_force"));
        var trouble = (await vigil.UntilAsync("alarms?kind=service-trouble", a => a.GetArrayLength() == 1))[0];
        Assert.Contains("the last good ones are", trouble.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal(
            0,
            (await vigil.PublishAsync(vigil.MqttPort, "vigil/sos-1/up", """[{"n":"battery.level","v":15}]""", "sos-1", one)).Code
        );
        await vigil.UntilAsync("alarms?kind=battery-low", a => a.GetArrayLength() == 1);

        await File.WriteAllTextAsync(file, "rules:\n  battery-low: { below: 10, clear_above: 12 }\n");
        await vigil.UntilReadyAsync(text =>
            text.StartsWith("ready", StringComparison.Ordinal) && !text.Contains("not in force", StringComparison.Ordinal)
        );
        Assert.Equal(1, await vigil.MetricAsync("vigil_rules_file_in_force"));
        await vigil.UntilAsync("alarms?kind=service-trouble", a => a[0].GetProperty("clearedAt").ValueKind == JsonValueKind.String);
        foreach (var level in new[] { 15, 9 })
            Assert.Equal(
                0,
                (
                    await vigil.PublishAsync(vigil.MqttPort, "vigil/sos-3/up", $$"""[{"n":"battery.level","v":{{level}}}]""", "sos-3", two)
                ).Code
            );
        // Were the old limit still in force, 15 % would have opened the alarm, and 9 % would not change its reason.
        await vigil.UntilAsync(
            "alarms?kind=battery-low",
            a => a[0].GetProperty("reason").GetString()!.Contains("(9 %)", StringComparison.Ordinal)
        );
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Changed_policies_and_messages_come_into_force_and_bad_ones_leave_the_last_good_ones_standing()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-messages-").FullName;
        var file = Path.Combine(folder, "messages.yaml");
        var messages = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "config", "messages.yaml"));
        await File.WriteAllTextAsync(file, messages);
        await using var vigil = await VigilServer.StartAsync(Registry, Telling("contact 1"), new() { ["Messages:Path"] = file });
        var policies = Path.Combine(vigil.Folder, "policies.yaml");
        var (one, two) = (await vigil.CredentialAsync("sos-1"), await vigil.CredentialAsync("sos-2"));

        await File.WriteAllTextAsync(policies, Telling("everybody"));
        await File.WriteAllTextAsync(file, messages.Replace("opened:", "open:", StringComparison.Ordinal));
        await vigil.UntilReadyAsync(text =>
            text.StartsWith("ready\n", StringComparison.Ordinal)
            && text.Contains("warning: the changed policies are not in force, the last good ones are: ", StringComparison.Ordinal)
            && text.Contains("'everybody'", StringComparison.Ordinal)
            && text.Contains("warning: the changed messages are not in force, the last good ones are: ", StringComparison.Ordinal)
        );
        Assert.Equal(0, await vigil.MetricAsync("vigil_policies_file_in_force"));
        Assert.Equal(0, await vigil.MetricAsync("vigil_messages_file_in_force"));
        Assert.Equal(1, await vigil.MetricAsync("vigil_rules_file_in_force"));
        await vigil.UntilAsync("alarms?kind=service-trouble", a => a.GetArrayLength() == 1);
        await PressAsync("sos-1", one);
        await ToldAsync("王小明", text => text.Contains("请查看并确认", StringComparison.Ordinal));

        await File.WriteAllTextAsync(policies, Telling("duty"));
        await File.WriteAllTextAsync(file, messages.Replace("请查看并确认", "请马上查看", StringComparison.Ordinal));
        await vigil.UntilReadyAsync(text => !text.Contains("not in force", StringComparison.Ordinal));
        Assert.Equal(1, await vigil.MetricAsync("vigil_policies_file_in_force"));
        Assert.Equal(1, await vigil.MetricAsync("vigil_messages_file_in_force"));
        await PressAsync("sos-2", two);
        await ToldAsync("镇值班室", text => text.Contains("请马上查看", StringComparison.Ordinal));
        Directory.Delete(folder, recursive: true);

        async Task PressAsync(string device, string password) =>
            Assert.Equal(
                0,
                (await vigil.PublishAsync(vigil.MqttPort, $"vigil/{device}/up", """[{"n":"button","vs":"sos"}]""", device, password)).Code
            );

        async Task ToldAsync(string whom, Func<string, bool> inWords) =>
            await vigil.UntilAsync(
                "notices",
                n =>
                    n.EnumerateArray()
                        .Any(x => x.GetProperty("recipientName").GetString() == whom && inWords(x.GetProperty("text").GetString()!))
            );
    }

    private static string Telling(string whom) =>
        $$"""
            policies:
              - id: all
                seenWellBy: 1h
                renotifyAfter: 1h
                steps:
                  - { to: {{whom}}, via: [sms], wait: 1h }
            """;
}
