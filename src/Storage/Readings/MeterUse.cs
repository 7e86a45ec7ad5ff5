using Vigil.Model;

namespace Vigil.Storage.Readings;

/// <summary>What one meter says was used between two of its totals.</summary>
/// <param name="Water">m³; else electricity in kWh.</param>
internal readonly record struct MeterUse(bool Water, DateTime From, DateTime To, double Quantity)
{
    /// <summary>
    /// Of all meters of a home, each in the order of time, counted as the rules count (<see cref="MeterTotal"/>): nothing is said of a time
    /// whose totals are not believed. Where a meter tells its total, its parts (phases, tariffs) are not counted besides.
    /// </summary>
    /// <param name="readings">In any order; other metrics and suspect values are passed over.</param>
    public static IEnumerable<MeterUse> Of(IEnumerable<Reading> readings)
    {
        var meters = readings
            .Where(r =>
                (ReferenceEquals(r.Metric, Metric.WaterVolume) || ReferenceEquals(r.Metric, Metric.ElectricityEnergy))
                && !r.Has(ReadingFlags.Suspect)
                && double.IsFinite(r.Value)
                && r.Value >= 0
            )
            .GroupBy(r => (r.Device, r.Metric));
        foreach (var meter in meters)
        {
            var water = ReferenceEquals(meter.Key.Metric, Metric.WaterVolume);
            var registers = meter.ToLookup(r => r.Channel ?? "");
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
}
