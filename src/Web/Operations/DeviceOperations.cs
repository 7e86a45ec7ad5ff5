using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Whether there is a profile of this id, which could read a device's payloads.</summary>
public delegate bool KnowsProfile(string id);

/// <summary>Why a device isn't changed.</summary>
/// <param name="Why">In words that name the value.</param>
/// <param name="Status">The answer of the API.</param>
internal sealed record DeviceRefusal(Wording Why, int Status)
{
    public static DeviceRefusal Wrong(Wording why) => new(why, StatusCodes.Status400BadRequest);

    public static DeviceRefusal Missing(Wording why) => new(why, StatusCodes.Status404NotFound);

    public static DeviceRefusal Taken(Wording why) => new(why, StatusCodes.Status409Conflict);

    public static DeviceRefusal NoDevice(string id) => Missing(new Wording($"there is no device '{id}'", $"没有设备“{id}”"));

    public static DeviceRefusal NoResident(string id) => Missing(new Wording($"there is no resident '{id}'", $"没有服务对象“{id}”"));

    public static DeviceRefusal NoProfile(string id) => Wrong(new Wording($"there is no device profile '{id}'", $"没有型号文件“{id}”"));

    public static DeviceRefusal Retired(string id) =>
        Taken(new Wording($"'{id}' is retired: take it back into stock first", $"设备“{id}”已报废，如需再用请先恢复为库存"));

    public static DeviceRefusal Changed(string id) =>
        Taken(new Wording($"'{id}' was changed meanwhile: look at it again", $"设备“{id}”刚被他人修改，请重新查看后再改"));

    public static DeviceRefusal Known(string id) => Taken(new Wording($"'{id}' is registered already", $"设备“{id}”已登记"));
}

/// <summary>
/// Somebody who changes devices. Each change is one transaction, and stands in the audit log with who, when, why, before and after.
/// </summary>
/// <param name="Records">As far as the person may see them.</param>
/// <param name="Profiles">Which profiles there are.</param>
/// <param name="Desk">Where a device may have an open alarm.</param>
/// <param name="Who">The person.</param>
/// <param name="Area">That the person is bound to; empty for all.</param>
/// <param name="Now">The time, UTC.</param>
/// <param name="Why">As the person says; may be empty.</param>
internal sealed partial record DeviceOperations(
    IDbContextFactory<RecordsDb> Records,
    KnowsProfile Profiles,
    AlarmDesk Desk,
    string Who,
    string Area,
    DateTime Now,
    string Why
)
{
    public const int LongestWhy = 200;

    /// <summary>
    /// So long ago at most it can be entered afterwards that a device was moved: what it measured since goes to another file.
    /// </summary>
    private const int DaysBack = 31;

    /// <summary>Registers a device: in a home, or in stock.</summary>
    public async Task<DeviceRefusal?> RegisterAsync(DeviceEntry entry, CancellationToken cancellation)
    {
        // Its turn to write is over before the desk, which has one of its own, is asked.
        var refused = await AddAsync(entry, cancellation);
        if (refused is null && entry.Resident.Length > 0)
            await Desk.TieAsync(entry.Id, entry.Resident, Who, cancellation);
        return refused;
    }

    private async Task<DeviceRefusal?> AddAsync(DeviceEntry entry, CancellationToken cancellation)
    {
        if (WhyProblem is { } why)
            return why;
        if (entry.Problems(Profiles, Area) is [var (_, _, first), ..])
            return DeviceRefusal.Wrong(first);
        if (SinceProblem(entry.Since) is { } since)
            return since;
        await using var db = await Records.CreateDbContextAsync(cancellation);
        await using var turn = await WriteTurn.BeginAsync(db, first: false, cancellation);
        if (await db.Devices.AnyAsync(d => d.Id == entry.Id, cancellation))
            return DeviceRefusal.Known(entry.Id);
        if (entry.Resident.Length > 0 && !await db.Residents.AnyAsync(r => r.Id == entry.Resident, cancellation))
            return DeviceRefusal.NoResident(entry.Resident);
        var device = entry.ToDevice(Now, Area);
        db.Devices.Add(device);
        if (await db.Unbound.FindAsync([entry.Id], cancellation) is { } waiting)
            db.Unbound.Remove(waiting);
        db.AddAudit(Now, Who, "register", $"device:{entry.Id}", Detail([], Facts(device)));
        return await SaveAsync(db, turn, entry.Id, cancellation);
    }

    /// <summary>Changes what is known of a device; null leaves a value as it is.</summary>
    public Task<DeviceRefusal?> EditAsync(string id, string version, DeviceEdit edit, CancellationToken cancellation) =>
        ChangeAsync(
            id,
            version,
            "edit",
            async (db, device) =>
            {
                if (edit.Profile?.Trim() is { } profile && profile != device.Profile && !Profiles(profile))
                    return DeviceRefusal.NoProfile(profile);
                if (DeviceEntry.LabelProblem(edit.Label) is { } label)
                    return DeviceRefusal.Wrong(label);
                if (DeviceEntry.MinutesProblem(edit.ReportMinutes) is { } minutes)
                    return DeviceRefusal.Wrong(minutes);
                if (edit.Installed > Now)
                    return DeviceRefusal.Wrong(InTheFuture(edit.Installed.Value));
                // Whoever has it now sees what it has said since then, and nothing of the home that it was in before.
                if (edit.Installed is { } installed && await EarliestAsync(db, device, cancellation) is { } came && installed < came)
                    return DeviceRefusal.Wrong(Before(installed, came));
                device.Profile = edit.Profile?.Trim() ?? device.Profile;
                device.Label = edit.Label?.Trim() ?? device.Label;
                if (edit.ReportMinutes is { } every)
                    device.ReportMinutes = every == 0 ? null : every;
                device.InstalledAt = edit.Installed ?? device.InstalledAt;
                return null;
            },
            cancellation
        );

    private DeviceRefusal? WhyProblem =>
        Why.Length <= LongestWhy
            ? null
            : DeviceRefusal.Wrong(new Wording($"the reason has more than {LongestWhy} characters", $"原因超过 {LongestWhy} 个字"));

    /// <param name="id">Of the device.</param>
    /// <param name="version">That the person has seen; null where they have seen none.</param>
    /// <param name="action">Its word in the audit log.</param>
    /// <param name="change">Changes it, or says why not.</param>
    /// <param name="cancellation">Ends it.</param>
    private async Task<DeviceRefusal?> ChangeAsync(
        string id,
        string? version,
        string action,
        Func<RecordsDb, Device, Task<DeviceRefusal?>> change,
        CancellationToken cancellation
    )
    {
        if (WhyProblem is { } why)
            return why;
        await using var db = await Records.CreateDbContextAsync(cancellation);
        await using var turn = await WriteTurn.BeginAsync(db, first: false, cancellation);
        if (await LockedAsync(db, id, cancellation) is not { } device)
            return DeviceRefusal.NoDevice(id);
        if (version is not null && version != device.Version)
            return DeviceRefusal.Changed(id);
        var before = Facts(device);
        if (await change(db, device) is { } refused)
            return refused;
        db.AddAudit(Now, Who, action, $"device:{id}", Detail(before, Facts(device)));
        return await SaveAsync(db, turn, id, cancellation);
    }

    /// <summary>On SQLite there is one writer; on PostgreSQL the row is locked, so that nobody changes it in between.</summary>
    private static async Task<Device?> LockedAsync(RecordsDb db, string id, CancellationToken cancellation)
    {
        if (db.Database.IsNpgsql())
            await db.Database.ExecuteSqlAsync($"""SELECT 1 FROM "Devices" WHERE "Id" = {id} FOR UPDATE""", cancellation);
        return await db.Devices.FirstOrDefaultAsync(d => d.Id == id, cancellation);
    }

    private static async Task<DeviceRefusal?> SaveAsync(RecordsDb db, WriteTurn turn, string id, CancellationToken cancellation)
    {
        try
        {
            await db.SaveChangesAsync(cancellation);
            await turn.CommitAsync(cancellation);
            return null;
        }
        catch (DbUpdateException e) when (StoreFailure.IsOfRows(e) || StoreFailure.IsPassing(e))
        {
            // In another area, whose rows are not seen from here, or by somebody else at the same moment.
            return DeviceRefusal.Known(id);
        }
    }

    /// <summary>Null when the moment from which on something holds may be.</summary>
    private DeviceRefusal? SinceProblem(DateTime? since, DateTime? notBefore = null) =>
        since is not { } at ? null
        : at > Now ? DeviceRefusal.Wrong(InTheFuture(at))
        : at < Now.AddDays(-DaysBack)
            ? DeviceRefusal.Wrong(
                new Wording($"{at:yyyy-MM-dd HH:mm} is more than {DaysBack} days ago", $"{at:yyyy-MM-dd HH:mm} 已超过 {DaysBack} 天")
            )
        : at < notBefore ? DeviceRefusal.Wrong(Before(at, notBefore.Value))
        : null;

    private static Wording Before(DateTime at, DateTime came) =>
        new(
            $"{at:yyyy-MM-dd HH:mm} lies before {came:yyyy-MM-dd HH:mm}, when it came where it is (UTC)",
            $"{at:yyyy-MM-dd HH:mm} 早于该设备来到现处的时间 {came:yyyy-MM-dd HH:mm}（协调世界时）"
        );

    private static Wording InTheFuture(DateTime at) => new($"{at:yyyy-MM-dd HH:mm} lies in the future", $"{at:yyyy-MM-dd HH:mm} 在将来");

    /// <summary>What of a device stands in the audit log.</summary>
    private static List<(string Name, string Value)> Facts(Device device) =>
        [
            ("state", device.Status.Word()),
            ("resident", device.ResidentId ?? ""),
            ("profile", device.Profile),
            ("label", device.Label),
            ("report minutes", device.ReportMinutes?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? ""),
            ("installed", $"{device.InstalledAt:yyyy-MM-dd HH:mm}Z"),
            ("stock", device.StockArea),
        ];

    private string Detail(List<(string Name, string Value)> before, List<(string Name, string Value)> after)
    {
        var was = before.ToDictionary(f => f.Name, f => f.Value);
        var changed = after.Where(f => was.GetValueOrDefault(f.Name, "") != f.Value);
        var words = string.Join("; ", changed.Select(f => $"{f.Name}: {Shown(was.GetValueOrDefault(f.Name, ""))} → {Shown(f.Value)}"));
        return (Why.Length > 0 ? $"{words} ({Why})" : words).Trim();

        static string Shown(string value) => value.Length > 0 ? value : "—";
    }
}
