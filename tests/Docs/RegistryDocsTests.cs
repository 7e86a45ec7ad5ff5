using Vigil.Registry;

namespace Vigil.Tests.Docs;

/// <summary>docs/registry.md has every heading that the import knows: the import's error message sends people there.</summary>
public sealed class RegistryDocsTests
{
    [Fact]
    public void Every_heading_of_the_registry_is_documented_in_both_languages()
    {
        var rows = File.ReadLines(Path.Combine(ProofTests.Folder(), "docs", "registry.md"))
            .Where(l => l.StartsWith("| ", StringComparison.Ordinal))
            .Select(l => l.Split('|'))
            .ToList();
        var (zh, en) = (rows.SelectMany(r => Headings(r[1], "")).ToHashSet(), rows.SelectMany(r => Headings(r[2], " ")).ToHashSet());
        var missing = RegistryHeadings.All.Where(h => !zh.Contains(h.Zh) || !en.Contains(h.En)).Select(h => $"{h.Zh} ({h.En})");
        Assert.Equal("", string.Join(", ", missing));
    }

    /// <summary>
    /// The headings of one cell. "紧急联系人N姓名, 关系" is two headings with the same number, and so is "contact N name, relation".
    /// </summary>
    private static IEnumerable<string> Headings(string cell, string between)
    {
        var parts = cell.Split([',', '/'], StringSplitOptions.TrimEntries);
        return parts[0].IndexOf($"{between}N", StringComparison.Ordinal) is > 0 and var n
            ? parts.Select((p, i) => i == 0 ? p : parts[0][..n] + $"{between}N{between}" + p)
            : parts;
    }
}
