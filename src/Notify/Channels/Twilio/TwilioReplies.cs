using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Notify.Reach;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>
/// Texts that people send to our number: a code answers for an alarm. A sender's number can be forged, so the code is what counts, and a
/// stranger learns nothing.
/// </summary>
public sealed partial class TwilioReplies
{
    /// <summary>Wrong codes from one number before its replies are ignored for a while; a million codes make guessing hopeless.</summary>
    private const int MostWrongCodes = 3;

    /// <summary>Most answers to texts without a code, so that two machines don't answer each other for ever.</summary>
    private const int MostHelp = 5;

    private static readonly TimeSpan Window = TimeSpan.FromHours(1);

    private readonly MessageTexts messages;
    private readonly Answers answers;
    private readonly ReachAnswers reach;
    private readonly AnswerSentences sentences;
    private readonly IDbContextFactory<RecordsDb> records;
    private readonly TimeProvider clock;
    private readonly Counter<long> refused;
    private readonly ILogger log;
    private readonly ConcurrentDictionary<(string Number, string What), List<long>> recent = [];

    /// <param name="refused">Counts what was not taken.</param>
    internal TwilioReplies(
        MessageTexts messages,
        Answers answers,
        ReachAnswers reach,
        AnswerSentences sentences,
        IDbContextFactory<RecordsDb> records,
        TimeProvider clock,
        Counter<long> refused,
        ILogger log
    ) =>
        (this.messages, this.answers, this.reach, this.sentences, this.records, this.clock, this.refused, this.log) = (
            messages,
            answers,
            reach,
            sentences,
            records,
            clock,
            refused,
            log
        );

    /// <summary>A text that somebody sent to our number.</summary>
    public async Task<string> TakeAsync(IReadOnlyDictionary<string, string> form, CancellationToken cancellation)
    {
        var from = form.GetValueOrDefault("From") ?? "";
        // Phones in Chinese write full-width digits: NFKC makes them plain.
        var words = Word()
            .Matches((form.GetValueOrDefault("Body") ?? "").Normalize(NormalizationForm.FormKC))
            .Select(m => m.Value)
            .ToList();
        var code = words.Find(w => w.Length == ReplyCodes.Length && w.All(char.IsAsciiDigit));
        await using var db = await records.CreateDbContextAsync(cancellation);
        var test = await reach.FindAsync(from, cancellation);
        var language =
            await db
                .Notices.AsNoTracking()
                .Where(n => n.Address == from && n.Channel == Channel.Sms)
                .OrderByDescending(n => n.CreatedAt)
                .Select(n => n.Language)
                .FirstOrDefaultAsync(cancellation)
            ?? (test is { AskedAt: not null } ? test.Language : null);
        if (language is null)
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
            return Allowed(from, "help", MostHelp) ? Reply(language, "reply-help") : TwiML.Empty;
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
        if (row is null && test is { Code: { } tested } && tested == code)
        {
            await reach.AnsweredAsync(test.Id, Channel.Sms, cancellation);
            return Reply(test.Language, "reached");
        }

        if (row is null)
        {
            Allowed(from, "wrong", int.MaxValue);
            refused.Add(1);
            if (await db.Notices.AsNoTracking().FirstOrDefaultAsync(n => n.ReplyCode == code, cancellation) is { } others)
            {
                Timeline.Add(
                    db,
                    others.AlarmId,
                    clock.GetUtcNow().UtcDateTime,
                    TimelineEvent.Refused,
                    "twilio",
                    $"a reply with the code of {others.RecipientName} came from another number ({Masked(from)}) and was not taken",
                    $"来自其他号码（{Masked(from)}）的回复使用了{others.RecipientName}的代码，未予采纳"
                );
                await db.SaveChangesAsync(cancellation);
            }

            LogWrongCode(log, Masked(from));
            return Allowed(from, "help", MostHelp) ? Reply(language, "reply-wrong") : TwiML.Empty;
        }

        if (words.Contains("2"))
            return Reply(row.Language, await sentences.DeclineAsync(row, "reply", cancellation));
        if (await sentences.TakeAsync(row, "reply", cancellation) is { } said)
            return Reply(row.Language, said);
        return Allowed(from, "help", MostHelp) && await TellAnewAsync(row, cancellation) is { } text ? TwiML.Message(text) : TwiML.Empty;
    }

    /// <summary>The text of what stands now, with the code that answers it; null when nobody has to answer any more.</summary>
    private async Task<string?> TellAnewAsync(Notice row, CancellationToken cancellation) =>
        await answers.TellAnewAsync(row.Id, cancellation, inReplyBy: "twilio") is { ReplyCode: { } code } anew
            ? anew.Text + messages.Reply(row.Language, code)
            : null;

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
