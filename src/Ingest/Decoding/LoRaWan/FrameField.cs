using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>One line of a frame's <c>read:</c>: which bytes are read, and as which metric.</summary>
internal sealed class FrameField
{
    private enum Part
    {
        None,
        Latitude,
        Longitude,
        Accuracy,
        Speed,
    }

    private FrameValue value;
    private FrameCondition[] when = [];
    private Metric metric = Metric.Online;
    private Conversion conversion;
    private string channel = "";
    private ReadingFlags flags;
    private double least,
        most;
    private double[] invalid = [];
    private Dictionary<double, (double Number, string Word)>? values;
    private FrameValue? times;
    private Dictionary<double, (double Number, string Word)>? timesValues;
    private bool optional;
    private bool minutes;
    private Part part;

    /// <summary>The least length of a frame that has this field, bytes; 0 when the field may be missing.</summary>
    public int Needs => optional ? 0 : Math.Max(value.Needs, times?.Needs ?? 0);

    public static IReadOnlyList<FrameField> ReadAll(YamlSection frame)
    {
        var fields = new List<FrameField>();
        foreach (var line in frame.Sections("read"))
        {
            if (MapEntry.ReadMetric(line) is not { } found)
                continue;
            var field = new FrameField
            {
                value = FrameValue.Read(line),
                when = FrameCondition.Read(line, "when"),
                metric = found.Item1,
                conversion = found.Item2,
                channel = line.Text("channel") ?? "",
                least = line.Number("min") ?? double.NegativeInfinity,
                most = line.Number("max") ?? double.PositiveInfinity,
                invalid =
                [
                    .. line.Texts("invalid").Select(t => double.TryParse(t, CultureInfo.InvariantCulture, out var v) ? v : double.NaN),
                ],
                minutes = line.Text("angle") == "ddmm",
                optional = line.Flag("optional") ?? false,
                flags = line.Flag("suspect") == true ? ReadingFlags.Suspect : ReadingFlags.None,
                part = line.Text("part") switch
                {
                    "lat" => Part.Latitude,
                    "lon" => Part.Longitude,
                    "accuracy" => Part.Accuracy,
                    "speed" => Part.Speed,
                    _ => Part.None,
                },
            };
            field.values = ReadValues(line, field.metric);
            if (line.Section("times") is { } factor)
            {
                field.times = FrameValue.Read(factor);
                field.timesValues = ReadValues(factor, Metric.AnalogInput);
                factor.NoOthers();
            }

            if (field.metric.Kind == MetricKind.Event && field.values is null)
                line.Refuse("values", "", "an event needs the numbers that mean one: values: { 1: pressed }");
            line.NoOthers();
            fields.Add(field);
        }

        return fields;
    }

    /// <summary>Appends the field's reading; the parts of a position are gathered in <paramref name="place"/>.</summary>
    public void Take(ReadOnlySpan<byte> frame, DateTime? time, ReadingFlags inherited, DecodedPayload into, ref FramePlace place)
    {
        var raw = value.Of(frame);
        if (double.IsNaN(raw))
            return;
        foreach (var condition in when)
            if (!condition.Holds(frame))
                return;
        foreach (var sentinel in invalid)
            if (raw == sentinel)
                return;
        if (raw < least || raw > most)
            return;
        if (values is not null)
        {
            if (!values.TryGetValue(raw, out var meaning))
                return;
            if (metric.Kind == MetricKind.Event)
            {
                into.AddEvent(metric, meaning.Word, time, channel, inherited | flags);
                return;
            }

            raw = meaning.Number;
        }
        else if (metric.Kind == MetricKind.State)
        {
            raw = raw == 0 ? 0 : 1;
        }

        if (times is { } by)
        {
            var factor = by.Of(frame);
            if (timesValues is not null)
                factor = timesValues.TryGetValue(factor, out var meant) ? meant.Number : double.NaN;
            raw *= factor;
        }

        if (minutes)
            raw = Math.Truncate(raw / 100) + raw % 100 / 60; // 2232.98 is 22° 32.98'
        var number = conversion.Apply(raw);
        switch (part)
        {
            case Part.Latitude:
                place.Latitude = number;
                place.Flags |= flags;
                break;
            case Part.Longitude:
                place.Longitude = number;
                break;
            case Part.Accuracy:
                place.Accuracy = (float)number;
                break;
            case Part.Speed:
                place.Speed = (float)number;
                break;
            default:
                into.Add(metric, number, time, channel, inherited | flags);
                break;
        }
    }

    private static Dictionary<double, (double Number, string Word)>? ReadValues(YamlSection line, Metric metric)
    {
        var pairs = line.Pairs("values");
        if (pairs.Count == 0)
            return null;
        var values = new Dictionary<double, (double, string)>();
        foreach (var (raw, meaning) in pairs)
        {
            var isNumber = double.TryParse(meaning, NumberStyles.Float, CultureInfo.InvariantCulture, out var number);
            foreach (var one in raw.Split('|'))
            {
                if (
                    !double.TryParse(one, NumberStyles.Float, CultureInfo.InvariantCulture, out var key)
                    || (!isNumber && metric.Kind != MetricKind.Event)
                )
                    line.Refuse("values", $"{raw}: {meaning}", "is not a number and what it means");
                else
                    values[key] = (number, meaning);
            }
        }

        return values;
    }
}
