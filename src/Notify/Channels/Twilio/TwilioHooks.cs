using System.Diagnostics.Metrics;
using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Notify.Reach;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>
/// Takes Twilio's callbacks: keys pressed, replies, receipts. Each may come twice, late or in the wrong order; each is taken only when it
/// is signed, and only for our own account. A sender's number alone proves nothing, because it can be forged.
/// </summary>
public sealed partial class TwilioHooks
{
    private readonly TwilioOptions options;
    private readonly TwilioChannel channel;
    private readonly TwiML twiml;
    private readonly MessageTexts messages;
    private readonly SignedLinks links;
    private readonly ProviderReceipts receipts;
    private readonly AnswerSentences sentences;
    private readonly ReachAnswers reach;
    private readonly IDbContextFactory<RecordsDb> records;
    private readonly ILogger<TwilioHooks> log;
    private readonly Counter<long> refused;

    public TwilioHooks(
        TwilioOptions options,
        TwilioChannel channel,
        MessageTexts messages,
        SignedLinks links,
        ProviderReceipts receipts,
        Answers answers,
        ReachAnswers reach,
        IDbContextFactory<RecordsDb> records,
        TimeProvider clock,
        Meter meter,
        ILogger<TwilioHooks> log
    )
    {
        (this.options, this.channel, this.messages, this.links, this.receipts, this.records, this.log) = (
            options,
            channel,
            messages,
            links,
            receipts,
            records,
            log
        );
        this.reach = reach;
        sentences = new AnswerSentences(records, answers);
        twiml = new TwiML(options, messages, links.PublicUrl);
        refused = meter.CreateCounter<long>(
            "vigil_hooks_refused",
            description: "Callbacks and replies that were not taken: not signed, another account's, or with a wrong code"
        );
        Replies = new TwilioReplies(messages, answers, reach, sentences, records, clock, refused, log);
    }

    /// <summary>Texts that people send to our number.</summary>
    public TwilioReplies Replies { get; }

    /// <summary>Signed with our token, the current or the previous one, for the address by which Twilio knows us.</summary>
    /// <param name="target">Path and query exactly as they came; host and scheme are our own setting, never the request's.</param>
    public bool IsSigned(string target, IDictionary<string, string> form, string signature)
    {
        if (TwilioSignature.IsValid([options.AuthToken, options.PreviousAuthToken], links.PublicUrl + target, form, signature))
            return true;
        refused.Add(1);
        LogForged(log, target.Split('?')[0]);
        return false;
    }

    /// <summary>False for a callback that is rightly signed but of another account: it has no effect.</summary>
    public bool IsOurs(IReadOnlyDictionary<string, string> form)
    {
        if (form.GetValueOrDefault("AccountSid") == options.AccountSid)
            return true;
        refused.Add(1);
        LogForeign(log);
        return false;
    }

    /// <summary>A key pressed in a call, or nothing pressed; the answer is what the call says next.</summary>
    /// <param name="seen">The alarm's version that this call has told of since; null: what the notice told.</param>
    public async Task<string> VoiceAsync(
        Guid? notice,
        int tries,
        int? seen,
        IReadOnlyDictionary<string, string> form,
        CancellationToken cancellation
    )
    {
        var digits = form.GetValueOrDefault("Digits") ?? "";
        if (await FindAsync(notice, cancellation) is not { } row)
            return await reach.FindAsync(notice, cancellation) is { } test
                ? await ReachAsync(test, digits, tries, cancellation)
                : twiml.Last("zh", "inbound"); // somebody calls our number back
        if (digits is "1" or "2")
            await receipts.TakeAsync(
                "twilio",
                form.GetValueOrDefault("CallSid") ?? "",
                row.Id,
                delivered: true,
                new Wording($"key {digits} pressed", $"已按键 {digits}"),
                cancellation
            );
        switch (digits)
        {
            case "1":
                // It has happened again since this call was made: the same person is told so in the call, and asked once more.
                return await sentences.TakeAsync(row, "key", cancellation, seen) is { } said
                    ? twiml.Last(row.Language, said)
                    : await AgainAsync(row, 0, null, cancellation, anew: true);
            case "2":
                return twiml.Last(row.Language, await sentences.DeclineAsync(row, "key", cancellation));
            case "3":
                return await AgainAsync(row, tries, seen, cancellation);
            default:
                return tries + 1 < TwiML.MostTries
                    ? await AgainAsync(row, tries + 1, seen, cancellation)
                    : twiml.Last(row.Language, "no-key");
        }
    }

    /// <summary>A receipt of a message or call, or whether a machine answered the call.</summary>
    public async Task StatusAsync(Guid? notice, IReadOnlyDictionary<string, string> form, CancellationToken cancellation)
    {
        var call = form.GetValueOrDefault("CallSid");
        var sid = call ?? form.GetValueOrDefault("MessageSid") ?? "";
        var answeredBy = form.GetValueOrDefault("AnsweredBy") ?? "";
        var status = form.GetValueOrDefault(call is null ? "MessageStatus" : "CallStatus") ?? "";
        if (sid.Length == 0)
            return;
        var error = int.TryParse(form.GetValueOrDefault("ErrorCode"), NumberStyles.None, CultureInfo.InvariantCulture, out var code)
            ? code
            : 0;
        if (TwilioErrors.Trouble(error) is { } trouble)
            channel.Health!.Down(new Wording($"Twilio: {trouble.En} ({error})", $"Twilio 报告：{trouble.Zh}（{error}）"));
        var became =
            call is not null && TwilioChannel.IsMachine(answeredBy)
                ? new ChannelResult(ChannelOutcome.GiveUp, TwilioChannel.Voicemail, sid)
                : TwilioChannel.Became(voice: call is not null, sid, status, answeredBy, error);
        // Whether a person or a machine picked up stands in the call's resource where this callback doesn't say it: people who read the
        // reason see whether it is worth trying that number again.
        if (call is not null && status == "completed" && answeredBy.Length == 0)
            became = await channel.AskCallAsync(sid, cancellation) ?? became;
        bool? delivered = became.Outcome switch
        {
            ChannelOutcome.Delivered => true,
            ChannelOutcome.GiveUp => false,
            _ => null,
        };
        if (
            !await receipts.TakeAsync("twilio", sid, notice, delivered, became.Reason, cancellation, became.Blocked)
            && !await reach.ReceiptAsync("twilio", sid, notice, delivered, became.Reason, became.Blocked, cancellation)
        )
            LogUnknown(log, sid);
    }

    /// <summary>A key pressed in a call that tests the number.</summary>
    private async Task<string> ReachAsync(ReachTest test, string digits, int tries, CancellationToken cancellation)
    {
        if (digits == "1")
        {
            await reach.AnsweredAsync(test.Id, Channel.Voice, cancellation);
            return twiml.Last(test.Language, "reached");
        }

        return tries + 1 < TwiML.MostTries
            ? twiml.Call(test.Id, test.Language, MessageKind.Reach, new Dictionary<string, string>(), tries + 1)
            : twiml.Last(test.Language, "reach-no-key");
    }

    /// <param name="anew">It has happened again: says what stands now, and the next key counts for that.</param>
    private async Task<string> AgainAsync(Notice row, int tries, int? seen, CancellationToken cancellation, bool anew = false)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var alarm = await db.Alarms.AsNoTracking().Include(a => a.Resident).FirstOrDefaultAsync(a => a.Id == row.AlarmId, cancellation);
        if (alarm is null)
            return twiml.Last(row.Language, "over");
        var template = anew && alarm.RangAt > row.CreatedAt ? MessageKind.Repeated : row.Template;
        return twiml.Call(
            row.Id,
            row.Language,
            template,
            messages.Values(row.Language, alarm.Resident?.Name ?? "", alarm.Kind, alarm.RaisedAt, ""),
            tries,
            anew ? alarm.Version : seen
        );
    }

    private async Task<Notice?> FindAsync(Guid? id, CancellationToken cancellation)
    {
        if (id is null)
            return null;
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db.Notices.AsNoTracking().FirstOrDefaultAsync(n => n.Id == id, cancellation);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A callback to {Path} is not signed with our token and was refused")]
    private static partial void LogForged(ILogger logger, string path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A callback of another Twilio account had no effect")]
    private static partial void LogForeign(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "Twilio reports on {Sid}, which no notice has")]
    private static partial void LogUnknown(ILogger logger, string sid);
}
