using System.Diagnostics.Metrics;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using MimeKit;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Channels.Robots;
using Vigil.Notify.Channels.Webhook;
using Vigil.Notify.Webhooks;
using Vigil.Storage.Records;

namespace Vigil.Tests.Notify.Channels;

/// <summary>Mail, signed webhooks and group robots, each sent to a server of its own on loopback.</summary>
public sealed class ChannelTests : IAsyncDisposable
{
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 1, 15, 4, 0, 0, TimeSpan.Zero));
    private readonly List<(string Target, Dictionary<string, string> Headers, string Body)> heard = [];
    private readonly WebApplication server;
    private (int Status, string Body) answer = (200, "{\"errcode\":0,\"errmsg\":\"ok\"}");
    private ServiceProvider? services;
    private bool loopback = true;

    public ChannelTests()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        server = builder.Build();
        server.Run(async http =>
        {
            using var reader = new StreamReader(http.Request.Body);
            heard.Add(
                (
                    http.Request.Path + http.Request.QueryString,
                    http.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase),
                    await reader.ReadToEndAsync(http.RequestAborted)
                )
            );
            http.Response.StatusCode = answer.Status;
            await http.Response.WriteAsync(answer.Body);
        });
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("starttls")]
    [InlineData("tls")]
    public async Task A_mail_goes_over_TLS_with_a_login_and_the_notices_id(string security)
    {
        await using var smtp = new SmtpServer(security == "tls");
        var notice = Notice(Channel.Mail, "王大 <wang@example.org>");
        Assert.Equal(ChannelOutcome.Sent, (await Mail(smtp, security).SendAsync(notice, Stop)).Outcome);
        var mail = await MimeMessage.LoadAsync(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(Assert.Single(smtp.Mails))), Stop);
        Assert.Equal(
            ("【守望】呼叫求助", $"{notice.NoticeId:N}@example.org", notice.Text),
            (mail.Subject, mail.MessageId, mail.TextBody?.Trim())
        );
        Assert.Equal("auto-generated", mail.Headers["Auto-Submitted"]);
        Assert.DoesNotContain("AUTH", smtp.InTheOpen);
        Assert.DoesNotContain("MAIL", smtp.InTheOpen);
    }

    [Theory]
    [InlineData("RCPT", "550 no such user", ChannelOutcome.GiveUp)]
    [InlineData("RCPT", "451 greylisted", ChannelOutcome.TryAgain)]
    [InlineData("MAIL", "553 not yours", ChannelOutcome.Down)]
    [InlineData("AUTH", "535 wrong", ChannelOutcome.Down)]
    [InlineData("END", "cut", ChannelOutcome.Unknown)]
    [InlineData("EHLO", "cut", ChannelOutcome.Down)]
    public async Task What_a_mail_server_answers_is_the_addresss_trouble_ours_or_passing(
        string command,
        string says,
        ChannelOutcome outcome
    )
    {
        await using var smtp = new SmtpServer();
        smtp.Says[command] = says;
        Assert.Equal(outcome, (await Mail(smtp, "starttls").SendAsync(Notice(Channel.Mail, "wang@example.org"), Stop)).Outcome);
    }

    [Fact]
    public async Task A_mail_server_whose_certificate_nobody_vouches_for_gets_no_mail()
    {
        await using var smtp = new SmtpServer();
        var result = await Mail(smtp, "starttls", trusted: false).SendAsync(Notice(Channel.Mail, "wang@example.org"), Stop);
        Assert.Equal((ChannelOutcome.Down, "the mail server's certificate is not trusted"), (result.Outcome, result.Reason.En));
        Assert.Empty(smtp.Mails);
    }

    /// <summary>The test vector of the Standard Webhooks reference libraries.</summary>
    [Fact]
    public void The_receiver_of_these_tests_signs_as_the_published_vector() =>
        Assert.Equal(
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            WebhookReceiver.Sign(Secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}")
        );

    [Fact]
    public async Task A_webhook_is_signed_with_both_secrets_and_sent_again_under_the_same_id()
    {
        await server.StartAsync(Stop);
        var other = "whsec_" + Convert.ToBase64String(new byte[32]);
        var channel = ChannelOf("webhook", new() { ["Webhook:Secret"] = other, ["Webhook:PreviousSecret"] = Secret });
        var notice = Notice(Channel.Webhook, server.Urls.First() + "/alarm");
        answer = (503, "");
        Assert.Equal(ChannelOutcome.TryAgain, (await channel.SendAsync(notice, Stop)).Outcome);
        clock.Advance(TimeSpan.FromSeconds(30));
        answer = (204, "");
        Assert.Equal(ChannelOutcome.Delivered, (await channel.SendAsync(notice, Stop)).Outcome);
        Assert.Equal(heard[0].Headers["webhook-id"], heard[1].Headers["webhook-id"]);
        foreach (var secret in new[] { other, Secret })
            Assert.True(WebhookReceiver.Believes(secret, heard[1].Headers, heard[1].Body, clock.GetUtcNow()));
        bool Again(string body, TimeSpan later) => WebhookReceiver.Believes(Secret, heard[1].Headers, body, clock.GetUtcNow() + later);
        Assert.False(Again(heard[1].Body + " ", TimeSpan.Zero)); // the body was changed
        Assert.False(Again(heard[1].Body, TimeSpan.FromMinutes(6))); // sent again six minutes later
        Assert.Equal("alarm.opened", JsonDocument.Parse(heard[1].Body).RootElement.GetProperty("type").GetString());
    }

    [Theory]
    [InlineData("http://127.0.0.1:PORT/")]
    [InlineData("https://127.0.0.1:PORT/")]
    [InlineData("https://localhost:PORT/")] // a name that resolves to loopback
    [InlineData("https://[::ffff:127.0.0.1]:PORT/")]
    [InlineData("https://2130706433:PORT/")]
    [InlineData("https://169.254.169.254/latest/meta-data/")]
    [InlineData("https://[fe80::1]/")]
    public async Task A_webhook_of_the_registry_does_not_reach_into_this_machine_or_its_network(string address)
    {
        await server.StartAsync(Stop);
        loopback = false;
        var channel = ChannelOf("webhook", new() { ["Webhook:Secret"] = Secret });
        var typed = address.Replace("PORT", $"{new Uri(server.Urls.First()).Port}", StringComparison.Ordinal);
        var result = await channel.SendAsync(Notice(Channel.Webhook, typed), Stop);
        Assert.True(result.Outcome == ChannelOutcome.GiveUp, $"{result.Outcome}: {result.Reason}");
        Assert.Empty(heard);
        if (!address.Contains("localhost", StringComparison.Ordinal))
            Assert.False(channel.CarriesTo(Channel.Webhook, typed)); // so that the next channel is tried at once
    }

    [Theory]
    [InlineData(410, ChannelOutcome.GiveUp)]
    [InlineData(400, ChannelOutcome.GiveUp)]
    [InlineData(302, ChannelOutcome.GiveUp)]
    [InlineData(429, ChannelOutcome.TryAgain)]
    public async Task A_receivers_answer_says_whether_to_come_again(int status, ChannelOutcome outcome)
    {
        await server.StartAsync(Stop);
        answer = (status, "");
        Assert.Equal(
            outcome,
            (
                await ChannelOf("webhook", new() { ["Webhook:Secret"] = Secret })
                    .SendAsync(Notice(Channel.Webhook, server.Urls.First()), Stop)
            ).Outcome
        );
    }

    [Fact]
    public async Task DingTalks_robot_is_called_with_a_signed_address_and_names_everybody_when_life_is_at_stake()
    {
        await server.StartAsync(Stop);
        var channel = ChannelOf(
            "dingtalk",
            new()
            {
                ["DingTalk:BaseUrl"] = server.Urls.First(),
                ["DingTalk:Robots:baiyun:Token"] = "t0ken",
                ["DingTalk:Robots:baiyun:Secret"] = "SECabc",
            }
        );
        Assert.Equal(ChannelOutcome.Delivered, (await channel.SendAsync(Notice(Channel.Webhook, "dingtalk:baiyun"), Stop)).Outcome);
        var milliseconds = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var sign = Convert.ToBase64String(
            System.Security.Cryptography.HMACSHA256.HashData("SECabc"u8, System.Text.Encoding.UTF8.GetBytes($"{milliseconds}\nSECabc"))
        );
        Assert.Equal($"/robot/send?access_token=t0ken&timestamp={milliseconds}&sign={Uri.EscapeDataString(sign)}", heard[0].Target);
        var body = JsonDocument.Parse(heard[0].Body).RootElement;
        Assert.True(body.GetProperty("at").GetProperty("isAtAll").GetBoolean());
        Assert.Contains(
            "[打开](https://v.example/c/token)",
            body.GetProperty("markdown").GetProperty("text").GetString(),
            StringComparison.Ordinal
        );
        answer = (200, "{\"errcode\":310000,\"errmsg\":\"sign not match\"}");
        Assert.Equal(ChannelOutcome.GiveUp, (await channel.SendAsync(Notice(Channel.Webhook, "dingtalk:baiyun"), Stop)).Outcome);
        answer = (200, "{\"errcode\":130101,\"errmsg\":\"send too fast\"}");
        Assert.Equal(ChannelOutcome.TryAgain, (await channel.SendAsync(Notice(Channel.Webhook, "dingtalk:baiyun"), Stop)).Outcome);
    }

    [Fact]
    public async Task WeComs_robot_takes_twenty_messages_a_minute_and_the_next_one_waits()
    {
        await server.StartAsync(Stop);
        var channel = ChannelOf("wecom", new() { ["WeCom:BaseUrl"] = server.Urls.First(), ["WeCom:Robots:desk:Token"] = "k" });
        for (var i = 0; i < 20; i++)
            Assert.Equal(ChannelOutcome.Delivered, (await channel.SendAsync(Notice(Channel.Webhook, "wecom:desk"), Stop)).Outcome);
        Assert.Equal(ChannelOutcome.Busy, (await channel.SendAsync(Notice(Channel.Webhook, "wecom:desk"), Stop)).Outcome);
        clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(
            ChannelOutcome.Delivered,
            (await channel.SendAsync(Notice(Channel.Webhook, "wecom:desk", critical: false), Stop)).Outcome
        );
        Assert.Equal(21, heard.Count);
        Assert.Equal(
            "@all",
            JsonDocument.Parse(heard[0].Body).RootElement.GetProperty("text").GetProperty("mentioned_list")[0].GetString()
        );
        Assert.Equal("markdown", JsonDocument.Parse(heard[20].Body).RootElement.GetProperty("msgtype").GetString());
        Assert.Equal("/cgi-bin/webhook/send?key=k", heard[0].Target);
    }

    [Fact]
    public void Each_kind_of_address_finds_its_own_channel()
    {
        services = Services(
            new()
            {
                ["Notify:Routes:webhook"] = "wecom, dingtalk, webhook",
                ["Notify:Routes:mail"] = "mail",
                ["Webhook:Secret"] = Secret,
                ["WeCom:Robots:desk:Token"] = "k",
                ["DingTalk:Robots:desk:Token"] = "t",
                ["DingTalk:Robots:desk:Secret"] = "SECx",
                ["Mail:Host"] = "localhost",
                ["Mail:From"] = "vigil@example.org",
            }
        );
        var routes = new Routes(
            services.GetServices<IChannel>(),
            new Dictionary<string, string> { ["webhook"] = "wecom, dingtalk, webhook", ["mail"] = "mail" }
        );
        Assert.Equal(
            ("wecom", "dingtalk", "webhook", "mail"),
            (
                routes.For(Channel.Webhook, "wecom:desk")?.Provider,
                routes.For(Channel.Webhook, "dingtalk:desk")?.Provider,
                routes.For(Channel.Webhook, "https://desk.example/x")?.Provider,
                routes.For(Channel.Mail, "a@example.org")?.Provider
            )
        );
        Assert.Null(routes.For(Channel.Webhook, "http://10.0.0.1/"));
    }

    [Fact]
    public void The_check_names_every_mistake()
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(
                new Dictionary<string, string?>
                {
                    ["Mail:Host"] = "mail.example.org",
                    ["Mail:Security"] = "none",
                    ["Mail:Port"] = "0",
                    ["Mail:Username"] = "x",
                    ["Webhook:Secret"] = "secret",
                    ["Webhook:PreviousSecret"] = "whsec_c2hvcnQ=",
                    ["DingTalk:Robots:a:Token"] = "t",
                    ["WeCom:BaseUrl"] = "http://qyapi.weixin.qq.com",
                    ["Notify:Routes:default"] = "pigeon",
                }
            )
            .Build();
        var keys = NotifyServices.Check(configuration).Select(p => p.File).ToList();
        foreach (
            var key in new[]
            {
                "Mail:Security",
                "Mail:Port",
                "Mail:From",
                "Mail:Password",
                "Webhook:Secret",
                "Webhook:PreviousSecret",
                "DingTalk:Robots:a:Secret",
                "WeCom:BaseUrl",
                "WeCom:Robots",
                "Notify:Routes:",
            }
        )
            Assert.Contains(key, keys);
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        if (services is not null)
            await services.DisposeAsync();
    }

    private static OutgoingNotice Notice(Channel channel, string address, bool critical = true) =>
        new(
            Guid.NewGuid(),
            channel,
            address,
            "zh",
            MessageKind.Opened,
            new Dictionary<string, string>
            {
                ["name"] = "王*",
                ["what"] = "呼叫求助",
                ["kind"] = "sos",
            },
            "呼叫求助",
            "【守望】王*：呼叫求助（01-15 12:00）。请查看并确认：https://v.example/c/token",
            "https://v.example/c/token",
            critical
        );

    private IChannel Mail(SmtpServer smtp, string security, bool trusted = true) =>
        ChannelOf(
            "mail",
            new()
            {
                ["Mail:Host"] = "localhost",
                ["Mail:Port"] = $"{smtp.Port}",
                ["Mail:Security"] = security,
                ["Mail:Username"] = "vigil",
                ["Mail:Password"] = "secret",
                ["Mail:From"] = "守望 <vigil@example.org>",
                ["Mail:CertificateAuthority"] = trusted ? smtp.CertificateFile : "",
            }
        );

    private IChannel ChannelOf(string provider, Dictionary<string, string?> settings)
    {
        services = Services(settings);
        return services.GetServices<IChannel>().Single(c => c.Provider == provider);
    }

    private ServiceProvider Services(Dictionary<string, string?> settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
        Assert.Empty(NotifyServices.Check(configuration));
        var collection = new ServiceCollection()
            .AddLogging(l => l.ClearProviders())
            .AddKeyedSingleton<TimeProvider>(ChannelHttp.Clock, clock)
            .AddSingleton(new Meter("channels"))
            .AddSingleton(new OutwardConnections(loopback, []));
        foreach (var kind in ProviderKind.Used(configuration))
            kind.Add(collection, configuration);
        return collection.BuildServiceProvider();
    }
}
