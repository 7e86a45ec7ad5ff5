using System.Collections.Frozen;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>Somebody who can be told.</summary>
/// <param name="Key">contact:{id}, visitor:{id}, duty:{id}, supervisor:{id}.</param>
internal sealed record Person(string Key, string Name, string Phone, string Mail, string Webhook, string Language)
{
    /// <summary>A stored number or address can't be decrypted; it counts as if there were none.</summary>
    public bool Unreadable { get; init; }

    /// <summary>Channels that are known not to reach this phone: opted out, no longer in service.</summary>
    public IReadOnlySet<Channel> Blocked { get; init; } = FrozenSet<Channel>.Empty;

    /// <summary>
    /// The first channel of a step, after the one that failed, for which the person has an address; null when there is none. A channel that
    /// is known not to reach the phone is left out, except for a critical alarm when no other is left.
    /// </summary>
    public (Channel Channel, string Address)? Way(IReadOnlyList<Channel> via, Channel? after = null, bool critical = false)
    {
        var ways = (after is { } failed && via.Contains(failed) ? via.SkipWhile(c => c != failed).Skip(1) : via)
            .Select(c => (Channel: c, Address: AddressFor(c)))
            .Where(w => w.Address.Length > 0)
            .ToList();
        var open = ways.Where(w => !Blocked.Contains(w.Channel)).ToList();
        if (open.Count > 0)
            return open[0];
        return critical && after is null && ways.Count > 0 ? ways[0] : null;
    }

    public string AddressFor(Channel channel) =>
        channel switch
        {
            Channel.Mail => Mail,
            Channel.Webhook => Webhook,
            _ => Phone,
        };
}

/// <summary>Who a place of the plan is now.</summary>
/// <param name="People">Who is told; empty when there is nobody.</param>
/// <param name="Note">Why it is nobody, or somebody else than usual; empty when there is nothing to say.</param>
/// <param name="NoteZh">The same in Chinese.</param>
internal sealed record PeopleFound(IReadOnlyList<Person> People, string Note = "", string NoteZh = "");

/// <summary>
/// Who is meant by "contact 1", "visitor" or "duty", looked up when a step runs: changes in the registry and in the rota count until the
/// last moment. Loaded for many alarms at once.
/// </summary>
internal sealed class People
{
    /// <summary>Digits of a province, city, county, town and village.</summary>
    private static readonly int[] CodeLengths = [2, 4, 6, 9, 12];

    /// <summary>Most substitutes of substitutes that are followed; substitutes may form a circle.</summary>
    private const int LongestChain = 5;

    private readonly DateTime local;
    private readonly Dictionary<string, Resident> residents;
    private readonly Dictionary<string, Visitor> visitors;
    private readonly Dictionary<string, DutyOfficer> officers;
    private readonly ILookup<string, Shift> shifts;
    private readonly ILookup<string, Channel> blocked;

    private People(
        DateTime local,
        Dictionary<string, Resident> residents,
        Dictionary<string, Visitor> visitors,
        Dictionary<string, DutyOfficer> officers,
        ILookup<string, Shift> shifts,
        ILookup<string, Channel> blocked
    ) =>
        (this.local, this.residents, this.visitors, this.officers, this.shifts, this.blocked) = (
            local,
            residents,
            visitors,
            officers,
            shifts,
            blocked
        );

    /// <param name="db">Read from, not tracked.</param>
    /// <param name="alarms">Whose people.</param>
    /// <param name="local">Now, in the service's time zone: the rota is kept in it.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public static async Task<People> LoadAsync(RecordsDb db, IEnumerable<Alarm> alarms, DateTime local, CancellationToken cancellation)
    {
        var list = alarms.ToList();
        var ids = list.Select(a => a.ResidentId).OfType<string>().Distinct().ToList();
        var found = await db
            .Residents.AsNoTracking()
            .Include(r => r.Contacts)
            .Where(r => ids.Contains(r.Id))
            .ToDictionaryAsync(r => r.Id, StringComparer.Ordinal, cancellation);
        var visitors = new Dictionary<string, Visitor>(StringComparer.Ordinal);
        var missing = found.Values.Select(r => r.VisitorId).OfType<string>().Distinct().ToList();
        for (var i = 0; missing.Count > 0 && i <= LongestChain; i++)
        {
            foreach (var visitor in await db.Visitors.AsNoTracking().Where(v => missing.Contains(v.Id)).ToListAsync(cancellation))
                visitors[visitor.Id] = visitor;
            missing = [.. visitors.Values.Select(v => v.SubstituteId).OfType<string>().Where(s => !visitors.ContainsKey(s)).Distinct()];
        }

        var places = list.Select(a => a.Area)
            .SelectMany(a => CodeLengths.Where(n => n <= a.Length).Select(n => a[..n]))
            .Distinct()
            .ToList();
        // An alarm without an area, such as one of the service itself, is told to the officers of all areas.
        var everywhere = list.Exists(a => a.Area.Length == 0);
        var officers = await db
            .DutyOfficers.AsNoTracking()
            .Where(d => everywhere || places.Contains(d.Area))
            .ToDictionaryAsync(d => d.Id, StringComparer.Ordinal, cancellation);
        for (var i = 0; i < LongestChain; i++)
        {
            missing = [.. officers.Values.Select(o => o.SubstituteId).OfType<string>().Where(s => !officers.ContainsKey(s)).Distinct()];
            if (missing.Count == 0)
                break;
            foreach (var officer in await db.DutyOfficers.AsNoTracking().Where(d => missing.Contains(d.Id)).ToListAsync(cancellation))
                officers[officer.Id] = officer;
        }

        var working = visitors.Keys.Select(v => "visitor:" + v).Concat(officers.Keys.Select(o => "officer:" + o)).ToList();
        var shifts = await db.Shifts.AsNoTracking().Where(s => working.Contains(s.Who)).ToListAsync(cancellation);
        var phones = found
            .Values.SelectMany(r => r.Contacts)
            .Select(c => c.Phone)
            .Concat(visitors.Values.Select(v => v.Phone))
            .Concat(officers.Values.Select(o => o.Phone))
            .Where(p => p.Length > 0)
            .Distinct()
            .ToList();
        var blocked = await db
            .BlockedNumbers.AsNoTracking()
            .Where(b => phones.Contains(b.Address))
            .Select(b => new { b.Address, b.Channel })
            .ToListAsync(cancellation);
        return new People(
            local,
            found,
            visitors,
            officers,
            shifts.ToLookup(s => s.Who, StringComparer.Ordinal),
            blocked.ToLookup(b => b.Address, b => b.Channel, StringComparer.Ordinal)
        );
    }

    public Resident? Resident(Alarm alarm) => alarm.ResidentId is { } id ? residents.GetValueOrDefault(id) : null;

    /// <summary>The resident's name; empty where the alarm is about none: a service in trouble, an area, somebody erased.</summary>
    public string NameOf(Alarm alarm) => Resident(alarm)?.Name ?? "";

    /// <summary>Who a place of the plan is now.</summary>
    public PeopleFound Find(Recipient place, Alarm alarm) =>
        place.Kind switch
        {
            RecipientKind.SelfTest => new PeopleFound([new Person(SelfTest.Name, SelfTest.Name, place.Id, place.Id, place.Id, "zh")]),
            // the self-test's alarm: nobody is called for it
            _ when alarm.Area == RecordsDb.Nowhere => new PeopleFound([]),
            RecipientKind.Contact => new PeopleFound(Contacts(alarm, place.Order)),
            RecipientKind.Visitor => VisitorOf(alarm),
            RecipientKind.Duty or RecipientKind.Supervisor => Desk(place.Kind, alarm),
            _ => new PeopleFound([]),
        };

    /// <summary>Somebody who was told before, also when their shift has ended since.</summary>
    public Person? WithKey(string key, Alarm alarm)
    {
        var person = Recipient.Parse(key);
        return person.Kind switch
        {
            RecipientKind.Contact => Contacts(alarm, 0).FirstOrDefault(c => c.Key == key),
            RecipientKind.Visitor => visitors.GetValueOrDefault(person.Id) is { } visitor ? Of(visitor) : null,
            RecipientKind.Duty or RecipientKind.Supervisor => officers.GetValueOrDefault(person.Id) is { } officer
                ? Of(officer, person.Kind)
                : null,
            _ => null,
        };
    }

    /// <summary>
    /// The place in the plan of somebody who answered: a contact with their order, an account by its role, another system as the duty desk.
    /// </summary>
    /// <param name="who">A person, or the name of an account or API key.</param>
    /// <param name="role">The account's; null when it is none.</param>
    /// <param name="alarm">What they answered.</param>
    public Recipient PlaceOf(string who, string? role, Alarm alarm)
    {
        // An account may have any name, also "visitor".
        var person = role is null ? Recipient.Parse(who) : new Recipient(RecipientKind.Other);
        return person.Kind switch
        {
            RecipientKind.Contact => person with { Order = Resident(alarm)?.Contacts.Find(c => $"{c.Id}" == person.Id)?.Order ?? 0 },
            RecipientKind.Other => new(
                role switch
                {
                    Roles.Administrator or Roles.Supervisor => RecipientKind.Supervisor,
                    Roles.Visitor => RecipientKind.Visitor,
                    _ => RecipientKind.Duty,
                }
            ),
            _ => person,
        };
    }

    private List<Person> Contacts(Alarm alarm, int order) =>
        [
            .. (Resident(alarm)?.Contacts ?? [])
                .Where(c => order == 0 || c.Order == order)
                .OrderBy(c => c.Order)
                .Select(c => Of($"contact:{c.Id}", c.Name, c.Phone, c.Mail, "", c.Language)),
        ];

    /// <summary>The visitor, else their substitute; nobody when that one is away too: then the next step comes at once.</summary>
    private PeopleFound VisitorOf(Alarm alarm)
    {
        if (Resident(alarm)?.VisitorId is not { } id || !visitors.TryGetValue(id, out var first))
            return new PeopleFound([]);
        var visitor = first;
        for (var i = 0; i <= LongestChain; i++)
        {
            if (!visitor.Away && !IsAway(visitor.AwayFrom, visitor.AwayUntil) && Works("visitor:" + visitor.Id))
                return new PeopleFound(
                    [Of(visitor)],
                    visitor == first ? "" : $"{visitor.Name} stands in for {first.Name}",
                    visitor == first ? "" : $"{visitor.Name}替班{first.Name}"
                );
            if (visitor.SubstituteId is not { } next || !visitors.TryGetValue(next, out var other))
                break;
            visitor = other;
        }

        return new PeopleFound([], $"{first.Name} is away or off duty and nobody stands in", $"{first.Name}不在岗且无人替班");
    }

    /// <summary>
    /// The officers of the alarm's village, town and county who are on duty now. A rota that leaves nobody is taken for a mistake: then all
    /// of them are told.
    /// </summary>
    private PeopleFound Desk(RecipientKind to, Alarm alarm)
    {
        var all = officers
            .Values.Where(d =>
                d.Supervisor == (to == RecipientKind.Supervisor)
                && alarm.Area.StartsWith(alarm.Area.Length == 0 ? "" : d.Area, StringComparison.Ordinal)
            )
            .OrderByDescending(d => d.Area.Length)
            .ThenBy(d => d.Id, StringComparer.Ordinal)
            .ToList();
        if (all.Count == 0)
            return new PeopleFound([]);
        var notes = new List<(string En, string Zh)>();
        var told = new List<DutyOfficer>();
        foreach (var officer in all.Where(o => Works("officer:" + o.Id)))
        {
            var standing = officer;
            for (var i = 0; standing is not null && IsAway(standing.AwayFrom, standing.AwayUntil); i++)
                standing = i < LongestChain && standing.SubstituteId is { } next ? officers.GetValueOrDefault(next) : null;
            if (standing is null)
                continue;
            if (standing != officer)
                notes.Add(($"{standing.Name} stands in for {officer.Name}", $"{standing.Name}替班{officer.Name}"));
            if (!told.Contains(standing))
                told.Add(standing);
        }

        if (told.Count == 0)
            return new PeopleFound(
                [.. all.Select(o => Of(o, to))],
                "the rota has nobody on duty now: the whole desk is told",
                "值班表此时无人在岗：通知全部人员"
            );
        return new PeopleFound(
            [.. told.Select(o => Of(o, to))],
            string.Join("; ", notes.Select(n => n.En)),
            string.Join("；", notes.Select(n => n.Zh))
        );
    }

    /// <summary>Whoever has no line in the rota is always on duty.</summary>
    private bool Works(string who) => !shifts[who].Any() || shifts[who].Any(s => s.Covers(local));

    private bool IsAway(DateOnly? from, DateOnly? until)
    {
        var today = DateOnly.FromDateTime(local);
        return (from is not null || until is not null) && (from is null || today >= from) && (until is null || today <= until);
    }

    private Person Of(Visitor visitor) => Of($"visitor:{visitor.Id}", visitor.Name, visitor.Phone, visitor.Mail, "", visitor.Language);

    private Person Of(DutyOfficer officer, RecipientKind to) =>
        Of($"{new Recipient(to, Id: officer.Id)}", officer.Name, officer.Phone, officer.Mail, officer.Webhook, officer.Language);

    private Person Of(string key, string name, string phone, string mail, string webhook, string language) =>
        new(
            key,
            FieldKeys.Shown(name, language),
            FieldKeys.Readable(phone),
            FieldKeys.Readable(mail),
            FieldKeys.Readable(webhook),
            language
        )
        {
            Unreadable = FieldKeys.IsUnreadable(phone) || FieldKeys.IsUnreadable(mail) || FieldKeys.IsUnreadable(webhook),
            Blocked = blocked[phone].ToFrozenSet(),
        };
}
