using Vigil.Model;

namespace Vigil.Web.LifeLines;

/// <summary>What one device tells of life, by one metric. Slots are counted from the left end of the line.</summary>
/// <param name="Device">Who tells.</param>
/// <param name="Metric">Of what.</param>
/// <param name="Signs">In order of time; some before the line begins.</param>
/// <param name="Marks">Slots with signs; neighbours are one mark.</param>
/// <param name="On">Slots in which it was on: occupied, open.</param>
/// <param name="Bars">A meter's use, bar by bar, from the left; 0…1. Empty for what is no meter.</param>
public sealed record LifeRow(
    DeviceId Device,
    Metric Metric,
    IReadOnlyList<SignOfLife> Signs,
    IReadOnlyList<(int Slot, int Length)> Marks,
    IReadOnlyList<(double Slot, double Length)> On,
    IReadOnlyList<double> Bars
)
{
    /// <summary>Pure. A row for each device and metric that can tell of life and was read.</summary>
    /// <param name="readings">In order of time.</param>
    /// <param name="from">The left end, UTC.</param>
    /// <param name="until">The right end.</param>
    /// <param name="zoom">How the line is divided.</param>
    public static List<LifeRow> Of(IEnumerable<Reading> readings, DateTime from, DateTime until, Zoom zoom) =>
        [
            .. readings
                .Where(r => r.Metric.Life.IsOne)
                .GroupBy(r => (r.Device, r.Metric))
                .Select(g => Of(g.Key.Device, g.Key.Metric, [.. g], from, until, zoom))
                .OrderBy(r => r.Metric.Life.Sense)
                .ThenBy(r => r.Metric.Index)
                .ThenBy(r => r.Device),
        ];

    private static LifeRow Of(DeviceId device, Metric metric, List<Reading> readings, DateTime from, DateTime until, Zoom zoom)
    {
        var uses = metric.Life.Sense == LifeSense.Use ? MeteredUse.Of(readings) : null;
        var channels = readings.GroupBy(r => r.Channel).Select(c => c.ToList());
        var signs = uses is not null
            ? MeteredUse.Signs(uses, metric).Select(t => new SignOfLife(t, device, metric))
            : channels.SelectMany(LifeSign.Among).Select(r => new SignOfLife(r.Time, device, metric));
        List<SignOfLife> all = [.. signs.Where(s => s.Time <= until).OrderBy(s => s.Time)];
        var on = metric.Life.When == LifeWhen.Changes ? Lasting(readings, from, until, zoom) : [];
        return new LifeRow(device, metric, all, Merged(all, from, zoom), on, uses is null ? [] : Heights(uses, metric, from, zoom));
    }

    private static List<(int, int)> Merged(IEnumerable<SignOfLife> signs, DateTime from, Zoom zoom)
    {
        var marks = new List<(int Slot, int Length)>();
        var slots = signs.Where(s => s.Time >= from).Select(s => Math.Min((int)((s.Time - from) / zoom.Slot), zoom.Slots - 1));
        foreach (var slot in slots.Distinct())
            if (marks.Count > 0 && marks[^1] is var last && last.Slot + last.Length == slot)
                marks[^1] = (last.Slot, last.Length + 1);
            else
                marks.Add((slot, 1));
        return marks;
    }

    /// <summary>From a reading that isn't 0 to the next that is.</summary>
    private static List<(double, double)> Lasting(IReadOnlyList<Reading> readings, DateTime from, DateTime until, Zoom zoom)
    {
        var spans = new List<(double, double)>();
        foreach (var channel in readings.GroupBy(r => r.Channel))
        {
            DateTime? since = null;
            foreach (var (time, on) in channel.Select(r => (r.Time, r.Value != 0)).Append((until, false)))
            {
                if (on)
                    since ??= time;
                else if (since is { } begun && time > from)
                {
                    var left = Math.Max(0, (begun - from) / zoom.Slot);
                    spans.Add((left, (time - from) / zoom.Slot - left));
                }

                since = on ? since : null;
            }
        }

        return spans;
    }

    private static double[] Heights(List<MeteredUse> uses, Metric metric, DateTime from, Zoom zoom)
    {
        var bars = new double[(int)(zoom.Span / zoom.Bar)];
        foreach (var use in uses)
            // As if the line began with 0001-01-01: bars begin at the left end, not on a full hour.
            (use with { From = Shifted(use.From), Until = Shifted(use.Until) }).Divide(
                zoom.Bar,
                (slot, part) =>
                {
                    if (slot >= Ahead && slot - Ahead < bars.Length)
                        bars[slot - Ahead] += part;
                }
            );
        // A drip alone does not fill the row.
        var highest = Math.Max(bars.Max(), 10 * MeteredUse.Margin(metric) * zoom.Bar.TotalHours);
        return [.. bars.Select(b => b / highest)];

        DateTime Shifted(DateTime time) => DateTime.MinValue + Ahead * zoom.Bar + (time - from);
    }

    /// <summary>Bars of time before the left end that the shift keeps positive.</summary>
    private const int Ahead = 10_000;
}
