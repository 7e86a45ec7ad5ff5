using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// In whose home devices were that have come, gone or moved since a moment: what arrived before is replayed to the home it came from. All
/// others are where <see cref="LiveRegistry"/> has them.
/// </summary>
internal sealed class MovedDevices
{
    private readonly Dictionary<string, DateTime> placed = [];
    private ILookup<string, FormerPlace> former = Array.Empty<FormerPlace>().ToLookup(p => p.DeviceId);

    public static async Task<MovedDevices> ReadAsync(IDbContextFactory<RecordsDb> records, DateTime since, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var moved = new MovedDevices
        {
            former = (await db.FormerPlaces.AsNoTracking().Where(p => p.Until > since).ToListAsync(cancellation)).ToLookup(
                p => p.DeviceId,
                StringComparer.Ordinal
            ),
        };
        foreach (
            var device in await db.Devices.Where(d => d.PlacedAt > since).Select(d => new { d.Id, d.PlacedAt }).ToListAsync(cancellation)
        )
            moved.placed[device.Id] = device.PlacedAt!.Value;
        return moved;
    }

    /// <summary>Whose reading it is; null for a device that was in nobody's home.</summary>
    public ResidentId? HomeOf(string device, DateTime received, LiveRegistry registry)
    {
        foreach (var place in former[device])
            if (received < place.Until && !(received < place.From))
                return new ResidentId(place.ResidentId);
        return placed.TryGetValue(device, out var since) && received < since ? null : registry.Find(device)?.Resident;
    }
}
