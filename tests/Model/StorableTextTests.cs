using Vigil.Model;

namespace Vigil.Tests.Model;

public sealed class StorableTextTests
{
    [Theory]
    [InlineData("so\0s", "so\uFFFDs")]
    [InlineData("老人😀", "老人😀")]
    [InlineData("", "")]
    public void What_no_store_takes_becomes_the_replacement_character(string said, string kept) =>
        Assert.Equal(kept, StorableText.Of(said, 100));

    [Fact]
    public void Half_a_surrogate_pair_becomes_the_replacement_character()
    {
        Assert.Equal("a\uFFFDb", StorableText.Of(new string(['a', '\uD800', 'b']), 100));
        Assert.Equal("\uFFFD", StorableText.Of(new string('\uDC00', 1), 100));
    }

    [Fact]
    public void What_is_too_long_ends_with_an_ellipsis_and_never_within_a_character()
    {
        Assert.Equal("abc…", StorableText.Of("abcdef", 4));
        Assert.Equal("ab…", StorableText.Of("ab😀def", 4));
        Assert.Equal("ab😀", StorableText.Of("ab😀", 4));
    }

    [Fact]
    public void What_is_fine_is_the_same_object()
    {
        var said = new string('护', 5);
        Assert.Same(said, StorableText.Of(said, 5));
    }
}
