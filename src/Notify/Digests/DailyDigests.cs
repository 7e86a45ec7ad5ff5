using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Messages;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Notify.Digests;

/// <summary>
/// Yesterday at home, each morning, for contacts who want it (每日摘要) and whose resident consented: water and electricity against the home's
/// own usual day; and what has slowly changed, in the first one after it was found. By mail where there is an address, else by SMS. A row
/// is written before anything is sent, so that nobody gets a day twice; what can't be sent by the evening is given up, because by then
/// it is old. Alarms never wait for it.
/// </summary>
public sealed partial class DailyDigests(
    IDbContextFactory<RecordsDb> records,
    IReadingStore readings,
    Routes routes,
    MessageTexts messages,
    TimeZoneInfo zone,
    TimeProvider clock,
    TimeOnly at,
    ILogger<DailyDigests> log
) : BackgroundService
{
    /// <summary>How long after its time of day a digest may still be sent.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromHours(10);

    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan ChannelTimeout = TimeSpan.FromSeconds(30);

    private readonly DigestMessages words = new(messages, zone, clock);

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

    /// <summary>Looks once; returns how many were sent.</summary>
    public async Task<int> CycleAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var local = TimeZoneInfo.ConvertTimeFromUtc(now, zone);
        var (day, due) = (DateOnly.FromDateTime(local).AddDays(-1), local.Date + at.ToTimeSpan());
        if (local < due || local > due + Late)
            return 0;
        await using var db = await records.CreateDbContextAsync(cancellation);
        var wanted = await (
            from c in db.Contacts.AsNoTracking()
            join r in db.Residents.AsNoTracking() on c.ResidentId equals r.Id
            where
                c.DailyDigest
                && r.ConsentService
                && r.ConsentDailyLife
                && !r.RefusesMonitoring
                && (c.Mail != "" || c.Phone != "")
                && !db.Digests.Any(d => d.ContactId == c.Id && d.Day == day && (d.SentAt != null || d.GivenUpAt != null || d.DueAt > now))
            orderby c.ResidentId, c.Order
            select new { Contact = c, r.Name }
        )
            .Take(500)
            .ToListAsync(cancellation);
        var sent = 0;
        foreach (var home in wanted.GroupBy(w => w.Contact.ResidentId))
        {
            try
            {
                var life = await DayAtHome.ReadAsync(db, readings, home.Key, day, now, zone, cancellation);
                foreach (var (contact, name) in home.Select(h => (h.Contact, h.Name)))
                    if (await SendAsync(db, contact, name, day, life, now, cancellation))
                        sent++;
            }
            catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
            {
                LogHomeFailed(log, home.Key, e); // the others get theirs
                db.ChangeTracker.Clear();
                foreach (var contact in home.Select(h => h.Contact))
                    await LaterAsync(db, contact, day, now, cancellation);
            }
        }

        return sent;
    }

    /// <summary>Puts a digest off that could not be made, so that it doesn't hold up the others.</summary>
    private static async Task LaterAsync(RecordsDb db, Contact contact, DateOnly day, DateTime now, CancellationToken cancellation)
    {
        var row = await db.Digests.FirstOrDefaultAsync(d => d.ContactId == contact.Id && d.Day == day, cancellation);
        if (row is null)
            db.Digests.Add(
                row = new DailyDigest
                {
                    ContactId = contact.Id,
                    Day = day,
                    Channel = Channel.Sms,
                }
            );
        (row.Attempts, row.DueAt, row.Note) = (row.Attempts + 1, now + Again, "could not be made");
        await db.SaveChangesAsync(cancellation);
    }

    private async Task<bool> SendAsync(
        RecordsDb db,
        Contact contact,
        string name,
        DateOnly day,
        DayAtHome life,
        DateTime now,
        CancellationToken cancellation
    )
    {
        var (mail, phone) = (FieldKeys.Readable(contact.Mail), FieldKeys.Readable(contact.Phone));
        var (channel, address) = mail.Length > 0 ? (Channel.Mail, mail) : (Channel.Sms, phone);
        var row = await db.Digests.FirstOrDefaultAsync(d => d.ContactId == contact.Id && d.Day == day, cancellation);
        if (row is null)
            db.Digests.Add(
                row = new DailyDigest
                {
                    ContactId = contact.Id,
                    Day = day,
                    Channel = channel,
                }
            );
        (row.Channel, row.Attempts, row.DueAt) = (channel, row.Attempts + 1, now + Again);
        await db.SaveChangesAsync(cancellation); // before it is sent
        var result =
            address.Length == 0 ? new ChannelResult(ChannelOutcome.GiveUp, Wording.Same("the stored address can't be read"))
            : routes.For(channel, address) is not { } way
                ? new ChannelResult(ChannelOutcome.GiveUp, Wording.Same($"no provider carries {channel.Word()} to this address"))
            : await AskAsync(way, words.Of(contact, name, day, await life.UntoldToAsync(db, contact, cancellation), channel, address));
        row.Note = result.Reason.En; // no page shows it
        if (result.Outcome is ChannelOutcome.Sent or ChannelOutcome.Delivered or ChannelOutcome.Unknown)
            row.SentAt = now; // unknown: a digest twice is worse than one missing
        else if (result.Outcome == ChannelOutcome.GiveUp)
            row.GivenUpAt = now;
        await db.SaveChangesAsync(cancellation);
        return row.SentAt is not null;
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
            return new ChannelResult(ChannelOutcome.Unknown, Wording.Same(e.Message));
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The daily digest of resident {Resident} could not be made; it is tried again")]
    private static partial void LogHomeFailed(ILogger logger, string resident, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Daily digests failed; they go on in a minute")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
