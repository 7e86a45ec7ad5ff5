using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Reach;
using Vigil.Registry.Edits;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>What is known of the number of a contact or visitor.</summary>
internal enum NumberState
{
    Untried,

    /// <summary>A message or call is on its way, or waits for the hours in which people may be asked.</summary>
    Asked,
    Verified,
    Failed,

    /// <summary>Nobody could be asked: no provider carries anything there.</summary>
    Unsent,
}

/// <summary>A person who is told of a resident, and whether their number reaches them.</summary>
/// <param name="Name">Contact's or visitor's.</param>
/// <param name="Role">Relation of a contact; empty for the visitor.</param>
/// <param name="Address">Phone number, else mail address; empty where there is none.</param>
/// <param name="At">When it was asked, verified or failed.</param>
/// <param name="Why">It failed or could not be asked.</param>
internal sealed record NumberOf(string Name, string Role, string Address, NumberState State, DateTime? At, Wording Why);

/// <summary>Reach tests of the people of a home, and of visitors and officers.</summary>
internal static class ReachOperations
{
    /// <summary>Contacts in their order, then the visitor; null where there is no such resident in the reader's area.</summary>
    public static async Task<IReadOnlyList<NumberOf>?> OfAsync(
        RecordsDb db,
        ReachTests tests,
        string resident,
        CancellationToken cancellation
    )
    {
        var home = await db
            .Residents.AsNoTracking()
            .Include(r => r.Contacts)
            .Include(r => r.Visitor)
            .FirstOrDefaultAsync(r => r.Id == resident, cancellation);
        if (home is null)
            return null;
        var people = home
            .Contacts.OrderBy(c => c.Order)
            .Select(c => (c.Name, c.Relation, Address: Reached(c.Phone, c.Mail)))
            .Concat(home.Visitor is { } v ? [(v.Name, "", Reached(v.Phone, v.Mail))] : [])
            .ToList();
        return await StatesAsync(tests, people, cancellation);
    }

    /// <summary>The one number of a visitor or officer; null where there is none such in the reader's area.</summary>
    public static async Task<IReadOnlyList<NumberOf>?> OfPersonAsync(
        RecordsDb db,
        ReachTests tests,
        RecordKind kind,
        string id,
        CancellationToken cancellation
    ) => await PersonAsync(db, kind, id, cancellation) is { } person ? await StatesAsync(tests, [person], cancellation) : null;

    private static async Task<IReadOnlyList<NumberOf>> StatesAsync(
        ReachTests tests,
        IReadOnlyList<(string Name, string Role, string Address)> people,
        CancellationToken cancellation
    )
    {
        var states = await tests.StatesAsync(people.Select(p => p.Address), cancellation);
        return
        [
            .. people.Select(p =>
            {
                var (state, at, why) = StateOf(states.GetValueOrDefault(p.Address));
                return new NumberOf(p.Name, p.Role, p.Address, state, at, why);
            }),
        ];
    }

    private static async Task<(string Name, string Role, string Address)?> PersonAsync(
        RecordsDb db,
        RecordKind kind,
        string id,
        CancellationToken cancellation
    ) =>
        await kind.SeeAsync(db, id, cancellation) switch
        {
            DutyOfficer o => (o.Name, "", Reached(o.Phone, o.Mail)),
            Visitor v => (v.Name, "", Reached(v.Phone, v.Mail)),
            _ => null,
        };

    /// <summary>Has the numbers of these residents' contacts tested, and of their visitors.</summary>
    /// <param name="db">The records of the asker's area.</param>
    /// <returns>How many numbers will be.</returns>
    public static async Task<int> AskAsync(
        RecordsDb db,
        ReachTests tests,
        IReadOnlyCollection<string> residents,
        string who,
        DateTime now,
        CancellationToken cancellation
    )
    {
        var addresses = new List<string>();
        foreach (var some in residents.Chunk(500))
        {
            addresses.AddRange(
                (
                    await db
                        .Contacts.AsNoTracking()
                        .Where(c => some.Contains(c.ResidentId))
                        .Select(c => new { c.Phone, c.Mail })
                        .ToListAsync(cancellation)
                ).Select(c => Reached(c.Phone, c.Mail))
            );
            addresses.AddRange(
                (
                    await db
                        .Residents.AsNoTracking()
                        .Where(r => some.Contains(r.Id) && r.Visitor != null)
                        .Select(r => new { r.Visitor!.Phone, r.Visitor.Mail })
                        .Distinct()
                        .ToListAsync(cancellation)
                ).Select(v => Reached(v.Phone, v.Mail))
            );
        }

        var asked = await tests.AskAsync(addresses, who, cancellation);
        foreach (var resident in residents)
            db.AddAudit(now, who, "reach-test", $"resident:{resident}", "numbers of contacts and visitor");
        await db.SaveChangesAsync(cancellation);
        return asked;
    }

    /// <summary>Has the number of a visitor or officer tested.</summary>
    /// <returns>How many numbers will be; null where there is none such in the asker's area.</returns>
    public static async Task<int?> AskPersonAsync(
        RecordsDb db,
        ReachTests tests,
        RecordKind kind,
        string id,
        string who,
        DateTime now,
        CancellationToken cancellation
    )
    {
        if (await PersonAsync(db, kind, id, cancellation) is not { } person)
            return null;
        var asked = await tests.AskAsync([person.Address], who, cancellation);
        db.AddAudit(now, who, "reach-test", $"{kind.Word.En}:{id}", "number");
        await db.SaveChangesAsync(cancellation);
        return asked;
    }

    private static string Reached(string phone, string mail) =>
        FieldKeys.Readable(phone) is { Length: > 0 } number ? number : FieldKeys.Readable(mail);

    private static (NumberState State, DateTime? At, Wording Why) StateOf(ReachTest? test) =>
        test switch
        {
            { State: not ReachState.Idle } => (NumberState.Asked, test.AskedAt, Wording.None),
            { IsVerified: true } => (NumberState.Verified, test.VerifiedAt, Wording.None),
            { IsFailed: true } => (NumberState.Failed, test.FailedAt, test.Reason),
            { Reason.En.Length: > 0 } => (NumberState.Unsent, null, test.Reason),
            _ => (NumberState.Untried, null, Wording.None),
        };
}
