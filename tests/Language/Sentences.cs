using System.Text.RegularExpressions;

namespace Vigil.Tests.Language;

/// <summary>
/// What a text of one language must not contain: Chinese characters and full-width signs in English, an English sentence in Chinese. Names,
/// codes, units and quotations may stay as they are.
/// </summary>
internal static partial class Sentences
{
    /// <summary>Names of several words: products and standards.</summary>
    private static readonly string[] Names = ["The Things Stack", "Cayenne LPP"];

    /// <summary>Values that people may write into a file of the registry.</summary>
    private static readonly string[] Values = ["是 (yes)", "否 (no)", "一至五"];

    /// <summary>Null when nothing is wrong.</summary>
    public static string? WrongInEnglish(string text)
    {
        var own = Quoted().Replace(text, "");
        foreach (var value in Values)
            own = own.Replace(value, "", StringComparison.Ordinal);
        return FullWidth().Match(own) is { Success: true } found ? $"'{found.Value}' in '{text}'" : null;
    }

    /// <summary>Null when nothing is wrong.</summary>
    public static string? WrongInChinese(string text)
    {
        var own = Quoted().Replace(text, "");
        foreach (var name in Names)
            own = own.Replace(name, "", StringComparison.Ordinal);
        return Sentence().Match(own) is { Success: true } found ? $"'{found.Value}' in '{text}'" : null;
    }

    /// <summary>What is wrong with a sentence in both languages. Where the English one has words, so must the other.</summary>
    public static IEnumerable<string> Wrong(string en, string zh)
    {
        if (WrongInEnglish(en) is { } english)
            yield return "English: " + english;
        if (WrongInChinese(zh) is { } chinese)
            yield return "Chinese: " + chinese;
        if (en != zh && Word().IsMatch(en) && !Han().IsMatch(zh))
            yield return $"Chinese: no Chinese in '{zh}', which is '{en}'";
    }

    [GeneratedRegex(@"[\u3000-\u303F\u3400-\u9FFF\uF900-\uFAFF\uFF00-\uFFEF]")]
    private static partial Regex FullWidth();

    [GeneratedRegex(@"[\u3400-\u9FFF]")]
    private static partial Regex Han();

    [GeneratedRegex("“[^”]*”|\"[^\"]*\"|'[^']*'")]
    private static partial Regex Quoted();

    /// <summary>Two or more English words in a row: a single one may be a name, a unit or a setting.</summary>
    [GeneratedRegex(@"(?<![\w/.:-])[A-Za-z]*[a-z]{2}(?:'[a-z]+)?,? +[A-Za-z]*[a-z]{2,}(?![\w:]*[:_/])(?![\w.-]*\w)")]
    private static partial Regex Sentence();

    [GeneratedRegex("[A-Za-z]{3}")]
    private static partial Regex Word();
}
