using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Devices that wait to be bound.</summary>
internal static class DeviceOperations
{
    /// <summary>Registers a waiting device as a device of a resident.</summary>
    /// <returns>Null when it is bound; else which of them does not exist.</returns>
    public static async Task<Wording?> BindAsync(
        IDbContextFactory<RecordsDb> records,
        string who,
        DateTime now,
        string id,
        string resident,
        string? profile,
        string? label,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.Residents.FirstOrDefaultAsync(r => r.Id == resident, cancellation) is not { } home)
            return new Wording($"there is no resident '{resident}'", $"没有服务对象“{resident}”");
        if (await db.Unbound.FindAsync([id], cancellation) is not { } waiting)
            return new Wording($"there is no unbound device '{id}'", $"没有待绑定的设备“{id}”");
        db.Devices.Add(
            new Device
            {
                Id = id,
                Profile = string.IsNullOrEmpty(profile) ? waiting.Profile : profile,
                ResidentId = resident,
                InstalledAt = now,
                Label = label ?? "",
            }
        );
        db.Unbound.Remove(waiting);
        home.UpdatedAt = now;
        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(now, who, "bind", $"device:{id}", $"to resident:{resident}", cancellation);
        return null;
    }
}
