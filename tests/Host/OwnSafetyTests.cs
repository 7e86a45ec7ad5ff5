using System.Text.RegularExpressions;
using Vigil.Host;
using Vigil.Model;

namespace Vigil.Tests.Host;

/// <summary>
/// The service's own safety: permissions of its files, personal data in its log, versions of its libraries, rules that can't be switched
/// off.
/// </summary>
public sealed class OwnSafetyTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-own-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Files_of_an_older_version_are_for_the_services_account_alone_after_the_start_and_others_are_left_alone()
    {
        if (OperatingSystem.IsWindows())
            return;
        string[] own =
        [
            "records.db",
            "records.db-wal",
            "records.db-shm",
            "readings.duckdb",
            "readings.duckdb.wal",
            "links.key",
            "keys/fields.key",
            "rules/p0.snapshot",
            "spool/1/segment",
            "audit/head.json",
        ];
        foreach (var file in own.Append("notes.txt"))
        {
            var path = Path.Combine(folder, file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "");
            File.SetUnixFileMode(path, (UnixFileMode)0b110_100_100);
        }

        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        OwnerOnly.Protect(folder);
        foreach (var file in own)
            Assert.Equal((file, (UnixFileMode)0b110_000_000), (file, File.GetUnixFileMode(Path.Combine(folder, file))));
        foreach (var inner in Directory.GetDirectories(folder, "*", SearchOption.AllDirectories).Append(folder))
            Assert.Equal((inner, (UnixFileMode)0b111_000_000), (inner, File.GetUnixFileMode(inner)));
        Assert.Equal((UnixFileMode)0b110_100_100, File.GetUnixFileMode(Path.Combine(folder, "notes.txt")));
    }

    [Theory]
    [InlineData("a\nfail: forged", "a \\n fail: forged")]
    [InlineData("a\rfail: forged", "a\\u000dfail: forged")]
    [InlineData("a\u001b[2Jb", "a\\u001b[2Jb")]
    [InlineData("a\u2028b\u0085c\u202Ed", "a\\u2028b\\u0085c\\u202ed")]
    [InlineData("call +8613800138000 now", "call +86138****8000 now")]
    [InlineData("call 13800138000.", "call 138****8000.")]
    [InlineData("id 44010019410517123X", "id 440***********123X")]
    [InlineData(
        "area 441900003001, device 862123456789012, at 2026-01-15T04:00:00Z",
        "area 441900003001, device 862123456789012, at 2026-01-15T04:00:00Z"
    )]
    [InlineData("王秀英", "王秀英")]
    public void A_log_line_stays_one_line_and_names_no_number(string text, string written) => Assert.Equal(written, LogLines.Safe(text));

    /// <summary>
    /// No log message has a parameter for an address, a text, a payload or a secret, and whoever logs a phone number masks it.
    /// </summary>
    [Fact]
    public void No_message_of_the_log_has_a_place_for_a_number_an_address_or_a_payload()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Vigil.slnx")))
            root = Path.GetDirectoryName(root)!;
        var walked = 0;
        foreach (var file in Directory.GetFiles(Path.Combine(root, "src"), "*.cs", SearchOption.AllDirectories))
        {
            var source = File.ReadAllText(file);
            Assert.DoesNotMatch("EnableSensitiveDataLogging|IncludeErrorDetail", source);
            foreach (Match message in Regex.Matches(source, @"\[LoggerMessage\([^\n]*\)\]\s+private static partial void (\w+)"))
            {
                walked++;
                Assert.DoesNotMatch(@"\{(Phone|Mail|Payload|Text|Body|Password|Token|Secret|Identity|Link)\}", message.Value);
                if (!message.Value.Contains("{Number}", StringComparison.Ordinal))
                    continue;
                var calls = Regex.Matches(source, message.Groups[1].Value + @"\(log, [^;]*;");
                Assert.NotEmpty(calls);
                Assert.All(calls, c => Assert.Contains("Masked(", c.Value, StringComparison.Ordinal));
            }
        }

        Assert.True(walked > 40, $"only {walked} messages found: the walk proves nothing");
    }

    [Fact]
    public void What_the_service_stands_on_here_is_new_enough_and_what_is_rolled_back_is_named()
    {
        Assert.Empty(Floors.Check());
        Assert.Null(Floors.Below("SQLite", new Version(3, 51, 3), new Version(3, 51, 3)));
        var problem = Floors.Below("SQLite", new Version(3, 51, 3), new Version(3, 40, 1))!;
        Assert.Equal(("SQLite", "3.40.1"), (problem.File, problem.Value));
    }

    /// <summary>
    /// Rules that lives depend on can't be weakened in the file: not for all, not for one resident, not by another severity.
    /// </summary>
    [Theory]
    [InlineData("rules:\n  sos:\n    enabled: false\n")]
    [InlineData("rules:\n  smoke:\n    severity: warning\n")]
    [InlineData("rules:\n  fall:\n    when:\n      from: 08:00\n      to: 20:00\n")]
    [InlineData("rules:\n  sos:\n    ignore: [sos]\n")]
    [InlineData("overrides:\n  - resident: r1\n    rules:\n      gas:\n        enabled: false\n")]
    public void A_life_safety_rule_can_not_be_switched_off(string yaml)
    {
        var file = Path.Combine(folder, "rules.yaml");
        File.WriteAllText(file, yaml);
        var problems = new List<Problem>();
        Assert.Null(Vigil.Rules.RuleSet.Load(file, problems));
        Assert.NotEmpty(problems);
    }
}
