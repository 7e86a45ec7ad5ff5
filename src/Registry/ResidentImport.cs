using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>Rows 老人 (resident): the resident with visitor, contacts, household and devices.</summary>
internal sealed class ResidentImport(RecordsDb db, TimeProvider clock, Func<string, bool> isProfile, string bound)
{
    public async Task ReadAsync(RegistryRow row, CancellationToken cancellation)
    {
        var id = row.Required("id");
        if (id.Length > 0 && !ResidentId.TryParse(id, out _))
            row.Wrong("id", id, new Wording("has white space or more than 64 characters", "含有空格或超过 64 个字符"));
        // A duplicate row is a problem already; it is read all the same, so that its other problems are found too.
        var resident =
            db.Residents.Local.FindEntry(id)?.Entity
            ?? await db
                .Residents.AsSplitQuery()
                .Include(r => r.Contacts)
                .Include(r => r.Devices)
                .Include(r => r.Household)
                .FirstOrDefaultAsync(r => r.Id == id, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        if (resident is not null && !resident.Area.StartsWith(bound, StringComparison.Ordinal))
            row.Wrong("id", id, new Wording("belongs to a resident of another area", "属于其他区域的服务对象"));
        if (resident is null)
            db.Residents.Add(
                resident = new Resident
                {
                    Id = id,
                    Name = "",
                    Area = "",
                    CreatedAt = now,
                }
            );
        resident.Name = row.Required("name");
        resident.Area = row.Required("area");
        if (resident.Area.Length > 0 && (resident.Area.Length != 12 || !AreaCode.TryParse(resident.Area, out _)))
            row.Wrong("area", resident.Area, new Wording("is not a village code of 12 digits", "不是 12 位村（社区）代码"));
        resident.IdentityNumber = row.Identity("identity", resident.IdentityNumber);
        resident.Phone = row.Phone("phone", resident.Phone);
        resident.Gender = row.Text("gender", resident.Gender);
        resident.BirthDate = row.Date("birth", resident.BirthDate);
        resident.Address = row.Text("address", resident.Address);
        resident.Categories = row.Text("categories", resident.Categories);
        resident.RegisteredAddress = row.Text("registered address", resident.RegisteredAddress);
        resident.DisabilityCertificate = row.Text("disability certificate", resident.DisabilityCertificate);
        resident.FiledOn = row.Date("filed", resident.FiledOn);
        resident.DrinkingWater = row.Text("drinking water", resident.DrinkingWater);
        resident.ElectricitySafety = row.Text("electricity", resident.ElectricitySafety);
        resident.GasSafety = row.Text("gas", resident.GasSafety);
        resident.Housing = row.Text("housing", resident.Housing);
        resident.MonthlyIncome = row.Number("income", 0, 10_000_000, resident.MonthlyIncome);
        resident.MonthlyPension = row.Number("pension", 0, 10_000_000, resident.MonthlyPension);
        resident.MonthlyBenefits = row.Number("benefits", 0, 10_000_000, resident.MonthlyBenefits);
        resident.HelpedBy = row.Text("helped by", resident.HelpedBy);
        resident.HelpContact = row.Text("help contact", resident.HelpContact);
        resident.Help = row.Text("help", resident.Help);
        resident.KeyClass = row.Flag("key", whereEmpty: false, resident.KeyClass);
        resident.ConsentService = row.Flag("consent", whereEmpty: true, resident.ConsentService);
        resident.ConsentDailyLife = row.Flag("share", whereEmpty: false, resident.ConsentDailyLife);
        resident.HomeLatitude = row.Number("latitude", -90, 90, resident.HomeLatitude);
        resident.HomeLongitude = row.Number("longitude", -180, 180, resident.HomeLongitude);
        resident.HomeRadiusMetres = row.Number("radius", 10, 100_000, resident.HomeRadiusMetres) ?? 300;
        resident.UpdatedAt = now;
        await VisitorAsync(resident, row, cancellation);
        Contacts(resident, row);
        Household(resident, row);
        await DevicesAsync(resident, row, now, cancellation);
    }

    private async Task VisitorAsync(Resident resident, RegistryRow row, CancellationToken cancellation)
    {
        if (row["visitor id"] is { Length: > 0 } visitorId)
        {
            var visitor =
                db.Visitors.Local.FirstOrDefault(v => v.Id == visitorId) ?? await db.Visitors.FindAsync([visitorId], cancellation);
            if (visitor is null)
                db.Visitors.Add(
                    visitor = new Visitor
                    {
                        Id = visitorId,
                        Name = row.Required("visitor name"),
                        Area = resident.Area,
                    }
                );
            var (name, phone) = (row["visitor name"], row.Phone("visitor phone"));
            // A town's visitor may visit in a village, but whoever is bound to the village doesn't rename them or change their number.
            if (!visitor.Area.StartsWith(bound, StringComparison.Ordinal))
            {
                var visitsHere =
                    resident.VisitorId == visitorId
                    || (visitor.Area.Length > 0 && resident.Area.StartsWith(visitor.Area, StringComparison.Ordinal));
                var unchanged = (name.Length == 0 || name == visitor.Name) && (phone.Length == 0 || phone == visitor.Phone);
                if (!visitsHere || !unchanged)
                {
                    row.Wrong("visitor id", visitorId, new Wording("belongs to a visitor of another area", "属于其他区域的探访人"));
                    return;
                }
            }

            if (name.Length > 0)
                visitor.Name = name;
            if (phone.Length > 0)
                visitor.Phone = phone;
            resident.VisitorId = visitorId;
        }
    }

    private void Contacts(Resident resident, RegistryRow row)
    {
        for (var n = 1; n <= 9; n++)
        {
            if (row[$"contact {n} name"] is not { Length: > 0 } name)
                continue;
            var contact = resident.Contacts.Find(c => c.Order == n);
            if (contact is null)
                resident.Contacts.Add(
                    contact = new Contact
                    {
                        Id = Guid.CreateVersion7(clock.GetUtcNow()),
                        ResidentId = resident.Id,
                        Order = n,
                        Name = name,
                    }
                );
            // What stood there belongs to somebody else when the name is another, and so did the wish to hear of the resident each day.
            var known = contact.Name == name;
            contact.Name = name;
            contact.Phone = row.Phone($"contact {n} phone", known ? contact.Phone : "");
            contact.Relation = row.Text($"contact {n} relation", known ? contact.Relation : "");
            contact.Mail = row.Text($"contact {n} mail", known ? contact.Mail : "");
            if (row[$"contact {n} language"] is { Length: > 0 } language)
                contact.Language = language;
            var digest = known && contact.DailyDigest;
            contact.DailyDigest = row.Flag($"contact {n} digest", whereEmpty: digest, digest);
            if (contact.Phone.Length == 0 && contact.Mail.Length == 0)
                row.Wrong($"contact {n} phone", "", new Wording("a contact has a phone number or a mail address", "联系人应有电话或邮箱"));
        }
    }

    private void Household(Resident resident, RegistryRow row)
    {
        for (var n = 1; n <= 9; n++)
        {
            if (row[$"household {n} name"] is not { Length: > 0 } name)
                continue;
            var member = resident.Household.Find(m => m.Order == n);
            if (member is null)
                resident.Household.Add(
                    member = new HouseholdMember
                    {
                        Id = Guid.CreateVersion7(clock.GetUtcNow()),
                        ResidentId = resident.Id,
                        Order = n,
                        Name = name,
                    }
                );
            var known = member.Name == name;
            member.Name = name;
            member.Gender = row.Text($"household {n} gender", known ? member.Gender : "");
            member.Relation = row.Text($"household {n} relation", known ? member.Relation : "");
            member.Health = row.Text($"household {n} health", known ? member.Health : "");
            member.Supported = row.Flag($"household {n} support", whereEmpty: false, known && member.Supported);
            member.IdentityNumber = row.Identity($"household {n} identity", known ? member.IdentityNumber : "");
        }
    }

    private async Task DevicesAsync(Resident resident, RegistryRow row, DateTime now, CancellationToken cancellation)
    {
        for (var n = 1; n <= 9; n++)
        {
            if (row[$"device {n} id"] is not { Length: > 0 } device)
                continue;
            if (!DeviceId.TryParse(device, out _))
                row.Wrong($"device {n} id", device, new Wording("has white space, + or #", "含有空格、+ 或 #"));
            var profile = row.Required($"device {n} profile");
            if (profile.Length > 0 && !isProfile(profile))
                row.Wrong(
                    $"device {n} profile",
                    profile,
                    new Wording("is not a device profile (see: vigil profiles)", "没有此设备型号（可用“vigil profiles”查看）")
                );
            var known = db.Devices.Local.FirstOrDefault(d => d.Id == device) ?? await db.Devices.FindAsync([device], cancellation);
            if (known is not null && known.ResidentId is { } other && other != resident.Id)
                row.Wrong($"device {n} id", device, new Wording($"belongs to resident {other}", $"属于服务对象 {other}"));
            if (known is null)
                db.Devices.Add(
                    known = new Device
                    {
                        Id = device,
                        Profile = profile,
                        InstalledAt = now,
                    }
                );
            known.Profile = profile;
            known.ResidentId = resident.Id;
            if (row.Date($"device {n} installed") is { } installed)
                known.InstalledAt = installed.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc);
            if (row.Number($"device {n} report", 1, 100_000) is { } minutes)
                known.ReportMinutes = (int)minutes;
        }
    }
}
