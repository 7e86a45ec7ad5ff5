using Vigil.Model;

namespace Vigil.Storage.Readings;

/// <summary><see cref="ReadingQuery.Thinned"/> for a store that can't thin by itself.</summary>
internal static class Thinning
{
    public static IEnumerable<Reading> Of(IReadOnlyCollection<Reading> readings, TimeSpan? every) =>
        every is not { } length
            ? readings
            : readings
                .GroupBy(r => (r.Device, r.Metric, r.Channel, (r.Time - DateTime.UnixEpoch).Ticks / length.Ticks, r.Value != 0))
                .SelectMany(slot => new[] { slot.MinBy(r => r.Time), slot.MaxBy(r => r.Time), slot.MaxBy(r => r.Value) }.Distinct());
}
