namespace Vigil.Notify.Channels.Aliyun;

/// <summary>
/// What Alibaba Cloud's codes mean for a notice (help.aliyun.com: 短信服务 API 错误码, 语音服务 API 错误码; the gateway's own: InvalidAccessKeyId,
/// SignatureDoesNotMatch, Throttling). Ours and the account's troubles are Down, the number's are GiveUp, the rest is tried again.
/// </summary>
public static class AliyunErrors
{
    private static readonly Dictionary<string, string> Ours = new(StringComparer.Ordinal)
    {
        ["isv.AMOUNT_NOT_ENOUGH"] = "the account's credit is gone",
        ["isv.OUT_OF_SERVICE"] = "the service is stopped, usually for lack of credit",
        ["isv.ACCOUNT_ABNORMAL"] = "the account is not in order",
        ["isv.ACCOUNT_NOT_EXISTS"] = "there is no such account",
        ["isv.PRODUCT_UNSUBSCRIBE"] = "the product is not subscribed",
        ["isv.PRODUCT_UN_SUBSCRIPT"] = "the product is not subscribed",
        ["isp.RAM_PERMISSION_DENY"] = "the access key may not do this",
        ["isv.SMS_SIGNATURE_ILLEGAL"] = "Aliyun:SignName is not an approved signature",
        ["isv.DENY_IP_RANGE"] = "requests from this address are refused",
        ["isv.DAY_LIMIT_CONTROL"] = "the account's limit of the day is reached",
        ["isv.MONTH_LIMIT_CONTROL"] = "the account's limit of the month is reached",
    };

    private static readonly Dictionary<string, string> Theirs = new(StringComparer.Ordinal)
    {
        ["isv.MOBILE_NUMBER_ILLEGAL"] = "is no mobile number",
        ["isv.BUSINESS_LIMIT_CONTROL"] = "too many messages or calls to this number (the provider's limit)",
        ["isv.SMS_TEMPLATE_ILLEGAL"] = "the template is not approved",
        ["isv.TTS_TEMPLATE_ILLEGAL"] = "the voice template is not approved",
        ["isv.TEMPLATE_MISSING_PARAMETERS"] = "the template has variables that Aliyun:…:Params doesn't name",
        ["isv.TEMPLATE_PARAMS_ILLEGAL"] = "the template's variables don't fit",
        ["isv.INVALID_PARAMETERS"] = "the request doesn't fit",
        ["isv.INVALID_JSON_PARAM"] = "the request doesn't fit",
        ["isv.BLACK_KEY_CONTROL_LIMIT"] = "a variable holds a forbidden word",
        ["isv.PARAM_LENGTH_LIMIT"] = "a variable is too long",
        ["isv.PARAM_NOT_SUPPORT_URL"] = "a variable may not hold an address",
    };

    /// <param name="status">HTTP status.</param>
    /// <param name="code">Of the body; empty when there was none.</param>
    public static ChannelResult Refused(int status, string code)
    {
        var name = code.Length > 0 ? code : $"HTTP {status}";
        if (Ours.TryGetValue(code, out var why))
            return new ChannelResult(ChannelOutcome.Down, $"Aliyun: {why} ({name})");
        if (Theirs.TryGetValue(code, out why))
            return new ChannelResult(ChannelOutcome.GiveUp, $"{why} ({name})", Blocked: code == "isv.MOBILE_NUMBER_ILLEGAL");
        if (
            code.StartsWith("InvalidAccessKeyId", StringComparison.Ordinal)
            || code.StartsWith("SignatureDoesNotMatch", StringComparison.Ordinal)
            || code.StartsWith("Forbidden", StringComparison.Ordinal)
            || code.StartsWith("NoPermission", StringComparison.Ordinal)
            || code is "IncompleteSignature" or "InvalidTimeStamp.Expired"
        )
            return new ChannelResult(ChannelOutcome.Down, $"Aliyun refuses our key ({name})");
        // VALVE:M_MC, H_MC, D_MC: too many a minute, an hour, a day.
        if (
            code.StartsWith("Throttling", StringComparison.Ordinal)
            || code.StartsWith("VALVE:", StringComparison.Ordinal)
            || code is "isp.SYSTEM_ERROR" or "SignatureNonceUsed"
            || status == 429
        )
            return new ChannelResult(ChannelOutcome.TryAgain, $"Aliyun can't take it now ({name})");
        if (status >= 500)
            return new ChannelResult(ChannelOutcome.Unknown, $"Aliyun fails ({name})"); // it may have been taken all the same
        return new ChannelResult(
            status is 401 or 403 ? ChannelOutcome.Down : ChannelOutcome.GiveUp,
            $"Aliyun refuses this request ({name})"
        );
    }

    /// <summary>How a call went (help.aliyun.com: 语音服务运营商回执错误码). Picked up is delivered; only a key is an answer.</summary>
    public static ChannelResult Call(string status, string? callId) =>
        status switch
        {
            "200000" or "200001" or "200008" => new(ChannelOutcome.Delivered, "the call was picked up", callId),
            "200002" => new(ChannelOutcome.GiveUp, "busy (200002)", callId),
            "200003" => new(ChannelOutcome.GiveUp, "no answer (200003)", callId),
            "200004" => new(ChannelOutcome.GiveUp, "is no valid number (200004)", callId, Blocked: true),
            "200010" => new(ChannelOutcome.GiveUp, "switched off (200010)", callId),
            "200011" => new(ChannelOutcome.GiveUp, "no longer in service (200011)", callId, Blocked: true),
            "" => new(ChannelOutcome.Sent, "Aliyun says nothing yet", callId),
            _ => new(ChannelOutcome.GiveUp, $"not reached ({status})", callId),
        };
}
