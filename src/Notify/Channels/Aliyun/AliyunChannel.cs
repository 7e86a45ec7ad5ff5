using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Aliyun;

/// <summary>
/// SMS and calls to mainland numbers over Alibaba Cloud's documented HTTP API: SendSms and QuerySendDetails of Dysmsapi; IvrCall (asks for
/// a key) or SingleCallByTts, and QueryCallDetailByCallId of Dyvmsapi. Texts are templates that were approved before: only their variables
/// go out.
/// </summary>
public sealed class AliyunChannel : IChannel
{
    private const string Version = "2017-05-25";

    /// <summary>Product numbers of QueryCallDetailByCallId: calls that ask for a key, calls that only speak.</summary>
    private const string Interactive = "11000000300005",
        Spoken = "11000000300006";

    /// <summary>
    /// Most messages with the same words to a number in 24 h: carriers block further ones as a nuisance.
    /// </summary>
    private const int MostIdentical = 3;

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly IServiceProvider services;
    private readonly AliyunOptions options;
    private readonly IDbContextFactory<RecordsDb> records;
    private readonly TimeProvider clock;
    private readonly TimeZoneInfo zone;
    private readonly ChannelHealth health;

    public AliyunChannel(
        IServiceProvider services,
        AliyunOptions options,
        IDbContextFactory<RecordsDb> records,
        Messages.MessageTexts messages,
        TimeProvider clock
    )
    {
        (this.services, this.options, this.records, zone) = (services, options, records, messages.Zone);
        // signatures carry real time, which the provider checks
        this.clock = services.GetKeyedService<TimeProvider>(ChannelHttp.Clock) ?? TimeProvider.System;
        noticeClock = clock;
        health = services.ChannelHealth(Provider);
    }

    private readonly TimeProvider noticeClock;

    public string Provider => "aliyun";

    public bool GivesReceipts => true;

    public ChannelHealth? Health => health;

    public bool Carries(Channel channel) => channel == Channel.Sms || (channel == Channel.Voice && options.Calls.Templates.Count > 0);

    public async Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation)
    {
        var voice = notice.Channel == Channel.Voice;
        if (Local(notice.Address) is not { } number)
            return new ChannelResult(
                ChannelOutcome.GiveUp,
                new Wording("Aliyun is for numbers of mainland China alone", "阿里云仅支持中国内地号码")
            );
        if ((voice ? options.Calls.Templates : options.Templates).GetValueOrDefault(notice.Template.Word()) is not { } template)
            return new ChannelResult(
                ChannelOutcome.GiveUp,
                new Wording($"there is no template for {notice.Template.Word()}", $"没有“{notice.Template.Word()}”的模板")
            );
        if (!voice && !template.Unique && await IdenticalAsync(notice, cancellation) >= MostIdentical)
            return new ChannelResult(
                ChannelOutcome.GiveUp,
                new Wording(
                    $"{MostIdentical} messages with the same words went to this number within 24 h: carriers take no more",
                    $"24 小时内已向该号码发送 {MostIdentical} 条相同内容的短信，运营商不再接收"
                )
            );
        var (action, parameters) = voice ? CallOf(notice, number, template) : MessageOf(notice, number, template);
        var (status, body, trouble) = await CallApiAsync(
            voice ? options.VoiceUrl : options.SmsUrl,
            action,
            parameters,
            notice.Critical,
            cancellation
        );
        if (trouble is not null)
            return trouble;
        var code = Text(body, "Code");
        if (status == 200 && code == "OK")
        {
            health.Up();
            return new ChannelResult(
                ChannelOutcome.Sent,
                new Wording("Aliyun has it", "阿里云已受理"),
                Text(body, voice ? "CallId" : "BizId")
            );
        }

        var refused = AliyunErrors.Refused(status, code);
        if (refused.Outcome == ChannelOutcome.Down)
            health.Down(refused.Reason);
        else if (status < 500)
            health.Up();
        return refused;
    }

    public async Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation)
    {
        if (Local(notice.Outgoing.Address) is not { } number)
            return null;
        if (notice.Outgoing.Channel == Channel.Voice)
        {
            // Calls can only be asked about by their id. Without one the call is made again: twice is better than never.
            if (notice.ProviderId is not { Length: > 0 } id)
                return null;
            var detail = await AskAsync(
                options.VoiceUrl,
                "QueryCallDetailByCallId",
                new()
                {
                    ["CallId"] = id,
                    ["ProdId"] = options.Calls.Keys ? Interactive : Spoken,
                    ["QueryDate"] = notice.Since.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture),
                },
                cancellation
            );
            if (detail is null || !detail.Value.TryGetProperty("Data", out var data) || data.GetString() is not { Length: > 2 } json)
                return new ChannelResult(ChannelOutcome.Sent, new Wording("Aliyun says nothing yet", "阿里云尚无结果"), id);
            using var call = JsonDocument.Parse(json);
            return AliyunErrors.Call(Text(call.RootElement, "state"), id);
        }

        var query = new Dictionary<string, string>
        {
            ["PhoneNumber"] = number,
            ["SendDate"] = TimeZoneInfo.ConvertTime(notice.Since, zone).ToString("yyyyMMdd", CultureInfo.InvariantCulture),
            ["PageSize"] = "50",
            ["CurrentPage"] = "1",
        };
        if (notice.ProviderId is { Length: > 0 } biz)
            query["BizId"] = biz;
        if (
            await AskAsync(options.SmsUrl, "QuerySendDetails", query, cancellation) is not { } answer
            || !answer.TryGetProperty("SmsSendDetailDTOs", out var outer)
            || !outer.TryGetProperty("SmsSendDetailDTO", out var list)
        )
            return null;
        foreach (var sent in list.EnumerateArray())
        {
            if (Text(sent, "OutId") != notice.Outgoing.NoticeId.ToString("N"))
                continue;
            var provider = notice.ProviderId; // a detail doesn't name its BizId
            return (sent.TryGetProperty("SendStatus", out var s) && s.TryGetInt32(out var status) ? status : 0) switch
            {
                3 => new ChannelResult(ChannelOutcome.Delivered, new Wording("on the phone", "已到达手机"), provider),
                2 => new ChannelResult(
                    ChannelOutcome.GiveUp,
                    new Wording($"not delivered ({Text(sent, "ErrCode")})", $"未送达（{Text(sent, "ErrCode")}）"),
                    provider
                ),
                _ => new ChannelResult(ChannelOutcome.Sent, new Wording("Aliyun waits for the carrier", "等待运营商回执"), provider),
            };
        }

        return null;
    }

    /// <summary>The id of a notice as a call carries it: OutId takes 15 bytes, so the last 60 bits, which are random.</summary>
    internal static string OutId(Guid notice) => notice.ToString("N")[^15..];

    private (string Action, Dictionary<string, string> Parameters) MessageOf(
        OutgoingNotice notice,
        string number,
        AliyunTemplate template
    ) =>
        (
            "SendSms",
            new()
            {
                ["PhoneNumbers"] = number,
                ["SignName"] = options.SignName,
                ["TemplateCode"] = template.Code,
                ["TemplateParam"] = Param(notice, template),
                ["OutId"] = notice.NoticeId.ToString("N"),
            }
        );

    private (string Action, Dictionary<string, string> Parameters) CallOf(OutgoingNotice notice, string number, AliyunTemplate template)
    {
        var (calls, times) = (options.Calls, options.Calls.PlayTimes.ToString(CultureInfo.InvariantCulture));
        var parameters = new Dictionary<string, string>
        {
            ["CalledNumber"] = number,
            ["PlayTimes"] = times,
            ["OutId"] = OutId(notice.NoticeId),
        };
        if (calls.Number.Length > 0)
            parameters["CalledShowNumber"] = calls.Number;
        if (!calls.Keys)
        {
            (parameters["TtsCode"], parameters["TtsParam"]) = (template.Code, Param(notice, template));
            return ("SingleCallByTts", parameters);
        }

        (parameters["StartCode"], parameters["StartTtsParams"], parameters["ByeCode"], parameters["Timeout"]) = (
            template.Code,
            Param(notice, template),
            calls.Bye,
            "8000"
        );
        foreach (var (i, key, code) in new[] { (1, "1", calls.Taken), (2, "2", calls.Declined), (3, "3", template.Code) })
        {
            (parameters[$"MenuKeyMap.{i}.Key"], parameters[$"MenuKeyMap.{i}.Code"]) = (key, code);
            if (key == "3")
                parameters[$"MenuKeyMap.{i}.TtsParams"] = Param(notice, template);
        }

        return ("IvrCall", parameters);
    }

    private static string Param(OutgoingNotice notice, AliyunTemplate template)
    {
        var token = notice.Link[(notice.Link.LastIndexOf('/') + 1)..];
        return JsonSerializer.Serialize(
            template.Variables.ToDictionary(
                v => v.Variable,
                v =>
                    v.Value switch
                    {
                        "token1" => token[..(token.Length / 2)],
                        "token2" => token[(token.Length / 2)..],
                        "name" => Filled(notice, "提醒"),
                        "family" => Filled(notice, "某").TrimEnd('*'),
                        var name => notice.Values.GetValueOrDefault(name) ?? "",
                    }
            ),
            Plain
        );
    }

    /// <summary>
    /// The name in a template. An alarm about no resident has none, and an approved template can't leave its variable out: then a word
    /// stands there.
    /// </summary>
    private static string Filled(OutgoingNotice notice, string nobody) =>
        notice.Values.GetValueOrDefault("name") is { Length: > 0 } name ? name : nobody;

    /// <summary>
    /// How many messages with the same words went to this number in the last 24 h: the template is the same, and so is the text but for its
    /// link.
    /// </summary>
    private async Task<int> IdenticalAsync(OutgoingNotice notice, CancellationToken cancellation)
    {
        var since = noticeClock.GetUtcNow().UtcDateTime.AddHours(-24);
        await using var db = await records.CreateDbContextAsync(cancellation);
        var texts = await db
            .Notices.Where(n =>
                n.Address == notice.Address
                && n.Channel == Channel.Sms
                && n.SentAt >= since
                && n.Provider == Provider
                && n.Template == notice.Template
            )
            .Select(n => n.Text)
            .ToListAsync(cancellation);
        var words = WithoutLink(notice.Text);
        return texts.Count(t => WithoutLink(t) == words);
    }

    private static string WithoutLink(string text) => text.IndexOf("http", StringComparison.Ordinal) is >= 0 and var at ? text[..at] : text;

    /// <summary>+8613800138000 → 13800138000; null for a number of elsewhere.</summary>
    private static string? Local(string address) => address.StartsWith("+86", StringComparison.Ordinal) ? address[3..] : null;

    private async Task<JsonElement?> AskAsync(
        string url,
        string action,
        Dictionary<string, string> parameters,
        CancellationToken cancellation
    )
    {
        var (status, body, trouble) = await CallApiAsync(url, action, parameters, critical: true, cancellation);
        if (trouble is not null)
            throw new HttpRequestException(trouble.Reason.En);
        if (status != 200 || Text(body, "Code") != "OK")
            throw new HttpRequestException($"Aliyun answers {status} {Text(body, "Code")}");
        health.Up();
        return body;
    }

    private async Task<(int Status, JsonElement Body, ChannelResult? Trouble)> CallApiAsync(
        string url,
        string action,
        Dictionary<string, string> parameters,
        bool critical,
        CancellationToken cancellation
    )
    {
        using var request = AliyunSignature.Request(
            new Uri(url),
            action,
            Version,
            parameters,
            options.AccessKeyId,
            options.AccessKeySecret,
            clock.GetUtcNow(),
            Guid.NewGuid().ToString("N")
        );
        var (answer, trouble) = await services.ChannelClient(Provider).TrySendAsync(request, health, critical, cancellation);
        if (answer is null)
            return (0, default, trouble);
        using (answer)
        {
            try
            {
                using var json = await JsonDocument.ParseAsync(
                    await answer.Content.ReadAsStreamAsync(cancellation),
                    cancellationToken: cancellation
                );
                return ((int)answer.StatusCode, json.RootElement.Clone(), null);
            }
            catch (JsonException)
            {
                // a proxy's page in place of an answer: a success that can't be read is asked about
                return (
                    (int)answer.StatusCode,
                    default,
                    answer.IsSuccessStatusCode
                        ? new ChannelResult(ChannelOutcome.Unknown, new Wording("Aliyun's answer can't be read", "阿里云的应答无法读取"))
                        : null
                );
            }
        }
    }

    private static string Text(JsonElement item, string name) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";
}
