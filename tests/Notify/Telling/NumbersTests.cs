using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Tests.Notify.Telling;

/// <summary>Numbers that can't receive messages, numbers that cost too much, and names with a link in them.</summary>
public sealed class NumbersTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_has_opted_out_of_texts_is_called_at_the_next_alarm_without_asking_again_until_the_number_is_changed()
    {
        await using var night = await Night.BeginAsync();
        night.Heard.Answers[(Channel.Sms, night.Contact1)] = new ChannelResult(
            ChannelOutcome.GiveUp,
            new Wording("opted out of messages (STOP) (21610)", "对方已退订（STOP）（21610）"),
            Blocked: true
        );
        var first = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal([Channel.Sms, Channel.Voice], night.Heard.All.Select(h => h.Channel));
        Assert.Contains(
            (await night.AlarmAsync(first)).Timeline,
            t => t.What == TimelineEvent.Blocked && t.Text.Contains("opted out", StringComparison.Ordinal) && t.TextZh.Length > 0
        );
        await night.Desk.ResolveAsync(first, "duty:d1", Resolution.True, "", Stop);

        night.Restart();
        night.Heard.All.Clear();
        var second = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal([(Channel.Voice, night.Contact1)], night.Heard.All.Select(h => (h.Channel, h.Address)));
        Assert.Contains(
            (await night.AlarmAsync(second)).Timeline,
            t => t.What == TimelineEvent.Skipped && t.Text.Contains("sms is known not to reach", StringComparison.Ordinal)
        );
        await night.Desk.ResolveAsync(second, "duty:d1", Resolution.True, "", Stop);

        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            (await db.Contacts.SingleAsync(c => c.Order == 1, Stop)).Phone = "+8613800000077";
            await db.SaveChangesAsync(Stop);
        }

        night.Heard.All.Clear();
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal([(Channel.Sms, "+8613800000077")], night.Heard.All.Select(h => (h.Channel, h.Address)));
    }

    [Fact]
    public async Task When_every_way_to_somebody_is_blocked_a_cry_for_help_still_tries_one_and_the_next_is_told_at_once()
    {
        await using var night = await Night.BeginAsync();
        foreach (var phone in new[] { night.Contact1, night.Contact2 })
        foreach (var channel in new[] { Channel.Sms, Channel.Voice })
            night.Heard.Answers[(channel, phone)] = new ChannelResult(
                ChannelOutcome.GiveUp,
                new Wording("no longer in service", "已停机"),
                Blocked: true
            );
        await night.Desk.ResolveAsync(await TellAsync(night), "duty:d1", Resolution.True, "", Stop);
        night.Heard.All.Clear();
        await TellAsync(night);
        Assert.Equal(
            [(Channel.Voice, night.Contact1), (Channel.Voice, night.Contact2), (Channel.Voice, night.Visitor)],
            night.Heard.All.Select(h => (h.Channel, h.Address)).OrderBy(h => h.Address)
        );
    }

    [Fact]
    public async Task What_arrives_after_all_unblocks_the_number()
    {
        await using var night = await Night.BeginAsync();
        night.Heard.Answers[(Channel.Voice, night.Contact1)] = new ChannelResult(
            ChannelOutcome.GiveUp,
            new Wording("no longer in service", "已停机"),
            Blocked: true
        );
        night.Heard.Answers[(Channel.Sms, night.Contact1)] = new ChannelResult(
            ChannelOutcome.GiveUp,
            new Wording("opted out", "对方已退订"),
            Blocked: true
        );
        await night.Desk.ResolveAsync(await TellAsync(night), "duty:d1", Resolution.True, "", Stop);
        night.Heard.Answers.Clear();
        night.Heard.All.Clear();
        await TellAsync(night);
        Assert.True(
            await night.Receipts.TakeAsync(
                "outbox",
                "",
                night.Heard.All.Single(h => h.Address == night.Contact1).Notice,
                delivered: true,
                new Wording("key 1 pressed", "已按键 1"),
                Stop
            )
        );
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        Assert.Equal(Channel.Sms, (await db.BlockedNumbers.SingleAsync(Stop)).Channel);
    }

    [Fact]
    public async Task A_number_that_was_changed_to_a_premium_or_foreign_one_is_not_called_and_the_others_are()
    {
        await using var night = await Night.BeginAsync();
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            (await db.Contacts.SingleAsync(c => c.Order == 1, Stop)).Phone = "+881012345678";
            await db.SaveChangesAsync(Stop);
        }

        var alarm = await TellAsync(night);
        Assert.Equal([night.Contact2], night.Order);
        Assert.Contains(
            (await night.AlarmAsync(alarm)).Timeline,
            t =>
                t.What == TimelineEvent.Failed
                && t.Text.Contains("Notify:Prefixes", StringComparison.Ordinal)
                && !t.Text.Contains("+881", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("+86, +852", "+85291234567", true)]
    [InlineData("+86, +852", "+85391234567", false)]
    [InlineData("", "+85391234567", true)]
    [InlineData("", "+861391234567", true)]
    [InlineData("", "+19001234567", false)]
    [InlineData("", "8613912345678", false)]
    [InlineData("", "+86 139 1234", false)]
    [InlineData("", "+86139123456789012", false)]
    [InlineData("", "", false)]
    public void Only_numbers_of_the_listed_countries_are_called(string prefixes, string number, bool called) =>
        Assert.Equal(called, Numbers.Read(Configuration(prefixes)).Refuses(Channel.Voice, number) is null);

    [Fact]
    public void A_prefix_that_is_none_is_an_error_of_the_settings() =>
        Assert.Contains(NotifyServices.Check(Configuration("+86, 852")), p => p.File == "Notify:Prefixes" && p.Value == "852");

    /// <summary>Whatever is in the registry, a message has only the template, a family name and a star.</summary>
    [Theory]
    [InlineData("http://evil.example/x 王")]
    [InlineData("王\r\n【银行】请转账")]
    [InlineData("\u202Egnp.exe\u2066王")]
    [InlineData("www.evil.example")]
    public async Task A_name_with_an_address_a_new_line_or_turned_letters_carries_none_of_it_into_a_message(string name)
    {
        await using var night = await Night.BeginAsync();
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            (await db.Residents.SingleAsync(Stop)).Name = name + new string('甲', 500);
            await db.SaveChangesAsync(Stop);
        }

        await TellAsync(night);
        var text = night.Heard.All[0].Text;
        Assert.InRange(text.Length, 20, 160);
        Assert.DoesNotContain(text, char.IsControl);
        Assert.DoesNotContain(text, c => char.GetUnicodeCategory(c) == System.Globalization.UnicodeCategory.Format);
        Assert.DoesNotContain("evil.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("转账", text, StringComparison.Ordinal);
        Assert.Equal(1, text.Split("://").Length - 1); // the only link is ours
    }

    private static async Task<Guid> TellAsync(Night night)
    {
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        return alarm;
    }

    private static IConfiguration Configuration(string prefixes) =>
        new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["Notify:Prefixes"] = prefixes }).Build();
}
