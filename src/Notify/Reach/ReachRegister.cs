using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Notify.Reach;

/// <summary>
/// Keeps a row for every number that is to be tested regularly, its first test on any of the coming days, and forgets numbers that nobody
/// has any more. It goes through the registry once a day, some rows a minute.
/// </summary>
internal sealed class ReachRegister(ReachOptions options, TimeZoneInfo zone, TimeProvider clock)
{
    private const int Batch = 500;

    /// <summary>Batches a minute: a county of 200,000 contacts in less than an hour.</summary>
    private const int BatchesAtOnce = 10;

    private DateOnly begun;
    private Guid? contact,
        test;

    /// <summary>Goes some rows further.</summary>
    public async Task GoOnAsync(RecordsDb db, DateOnly today, CancellationToken cancellation)
    {
        if (today != begun)
        {
            (begun, contact, test) = (today, Guid.Empty, Guid.Empty);
            if (options.ReachTestDays > 0)
                await AddStaffAsync(db, cancellation);
        }

        for (var i = 0; i < BatchesAtOnce && options.ReachTestDays > 0 && contact is { } after; i++)
        {
            var some = await db
                .Contacts.AsNoTracking()
                .Where(c => c.Id > after)
                .OrderBy(c => c.Id)
                .Take(Batch)
                .Select(c => new
                {
                    c.Id,
                    c.Phone,
                    c.Mail,
                })
                .ToListAsync(cancellation);
            contact = some.Count < Batch ? null : some[^1].Id;
            await AddAsync(db, [.. some.Select(c => Address(c.Phone, c.Mail))], cancellation);
        }

        for (var i = 0; i < BatchesAtOnce && test is { } last; i++)
        {
            var some = await db.ReachTests.AsNoTracking().Where(t => t.Id > last).OrderBy(t => t.Id).Take(Batch).ToListAsync(cancellation);
            test = some.Count < Batch ? null : some[^1].Id;
            var known = await NumberHolders.KnownAsync(db, [.. some.Select(t => t.Address)], cancellation);
            var gone = some.Where(t => !known.Contains(t.Address)).Select(t => t.Id).ToList();
            if (gone.Count > 0)
                await db.ReachTests.Where(t => gone.Contains(t.Id)).ExecuteDeleteAsync(cancellation);
        }
    }

    /// <summary>The phone, else the mail address; empty where neither can be read.</summary>
    public static string Address(string phone, string mail) =>
        FieldKeys.Readable(phone) is { Length: > 0 } number ? number : FieldKeys.Readable(mail);

    private async Task AddStaffAsync(RecordsDb db, CancellationToken cancellation)
    {
        var visitors = await db.Visitors.AsNoTracking().Select(v => new { v.Phone, v.Mail }).ToListAsync(cancellation);
        var officers = await db.DutyOfficers.AsNoTracking().Select(o => new { o.Phone, o.Mail }).ToListAsync(cancellation);
        foreach (var some in visitors.Concat(officers).Select(p => Address(p.Phone, p.Mail)).Chunk(Batch))
            await AddAsync(db, some, cancellation);
    }

    private async Task AddAsync(RecordsDb db, string[] addresses, CancellationToken cancellation)
    {
        var wanted = addresses.Where(a => a.Length > 0).Distinct().ToList();
        var there = await db.ReachTests.Where(t => wanted.Contains(t.Address)).ToListAsync(cancellation);
        foreach (var test in there.Where(t => t is { State: ReachState.Idle, DueAt: null }))
            test.DueAt = Sometime(); // tested when somebody asked for it, before it was set to be regular
        db.ReachTests.AddRange(
            wanted
                .Except(there.Select(t => t.Address), StringComparer.Ordinal)
                .Select(a => new ReachTest
                {
                    Id = clock.NewId(),
                    Address = a,
                    DueAt = Sometime(),
                })
        );
        await db.SaveChangesAsync(cancellation);
        db.ChangeTracker.Clear();
    }

    /// <summary>At any moment of the hours for tests, on any of the coming days, so that not everybody is asked at once.</summary>
    private DateTime Sometime()
    {
        var hours = options.Hours;
        var day = TimeZoneInfo.ConvertTimeFromUtc(clock.GetUtcNow().UtcDateTime, zone).Date;
        var minutes = (int)(hours.Until - hours.From).TotalMinutes;
        var local =
            day.AddDays(RandomNumberGenerator.GetInt32(options.ReachTestDays))
            + hours.From.ToTimeSpan()
            + TimeSpan.FromMinutes(RandomNumberGenerator.GetInt32(minutes));
        var utc = TimeZoneInfo.ConvertTimeToUtc(DateTime.SpecifyKind(local, DateTimeKind.Unspecified), zone);
        return utc > clock.GetUtcNow().UtcDateTime ? utc : utc.AddDays(options.ReachTestDays);
    }
}
