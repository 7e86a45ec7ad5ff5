using System.Globalization;
using System.Text.RegularExpressions;
using Vigil.Model;
using Vigil.Settings;
using Vigil.Storage.Records;

namespace Vigil.Notify.Messages;

/// <summary>
/// The words of messages in both languages, from <c>config/messages.yaml</c>. Whoever holds them has those of a changed file too (<see
/// cref="Use"/>). Thread-safe.
/// </summary>
public sealed partial class MessageTexts
{
    private static readonly string[] SpokenKeys =
    [
        "opened",
        "repeated",
        "late",
        "menu",
        "taken",
        "declined",
        "over",
        "no-key",
        "inbound",
        "reply-help",
        "reply-wrong",
        "reach",
        "reach-no-key",
        "reached",
    ];

    /// <summary>
    /// Never changed, only replaced as a whole; every file has the same keys, so that a message may begin with one file and end with the
    /// next.
    /// </summary>
    private volatile Dictionary<(string Key, string Language), string> texts = [];
    private readonly TimeZoneInfo zone;

    private MessageTexts(TimeZoneInfo zone) => this.zone = zone;

    /// <summary>Reads the file; every alarm kind and template has to stand there in zh and en.</summary>
    public static MessageTexts? Load(string path, TimeZoneInfo zone, List<Problem> problems)
    {
        var before = problems.Count;
        if (YamlSection.Load(path, problems) is not { } yaml)
            return null;
        var found = new MessageTexts(zone);
        found.Read(
            yaml.Section("templates", required: true),
            "template:",
            [.. Enum.GetValues<MessageKind>().Where(k => k != MessageKind.SelfTest).Select(k => k.Word()), "reply", "reach-reply"]
        );
        found.Read(yaml.Section("kinds", required: true), "kind:", AlarmKind.All.Select(k => k.Name));
        found.Read(yaml.Section("spoken", required: true), "spoken:", SpokenKeys, ["zh", "yue", "en"]);
        yaml.NoOthers();
        return problems.Count > before ? null : found;
    }

    /// <summary>Takes the words of a changed file.</summary>
    public void Use(MessageTexts changed) => texts = changed.texts;

    /// <summary>The kind in words; the name of a kind that this version doesn't know.</summary>
    public string Kind(string kind, string language) => texts.GetValueOrDefault(("kind:" + kind, Written(language))) ?? kind;

    /// <summary>A message with the least information: family name and a star, the kind in words, the local time, the link.</summary>
    /// <param name="residentName">Empty for an alarm that is about no resident: then the message names nobody.</param>
    public string Text(MessageKind template, string language, string residentName, string kind, DateTime time, string link) =>
        Filled(
                texts.GetValueOrDefault(("template:" + template.Word(), Written(language)))
                    ?? texts[("template:opened", Written(language))],
                MaskedOrEmpty(residentName),
                Kind(kind, language)
            )
            .Replace("{time}", Local(time), StringComparison.Ordinal)
            .Replace("{link}", link, StringComparison.Ordinal);

    /// <summary>The sentence added to a text where a reply is possible: how to answer with the recipient's code for this alarm.</summary>
    public string Reply(string language, string code) =>
        texts[("template:reply", Written(language))].Replace("{code}", code, StringComparison.Ordinal);

    /// <summary>The sentence added to a text that tests a number: its code shows that somebody has read it.</summary>
    public string ReachReply(string language, string code) =>
        texts[("template:reach-reply", Written(language))].Replace("{code}", code, StringComparison.Ordinal);

    public static string ReachSubject(string language) => language == "en" ? "[Vigil] Is this address right?" : "【守望】邮箱核验";

    /// <summary>
    /// What a call says, or what answers a key or a reply: Mandarin, Cantonese or English. No link, no code, no time: nobody can note them
    /// down by ear.
    /// </summary>
    public string Spoken(string key, string language, IReadOnlyDictionary<string, string> values)
    {
        var name = (values.GetValueOrDefault("name") ?? "").TrimEnd('*');
        var text = texts.GetValueOrDefault(("spoken:" + key, language)) ?? texts[("spoken:opened", language)];
        return Filled(text, name, values.GetValueOrDefault("what") ?? "");
    }

    /// <summary>A day of one home for a contact.</summary>
    public string Daily(string language, string residentName, DateOnly day, string life) =>
        texts[("template:daily", Written(language))]
            .Replace("{name}", Masked(residentName), StringComparison.Ordinal)
            .Replace("{time}", day.ToString("MM-dd", CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{life}", life, StringComparison.Ordinal);

    public static string DailySubject(string language) => language == "en" ? "[Vigil] Yesterday at home" : "【守望】昨日家中情况";

    /// <summary>Several notices of low severity to one person, in one message: 王*：设备电量低；李*：设备无数据…</summary>
    public string Digest(string language, IReadOnlyCollection<(string ResidentName, string Kind)> items, string link)
    {
        const int shown = 4; // more would make a third segment; the page shows them all
        var zh = Written(language) == "zh";
        var list =
            string.Join(
                zh ? "；" : "; ",
                items.Take(shown).Select(i => WithColon(MaskedOrEmpty(i.ResidentName), zh) + Kind(i.Kind, language))
            ) + (items.Count > shown ? "…" : "");
        return texts[("template:digest", Written(language))]
            .Replace("{count}", items.Count.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{list}", list, StringComparison.Ordinal)
            .Replace("{link}", link, StringComparison.Ordinal);
    }

    /// <summary>
    /// The values of a template, for providers that take template ids and parameters instead of texts. The name is empty where the alarm is
    /// about no resident.
    /// </summary>
    public IReadOnlyDictionary<string, string> Values(string language, string residentName, string kind, DateTime time, string link) =>
        new Dictionary<string, string>
        {
            ["name"] = MaskedOrEmpty(residentName),
            ["what"] = Kind(kind, language),
            ["kind"] = kind,
            ["time"] = Local(time),
            ["link"] = link,
        };

    /// <summary>王秀英 → 王*; Wang Xiuying → Wang*. What is no letter is left out, so that a name can't carry a link.</summary>
    public static string Masked(string name) => FamilyName(name) + "*";

    private static string MaskedOrEmpty(string name) => FamilyName(name) is { Length: > 0 } family ? family + "*" : "";

    private static string FamilyName(string name)
    {
        var first = name.Trim().Split(' ', 2)[0];
        first = new string([.. first.Where(char.IsLetter)]);
        return first.Length == 0 ? ""
            : first[0] >= 0x2E80 ? first[..1]
            : first[..Math.Min(first.Length, 20)];
    }

    private static string WithColon(string name, bool zh) =>
        name.Length == 0 ? ""
        : zh ? name + "："
        : name + ": ";

    /// <summary>
    /// Puts name and kind into a text. Without a name the words that belong to it go too, with the colon or comma behind it; what then
    /// begins an English sentence is capitalised.
    /// </summary>
    private static string Filled(string text, string name, string what)
    {
        text = text.Replace("{what}", what, StringComparison.Ordinal);
        if (name.Length > 0)
            return text.Replace("{name}", name, StringComparison.Ordinal);
        return WithName().Replace(text, m => m.Groups["next"].Value.ToUpperInvariant());
    }

    /// <summary>The name with what is said only together with it: 王*：…, 王姓老人，…, 王姓老人的…, about Wang.</summary>
    [GeneratedRegex(@" about \{name\}|\{name\}(姓老人|姓長者)?(：|: |，|的|嘅)?(?<next>\p{L}?)")]
    private static partial Regex WithName();

    /// <summary>The zone that times of day in messages and policies are meant in.</summary>
    public TimeZoneInfo Zone => zone;

    /// <summary>A moment in local time, in which rota and policies are written.</summary>
    public DateTime ToLocal(DateTime utc) => TimeZoneInfo.ConvertTimeFromUtc(utc, zone);

    private string Local(DateTime utc) => TimeZoneInfo.ConvertTimeFromUtc(utc, zone).ToString("MM-dd HH:mm", CultureInfo.InvariantCulture);

    /// <summary>Cantonese is spoken; it is written as Chinese.</summary>
    private static string Written(string language) => language == "en" ? "en" : "zh";

    private void Read(YamlSection? section, string prefix, IEnumerable<string> keys, params string[] languages)
    {
        if (languages.Length == 0)
            languages = ["zh", "en"];
        if (section is null)
            return;
        foreach (var key in keys)
        {
            if (section.Section(key, required: true) is not { } entry)
                continue;
            entry.Id = key;
            foreach (var language in languages)
                if (entry.Text(language, required: true) is { } text)
                    texts[(prefix + key, language)] = text;
            entry.NoOthers();
        }

        section.NoOthers();
    }
}
