using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Vigil.Model;
using Vigil.Notify.Channels.Twilio;
using Vigil.Storage.Records;
using Vigil.Tests.Notify.Phones;
using Vigil.Tests.Web;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Fuzz;

/// <summary>
/// Hostile HTTP requests: providers' callbacks with a correct signature and random fields, and random bodies for the API. The service
/// answers none of them with a 5xx status.
/// </summary>
public sealed class WebFuzzTests
{
    private const string Secret = "fake-phone-network-hook-secret";

    private static readonly string[] Values =
    [
        "1",
        "2",
        "3",
        "",
        "\0",
        "1234567890",
        "completed",
        "machine_start",
        "no-answer",
        "１２３４５６",
        "STOP",
        "退订",
        "\ud83e\uddd3",
        "=1+1",
        "<Response/>",
        new('9', 5000),
        "CA0123",
        "\u202e",
    ];

    [Fact]
    public async Task No_callback_of_Twilio_signed_or_not_is_an_error()
    {
        await using var night = await PhoneNight.BeginAsync(null);
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        var notice = (await night.NoticesAsync())[0];
        using var http = new HttpClient();
        string[] fields =
        [
            "AccountSid",
            "CallSid",
            "MessageSid",
            "CallStatus",
            "MessageStatus",
            "Digits",
            "From",
            "To",
            "Body",
            "AnsweredBy",
            "ErrorCode",
            "",
            "é",
        ];
        await Fuzzing.RunAsync(
            "hooks-twilio",
            random =>
            {
                var form = new Dictionary<string, string>
                {
                    ["AccountSid"] = random.Next(10) == 0 ? "AC" : PhoneNight.Sid,
                    ["From"] = notice.Address,
                    ["CallSid"] = notice.ProviderId ?? "",
                    ["Body"] = notice.ReplyCode ?? "",
                };
                for (var changes = random.Next(6); changes > 0; changes--)
                    form[fields[random.Next(fields.Length)]] = Values[random.Next(Values.Length)];
                var query = random.Next(3) switch
                {
                    0 => "",
                    1 => $"?notice={notice.Id:N}",
                    _ => "?notice="
                        + Values[random.Next(Values.Length)]
                            .Replace("\0", "%00", StringComparison.Ordinal)
                            .Replace("<", "%3C", StringComparison.Ordinal)
                        + $"&tries={random.Next(-9, 9)}",
                };
                var hook = new[] { "sms", "voice", "status" }[random.Next(3)];
                var escaped = Uri.EscapeDataString(query)
                    .Replace("%3F", "?", StringComparison.Ordinal)
                    .Replace("%3D", "=", StringComparison.Ordinal)
                    .Replace("%26", "&", StringComparison.Ordinal);
                return new Sample($"/hooks/twilio/{hook}{escaped}", JsonSerializer.SerializeToUtf8Bytes(form));
            },
            async sample =>
            {
                var form = JsonSerializer.Deserialize<Dictionary<string, string>>(sample.Bytes)!;
                using var request = new HttpRequestMessage(HttpMethod.Post, night.HooksUrl + sample.About)
                {
                    Content = new FormUrlEncodedContent(form),
                };
                request.Headers.TryAddWithoutValidation(
                    TwilioSignature.Header,
                    TwilioSigner.Of(PhoneNight.Token, night.HooksUrl + request.RequestUri!.PathAndQuery, form)
                );
                using var answer = await http.SendAsync(request, Token);
                Assert.True((int)answer.StatusCode < 500, $"{(int)answer.StatusCode}");
            }
        );
        // by phone somebody takes an alarm; only the desk resolves it
        Assert.NotEqual(AlarmState.Resolved, (await night.AlarmAsync(alarm)).State);
    }

    [Fact]
    public async Task A_form_with_a_name_twice_or_no_form_at_all_is_refused()
    {
        await using var night = await PhoneNight.BeginAsync(null);
        using var http = new HttpClient();
        foreach (
            var content in new HttpContent[]
            {
                new FormUrlEncodedContent([new("AccountSid", PhoneNight.Sid), new("Digits", "2"), new("Digits", "1")]),
                new StringContent("{\"Digits\":\"1\"}", Encoding.UTF8, "application/json"),
            }
        )
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, night.HooksUrl + "/hooks/twilio/voice") { Content = content };
            request.Headers.TryAddWithoutValidation(
                TwilioSignature.Header,
                TwilioSigner.Of(
                    PhoneNight.Token,
                    night.HooksUrl + "/hooks/twilio/voice",
                    [new("AccountSid", PhoneNight.Sid), new("Digits", "1")]
                )
            );
            using var answer = await http.SendAsync(request, Token);
            Assert.Equal(System.Net.HttpStatusCode.BadRequest, answer.StatusCode);
        }
    }

    [Fact]
    public async Task No_body_with_Aliyuns_secret_is_an_error()
    {
        var settings = new Dictionary<string, string?>
        {
            ["Notify:Routes:default"] = "aliyun",
            ["Aliyun:AccessKeyId"] = "LTAIfakephonenetwork",
            ["Aliyun:AccessKeySecret"] = "fake-secret",
            ["Aliyun:SignName"] = "守望",
            ["Aliyun:HookSecret"] = Secret,
            ["Aliyun:Calls:Number"] = "02000000000",
            ["Aliyun:Calls:Taken"] = "TTS_11",
            ["Aliyun:Calls:Declined"] = "TTS_12",
            ["Aliyun:Calls:Bye"] = "TTS_13",
        };
        foreach (var name in new[] { "opened", "repeated", "cleared", "back", "late", "digest" })
            (settings[$"Aliyun:Templates:{name}:Code"], settings[$"Aliyun:Templates:{name}:Params"]) = (
                "SMS_1",
                "name, what, time, a=token1, b=token2"
            );
        foreach (var name in new[] { "opened", "repeated", "late" })
            (settings[$"Aliyun:Calls:Templates:{name}:Code"], settings[$"Aliyun:Calls:Templates:{name}:Params"]) = (
                "TTS_1",
                "family, what"
            );
        await using var night = await PhoneNight.BeginAsync(null, settings: settings);
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        var notice = (await night.NoticesAsync())[0];
        byte[][] real =
        [
            Encoding.UTF8.GetBytes(
                $$"""
                [{"call_id":"{{notice.ProviderId}}","out_id":"{{notice.Id:N}}","status_code":"200000","dtmf":"1","duration":"10",
                  "start_time":"2026-01-01 00:00:00"}]
                """
            ),
            Encoding.UTF8.GetBytes(
                $$"""[{"biz_id":"{{notice.ProviderId}}","out_id":"{{notice.Id:N}}","success":true"""
                    + ""","err_code":"DELIVERED","phone_number":"13800138000","sms_size":"1"},{"biz_id":"x","success":"false"}]"""
            ),
        ];
        using var http = new HttpClient();
        await Fuzzing.RunAsync(
            "hooks-aliyun",
            random => new Sample(random.Next(2) == 0 ? "sms" : "voice", Mutator.Next(random, real)),
            async sample =>
            {
                using var content = new ByteArrayContent(sample.Bytes)
                {
                    Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
                };
                using var answer = await http.PostAsync($"{night.HooksUrl}/hooks/aliyun/{Secret}/{sample.About}", content, Token);
                Assert.True((int)answer.StatusCode < 500, $"{(int)answer.StatusCode}");
            }
        );
        Assert.NotEqual(AlarmState.Resolved, (await night.AlarmAsync(alarm)).State);
    }

    [Fact]
    [Trait("Category", "Server")]
    public async Task No_request_to_the_API_is_an_error_of_the_service()
    {
        await using var server = await ConsoleServer.StartAsync();
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        // Each API key may make a limited number of requests a minute, so several keys take turns.
        var clients = new List<HttpClient>();
        for (var i = 0; i < 40; i++)
        {
            var secret = await ((Secrets)server.Services.GetService(typeof(Secrets))!).CreateApiKeyAsync(
                $"fuzz-{i}",
                "admin",
                "",
                null,
                Token
            );
            clients.Add(
                new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false })
                {
                    BaseAddress = server.Url,
                    DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", secret) },
                }
            );
        }

        var document = await clients[0].GetFromJsonElementAsync("/openapi/v1.json");
        var operations = document
            .GetProperty("paths")
            .EnumerateObject()
            .SelectMany(p =>
                p.Value.EnumerateObject()
                    .Where(m => m.Name is "get" or "post" or "put" or "delete")
                    .Select(m => (Path: p.Name, Method: m.Name, Of: m.Value))
            )
            .ToList();
        string[] given =
        [
            alarm.Id.ToString(),
            "R-here",
            "meter-R-here",
            ConsoleServer.Here,
            "0",
            "-1",
            "2147483648",
            "2026-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "csv",
            "xlsx",
            "open",
            "%00",
            "so%00s",
            "%F0%9F%A7%93",
            "%E2%80%AE",
            "'",
            "..%2F..%2Fx",
            "water.volume",
            "%25",
            "true",
        ];
        byte[][] bodies =
        [
            Encoding.UTF8.GetBytes(
                $$"""{"note":"I look","to":"d1","resolution":"false-mistake","alarms":["{{alarm.Id}}"],"action":"acknowledge"}"""
            ),
            """
            {"resident":"R-here","form":"home","time":"2026-01-01T00:00:00Z","condition":"行动能力：较差","needs":"",
             "id":"018f0000-0000-7000-8000-000000000000","from":"2026-01-01T00:00:00Z","until":"2026-02-01T00:00:00Z","reason":"hospital"}
            """u8.ToArray(),
            """
            {"name":"hook","url":"https://example.org/hook","events":["alarm.opened"],"area":"4419","scope":"read","days":30,
             "role":"duty","displayName":"王","username":"water-1","gateway":true,"topics":["vigil/+/up"],"profile":"senml",
             "label":"kitchen"}
            """u8.ToArray(),
            """{"yaml":"rules:\n  no-water: { hours: 12 }\n","resident":"R-here"}"""u8.ToArray(),
        ];
        var turn = 0;
        await Fuzzing.RunAsync(
            "api",
            random =>
            {
                var (path, method, of) = operations[random.Next(operations.Count)];
                var template = path;
                foreach (var part in path.Split('/').Where(p => p.StartsWith('{')))
                    path = path.Replace(
                        part,
                        part is "{id}" or "{code}" && random.Next(2) == 0 ? given[random.Next(4)] : given[random.Next(given.Length)],
                        StringComparison.Ordinal
                    );
                if (of.TryGetProperty("parameters", out var parameters))
                    path +=
                        "?"
                        + string.Join(
                            '&',
                            parameters
                                .EnumerateArray()
                                .Where(p => p.GetProperty("in").GetString() == "query" && random.Next(2) == 0)
                                .Select(p => $"{p.GetProperty("name").GetString()}={given[random.Next(given.Length)]}")
                        );
                return new Sample($"{method} {path} {template}", method is "post" or "put" ? Mutator.Next(random, bodies) : []);
            },
            async sample =>
            {
                var (method, path, template) = (sample.About.Split(' ')[0], sample.About.Split(' ')[1], sample.About.Split(' ')[2]);
                using var request = new HttpRequestMessage(new HttpMethod(method.ToUpperInvariant()), path);
                if (sample.Bytes.Length > 0)
                    request.Content = new ByteArrayContent(sample.Bytes)
                    {
                        Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
                    };
                using var answer = await clients[turn++ % clients.Count].SendAsync(request, Token);
                if ((int)answer.StatusCode >= 500)
                    throw new InvalidOperationException(
                        $"{method} {template} {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Token)}"
                    );
            }
        );
        foreach (var client in clients)
            client.Dispose();
    }
}

internal static class HttpJson
{
    public static async Task<JsonElement> GetFromJsonElementAsync(this HttpClient client, string path) =>
        JsonDocument.Parse(await client.GetStringAsync(path, Token)).RootElement;
}
