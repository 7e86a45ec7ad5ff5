using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Vigil.Tests.Docs;

/// <summary>ARCHITECTURE.md says who sees whom; the projects keep to it.</summary>
public sealed partial class ProjectsTests
{
    private static readonly Dictionary<string, string[]> Sees = new(StringComparer.Ordinal)
    {
        ["Model"] = [],
        ["Settings"] = ["Model"],
        ["Ingest"] = ["Model", "Settings"],
        ["Storage"] = ["Model", "Settings"],
        ["Rules"] = ["Model", "Settings"],
        ["Notify"] = ["Model", "Settings", "Storage"],
        ["Registry"] = ["Model", "Settings", "Storage", "Rules"],
        ["Web"] = ["Model", "Settings", "Storage", "Rules", "Notify", "Registry"],
    };

    [Fact]
    public void A_project_references_no_other_than_the_map_lets_it()
    {
        foreach (var (project, sees) in Sees)
            Assert.Equal(
                sees.Order(StringComparer.Ordinal),
                XDocument
                    .Load(Path.Combine(Source(project), $"Vigil.{project}.csproj"))
                    .Descendants("ProjectReference")
                    .Select(r => r.Attribute("Include")!.Value.Split('/')[1])
                    .Order(StringComparer.Ordinal)
            );
    }

    [Fact]
    public void Rules_open_nothing_but_their_file()
    {
        var opens = Directory
            .EnumerateFiles(Source("Rules"), "*.cs", SearchOption.AllDirectories)
            .Where(f => Opening().IsMatch(File.ReadAllText(f)))
            .Select(Path.GetFileName);
        Assert.Empty(opens);
    }

    [GeneratedRegex(@"\b(File|Directory|Console|Process)\.|\b(FileStream|StreamReader|HttpClient|IDbContextFactory)\b")]
    private static partial Regex Opening();

    private static string Source(string project)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Vigil.slnx")))
                return Path.Combine(folder.FullName, "src", project);
        throw new InvalidOperationException("the tests run inside the checkout");
    }
}
