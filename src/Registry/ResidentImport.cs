using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>Rows 老人 (resident): the resident with visitor, contacts, household and devices.</summary>
internal sealed class ResidentImport(
    KnownRecords known,
    DateTime now,
    Func<string, bool> isProfile,
    ImportOptions options,
    WholeFile? whole,
    Func<string, bool>? hasRow
)
{
    public void Read(RegistryRow row)
    {
        var id = row["id"];
        if (id.Length == 0)
            return; // said already
        if (!ResidentId.TryParse(id, out _))
            row.Wrong("id", id, new Wording("has white space or more than 64 characters", "含有空格或超过 64 个字符"));
        var there = known.Resident(id);
        var resident =
            there
            ?? new Resident
            {
                Id = id,
                Name = "",
                Area = "",
                CreatedAt = now,
            };
        if (there is null)
            known.NewResidents.Add(resident);
        else if (!resident.Area.StartsWith(options.Bound, StringComparison.Ordinal))
            row.Wrong("id", id, new Wording("belongs to a resident of another area", "属于其他区域的服务对象"));
        else if (row.IdIsMade && !resident.IdentityNumber.Equals(row["identity"], StringComparison.OrdinalIgnoreCase))
            row.Wrong(
                "id",
                id,
                new Wording(
                    "was made of the identity number and belongs to another resident: give the row an id",
                    "由身份证号生成的编号已属于其他服务对象，请填写编号"
                )
            );
        row.Of(
            ImportKind.Resident,
            there is not null,
            () =>
            {
                var (visits, dailyLife) = (resident.ConsentService, resident.ConsentDailyLife);
                KeepsRefused("consent", Purpose.Visits, whereEmpty: true, resident, row);
                KeepsRefused("share", Purpose.DailyLife, whereEmpty: false, resident, row);
                ResidentCells.Own(row, resident, whole);
                Decided("consent", Purpose.Visits, there is null, visits, resident.ConsentService, resident, row);
                Decided("share", Purpose.DailyLife, there is null, dailyLife, resident.ConsentDailyLife, resident, row);
                var before = resident.VisitorId;
                resident.VisitorId = row.Cell("visitor id", resident.VisitorId, null, text => text, v => v ?? "");
                if (resident.VisitorId is { } visitor && row["visitor id"] == visitor)
                    Visitor(resident, visitor, visitor == before, row);
            }
        );
        Contacts(resident, row);
        Household(resident, row);
        Devices(resident, row);
        if (row.ChangesAnything)
            resident.UpdatedAt = now;
    }

    /// <summary>What the file says anew is a row of the history: who decided stands in the file at best.</summary>
    private void Decided(string column, Purpose purpose, bool isNew, bool before, bool agrees, Resident resident, RegistryRow row)
    {
        if (isNew ? row[column].Length == 0 : agrees == before)
            return;
        known.NewConsents.Add(
            new Consent
            {
                Id = Guid.CreateVersion7(new DateTimeOffset(now)),
                ResidentId = resident.Id,
                Purpose = purpose,
                Decision =
                    agrees ? ConsentDecision.Given
                    : isNew ? ConsentDecision.Refused
                    : ConsentDecision.Withdrawn,
                By = ConsentBy.Unstated,
                On = DateOnly.FromDateTime(now),
                How = row.File,
                RecordedBy = options.Who,
                RecordedAt = now,
            }
        );
    }

    /// <summary>
    /// A file doesn't give what a person has refused or withdrawn: nobody knows of when the file is, and an old one is imported again.
    /// </summary>
    private void KeepsRefused(string column, Purpose purpose, bool whereEmpty, Resident resident, RegistryRow row)
    {
        if (
            resident.Agrees(purpose)
            || known.DecidedBy(resident.Id, purpose) is not { Decision: not ConsentDecision.Given } decision
            || row.Asks(column, whereEmpty) != true
        )
            return;
        var day = RegistryRow.Shown(decision.On);
        row.Withhold(
            column,
            decision.Decision == ConsentDecision.Withdrawn
                ? new Wording($"withdrawn on {day}", $"{day} 已撤回")
                : new Wording($"refused on {day}", $"{day} 已拒绝")
        );
    }

    private void Visitor(Resident resident, string id, bool visitedBefore, RegistryRow row)
    {
        var there = known.Visitors.GetValueOrDefault(id);
        if (there is null)
        {
            if (row["visitor name"].Length == 0)
            {
                row.Wrong("visitor name", "", new Wording("is missing", "未填写"));
                return;
            }

            known.Visitors[id] = there = new Visitor
            {
                Id = id,
                Name = "",
                Area = resident.Area,
            };
            known.NewVisitors.Add(there);
            row.Of(ImportKind.Visitor, known: false, Read);
            return;
        }

        // A town's visitor may visit in a village, but whoever is bound to the village doesn't rename them or change their number.
        if (!there.Area.StartsWith(options.Bound, StringComparison.Ordinal))
        {
            var visitsHere = ResidentCells.MayVisit(there, resident, options.Bound, visitedBefore);
            var (name, phone) = (row["visitor name"], row["visitor phone"] is { Length: > 0 } text ? PhoneText.Read(text) : "");
            var unchanged = (name.Length == 0 || name == there.Name) && (phone is "" || phone == there.Phone);
            if (!visitsHere || !unchanged)
                row.Wrong("visitor id", id, new Wording("belongs to a visitor of another area", "属于其他区域的探访人"));
            return;
        }

        row.Of(ImportKind.Visitor, known: true, Read, silent: true);

        void Read()
        {
            there.Name = row.Text("visitor name", there.Name);
            there.Phone = row.Phone("visitor phone", there.Phone);
        }
    }

    private void Contacts(Resident resident, RegistryRow row)
    {
        var there = known.ContactsOf(resident.Id);
        var named = new HashSet<int>();
        foreach (var n in row.Columns.Contacts)
        {
            if (row[$"contact {n} name"] is not { Length: > 0 } name)
                continue;
            named.Add(n);
            var found = there.Find(c => c.Order == n);
            var contact =
                found
                ?? new Contact
                {
                    Id = Guid.CreateVersion7(new DateTimeOffset(now)),
                    ResidentId = resident.Id,
                    Order = n,
                    Name = "",
                };
            if (found is null)
                known.NewContacts.Add(contact);
            row.Of(
                ImportKind.Contact,
                found is not null,
                () =>
                {
                    // What stood there belongs to somebody else when the name is another, and so did the wish to hear of the resident
                    // each day.
                    var same = contact.Name.Trim() == name;
                    if (!same)
                        (contact.Phone, contact.Relation, contact.Mail, contact.DailyDigest) = ("", "", "", false);
                    ResidentCells.Contact(row, $"contact {n} ", contact);
                },
                $"{n} {name}"
            );
            ResidentCells.Reachable(row, $"contact {n} ", contact);
        }

        if (row.Columns.Contacts.Count == 0)
            return;
        foreach (var contact in there.Where(c => !named.Contains(c.Order)))
            Missing(row, ImportKind.Contact, $"{contact.Order} {contact.Name}", contact);
    }

    private void Household(Resident resident, RegistryRow row)
    {
        var there = known.MembersOf(resident.Id);
        var named = new HashSet<int>();
        foreach (var n in row.Columns.Household)
        {
            if (row[$"household {n} name"] is not { Length: > 0 } name)
                continue;
            named.Add(n);
            var found = there.Find(m => m.Order == n);
            var member =
                found
                ?? new HouseholdMember
                {
                    Id = Guid.CreateVersion7(new DateTimeOffset(now)),
                    ResidentId = resident.Id,
                    Order = n,
                    Name = "",
                };
            if (found is null)
                known.NewMembers.Add(member);
            row.Of(
                ImportKind.HouseholdMember,
                found is not null,
                () =>
                {
                    var same = member.Name.Trim() == name;
                    if (!same)
                        (member.Gender, member.Relation, member.Health, member.Supported, member.IdentityNumber) = ("", "", "", false, "");
                    ResidentCells.Member(row, $"household {n} ", member);
                },
                $"{n} {name}"
            );
        }

        if (row.Columns.Household.Count == 0)
            return;
        foreach (var member in there.Where(m => !named.Contains(m.Order)))
            Missing(row, ImportKind.HouseholdMember, $"{member.Order} {member.Name}", member);
    }

    private void Devices(Resident resident, RegistryRow row)
    {
        var named = new HashSet<string>();
        foreach (var n in row.Columns.Devices)
        {
            if (row[$"device {n} id"] is not { Length: > 0 } id)
                continue;
            if (!DeviceId.TryParse(id, out _))
                row.Wrong($"device {n} id", id, new Wording("has white space, + or #", "含有空格、+ 或 #"));
            var found = known.Device(id);
            var placed = known.PlacedIn(id) ?? (named.Contains(id) ? resident.Id : null);
            var from = found?.ResidentId is { } there && there != resident.Id ? there : null;
            // It moves where the file says so at both homes; whether it does is known when all of it was read.
            if (!named.Add(id) || (placed is not null && placed != resident.Id) || (from is not null && hasRow?.Invoke(from) == false))
            {
                var home = placed ?? from;
                row.Wrong($"device {n} id", id, new Wording($"belongs to resident {home}", $"属于服务对象 {home}"));
                continue;
            }

            if (from is not null)
                whole?.Moves(row, $"device {n} id", id, from);
            known.Place(id, resident.Id);
            if (found is { ResidentId: null } && !found.StockArea.StartsWith(options.Bound, StringComparison.Ordinal))
            {
                row.Wrong($"device {n} id", id, new Wording("belongs to the stock of another area", "属于其他区域的库存"));
                continue;
            }

            if (found?.RetiredAt is not null)
            {
                row.Wrong($"device {n} id", id, new Wording("is retired: take it back into stock first", "已报废，如需再用请先恢复为库存"));
                continue;
            }

            var device =
                found
                ?? new Device
                {
                    Id = id,
                    Profile = "",
                    InstalledAt = now,
                    RegisteredAt = now,
                };
            if (found is null)
                known.NewDevices.Add(device);
            row.Of(ImportKind.Device, found is not null, () => Device(resident, device, n, row), id);
        }

        if (row.Columns.Devices.Count == 0)
            return;
        // Also not those that a row before has taken into another home.
        var missing = known.DevicesOf(resident.Id).Where(d => !named.Contains(d.Id) && known.HomeOf(d.Id) == resident.Id);
        foreach (var device in missing.OrderBy(d => d.Id, StringComparer.Ordinal).ToList())
        {
            row.Missing(ImportKind.Device, device.Id, options.Replace);
            if (options.Replace)
                known.NewFormer.Add(device.Leave(now, now, resident.Area));
        }
    }

    private void Device(Resident resident, Device device, int n, RegistryRow row)
    {
        var profile = row.Needed($"device {n} profile", device.Profile);
        if (profile.Length > 0 && profile != device.Profile && !isProfile(profile))
            row.Wrong(
                $"device {n} profile",
                profile,
                new Wording("is not a device profile (see: vigil profiles)", "没有此设备型号（可用“vigil profiles”查看）")
            );
        device.Profile = profile;
        var home = device.ResidentId;
        var next = row.Cell($"device {n} id", home, null, _ => resident.Id, v => v ?? "");
        if (home != next)
            known.Placed.Add(device.Id);
        if (known.Device(device.Id) is null)
            device.ResidentId = next;
        else if (home != next)
        {
            if (home is not null && device.Leave(now, now, "") is var place && place.From != place.Until)
                known.NewFormer.Add(place);
            device.Enter(resident.Id, now, now);
        }

        // The day alone: whoever writes it again doesn't mean that it was at midnight.
        var day = DateOnly.FromDateTime(device.InstalledAt);
        if (row.Date($"device {n} installed", day) is { } installed && installed != day)
            device.InstalledAt = installed.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc);
        device.ReportMinutes = (int?)row.Number($"device {n} report", 1, 100_000, device.ReportMinutes);
    }

    private void Missing(RegistryRow row, ImportKind kind, string named, object of)
    {
        row.Missing(kind, named, options.Replace);
        if (options.Replace)
            known.Removed.Add(of);
    }
}
