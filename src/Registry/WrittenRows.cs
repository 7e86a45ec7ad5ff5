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
    public async Task TakeBackAsync(RecordsDb db)
    {
        var stays = await StaysAsync(db);
        foreach (var row in Changed)
            await TakeBackAsync(db, row);
        await db.SaveChangesAsync();
        if (Left.Length > 0)
        {
            var (from, until) = (LeftAt.AddMicroseconds(-1), LeftAt.AddMicroseconds(1)); // PostgreSQL keeps microseconds
            await db
                .FormerPlaces.Where(p => EF.Parameter(Left).Contains(p.DeviceId) && p.Until >= from && p.Until <= until)
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

    private static async Task TakeBackAsync(RecordsDb db, Row row)
    {
        var type = db.Model.FindEntityType(row.Type)!;
        object?[] key = [.. type.FindPrimaryKey()!.Properties.Select(p => Value(p, row.Key[p.Name]))];
        var there = await db.FindAsync(type.ClrType, key);
        if (row.After is null)
        {
            if (there is not null)
                return; // somebody has made it anew
            there = Activator.CreateInstance(type.ClrType)!;
            foreach (var property in type.GetProperties())
                property.PropertyInfo!.SetValue(there, Value(property, row.Before[property.Name]));
            db.Add(there);
            return;
        }

        if (there is null)
            return;
        foreach (var (name, before) in row.Before)
        {
            var property = db.Entry(there).Property(name);
            if (Same(property.CurrentValue, Value(property.Metadata, row.After[name])))
                property.CurrentValue = Value(property.Metadata, before);
        }
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
