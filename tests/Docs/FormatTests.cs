namespace Vigil.Tests.Docs;

/// <summary>No line of the source is longer than the formatter allows: reviews show two versions of a file side by side.</summary>
public sealed class FormatTests
{
    private const int Longest = 140;
    private static readonly string[] Folders = ["src", "tests", "bench", "simulators"];
    private static readonly string[] Kinds = [".cs", ".razor", ".css", ".js"];

    /// <summary>Files that others or tools have written.</summary>
    private static readonly string[] Foreign = ["tests/npm/", "tests/data/", "/Migrations/", "/bin/", "/obj/"];

    [Fact]
    public void No_line_is_longer_than_140_characters()
    {
        var root = Root();
        var files = Folders
            .SelectMany(f => Directory.EnumerateFiles(Path.Combine(root, f), "*", SearchOption.AllDirectories))
            .Where(f => Kinds.Contains(Path.GetExtension(f)))
            .Select(f => Path.GetRelativePath(root, f).Replace('\\', '/'))
            .Where(f => !Foreign.Any(o => f.Contains(o, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal)
            .ToList();
        Assert.True(files.Count > 500, $"{files.Count} files are looked at");
        var wrong = new List<string>();
        foreach (var file in files)
        {
            var number = 0;
            foreach (var line in File.ReadLines(Path.Combine(root, file)))
            {
                number++;
                if (line.EnumerateRunes().Count() is > Longest and var length)
                    wrong.Add($"{file}:{number}: {length} characters");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void The_formatter_breaks_lines_at_the_same_width()
    {
        var file = Path.Combine(Root(), ".csharpierrc.yaml");
        Assert.True(File.Exists(file), "there is no .csharpierrc.yaml");
        Assert.Contains($"printWidth: {Longest}", File.ReadAllLines(file));
    }

    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Vigil.slnx")))
                return folder.FullName;
        throw new InvalidOperationException("the tests run inside the checkout");
    }
}
