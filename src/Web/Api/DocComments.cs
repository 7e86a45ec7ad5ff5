using System.Collections.Frozen;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Vigil.Web.Api;

/// <summary>
/// The documentation comments of the types that the API takes and answers with, from the XML files that the compiler puts beside the
/// assemblies: they are the descriptions in the OpenAPI document.
/// </summary>
internal static partial class DocComments
{
    private static readonly FrozenDictionary<string, string> All = Load();

    /// <summary>A type's summary; null without one.</summary>
    public static string? Of(Type type) => All.GetValueOrDefault(Key(type));

    /// <summary>What is said of a record's property; null when nothing is.</summary>
    public static string? Of(Type type, string property) => All.GetValueOrDefault($"{Key(type)}|{property.ToUpperInvariant()}");

    private static string Key(Type type) => (type.FullName ?? type.Name).Replace('+', '.');

    private static FrozenDictionary<string, string> Load()
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        // Where a file is missing, only its descriptions are missing in the document.
        var files = new[] { typeof(DocComments), typeof(Registry.Statistics) }
            .Select(t => Path.Combine(AppContext.BaseDirectory, t.Assembly.GetName().Name + ".xml"))
            .Where(File.Exists);
        foreach (var member in files.SelectMany(f => XDocument.Load(f).Descendants("member")))
        {
            if (member.Attribute("name")?.Value is not { } name || !name.StartsWith("T:", StringComparison.Ordinal))
                continue;
            if (member.Element("summary") is { } summary)
                found[name[2..]] = Text(summary);
            foreach (var parameter in member.Elements("param"))
                found[$"{name[2..]}|{parameter.Attribute("name")?.Value.ToUpperInvariant()}"] = Text(parameter);
        }

        return found.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static string Text(XElement element)
    {
        foreach (var reference in element.Descendants("see").ToList())
            reference.ReplaceWith(reference.Attribute("cref")?.Value.Split('.', ':')[^1] ?? "");
        return Spaces().Replace(element.Value, " ").Trim();
    }

    [GeneratedRegex("\\s+")]
    private static partial Regex Spaces();
}
