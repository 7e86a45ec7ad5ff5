using Vigil.Model;

namespace Vigil.Storage.Readings;

/// <summary>What was used between two totals of one meter.</summary>
/// <param name="Water">Water in m³; otherwise electricity in kWh.</param>
public readonly record struct MeterUse(bool Water, DateTime From, DateTime To, double Quantity)
{
    /// <summary>
    /// The use by all meters of a home, counted as the rules count it (<see cref="MeterTotal"/>): implausible totals yield no use. Where a
    /// meter reports a grand total, its parts (phases, tariffs) are not added to it.
    /// </summary>
    /// <param name="readings">In any order; other metrics and suspect values are ignored.</param>
    public static IEnumerable<MeterUse> Of(IEnumerable<Reading> readings) =>
        readings
            .Where(r => ReferenceEquals(r.Metric, Metric.WaterVolume) || ReferenceEquals(r.Metric, Metric.ElectricityEnergy))
            .GroupBy(r => (r.Device, r.Metric))
            .SelectMany(meter => OfMeter(meter, ReferenceEquals(meter.Key.Metric, Metric.WaterVolume)));

    /// <summary>The use by all meters that are or were in a home; between the totals of two of them nothing is counted.</summary>
    public static async Task<IReadOnlyList<MeterUse>> ReadAsync(
        IReadingStore store,
        IReadOnlyList<DeviceSpan> devices,
        DateTime from,
        DateTime to,
        CancellationToken cancellation
    )
    {
        var uses = new List<MeterUse>();
        foreach (var metric in new[] { Metric.WaterVolume, Metric.ElectricityEnergy })
        foreach (var query in devices.Queries(metric, from, to))
        {
            var readings = new List<Reading>();
            await foreach (var reading in store.QueryAsync(query, cancellation))
                readings.Add(reading);
            uses.AddRange(Of(readings));
        }

        return uses;
    }

    /// <summary>The same for the totals of one meter and metric; gas is counted as water is.</summary>
    public static IEnumerable<MeterUse> OfMeter(IEnumerable<Reading> totals, bool water)
    {
        var registers = totals
            .Where(r => !r.Has(ReadingFlags.Suspect) && double.IsFinite(r.Value) && r.Value >= 0)
            .ToLookup(r => r.Channel ?? "");
        foreach (var register in registers.Where(c => c.Key.Length == 0 || !registers.Contains("")))
        {
            MeterTotal? before = null;
            foreach (var reading in register.OrderBy(r => r.Time))
            {
                if (before is not { } total)
                {
                    before = new MeterTotal(reading.Time.Ticks, reading.Value);
                    continue;
                }

                var from = total.Time;
                if (reading.Time.Ticks <= from)
                    continue;
                var step = total.Next(water, reading.Time.Ticks, reading.Value, out var used);
                before = total;
                if (step == MeterStep.Used)
                    yield return new MeterUse(water, new DateTime(from, DateTimeKind.Utc), reading.Time, used);
            }
        }
    }
}
