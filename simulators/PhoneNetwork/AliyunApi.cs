using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Vigil.Phones;

/// <summary>
/// Alibaba Cloud's Dysmsapi and Dyvmsapi, version 2017-05-25, as far as SendSms, QuerySendDetails, IvrCall, SingleCallByTts and
/// QueryCallDetailByCallId go, with signature V3 and receipts. The signature is checked by code of its own, so that a mistake in the
/// product's shows. Numbers are the mainland's, without +86.
/// </summary>
public sealed class AliyunApi(PhoneNetwork network, string hooks) : IDisposable
{
    private static readonly string[] MustBeSigned = ["host", "x-acs-action", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"];

    private readonly ConcurrentDictionary<string, (string Number, JsonObject Detail)> sent = new();
    private readonly ConcurrentDictionary<string, JsonObject> calls = new();
    private readonly ConcurrentDictionary<string, bool> nonces = new();
    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
    {
        Timeout = TimeSpan.FromSeconds(15),
    };
    private long ids = 100_000_000_000;

    public string AccessKeyId { get; set; } = "LTAIfakephonenetwork";

    public string AccessKeySecret { get; set; } = "fake-secret";

    /// <summary>Part of the address that receipts are sent to.</summary>
    public string HookSecret { get; set; } = "fake-phone-network-hook-secret";

    /// <summary>Approved templates: what is sent, with ${variable}. Others are refused; while none is listed every code is taken.</summary>
    public ConcurrentDictionary<string, string> Templates { get; } = new();

    public void Dispose() => http.Dispose();

    internal void Map(WebApplication app) => app.MapPost("/", (Delegate)AnswerAsync);

    private async Task<IResult> AnswerAsync(HttpContext http)
    {
        var action = http.Request.Headers["x-acs-action"].ToString();
        switch (network.Service)
        {
            case Service.Fails:
                return Error(503, "ServiceUnavailable");
            case Service.Hangs:
                await network.HangAsync(http);
                return Results.Empty;
            case Service.TooMany:
                return Error(400, "Throttling.User");
            case Service.RefusesToken:
                return Error(404, "InvalidAccessKeyId.NotFound");
        }

        if (Refusal(http) is { } refused)
            return refused;
        var fields = http.Request.Query.ToDictionary(q => q.Key, q => q.Value.ToString()); // the request is gone when the phone rings
        string Field(string name) => fields.GetValueOrDefault(name) ?? "";
        switch (action)
        {
            case "SendSms":
                return await SendAsync(http, Field);
            case "QuerySendDetails":
                return Details(Field);
            case "IvrCall" or "SingleCallByTts":
                return await CallAsync(http, action, Field);
            case "QueryCallDetailByCallId":
                return Ok(new JsonObject { ["Data"] = calls.TryGetValue(Field("CallId"), out var call) ? call.ToJsonString() : "" });
            default:
                return Error(404, "InvalidAction.NotFound");
        }
    }

    /// <summary>ACS3-HMAC-SHA256 over what really came; the time is within 15 minutes, a nonce comes once.</summary>
    private IResult? Refusal(HttpContext http)
    {
        var request = http.Request;
        var fields = request.Headers.Authorization.ToString().Split(' ', 2) is ["ACS3-HMAC-SHA256", var rest]
            ? rest.Split(',').Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => p[1])
            : [];
        if (fields.GetValueOrDefault("Credential") != AccessKeyId)
            return Error(404, "InvalidAccessKeyId.NotFound");
        string Header(string name) => name == "host" ? request.Host.Value! : request.Headers[name].ToString();
        var signed = fields["SignedHeaders"].Split(';');
        var query = http.Features.Get<IHttpRequestFeature>()!.RawTarget.Split('?', 2) is [_, var q] ? q : "";
        var sorted = string.Join('&', query.Split('&').OrderBy(p => p.Split('=')[0], StringComparer.Ordinal));
        var text = new StringBuilder("POST\n/\n").Append(sorted).Append('\n');
        foreach (var name in signed)
            text.Append(name).Append(':').Append(Header(name)).Append('\n');
        text.Append('\n').Append(fields["SignedHeaders"]).Append('\n').Append(Header("x-acs-content-sha256"));
        var hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()))).ToLowerInvariant();
        var right = Convert
            .ToHexString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(AccessKeySecret), Encoding.UTF8.GetBytes("ACS3-HMAC-SHA256\n" + hash)))
            .ToLowerInvariant();
        if (right != fields["Signature"] || !MustBeSigned.All(signed.Contains))
            return Error(400, "SignatureDoesNotMatch");
        if (
            !DateTimeOffset.TryParse(Header("x-acs-date"), CultureInfo.InvariantCulture, out var date)
            || (date - network.Clock.GetUtcNow()).Duration() > TimeSpan.FromMinutes(15)
        )
            return Error(400, "InvalidTimeStamp.Expired");
        if (!nonces.TryAdd(Header("x-acs-signature-nonce"), true))
            return Error(400, "SignatureNonceUsed");
        return Header("x-acs-version") == "2017-05-25" ? null : Error(400, "InvalidVersion");
    }

    private async Task<IResult> SendAsync(HttpContext http, Func<string, string> field)
    {
        if (network.Service == Service.OutOfCredit)
            return Business("isv.AMOUNT_NOT_ENOUGH");
        var number = field("PhoneNumbers");
        if (!IsMobile(number))
            return Business("isv.MOBILE_NUMBER_ILLEGAL");
        if (field("SignName").Length == 0)
            return Business("isv.SMS_SIGNATURE_ILLEGAL");
        if (!TryRender(field("TemplateCode"), field("TemplateParam"), out var text, out var error))
            return Business(error == "" ? "isv.SMS_TEMPLATE_ILLEGAL" : error);
        var person = network.PersonAt("+86" + number);
        if (person.Text == OnText.Landline)
            return Business("isv.MOBILE_NUMBER_ILLEGAL");
        var (id, now) = (NewId(), Local());
        sent[id] = (
            number,
            new JsonObject
            {
                ["PhoneNum"] = number,
                ["SendStatus"] = 1,
                ["TemplateCode"] = field("TemplateCode"),
                ["Content"] = text,
                ["SendDate"] = now,
                ["OutId"] = field("OutId"),
            }
        );
        network.Took("aliyun", "sms", "+86" + number, text, id);
        network.After(TimeSpan.FromSeconds(3), () => DeliverAsync(id, number, text, field("OutId"), now, person));
        if (network.Service == Service.SwallowsAnswer)
            await network.HangAsync(http);
        return Ok(new JsonObject { ["BizId"] = id });
    }

    private async Task DeliverAsync(string id, string number, string text, string outId, string at, Person person)
    {
        // What carriers answer (CMPP's stat): UNDELIV, EXPIRED, REJECTD.
        var error = person.Text switch
        {
            OnText.SwitchedOff => "EXPIRED",
            OnText.UnknownNumber => "UNDELIV",
            OnText.Filtered or OnText.OptedOut => "REJECTD",
            _ => "",
        };
        var detail = sent[id].Detail;
        lock (detail)
            (detail["SendStatus"], detail["ErrCode"], detail["ReceiveDate"]) = (
                error == "" ? 3 : 2,
                error == "" ? "DELIVERED" : error,
                Local()
            );
        if (error == "")
            network.Tell("sms", "+86" + number, text);
        await ReportAsync(
            "sms",
            new JsonObject
            {
                ["phone_number"] = number,
                ["send_time"] = at,
                ["report_time"] = Local(),
                ["success"] = error == "",
                ["err_code"] = error == "" ? "DELIVERED" : error,
                ["err_msg"] = error == "" ? "用户接收成功" : "失败",
                ["sms_size"] = "1",
                ["biz_id"] = id,
                ["out_id"] = outId,
            }
        );
        if (error == "" && person.Text is OnText.OpensLink or OnText.OpensLinkCannot)
            network.After(person.ReadsAfter, () => network.Twilio.ActAsync("+86" + number, text, person));
    }

    private IResult Details(Func<string, string> field)
    {
        var found = sent.Where(s =>
            s.Value.Number == field("PhoneNumber")
            && (field("BizId").Length == 0 || s.Key == field("BizId"))
            && s.Value.Detail["SendDate"]!
                .ToString()
                .Replace("-", "", StringComparison.Ordinal)
                .StartsWith(field("SendDate"), StringComparison.Ordinal)
        );
        return Ok(
            new JsonObject
            {
                ["TotalCount"] = "1",
                ["SmsSendDetailDTOs"] = new JsonObject
                {
                    ["SmsSendDetailDTO"] = new JsonArray([.. found.Select(f => f.Value.Detail.DeepClone())]),
                },
            }
        );
    }

    private async Task<IResult> CallAsync(HttpContext http, string action, Func<string, string> field)
    {
        if (network.Service == Service.OutOfCredit)
            return Business("isv.AMOUNT_NOT_ENOUGH");
        var (number, interactive) = (field("CalledNumber"), action == "IvrCall");
        if (field("OutId").Length > 15)
            return Business("isv.INVALID_PARAMETERS");
        var (code, param) = interactive ? (field("StartCode"), field("StartTtsParams")) : (field("TtsCode"), field("TtsParam"));
        if (!TryRender(code, param, out var text, out var error))
            return Business(error == "" ? "isv.TTS_TEMPLATE_ILLEGAL" : error);
        var person = network.PersonAt("+86" + number);
        if (person.Call == OnCall.Unreachable)
            return Business("isv.MOBILE_NUMBER_ILLEGAL");
        var keys = Enumerable.Range(1, 9).Select(i => field($"MenuKeyMap.{i}.Key")).TakeWhile(k => k.Length > 0).ToList();
        if (interactive && (keys.Count == 0 || field("CalledShowNumber").Length == 0))
            return Business("isv.INVALID_PARAMETERS");
        var id = NewId();
        calls[id] = new JsonObject { ["callee"] = number, ["gmtCreate"] = Local() };
        network.Took("aliyun", "call", "+86" + number, text, id);
        network.After(TimeSpan.FromSeconds(1), () => RingAsync(id, number, field("OutId"), text, person, interactive ? keys : []));
        if (network.Service == Service.SwallowsAnswer)
            await network.HangAsync(http);
        return Ok(new JsonObject { ["CallId"] = id });
    }

    private Task RingAsync(string id, string number, string outId, string text, Person person, List<string> keys)
    {
        network.Tell("rings", "+86" + number, "");
        if (person.Call == OnCall.Busy)
            return EndAsync(id, number, outId, "200002", "");
        if (person.Call == OnCall.Ignores)
        {
            network.After(TimeSpan.FromSeconds(45), () => EndAsync(id, number, outId, "200003", ""));
            return Task.CompletedTask;
        }

        network.After(
            person.PicksUpAfter,
            () => HearAsync(id, number, outId, text, person.Call == OnCall.Voicemail ? "" : person.Keys, "", keys)
        );
        return Task.CompletedTask;
    }

    private Task HearAsync(string id, string number, string outId, string text, string presses, string pressed, List<string> keys)
    {
        network.Tell("says", "+86" + number, text);
        if (presses.Length == 0 || keys.Count == 0)
        {
            network.After(
                TimeSpan.FromSeconds(12),
                () => EndAsync(id, number, outId, keys.Count > 0 && pressed.Length == 0 ? "200008" : "200000", pressed)
            );
            return Task.CompletedTask;
        }

        network.After(
            TimeSpan.FromSeconds(6),
            async () =>
            {
                network.Tell("key", "+86" + number, presses[..1]);
                await ReportAsync(
                    "voice",
                    new JsonObject
                    {
                        ["call_id"] = id,
                        ["out_id"] = outId,
                        ["status_code"] = "300000",
                        ["smart_status_code"] = "ANSWERED",
                        ["dtmf"] = presses[..1],
                        ["status_time"] = Local(),
                    }
                );
                await HearAsync(id, number, outId, text, presses[1..], pressed + presses[..1], keys);
            }
        );
        return Task.CompletedTask;
    }

    private Task EndAsync(string id, string number, string outId, string status, string dtmf)
    {
        lock (calls[id])
            (calls[id]["state"], calls[id]["stateDesc"]) = (status, status);
        network.Tell("hung-up", "+86" + number, status);
        return ReportAsync(
            "voice",
            new JsonObject
            {
                ["call_id"] = id,
                ["out_id"] = outId,
                ["originate_time"] = Local(),
                ["end_time"] = Local(),
                ["callee"] = number,
                ["duration"] = "12",
                ["status_code"] = status,
                ["status_msg"] = "执行完成",
                ["dtmf"] = dtmf,
                ["voice_type"] = "voice",
            }
        );
    }

    private async Task ReportAsync(string what, JsonObject report)
    {
        if (network.Receipts == Receipts.None)
            return;
        for (var times = network.Receipts == Receipts.Twice ? 2 : 1; times > 0; times--)
        {
            try
            {
                using var answer = await http.PostAsJsonAsync(
                    new Uri($"{hooks}/hooks/aliyun/{HookSecret}/{what}"),
                    new JsonArray(report.DeepClone())
                );
                var body = await answer.Content.ReadAsStringAsync();
                if (!answer.IsSuccessStatusCode || !body.Contains("\"code\":0", StringComparison.Ordinal))
                    network.BadCallbacks.Enqueue($"/hooks/aliyun/…/{what}: {(int)answer.StatusCode} {body}");
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                network.BadCallbacks.Enqueue($"/hooks/aliyun/…/{what}: {e.Message}");
            }
        }
    }

    private bool TryRender(string code, string param, out string text, out string error)
    {
        error = "";
        if (!Templates.TryGetValue(code, out text!) && !Templates.IsEmpty)
            return false;
        var values = JsonNode.Parse(param.Length == 0 ? "{}" : param)!.AsObject();
        text ??= $"{code} {string.Join(", ", values.Select(v => $"{v.Key}: ${{{v.Key}}}"))}";
        foreach (var (name, value) in values)
        {
            var given = value!.ToString();
            if (given.Length > 35)
                error = "isv.PARAM_LENGTH_LIMIT";
            if (given.Contains("://", StringComparison.Ordinal))
                error = "isv.PARAM_NOT_SUPPORT_URL";
            text = text.Replace($"${{{name}}}", given, StringComparison.Ordinal);
        }

        if (text.Contains("${", StringComparison.Ordinal))
            error = "isv.TEMPLATE_MISSING_PARAMETERS";
        return error == "";
    }

    private string NewId() => $"{Interlocked.Increment(ref ids).ToString(CultureInfo.InvariantCulture)}^0";

    private string Local() =>
        (network.Clock.GetUtcNow().UtcDateTime + TimeSpan.FromHours(8)).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static bool IsMobile(string number) => number.Length == 11 && number[0] == '1' && number.All(char.IsAsciiDigit);

    private static IResult Ok(JsonObject body)
    {
        (body["Code"], body["Message"], body["RequestId"]) = ("OK", "OK", Guid.NewGuid().ToString().ToUpperInvariant());
        return Results.Text(body.ToJsonString(), "application/json");
    }

    /// <summary>Refusals of the service itself come with 200.</summary>
    private static IResult Business(string code) => Error(200, code);

    private static IResult Error(int status, string code) =>
        Results.Json(
            new
            {
                Code = code,
                Message = code,
                RequestId = Guid.NewGuid().ToString().ToUpperInvariant(),
            },
            new JsonSerializerOptions(),
            statusCode: status
        );
}
