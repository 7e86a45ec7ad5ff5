using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Notify.Reach;
using Vigil.Phones;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Notify.Phones;

[Trait("Category", "Server")]
public sealed class ReachNightOnSqliteTests : ReachNightTests
{
    protected override Task<PhoneNight> BeginAsync(Dictionary<string, string?>? settings) =>
        PhoneNight.BeginAsync(null, settings: settings);
}

[Trait("Category", "Server")]
public sealed class ReachNightOnPostgresTests(PostgresServer server) : ReachNightTests, IClassFixture<PostgresServer>
{
    protected override async Task<PhoneNight> BeginAsync(Dictionary<string, string?>? settings) =>
        await PhoneNight.BeginAsync(await server.CreateDatabaseAsync(), settings: settings);
}

/// <summary>Reach tests on the phone network, fast-forwarded; the same on both databases.</summary>
public abstract class ReachNightTests
{
    protected abstract Task<PhoneNight> BeginAsync(Dictionary<string, string?>? settings = null);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_reply_with_the_code_verifies_the_number_and_answers_no_alarm()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Text = OnText.Replies, Call = OnCall.Ignores });
        var verified = new List<string>();
        night.Services.GetRequiredService<ReachAnswers>().Changed += verified.Add;
        Assert.Equal(1, await AskAsync(night, night.Contact1, night.Contact1));
        Assert.Equal(1, await AskAsync(night, night.Contact1)); // pressed twice, and asked once
        await PassAsync(night, TimeSpan.FromMinutes(3));
        var text = Assert.Single(night.Network.Taken);
        Assert.Equal("sms", text.Kind);
        Assert.StartsWith("【守望】号码核验，不是警情", text.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("王", text.Text, StringComparison.Ordinal); // the least: nobody is named
        var test = await TestAsync(night, night.Contact1);
        Assert.True(test.IsVerified);
        Assert.Equal([night.Contact1], verified);
        Assert.Equal((ReachState.Idle, (DateTime?)null), (test.State, test.DueAt)); // nobody asked for regular ones
        Assert.NotNull(test.Code); // the same text, sent again or late, is no guess that would be counted against the phone
        Assert.Empty(night.Network.BadCallbacks);

        // The code of the test takes no alarm, and the alarm's own code no longer verifies anything.
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(30));
        Assert.Equal(AlarmState.Acknowledged, (await night.AlarmAsync(alarm)).State);
        Assert.Equal(test.VerifiedAt, (await TestAsync(night, night.Contact1)).VerifiedAt);
    }

    [Fact]
    public async Task That_a_text_arrived_is_no_answer()
    {
        await using var night = await BeginAsync();
        await AskAsync(night, night.Contact1);
        await PassAsync(night, TimeSpan.FromMinutes(3));
        Assert.False((await TestAsync(night, night.Contact1)).IsVerified); // it arrived, which is no answer
        await night.Services.GetRequiredService<ReachAnswers>().AnsweredAsync((await TestAsync(night, night.Contact1)).Id, by: null, Stop);
        Assert.True((await TestAsync(night, night.Contact1)).IsVerified);
    }

    [Fact]
    public async Task Who_answers_no_text_is_called_after_a_day_and_verifies_with_a_key()
    {
        await using var night = await BeginAsync();
        night.Is(
            night.Contact1,
            new Person
            {
                Text = OnText.Ignores,
                Call = OnCall.Answers,
                Keys = "31",
            }
        );
        await AskAsync(night, night.Contact1);
        await PassAsync(night, TimeSpan.FromHours(23));
        Assert.Equal(["sms contact 1"], night.Told);
        await PassAsync(night, TimeSpan.FromHours(2));
        Assert.Equal(["sms contact 1", "call contact 1"], night.Told);
        Assert.Contains("不是警情", night.Network.Taken[1].Text, StringComparison.Ordinal);
        Assert.DoesNotContain("由您去处理", night.Network.Taken[1].Text, StringComparison.Ordinal);
        Assert.True((await TestAsync(night, night.Contact1)).IsVerified);
        Assert.Empty(night.Network.BadCallbacks);
    }

    [Fact]
    public async Task Who_answers_nothing_has_failed_and_says_why()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Text = OnText.Ignores, Call = OnCall.Ignores });
        await AskAsync(night, night.Contact1);
        await PassAsync(night, TimeSpan.FromHours(26));
        var test = await TestAsync(night, night.Contact1);
        Assert.True(test.IsFailed);
        Assert.Equal(2, night.Told.Count);
        Assert.NotEqual("", test.Reason.Zh);
        Assert.Null(Language.Sentences.WrongInChinese(test.Reason.Zh));

        // A late answer is one.
        await night.Services.GetRequiredService<ReachAnswers>().AnsweredAsync(test.Id, by: null, Stop);
        Assert.True((await TestAsync(night, night.Contact1)).IsVerified);
    }

    [Fact]
    public async Task A_number_that_is_out_of_service_fails_at_once_and_is_called_before()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Text = OnText.UnknownNumber, Call = OnCall.Unreachable });
        await AskAsync(night, night.Contact1);
        await PassAsync(night, TimeSpan.FromMinutes(10));
        Assert.True((await TestAsync(night, night.Contact1)).IsFailed);
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        Assert.True(await db.BlockedNumbers.AnyAsync(b => b.Address == night.Contact1 && b.Channel == Channel.Sms, Stop));
    }

    [Fact]
    public async Task A_number_that_failed_is_tested_again_when_a_text_arrives_there_after_all()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(2));
        await night.Desk.AcknowledgeAsync(alarm, "duty:d1", "", Stop);
        await night.Desk.ResolveAsync(alarm, "duty:d1", Resolution.FalseHabit, "", Stop);
        night.Is(night.Contact1, new Person { Text = OnText.UnknownNumber, Call = OnCall.Unreachable });
        await AskAsync(night, night.Contact1);
        await PassAsync(night, TimeSpan.FromMinutes(10));
        Assert.True((await TestAsync(night, night.Contact1)).IsFailed);

        // The receipt of an earlier text comes now: the number takes texts.
        night.Is(night.Contact1, new Person { Text = OnText.Replies, Call = OnCall.Unreachable });
        Guid notice;
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            var row = await db.Notices.FirstAsync(n => n.AlarmId == alarm && n.Address == night.Contact1, Stop);
            (row.Channel, row.State, row.FinishedAt, row.Provider, row.ProviderId) = (Channel.Sms, NoticeState.Sent, null, "twilio", "SM1");
            notice = row.Id;
            await db.SaveChangesAsync(Stop);
        }

        await night
            .Services.GetRequiredService<Vigil.Notify.Escalation.ProviderReceipts>()
            .TakeAsync("twilio", "SM1", notice, true, Wording.Same("delivered"), Stop);
        await PassAsync(night, TimeSpan.FromMinutes(5));
        Assert.True((await TestAsync(night, night.Contact1)).IsVerified);
    }

    [Fact]
    public async Task Nobody_is_asked_at_night_nor_while_an_alarm_of_the_home_is_open()
    {
        await using var night = await BeginAsync();
        night.Clock.SetUtcNow(new DateTimeOffset(2026, 1, 15, 11, 30, 0, TimeSpan.Zero)); // 19:30 in Guangdong
        await AskAsync(night, night.Contact1);
        await PassAsync(night, TimeSpan.FromHours(13));
        Assert.Empty(night.Told); // 08:30
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.Desk.AcknowledgeAsync(alarm, "duty:d1", "", Stop);
        await PassAsync(night, TimeSpan.FromHours(2)); // 10:30, the alarm is still open
        Assert.DoesNotContain(night.Network.Taken, t => t.Text.Contains("核验", StringComparison.Ordinal));
        await night.Desk.ResolveAsync(alarm, "duty:d1", Resolution.Test, "", Stop);
        await PassAsync(night, TimeSpan.FromHours(1));
        Assert.Single(night.Network.Taken, t => t.Text.Contains("核验", StringComparison.Ordinal));
    }

    [Fact]
    public async Task With_a_setting_every_number_is_tested_once_within_its_days_and_again_and_one_of_several_people_once()
    {
        await using var night = await BeginAsync(new() { ["Contacts:ReachTestDays"] = "5" });
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            db.Residents.Add(
                new Resident
                {
                    Id = "r2",
                    Name = "赵兰",
                    Area = "440111001001",
                    Contacts =
                    [
                        new Contact
                        {
                            ResidentId = "r2",
                            Order = 1,
                            Name = "王大",
                            Phone = night.Contact1,
                        },
                    ],
                }
            );
            await db.SaveChangesAsync(Stop);
        }

        foreach (var number in new[] { night.Contact1, night.Contact2, night.Visitor, night.Duty, night.Supervisor })
            night.Is(number, new Person { Text = OnText.Replies });
        await PassAsync(night, TimeSpan.FromDays(6));
        foreach (var number in new[] { night.Contact1, night.Contact2, night.Visitor, night.Duty, night.Supervisor })
        {
            Assert.True((await TestAsync(night, number)).IsVerified, number);
            Assert.InRange(night.Network.Taken.Count(t => t.Number == number), 1, 2);
        }

        Assert.All(
            night.Network.Taken,
            t => Assert.InRange(t.At.ToOffset(TimeSpan.FromHours(8)).TimeOfDay, TimeSpan.FromHours(9), TimeSpan.FromHours(19))
        );
        var before = night.Network.Taken.Count(t => t.Number == night.Contact1);
        await PassAsync(night, TimeSpan.FromDays(6));
        Assert.True(night.Network.Taken.Count(t => t.Number == night.Contact1) > before);

        // Whose number is changed has another one, not verified, and the old one is forgotten.
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
            await db
                .Contacts.Where(c => c.Phone == night.Contact2)
                .ExecuteUpdateAsync(u => u.SetProperty(c => c.Phone, "+85261239999"), Stop);
        await PassAsync(night, TimeSpan.FromDays(2));
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            Assert.False(await db.ReachTests.AnyAsync(t => t.Address == night.Contact2, Stop));
            Assert.True(await db.ReachTests.AnyAsync(t => t.Address == "+85261239999", Stop));
        }
    }

    [Fact]
    public async Task Without_a_provider_nobody_has_failed_and_it_says_so()
    {
        await using var night = await BeginAsync(new() { ["Notify:Prefixes"] = "+86" });
        await AskAsync(night, night.Contact1);
        await PassAsync(night, TimeSpan.FromMinutes(3));
        var test = await TestAsync(night, night.Contact1);
        Assert.False(test.IsFailed);
        Assert.False(test.IsVerified);
        Assert.NotEqual("", test.Reason.En);
        Assert.Empty(night.Told);
    }

    private static Task<int> AskAsync(PhoneNight night, params string[] numbers) =>
        night.Services.GetRequiredService<ReachTests>().AskAsync(numbers, "duty:d1", Stop);

    private static async Task<ReachTest> TestAsync(PhoneNight night, string number)
    {
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        return await db.ReachTests.AsNoTracking().SingleAsync(t => t.Address == number, Stop);
    }

    /// <summary>As the service does it, a minute at a time; the long silences of a night and of days in larger steps.</summary>
    private static async Task PassAsync(PhoneNight night, TimeSpan time)
    {
        var end = night.Clock.GetUtcNow() + time;
        while (true)
        {
            var sent = await night.Services.GetRequiredService<ReachTests>().CycleAsync(Stop);
            var step = sent > 0 || time < TimeSpan.FromMinutes(30) ? TimeSpan.FromMinutes(1) : TimeSpan.FromMinutes(20);
            var left = end - night.Clock.GetUtcNow();
            if (left <= TimeSpan.Zero)
                return;
            await night.PassAsync(step < left ? step : left);
        }
    }
}
