using System.Globalization;
using System.Text;
using Vigil.Storage.Records;

namespace Vigil.Web.LifeLines;

/// <summary>Where a time lies on the line, and what is drawn there. One unit is a slot; a strip is <see cref="Height"/> high.</summary>
internal sealed class Scale(LifeLine line)
{
    public const int Height = 20;

    public double Width => line.Zoom.Slots;

    /// <summary>As a share of the width, for texts, which are not stretched with the line.</summary>
    /// <param name="time">UTC.</param>
    /// <param name="margin">As near as it may come to either end, so that neither cuts it off.</param>
    public string Percent(DateTime time, double margin = 0) => N(Math.Clamp(At(time) / Width * 100, margin, 100 - margin)) + "%";

    public string Share(DateTime from, DateTime until) => N((At(until) - At(from)) / Width * 100) + "%";

    /// <summary>Of the part that is on the line.</summary>
    public DateTime Middle(DateTime from, DateTime until) => line.From + (At(from) + At(until)) / 2 * line.Zoom.Slot;

    /// <summary>Path of rectangles that are as high as the strip.</summary>
    public string Bands(IEnumerable<(DateTime From, DateTime Until)> spans, double top = 0, double height = Height) =>
        Rectangles(spans.Select(s => (At(s.From), At(s.Until) - At(s.From))), top, height);

    public static string Rectangles(IEnumerable<(double Slot, double Length)> spans, double top, double height)
    {
        var path = new StringBuilder();
        foreach (var (slot, length) in spans)
            if (length > 0)
                path.Append(CultureInfo.InvariantCulture, $"M{N(slot)} {N(top)}h{N(length)}v{N(height)}h-{N(length)}z");
        return path.ToString();
    }

    /// <summary>Path of upright lines.</summary>
    public string Lines(IEnumerable<DateTime> times) => string.Concat(times.Select(t => $"M{N(At(t))} 0v{Height}"));

    /// <summary>Path of bars from the bottom up; the width of one is <see cref="BarWidth"/>.</summary>
    public string Bars(IReadOnlyList<double> heights) =>
        string.Concat(heights.Select((h, i) => h > 0 ? $"M{N((i + 0.5) * BarWidth)} {Height}v-{N(Math.Max(1, h * (Height - 2)))}" : ""));

    public double BarWidth => line.Zoom.Bar / line.Zoom.Slot;

    /// <summary>Where the axis is labelled: local times that are whole multiples of the tick, counted from a midnight.</summary>
    public IEnumerable<(DateTime Time, DateTime Local)> Ticks(TimeZoneInfo zone)
    {
        var first = TimeZoneInfo.ConvertTimeFromUtc(line.From, zone);
        for (var hour = first.Date; hour <= first + line.Zoom.Span; hour = hour.AddHours(1))
        {
            var sinceMidnights = hour - DateTime.UnixEpoch.Date;
            if (sinceMidnights.Ticks % line.Zoom.Tick.Ticks != 0 || zone.IsInvalidTime(hour))
                continue;
            var time = TimeZoneInfo.ConvertTimeToUtc(DateTime.SpecifyKind(hour, DateTimeKind.Unspecified), zone);
            if (time >= line.From && time <= line.Until)
                yield return (time, hour);
        }
    }

    /// <summary>Alarms whose marks would lie over each other on a telephone.</summary>
    public List<List<Alarm>> Near(IEnumerable<Alarm> alarms)
    {
        var near = new List<List<Alarm>>();
        foreach (var alarm in alarms)
            if (near.Count > 0 && At(alarm.OpenedAt) - At(near[^1][0].OpenedAt) < Width * 0.08)
                near[^1].Add(alarm);
            else
                near.Add([alarm]);
        return near;
    }

    public static string N(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    private double At(DateTime time) => Math.Clamp((time - line.From) / line.Zoom.Slot, 0, Width);
}
