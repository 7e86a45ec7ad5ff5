using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels.Twilio;
using Vigil.Phones;
using Vigil.Storage.Records;
using Vigil.Tests.Notify.Phones;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Notify.Telling;

[Trait("Category", "Server")]
public sealed class AnswersOnSqliteTests : AnswersTests
{
    protected override Task<PhoneNight> BeginAsync(string via) => PhoneNight.BeginAsync(null, via);
}

[Trait("Category", "Server")]
public sealed class AnswersOnPostgresTests(PostgresServer server) : AnswersTests, IClassFixture<PostgresServer>
{
    protected override async Task<PhoneNight> BeginAsync(string via) =>
        await PhoneNight.BeginAsync(await server.CreateDatabaseAsync(), via);
}

/// <summary>
/// An answer belongs to the message it answers: when an alarm happens again, it needs a new answer. The same tests on both databases.
/// </summary>
public abstract class AnswersTests
{
    protected abstract Task<PhoneNight> BeginAsync(string via = "voice, sms");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_replayed_key_does_not_acknowledge_what_was_pressed_since_and_the_same_call_can_take_it_with_a_new_key()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Call = OnCall.Answers });
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        var notice = (await night.NoticesAsync())[0];
        var first = $"/hooks/twilio/voice?notice={notice.Id:N}&tries=0";
        await PressKeyAsync(night, first, notice, "1");
        Assert.Equal(AlarmState.Acknowledged, (await night.AlarmAsync(alarm)).State);

        await PressAsync(night); // opens the alarm again
        var again = await PressKeyAsync(night, first, notice, "1"); // the first key, replayed
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
        Assert.Contains("再次呼叫求助", again, StringComparison.Ordinal);
        var action = System.Xml.Linq.XDocument.Parse(again).Descendants("Gather").Single().Attribute("action")!.Value[
            night.HooksUrl.Length..
        ];
        // in the same call they hear what happened since, and take it
        Assert.Contains("由您处理", await PressKeyAsync(night, action, notice, "1"), StringComparison.Ordinal);
        var row = await night.AlarmAsync(alarm);
        Assert.Equal((AlarmState.Acknowledged, 2), (row.State, row.Timeline.Count(t => t.What == TimelineEvent.Acknowledged)));

        night.Clock.Advance(TimeSpan.FromMinutes(2));
        await PressAsync(night);
        Assert.Contains("再次呼叫求助", await PressKeyAsync(night, action, notice, "1"), StringComparison.Ordinal); // this key is replayed too
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
    }

    [Fact]
    public async Task The_same_key_told_twice_is_one_answer()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Call = OnCall.Answers });
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        var notice = (await night.NoticesAsync())[0];
        for (var i = 0; i < 3; i++)
            Assert.Contains(
                "由您处理",
                await PressKeyAsync(night, $"/hooks/twilio/voice?notice={notice.Id:N}&tries=0", notice, "1"),
                StringComparison.Ordinal
            );
        Assert.Single((await night.AlarmAsync(alarm)).Timeline, t => t.What == TimelineEvent.Acknowledged);
    }

    [Fact]
    public async Task A_key_from_before_the_promise_ran_out_does_not_acknowledge_what_was_opened_again()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Call = OnCall.Answers, Keys = "1" });
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromHours(4.1)); // nobody reported the person seen well
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
        var notice = (await night.NoticesAsync())[0];
        await PressKeyAsync(night, $"/hooks/twilio/voice?notice={notice.Id:N}&tries=0", notice, "1");
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
    }

    [Fact]
    public async Task An_old_reply_code_takes_nothing_and_the_answer_to_it_has_a_code_that_does()
    {
        await using var night = await BeginAsync("sms");
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        var old = (await night.NoticesAsync())[0].ReplyCode!;
        await night.Desk.AcknowledgeAsync(alarm, "duty:d1", "", Stop);
        await PressAsync(night);
        var answer = await night.Network.Twilio.TextAsync(night.Contact1, old);
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
        Assert.Contains("再次呼叫求助", answer, StringComparison.Ordinal);
        Assert.DoesNotContain(old, answer, StringComparison.Ordinal);
        var fresh = System.Text.RegularExpressions.Regex.Match(answer, @"回复(\d{6})").Groups[1].Value;
        Assert.Contains("由您处理", await night.Network.Twilio.TextAsync(night.Contact1, fresh), StringComparison.Ordinal);
        Assert.StartsWith("contact:", (await night.AlarmAsync(alarm)).AcknowledgedBy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_old_code_that_comes_several_times_at_once_is_told_anew_once_and_each_reply_gets_the_same_text()
    {
        await using var night = await BeginAsync("sms");
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        var old = (await night.NoticesAsync())[0].ReplyCode!;
        await night.Desk.AcknowledgeAsync(alarm, "duty:d1", "", Stop);
        await PressAsync(night);
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => night.Network.Twilio.TextAsync(night.Contact1, old)));
        Assert.Contains("再次呼叫求助", Assert.Single(answers.Distinct()), StringComparison.Ordinal);
        Assert.Single(await night.NoticesAsync(), n => n.Template == MessageKind.Repeated);
        Assert.Single((await night.AlarmAsync(alarm)).Timeline, t => t.What == TimelineEvent.Refused);
    }

    [Fact]
    public async Task An_old_link_without_what_its_page_shows_takes_nothing_and_one_that_was_shown_the_state_does()
    {
        await using var night = await BeginAsync("sms");
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        var notice = (await night.NoticesAsync())[0].Id;
        await night.Answers.TakeAsync(notice, "link", Stop);
        await PressAsync(night);
        Assert.True((await Assert.ThrowsAsync<AlarmConflictException>(() => night.Answers.TakeAsync(notice, "link", Stop))).Anew);
        await night.Answers.TakeAsync(notice, "link", Stop, (await night.AlarmAsync(alarm)).Version);
        Assert.Equal(AlarmState.Acknowledged, (await night.AlarmAsync(alarm)).State);
    }

    [Fact]
    public async Task What_somebody_declined_before_it_happened_again_hurries_nobody_now_and_they_can_decline_anew()
    {
        await using var night = await BeginAsync("sms");
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        var notice = (await night.NoticesAsync())[0].Id;
        await night.Desk.AcknowledgeAsync(alarm, "duty:d1", "", Stop);
        await PressAsync(night);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        await night.Answers.DeclineAsync(notice, "link", Stop); // declines the earlier message
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.DoesNotContain("sms contact 2", night.Told);
        await night.Answers.DeclineAsync((await night.NoticesAsync())[^1].Id, "link", Stop); // declines the current one
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Contains("sms contact 2", night.Told);
    }

    [Fact]
    public async Task An_answer_that_cannot_be_asked_anew_on_the_spot_is_noted_and_told_anew_once()
    {
        await using var night = await BeginAsync("sms");
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromMinutes(6)); // by then contact 2 has been told
        var second = (await night.NoticesAsync()).First(n => n.Address == night.Contact2).Id;
        await PressAsync(night); // the first step is told again
        await night.PassAsync(TimeSpan.FromSeconds(1));
        for (var i = 0; i < 3; i++)
            await night.Answers.TellAnewAsync(second, Stop);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(2, night.Told.Count(t => t == "sms contact 2"));
        Assert.Single((await night.AlarmAsync(alarm)).Timeline, t => t.What == TimelineEvent.Refused);
    }

    private static Task<IReadOnlyList<AlarmChange>> PressAsync(PhoneNight night) =>
        night.Desk.CommitAsync([night.Says(AlarmKind.Sos, FindingChange.Updated, notify: true)], Stop);

    /// <summary>Posts a key as the provider does, with its signature.</summary>
    private static async Task<string> PressKeyAsync(PhoneNight night, string target, Notice notice, string key)
    {
        var form = new Dictionary<string, string>
        {
            ["AccountSid"] = PhoneNight.Sid,
            ["CallSid"] = notice.ProviderId!,
            ["Digits"] = key,
        };
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, night.HooksUrl + target) { Content = new FormUrlEncodedContent(form) };
        request.Headers.Add(TwilioSignature.Header, TwilioSigner.Of(PhoneNight.Token, night.HooksUrl + target, form));
        using var answer = await http.SendAsync(request, Stop);
        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
        return await answer.Content.ReadAsStringAsync(Stop);
    }
}
