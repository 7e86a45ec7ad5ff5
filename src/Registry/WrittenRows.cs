using System.IO.Compression;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// What one transaction of an import writes, kept until the import has ended: one that is cancelled takes it back. Values that somebody
/// else has changed since stay as they are, and so do new homes on which something stands by then.
/// </summary>
internal sealed class WrittenRows
{
    public string[] Residents { get; init; } = [];
    public string[] Devices { get; init; } = [];
    public Guid[] Consents { get; init; } = [];
    public Guid[] Contacts { get; init; } = [];
    public Guid[] Members { get; init; } = [];
    public string[] Visitors { get; init; } = [];
    public string[] Officers { get; init; } = [];
    public string[] Areas { get; init; } = [];

    /// <summary>Devices that have left a home, at one moment.</summary>
    public string[] Left { get; init; } = [];
    public DateTime LeftAt { get; init; }

    public List<Row> Changed { get; init; } = [];

    /// <summary>A row that was there before.</summary>
    /// <param name="Type">Of the model.</param>
    /// <param name="Key">Values of its key.</param>
    /// <param name="Before">Values that it had: of what was changed, or of all where it was removed.</param>
    /// <param name="After">Values that it got; null where it was removed.</param>
    public sealed record Row(
        string Type,
        Dictionary<string, JsonElement> Key,
        Dictionary<string, JsonElement> Before,
        Dictionary<string, JsonElement>? After
    );

    /// <summary>Before it is saved.</summary>
    public static WrittenRows Of(RecordsDb db, KnownRecords known)
    {
        db.ChangeTracker.DetectChanges();
        return new WrittenRows
        {
            Residents = [.. known.NewResidents.Select(r => r.Id)],
            Devices = [.. known.NewDevices.Select(d => d.Id)],
            Consents = [.. known.NewConsents.Select(c => c.Id)],
            Contacts = [.. known.NewContacts.Select(c => c.Id)],
            Members = [.. known.NewMembers.Select(m => m.Id)],
            Visitors = [.. known.NewVisitors.Select(v => v.Id)],
            Officers = [.. known.NewOfficers.Select(o => o.Id)],
            Areas = [.. known.NewAreas.Select(a => a.Code)],
            Left = [.. known.NewFormer.Select(p => p.DeviceId)],
            LeftAt = known.NewFormer.Count > 0 ? known.NewFormer[0].Until : default,
            Changed = [.. db.ChangeTracker.Entries().Where(e => e.State is EntityState.Modified or EntityState.Deleted).Select(RowOf)],
        };
    }

    public string Pack()
    {
        using var packed = new MemoryStream();
        using (var zip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            JsonSerializer.Serialize(zip, this);
        return Convert.ToBase64String(packed.GetBuffer(), 0, (int)packed.Length);
    }

    public static WrittenRows Unpack(string packed)
    {
        using var zip = new GZipStream(new MemoryStream(Convert.FromBase64String(packed)), CompressionMode.Decompress);
        return JsonSerializer.Deserialize<WrittenRows>(zip)!;
    }

    /// <summary>Within a transaction; the caller saves.</summary>
    /// <param name="db">All records.</param>
    /// <param name="started">When the import began.</param>
    public async Task TakeBackAsync(RecordsDb db, DateTime started)
    {
        var stays = await StaysAsync(db);
        var back = new List<string>();
        foreach (var row in Changed)
            if (await TakeBackAsync(db, row, stays, started) is { } device)
                back.Add(device);
        await db.SaveChangesAsync();
        // Of a device that has gone on meanwhile, it stays known where it was.
        if (back.Intersect(Left, StringComparer.Ordinal).ToArray() is { Length: > 0 } here)
        {
            var (from, until) = (LeftAt.AddMicroseconds(-1), LeftAt.AddMicroseconds(1)); // PostgreSQL keeps microseconds
            await db
                .FormerPlaces.Where(p => EF.Parameter(here).Contains(p.DeviceId) && p.Until >= from && p.Until <= until)
                .ExecuteDeleteAsync();
        }

        await db
            .Devices.Where(d => EF.Parameter(Devices).Contains(d.Id) && (d.ResidentId == null || !stays.Contains(d.ResidentId)))
            .ExecuteDeleteAsync();
        await db.Consents.Where(c => EF.Parameter(Consents).Contains(c.Id) && !stays.Contains(c.ResidentId)).ExecuteDeleteAsync();
        await db.Contacts.Where(c => EF.Parameter(Contacts).Contains(c.Id) && !stays.Contains(c.ResidentId)).ExecuteDeleteAsync();
        await db.Set<HouseholdMember>()
            .Where(m => EF.Parameter(Members).Contains(m.Id) && !stays.Contains(m.ResidentId))
            .ExecuteDeleteAsync();
        await db.Residents.Where(r => EF.Parameter(Residents).Contains(r.Id) && !stays.Contains(r.Id)).ExecuteDeleteAsync();
        await db
            .Visitors.Where(v => EF.Parameter(Visitors).Contains(v.Id) && !db.Residents.Any(r => r.VisitorId == v.Id))
            .ExecuteDeleteAsync();
        await db.DutyOfficers.Where(o => EF.Parameter(Officers).Contains(o.Id)).ExecuteDeleteAsync();
        await db.Areas.Where(a => EF.Parameter(Areas).Contains(a.Code)).ExecuteDeleteAsync();
    }

    /// <summary>New homes of which there is an alarm, a visit, an absence or a decision of a person.</summary>
    private async Task<string[]> StaysAsync(RecordsDb db)
    {
        if (Residents.Length == 0)
            return [];
        var stays = new HashSet<string>();
        foreach (
            var on in new[]
            {
                db.Alarms.Where(a => EF.Parameter(Residents).Contains(a.ResidentId!)).Select(a => a.ResidentId!),
                db.Visits.Where(v => EF.Parameter(Residents).Contains(v.ResidentId)).Select(v => v.ResidentId),
                db.Absences.Where(a => EF.Parameter(Residents).Contains(a.ResidentId)).Select(a => a.ResidentId),
                db
                    .Consents.Where(c => EF.Parameter(Residents).Contains(c.ResidentId) && c.By != ConsentBy.Unstated)
                    .Select(c => c.ResidentId),
            }
        )
            stays.UnionWith(await on.ToListAsync());
        return [.. stays];
    }

    /// <returns>The id of a device that is in its former home again.</returns>
    private static async Task<string?> TakeBackAsync(RecordsDb db, Row row, string[] stays, DateTime started)
    {
        var type = db.Model.FindEntityType(row.Type)!;
        object?[] key = [.. type.FindPrimaryKey()!.Properties.Select(p => Value(p, row.Key[p.Name]))];
        var there = await db.FindAsync(type.ClrType, key);
        if (row.After is null)
        {
            if (there is not null)
                return null; // somebody has made it anew
            there = Activator.CreateInstance(type.ClrType)!;
            foreach (var property in type.GetProperties())
                property.PropertyInfo!.SetValue(there, Value(property, row.Before[property.Name]));
            await AddBackAsync(db, there);
            return null;
        }

        if (there is null || there is Device { ResidentId: { } of } && stays.Contains(of))
            return null; // a home that stays keeps its devices
        var decided = there is Resident r && await HasDecidedAsync(db, r.Id, started);
        foreach (var (name, before) in row.Before)
        {
            var property = db.Entry(there).Property(name);
            var value = Value(property.Metadata, before);
            if (
                !Same(property.CurrentValue, Value(property.Metadata, row.After[name]))
                || (decided && name is nameof(Resident.ConsentService) or nameof(Resident.ConsentDailyLife))
                || (name == nameof(Resident.VisitorId) && value is string v && !await db.Visitors.AnyAsync(x => x.Id == v))
                || (
                    there is Device
                    && name == nameof(Device.ResidentId)
                    && value is string h
                    && !await db.Residents.AnyAsync(x => x.Id == h)
                )
            )
                continue;
            property.CurrentValue = value;
        }

        return
            there is Device device
            && row.Before.TryGetValue(nameof(Device.ResidentId), out var home)
            && Same(device.ResidentId, Value(db.Entry(there).Property(nameof(Device.ResidentId)).Metadata, home))
            ? device.Id
            : null;
    }

    /// <summary>Somebody decided in person while the file was written: what was agreed before doesn't count any more.</summary>
    private static Task<bool> HasDecidedAsync(RecordsDb db, string resident, DateTime started) =>
        db.Consents.AnyAsync(c => c.ResidentId == resident && c.By != ConsentBy.Unstated && c.RecordedAt >= started);

    /// <summary>A contact or household member behind those whom somebody has added meanwhile; nobody where the home is gone.</summary>
    private static async Task AddBackAsync(RecordsDb db, object row)
    {
        switch (row)
        {
            case Contact contact:
                if (!await db.Residents.AnyAsync(r => r.Id == contact.ResidentId))
                    return;
                var contacts = db.Contacts.Where(c => c.ResidentId == contact.ResidentId);
                if (await contacts.AnyAsync(c => c.Order == contact.Order))
                    contact.Order = 1 + await contacts.MaxAsync(c => c.Order);
                break;
            case HouseholdMember member:
                if (!await db.Residents.AnyAsync(r => r.Id == member.ResidentId))
                    return;
                var members = db.Set<HouseholdMember>().Where(m => m.ResidentId == member.ResidentId);
                if (await members.AnyAsync(m => m.Order == member.Order))
                    member.Order = 1 + await members.MaxAsync(m => m.Order);
                break;
        }

        db.Add(row);
        await db.SaveChangesAsync();
    }

    private static Row RowOf(EntityEntry entry)
    {
        Dictionary<string, JsonElement> Of(IEnumerable<PropertyEntry> properties, bool original) =>
            properties.ToDictionary(
                p => p.Metadata.Name,
                p => JsonSerializer.SerializeToElement(original ? p.OriginalValue : p.CurrentValue, p.Metadata.ClrType)
            );

        var removed = entry.State is EntityState.Deleted;
        var changed = entry.Properties.Where(p => removed || p.IsModified).ToList();
        return new Row(
            entry.Metadata.Name,
            Of(entry.Properties.Where(p => p.Metadata.IsPrimaryKey()), original: true),
            Of(changed, original: true),
            removed ? null : Of(changed, original: false)
        );
    }

    private static object? Value(IProperty property, JsonElement value) => value.Deserialize(property.ClrType);

    private static bool Same(object? there, object? written) =>
        (there, written) is (DateTime a, DateTime b) ? Math.Abs((a - b).Ticks) <= TimeSpan.TicksPerMicrosecond : Equals(there, written);
}
