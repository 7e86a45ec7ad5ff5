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
        ["search.box"] = new("Search the whole console (key /)", "全局查找（按 / 键）"),
        ["search.placeholder"] = new("Name, phone, address, device… ( / )", "姓名、电话、住址、设备…（按 /）"),
        ["search.results"] = new("Results", "查找结果"),
        ["search.none"] = new("Nothing found.", "没有找到。"),
        ["search.every"] = new("All results", "全部结果"),
        ["search.all"] = new("All of these", "全部显示"),
        ["search.back"] = new("All kinds", "全部类型"),
        ["search.waiting"] = new(
            "The service has just started: names and addresses can be searched in a moment.",
            "系统刚启动，姓名和住址稍后即可查找。"
        ),
        ["search.how"] = new(
            "Part of a name, number or address; a whole phone number; a category; a contact or visitor; the beginning of a device's id; "
                + "an area. Several words together, such as a name and a street, find who has them all.",
            "可输入姓名、编号或住址的一部分、完整的电话号码、对象类型、联系人、探访人、设备编号开头或区域；"
                + "用空格隔开多个词（如姓名和街道），查找同时符合的服务对象。"
        ),
        ["search.resident"] = new("Residents", "服务对象"),
        ["search.phone"] = new("Phone number", "电话号码"),
        ["search.address"] = new("Address", "居住地址"),
        ["search.contact"] = new("Contacts", "紧急联系人"),
        ["search.visitor"] = new("Visitors", "探访关爱服务联系人"),
        ["search.device"] = new("Devices", "设备"),
        ["search.area"] = new("Areas", "区域"),
        ["search.category"] = new("Category", "对象类型"),
        ["more"] = new("Show more", "显示更多"),
        ["not-found"] = new("Not found.", "没有找到。"),
    };

    public static readonly FrozenDictionary<string, Wording> All = new[]
    {
        Everywhere,
        AccountWords.All,
        AlarmWords.All,
        ConsentWords.All,
        EditWords.All,
        HomeWords.All,
        DeviceWords.All,
        MetricWords.All,
        LifeLineWords.All,
        ProtectionWords.All,
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
