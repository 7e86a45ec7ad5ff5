using System.Reflection;
using System.Text.RegularExpressions;

namespace Vigil.Tests.Docs;

/// <summary>Where a document names a test as the proof of a statement, that test exists.</summary>
public sealed partial class ProofTests
{
    [Theory]
    [InlineData("reliability.md", "## Faults", 52)]
    [InlineData("reliability.md", "## Defects of bad weather", 27)]
    [InlineData("security.md", "## Abuse", 44)]
    public void Every_row_of_a_table_names_tests_that_exist_or_says_why_there_is_none(string document, string heading, int rows)
    {
        var text = File.ReadAllText(Path.Combine(Folder(), "docs", document));
        var section = text[(text.IndexOf(heading, StringComparison.Ordinal) + heading.Length)..];
        if (section.IndexOf("\n## ", StringComparison.Ordinal) is > 0 and var end)
            section = section[..end];
        var found = Row()
            .Matches(section)
            .Select(m =>
                (
                    Number: int.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture),
                    Cell: m.Groups[2].Value.Trim().TrimEnd('|')
                )
            )
            .ToList();
        Assert.Equal(Enumerable.Range(1, rows), found.Select(r => r.Number));
        var wrong = new List<string>();
        foreach (var (number, cell) in found)
        {
            var last = cell.Split('|')[^1];
            var tests = Named().Matches(last).Select(m => m.Groups[1].Value).ToList();
            wrong.AddRange(tests.Where(t => !Tests.Contains(t)).Select(t => $"{number}: there is no test {t}"));
            if (
                tests.Count == 0
                && !last.Contains("Does not apply", StringComparison.Ordinal)
                && !last.Contains("Not shown", StringComparison.Ordinal)
            )
                wrong.Add($"{number}: neither a test nor a reason");
        }

        Assert.True(wrong.Count == 0, $"docs/{document}, {heading}:\n" + string.Join('\n', wrong));
    }

    /// <summary>Class.Method of every test. A test of a base class (a contract suite) counts for each class that inherits it.</summary>
    private static HashSet<string> Tests { get; } =
    [
        .. typeof(ProofTests)
            .Assembly.GetTypes()
            .SelectMany(t =>
                t.GetMethods(BindingFlags.Public | BindingFlags.Instance)
                    .Where(m => m.GetCustomAttributes<FactAttribute>(inherit: true).Any())
                    .Select(m => $"{t.Name}.{m.Name}")
            ),
    ];

    internal static string Folder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Vigil.slnx")))
                return folder.FullName;
        throw new InvalidOperationException("the tests run inside the checkout");
    }

    [GeneratedRegex(@"^\| (\d+) \|(.+)$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"`(\w+\.\w+_\w+)`")]
    private static partial Regex Named();
}
