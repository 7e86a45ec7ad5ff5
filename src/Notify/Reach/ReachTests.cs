using System.Globalization;
using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Reach;

/// <summary>
/// Asks people to show that they are reached at their numbers: a text with a code and a link; where that isn't answered within a day or
/// can't be sent, a call that waits for a key; by mail where there is no number. In the daytime alone, never while an alarm of the home is
/// open, and once for a number that several homes have. Alarms never wait for it: it sends past the dispatcher, one after another.
/// </summary>
public sealed partial class ReachTests(
    IDbContextFactory<RecordsDb> records,
    Routes routes,
    Numbers numbers,
    MessageTexts messages,
    SignedLinks links,
    ReachAnswers answers,
    ReachOptions options,
    TimeProvider clock,
    ILogger<ReachTests> log
) : BackgroundService
{
    private const int MostAtOnce = 200;

    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    /// <summary>How long an answer to a text or mail is awaited, and to a call that has ended.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromHours(24),
        CallPatience = TimeSpan.FromMinutes(10);

    /// <summary>When a provider can't be used, and while an alarm is open.</summary>
    private static readonly TimeSpan Later = TimeSpan.FromMinutes(30);

    /// <summary>A button that is pressed twice asks once.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan ChannelTimeout = TimeSpan.FromSeconds(30);

    private readonly ReachRegister register = new(options, messages.Zone, clock);

    /// <summary>Has numbers and addresses tested; in the hours for it, within a minute.</summary>
    /// <returns>How many will be.</returns>
    public async Task<int> AskAsync(IEnumerable<string> addresses, string who, CancellationToken cancellation)
    {
        var (now, asked) = (clock.GetUtcNow().UtcDateTime, 0);
        await using var db = await records.CreateDbContextAsync(cancellation);
        foreach (var some in addresses.Where(a => a.Length > 0).Distinct().Chunk(500))
        {
            var there = await db
                .ReachTests.Where(t => some.Contains(t.Address))
                .ToDictionaryAsync(t => t.Address, StringComparer.Ordinal, cancellation);
            foreach (var address in some)
            {
                if (!there.TryGetValue(address, out var test))
                    db.ReachTests.Add(test = new ReachTest { Id = clock.NewId(), Address = address });
                else if (test.State == ReachState.Asked && now - test.AskedAt < Again)
                    continue;
                asked++;
                if (test.State == ReachState.Waiting)
                    continue;
                (test.State, test.Attempts, test.DueAt, test.AskedBy) = (ReachState.Waiting, 0, now, who);
            }

            await db.SaveChangesAsync(cancellation);
        }

        return asked;
    }

    /// <summary>What is known of numbers and addresses; of one that was never tested nothing.</summary>
    public async Task<IReadOnlyDictionary<string, ReachTest>> StatesAsync(IEnumerable<string> addresses, CancellationToken cancellation)
    {
        var wanted = addresses.Where(a => a.Length > 0).Distinct().ToList();
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db
            .ReachTests.AsNoTracking()
            .Where(t => wanted.Contains(t.Address))
            .ToDictionaryAsync(t => t.Address, StringComparer.Ordinal, cancellation);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await CycleAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e);
            }

            await Task.Delay(Every, clock, stoppingToken);
        }
    }

    /// <summary>Looks once; returns how many were asked.</summary>
    public async Task<int> CycleAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var local = messages.ToLocal(now);
        if (!options.Hours.Contains(TimeOnly.FromDateTime(local)))
            return 0;
        await using var db = await records.CreateDbContextAsync(cancellation);
        await register.GoOnAsync(db, DateOnly.FromDateTime(local), cancellation);
        var due = await db
            .ReachTests.AsNoTracking()
            .Where(t => t.DueAt <= now)
            .OrderBy(t => t.DueAt)
            .Select(t => t.Id)
            .Take(MostAtOnce)
            .ToListAsync(cancellation);
        var sent = 0;
        foreach (var id in due)
        {
            db.ChangeTracker.Clear();
            try
            {
                if (await TakeAsync(db, id, cancellation))
                    sent++;
            }
            catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
            {
                LogOneFailed(log, id, e); // the others are asked
                await db.ReachTests.Where(t => t.Id == id).ExecuteUpdateAsync(u => u.SetProperty(t => t.DueAt, now + Later), cancellation);
            }
        }

        return sent;
    }

    private async Task<bool> TakeAsync(RecordsDb db, Guid id, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        if (await db.ReachTests.FirstOrDefaultAsync(t => t.Id == id && t.DueAt <= now, cancellation) is not { } test)
            return false;
        if (FieldKeys.IsUnreadable(test.Address) || await NumberHolders.OfAsync(db, test.Address, cancellation) is not { } holders)
        {
            db.ReachTests.Remove(test);
            await db.SaveChangesAsync(cancellation);
            return false;
        }

        switch (test.State)
        {
            case ReachState.Idle when options.ReachTestDays == 0:
                test.DueAt = null; // no longer tested regularly
                await db.SaveChangesAsync(cancellation);
                return false;
            case ReachState.Idle:
                (test.State, test.Attempts, test.AskedBy) = (ReachState.Waiting, 0, "");
                break;
            case ReachState.Asked:
                test.Reason = new Wording("nobody answered", "无人应答");
                break;
        }

        if (holders.HasAlarm)
        {
            test.DueAt = now + Later;
            await db.SaveChangesAsync(cancellation);
            return false;
        }

        return await SendAsync(db, test, holders.Language, now, cancellation);
    }

    /// <summary>The next way; after the last the test has failed.</summary>
    private async Task<bool> SendAsync(RecordsDb db, ReachTest test, string language, DateTime now, CancellationToken cancellation)
    {
        var failed = test.Attempts > 0; // an earlier way was not answered
        while (await WayAsync(db, test, cancellation) is var (channel, way))
        {
            var before = (test.Channel, test.Attempts);
            (test.State, test.Channel, test.Language, test.AskedAt) = (ReachState.Asked, channel, language, now);
            (test.Provider, test.ProviderId, test.DueAt) = (way.Provider, null, now + (channel == Channel.Voice ? CallPatience : Patience));
            test.Attempts++;
            if (way.TakesReplies(channel, test.Address))
                test.Code = await CodeAsync(db, test.Address, cancellation); // else an earlier text's stays good
            await db.SaveChangesAsync(cancellation); // before it is sent
            var result = await AskAsync(way, Message(test));
            if (result.Outcome is ChannelOutcome.Sent or ChannelOutcome.Delivered or ChannelOutcome.Unknown)
            {
                // Alone: somebody may have answered already.
                await db
                    .ReachTests.Where(t => t.Id == test.Id)
                    .ExecuteUpdateAsync(u => u.SetProperty(t => t.ProviderId, result.ProviderId), cancellation);
                return true;
            }

            test.Reason = result.Reason;
            if (result.Outcome != ChannelOutcome.GiveUp)
            {
                (test.Channel, test.Attempts) = before;
                (test.State, test.DueAt) = (ReachState.Waiting, now + Later);
                await db.SaveChangesAsync(cancellation);
                return false;
            }

            if (!result.Blocked)
                continue;
            failed = true;
            await answers.BlockAsync(db, test, result.Reason, cancellation);
            await db.SaveChangesAsync(cancellation);
        }

        if (failed)
            answers.Fail(test, test.Reason);
        else // not the number's fault: nobody could be asked
            (test.State, test.Reason, test.DueAt) = (
                ReachState.Idle,
                test.Attempts > 0 ? test.Reason : new Wording("no provider carries messages or calls to it", "没有可用的通知渠道"),
                answers.Next(now)
            );
        await db.SaveChangesAsync(cancellation);
        answers.Announce(test.Address);
        return false;
    }

    /// <summary>A text, then a call; a mail where it is a mail address.</summary>
    private async Task<(Channel, IChannel)?> WayAsync(RecordsDb db, ReachTest test, CancellationToken cancellation)
    {
        Channel[] all = test.Address.Contains('@', StringComparison.Ordinal) ? [Channel.Mail] : [Channel.Sms, Channel.Voice];
        var blocked = await db.BlockedNumbers.Where(b => b.Address == test.Address).Select(b => b.Channel).ToListAsync(cancellation);
        var ways = all.Skip(test.Attempts > 0 ? Array.IndexOf(all, test.Channel) + 1 : 0)
            .Where(c => !blocked.Contains(c) && numbers.Refuses(c, test.Address) is null)
            .Select(c => (Channel: c, Way: routes.For(c, test.Address)));
        foreach (var (channel, way) in ways)
            if (way is not null)
                return (channel, way);
        return null;
    }

    /// <summary>Six digits that no alarm has given to this number.</summary>
    private static async Task<string> CodeAsync(RecordsDb db, string address, CancellationToken cancellation)
    {
        while (true)
        {
            var code = RandomNumberGenerator.GetInt32(1_000_000).ToString("D6", CultureInfo.InvariantCulture);
            if (!await db.Notices.AnyAsync(n => n.Address == address && n.ReplyCode == code, cancellation))
                return code;
        }
    }

    /// <summary>Only a text has one.</summary>
    private static string CodeIn(ReachTest test) => test.Channel == Channel.Sms ? test.Code ?? "" : "";

    private OutgoingNotice Message(ReachTest test)
    {
        var link = links.For(test.Id, Patience + Patience);
        var now = clock.GetUtcNow().UtcDateTime;
        return new OutgoingNotice(
            test.Id,
            test.Channel,
            test.Address,
            test.Language,
            MessageKind.Reach,
            messages.Values(test.Language, "", "reach", now, link),
            test.Channel == Channel.Mail ? MessageTexts.ReachSubject(test.Language) : "",
            messages.Text(MessageKind.Reach, test.Language, "", "", now, link)
                + (CodeIn(test) is { Length: > 0 } code ? messages.ReachReply(test.Language, code) : ""),
            link,
            Critical: false,
            CodeIn(test)
        );
    }

    private static async Task<ChannelResult> AskAsync(IChannel channel, OutgoingNotice notice)
    {
        try
        {
            // In real time, also where the service's clock runs faster (the demo).
            return await channel.SendAsync(notice, CancellationToken.None).WaitAsync(ChannelTimeout, TimeProvider.System);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return new ChannelResult(ChannelOutcome.Unknown, new Wording(e.Message, $"发送出错（{e.GetType().Name}）"));
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The reach test {Id} failed; it is tried again")]
    private static partial void LogOneFailed(ILogger logger, Guid id, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Reach tests failed; they go on in a minute")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
