using Vigil.Model;

namespace Vigil.Notify.Channels.Aliyun;

/// <summary>
/// What Alibaba Cloud's codes mean for a notice (help.aliyun.com: 短信服务 API 错误码, 语音服务 API 错误码; the gateway's own: InvalidAccessKeyId,
/// SignatureDoesNotMatch, Throttling). Errors of our account are Down, errors of the number or template are GiveUp, passing ones TryAgain.
/// </summary>
public static class AliyunErrors
{
    private static readonly Dictionary<string, Wording> Ours = new(StringComparer.Ordinal)
    {
        ["isv.AMOUNT_NOT_ENOUGH"] = new Wording("the account's credit is gone", "账户欠费"),
        ["isv.OUT_OF_SERVICE"] = new Wording("the service is stopped, usually for lack of credit", "服务已停止，通常因欠费"),
        ["isv.ACCOUNT_ABNORMAL"] = new Wording("the account is not in order", "账户异常"),
        ["isv.ACCOUNT_NOT_EXISTS"] = new Wording("there is no such account", "账户不存在"),
        ["isv.PRODUCT_UNSUBSCRIBE"] = new Wording("the product is not subscribed", "未开通该产品"),
        ["isv.PRODUCT_UN_SUBSCRIPT"] = new Wording("the product is not subscribed", "未开通该产品"),
        ["isp.RAM_PERMISSION_DENY"] = new Wording("the access key may not do this", "访问密钥没有此权限"),
        ["isv.SMS_SIGNATURE_ILLEGAL"] = new Wording(
            "Aliyun:SignName is not an approved signature",
            "短信签名（Aliyun:SignName）未通过审核"
        ),
        ["isv.DENY_IP_RANGE"] = new Wording("requests from this address are refused", "不接受来自本机地址的请求"),
        ["isv.DAY_LIMIT_CONTROL"] = new Wording("the account's limit of the day is reached", "已达账户日发送上限"),
        ["isv.MONTH_LIMIT_CONTROL"] = new Wording("the account's limit of the month is reached", "已达账户月发送上限"),
    };

    private static readonly Dictionary<string, Wording> Theirs = new(StringComparer.Ordinal)
    {
        ["isv.MOBILE_NUMBER_ILLEGAL"] = new Wording("is no mobile number", "不是手机号码"),
        ["isv.BUSINESS_LIMIT_CONTROL"] = new Wording(
            "too many messages or calls to this number (the provider's limit)",
            "对该号码的短信或呼叫过多（服务商限制）"
        ),
        ["isv.SMS_TEMPLATE_ILLEGAL"] = new Wording("the template is not approved", "短信模板未通过审核"),
        ["isv.TTS_TEMPLATE_ILLEGAL"] = new Wording("the voice template is not approved", "语音模板未通过审核"),
        ["isv.TEMPLATE_MISSING_PARAMETERS"] = new Wording(
            "the template has variables that Aliyun:…:Params doesn't name",
            "模板变量未在 Aliyun:…:Params 中列出"
        ),
        ["isv.TEMPLATE_PARAMS_ILLEGAL"] = new Wording("the template's variables don't fit", "模板变量不符"),
        ["isv.INVALID_PARAMETERS"] = new Wording("the request doesn't fit", "请求参数不符"),
        ["isv.INVALID_JSON_PARAM"] = new Wording("the request doesn't fit", "请求参数不符"),
        ["isv.BLACK_KEY_CONTROL_LIMIT"] = new Wording("a variable holds a forbidden word", "变量含有禁用词"),
        ["isv.PARAM_LENGTH_LIMIT"] = new Wording("a variable is too long", "变量过长"),
        ["isv.PARAM_NOT_SUPPORT_URL"] = new Wording("a variable may not hold an address", "变量中不能含网址"),
    };

    /// <param name="status">HTTP status.</param>
    /// <param name="code">Of the body; empty when there was none.</param>
    public static ChannelResult Refused(int status, string code)
    {
        var name = code.Length > 0 ? code : $"HTTP {status}";
        if (Ours.TryGetValue(code, out var why))
            return new ChannelResult(ChannelOutcome.Down, new Wording($"Aliyun: {why.En} ({name})", $"阿里云：{why.Zh}（{name}）"));
        if (Theirs.TryGetValue(code, out why))
            return new ChannelResult(
                ChannelOutcome.GiveUp,
                new Wording($"{why.En} ({name})", $"{why.Zh}（{name}）"),
                Blocked: code == "isv.MOBILE_NUMBER_ILLEGAL"
            );
        if (
            code.StartsWith("InvalidAccessKeyId", StringComparison.Ordinal)
            || code.StartsWith("SignatureDoesNotMatch", StringComparison.Ordinal)
            || code.StartsWith("Forbidden", StringComparison.Ordinal)
            || code.StartsWith("NoPermission", StringComparison.Ordinal)
            || code is "IncompleteSignature" or "InvalidTimeStamp.Expired"
        )
            return new ChannelResult(ChannelOutcome.Down, new Wording($"Aliyun refuses our key ({name})", $"阿里云拒绝本方密钥（{name}）"));
        // VALVE:M_MC, H_MC, D_MC: too many a minute, an hour, a day.
        if (
            code.StartsWith("Throttling", StringComparison.Ordinal)
            || code.StartsWith("VALVE:", StringComparison.Ordinal)
            || code is "isp.SYSTEM_ERROR" or "SignatureNonceUsed"
            || status == 429
        )
            return new ChannelResult(
                ChannelOutcome.TryAgain,
                new Wording($"Aliyun can't take it now ({name})", $"阿里云暂时无法受理（{name}）")
            );
        if (status >= 500)
            // it may have been taken all the same
            return new ChannelResult(ChannelOutcome.Unknown, new Wording($"Aliyun fails ({name})", $"阿里云出错（{name}）"));
        return new ChannelResult(
            status is 401 or 403 ? ChannelOutcome.Down : ChannelOutcome.GiveUp,
            new Wording($"Aliyun refuses this request ({name})", $"阿里云拒绝此请求（{name}）")
        );
    }

    /// <summary>How a call went (help.aliyun.com: 语音服务运营商回执错误码). Picked up counts as delivered; only a key is an answer.</summary>
    public static ChannelResult Call(string status, string? callId) =>
        status switch
        {
            "200000" or "200001" or "200008" => new(ChannelOutcome.Delivered, new Wording("the call was picked up", "电话已接通"), callId),
            "200002" => new(ChannelOutcome.GiveUp, new Wording("busy (200002)", "占线（200002）"), callId),
            "200003" => new(ChannelOutcome.GiveUp, new Wording("no answer (200003)", "无人接听（200003）"), callId),
            "200004" => new(ChannelOutcome.GiveUp, new Wording("is no valid number (200004)", "号码无效（200004）"), callId, Blocked: true),
            "200010" => new(ChannelOutcome.GiveUp, new Wording("switched off (200010)", "已关机（200010）"), callId),
            "200011" => new(ChannelOutcome.GiveUp, new Wording("no longer in service (200011)", "已停机（200011）"), callId, Blocked: true),
            "" => new(ChannelOutcome.Sent, new Wording("Aliyun says nothing yet", "阿里云尚无结果"), callId),
            _ => new(ChannelOutcome.GiveUp, new Wording($"not reached ({status})", $"未接通（{status}）"), callId),
        };
}
