using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>One line of a profile's <c>map:</c>: what the value at a JSON path means.</summary>
internal sealed class MapEntry
{
    /// <summary>Both halves of a position in one text.</summary>
    public const int LonLat = 5,
        LatLon = 6;

    public required Metric Metric { get; init; }
    public required Conversion Conversion { get; init; }

    /// <summary>Fixed text, with <c>{1}</c> for what the first <c>*</c> of the path stood for.</summary>
    public string Channel { get; init; } = "";

    /// <summary>Raw text → number or event word; a text that isn't listed gives no reading.</summary>
    public IReadOnlyDictionary<string, string>? Values { get; init; }

    /// <summary>Raw numbers outside give no reading (sentinels, another meaning of the same key).</summary>
    public double Least { get; init; }
    public double Most { get; init; }
    public IReadOnlyList<double> Invalid { get; init; } = [];

    /// <summary>Texts that must, or must not (<c>!a|b</c>), be at another path of the payload: number of the condition → texts.</summary>
    public (int Condition, string[] Texts, bool Except)[] When { get; init; } = [];

    /// <summary>Which part of a location it is: 1 latitude, 2 longitude, 3 accuracy, 4 speed; 0 none.</summary>
    public int Part { get; init; }

    public static (Metric, Conversion)? ReadMetric(YamlSection entry)
    {
        if (entry.Text("metric", required: true) is not { } name)
            return null;
        if (!Metric.TryParse(name, out var metric))
        {
            entry.Refuse("metric", name, "is not a metric (src/Model/Metric.cs lists them)");
            return null;
        }

        var conversion = Conversion.Identity;
        if (entry.Text("unit") is { } unit && !Units.TryConvert(unit, metric.Unit, out conversion))
            entry.Refuse("unit", unit, $"can't be converted to {metric.Unit}");
        var scale = entry.Number("scale") ?? 1;
        var offset = entry.Number("offset") ?? 0;
        return (metric, new Conversion(conversion.Factor * scale, conversion.Factor * offset + conversion.Offset));
    }

    public static MapEntry? Read(YamlSection entry, Func<string, int> condition)
    {
        if (ReadMetric(entry) is not { } found)
            return null;
        var values = entry.Pairs("values");
        var when = new List<(int, string[], bool)>();
        if (entry.Section("when") is { } section)
            foreach (var (path, allowed) in entry.Pairs("when"))
                when.Add((condition(path), allowed.TrimStart('!').Split('|'), allowed.StartsWith('!')));
        return new MapEntry
        {
            Metric = found.Item1,
            Conversion = found.Item2,
            Channel = entry.Text("channel") ?? "",
            Values = values.Count > 0 ? values.ToDictionary(v => v.Key, v => v.Value, StringComparer.OrdinalIgnoreCase) : null,
            Least = entry.Number("min") ?? double.NegativeInfinity,
            Most = entry.Number("max") ?? double.PositiveInfinity,
            Invalid = [.. entry.Texts("invalid").Select(t => double.TryParse(t, CultureInfo.InvariantCulture, out var v) ? v : double.NaN)],
            When = [.. when],
            Part = entry.Text("part") switch
            {
                "lat" => 1,
                "lon" => 2,
                "accuracy" => 3,
                "speed" => 4,
                "lon,lat" => LonLat,
                "lat,lon" => LatLon,
                _ => 0,
            },
        };
    }
}
