using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>What a device last sent.</summary>
internal static class LatestReadings
{
    private static readonly TimeSpan Lately = TimeSpan.FromDays(2);
    private static readonly TimeSpan LongAgo = TimeSpan.FromDays(60);

    /// <summary>What a device measures from here on is of where it is now; before, it may have been in another home.</summary>
    public static DateTime HereSince(Device device) =>
        device.PlacedAt ?? (device.ResidentId is null ? device.InstalledAt : DateTime.UnixEpoch);

    /// <summary>The newest reading of each metric and channel since the device came where it is, as far as its resident agrees.</summary>
    /// <exception cref="ReadingStoreException">The readings could not be read.</exception>
    public static async Task<IReadOnlyList<Reading>> LatestAsync(
        IReadingStore store,
        Device device,
        Refusals refused,
        DateTime now,
        CancellationToken cancellation
    )
    {
        var heard = device.LastSeenAt ?? now;
        var since = HereSince(device);
        foreach (var (back, thinned) in new[] { (Lately, TimeSpan.FromHours(1)), (LongAgo, TimeSpan.FromDays(2)) })
        {
            var (from, to) = (heard - back > since ? heard - back : since, now.AddMinutes(10));
            if (from >= to)
                return [];
            var newest = new Dictionary<(Metric, string), Reading>();
            var query = new ReadingQuery([new DeviceId(device.Id)], null, from, to) { Thinned = thinned };
            await foreach (var reading in store.QueryAsync(query, cancellation))
                if ((reading.Metric.EndedBy & refused) == 0)
                    newest[(reading.Metric, reading.Channel)] = reading;
            if (newest.Count > 0)
                return [.. newest.Values.OrderByDescending(r => r.Time).ThenBy(r => r.Metric.Index).ThenBy(r => r.Channel)];
        }

        return [];
    }
}
