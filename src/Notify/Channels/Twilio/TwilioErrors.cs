using System.Globalization;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>
/// What Twilio's error codes mean for us (twilio.com/docs/api/errors): the address is no good, the moment is no good, or we are no good.
/// </summary>
internal static class TwilioErrors
{
    /// <summary>Nothing can be sent to anybody until a person mends it: credentials, credit, our own number.</summary>
    private static readonly Dictionary<int, string> Ours = new()
    {
        [20003] = "the credentials are refused",
        [20005] = "the account is not active (suspended, or its credit is gone)",
        [20404] = "the account is unknown",
        [30002] = "the account is suspended",
        [21210] = "our number is not verified",
        [21212] = "our number is not valid",
        [21603] = "our number is missing",
        [21606] = "our number can't send messages",
    };

    /// <summary>This number can't be reached this way, now or later.</summary>
    private static readonly Dictionary<int, string> Theirs = new()
    {
        [21610] = "opted out of messages (STOP)",
        [21211] = "not a valid number",
        [21214] = "the number can't be called",
        [21217] = "not a valid number",
        [21401] = "not a valid number",
        [21612] = "the number can't be reached from ours",
        [21614] = "not a mobile number",
        [21408] = "sending to this country is not permitted",
        [21215] = "calling this country is not permitted",
        [21608] = "the number is not verified for a trial account",
        [13223] = "the number can't be called",
        [13224] = "not a valid number",
        [13225] = "the number is blocked",
        [13227] = "calling this country is not permitted",
        [30003] = "the phone can't be reached",
        [30004] = "messages are blocked by the recipient or the carrier",
        [30005] = "the number is unknown or no longer in service",
        [30006] = "a landline or a carrier that takes no messages",
        [30007] = "held back by the carrier's filter",
        [30008] = "not delivered, the carrier doesn't say why",
        [30036] = "not delivered within its validity",
    };

    /// <summary>…until the number is changed: opted out, no number, out of service, a landline. The others may pass.</summary>
    private static readonly HashSet<int> ForGood = [21610, 21211, 21217, 21401, 21614, 13224, 30005, 30006];

    public static bool IsForGood(int code) => ForGood.Contains(code);

    /// <summary>What the answer to a request that made no message or call means.</summary>
    /// <param name="status">HTTP status.</param>
    /// <param name="code">Twilio's code; 0 when the body held none.</param>
    public static ChannelResult Refused(int status, int code)
    {
        var number = code > 0 ? code.ToString(CultureInfo.InvariantCulture) : $"HTTP {status}";
        if (Theirs.TryGetValue(code, out var why))
            return new ChannelResult(ChannelOutcome.GiveUp, $"{why} ({number})", Blocked: IsForGood(code));
        if (Ours.TryGetValue(code, out why))
            return new ChannelResult(ChannelOutcome.Down, $"Twilio: {why} ({number})");
        return status switch
        {
            429 => new ChannelResult(ChannelOutcome.TryAgain, $"Twilio asks for fewer requests ({number})"),
            401 or 402 or 403 => new ChannelResult(
                ChannelOutcome.Down,
                $"Twilio refuses us: {(status == 402 ? "the account's credit is gone" : "credentials or permissions")} ({number})"
            ),
            404 => new ChannelResult(ChannelOutcome.Down, $"Twilio: no such account ({number})"),
            408 => new ChannelResult(ChannelOutcome.Unknown, $"Twilio took too long ({number})"),
            // it may have been taken all the same: asked before it is sent again
            >= 500 => new ChannelResult(ChannelOutcome.Unknown, $"Twilio fails ({number})"),
            _ when code is 14107 or 20429 or 21611 => new ChannelResult(ChannelOutcome.TryAgain, $"too much waits at Twilio ({number})"),
            _ => new ChannelResult(ChannelOutcome.GiveUp, $"Twilio refuses this request ({number})"),
        };
    }

    /// <summary>Why a message or call that was taken did not get there.</summary>
    public static string NotDelivered(string status, int code) =>
        Theirs.TryGetValue(code, out var why) || Ours.TryGetValue(code, out why) ? $"{why} ({code})"
        : code > 0 ? $"{status} ({code})"
        : status switch
        {
            "no-answer" => "no answer",
            "canceled" => "cancelled",
            _ => status,
        };

    /// <summary>Not this message alone: nothing gets out.</summary>
    public static string? Trouble(int code) => Ours.GetValueOrDefault(code);
}
