using Vigil.Model;

namespace Vigil.Storage.Readings;

/// <summary>One local day of one home.</summary>
public sealed record DayOfUse(DateOnly Day, double? Litres, double? KilowattHours, DateTime? FirstUse, DateTime? LastUse);

/// <summary>Daily use from cumulative totals: differences of one series, in order of time; a total that falls begins anew and says nothing of what was used.</summary>
public static class DailyLife
{
    public static async Task<IReadOnlyList<DayOfUse>> ReadAsync(IReadingStore store, IReadOnlyList<DeviceId> devices, DateTime from, DateTime to, TimeZoneInfo zone, CancellationToken cancellation)
    {
        var days = new SortedDictionary<DateOnly, (double? Litres, double? KilowattHours, DateTime? First, DateTime? Last)>();
        foreach (var metric in new[] { Metric.WaterVolume, Metric.ElectricityEnergy })
        {
            var last = new Dictionary<(DeviceId, string), double>();
            var water = ReferenceEquals(metric, Metric.WaterVolume);
            await foreach (var reading in store.QueryAsync(new ReadingQuery(devices, metric, from, to), cancellation))
            {
                if (reading.Has(ReadingFlags.Suspect)) continue;
                var series = (reading.Device, reading.Channel);
                var known = last.TryGetValue(series, out var before);
                last[series] = reading.Value;
                if (!known || reading.Value < before) continue;
                // A total read at midnight tells of the day before.
                var day = DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(reading.Time.AddTicks(-1), zone));
                days.TryGetValue(day, out var use);
                var used = reading.Value - before;
                if (water)
                {
                    use.Litres = (use.Litres ?? 0) + used * 1000;
                    if (used > 0) (use.First, use.Last) = (use.First ?? reading.Time, reading.Time);
                }
                else
                {
                    use.KilowattHours = (use.KilowattHours ?? 0) + used;
                }

                days[day] = use;
            }
        }

        return [.. days.Select(d => new DayOfUse(d.Key, Rounded(d.Value.Litres, 1), Rounded(d.Value.KilowattHours, 3), d.Value.First, d.Value.Last))];
    }

    private static double? Rounded(double? value, int digits) => value is { } v ? Math.Round(v, digits) : null;
}
