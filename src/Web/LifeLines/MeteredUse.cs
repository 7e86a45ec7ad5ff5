using Vigil.Model;
using Vigil.Storage.Readings;

namespace Vigil.Web.LifeLines;

/// <summary>What one meter counted between two of its totals.</summary>
/// <param name="Quantity">m³ or kWh.</param>
public readonly record struct MeteredUse(DateTime From, DateTime Until, double Quantity)
{
    /// <summary>Two totals further apart than this don't tell when it was used.</summary>
    private static readonly TimeSpan KnownWithin = TimeSpan.FromHours(4);

    private static readonly TimeSpan HalfHour = TimeSpan.FromMinutes(30);

    /// <summary>Pure. Counted as the rules and the other charts count it (<see cref="MeterTotal"/>).</summary>
    /// <param name="totals">Of one meter and metric. Where it has a grand total, its phases and tariffs are left out.</param>
    public static List<MeteredUse> Of(IReadOnlyList<Reading> totals) =>
        [
            .. MeterUse
                .OfMeter(totals, water: totals.Count > 0 && !ReferenceEquals(totals[0].Metric, Metric.ElectricityEnergy))
                .Where(u => u.To - u.From <= KnownWithin)
                .Select(u => new MeteredUse(u.From, u.To, u.Quantity)),
        ];

    /// <summary>
    /// Pure. Use that somebody caused: in a half hour with more of it than leaks and refrigerators take, which is what is used in the
    /// quietest fifth of the half hours, with the margin that the rule of inactivity has too.
    /// </summary>
    public static IEnumerable<DateTime> Signs(IReadOnlyList<MeteredUse> uses, Metric metric)
    {
        var slots = new Dictionary<long, double>();
        foreach (var use in uses)
            use.Divide(HalfHour, (slot, part) => slots[slot] = slots.GetValueOrDefault(slot) + part);
        if (slots.Count == 0)
            return [];
        var background = slots.Values.Order().ElementAt(slots.Count / 5) * 1.2 + Margin(metric) * HalfHour.TotalHours;
        return uses.Where(u => u.Quantity > 0 && slots[(u.Until.Ticks - 1) / HalfHour.Ticks] > background).Select(u => u.Until);
    }

    /// <summary>As little as no meter and no cycle tells apart from nothing; m³/h or kW.</summary>
    public static double Margin(Metric metric) => ReferenceEquals(metric, Metric.ElectricityEnergy) ? 0.03 : 0.0003;

    /// <summary>Divides it among intervals (numbered from 0001-01-01), in proportion to the time.</summary>
    public void Divide(TimeSpan interval, Action<long, double> add)
    {
        for (var slot = From.Ticks / interval.Ticks; slot * interval.Ticks < Until.Ticks; slot++)
        {
            var within = Math.Min(Until.Ticks, (slot + 1) * interval.Ticks) - Math.Max(From.Ticks, slot * interval.Ticks);
            add(slot, Quantity * within / (Until - From).Ticks);
        }
    }
}
