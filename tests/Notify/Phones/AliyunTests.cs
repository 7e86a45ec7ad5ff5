using System.Net;
using System.Net.Http.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Channels.Aliyun;
using Vigil.Phones;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Notify.Phones;

public sealed class AliyunOnSqliteTests : AliyunTests
{
    protected override Task<string?> DatabaseAsync() => Task.FromResult<string?>(null);
}

[Trait("Category", "Server")]
public sealed class AliyunOnPostgresTests(PostgresServer server) : AliyunTests, IClassFixture<PostgresServer>
{
    protected override async Task<string?> DatabaseAsync() => await server.CreateDatabaseAsync();
}

/// <summary>
/// Alerts to mainland numbers over Alibaba Cloud's API, against the fake phone network, which checks each signature itself; the same tests
/// on both databases.
/// </summary>
public abstract class AliyunTests
{
    /// <summary>The connection string of a fresh PostgreSQL database; null for SQLite.</summary>
    protected abstract Task<string?> DatabaseAsync();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>
    /// The worked example of alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature, "fixed parameters".
    /// </summary>
    [Fact]
    public void The_signature_is_that_of_the_published_example()
    {
        var query = AliyunSignature.Query([
            new("RegionId", "cn-shanghai"),
            new("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"),
        ]);
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["host"] = "ecs.cn-shanghai.aliyuncs.com",
            ["x-acs-action"] = "RunInstances",
            ["x-acs-content-sha256"] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ["x-acs-date"] = "2023-10-26T10:22:32Z",
            ["x-acs-signature-nonce"] = "3156853299f313e23d1673dc12e1703d",
            ["x-acs-version"] = "2014-05-26",
        };
        Assert.Equal(
            "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
            AliyunSignature.Sign("POST", query, headers, "YourAccessKeySecret")
        );
    }

    [Fact]
    public async Task Who_presses_1_takes_it_and_nobody_else_is_called()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Call = OnCall.Answers, Keys = "31" });
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromHours(1));
        Assert.Equal(["call contact 1"], night.Told);
        Assert.Contains("王家老人呼叫求助", night.Network.Taken[0].Text, StringComparison.Ordinal);
        Assert.StartsWith("contact:", (await night.AlarmAsync(alarm)).AcknowledgedBy, StringComparison.Ordinal);
        Assert.Empty(night.Network.BadCallbacks);
    }

    [Fact]
    public async Task Who_presses_2_makes_the_next_phone_ring_at_once_and_a_voicemail_is_no_answer()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Call = OnCall.Answers, Keys = "2" });
        night.Is(night.Contact2, new Person { Call = OnCall.Voicemail });
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(["call contact 1", "call contact 2"], night.Told);
        await night.PassAsync(TimeSpan.FromMinutes(6));
        Assert.Contains("sms visitor", night.Told);
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
    }

    [Fact]
    public async Task A_call_nobody_answers_is_followed_by_a_text_whose_link_answers()
    {
        await using var night = await BeginAsync();
        night.Is(night.Contact1, new Person { Call = OnCall.Ignores, Text = OnText.Ignores });
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(["call contact 1", "sms contact 1"], night.Told);
        var text = night.Network.Taken[1].Text;
        // the link's two halves, which are sent in two variables, make the whole link again
        Assert.NotNull(night.Links.Open(text[(text.LastIndexOf('/') + 1)..]));
    }

    [Fact]
    public async Task A_template_whose_alarm_is_about_no_resident_has_a_word_in_the_place_of_the_name()
    {
        await using var night = await BeginAsync("sms");
        await night.Desk.CommitAsync([night.Says(AlarmKind.ServiceTrouble, subject: "service")], Stop);
        await night.PassAsync(TimeSpan.FromMinutes(20));
        Assert.StartsWith("提醒：系统故障（", Assert.Single(night.Network.Taken).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(OnText.SwitchedOff, "EXPIRED")]
    [InlineData(OnText.UnknownNumber, "UNDELIV")]
    [InlineData(OnText.Landline, "isv.MOBILE_NUMBER_ILLEGAL")]
    public async Task A_text_that_does_not_arrive_is_followed_by_a_call(OnText what, string why)
    {
        await using var night = await BeginAsync("sms, voice");
        night.Is(night.Contact1, new Person { Text = what });
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("call contact 1", night.Told[^1]);
        Assert.Contains(await night.NoticesAsync(), n => n.State == NoticeState.Failed && n.Note.Contains(why, StringComparison.Ordinal));
    }

    [Fact]
    public async Task When_the_answer_to_a_request_is_lost_the_provider_is_asked_and_nobody_is_told_twice()
    {
        await using var night = await BeginAsync("sms");
        night.Network.Service = Service.SwallowsAnswer;
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.Escalator.CycleAsync(Stop);
        await night.Dispatcher.DrainAsync(Stop);
        night.Network.Service = Service.Up;
        await night.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(["sms contact 1"], night.Told);
        Assert.Equal(NoticeState.Delivered, (await night.NoticesAsync())[0].State);
    }

    [Fact]
    public async Task Without_receipts_the_provider_is_asked()
    {
        await using var night = await BeginAsync("voice, sms");
        night.WatchesReceipts = true;
        night.Network.Receipts = Receipts.None;
        night.Is(night.Contact1, new Person { Call = OnCall.Busy });
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromMinutes(3));
        Assert.Equal(["call contact 1", "sms contact 1"], night.Told);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Contains(await night.NoticesAsync(), n => n is { Channel: Channel.Sms, State: NoticeState.Delivered });
    }

    [Theory]
    [InlineData(Service.OutOfCredit, "credit is gone")]
    [InlineData(Service.RefusesToken, "refuses our key")]
    [InlineData(Service.Fails, "it answers 503")]
    public async Task While_the_provider_cannot_be_used_notices_wait_and_go_out_when_it_is_back(Service what, string why)
    {
        await using var night = await BeginAsync("sms");
        night.Network.Service = what;
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(4));
        Assert.Contains(why, night.Services.ChannelHealth("aliyun").Trouble?.En ?? "", StringComparison.Ordinal);
        Assert.Empty(night.Network.Taken);
        night.Network.Service = Service.Up;
        await night.PassAsync(TimeSpan.FromMinutes(2));
        Assert.Contains("sms contact 1", night.Told);
    }

    [Fact]
    public async Task The_fourth_message_with_the_same_words_in_a_day_is_not_sent_and_a_link_makes_each_its_own()
    {
        await using var night = await BeginAsync("sms", new() { ["Aliyun:Templates:opened:Params"] = "name, what, time" });
        night.Network.Aliyun.Templates["SMS_1"] = "${name}${what}${time}";
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(10));
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            var first = await db.Notices.AsNoTracking().SingleAsync(Stop);
            for (var i = 0; i < 2; i++)
            {
                first.Id = Guid.NewGuid();
                db.Notices.Add(first);
                await db.SaveChangesAsync(Stop);
                db.ChangeTracker.Clear();
            }
        }

        var notice = (await night.NoticesAsync())[0];
        var outgoing = new OutgoingNotice(
            Guid.NewGuid(),
            Channel.Sms,
            notice.Address,
            "zh",
            MessageKind.Opened,
            night.Messages.Values("zh", "王秀英", "no-water", notice.CreatedAt, ""),
            "",
            notice.Text,
            "",
            Critical: false
        );
        var result = await night.Services.GetRequiredService<AliyunChannel>().SendAsync(outgoing, Stop);
        Assert.Equal(ChannelOutcome.GiveUp, result.Outcome);
        Assert.Contains("same words", result.Reason.En, StringComparison.Ordinal);
        night.Clock.Advance(TimeSpan.FromHours(25));
        Assert.Equal(ChannelOutcome.Sent, (await night.Services.GetRequiredService<AliyunChannel>().SendAsync(outgoing, Stop)).Outcome);
        Assert.NotEqual(Guid.Empty, alarm);
    }

    [Fact]
    public async Task A_callback_without_the_secret_is_refused_and_one_that_comes_twice_changes_nothing()
    {
        await using var night = await BeginAsync("sms");
        night.Network.Receipts = Receipts.Twice;
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(20));
        Assert.Single((await night.AlarmAsync(alarm)).Timeline, t => t.What == TimelineEvent.Delivered);
        using var http = new HttpClient { BaseAddress = new Uri(night.HooksUrl) };
        var row = (await night.NoticesAsync())[0];
        var forged = new[]
        {
            new
            {
                call_id = row.ProviderId,
                out_id = row.Id.ToString("N"),
                status_code = "300000",
                dtmf = "1",
            },
        };
        Assert.Equal(
            HttpStatusCode.Forbidden,
            (await http.PostAsJsonAsync("/hooks/aliyun/fake-phone-network-hook-wrong0/voice", forged, Stop)).StatusCode
        );
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (
                await http.PostAsync("/hooks/aliyun/fake-phone-network-hook-secret/sms", new StringContent("{\"no\":\"array\"}"), Stop)
            ).StatusCode
        );
    }

    [Fact]
    public async Task A_report_whose_success_is_half_a_character_stops_none_after_it()
    {
        await using var night = await BeginAsync("sms");
        night.Network.Receipts = Receipts.None;
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        using var http = new HttpClient { BaseAddress = new Uri(night.HooksUrl) };
        var row = (await night.NoticesAsync())[0];
        using var reports = new StringContent(
            $$"""[{"biz_id":"other","success":"\ud800"},{"biz_id":"{{row.ProviderId}}","out_id":"{{row.Id:N}}","success":true}]"""
        );
        using var answer = await http.PostAsync("/hooks/aliyun/fake-phone-network-hook-secret/sms", reports, Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Single((await night.AlarmAsync(alarm)).Timeline, t => t.What == TimelineEvent.Delivered);
    }

    [Theory]
    [InlineData(200, "isv.AMOUNT_NOT_ENOUGH", ChannelOutcome.Down)]
    [InlineData(200, "isv.BUSINESS_LIMIT_CONTROL", ChannelOutcome.GiveUp)]
    [InlineData(200, "isv.MOBILE_NUMBER_ILLEGAL", ChannelOutcome.GiveUp)]
    [InlineData(200, "isp.SYSTEM_ERROR", ChannelOutcome.TryAgain)]
    [InlineData(400, "Throttling.User", ChannelOutcome.TryAgain)]
    [InlineData(400, "SignatureDoesNotMatch", ChannelOutcome.Down)]
    [InlineData(503, "", ChannelOutcome.Unknown)]
    [InlineData(200, "isv.SOMETHING_NEW", ChannelOutcome.GiveUp)]
    public void Each_code_is_the_numbers_trouble_ours_or_passing(int status, string code, ChannelOutcome outcome) =>
        Assert.Equal(outcome, AliyunErrors.Refused(status, code).Outcome);

    [Fact]
    public void The_check_names_every_mistake_in_its_settings()
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(
                new Dictionary<string, string?>
                {
                    ["Aliyun:AccessKeyId"] = "k",
                    ["Aliyun:SmsUrl"] = "http://dysmsapi.aliyuncs.com",
                    ["Aliyun:HookSecret"] = "short",
                    ["Aliyun:Templates:opened:Code"] = "SMS_1",
                    ["Aliyun:Templates:opened:Params"] = "name, adress",
                    ["Aliyun:Calls:Templates:opened:Code"] = "SMS_1",
                }
            )
            .Build();
        var keys = NotifyServices.Check(configuration).Select(p => p.File).ToList();
        foreach (
            var key in new[]
            {
                "Aliyun:SmsUrl",
                "Aliyun:AccessKeySecret",
                "Aliyun:SignName",
                "Aliyun:HookSecret",
                "Aliyun:Templates:opened:Params",
                "Aliyun:Templates:late:Code",
                "Aliyun:Calls:Templates:opened:Code",
                "Aliyun:Calls:Number",
                "Aliyun:Calls:Bye",
            }
        )
            Assert.Contains(key, keys);
    }

    private async Task<PhoneNight> BeginAsync(string via = "voice, sms", Dictionary<string, string?>? settings = null)
    {
        var all = new Dictionary<string, string?>
        {
            ["Notify:Routes:default"] = "aliyun",
            ["Aliyun:AccessKeyId"] = "LTAIfakephonenetwork",
            ["Aliyun:AccessKeySecret"] = "fake-secret",
            ["Aliyun:SignName"] = "守望",
            ["Aliyun:HookSecret"] = "fake-phone-network-hook-secret",
            ["Aliyun:Calls:Number"] = "02000000000",
            ["Aliyun:Calls:Taken"] = "TTS_11",
            ["Aliyun:Calls:Declined"] = "TTS_12",
            ["Aliyun:Calls:Bye"] = "TTS_13",
        };
        var number = 0;
        foreach (var name in new[] { "opened", "repeated", "cleared", "back", "late", "digest" })
            (all[$"Aliyun:Templates:{name}:Code"], all[$"Aliyun:Templates:{name}:Params"]) = (
                $"SMS_{++number}",
                "name, what, time, a=token1, b=token2"
            );
        foreach (var name in new[] { "opened", "repeated", "late" })
            (all[$"Aliyun:Calls:Templates:{name}:Code"], all[$"Aliyun:Calls:Templates:{name}:Params"]) = (
                $"TTS_{++number}",
                "family, what"
            );
        foreach (var (key, value) in settings ?? [])
            all[key] = value;
        var night = await PhoneNight.BeginAsync(await DatabaseAsync(), via, all);
        for (var i = 1; i <= 6; i++)
            night.Network.Aliyun.Templates[$"SMS_{i}"] = "${name}：${what}（${time}）。请查看并确认：https://v.example/c/${a}${b}";
        for (var i = 7; i <= 9; i++)
            night.Network.Aliyun.Templates[$"TTS_{i}"] = "您好，${family}家老人${what}。由您去处理请按1，无法处理请按2，再听一遍请按3。";
        return night;
    }
}
