using Microsoft.Extensions.Time.Testing;
using Vigil.Notify;

namespace Vigil.Tests.Notify;

public sealed class SignedLinksTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-links-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData('}')]
    [InlineData('\ufffd')]
    [InlineData('=')]
    [InlineData(' ')]
    public void A_token_with_a_character_that_belongs_to_none_opens_nothing_and_is_no_error(char wrong)
    {
        var links = new SignedLinks(folder, "https://vigil.example", new FakeTimeProvider());
        var token = links.For(Guid.NewGuid(), TimeSpan.FromHours(1)).Split("/c/")[1];
        Assert.NotNull(links.Open(token));
        Assert.Null(links.Open(token[..20] + wrong + token[21..]));
        Assert.Null(links.Open(token[..^1] + wrong));
    }
}
