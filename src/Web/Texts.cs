using System.Collections.Frozen;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Records;
using Vigil.Web.PageWords;

namespace Vigil.Web;

/// <summary>The console's words in both languages, by key; those of each part of it stand in PageWords/. A test walks every key.</summary>
public static class Texts
{
    /// <summary>Words of every page.</summary>
    private static readonly Dictionary<string, Wording> Everywhere = new()
    {
        ["save"] = new("Save", "保存"),
        ["title"] = new("Vigil duty board", "守望值班台"),
        ["back"] = new("Back to the board", "返回值班台"),
        ["limit"] = new(
            "Not a medical device; not a replacement for emergency services (120, 119, 110).",
            "本系统不是医疗器械，不能代替120、119、110。"
        ),
        ["language"] = new("中文", "English"),
        ["board"] = new("Board", "值班台"),
        ["menu"] = new("Main menu", "主菜单"),
        ["search"] = new("Search", "查找"),
        ["more"] = new("Show more", "显示更多"),
        ["not-found"] = new("Not found.", "没有找到。"),
    };

    public static readonly FrozenDictionary<string, Wording> All = new[]
    {
        Everywhere,
        AccountWords.All,
        AlarmWords.All,
        HomeWords.All,
        DeviceWords.All,
        MetricWords.All,
        LifeLineWords.All,
        VisitWords.All,
        RuleWords.All,
        Enum.GetValues<Resolution>().ToDictionary(r => "resolution." + r, ResolutionWords.Of),
    }
        .SelectMany(words => words)
        .ToFrozenDictionary(StringComparer.Ordinal);

    public static string Of(string key, string language) => All[key].In(language);

    /// <summary>Between a label and its value.</summary>
    public static string Colon(string language) => language == "en" ? ": " : "：";

    /// <summary>Between sentences of a line.</summary>
    public static string Semicolon(string language) => language == "en" ? "; " : "；";

    public static string List(IEnumerable<string> items, string language) => string.Join(language == "en" ? ", " : "、", items);

    public static string InBrackets(string text, string language) => language == "en" ? $" ({text})" : $"（{text}）";
}
