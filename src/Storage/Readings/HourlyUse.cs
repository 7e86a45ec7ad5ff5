using Vigil.Model;

namespace Vigil.Storage.Readings;

/// <summary>What one home used in one hour. A quantity is null where no meter reported it.</summary>
/// <param name="Hour">Its beginning, UTC.</param>
public sealed record HourOfUse(DateTime Hour, double? Litres, double? KilowattHours);

/// <summary>What a home used, hour by hour, from the totals of its meters: shown beside an alarm about missing use.</summary>
public static class HourlyUse
{
    /// <summary>Two totals further apart than this don't tell in which hour it was used.</summary>
    private static readonly TimeSpan HourKnownWithin = TimeSpan.FromHours(4);

    /// <summary>Every hour from <paramref name="from"/> to <paramref name="to"/> (UTC).</summary>
    public static async Task<IReadOnlyList<HourOfUse>> ReadAsync(
        IReadingStore store,
        IReadOnlyList<DeviceSpan> devices,
        DateTime from,
        DateTime to,
        CancellationToken cancellation
    ) => Of(await MeterUse.ReadAsync(store, devices, from - HourKnownWithin, to, cancellation), from, to);

    /// <summary>Pure. What was used between two totals is divided among the hours between them, in proportion to the time.</summary>
    public static IReadOnlyList<HourOfUse> Of(IEnumerable<Reading> readings, DateTime from, DateTime to) =>
        Of(MeterUse.Of(readings), from, to);

    private static IReadOnlyList<HourOfUse> Of(IEnumerable<MeterUse> uses, DateTime from, DateTime to)
    {
        var first = new DateTime(from.Ticks - from.Ticks % TimeSpan.TicksPerHour, DateTimeKind.Utc);
        var count = Math.Max(0, (int)Math.Ceiling((to - first).TotalHours));
        var (water, energy) = (new double?[count], new double?[count]);
        foreach (var (isWater, start, end, used) in uses)
        {
            if (end - start > HourKnownWithin)
                continue;
            var into = isWater ? water : energy;
            var whole = (end - start).TotalHours;
            for (var hour = Math.Max(0, (int)Math.Floor((start - first).TotalHours)); hour < count && first.AddHours(hour) < end; hour++)
            {
                var part = (Min(end, first.AddHours(hour + 1)) - Max(start, first.AddHours(hour))).TotalHours / whole;
                if (part > 0)
                    into[hour] = (into[hour] ?? 0) + used * part;
            }
        }

        return [.. Enumerable.Range(0, count).Select(i => new HourOfUse(first.AddHours(i), water[i] * 1000, energy[i]))];
    }

    private static DateTime Min(DateTime a, DateTime b) => a < b ? a : b;

    private static DateTime Max(DateTime a, DateTime b) => a > b ? a : b;
}
