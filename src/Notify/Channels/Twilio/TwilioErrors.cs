using System.Globalization;
using Vigil.Model;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>
/// What Twilio's error codes mean for a notice (twilio.com/docs/api/errors): whether the number, our account, or something that will pass
/// is the cause.
/// </summary>
internal static class TwilioErrors
{
    /// <summary>Nothing can be sent to anybody until a person mends it: credentials, credit, our own number.</summary>
    private static readonly Dictionary<int, Wording> Ours = new()
    {
        [20003] = new Wording("the credentials are refused", "凭证被拒绝"),
        [20005] = new Wording("the account is not active (suspended, or its credit is gone)", "账户未启用（已停用或欠费）"),
        [20404] = new Wording("the account is unknown", "账户不存在"),
        [30002] = new Wording("the account is suspended", "账户已停用"),
        [21210] = new Wording("our number is not verified", "本方号码未验证"),
        [21212] = new Wording("our number is not valid", "本方号码无效"),
        [21603] = new Wording("our number is missing", "没有设置本方号码"),
        [21606] = new Wording("our number can't send messages", "本方号码不能发送短信"),
    };

    /// <summary>This number can't be reached this way, now or later.</summary>
    private static readonly Dictionary<int, Wording> Theirs = new()
    {
        [21610] = new Wording("opted out of messages (STOP)", "对方已退订（STOP）"),
        [21211] = new Wording("not a valid number", "号码无效"),
        [21214] = new Wording("the number can't be called", "号码无法呼叫"),
        [21217] = new Wording("not a valid number", "号码无效"),
        [21401] = new Wording("not a valid number", "号码无效"),
        [21612] = new Wording("the number can't be reached from ours", "本方号码无法联系该号码"),
        [21614] = new Wording("not a mobile number", "不是手机号码"),
        [21408] = new Wording("sending to this country is not permitted", "不允许向该国家或地区发送"),
        [21215] = new Wording("calling this country is not permitted", "不允许呼叫该国家或地区"),
        [21608] = new Wording("the number is not verified for a trial account", "试用账户未验证该号码"),
        [13223] = new Wording("the number can't be called", "号码无法呼叫"),
        [13224] = new Wording("not a valid number", "号码无效"),
        [13225] = new Wording("the number is blocked", "号码已被屏蔽"),
        [13227] = new Wording("calling this country is not permitted", "不允许呼叫该国家或地区"),
        [30003] = new Wording("the phone can't be reached", "手机无法接通"),
        [30004] = new Wording("messages are blocked by the recipient or the carrier", "短信被对方或运营商拦截"),
        [30005] = new Wording("the number is unknown or no longer in service", "空号或已停机"),
        [30006] = new Wording("a landline or a carrier that takes no messages", "固定电话，或运营商不接收短信"),
        [30007] = new Wording("held back by the carrier's filter", "被运营商过滤"),
        [30008] = new Wording("not delivered, the carrier doesn't say why", "未送达，运营商未说明原因"),
        [30036] = new Wording("not delivered within its validity", "有效期内未送达"),
    };

    /// <summary>
    /// Those of <see cref="Theirs"/> that last until the number is changed: opted out, no number, out of service, a landline.
    /// </summary>
    private static readonly HashSet<int> ForGood = [21610, 21211, 21217, 21401, 21614, 13224, 30005, 30006];

    public static bool IsForGood(int code) => ForGood.Contains(code);

    /// <summary>What the answer to a request that made no message or call means.</summary>
    /// <param name="status">HTTP status.</param>
    /// <param name="code">Twilio's code; 0 when the body held none.</param>
    public static ChannelResult Refused(int status, int code)
    {
        var number = code > 0 ? code.ToString(CultureInfo.InvariantCulture) : $"HTTP {status}";
        if (Theirs.TryGetValue(code, out var why))
            return new ChannelResult(ChannelOutcome.GiveUp, Numbered(why, number), Blocked: IsForGood(code));
        if (Ours.TryGetValue(code, out why))
            return new ChannelResult(
                ChannelOutcome.Down,
                new Wording($"Twilio: {why.En} ({number})", $"Twilio 报告：{why.Zh}（{number}）")
            );
        return status switch
        {
            429 => new ChannelResult(
                ChannelOutcome.TryAgain,
                new Wording($"Twilio asks for fewer requests ({number})", $"Twilio 要求降低请求频率（{number}）")
            ),
            401 or 402 or 403 => new ChannelResult(
                ChannelOutcome.Down,
                status == 402
                    ? new Wording($"Twilio refuses us: the account's credit is gone ({number})", $"Twilio 拒绝请求：账户欠费（{number}）")
                    : new Wording(
                        $"Twilio refuses us: credentials or permissions ({number})",
                        $"Twilio 拒绝请求：凭证或权限不符（{number}）"
                    )
            ),
            404 => new ChannelResult(
                ChannelOutcome.Down,
                new Wording($"Twilio: no such account ({number})", $"Twilio 没有此账户（{number}）")
            ),
            408 => new ChannelResult(
                ChannelOutcome.Unknown,
                new Wording($"Twilio took too long ({number})", $"Twilio 处理超时（{number}）")
            ),
            // it may have been taken all the same: asked before it is sent again
            >= 500 => new ChannelResult(ChannelOutcome.Unknown, new Wording($"Twilio fails ({number})", $"Twilio 出错（{number}）")),
            _ when code is 14107 or 20429 or 21611 => new ChannelResult(
                ChannelOutcome.TryAgain,
                new Wording($"too much waits at Twilio ({number})", $"Twilio 积压过多（{number}）")
            ),
            _ => new ChannelResult(
                ChannelOutcome.GiveUp,
                new Wording($"Twilio refuses this request ({number})", $"Twilio 拒绝此请求（{number}）")
            ),
        };
    }

    /// <summary>Why a message or call that was taken did not get there.</summary>
    public static Wording NotDelivered(string status, int code) =>
        Theirs.TryGetValue(code, out var why) || Ours.TryGetValue(code, out why) ? Numbered(why, $"{code}")
        : code > 0 ? Numbered(Undelivered(status, status), $"{code}")
        : status switch
        {
            "no-answer" => Undelivered("no answer", status),
            "canceled" => Undelivered("cancelled", status),
            _ => Undelivered(status, status),
        };

    private static Wording Undelivered(string en, string status) =>
        status switch
        {
            "no-answer" => new Wording(en, "无人接听"),
            "canceled" => new Wording(en, "已取消"),
            "busy" => new Wording(en, "占线"),
            "failed" => new Wording(en, "未能发出"),
            _ => new Wording(en, "未送达"),
        };

    private static Wording Numbered(Wording why, string number) => new($"{why.En} ({number})", $"{why.Zh}（{number}）");

    /// <summary>Why nothing can be sent at all; null for an error of one message.</summary>
    public static Wording? Trouble(int code) => Ours.GetValueOrDefault(code);
}
