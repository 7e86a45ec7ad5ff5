using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// What the registry has of all that some rows name, loaded in a few queries; and what the rows add to it. Checking a file keeps one for
/// its whole length, so that a later row meets what an earlier one would have made; writing it takes a new one for each transaction.
/// </summary>
internal sealed class KnownRecords
{
    private static readonly List<Contact> NoContacts = [];
    private static readonly List<HouseholdMember> NoMembers = [];

    private Dictionary<string, Resident> residents = [];
    private Dictionary<string, Device> devices = [];
    private Dictionary<string, List<Contact>> contacts = [];
    private Dictionary<string, List<HouseholdMember>> members = [];
    private Dictionary<(string, Purpose), Consent> decided = [];
    private ILookup<string, Device> homes = Array.Empty<Device>().ToLookup(d => "");

    /// <summary>Devices that rows before have put into a home, and into which.</summary>
    private readonly Dictionary<string, string> placed = [];

    public Dictionary<string, Visitor> Visitors { get; } = [];
    public Dictionary<string, DutyOfficer> Officers { get; } = [];
    public Dictionary<string, Area> Areas { get; } = [];

    public List<Resident> NewResidents { get; } = [];
    public List<Consent> NewConsents { get; } = [];
    public List<Contact> NewContacts { get; } = [];
    public List<HouseholdMember> NewMembers { get; } = [];
    public List<Device> NewDevices { get; } = [];
    public List<Visitor> NewVisitors { get; } = [];
    public List<DutyOfficer> NewOfficers { get; } = [];
    public List<Area> NewAreas { get; } = [];
    public List<FormerPlace> NewFormer { get; } = [];
    public List<Shift> NewShifts { get; } = [];
    public List<object> Removed { get; } = [];

    /// <summary>Devices that have come into a home: they wait for nobody any more.</summary>
    public List<string> Placed { get; } = [];

    public Resident? Resident(string id) => residents.GetValueOrDefault(id);

    public Device? Device(string id) => devices.GetValueOrDefault(id);

    public List<Contact> ContactsOf(string resident) => contacts.GetValueOrDefault(resident, NoContacts);

    public List<HouseholdMember> MembersOf(string resident) => members.GetValueOrDefault(resident, NoMembers);

    /// <summary>The newest decision of a resident, guardian or family; null where they have decided nothing.</summary>
    public Consent? DecidedBy(string resident, Purpose purpose) => decided.GetValueOrDefault((resident, purpose));

    public IEnumerable<Device> DevicesOf(string resident) => homes[resident];

    /// <summary>In whose home a device is or, by a row before, will be.</summary>
    public string? HomeOf(string device) => PlacedIn(device) ?? Device(device)?.ResidentId;

    /// <summary>Into whose home a row before has put a device; null where none has.</summary>
    public string? PlacedIn(string device) => placed.GetValueOrDefault(device);

    public void Place(string device, string resident) => placed[device] = resident;

    /// <param name="db">Tracks what is loaded when <paramref name="tracked"/>.</param>
    /// <param name="rows">Names what is needed.</param>
    /// <param name="tracked">To be written.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task LoadAsync(RecordsDb db, IReadOnlyList<RegistryRow> rows, bool tracked, CancellationToken cancellation)
    {
        ForgetHomes();
        IQueryable<T> Of<T>()
            where T : class => tracked ? db.Set<T>() : db.Set<T>().AsNoTracking();
        string[] Ids(Func<RegistryRow, bool> which) =>
            [.. rows.Where(which).Select(r => r["id"]).Where(i => i.Length > 0).Distinct(StringComparer.Ordinal)];

        var visitors = Ids(r => r.Kind is ImportKind.Visitor or ImportKind.VisitorShift)
            .Concat(rows.Select(r => r["visitor id"]).Where(i => i.Length > 0))
            .Distinct(StringComparer.Ordinal)
            .Where(i => !Visitors.ContainsKey(i))
            .ToArray();
        if (visitors.Length > 0)
            await foreach (
                var v in Of<Visitor>().Where(v => EF.Parameter(visitors).Contains(v.Id)).AsAsyncEnumerable().WithCancellation(cancellation)
            )
                Visitors[v.Id] = v;
        var officers = Ids(r => r.Kind is ImportKind.Duty or ImportKind.Supervisor or ImportKind.DutyShift)
            .Where(i => !Officers.ContainsKey(i))
            .ToArray();
        if (officers.Length > 0)
            await foreach (
                var o in Of<DutyOfficer>()
                    .Where(o => EF.Parameter(officers).Contains(o.Id))
                    .AsAsyncEnumerable()
                    .WithCancellation(cancellation)
            )
                Officers[o.Id] = o;
        var areas = rows.Where(r => r.Kind is ImportKind.Area)
            .Select(r => r["area"])
            .Where(a => !Areas.ContainsKey(a))
            .Distinct()
            .ToArray();
        if (areas.Length > 0)
            await foreach (
                var a in Of<Area>().Where(a => EF.Parameter(areas).Contains(a.Code)).AsAsyncEnumerable().WithCancellation(cancellation)
            )
                Areas[a.Code] = a;

        var ids = Ids(r => r.Kind is ImportKind.Resident);
        if (ids.Length == 0)
            return;
        residents = await Of<Resident>().Where(r => EF.Parameter(ids).Contains(r.Id)).ToDictionaryAsync(r => r.Id, cancellation);
        var columns = rows[0].Columns;
        if (columns.Devices.Count > 0)
            await LoadDevicesAsync(Of<Device>(), rows, cancellation);
        if (residents.Count == 0)
            return;
        var known = residents.Keys.ToArray();
        if (columns.Has("consent") || columns.Has("share"))
            await LoadDecisionsAsync(db, cancellation);
        if (columns.Contacts.Count > 0)
            contacts = (await Of<Contact>().Where(c => EF.Parameter(known).Contains(c.ResidentId)).ToListAsync(cancellation))
                .GroupBy(c => c.ResidentId)
                .ToDictionary(g => g.Key, g => g.OrderBy(c => c.Order).ToList());
        if (columns.Household.Count > 0)
            members = (await Of<HouseholdMember>().Where(c => EF.Parameter(known).Contains(c.ResidentId)).ToListAsync(cancellation))
                .GroupBy(c => c.ResidentId)
                .ToDictionary(g => g.Key, g => g.OrderBy(c => c.Order).ToList());
    }

    /// <summary>Writes what the rows have added, and what they have changed of what was loaded to be written.</summary>
    /// <param name="db">With an open transaction.</param>
    /// <param name="keep">Keeps what is written, so that it can be taken back; null where it won't be.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task SaveAsync(RecordsDb db, Func<WrittenRows, Task>? keep, CancellationToken cancellation)
    {
        // The home that a device has left may have no other change of its own, by which those who follow the registry would see it.
        if (NewFormer.Count > 0)
        {
            var (left, now) = (NewFormer.Select(p => p.ResidentId).Distinct().ToArray(), NewFormer[0].Until);
            foreach (var home in await db.Residents.Where(r => EF.Parameter(left).Contains(r.Id)).ToListAsync(cancellation))
                home.UpdatedAt = now;
        }

        if (Placed.Count > 0)
        {
            var bound = Placed.ToArray();
            db.RemoveRange(await db.Unbound.Where(u => EF.Parameter(bound).Contains(u.Id)).ToListAsync(cancellation));
        }

        db.RemoveRange(Removed);
        if (keep is not null)
            await keep(WrittenRows.Of(db, this));
        await db.InsertAsync(NewAreas, cancellation);
        await db.InsertAsync(NewOfficers, cancellation);
        await db.InsertAsync(NewVisitors, cancellation);
        await db.InsertAsync(NewResidents, cancellation);
        await db.InsertAsync(NewConsents, cancellation);
        await db.InsertAsync(NewContacts, cancellation);
        await db.InsertAsync(NewMembers, cancellation);
        await db.InsertAsync(NewDevices, cancellation);
        await db.InsertAsync(NewFormer, cancellation);
        await db.SaveChangesAsync(cancellation);
        await db.InsertAsync(NewShifts, cancellation);
    }

    /// <summary>Of those who don't agree now: a file may give consent that nobody has withdrawn in person.</summary>
    private async Task LoadDecisionsAsync(RecordsDb db, CancellationToken cancellation)
    {
        var asked = residents.Values.Where(r => !r.ConsentService || !r.ConsentDailyLife).Select(r => r.Id).ToArray();
        if (asked.Length == 0)
            return;
        var rows = await db
            .Consents.AsNoTracking()
            .Where(c => EF.Parameter(asked).Contains(c.ResidentId) && c.By != ConsentBy.Unstated)
            .Where(c => c.Purpose == Purpose.Visits || c.Purpose == Purpose.DailyLife)
            .ToListAsync(cancellation);
        foreach (var row in rows.OrderBy(c => c.RecordedAt).ThenBy(c => c.Id))
            decided[(row.ResidentId, row.Purpose)] = row;
    }

    private async Task LoadDevicesAsync(IQueryable<Device> all, IReadOnlyList<RegistryRow> rows, CancellationToken cancellation)
    {
        var named = rows.SelectMany(r => r.Columns.Devices.Select(n => r[$"device {n} id"]))
            .Where(i => i.Length > 0)
            .Distinct(StringComparer.Ordinal)
            .ToArray();
        var known = residents.Keys.ToArray();
        var inHomes = known.Length == 0 ? [] : await all.Where(d => EF.Parameter(known).Contains(d.ResidentId!)).ToListAsync(cancellation);
        homes = inHomes.ToLookup(d => d.ResidentId!);
        devices = inHomes.ToDictionary(d => d.Id);
        var others = named.Where(n => !devices.ContainsKey(n)).ToArray();
        if (others.Length > 0)
            await foreach (var d in all.Where(d => EF.Parameter(others).Contains(d.Id)).AsAsyncEnumerable().WithCancellation(cancellation))
                devices.TryAdd(d.Id, d);
    }

    /// <summary>Homes are needed for their own rows alone; people and areas by later ones too.</summary>
    private void ForgetHomes()
    {
        (residents, devices, contacts, members, decided) = ([], [], [], [], []);
        homes = Array.Empty<Device>().ToLookup(d => "");
        NewResidents.Clear();
        NewConsents.Clear();
        NewContacts.Clear();
        NewMembers.Clear();
        NewDevices.Clear();
        NewFormer.Clear();
        Placed.Clear();
    }
}
