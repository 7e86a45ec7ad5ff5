using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Tests.Model;

public sealed class WordsTests
{
    [Fact]
    public void A_member_is_stored_and_told_by_its_word()
    {
        Assert.Equal(["sms", "voice", "mail", "webhook", "self-test"], Words.All<Channel>());
        Assert.Equal("voice,sms", Words.List([Channel.Voice, Channel.Sms]));
        Assert.Equal([Channel.Voice, Channel.Sms], Words.ReadList<Channel>("voice, sms"));
        Assert.Empty(Words.ReadList<Channel>(""));
    }

    [Theory]
    [InlineData("Sms")]
    [InlineData("0")]
    [InlineData("")]
    [InlineData(null)]
    public void What_people_write_is_a_word_exactly_or_refused(string? word) => Assert.False(Words.TryParse<Channel>(word, out _));

    [Fact]
    public void A_stored_word_of_another_version_is_itself_and_nothing_else()
    {
        var (pigeon, fax) = (Words.Read<Channel>("pigeon"), Words.Read<Channel>("fax"));
        Assert.Equal(("pigeon", "fax"), (pigeon.Word(), fax.Word()));
        Assert.Equal(pigeon, Words.Read<Channel>("pigeon"));
        Assert.NotEqual(pigeon, fax);
        Assert.DoesNotContain(pigeon, Enum.GetValues<Channel>());
    }
}
