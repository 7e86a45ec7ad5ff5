using CsCheck;
using Vigil.Registry.Search;

namespace Vigil.Tests.Registry.Search;

public sealed class GramIndexTests
{
    /// <summary>Few characters, so that pairs repeat.</summary>
    private static readonly Gen<string> Text = Gen.Char["王李秀英12a "].Array[0, 6].Select(c => new string(c));

    [Fact]
    public void Whoever_has_the_word_is_found_and_short_words_are_certain() =>
        Gen.Select(Text.Array[1, 30], Text)
            .Sample(
                (texts, typed) =>
                {
                    var index = new GramIndex();
                    var plain = texts.Select(GramIndex.Plain).ToList();
                    for (var i = 0; i < plain.Count; i++)
                        index.Add(i, plain[i]);
                    var word = GramIndex.Plain(typed);
                    var found = index.Having(word);
                    var has = Enumerable
                        .Range(0, plain.Count)
                        .Where(i => word.Length > 0 && plain[i].Contains(word, StringComparison.Ordinal));
                    Assert.Equal(found.Order(), found);
                    if (word.Length <= 2)
                        Assert.Equal(has, found);
                    else
                        Assert.Empty(has.Except(found));
                }
            );

    [Theory]
    [InlineData("１２Ａ", "12a")]
    [InlineData(" 王 秀英", "王秀英")]
    [InlineData("R-00１", "r-001")]
    [InlineData("\uD800x", "\uD800x")]
    public void Full_width_capitals_and_spaces_make_no_difference(string typed, string plain) =>
        Assert.Equal(plain, GramIndex.Plain(typed));

    [Fact]
    public void Numbers_in_both_and_in_any() =>
        Gen.Select(Gen.Int[0, 40].Array[0, 20], Gen.Int[0, 40].Array[0, 20])
            .Sample(
                (a, b) =>
                {
                    var (left, right) = (a.Distinct().Order().ToList(), b.Distinct().Order().ToList());
                    Assert.Equal(left.Intersect(right).Order(), GramIndex.Both(left, right));
                    Assert.Equal(left.Union(right).Order(), GramIndex.Any([left, right]));
                }
            );
}
