using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>Rules files that nobody would write by hand, but that somebody could send.</summary>
public sealed class RulesTextTests
{
    [Fact]
    public void A_folder_in_place_of_the_holidays_file_is_refused_and_not_thrown()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-rules-").FullName;
        var path = Path.Combine(folder, "rules.yaml");
        File.WriteAllText(path, "holidays: .\nrules: { sos: { again_within: 30m } }\n");
        var problems = new List<Problem>();
        RuleSet.Load(path, problems);
        Assert.NotEmpty(problems);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("rules:\n  no-water: { within: NaNh }\n", "duration")]
    [InlineData("rules:\n  no-water: { within: Infinityh }\n", "duration")]
    [InlineData("? { a: b }\n: c\nrules: {}\n", null)]
    [InlineData("a: &x [*x]\n", null)]
    public void A_value_that_is_no_number_is_refused_with_its_line(string yaml, string? why)
    {
        var problems = Read(yaml);
        if (why is not null)
            Assert.Contains(problems, p => p.Line == 2 && p.Message.En.Contains(why, StringComparison.Ordinal));
        Assert.All(problems, p => Assert.NotEmpty(p.Message.En));
    }

    [Fact]
    public void A_text_on_which_the_reader_gives_up_is_refused_with_the_line_it_had_come_to()
    {
        var problem = Assert.Single(Read("  - : e\n   {\no"));
        Assert.InRange(problem.Line, 1, 3);
        Assert.Contains("is not YAML", problem.Message.En, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    public void A_file_nested_without_end_is_refused_and_does_not_end_the_process(string level)
    {
        var problems = Read("rules: " + string.Concat(Enumerable.Repeat(level, 200_000)));
        Assert.Contains("deeper", Assert.Single(problems).Message.En, StringComparison.Ordinal);
    }

    private static List<Problem> Read(string yaml)
    {
        var folder = Directory.CreateTempSubdirectory("vigil-rules-").FullName;
        var path = Path.Combine(folder, "rules.yaml");
        File.WriteAllText(path, yaml);
        List<Problem> problems = [];
        RuleSet.Load(path, problems);
        Directory.Delete(folder, recursive: true);
        return problems;
    }
}
