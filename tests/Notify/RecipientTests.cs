using Vigil.Notify;

namespace Vigil.Tests.Notify;

/// <summary>Recipients as policies, notices and timelines write them.</summary>
public sealed class RecipientTests
{
    [Theory]
    [InlineData("contacts", RecipientKind.Contact, 0, "")]
    [InlineData("contact 2", RecipientKind.Contact, 2, "")]
    [InlineData("visitor", RecipientKind.Visitor, 0, "")]
    [InlineData("duty", RecipientKind.Duty, 0, "")]
    [InlineData("supervisor", RecipientKind.Supervisor, 0, "")]
    [InlineData("contact:0190b1a2", RecipientKind.Contact, 0, "0190b1a2")]
    [InlineData("visitor:v 1:2", RecipientKind.Visitor, 0, "v 1:2")]
    [InlineData("duty:d1", RecipientKind.Duty, 0, "d1")]
    [InlineData("supervisor:s1", RecipientKind.Supervisor, 0, "s1")]
    [InlineData("vigil-self-test +85230000000", RecipientKind.SelfTest, 0, "+85230000000")]
    public void What_is_written_is_read_and_written_the_same(string text, RecipientKind kind, int order, string id)
    {
        var read = Recipient.Parse(text);
        Assert.Equal(new Recipient(kind, order, id), read);
        Assert.Equal(text, read.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("rules")]
    [InlineData("api:desk")]
    [InlineData("contact")]
    [InlineData("contact 0")]
    [InlineData("contact 10")]
    [InlineData("contacts 1")]
    [InlineData("visitor 1")]
    [InlineData("visitor:")]
    [InlineData("told")]
    [InlineData("zhou")]
    public void Anything_else_is_nobody_of_a_plan(string text)
    {
        Assert.Equal(new Recipient(RecipientKind.Other), Recipient.Parse(text));
        Assert.False(Recipient.IsPlace(text));
    }
}
