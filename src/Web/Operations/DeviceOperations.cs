using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Whether there is a profile of this id, which could read a device's payloads.</summary>
public delegate bool KnowsProfile(string id);

/// <summary>Why a device can't be bound.</summary>
/// <param name="Why">In words that name the value.</param>
/// <param name="Status">The answer of the API.</param>
internal sealed record NotBound(Wording Why, int Status);

/// <summary>Devices that wait to be bound.</summary>
internal static class DeviceOperations
{
    /// <summary>
    /// Registers a waiting device as a device of a resident. Nothing is written unless resident and profile exist: a device with a profile
    /// that nobody knows would be registered, and refused for ever.
    /// </summary>
    /// <returns>Null when it is bound.</returns>
    public static async Task<NotBound?> BindAsync(
        IDbContextFactory<RecordsDb> records,
        KnowsProfile profiles,
        AlarmDesk desk,
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
        if (resident.Length == 0)
            return new NotBound(
                new Wording($"say to whom '{id}' belongs: the number of a resident", $"请填写设备“{id}”所属服务对象的编号"),
                StatusCodes.Status400BadRequest
            );
        if (await db.Residents.FirstOrDefaultAsync(r => r.Id == resident, cancellation) is not { } home)
            return Missing(new Wording($"there is no resident '{resident}'", $"没有服务对象“{resident}”"));
        if (await db.Unbound.FindAsync([id], cancellation) is not { } waiting)
            return Missing(new Wording($"there is no unbound device '{id}'", $"没有待绑定的设备“{id}”"));
        var reads = string.IsNullOrWhiteSpace(profile) ? waiting.Profile : profile.Trim();
        if (!profiles(reads))
            return new NotBound(
                new Wording($"there is no device profile '{reads}'", $"没有型号文件“{reads}”"),
                StatusCodes.Status400BadRequest
            );
        // It may be registered already and still stand among those that wait: in stock, or under a profile that nobody knows.
        if (await db.Devices.FirstOrDefaultAsync(d => d.Id == id, cancellation) is not { } device)
            db.Devices.Add(device = new Device { Id = id, Profile = reads });
        else if (device.ResidentId is { } other && other != resident)
            return Taken(new Wording($"'{id}' is bound to resident '{other}' already", $"设备“{id}”已绑定到服务对象“{other}”"));
        (device.Profile, device.ResidentId, device.InstalledAt) = (reads, resident, now);
        device.Label = label ?? device.Label;
        db.Unbound.Remove(waiting);
        home.UpdatedAt = now;
        try
        {
            await db.SaveChangesAsync(cancellation);
        }
        catch (DbUpdateException e) when (StoreFailure.IsOfRows(e) || StoreFailure.IsPassing(e))
        {
            // In another area, whose rows are not seen from here, or by somebody else at the same moment.
            return Taken(new Wording($"'{id}' is registered already", $"设备“{id}”已登记"));
        }

        await records.AddAsync(now, who, "bind", $"device:{id}", $"to resident:{resident}", cancellation);
        await desk.TieAsync(id, resident, who, cancellation);
        return null;
    }

    private static NotBound Missing(Wording why) => new(why, StatusCodes.Status404NotFound);

    private static NotBound Taken(Wording why) => new(why, StatusCodes.Status409Conflict);
}
