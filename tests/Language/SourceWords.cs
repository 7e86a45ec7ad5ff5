using System.Text.RegularExpressions;

namespace Vigil.Tests.Language;

/// <summary>Finds calls and their arguments in C# source text.</summary>
internal static partial class SourceWords
{
    public static string Root
    {
        get
        {
            for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
                if (File.Exists(Path.Combine(folder.FullName, "Vigil.slnx")))
                    return folder.FullName;
            throw new InvalidOperationException("the tests run inside the checkout");
        }
    }

    public static IEnumerable<(string File, string Text)> Files() =>
        from file in Directory.EnumerateFiles(Path.Combine(Root, "src"), "*", SearchOption.AllDirectories)
        where Path.GetExtension(file) is ".cs" or ".razor"
        let name = Path.GetRelativePath(Root, file).Replace('\\', '/')
        where !name.Contains("/obj/", StringComparison.Ordinal) && !name.Contains("/Migrations/", StringComparison.Ordinal)
        select (name, File.ReadAllText(file));

    /// <summary>The arguments of each call that begins with these characters, such as <c>new Wording(</c>.</summary>
    public static IEnumerable<(int Line, IReadOnlyList<string> Arguments)> Calls(string source, string call)
    {
        for (var at = source.IndexOf(call, StringComparison.Ordinal); at >= 0; at = source.IndexOf(call, at + 1, StringComparison.Ordinal))
        {
            var line = source.AsSpan(0, at).Count('\n') + 1;
            if (!IsComment(source, at) && (at == 0 || !char.IsLetterOrDigit(source[at - 1])))
                yield return (line, Arguments(source, at + call.Length));
        }
    }

    /// <summary>The arguments of each <c>new(</c> in a field, property or method whose type is <c>Wording</c>.</summary>
    public static IEnumerable<(int Line, IReadOnlyList<string> Arguments)> Wordings(string source) =>
        from Match found in Wording().Matches(source)
        where !IsComment(source, found.Index)
        select (source.AsSpan(0, found.Index).Count('\n') + 1, (IReadOnlyList<string>)Arguments(source, found.Index + found.Length));

    [GeneratedRegex(@"\bWording\??\s+\w+\s*(?:\([^()]*\)\s*)?(?:\{[^{}]*\}\s*)?=>?\s*new\(")]
    private static partial Regex Wording();

    /// <summary>The words of an argument: its string literals, also those inside the braces of an interpolated string.</summary>
    public static string Words(string argument)
    {
        var words = new System.Text.StringBuilder();
        for (var i = 0; i < argument.Length; i++)
            if (argument[i] == '"')
                i = Literal(argument, i, words);
            else if (argument[i] == '\'')
                i = Character(argument, i);
        return words.ToString();
    }

    private static bool IsComment(string source, int at)
    {
        var begin = source.LastIndexOf('\n', Math.Max(at - 1, 0)) + 1;
        return source[begin..at].TrimStart().StartsWith("//", StringComparison.Ordinal);
    }

    private static List<string> Arguments(string source, int from)
    {
        var (found, begin, depth) = (new List<string>(), from, 0);
        for (var i = from; i < source.Length; i++)
        {
            switch (source[i])
            {
                case '"':
                    i = Literal(source, i, null);
                    break;
                case '\'':
                    i = Character(source, i);
                    break;
                case '/' when source[i + 1] == '/':
                    i = source.IndexOf('\n', i);
                    break;
                case '(' or '[' or '{':
                    depth++;
                    break;
                case ',' when depth == 0:
                    found.Add(source[begin..i].Trim());
                    begin = i + 1;
                    break;
                case ')' or ']' or '}' when depth-- == 0:
                    found.Add(source[begin..i].Trim());
                    return found;
            }
        }

        return found;
    }

    /// <returns>The place of its closing quote.</returns>
    private static int Character(string source, int at) => source.IndexOf('\'', at + (source[at + 1] == '\\' ? 3 : 2));

    /// <returns>The place of its closing quote.</returns>
    private static int Literal(string source, int at, System.Text.StringBuilder? words)
    {
        var interpolated = at > 0 && source[at - 1] == '$';
        if (source.AsSpan(at).StartsWith("\"\"\""))
            return source.IndexOf("\"\"\"", at + 3, StringComparison.Ordinal) + 2;
        for (var i = at + 1; i < source.Length; i++)
        {
            switch (source[i])
            {
                case '"':
                    words?.Append(' ');
                    return i;
                case '\\':
                    words?.Append(source[i + 1] == 'u' ? (char)Convert.ToInt32(source.Substring(i + 2, 4), 16) : source[i + 1]);
                    i += source[i + 1] == 'u' ? 5 : 1;
                    break;
                case '{' when interpolated && source[i + 1] == '{':
                    i++;
                    break;
                case '{' when interpolated:
                    words?.Append('…');
                    i = Hole(source, i, words);
                    break;
                default:
                    words?.Append(source[i]);
                    break;
            }
        }

        return source.Length;
    }

    private static int Hole(string source, int at, System.Text.StringBuilder? words)
    {
        var depth = 0;
        for (var i = at; i < source.Length; i++)
        {
            switch (source[i])
            {
                case '"':
                    i = Literal(source, i, words);
                    break;
                case '{':
                    depth++;
                    break;
                case '}' when --depth == 0:
                    return i;
            }
        }

        return source.Length;
    }
}
