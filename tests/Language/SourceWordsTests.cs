using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web;

namespace Vigil.Tests.Language;

/// <summary>
/// Checks every text in the source that is given in two languages: reasons, lines of the timeline, notes of steps, errors, troubles of the
/// service. Texts that are added later are checked too.
/// </summary>
public sealed class SourceWordsTests
{
    /// <summary>The calls that take a text in both languages, and which of their arguments are the English and the Chinese one.</summary>
    private static readonly (string Call, int English, int Chinese)[] Says =
    [
        ("new Wording(", 0, 1),
        ("Timeline.Add(", 5, 6),
        ("troubles.Happened(", 1, 2),
        ("troubles?.Happened(", 1, 2),
        ("?.Happened(", 1, 2),
        ("troubles.Say(", 1, 2),
        ("troubles?.Say(", 1, 2),
    ];

    [Fact]
    public void Whatever_the_service_says_it_says_in_both_languages()
    {
        var (wrong, said) = (new List<string>(), 0);
        foreach (var (file, text) in SourceWords.Files())
        {
            foreach (var (call, english, chinese) in Says)
            foreach (var (line, arguments) in SourceWords.Calls(text, call))
                Judge(file, line, arguments, english, chinese);
            foreach (var (line, arguments) in SourceWords.Wordings(text))
                Judge(file, line, arguments, 0, 1);
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(said > 500, $"{said} were found");

        void Judge(string file, int line, IReadOnlyList<string> arguments, int english, int chinese)
        {
            if (arguments.Count <= chinese || arguments[0].StartsWith("RecordsDb db", StringComparison.Ordinal))
                return; // the declaration itself
            var (en, zh) = (SourceWords.Words(arguments[english]), SourceWords.Words(arguments[chinese]));
            if (en.Trim(' ', '…').Length == 0 && zh.Trim(' ', '…').Length == 0)
                return; // both are variables: their words are checked where they are made
            said++;
            wrong.AddRange(Sentences.Wrong(en, zh).Select(why => $"{file}:{line}: {why}"));
        }
    }

    [Theory]
    [InlineData("private static readonly Wording Silent = new(\"it is silent\", \"x\");")]
    [InlineData("static Wording? Late { get; } =\n    new(\"it is late\", \"x\");")]
    [InlineData("private static Wording Failed(Exception e) =>\n    new(\"it failed\", \"x\");")]
    public void Words_whose_type_is_said_before_them_are_found_too(string source) =>
        Assert.NotEmpty(Sentences.Wrong(SourceWords.Words(Assert.Single(SourceWords.Wordings(source)).Arguments[0]), "x"));

    [Fact]
    public void Every_event_of_the_timeline_has_words_in_both_languages()
    {
        var events = Enum.GetValues<TimelineEvent>().Select(e => e.Word()).ToList();
        Assert.All(events, e => Assert.True(Texts.All.ContainsKey("what." + e), $"no words for {e}"));
    }

    [Theory]
    [InlineData("src/Rules/RulesFile.cs", "src/Rules/RuleWindowSection.cs", "src/Rules/ZoneSection.cs")]
    [InlineData("src/Notify/Escalation/PoliciesFile.cs")]
    public void What_is_wrong_with_a_file_that_a_page_shows_is_said_in_both_languages(params string[] readers)
    {
        var calls = readers
            .SelectMany(file => SourceWords.Calls(File.ReadAllText(Path.Combine(SourceWords.Root, file)), "Refuse("))
            .ToList();
        Assert.True(calls.Count > 10);
        Assert.All(calls, c => Assert.StartsWith("new Wording(", c.Arguments[2], StringComparison.Ordinal));
    }
}
