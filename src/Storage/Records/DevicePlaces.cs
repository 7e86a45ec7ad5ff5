using Microsoft.EntityFrameworkCore;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>
/// When which devices were in whose home. A person's past is read by these, and not by the devices that are in the home today: the old
/// meter's readings stay theirs, and those that a device makes elsewhere never were.
/// </summary>
public static class DevicePlaces
{
    /// <summary>All devices that are or were in a home, and when.</summary>
    public static async Task<IReadOnlyList<DeviceSpan>> PlacesOfAsync(this RecordsDb db, string resident, CancellationToken cancellation)
    {
        var here = await db
            .Devices.Where(d => d.ResidentId == resident)
            .OrderBy(d => d.Id)
            .Select(d => new { d.Id, d.PlacedAt })
            .ToListAsync(cancellation);
        var former = await db.FormerPlaces.AsNoTracking().Where(p => p.ResidentId == resident).ToListAsync(cancellation);
        return [.. here.Select(d => Span(d.Id, d.PlacedAt)), .. former.Select(Span)];
    }

    /// <summary>The same from rows that were read already.</summary>
    public static IReadOnlyList<DeviceSpan> Of(IEnumerable<Device> here, IEnumerable<FormerPlace> former) =>
        [.. here.Select(d => Span(d.Id, d.PlacedAt)), .. former.Select(Span)];

    private static DeviceSpan Span(string device, DateTime? from) =>
        new(new DeviceId(device), from ?? DateTime.MinValue, DateTime.MaxValue);

    private static DeviceSpan Span(FormerPlace place) => new(new DeviceId(place.DeviceId), place.From ?? DateTime.MinValue, place.Until);
}
