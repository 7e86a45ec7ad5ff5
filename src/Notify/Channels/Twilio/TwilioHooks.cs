using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>
/// What Twilio tells us: keys pressed, replies, receipts. Each may come twice, late or in the wrong order; each is taken only when it is
/// signed, and only for our own account. Nothing here trusts a sender's number alone: it can be forged.
/// </summary>
public sealed partial class TwilioHooks
{
    /// <summary>Wrong codes from one number before its replies are ignored for a while; a million codes make guessing hopeless.</summary>
    private const int MostWrongCodes = 3;

    /// <summary>Answers to texts we can't read: more would let two machines talk to each other for ever.</summary>
    private const int MostHelp = 5;

    private static readonly TimeSpan Window = TimeSpan.FromHours(1);

    private readonly TwilioOptions options;
    private readonly TwilioChannel channel;
    private readonly TwiML twiml;
    private readonly MessageTexts messages;
    private readonly SignedLinks links;
    private readonly Dispatcher dispatcher;
    private readonly Answers answers;
    private readonly IDbContextFactory<RecordsDb> records;
    private readonly TimeProvider clock;
    private readonly ILogger<TwilioHooks> log;
    private readonly Counter<long> refused;
    private readonly ConcurrentDictionary<(string Number, string What), List<long>> recent = [];

    public TwilioHooks(
        TwilioOptions options,
        TwilioChannel channel,
        MessageTexts messages,
        SignedLinks links,
        Dispatcher dispatcher,
        Answers answers,
        IDbContextFactory<RecordsDb> records,
        TimeProvider clock,
        Meter meter,
        ILogger<TwilioHooks> log
    )
    {
        (this.options, this.channel, this.messages, this.links, this.dispatcher, this.answers, this.records, this.clock, this.log) = (
            options,
            channel,
            messages,
            links,
            dispatcher,
            answers,
            records,
            clock,
            log
        );
        twiml = new TwiML(options, messages, links.PublicUrl);
        refused = meter.CreateCounter<long>(
            "vigil_hooks_refused",
            description: "Callbacks and replies that were not taken: not signed, another account's, or with a wrong code"
        );
    }

    /// <summary>Signed with our token, the current or the previous one, for the address by which Twilio knows us.</summary>
    /// <param name="target">Path and query exactly as they came; host and scheme are our own setting, never the request's.</param>
    public bool IsSigned(string target, IDictionary<string, string> form, string signature)
    {
        if (TwilioSignature.IsRight([options.AuthToken, options.PreviousAuthToken], links.PublicUrl + target, form, signature))
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
        if (await FindAsync(notice, cancellation) is not { } row)
            return twiml.Last("zh", "inbound"); // somebody calls our number back
        var digits = form.GetValueOrDefault("Digits") ?? "";
        if (digits is "1" or "2")
            await dispatcher.ReceiptAsync(
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
                // It has happened again since this call was made: the same person hears so and is asked once more.
                return await TakeAsync(row, "key", cancellation, seen) is { } said
                    ? twiml.Last(row.Language, said)
                    : await AgainAsync(row, 0, null, cancellation, anew: true);
            case "2":
                return twiml.Last(row.Language, await DeclineAsync(row, "key", cancellation));
            case "3":
                return await AgainAsync(row, tries, seen, cancellation);
            default:
                return tries + 1 < TwiML.MostTries
                    ? await AgainAsync(row, tries + 1, seen, cancellation)
                    : twiml.Last(row.Language, "no-key");
        }
    }

    /// <summary>A receipt of a message or call, or what the search for a machine found.</summary>
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
        // By whom a call was picked up stands in its resource, unless this callback brings it: the reason tells people whether to try that
        // number again.
        if (call is not null && status == "completed" && answeredBy.Length == 0)
            became = await channel.AskCallAsync(sid, cancellation) ?? became;
        bool? delivered = became.Outcome switch
        {
            ChannelOutcome.Delivered => true,
            ChannelOutcome.GiveUp => false,
            _ => null,
        };
        if (!await dispatcher.ReceiptAsync("twilio", sid, notice, delivered, became.Reason, cancellation, became.Blocked))
            LogUnknown(log, sid);
    }

    /// <summary>A text that somebody sent to our number.</summary>
    public async Task<string> SmsAsync(IReadOnlyDictionary<string, string> form, CancellationToken cancellation)
    {
        var from = form.GetValueOrDefault("From") ?? "";
        // Phones in Chinese write full-width digits: NFKC makes them plain.
        var words = Word()
            .Matches((form.GetValueOrDefault("Body") ?? "").Normalize(NormalizationForm.FormKC))
            .Select(m => m.Value)
            .ToList();
        var code = words.Find(w => w.Length == ReplyCodes.Length && w.All(char.IsAsciiDigit));
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (
            await db
                .Notices.AsNoTracking()
                .Where(n => n.Address == from && n.Channel == "sms")
                .OrderByDescending(n => n.CreatedAt)
                .FirstOrDefaultAsync(cancellation)
            is not { } last
        )
        {
            refused.Add(1);
            LogStranger(log, Masked(from));
            return TwiML.Empty; // a stranger learns nothing, not even that somebody is here
        }

        if (
            words.Exists(w => w.ToUpperInvariant() is "STOP" or "STOPALL" or "UNSUBSCRIBE" or "CANCEL" or "END" or "QUIT" or "TD" or "退订")
        )
            return TwiML.Empty; // Twilio keeps that list; 21610 tells us
        if (code is null)
            return Allowed(from, "help", MostHelp) ? Reply(last.Language, "reply-help") : TwiML.Empty;
        if (Count(from, "wrong") >= MostWrongCodes)
        {
            refused.Add(1);
            LogGuessing(log, Masked(from));
            return TwiML.Empty;
        }

        var row = await db
            .Notices.AsNoTracking()
            .Where(n => n.Address == from && n.ReplyCode == code)
            .OrderByDescending(n => n.CreatedAt)
            .FirstOrDefaultAsync(cancellation);
        if (row is null)
        {
            Allowed(from, "wrong", int.MaxValue);
            refused.Add(1);
            if (await db.Notices.AsNoTracking().FirstOrDefaultAsync(n => n.ReplyCode == code, cancellation) is { } others)
            {
                AlarmDesk.Line(
                    db,
                    others.AlarmId,
                    clock.GetUtcNow().UtcDateTime,
                    "refused",
                    "twilio",
                    $"a reply with the code of {others.RecipientName} came from another number ({Masked(from)}) and was not taken",
                    $"来自其他号码（{Masked(from)}）的回复使用了{others.RecipientName}的代码，未予采纳"
                );
                await db.SaveChangesAsync(cancellation);
            }

            LogWrongCode(log, Masked(from));
            return Allowed(from, "help", MostHelp) ? Reply(last.Language, "reply-wrong") : TwiML.Empty;
        }

        if (words.Contains("2"))
            return Reply(row.Language, await DeclineAsync(row, "reply", cancellation));
        if (await TakeAsync(row, "reply", cancellation) is { } said)
            return Reply(row.Language, said);
        return Allowed(from, "help", MostHelp) && await TellAnewAsync(row, cancellation) is { } text ? TwiML.Message(text) : TwiML.Empty;
    }

    /// <summary>What is said to it; null when it has happened again since what they answer, so that it doesn't count.</summary>
    private async Task<string?> TakeAsync(Notice row, string via, CancellationToken cancellation, int? seen = null)
    {
        try
        {
            await answers.TakeAsync(row.Id, via, cancellation, seen);
            return "taken";
        }
        catch (AlarmConflictException e) when (e.Anew)
        {
            return null;
        }
        catch (AlarmConflictException)
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            var by = await db.Alarms.Where(a => a.Id == row.AlarmId).Select(a => a.AcknowledgedBy).FirstOrDefaultAsync(cancellation);
            return by == row.Recipient ? "taken" : "over"; // the same key, told twice
        }
    }

    private async Task<string> DeclineAsync(Notice row, string via, CancellationToken cancellation)
    {
        await answers.DeclineAsync(row.Id, via, cancellation);
        return "declined";
    }

    /// <param name="anew">Tells of what stands now, and takes the next key for that.</param>
    private async Task<string> AgainAsync(Notice row, int tries, int? seen, CancellationToken cancellation, bool anew = false)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var alarm = await db.Alarms.AsNoTracking().Include(a => a.Resident).FirstOrDefaultAsync(a => a.Id == row.AlarmId, cancellation);
        if (alarm is null)
            return twiml.Last(row.Language, "over");
        var template = anew && alarm.RangAt > row.CreatedAt ? "repeated" : row.Template;
        return twiml.Call(
            row.Id,
            row.Language,
            template,
            messages.Values(row.Language, alarm.Resident?.Name ?? "", alarm.Kind, alarm.RaisedAt, ""),
            tries,
            anew ? alarm.Version : seen
        );
    }

    /// <summary>The text of what stands now with a code of its own, as a notice of its own; null when it can't be sent here.</summary>
    private async Task<string?> TellAnewAsync(Notice row, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (
            await db.Alarms.AsNoTracking().Include(a => a.Resident).FirstOrDefaultAsync(a => a.Id == row.AlarmId, cancellation)
            is not { } alarm
        )
            return null;
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        var link = links.For(id, Escalator.LinkLifetime);
        var template = alarm.RangAt > row.CreatedAt ? "repeated" : "opened";
        var notice = Notices.Anew(row, alarm, id, now);
        notice.Provider = "twilio";
        (notice.Template, notice.Link) = (template, link);
        notice.Text = messages.Text(
            template,
            row.Language,
            alarm.Resident?.Name ?? "",
            alarm.Kind,
            template == "repeated" ? alarm.RangAt!.Value : alarm.RaisedAt,
            link
        );
        (notice.State, notice.SentAt, notice.Attempts) = (NoticeState.Sent, now, 1);
        notice.Note = "told in answer to a reply to what was told before";
        notice.ReplyCode = await ReplyCodes.ForAsync(db, notice, cancellation);
        db.Notices.Add(notice);
        AlarmDesk.Line(
            db,
            alarm.Id,
            now,
            "refused",
            row.Recipient,
            $"{row.RecipientName} answered what was told before it happened again; told anew",
            $"{row.RecipientName} 的应答针对此前的通知，之后又再次发生；已重新通知"
        );
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return notice.Text + messages.Reply(row.Language, notice.ReplyCode);
    }

    private async Task<Notice?> FindAsync(Guid? id, CancellationToken cancellation)
    {
        if (id is null)
            return null;
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db.Notices.AsNoTracking().FirstOrDefaultAsync(n => n.Id == id, cancellation);
    }

    private string Reply(string language, string sentence) =>
        TwiML.Message(
            (language == "en" ? "[Vigil] " : "【守望】")
                + messages.Spoken(sentence, language == "en" ? "en" : "zh", new Dictionary<string, string>())
        );

    /// <summary>Counts one more of these from a number within the window; false when there have been too many.</summary>
    private bool Allowed(string number, string what, int most)
    {
        var times = recent.GetOrAdd((number, what), _ => []);
        lock (times)
        {
            times.RemoveAll(t => clock.GetElapsedTime(t) > Window);
            if (times.Count >= most)
                return false;
            times.Add(clock.GetTimestamp());
            return true;
        }
    }

    private int Count(string number, string what)
    {
        if (!recent.TryGetValue((number, what), out var times))
            return 0;
        lock (times)
            return times.Count(t => clock.GetElapsedTime(t) <= Window);
    }

    /// <summary>+86138****5678: a log names no number.</summary>
    internal static string Masked(string number) => number.Length > 8 ? number[..^8] + "****" + number[^4..] : "****";

    [GeneratedRegex(@"\d+|\p{L}+")]
    private static partial Regex Word();

    [LoggerMessage(Level = LogLevel.Warning, Message = "A callback to {Path} is not signed with our token and was refused")]
    private static partial void LogForged(ILogger logger, string path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A callback of another Twilio account had no effect")]
    private static partial void LogForeign(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "Twilio reports on {Sid}, which no notice has")]
    private static partial void LogUnknown(ILogger logger, string sid);

    [LoggerMessage(Level = LogLevel.Information, Message = "A text from {Number}, who was never told anything, had no effect")]
    private static partial void LogStranger(ILogger logger, string number);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A reply from {Number} has a code that was not sent there")]
    private static partial void LogWrongCode(ILogger logger, string number);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Number} has sent several wrong codes; its replies are ignored for an hour, the link and the keys still answer"
    )]
    private static partial void LogGuessing(ILogger logger, string number);
}
