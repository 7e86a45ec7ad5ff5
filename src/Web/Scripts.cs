using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Web;

/// <summary>What the desk does for each kind of alarm, in order, in both languages: <c>config/scripts.yaml</c>.</summary>
public sealed class Scripts
{
    private readonly Dictionary<(string Kind, string Language), IReadOnlyList<string>> lines = [];

    /// <summary>Reads the file; every alarm kind has to stand there in zh and en. Null when there are problems.</summary>
    public static Scripts? Load(string path, List<Problem> problems)
    {
        var before = problems.Count;
        if (YamlSection.Load(path, problems) is not { } yaml)
            return null;
        var found = new Scripts();
        foreach (var kind in AlarmKind.All)
        {
            if (yaml.Section(kind.Name, required: true) is not { } entry)
                continue;
            entry.Id = kind.Name;
            foreach (var language in new[] { "zh", "en" })
                if (entry.Texts(language) is { Count: > 0 } steps)
                    found.lines[(kind.Name, language)] = steps;
                else
                    entry.Refuse(language, "", "is needed: at least one line of what the desk does");
            entry.NoOthers();
        }

        yaml.NoOthers();
        return problems.Count > before ? null : found;
    }

    public IReadOnlyList<string> For(string kind, string language) => lines.GetValueOrDefault((kind, language == "en" ? "en" : "zh"), []);
}
