using System.Net;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Channels.Twilio;
using Vigil.Phones;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Notify.Phones;

[Trait("Category", "Server")]
public sealed class PhoneNightOnSqliteTests : PhoneNightTests
{
    protected override Task<PhoneNight> BeginAsync(string via, Dictionary<string, string?>? settings, int repeat) =>
        PhoneNight.BeginAsync(null, via, settings, repeat);
}

[Trait("Category", "Server")]
public sealed class PhoneNightOnPostgresTests(PostgresServer server) : PhoneNightTests, IClassFixture<PostgresServer>
{
    protected override async Task<PhoneNight> BeginAsync(string via, Dictionary<string, string?>? settings, int repeat) =>
        await PhoneNight.BeginAsync(await server.CreateDatabaseAsync(), via, settings, repeat);
}

/// <summary>Escalation over the fake phone network, with a clock that tests move; the same tests on both databases.</summary>
public abstract class PhoneNightTests
{
    protected abstract Task<PhoneNight> BeginAsync(string via = "voice, sms", Dictionary<string, string?>? settings = null, int repeat = 1);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_presses_1_takes_it_and_nobody_else_is_called()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Call = OnCall.Answers, Keys = "1" });
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromHours(1));
        Assert.Equal(["call contact 1"], night.Told);
        Assert.Contains("王姓老人，呼叫求助", night.Network.Taken[0].Text, StringComparison.Ordinal);
        Assert.InRange(night.Network.Twilio.LongestTwiML, 1, 4000); // the limit that Twilio accepts
        Assert.Contains("请按1", night.Network.Taken[0].Text, StringComparison.Ordinal);
        var row = await night.AlarmAsync(alarm);
        Assert.Equal(AlarmState.Acknowledged, row.State);
        Assert.StartsWith("contact:", row.AcknowledgedBy, StringComparison.Ordinal);
        Assert.Contains(row.Timeline, t => t.What == TimelineEvent.Acknowledged && t.Text.Contains("voice key", StringComparison.Ordinal));
        Assert.Empty(night.Network.BadCallbacks);
    }

    [Fact]
    public async Task Who_presses_2_makes_the_next_one_s_phone_ring_at_once()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Call = OnCall.Answers, Keys = "2" });
        night.Is(night.Contact2, new Person { Call = OnCall.Answers, Keys = "1" });
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(["call contact 1", "call contact 2"], night.Told);
        Assert.InRange(night.Network.Taken[1].At - night.Network.Taken[0].At, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(20));
        Assert.Contains((await night.AlarmAsync(alarm)).Timeline, t => t.What == TimelineEvent.Declined);
        Assert.Equal(AlarmState.Acknowledged, (await night.AlarmAsync(alarm)).State);
    }

    [Fact]
    public async Task A_phone_that_still_rings_stops_when_the_desk_takes_it_and_who_listens_is_told()
    {
        await using var night = await BeginAsync();
        var happened = new List<string>();
        night.Network.Happened += e => happened.Add($"{e.What} {night.NameOf(e.Number)} {e.Text}");
        night.Is(
            night.Contact1,
            new Person
            {
                Call = OnCall.Answers,
                Keys = "1",
                PicksUpAfter = TimeSpan.FromSeconds(25),
            }
        );
        var rings = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(10));
        await night.Desk.AcknowledgeAsync(rings, "duty:d1", "", Stop);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        Assert.DoesNotContain(happened, h => h.StartsWith("picked-up", StringComparison.Ordinal));
        var row = await night.AlarmAsync(rings);
        Assert.Equal("duty:d1", row.AcknowledgedBy);
        Assert.Single(row.Timeline, t => t.What == TimelineEvent.CallEnded);
        Assert.Equal(NoticeState.Cancelled, Assert.Single(await night.NoticesAsync()).State);

        night.Is(
            night.Contact1,
            new Person
            {
                Call = OnCall.Answers,
                Keys = "",
                PicksUpAfter = TimeSpan.FromSeconds(4),
            }
        );
        var speaks = await night.RaiseAsync(AlarmKind.Fall);
        await night.PassAsync(TimeSpan.FromSeconds(8));
        await night.Desk.AcknowledgeAsync(speaks, "duty:d1", "", Stop);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Contains(
            happened,
            h => h.StartsWith("says contact 1", StringComparison.Ordinal) && h.Contains("已有人在处理", StringComparison.Ordinal)
        );
        Assert.Equal(["call contact 1", "call contact 1"], night.Told);
        Assert.Empty(night.Network.BadCallbacks);
    }

    [Fact]
    public async Task Who_presses_3_hears_it_again_and_a_wrong_key_is_no_answer()
    {
        await using var night = await BeginAsync();
        var heard = new List<string>();
        night.Network.Happened += e =>
        {
            if (e.What == "says")
                heard.Add(e.Text);
        };
        night.Is(night.Contact1, new Person { Call = OnCall.Answers, Keys = "931" });
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(4, heard.Count);
        Assert.All(heard.Take(3), t => Assert.Contains("呼叫求助", t, StringComparison.Ordinal));
        Assert.Contains("已记下由您处理", heard[3], StringComparison.Ordinal);
        Assert.Equal(AlarmState.Acknowledged, (await night.AlarmAsync(alarm)).State);
        night.Is(night.Contact1, new Person { Call = OnCall.Answers, Keys = "9999" });
        var other = await night.RaiseAsync(AlarmKind.Fall);
        await night.PassAsync(TimeSpan.FromMinutes(4));
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(other)).State);
        Assert.Contains("没有收到按键", heard[^1], StringComparison.Ordinal);
        Assert.All(heard.SkipLast(1), t => Assert.DoesNotContain("没有收到按键", t, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Voicemail_is_no_answer_and_a_text_follows_at_once()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Call = OnCall.Voicemail });
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromMinutes(4));
        Assert.Equal(["call contact 1", "sms contact 1"], night.Told);
        Assert.InRange(night.Network.Taken[1].At - night.Network.Taken[0].At, TimeSpan.FromSeconds(9), TimeSpan.FromSeconds(15));
        var row = await night.AlarmAsync(alarm);
        Assert.Equal(AlarmState.Open, row.State);
        Assert.Contains(row.Timeline, t => t.What == TimelineEvent.Failed && t.Text.Contains("voicemail", StringComparison.Ordinal));
        Assert.Equal(NoticeState.Failed, (await night.NoticesAsync())[0].State);
    }

    [Theory]
    [InlineData(OnCall.Busy, 5)]
    [InlineData(OnCall.Unreachable, 1)]
    [InlineData(OnCall.Ignores, 40)]
    [InlineData(OnCall.Answers, 25)] // answers the call, listens, and presses no key
    public async Task A_call_that_is_not_answered_is_followed_by_a_text(OnCall what, int within)
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Call = what });
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(within));
        Assert.Equal("sms contact 1", night.Told[^1]);
    }

    [Theory]
    [InlineData(OnText.OptedOut, "opted out")]
    [InlineData(OnText.Landline, "not a mobile number")]
    [InlineData(OnText.SwitchedOff, "can't be reached")]
    [InlineData(OnText.UnknownNumber, "no longer in service")]
    [InlineData(OnText.Filtered, "filter")]
    public async Task A_text_that_will_never_arrive_is_followed_by_a_call_at_once(OnText what, string why)
    {
        await using var night = await BeginAsync("sms, voice");
        night.Is(
            night.Contact1,
            new Person
            {
                Text = what,
                Call = OnCall.Answers,
                Keys = "1",
            }
        );
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("call contact 1", night.Told[^1]);
        Assert.Single(night.Told, t => t.StartsWith("call", StringComparison.Ordinal));
        var row = await night.AlarmAsync(alarm);
        Assert.Contains(row.Timeline, t => t.What == TimelineEvent.Failed && t.Text.Contains(why, StringComparison.Ordinal));
        Assert.Equal(AlarmState.Acknowledged, row.State);
    }

    [Fact]
    public async Task A_reply_with_the_code_takes_it_and_2_with_the_code_goes_on_to_the_next_at_once()
    {
        await using var night = await BeginAsync("sms");
        night.Is(night.Contact1, new Person { Text = OnText.RepliesCannot });
        night.Is(night.Contact2, new Person { Text = OnText.Replies });
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(4));
        Assert.Equal(["sms contact 1", "sms contact 2"], night.Told);
        var row = await night.AlarmAsync(alarm);
        Assert.Equal(AlarmState.Acknowledged, row.State);
        Assert.Contains(row.Timeline, t => t.What == TimelineEvent.Acknowledged && t.Text.Contains("sms reply", StringComparison.Ordinal));
        Assert.Empty(night.Network.BadCallbacks);
    }

    [Fact]
    public async Task A_code_counts_from_its_own_number_alone_and_a_stranger_gets_no_answer()
    {
        await using var night = await BeginAsync("sms");
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(6)); // by then both contacts have been sent a code
        var codes = (await night.NoticesAsync()).Select(n => n.ReplyCode).ToList();
        Assert.Equal(2, codes.OfType<string>().Distinct().Count());
        // Contact 2 sends contact 1's code.
        Assert.Contains("代码不对", await night.Network.Twilio.TextAsync(night.Contact2, codes[0]!), StringComparison.Ordinal);
        // Somebody unknown sends it.
        Assert.Equal("", await night.Network.Twilio.TextAsync("+85299999999", codes[0]!));
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
        Assert.Contains(
            (await night.AlarmAsync(alarm)).Timeline,
            t => t.What == TimelineEvent.Refused && !t.Text.Contains(night.Contact2, StringComparison.Ordinal)
        );
        // Whoever has acknowledged is told so; the same reply twice is one answer.
        Assert.Contains("由您处理", await night.Network.Twilio.TextAsync(night.Contact1, $" {codes[0]} "), StringComparison.Ordinal);
        Assert.Contains("由您处理", await night.Network.Twilio.TextAsync(night.Contact1, codes[0]!), StringComparison.Ordinal);
        Assert.Contains("已有人在处理", await night.Network.Twilio.TextAsync(night.Contact2, codes[1]!), StringComparison.Ordinal);
        Assert.Single((await night.AlarmAsync(alarm)).Timeline, t => t.What == TimelineEvent.Acknowledged);
    }

    [Fact]
    public async Task After_three_wrong_codes_even_the_right_one_is_ignored_for_an_hour()
    {
        await using var night = await BeginAsync("sms");
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        var right = (await night.NoticesAsync())[0].ReplyCode!;
        var wrong = right == "123456" ? "654321" : "123456";
        for (var i = 0; i < 3; i++)
            await night.Network.Twilio.TextAsync(night.Contact1, wrong);
        Assert.Equal("", await night.Network.Twilio.TextAsync(night.Contact1, right));
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
        night.Clock.Advance(TimeSpan.FromMinutes(61));
        Assert.NotEqual("", await night.Network.Twilio.TextAsync(night.Contact1, right));
        Assert.Equal(AlarmState.Acknowledged, (await night.AlarmAsync(alarm)).State);
    }

    [Theory]
    [InlineData(Receipts.Twice)]
    [InlineData(Receipts.OutOfOrder)]
    public async Task Receipts_that_come_twice_or_in_the_wrong_order_change_nothing(Receipts how)
    {
        await using var night = await BeginAsync("sms, voice");
        night.Network.Receipts = how;
        night.Is(night.Contact2, new Person { Text = OnText.SwitchedOff, Call = OnCall.Voicemail });
        night.Is(night.Visitor, new Person { Text = OnText.Replies });
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(30));
        Assert.Equal(["sms contact 1", "sms contact 2", "call contact 2", "sms visitor"], night.Told);
        Assert.Equal(
            [NoticeState.Delivered, NoticeState.Failed, NoticeState.Failed, NoticeState.Delivered],
            (await night.NoticesAsync()).Select(n => n.State)
        );
        var row = await night.AlarmAsync(alarm);
        Assert.Equal(2, row.Timeline.Count(t => t.What == TimelineEvent.Delivered));
        Assert.Equal(2, row.Timeline.Count(t => t.What == TimelineEvent.Failed));
        Assert.Single(row.Timeline, t => t.What == TimelineEvent.Acknowledged);
        Assert.Empty(night.Network.BadCallbacks);
    }

    [Fact]
    public async Task Without_receipts_the_provider_is_asked_and_voicemail_is_found_out()
    {
        await using var night = await BeginAsync();
        night.Network.Receipts = Receipts.None;
        night.WatchesReceipts = true;
        night.Is(night.Contact1, new Person { Call = OnCall.Voicemail });
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromMinutes(3));
        Assert.Equal(["call contact 1", "sms contact 1"], night.Told);
        Assert.InRange(night.Network.Taken[1].At - night.Network.Taken[0].At, TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(75));
        Assert.Equal([NoticeState.Failed, NoticeState.Delivered], (await night.NoticesAsync()).Select(n => n.State));
    }

    [Fact]
    public async Task A_forged_callback_is_refused_and_one_signed_with_the_token_before_is_taken()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Call = OnCall.Answers });
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        var notice = (await night.NoticesAsync())[0];
        var path = $"/hooks/twilio/voice?notice={notice.Id:N}&tries=0";
        var press = new Dictionary<string, string>
        {
            ["AccountSid"] = PhoneNight.Sid,
            ["CallSid"] = notice.ProviderId!,
            ["Digits"] = "1",
        };
        string Sign(string token, string url) => TwilioSigner.Of(token, url, press);
        using var http = new HttpClient();
        async Task<HttpStatusCode> PostAsync(
            string target,
            IEnumerable<KeyValuePair<string, string>> form,
            string? signature,
            string? host = null
        )
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, night.HooksUrl + target)
            {
                Content = new FormUrlEncodedContent(form),
            };
            if (signature is not null)
                request.Headers.Add(TwilioSignature.Header, signature);
            if (host is not null)
                request.Headers.Add("X-Forwarded-Host", host);
            using var answer = await http.SendAsync(request, Stop);
            return answer.StatusCode;
        }

        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(path, press, null));
        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(path, press, ""));
        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(path, press, Sign("a guess", night.HooksUrl + path)));
        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(path, press, Sign("", night.HooksUrl + path)));
        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(path + "0", press, Sign(PhoneNight.Token, night.HooksUrl + path)));
        // Signed with the right token for another host, which the request then claims to be ours.
        Assert.Equal(
            HttpStatusCode.Forbidden,
            await PostAsync(path, press, Sign(PhoneNight.Token, "https://evil.example" + path), "evil.example")
        );
        // With two values of one field, the signature might cover one and the service read the other.
        Assert.Equal(
            HttpStatusCode.BadRequest,
            await PostAsync(path, [.. press, new("Digits", "2")], Sign(PhoneNight.Token, night.HooksUrl + path))
        );
        press["AccountSid"] = "AC" + new string('9', 32);
        Assert.Equal(HttpStatusCode.NoContent, await PostAsync(path, press, Sign(PhoneNight.Token, night.HooksUrl + path)));
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
        press["AccountSid"] = PhoneNight.Sid;
        Assert.Equal(HttpStatusCode.OK, await PostAsync(path, press, Sign(PhoneNight.PreviousToken, night.HooksUrl + path)));
        Assert.Equal(AlarmState.Acknowledged, (await night.AlarmAsync(alarm)).State);
        // the same request, replayed
        Assert.Equal(HttpStatusCode.OK, await PostAsync(path, press, Sign(PhoneNight.Token, night.HooksUrl + path)));
        Assert.Single((await night.AlarmAsync(alarm)).Timeline, t => t.What == TimelineEvent.Acknowledged);
    }

    [Fact]
    public async Task The_provider_is_down_for_an_hour_and_nothing_is_lost_and_nothing_late_elsewhere()
    {
        await using var night = await BeginAsync("sms, voice", new() { ["Notify:Routes:+86"] = "outbox" });
        var shown = new List<(DateTimeOffset At, string Address)>();
        night.Services.GetRequired<Vigil.Notify.Channels.Outbox.OutboxChannel>().Shown += n =>
            shown.Add((night.Clock.GetUtcNow(), n.Address));
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            db.Residents.Add(
                new Resident
                {
                    Id = "r2",
                    Name = "李",
                    Area = "440111001001",
                    Contacts =
                    [
                        new Contact
                        {
                            ResidentId = "r2",
                            Order = 1,
                            Name = "李大",
                            Phone = "+8613900000001",
                        },
                    ],
                }
            );
            for (var i = 0; i < 20; i++)
                db.Residents.Add(
                    new Resident
                    {
                        Id = $"x{i}",
                        Name = "何",
                        Area = "440111001001",
                        Contacts =
                        [
                            new Contact
                            {
                                ResidentId = $"x{i}",
                                Order = 1,
                                Name = "何大",
                                Phone = $"+852620000{i:00}",
                            },
                        ],
                    }
                );
            await db.SaveChangesAsync(Stop);
        }

        night.Network.Service = Service.Fails;
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.Desk.CommitAsync([.. Enumerable.Range(0, 20).Select(i => night.Says(AlarmKind.NoWater, subject: $"x{i}"))], Stop);
        await night.PassAsync(TimeSpan.FromMinutes(30));
        Assert.NotNull(night.Services.GetRequired<Routes>().Find("twilio")!.Health!.Trouble);
        var meanwhile = night.Clock.GetUtcNow();
        await night.Desk.CommitAsync([night.Says(AlarmKind.NoWater, subject: "r2")], Stop);
        await night.PassAsync(TimeSpan.FromMinutes(30));
        Assert.Equal("+8613900000001", Assert.Single(shown).Address);
        Assert.True(shown[0].At - meanwhile < TimeSpan.FromSeconds(2), $"late by {shown[0].At - meanwhile}");
        Assert.Empty(night.Network.Taken);

        night.Network.Service = Service.Up;
        await night.PassAsync(TimeSpan.FromMinutes(2));
        // Everybody who was due in that hour is told within two minutes, and each contact once in spite of all the attempts.
        foreach (
            var person in new[] { night.Contact1, night.Contact2, night.Visitor }.Concat(
                Enumerable.Range(0, 20).Select(i => $"+852620000{i:00}")
            )
        )
            Assert.Single(night.Network.Taken, t => t.Number == person && t.Kind == "sms");
        Assert.Contains(night.Network.Taken, t => t.Number == night.Supervisor);
        var row = await night.AlarmAsync(alarm);
        Assert.Contains(row.Timeline, t => t.What == TimelineEvent.Held);
        Assert.Null(night.Services.GetRequired<Routes>().Find("twilio")!.Health!.Trouble);
    }

    [Fact]
    public async Task A_provider_that_hangs_with_three_hundred_messages_holds_up_no_other()
    {
        await using var night = await BeginAsync("sms", new() { ["Notify:Routes:+86"] = "outbox" });
        night.Timeouts = new ChannelTimeouts(TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(20)); // longer than the test takes
        night.Restart();
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            for (var i = 0; i < 300; i++)
                db.Residents.Add(
                    new Resident
                    {
                        Id = $"x{i}",
                        Name = "何",
                        Area = "440111001001",
                        Contacts =
                        [
                            new Contact
                            {
                                ResidentId = $"x{i}",
                                Order = 1,
                                Name = "何大",
                                Phone = $"+85262000{i:000}",
                            },
                        ],
                    }
                );
            db.Residents.Add(
                new Resident
                {
                    Id = "r2",
                    Name = "李",
                    Area = "440111001001",
                    Contacts =
                    [
                        new Contact
                        {
                            ResidentId = "r2",
                            Order = 1,
                            Name = "李大",
                            Phone = "+8613900000001",
                        },
                    ],
                }
            );
            await db.SaveChangesAsync(Stop);
        }

        var shown = new TaskCompletionSource();
        night.Services.GetRequired<Vigil.Notify.Channels.Outbox.OutboxChannel>().Shown += _ => shown.TrySetResult();
        night.Network.Service = Service.Hangs;
        await night.Desk.CommitAsync(
            [
                .. Enumerable.Range(0, 300).Select(i => night.Says(AlarmKind.NoWater, subject: $"x{i}")),
                night.Says(AlarmKind.NoWater, subject: "r2"),
            ],
            Stop
        );
        await night.Escalator.CycleAsync(Stop);
        await night.Dispatcher.StartAsync(Stop);
        var clock = TimeProvider.System;
        var started = clock.GetTimestamp();
        await shown.Task.WaitAsync(TimeSpan.FromSeconds(10), Stop);
        await night.Dispatcher.StopAsync(Stop);
        Assert.InRange(clock.GetElapsedTime(started).TotalSeconds, 0, 10);
        Assert.Empty(night.Network.Taken);
    }

    [Theory]
    [InlineData(Service.OutOfCredit)]
    [InlineData(Service.RefusesToken)]
    public async Task Without_credit_or_with_a_wrong_token_the_next_provider_takes_over_and_the_channel_comes_back_by_itself(Service what)
    {
        await using var night = await BeginAsync("sms", new() { ["Notify:Routes:default"] = "twilio, outbox" });
        var shown = new List<string>();
        night.Services.GetRequired<Vigil.Notify.Channels.Outbox.OutboxChannel>().Shown += n => shown.Add(n.Address);
        var health = night.Services.GetRequired<Routes>().Find("twilio")!.Health!;
        night.Network.Service = what;
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(30));
        Assert.NotNull(health.Trouble);
        Assert.Equal([night.Contact1], shown);
        night.Network.Service = Service.Up;
        night.Clock.Advance(ChannelHealth.ProbeEvery);
        Assert.DoesNotContain(PhoneNight.Token, health.Trouble?.En, StringComparison.Ordinal);
        await night
            .Services.GetRequired<TwilioChannel>()
            .SendAsync(
                new OutgoingNotice(
                    Guid.NewGuid(),
                    Channel.Sms,
                    night.Duty,
                    "zh",
                    MessageKind.Opened,
                    new Dictionary<string, string>(),
                    "",
                    "试",
                    "",
                    Critical: false
                ),
                Stop
            );
        Assert.Null(health.Trouble);
    }

    [Fact]
    public async Task Too_many_requests_are_passing_trouble_and_are_tried_again()
    {
        await using var night = await BeginAsync("sms");
        night.Network.Service = Service.TooMany;
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(3));
        Assert.Empty(night.Network.Taken);
        night.Network.Service = Service.Up;
        await night.PassAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(["sms contact 1"], night.Told);
    }

    [Theory]
    [InlineData("sms")]
    [InlineData("voice")]
    public async Task When_the_answer_to_a_request_is_lost_the_provider_is_asked_and_nobody_is_told_twice(string via)
    {
        await using var night = await BeginAsync(via);
        night.Impatient();
        night.Network.Service = Service.SwallowsAnswer;
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Single(night.Network.Taken);
        night.Network.Service = Service.Up;
        await night.PassAsync(TimeSpan.FromSeconds(20));
        Assert.Single(night.Network.Taken);
        Assert.NotNull((await night.NoticesAsync())[0].ProviderId);
    }

    [Theory]
    [InlineData("sms")]
    [InlineData("voice")]
    public async Task When_a_request_was_never_answered_and_the_provider_does_not_know_it_it_is_sent_again(string via)
    {
        await using var night = await BeginAsync(via);
        night.Impatient();
        night.Network.Service = Service.Hangs;
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Empty(night.Network.Taken);
        night.Network.Service = Service.Up;
        await night.PassAsync(TimeSpan.FromSeconds(20));
        Assert.Single(night.Network.Taken);
    }

    [Fact]
    public async Task While_the_provider_cannot_be_asked_what_may_have_gone_out_is_not_sent_again()
    {
        await using var night = await BeginAsync("sms");
        night.Impatient();
        night.Network.Receipts = Receipts.None;
        night.Network.Service = Service.SwallowsAnswer;
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        night.Network.Service = Service.Fails;
        night.Restart();
        await night.Dispatcher.RecoverAsync(Stop);
        await night.PassAsync(TimeSpan.FromMinutes(3));
        Assert.Equal(["sms contact 1"], night.Told);
        night.Network.Service = Service.Up;
        await night.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Single(night.Told, "sms contact 1");
        Assert.Contains("sms contact 2", night.Told); // the plan did not wait for the answer about the first one
        Assert.Equal(NoticeState.Delivered, (await night.NoticesAsync())[0].State);
    }

    [Fact]
    public async Task Who_cannot_be_reached_holds_up_nobody_and_is_tried_again_later()
    {
        await using var night = await BeginAsync("sms", repeat: 2);
        night.Is(night.Contact1, new Person { Text = OnText.SwitchedOff });
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(["sms contact 1", "sms contact 2"], night.Told);
        await night.PassAsync(TimeSpan.FromMinutes(6));
        Assert.Equal(2, night.Told.Count(t => t == "sms contact 1"));
    }

    [Fact]
    public async Task When_the_last_in_the_chain_cannot_be_reached_the_waits_are_kept()
    {
        await using var night = await BeginAsync("sms");
        foreach (var number in new[] { night.Contact1, night.Contact2, night.Visitor, night.Supervisor })
            night.Is(number, new Person { Text = OnText.OptedOut });
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromHours(3));
        // Everybody in the plan once, without waits; after that the supervisor once an hour.
        Assert.InRange((await night.NoticesAsync()).Count, 6, 8);
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
    }
}

internal static class ServicesOf
{
    public static T GetRequired<T>(this IServiceProvider services)
        where T : notnull => Microsoft.Extensions.DependencyInjection.ServiceProviderServiceExtensions.GetRequiredService<T>(services);
}
