using System.Text.RegularExpressions;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Tests.Language;
using Vigil.Web;

namespace Vigil.Tests.Web;

public sealed class TextsTests
{
    [Fact]
    public void Every_text_stands_there_in_both_languages_with_the_same_places_to_fill()
    {
        foreach (var (key, (en, zh)) in Texts.All)
        {
            Assert.False(string.IsNullOrWhiteSpace(zh) || string.IsNullOrWhiteSpace(en), key);
            Assert.True(
                zh.Contains("{0", StringComparison.Ordinal) == en.Contains("{0", StringComparison.Ordinal),
                $"{key}: {{0}} in one language only"
            );
        }
    }

    [Fact]
    public void Every_text_is_shown_somewhere()
    {
        var source = string.Join(
            '\n',
            SourceWords
                .Files()
                .Where(f =>
                    f.File.StartsWith("src/Web/", StringComparison.Ordinal) && !f.File.Contains("PageWords", StringComparison.Ordinal)
                )
                .Select(f => f.Text)
        );
        // Keys that are put together: T("state." + …), $"what.{…}".
        var begun = Regex.Matches(source, "\"([a-z.-]+\\.)(?:\" \\+|\\{)").Select(m => m.Groups[1].Value).ToHashSet(StringComparer.Ordinal);
        Assert.Empty(
            Texts.All.Keys.Where(k =>
                !source.Contains($"\"{k}\"", StringComparison.Ordinal) && !begun.Any(b => k.StartsWith(b, StringComparison.Ordinal))
            )
        );
    }

    [Fact]
    public void Every_state_severity_and_outcome_has_words()
    {
        foreach (var state in new[] { "open", "acknowledged", "in-hand", "resolved" })
            Assert.NotEmpty(Texts.Of("state." + state, "zh"));
        foreach (var severity in Enum.GetValues<Severity>())
            Assert.NotEmpty(Texts.Of($"severity.{(int)severity}", "en"));
        foreach (var resolution in Enum.GetValues<Resolution>().Where(r => r != Resolution.None))
            Assert.NotEmpty(Texts.Of("resolution." + resolution, "zh"));
        foreach (var state in Enum.GetValues<StepState>())
            Assert.NotEmpty(Texts.Of("step.state." + state.ToString().ToLowerInvariant(), "zh"));
        foreach (var state in Enum.GetValues<NoticeState>())
            Assert.NotEmpty(Texts.Of("notice.state." + state.ToString().ToLowerInvariant(), "zh"));
    }

    [Fact]
    public void Every_kind_of_alarm_has_a_response_script_in_both_languages()
    {
        List<Problem> problems = [];
        var scripts = Scripts.Load(Path.Combine(AppContext.BaseDirectory, "config", "scripts.yaml"), problems);
        Assert.Empty(problems);
        foreach (var kind in AlarmKind.All)
        {
            Assert.True(scripts!.For(kind.Name, "zh").Count >= 2, kind.Name);
            Assert.Equal(scripts.For(kind.Name, "zh").Count, scripts.For(kind.Name, "en").Count);
        }
    }
}
