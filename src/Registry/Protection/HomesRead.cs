using Microsoft.EntityFrameworkCore;
using Vigil.Rules;
using Vigil.Storage.Records;

namespace Vigil.Registry.Protection;

/// <summary>Reads what the registry says of homes' protection, some homes at once.</summary>
internal sealed class HomesRead(ContactWays ways, IsCallButton isButton, ProtectionOptions options)
{
    /// <summary>Homes that are read at once.</summary>
    public const int Batch = 1000;

    /// <summary>The next homes in the order of their numbers; none when all were read.</summary>
    /// <param name="db">Of all areas.</param>
    /// <param name="after">The last number that was read; empty at the beginning.</param>
    public async Task<IReadOnlyList<GuardedHome>> NextAsync(RecordsDb db, string after, CancellationToken cancellation) =>
#pragma warning disable CA1309 // the database compares, in the order in which it sorts
        await OfAsync(db, db.Residents.Where(r => string.Compare(r.Id, after) > 0).OrderBy(r => r.Id).Take(Batch), cancellation);
#pragma warning restore CA1309

    public async Task<IReadOnlyList<GuardedHome>> OfAsync(RecordsDb db, string[] ids, CancellationToken cancellation) =>
        await OfAsync(db, db.Residents.Where(r => ids.Contains(r.Id)), cancellation);

    private async Task<IReadOnlyList<GuardedHome>> OfAsync(RecordsDb db, IQueryable<Resident> of, CancellationToken cancellation)
    {
        var residents = await of.Select(r => new
            {
                r.Id,
                r.Area,
                r.KeyClass,
                r.RefusesMonitoring,
                HasPoint = (r.HomeLatitude != null && r.HomeLongitude != null) || r.RefusesLocation,
                r.VisitorId,
            })
            .ToListAsync(cancellation);
        var ids = residents.ConvertAll(r => r.Id);
        var contacts = (
            await db
                .Contacts.Where(c => ids.Contains(c.ResidentId))
                .Select(c => new
                {
                    c.ResidentId,
                    c.Phone,
                    c.Mail,
                })
                .ToListAsync(cancellation)
        ).ToLookup(c => c.ResidentId, c => (Phone: FieldKeys.Readable(c.Phone), Mail: FieldKeys.Readable(c.Mail)), StringComparer.Ordinal);
        var (verified, failed, blocked) = await NumbersAsync(
            db,
            [.. contacts.SelectMany(c => c).SelectMany(c => new[] { c.Phone, c.Mail }).Where(a => a.Length > 0).Distinct()],
            cancellation
        );
        var devices = (
            await db
                .Devices.Where(d => ids.Contains(d.ResidentId!))
                .Select(d => new
                {
                    d.ResidentId,
                    d.Profile,
                    d.InstalledAt,
                    d.TestedAt,
                    Heard = d.LastSeenAt != null,
                })
                .ToListAsync(cancellation)
        ).ToLookup(d => d.ResidentId, StringComparer.Ordinal);
        var homes = new List<GuardedHome>(residents.Count);
        foreach (var r in residents)
        {
            var reached = contacts[r.Id].Where(c => c.Phone.Length > 0 || c.Mail.Length > 0).ToList();
            var due = long.MaxValue;
            foreach (var d in devices[r.Id].Where(d => options.TestDays > 0 && (d.TestedAt is not null || isButton(d.Profile))))
                due = Math.Min(due, (d.TestedAt ?? d.InstalledAt).AddDays(options.TestDays).Ticks);
            homes.Add(
                new GuardedHome
                {
                    Id = r.Id,
                    Area = string.Intern(r.Area),
                    KeyClass = r.KeyClass,
                    Visitor = r.VisitorId is { } visitor ? string.Intern(visitor) : null,
                    Refused = r.RefusesMonitoring,
                    HasContact = reached.Count > 0,
                    HasHomePoint = r.HasPoint,
                    Verified = reached.Exists(c => verified.Contains(c.Phone) || verified.Contains(c.Mail)),
                    Failed =
                        reached.Count > 0
                        && reached.TrueForAll(c =>
                            (c.Phone.Length == 0 || failed.Contains(c.Phone) || blocked[c.Phone].Count() > 1)
                            && (c.Mail.Length == 0 || failed.Contains(c.Mail))
                        ),
                    Ways = reached.Aggregate(0UL, (all, c) => all | ways.Of(c.Phone, c.Mail, [.. blocked[c.Phone]])),
                    TestDue = due,
                    Registered = new HomeSigns(devices[r.Id].Count(), devices[r.Id].Count(d => d.Heard), false, false),
                }
            );
        }

        return homes;
    }

    /// <summary>Of these numbers and addresses: verified, failed since, and the channels that don't reach them.</summary>
    private static async Task<(HashSet<string> Verified, HashSet<string> Failed, ILookup<string, Channel> Blocked)> NumbersAsync(
        RecordsDb db,
        List<string> addresses,
        CancellationToken cancellation
    )
    {
        var tests = await db
            .ReachTests.Where(t => addresses.Contains(t.Address) && (t.VerifiedAt != null || t.FailedAt != null))
            .Select(t => new
            {
                t.Address,
                t.VerifiedAt,
                t.FailedAt,
            })
            .ToListAsync(cancellation);
        var blocked = await db
            .BlockedNumbers.Where(b => addresses.Contains(b.Address))
            .Select(b => new { b.Address, b.Channel })
            .ToListAsync(cancellation);
        bool IsFailed(DateTime? verified, DateTime? failed) => failed is { } at && !(verified > at);
        return (
            tests.Where(t => !IsFailed(t.VerifiedAt, t.FailedAt)).Select(t => t.Address).ToHashSet(StringComparer.Ordinal),
            tests.Where(t => IsFailed(t.VerifiedAt, t.FailedAt)).Select(t => t.Address).ToHashSet(StringComparer.Ordinal),
            blocked.ToLookup(b => b.Address, b => b.Channel, StringComparer.Ordinal)
        );
    }
}
