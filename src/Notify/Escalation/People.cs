using System.Collections.Frozen;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Who is meant by "contact 1", "visitor" or "duty", looked up when a step runs: changes in the registry and in the rota count until the
/// last moment. Loaded for many alarms at once.
/// </summary>
internal sealed class People
{
    private readonly Dictionary<string, Resident> residents;
    private readonly Rota rota;
    private readonly ILookup<string, Channel> blocked;

    private People(Dictionary<string, Resident> residents, Rota rota, ILookup<string, Channel> blocked) =>
        (this.residents, this.rota, this.blocked) = (residents, rota, blocked);

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
        var rota = await Rota.LoadAsync(db, found.Values.Select(r => r.VisitorId), list.Select(a => a.Area), local, cancellation);
        var phones = found
            .Values.SelectMany(r => r.Contacts)
            .Select(c => c.Phone)
            .Concat(rota.Phones)
            .Where(p => p.Length > 0)
            .Distinct()
            .ToList();
        var blocked = await db
            .BlockedNumbers.AsNoTracking()
            .Where(b => phones.Contains(b.Address))
            .Select(b => new { b.Address, b.Channel })
            .ToListAsync(cancellation);
        return new People(found, rota, blocked.ToLookup(b => b.Address, b => b.Channel, StringComparer.Ordinal));
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
            RecipientKind.Visitor => rota.Visitor(person.Id) is { } visitor ? Of(visitor) : null,
            RecipientKind.Duty or RecipientKind.Supervisor => rota.Officer(person.Id) is { } officer ? Of(officer, person.Kind) : null,
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
        if (Resident(alarm)?.VisitorId is not { } id || rota.Visitor(id) is not { } first)
            return new PeopleFound([]);
        if (rota.WhoVisitsFor(first) is not { } visitor)
            return new PeopleFound([], $"{first.Name} is away or off duty and nobody stands in", $"{first.Name}不在岗且无人替班");
        return new PeopleFound(
            [Of(visitor)],
            visitor == first ? "" : $"{visitor.Name} stands in for {first.Name}",
            visitor == first ? "" : $"{visitor.Name}替班{first.Name}"
        );
    }

    /// <summary>
    /// The officers of the alarm's village, town and county who are on duty now. A rota that leaves nobody is taken for a mistake: then all
    /// of them are told.
    /// </summary>
    private PeopleFound Desk(RecipientKind to, Alarm alarm)
    {
        var all = rota.OfficersOf(alarm.Area, supervisors: to == RecipientKind.Supervisor);
        if (all.Count == 0)
            return new PeopleFound([]);
        var notes = new List<(string En, string Zh)>();
        var told = new List<DutyOfficer>();
        foreach (var (officer, standing) in rota.OnDuty(all))
        {
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
