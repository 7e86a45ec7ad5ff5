using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Text;
using System.Web;
using System.Xml.Linq;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Channels.Twilio;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Tests.Notify.Phones;

/// <summary>
/// Twilio's own client over our HttpClient, against a server on loopback that answers as a test says. Whatever is answered, the channel
/// returns a clear outcome, and no exception of the client reaches its caller.
/// </summary>
public sealed class TwilioClientTests : IAsyncDisposable
{
    private const string Number = "+85261230001";
    private const string Made = """{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued"}""";

    private readonly ConcurrentQueue<(string Method, string Target, string Authorization, string Body)> heard = [];
    private readonly SemaphoreSlim arrived = new(0);
    private readonly ConcurrentQueue<string> logged = [];
    private readonly WebApplication server;
    private Func<HttpContext, Task> answer = http => WriteAsync(http, 201, Made);
    private ServiceProvider? services;

    public TwilioClientTests()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        server = builder.Build();
        server.Run(async http =>
        {
            using var reader = new StreamReader(http.Request.Body);
            heard.Enqueue(
                (
                    http.Request.Method,
                    http.Request.Path + http.Request.QueryString,
                    http.Request.Headers.Authorization.ToString(),
                    await reader.ReadToEndAsync(http.RequestAborted)
                )
            );
            arrived.Release();
            await answer(http);
        });
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("", "")]
    [InlineData("/", "")]
    [InlineData("/twilio", "/twilio")]
    [InlineData("/a/b/", "/a/b")]
    public async Task Every_request_goes_to_BaseUrl_with_its_path_and_our_credentials(string path, string prefix)
    {
        var channel = await ChannelAsync(path: path);
        await channel.SendAsync(Notice(Channel.Sms), Stop);
        await channel.SendAsync(Notice(Channel.Voice), Stop);
        answer = http => WriteAsync(http, 200, """{"sid":"CA1","status":"ringing","messages":[],"calls":[]}""");
        await channel.ReconcileAsync(Past(Channel.Sms, "SM1"), Stop);
        await channel.ReconcileAsync(Past(Channel.Voice, "CA1"), Stop);
        await channel.ReconcileAsync(Past(Channel.Sms, null), Stop);
        await channel.ReconcileAsync(Past(Channel.Voice, null), Stop);
        Assert.True(await channel.EndCallAsync("CA1", "zh", Stop));
        var account = $"{prefix}/2010-04-01/Accounts/{PhoneNight.Sid}";
        Assert.Equal(
            [
                $"POST {account}/Messages.json",
                $"POST {account}/Calls.json",
                $"GET {account}/Messages/SM1.json",
                $"GET {account}/Calls/CA1.json",
                $"GET {account}/Messages.json?To=%2B85261230001&PageSize=100",
                $"GET {account}/Calls.json?To=%2B85261230001&PageSize=100",
                $"POST {account}/Calls/CA1.json",
            ],
            heard.Select(h => $"{h.Method} {h.Target}")
        );
        var credentials = Convert.ToBase64String(Encoding.ASCII.GetBytes($"{PhoneNight.Sid}:{PhoneNight.Token}"));
        Assert.All(heard, h => Assert.Equal($"Basic {credentials}", h.Authorization));
    }

    [Fact]
    public async Task What_is_sent_is_what_the_notice_says_and_callbacks_come_to_the_address_as_it_is_written()
    {
        // Twilio signs the address exactly as it was given, so it must not be normalised.
        var channel = await ChannelAsync(new() { ["Http:PublicUrl"] = "https://Vigil.Example:443/" });
        var (sms, call) = (Notice(Channel.Sms) with { Text = "【守望】a&b=c+d %\n🧓" }, Notice(Channel.Voice));
        await channel.SendAsync(sms, Stop);
        await channel.SendAsync(call, Stop);
        var status = "https://Vigil.Example:443/hooks/twilio/status?notice=";
        Assert.Equal(
            new Dictionary<string, string>
            {
                ["To"] = Number,
                ["From"] = "+85230000000",
                ["Body"] = sms.Text,
                ["StatusCallback"] = $"{status}{sms.NoticeId:N}",
                ["ValidityPeriod"] = "3600",
            },
            Fields(heard.First().Body)
        );
        var fields = Fields(heard.Last().Body);
        Assert.True(fields.Remove("Twiml", out var twiml));
        Assert.Equal(
            new Dictionary<string, string>
            {
                ["To"] = Number,
                ["From"] = "+85230000000",
                ["Timeout"] = "30",
                ["StatusCallback"] = $"{status}{call.NoticeId:N}",
                ["StatusCallbackMethod"] = "POST",
                ["MachineDetection"] = "Enable",
                ["AsyncAmd"] = "true",
                ["AsyncAmdStatusCallback"] = $"{status}{call.NoticeId:N}",
                ["AsyncAmdStatusCallbackMethod"] = "POST",
            },
            fields
        );
        var action = $"https://Vigil.Example:443/hooks/twilio/voice?notice={call.NoticeId:N}&tries=0";
        Assert.Equal(action, XDocument.Parse(twiml!).Root!.Element("Gather")!.Attribute("action")!.Value);
    }

    [Fact]
    public async Task A_messaging_service_takes_the_place_of_our_number()
    {
        var service = "MG0123456789abcdef0123456789abcdef";
        var channel = await ChannelAsync(new() { ["Twilio:MessagingServiceSid"] = service });
        await channel.SendAsync(Notice(Channel.Sms), Stop);
        var fields = Fields(heard.Single().Body);
        Assert.Equal((service, false), (fields["MessagingServiceSid"], fields.ContainsKey("From")));
    }

    [Theory]
    [InlineData(400, """{"code":21610,"message":"Attempt to send to unsubscribed recipient","status":400}""", 21610)]
    [InlineData(400, """{"code":21211,"message":"Invalid 'To' Phone Number","more_info":null,"status":400,"details":{"a":1}}""", 21211)]
    [InlineData(400, """{"code":21614,"type":"about:blank","title":"landline","status":400,"details":["a"]}""", 21614)]
    [InlineData(401, """{"code":20003,"message":"Authenticate","status":401}""", 20003)]
    [InlineData(403, """{"code":20005,"message":"Account not active","status":403}""", 20005)]
    [InlineData(404, """{"code":20404,"message":"not found","status":404}""", 20404)]
    [InlineData(429, """{"code":20429,"message":"Too many requests","status":429}""", 20429)]
    [InlineData(400, """{"code":21611,"message":"queue is full","status":400}""", 21611)]
    [InlineData(500, """{"code":20500,"message":"Internal","status":500}""", 20500)]
    [InlineData(429, "", 0)]
    [InlineData(402, "", 0)]
    [InlineData(503, "<html><body>503 Service Unavailable</body></html>", 0)]
    [InlineData(502, "<html><body>502 Bad Gateway</body></html>", 0)]
    [InlineData(408, "{}", 0)]
    [InlineData(407, "<html>Proxy Authentication Required</html>", 0)]
    [InlineData(404, "<!DOCTYPE html>", 0)]
    [InlineData(302, "<html>sign in here</html>", 0)]
    [InlineData(302, "", 0)]
    [InlineData(400, "[1]", 0)]
    [InlineData(400, "null", 0)]
    [InlineData(400, "\"a text\"", 0)]
    [InlineData(400, """{"code":"21610"}""", 21610)]
    [InlineData(400, """{"code":99999999999}""", 0)]
    [InlineData(400, """{"code":""", 0)]
    public async Task What_Twilio_refuses_means_what_its_status_and_code_mean(int status, string body, int code)
    {
        var channel = await ChannelAsync();
        answer = http => WriteAsync(http, status, body);
        foreach (var via in new[] { Channel.Sms, Channel.Voice })
        {
            var refused = await channel.SendAsync(Notice(via), Stop);
            Assert.Equal(TwilioErrors.Refused(status, code), refused);
            Assert.Equal(refused.Outcome == ChannelOutcome.Down ? refused.Reason : null, channel.Health!.Trouble);
            channel.Health.Up();
        }

        Assert.Equal(2, heard.Count); // a message or call is requested once, and redirects are not followed
        Assert.False(await channel.EndCallAsync("CA1", "zh", Stop));
        if (status == 404)
            Assert.Null(await channel.ReconcileAsync(Past(Channel.Voice, "CA1"), Stop));
        else
            await RefusesToSayAsync(channel, Channel.Voice, "CA1");
        await RefusesToSayAsync(channel, Channel.Sms, null);
    }

    /// <summary>The page of a proxy, the sign-in page of a network, or a truncated answer, each with status 200.</summary>
    [Theory]
    [InlineData("<html><body>Please sign in</body></html>")]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"sid\":\"SM")]
    [InlineData("{\"sid\":[1],\"calls\":[7],\"messages\":[7]}")]
    [InlineData("{\"date_created\":\"yesterday\",\"calls\":[{\"date_created\":{}}],\"messages\":[{\"error_code\":\"?\"}]}")]
    public async Task A_page_in_place_of_an_answer_is_no_exception_of_the_clients(string page)
    {
        var channel = await ChannelAsync();
        answer = http => WriteAsync(http, 200, page, "text/html; charset=nobody-knows");
        foreach (var via in new[] { Channel.Sms, Channel.Voice })
        {
            // Something accepted the request but gave no id; whether it was Twilio is found out by asking.
            Assert.Equal(
                new ChannelResult(ChannelOutcome.Sent, new Wording("Twilio has it", "Twilio 已受理")),
                await channel.SendAsync(Notice(via), Stop)
            );
            await RefusesToSayAsync(channel, via, "SM1");
            await RefusesToSayAsync(channel, via, null);
        }

        Assert.Null(await channel.AskCallAsync("CA1", Stop));
    }

    [Fact]
    public async Task Who_does_not_answer_in_time_may_have_taken_it_and_a_question_is_asked_again()
    {
        var channel = await ChannelAsync(timeouts: new(TimeSpan.FromMilliseconds(300), TimeSpan.FromSeconds(2)));
        answer = HangAsync;
        Assert.Equal(
            new ChannelResult(ChannelOutcome.Unknown, new Wording("no answer of twilio in time", "twilio 未及时应答")),
            await channel.SendAsync(Notice(Channel.Sms), Stop)
        );
        Assert.Single(heard); // not sent a second time
        await RefusesToSayAsync(channel, Channel.Voice, "CA1");
        Assert.True(heard.Count > 2, $"asked {heard.Count - 1} times");
    }

    [Fact]
    public async Task A_failing_service_is_asked_again_but_nothing_is_sent_to_it_twice()
    {
        var channel = await ChannelAsync();
        answer = http => WriteAsync(http, 503, "");
        Assert.Equal(ChannelOutcome.Unknown, (await channel.SendAsync(Notice(Channel.Sms), Stop)).Outcome);
        Assert.Single(heard);
        await RefusesToSayAsync(channel, Channel.Sms, "SM1");
        Assert.Equal(["POST", "GET", "GET", "GET"], heard.Select(h => h.Method));
    }

    [Fact]
    public async Task A_connection_that_breaks_is_unknown_and_one_that_never_was_may_be_tried_again()
    {
        var channel = await ChannelAsync();
        answer = async http =>
        {
            http.Response.ContentLength = 1000;
            await http.Response.WriteAsync("{\"sid\":", http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
            http.Abort();
        };
        Assert.Equal(
            new ChannelResult(ChannelOutcome.Unknown, new Wording("the connection to twilio broke", "与 twilio 的连接中断")),
            await channel.SendAsync(Notice(Channel.Voice), Stop)
        );
        await server.StopAsync(Stop);
        Assert.Equal(
            new ChannelResult(
                ChannelOutcome.TryAgain,
                new Wording("twilio can't be reached: ConnectionError", "twilio 无法连接（ConnectionError）")
            ),
            await channel.SendAsync(Notice(Channel.Voice), Stop)
        );
        Assert.False(await channel.EndCallAsync("CA1", "zh", Stop));
    }

    [Fact]
    public async Task Who_cancels_gets_a_cancellation_and_no_address()
    {
        var channel = await ChannelAsync();
        answer = HangAsync;
        foreach (
            var ask in new Func<CancellationToken, Task>[]
            {
                c => channel.SendAsync(Notice(Channel.Sms), c),
                c => channel.SendAsync(Notice(Channel.Voice), c),
                c => channel.ReconcileAsync(Past(Channel.Sms, null), c),
                c => channel.ReconcileAsync(Past(Channel.Voice, "CA1"), c),
                c => channel.EndCallAsync("CA1", "zh", c),
                c => channel.AskCallAsync("CA1", c),
            }
        )
        {
            using var enough = CancellationTokenSource.CreateLinkedTokenSource(Stop);
            var asked = ask(enough.Token);
            await arrived.WaitAsync(Stop);
            await enough.CancelAsync();
            var cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
            Assert.True(enough.Token.IsCancellationRequested);
            Assert.DoesNotContain("2010-04-01", $"{cancelled}", StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_provider_that_is_down_is_left_alone()
    {
        var channel = await ChannelAsync();
        channel.Health!.Down(new Wording("no credit", "欠费"));
        Assert.Equal(
            new ChannelResult(ChannelOutcome.Down, new Wording("twilio is down: no credit", "twilio 不可用：欠费")),
            await channel.SendAsync(Notice(Channel.Sms), Stop)
        );
        await RefusesToSayAsync(channel, Channel.Sms, "SM1");
        Assert.Empty(heard);
    }

    [Fact]
    public async Task What_is_critical_keeps_its_own_places()
    {
        var channel = await ChannelAsync();
        answer = HangAsync;
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var hanging = Enumerable
            .Range(0, ChannelHttp.MostInFlight)
            .Select(_ => channel.SendAsync(Notice(Channel.Sms) with { Critical = false }, enough.Token))
            .ToList();
        foreach (var _ in hanging)
            await arrived.WaitAsync(Stop);
        answer = http => WriteAsync(http, 201, Made);
        Assert.Equal(ChannelOutcome.Busy, (await channel.SendAsync(Notice(Channel.Sms) with { Critical = false }, Stop)).Outcome);
        Assert.Equal(ChannelOutcome.Sent, (await channel.SendAsync(Notice(Channel.Sms), Stop)).Outcome);
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(hanging));
    }

    [Fact]
    public async Task One_page_of_the_list_is_read_and_what_is_older_than_the_notice_is_not_it()
    {
        var channel = await ChannelAsync();
        const string call = """{"sid":"CA1","direction":"outbound-api","status":"busy","date_created":"Thu, 15 Jan 2026 12:00:00 +0800"}""";
        answer = http =>
            WriteAsync(
                http,
                200,
                $$"""{"calls":[{{call}}],"uri":"/x","page_size":100,"next_page_uri":"/2010-04-01/Accounts/x/Calls.json?Page=1"}"""
            );
        var past = Past(Channel.Voice, null) with { Since = new DateTimeOffset(2026, 1, 15, 4, 0, 0, TimeSpan.Zero) };
        var found = await channel.ReconcileAsync(past, Stop);
        Assert.Equal(new ChannelResult(ChannelOutcome.GiveUp, new Wording("busy", "占线"), "CA1"), found);
        Assert.Null(await channel.ReconcileAsync(past with { Since = past.Since.AddSeconds(1) }, Stop));
        Assert.Equal(2, heard.Count);
    }

    [Fact]
    public async Task An_id_from_outside_stays_one_part_of_the_path()
    {
        var channel = await ChannelAsync();
        answer = http => WriteAsync(http, 404, "");
        Assert.Null(await channel.AskCallAsync("../../Accounts/x?y#z", Stop));
        Assert.False(await channel.EndCallAsync("../Messages", "zh", Stop));
        var calls = $"/2010-04-01/Accounts/{PhoneNight.Sid}/Calls/";
        Assert.All(heard, h => Assert.StartsWith(calls + "..%2F", h.Target, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_secret_and_no_number_is_logged_even_when_the_clients_own_log_is_asked_for()
    {
        var console = Console.Out;
        using var written = new StringWriter();
        Environment.SetEnvironmentVariable("TWILIO_LOG_LEVEL", "debug");
        Console.SetOut(TextWriter.Synchronized(written));
        try
        {
            var channel = await ChannelAsync();
            var reasons = new List<string>();
            foreach (var status in new[] { 201, 400, 401, 503 })
            {
                answer = http => WriteAsync(http, status, $$"""{"message":"{{Number}} {{PhoneNight.Token}}","status":{{status}}}""");
                reasons.Add((await channel.SendAsync(Notice(Channel.Sms), Stop)).Reason.En);
                channel.Health!.Up();
                reasons.Add((await channel.SendAsync(Notice(Channel.Voice), Stop)).Reason.En);
                channel.Health.Up();
            }

            await RefusesToSayAsync(channel, Channel.Sms, null);
            await channel.EndCallAsync("CA1", "zh", Stop);
            await server.StopAsync(Stop);
            reasons.Add((await channel.SendAsync(Notice(Channel.Sms), Stop)).Reason.En);
            var all = string.Join('\n', [.. logged, .. reasons, $"{written}"]);
            var credentials = Convert.ToBase64String(Encoding.ASCII.GetBytes($"{PhoneNight.Sid}:{PhoneNight.Token}"));
            foreach (var secret in new[] { Number, Number[1..], PhoneNight.Token, credentials, "Twilio API Request" })
                Assert.DoesNotContain(secret, all, StringComparison.Ordinal);
        }
        finally
        {
            Console.SetOut(console);
            Environment.SetEnvironmentVariable("TWILIO_LOG_LEVEL", null);
        }
    }

    [Fact]
    public void A_signature_counts_with_either_token_and_with_no_empty_one()
    {
        const string url = "https://vigil.example/hooks/twilio/voice?notice=1&tries=0";
        var form = new Dictionary<string, string>
        {
            ["Digits"] = "1",
            ["AccountSid"] = PhoneNight.Sid,
            ["Bödy"] = "是",
        };
        string[] tokens = [PhoneNight.Token, PhoneNight.PreviousToken];
        foreach (var token in tokens)
            Assert.True(TwilioSignature.IsValid(tokens, url, form, TwilioSigner.Of(token, url, form)));
        Assert.True(TwilioSignature.IsValid(tokens, url, new Dictionary<string, string>(), TwilioSigner.Of(PhoneNight.Token, url, [])));
        // Twilio may include the port in the address that it signs, or leave it out.
        string At(int port) => url.Replace(".example", $".example:{port}", StringComparison.Ordinal);
        Assert.True(TwilioSignature.IsValid(tokens, url, form, TwilioSigner.Of(PhoneNight.Token, At(443), form)));
        Assert.True(TwilioSignature.IsValid(tokens, At(8443), form, TwilioSigner.Of(PhoneNight.Token, url, form)));
        Assert.False(TwilioSignature.IsValid(tokens, url, form, TwilioSigner.Of(PhoneNight.Token, At(8443), form)));

        var right = TwilioSigner.Of(PhoneNight.Token, url, form);
        Assert.False(TwilioSignature.IsValid(["", ""], url, form, TwilioSigner.Of("", url, form)));
        Assert.False(TwilioSignature.IsValid([PhoneNight.Token, ""], url, form, TwilioSigner.Of("", url, form)));
        Assert.False(TwilioSignature.IsValid([], url, form, right));
        foreach (var wrong in new[] { "", " ", "=", right[..^1], right + right, " " + right, "签名", "\0", new string('A', 28) })
            Assert.False(TwilioSignature.IsValid(tokens, url, form, wrong));
        form["Digits"] = "2";
        Assert.False(TwilioSignature.IsValid(tokens, url, form, right));
    }

    [Fact]
    public void No_address_makes_an_exception_of_a_signature()
    {
        var form = new Dictionary<string, string> { ["Digits"] = "1" };
        foreach (
            var url in new[]
            {
                "",
                "/hooks/twilio/voice",
                "https://",
                "https://[::/hooks",
                "https://v.example:99999/hooks",
                "https://v.examplehttp://evil.example/",
                "https://v.example*",
                "https://[0:0:0:0:0:0:0:1]/hooks",
                "https://守望.example/hooks",
                "https://xn--mesw1o.example/hooks",
                "https://v.example/\0",
                "https://v.example/\ud800",
                "https://v.example/" + new string('a', 100_000),
            }
        )
        {
            Assert.False(TwilioSignature.IsValid(["a", "b"], url, form, new string('A', 28)));
            Assert.False(TwilioSignature.IsValid(["a", "b"], url, form, ""));
            // The second token's signature is valid, although checking the first makes the validator parse the address.
            Assert.Equal(
                Uri.TryCreate(url, UriKind.Absolute, out _),
                TwilioSignature.IsValid(["a", "b"], url, form, TwilioSigner.Of("b", url, form))
            );
        }
    }

    [Fact]
    public void A_call_says_the_message_twice_and_waits_for_one_key()
    {
        var notice = Guid.NewGuid();
        var options = new TwilioOptions { Voices = { En = "alice" } };
        var twiml = new TwiML(options, Messages(), "https://v.example");
        var values = new Dictionary<string, string> { ["name"] = "<W&*\"'>", ["what"] = "呼叫求助" };
        foreach (
            var (language, voice) in new[] { ("zh", "Polly.Zhiyu-Neural cmn-CN"), ("yue", "Polly.Hiujin-Neural yue-CN"), ("en", "alice") }
        )
        {
            XElement Say(string text) =>
                new(
                    "Say",
                    new XAttribute("voice", voice.Split(' ')[0]),
                    voice.Contains(' ', StringComparison.Ordinal) ? new XAttribute("language", voice.Split(' ')[1]) : null,
                    text
                );
            var says = Messages().Spoken("opened", language, values) + Messages().Spoken("menu", language, values);
            Assert.Contains("<W&*\"'>", says, StringComparison.Ordinal);
            Same(
                new XElement(
                    "Response",
                    new XElement(
                        "Gather",
                        new XAttribute("input", "dtmf"),
                        new XAttribute("numDigits", 1),
                        new XAttribute("timeout", 8),
                        new XAttribute("method", "POST"),
                        new XAttribute("action", $"https://v.example/hooks/twilio/voice?notice={notice:N}&tries=1&seen=4"),
                        Say(says),
                        new XElement("Pause", new XAttribute("length", 1)),
                        Say(says)
                    ),
                    Say(Messages().Spoken("no-key", language, values))
                ),
                twiml.Call(notice, language, MessageKind.Opened, values, tries: 1, seen: 4)
            );
            var taken = Messages().Spoken("taken", language, new Dictionary<string, string>());
            Same(new XElement("Response", Say(taken), new XElement("Hangup")), twiml.Last(language, "taken"));
        }

        Same(new XElement("Response"), TwiML.Empty);
        Same(new XElement("Response", new XElement("Message", "【守望】 a < b\n& \"c\"")), TwiML.Message("【守望】 a < b\n& \"c\""));
    }

    public async ValueTask DisposeAsync()
    {
        if (services is not null)
            await services.DisposeAsync();
        await server.DisposeAsync();
        arrived.Dispose();
    }

    /// <summary>The same elements with the same attributes, in any order of the attributes.</summary>
    private static void Same(XElement wanted, string xml)
    {
        Assert.StartsWith("<?xml version=\"1.0\" encoding=\"utf-8\"?><Response", xml, StringComparison.Ordinal);
        var given = XDocument.Parse(xml, LoadOptions.PreserveWhitespace).Root!;
        foreach (var element in given.DescendantsAndSelf().Concat(wanted.DescendantsAndSelf()))
        {
            element.ReplaceAttributes(element.Attributes().OrderBy(a => a.Name.LocalName, StringComparer.Ordinal).ToList());
            if (element.Value.Length == 0 && !element.HasElements)
                element.RemoveNodes(); // <Hangup></Hangup> is the same as <Hangup />
        }

        Assert.Equal(wanted.ToString(SaveOptions.DisableFormatting), given.ToString(SaveOptions.DisableFormatting));
    }

    private static async Task RefusesToSayAsync(TwilioChannel channel, Channel via, string? id)
    {
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => channel.ReconcileAsync(Past(via, id), Stop));
        Assert.DoesNotContain("/Accounts/", $"{error}", StringComparison.Ordinal);
    }

    private static Task WriteAsync(HttpContext http, int status, string body, string type = "application/json")
    {
        http.Response.StatusCode = status;
        if (status == 302)
            http.Response.Headers.Location = "/elsewhere";
        http.Response.ContentType = type;
        return http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body), http.RequestAborted).AsTask();
    }

    private static async Task HangAsync(HttpContext http)
    {
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // the client has given up
        }
    }

    private static Dictionary<string, string> Fields(string body)
    {
        var pairs = HttpUtility.ParseQueryString(body);
        return pairs.AllKeys.OfType<string>().ToDictionary(k => k, k => pairs[k]!);
    }

    private static OutgoingNotice Notice(Channel via) =>
        new(
            Guid.NewGuid(),
            via,
            Number,
            "zh",
            MessageKind.Opened,
            new Dictionary<string, string> { ["name"] = "王*", ["what"] = "呼叫求助" },
            "",
            "【守望】王*：呼叫求助",
            "",
            Critical: true
        );

    private static PastNotice Past(Channel via, string? id) =>
        new(Notice(via), id, TimeProvider.System.GetUtcNow().AddMinutes(-1), new HashSet<string>(), Alone: true);

    private static MessageTexts Messages()
    {
        List<Problem> problems = [];
        var messages = MessageTexts.Load(Path.Combine(AppContext.BaseDirectory, "config", "messages.yaml"), TimeZoneInfo.Utc, problems);
        Assert.Empty(problems);
        return messages!;
    }

    private async Task<TwilioChannel> ChannelAsync(
        Dictionary<string, string?>? settings = null,
        string path = "",
        ChannelTimeouts? timeouts = null
    )
    {
        await server.StartAsync(Stop);
        var all = new Dictionary<string, string?>
        {
            ["Notify:Routes:default"] = "twilio",
            ["Twilio:BaseUrl"] = server.Urls.First() + path,
            ["Twilio:AccountSid"] = PhoneNight.Sid,
            ["Twilio:AuthToken"] = PhoneNight.Token,
            ["Twilio:From"] = "+85230000000",
            ["Http:PublicUrl"] = "https://v.example",
        };
        foreach (var (key, value) in settings ?? [])
            all[key] = value;
        List<Problem> problems = [];
        var policies = Vigil.Notify.Escalation.Policies.Load(Path.Combine(AppContext.BaseDirectory, "config", "policies.yaml"), problems);
        Assert.Empty(problems);
        services = new ServiceCollection()
            .AddLogging(l => l.ClearProviders().SetMinimumLevel(LogLevel.Trace).AddProvider(new Lines(logged)))
            .AddSingleton(TimeProvider.System)
            .AddSingleton(new Meter("twilio-client"))
            .AddSingleton(timeouts ?? new ChannelTimeouts())
            .AddNotify(
                new ConfigurationBuilder().AddInMemoryCollection(all).Build(),
                policies!,
                Messages(),
                Directory.CreateTempSubdirectory("vigil-twilio-").FullName
            )
            .BuildServiceProvider();
        return services.GetRequiredService<TwilioChannel>();
    }

    private sealed class Lines(ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
            // holds nothing
        }
    }
}
