using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Reach;

/// <summary>Who has a number or address: contacts, visitors, officers.</summary>
/// <param name="Language">Of the first of them.</param>
/// <param name="HasAlarm">One of them is contact of a home with an open alarm: nobody is tested now who may be called.</param>
internal sealed record NumberHolders(string Language, bool HasAlarm)
{
    /// <summary>Null when nobody has it any more.</summary>
    public static async Task<NumberHolders?> OfAsync(RecordsDb db, string address, CancellationToken cancellation)
    {
        var contacts = await db
            .Contacts.Where(c => c.Phone == address || c.Mail == address)
            .Select(c => new { c.ResidentId, c.Language })
            .Take(100)
            .ToListAsync(cancellation);
        var visitors = await db
            .Visitors.Where(v => v.Phone == address || v.Mail == address)
            .Select(v => new { v.Id, v.Language })
            .ToListAsync(cancellation);
        var officer = await db
            .DutyOfficers.Where(o => o.Phone == address || o.Mail == address)
            .Select(o => o.Language)
            .FirstOrDefaultAsync(cancellation);
        if ((contacts.FirstOrDefault()?.Language ?? visitors.FirstOrDefault()?.Language ?? officer) is not { } language)
            return null;
        var homes = contacts.ConvertAll(c => c.ResidentId);
        var visits = visitors.ConvertAll(v => v.Id);
        return new NumberHolders(
            language,
            await db.Alarms.AnyAsync(
                a =>
                    a.State != AlarmState.Resolved
                    && a.Severity > Severity.Technical
                    && (homes.Contains(a.ResidentId!) || visits.Contains(a.Resident!.VisitorId!)),
                cancellation
            )
        );
    }

    /// <summary>Of these addresses those that somebody has.</summary>
    public static async Task<HashSet<string>> KnownAsync(RecordsDb db, List<string> addresses, CancellationToken cancellation)
    {
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (
            var query in new[]
            {
                db.Contacts.Where(c => addresses.Contains(c.Phone)).Select(c => c.Phone),
                db.Contacts.Where(c => addresses.Contains(c.Mail)).Select(c => c.Mail),
                db.Visitors.Where(v => addresses.Contains(v.Phone)).Select(v => v.Phone),
                db.Visitors.Where(v => addresses.Contains(v.Mail)).Select(v => v.Mail),
                db.DutyOfficers.Where(o => addresses.Contains(o.Phone)).Select(o => o.Phone),
                db.DutyOfficers.Where(o => addresses.Contains(o.Mail)).Select(o => o.Mail),
            }
        )
            known.UnionWith(await query.ToListAsync(cancellation));
        return known;
    }
}
