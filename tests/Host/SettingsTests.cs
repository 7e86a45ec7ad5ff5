using Microsoft.Extensions.Configuration;
using Vigil.Host;
using Vigil.Host.Commands;
using Vigil.Model;

namespace Vigil.Tests.Host;

/// <summary>Mistakes in settings: each is reported with the setting that was probably meant, and the service doesn't start.</summary>
public sealed class SettingsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-settings-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("--Mqtt:Prot=99", "--Mqtt:Prot: is no setting; did you mean Mqtt:Port?")]
    [InlineData("--Http:Port=1", "--Http:Port: is no setting; did you mean Mqtt:Port?")]
    [InlineData("--Notify:Route:default=outbox", "--Notify:Route:default: is no setting; did you mean Notify:Routes:default?")]
    [InlineData("--Influx:Buckt=x", "--Influx:Buckt: is no setting; did you mean Influx:Bucket?")]
    [InlineData("--dryrun=yes", "--dryrun: is no option and no setting; did you mean --dry-run?")]
    [InlineData("registry.csv", "registry.csv: belongs to no option; a setting is written --Section:Name=value")]
    [InlineData("--Http:Open", "--Http:Open: has no value; write --Http:Open=value")]
    [InlineData("--Mqtt:Port=abc", "Mqtt:Port: 'abc': is not a whole number in range")]
    [InlineData("--Mqtt:Port=70000", "Mqtt:Port: '70000': is not between 1 and 65535")]
    [InlineData("--Http:Open=perhaps", "Http:Open: 'perhaps': is not true or false")]
    [InlineData("--Data:ReserveMiB=abc", "Data:ReserveMiB: 'abc': is not a whole number in range")]
    [InlineData("--Console:MapDatum=Mars", "Console:MapDatum: 'Mars': is not one of Wgs84, Gcj02, Bd09")]
    [InlineData(
        "--Audit:HeadUrl=http://example.org/",
        "Audit:HeadUrl: 'http://example.org/': is not an https address (http on loopback alone)"
    )]
    public void A_word_on_the_command_line_that_means_nothing_is_said_with_what_was_probably_meant(string argument, string said) =>
        Assert.Equal([said], Problems([argument]));

    [Fact]
    public void A_setting_without_a_value_does_not_swallow_the_next_one() =>
        Assert.Equal(
            ["--Http:Open: has no value; write --Http:Open=value", "Mqtt:Port: '0': is not between 1 and 65535"],
            Problems(["--Http:Open", "--Mqtt:Port=0"])
        );

    [Fact]
    public void What_is_logged_may_be_set_on_the_command_line() => Assert.Empty(Problems(["--Logging:LogLevel:Default=Warning"]));

    [Fact]
    public void A_misspelled_key_of_a_file_is_named_with_its_file_and_never_its_value()
    {
        var file = Path.Combine(folder, "secrets.json");
        File.WriteAllText(
            file,
            """{ "Twilio": { "AuthTokn": "hush" }, "Notify": { "Routes": {} }, "Logging": { "LogLevel": { "Default": "Debug" } } }"""
        );
        var problem = Assert.Single(Problems([], file), p => p.Contains("AuthTokn", StringComparison.Ordinal));
        Assert.Equal($"{file}: Twilio:AuthTokn: is no setting; did you mean Twilio:AuthToken?", problem);
    }

    [Fact]
    public void The_environment_is_looked_at_where_it_names_a_section_of_ours()
    {
        Environment.SetEnvironmentVariable("Influx__Buckt", "x");
        Environment.SetEnvironmentVariable("SomebodyElses__Thing", "x");
        try
        {
            Assert.Equal(["Influx__Buckt: in the environment is no setting; did you mean Influx:Bucket?"], Problems([]));
        }
        finally
        {
            Environment.SetEnvironmentVariable("Influx__Buckt", null);
            Environment.SetEnvironmentVariable("SomebodyElses__Thing", null);
        }
    }

    [Fact]
    public void Every_setting_that_the_documents_name_is_one()
    {
        var root = Docs.ProofTests.Folder();
        var named = Directory
            .EnumerateFiles(Path.Combine(root, "docs"), "*.md", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(root, "*.md"))
            .SelectMany(f =>
                System
                    .Text.RegularExpressions.Regex.Matches(File.ReadAllText(f), @"--([A-Z]\w+(:[A-Za-z+\d]+)+)=")
                    .Select(m => (f, Key: m.Groups[1].Value))
                    .Where(m => m.Key != "Section:Key")
            )
            .ToList();
        Assert.NotEmpty(named);
        foreach (var (file, key) in named)
        {
            var configuration = new ConfigurationBuilder().AddInMemoryCollection([new(key, "1")]).Build();
            Assert.True(!Vigil.Host.Settings.Known.Unknown(configuration, []).Any(), $"{file} names {key}");
        }
    }

    private List<string> Problems(string[] arguments, params string[] files)
    {
        var said = new List<string>();
        var problems = new List<Problem>();
        _ = RunCommand.Check(files, arguments, null, ["--dry-run", "--config"], problems);
        said.AddRange(problems.Select(p => p.ToString()));
        return said;
    }
}
