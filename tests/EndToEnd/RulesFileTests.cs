using System.Text.Json;
using Vigil.Tests.Servers;

namespace Vigil.Tests.EndToEnd;

/// <summary>The rules file changed under the running service.</summary>
[Trait("Category", "Server")]
public sealed class RulesFileTests
{
    private const string Registry = """
        record,id,name,area,phone,contact 1 name,contact 1 phone,device 1 id,device 1 profile,device 2 id,device 2 profile
        resident,R1,王秀英,440114003201,,王小明,13800138001,sos-1,senml,sos-2,senml
        duty,D1,镇值班室,440114003,13600136000,,,,,,
        """;

    [Fact]
    public async Task A_bad_file_leaves_the_last_good_one_standing_and_says_so_and_a_good_one_comes_into_force()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-rules-").FullName;
        var file = Path.Combine(folder, "rules.yaml");
        await File.WriteAllTextAsync(file, "rules:\n  battery-low: { below: 20, clear_above: 30 }\n");
        await using var vigil = await VigilServer.StartAsync(Registry, null, new() { ["Rules:Path"] = file });
        var (one, two) = (await vigil.CredentialAsync("sos-1"), await vigil.CredentialAsync("sos-2"));
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
                    await vigil.PublishAsync(vigil.MqttPort, "vigil/sos-2/up", $$"""[{"n":"battery.level","v":{{level}}}]""", "sos-2", two)
                ).Code
            );
        // Had 15 % been low for the second button too, nothing more would be said of it at 9 %.
        await vigil.UntilAsync(
            "alarms?kind=battery-low",
            a => a[0].GetProperty("reason").GetString()!.Contains("(9 %)", StringComparison.Ordinal)
        );
        Directory.Delete(folder, recursive: true);
    }
}
