using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Where a device is: into a home, out of it, to another, out of use.</summary>
internal sealed partial record DeviceOperations
{
    /// <summary>
    /// Binds a device that waits, or one in stock, to a home. Nothing is written unless resident and profile exist: a device with a profile
    /// that nobody knows would be registered, and refused for ever.
    /// </summary>
    /// <returns>Null when it is bound.</returns>
    public async Task<DeviceRefusal?> BindAsync(
        string id,
        string resident,
        string? profile,
        string? label,
        DateTime? since,
        CancellationToken cancellation
    )
    {
        var refused = await BringAsync(id, resident, profile, label, since, cancellation);
        if (refused is null)
            await Desk.TieAsync(id, resident, Who, cancellation);
        return refused;
    }

    private async Task<DeviceRefusal?> BringAsync(
        string id,
        string resident,
        string? profile,
        string? label,
        DateTime? since,
        CancellationToken cancellation
    )
    {
        if (WhyProblem is { } why)
            return why;
        if (resident.Length == 0)
            return DeviceRefusal.Wrong(
                new Wording($"say to whom '{id}' belongs: the number of a resident", $"请填写设备“{id}”所属服务对象的编号")
            );
        if (DeviceEntry.LabelProblem(label) is { } wrong)
            return DeviceRefusal.Wrong(wrong);
        await using var db = await Records.CreateDbContextAsync(cancellation);
        await using var turn = await WriteTurn.BeginAsync(db, first: false, cancellation);
        if (await db.Residents.FirstOrDefaultAsync(r => r.Id == resident, cancellation) is not { } home)
            return DeviceRefusal.NoResident(resident);
        var device = await LockedAsync(db, id, cancellation);
        var waiting = await db.Unbound.FindAsync([id], cancellation);
        if (waiting is null && device is null)
            return DeviceRefusal.Missing(new Wording($"there is no unbound device '{id}'", $"没有待绑定的设备“{id}”"));
        var reads = string.IsNullOrWhiteSpace(profile) ? waiting?.Profile ?? device!.Profile : profile.Trim();
        if (!Profiles(reads))
            return DeviceRefusal.NoProfile(reads);
        if (device?.Status == DeviceStatus.Retired)
            return DeviceRefusal.Retired(id);
        // It may be in this home already and still stand among those that wait: under a profile that nobody knows.
        if (device?.ResidentId is { } other && other != resident)
            return DeviceRefusal.Taken(
                new Wording($"'{id}' is bound to resident '{other}' already", $"设备“{id}”已绑定到服务对象“{other}”")
            );
        if (SinceProblem(since, device is null ? null : await EarliestAsync(db, device, cancellation)) is { } refused)
            return refused;
        var before = device is null ? [] : Facts(device);
        if (device is null)
            db.Devices.Add(device = new DeviceEntry(id, reads, Resident: resident, Since: since).ToDevice(Now, Area));
        else if (device.Status == DeviceStatus.InStock)
            device.Enter(resident, since ?? Now, Now);
        device.Profile = reads;
        device.Label = label?.Trim() ?? device.Label;
        if (waiting is not null)
            db.Unbound.Remove(waiting);
        home.UpdatedAt = Now;
        db.AddAudit(Now, Who, "bind", $"device:{id}", $"to resident:{resident}; {Detail(before, Facts(device))}");
        return await SaveAsync(db, turn, id, cancellation);
    }

    /// <summary>Takes a device out of a home, into stock.</summary>
    public Task<DeviceRefusal?> UnbindAsync(string id, string? version, DateTime? since, CancellationToken cancellation) =>
        ChangeAsync(id, version, "unbind", (db, device) => LeaveAsync(db, device, since, cancellation), cancellation);

    /// <summary>To another home. What it measured in the one before stays there, and what it measures since is the other's.</summary>
    public async Task<DeviceRefusal?> MoveAsync(
        string id,
        string? version,
        string resident,
        DateTime? since,
        CancellationToken cancellation
    )
    {
        var refused = await ChangeAsync(
            id,
            version,
            "move",
            async (db, device) =>
            {
                if (!await db.Residents.AnyAsync(r => r.Id == resident, cancellation))
                    return DeviceRefusal.NoResident(resident);
                if (device.Status == DeviceStatus.Retired)
                    return DeviceRefusal.Retired(id);
                if (device.ResidentId == resident)
                    return DeviceRefusal.Taken(
                        new Wording($"'{id}' is in the home of '{resident}' already", $"设备“{id}”已在服务对象“{resident}”家中")
                    );
                if (device.Status == DeviceStatus.InHome && await LeaveAsync(db, device, since, cancellation) is { } stays)
                    return stays;
                if (SinceProblem(since, await EarliestAsync(db, device, cancellation)) is { } wrong)
                    return wrong;
                device.Enter(resident, since ?? Now, Now);
                return null;
            },
            cancellation
        );
        if (refused is null)
            await Desk.TieAsync(id, resident, Who, cancellation);
        return refused;
    }

    /// <summary>
    /// Another device stands where this one stood, from one moment on: a new meter, whose total begins where it begins. It takes over what
    /// people call it and how often it reports.
    /// </summary>
    /// <param name="id">The old one.</param>
    /// <param name="version">Of the old one.</param>
    /// <param name="by">The new one: in stock, waiting, or never heard of.</param>
    /// <param name="profile">That reads the new one; null: the one it has, or that of the old one.</param>
    /// <param name="retire">The old one is retired; else it goes into stock.</param>
    /// <param name="since">When it was done; null: now.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<DeviceRefusal?> ReplaceAsync(
        string id,
        string? version,
        string by,
        string? profile,
        bool retire,
        DateTime? since,
        CancellationToken cancellation
    )
    {
        if (DeviceEntry.IdProblem(by) is { } wrong)
            return DeviceRefusal.Wrong(wrong);
        var home = "";
        var refused = await ChangeAsync(
            id,
            version,
            "replace",
            async (db, old) =>
            {
                if (old.ResidentId is not { } resident)
                    return NotInAHome(id);
                home = resident;
                var (next, waiting) = (await LockedAsync(db, by, cancellation), await db.Unbound.FindAsync([by], cancellation));
                if (next?.Status is DeviceStatus.Retired)
                    return DeviceRefusal.Retired(by);
                if (next?.ResidentId is { } other)
                    return DeviceRefusal.Taken(
                        new Wording($"'{by}' is bound to resident '{other}' already", $"设备“{by}”已绑定到服务对象“{other}”")
                    );
                var reads = string.IsNullOrWhiteSpace(profile) ? next?.Profile ?? waiting?.Profile ?? old.Profile : profile.Trim();
                if (!Profiles(reads))
                    return DeviceRefusal.NoProfile(reads);
                if (next is not null && SinceProblem(since, await EarliestAsync(db, next, cancellation)) is { } early)
                    return early;
                if (await LeaveAsync(db, old, since, cancellation) is { } stays)
                    return stays;
                if (retire)
                    old.RetiredAt = since ?? Now;
                var before = next is null ? [] : Facts(next);
                if (next is null)
                    db.Devices.Add(next = new DeviceEntry(by, reads, Resident: resident, Since: since).ToDevice(Now, Area));
                else
                    next.Enter(resident, since ?? Now, Now);
                (next.Profile, next.Label, next.ReportMinutes) = (reads, old.Label, old.ReportMinutes);
                if (waiting is not null)
                    db.Unbound.Remove(waiting);
                db.AddAudit(Now, Who, "bind", $"device:{by}", $"replaces device:{id}; {Detail(before, Facts(next))}");
                return null;
            },
            cancellation
        );
        if (refused is null)
            await Desk.TieAsync(by, home, Who, cancellation);
        return refused;
    }

    /// <summary>
    /// Out of use. It comes into no home again by a binding or an import; if it calls for help all the same, the desk is told.
    /// </summary>
    public Task<DeviceRefusal?> RetireAsync(string id, string? version, DateTime? since, CancellationToken cancellation) =>
        ChangeAsync(
            id,
            version,
            "retire",
            async (db, device) =>
            {
                if (device.Status == DeviceStatus.Retired)
                    return DeviceRefusal.Retired(id);
                if (device.Status == DeviceStatus.InHome && await LeaveAsync(db, device, since, cancellation) is { } stays)
                    return stays;
                if (SinceProblem(since, await EarliestAsync(db, device, cancellation)) is { } wrong)
                    return wrong;
                device.RetiredAt = since ?? Now;
                return null;
            },
            cancellation
        );

    /// <summary>A retired device is in stock again.</summary>
    public Task<DeviceRefusal?> RestockAsync(string id, string? version, CancellationToken cancellation) =>
        ChangeAsync(
            id,
            version,
            "restock",
            (_, device) =>
            {
                if (device.Status != DeviceStatus.Retired)
                    return Task.FromResult<DeviceRefusal?>(
                        DeviceRefusal.Taken(new Wording($"'{id}' is not retired", $"设备“{id}”并未报废"))
                    );
                (device.RetiredAt, device.InstalledAt, device.RegisteredAt) = (null, Now, Now);
                return Task.FromResult<DeviceRefusal?>(null);
            },
            cancellation
        );

    private static DeviceRefusal NotInAHome(string id) =>
        DeviceRefusal.Taken(new Wording($"'{id}' is in nobody's home", $"设备“{id}”不在任何服务对象家中"));

    private async Task<DeviceRefusal?> LeaveAsync(RecordsDb db, Device device, DateTime? since, CancellationToken cancellation)
    {
        if (device.ResidentId is not { } resident)
            return NotInAHome(device.Id);
        if (SinceProblem(since, await EarliestAsync(db, device, cancellation)) is { } wrong)
            return wrong;
        var home = await db.Residents.FirstAsync(r => r.Id == resident, cancellation);
        var place = device.Leave(since ?? Now, Now, home.Area);
        if (place.From != place.Until)
            db.FormerPlaces.Add(place);
        home.UpdatedAt = Now;
        return null;
    }

    /// <summary>When it came where it is, or left where it was: nothing can be entered for a time before.</summary>
    private static async Task<DateTime?> EarliestAsync(RecordsDb db, Device device, CancellationToken cancellation)
    {
        // Also of homes that this person may not see: two homes must not have the same device at the same time.
        var left = await db
            .FormerPlaces.IgnoreQueryFilters()
            .Where(p => p.DeviceId == device.Id)
            .MaxAsync(p => (DateTime?)p.Until, cancellation);
        var tracked = db.FormerPlaces.Local.Where(p => p.DeviceId == device.Id).Select(p => (DateTime?)p.Until).Max();
        return new[] { left, tracked, device.PlacedAt }.Max();
    }
}
