using System.Globalization;
using Vigil.Model;

namespace Vigil.Web.Pages.Parts;

/// <summary>A reading in words: its metric's name, its value with its unit.</summary>
internal static class ShownReading
{
    /// <summary>Units that people write otherwise than programs do.</summary>
    private static readonly Dictionary<string, Wording> Units = new(StringComparer.Ordinal)
    {
        ["m3"] = Wording.Same("m³"),
        ["m3/s"] = Wording.Same("m³/s"),
        ["Cel"] = Wording.Same("°C"),
        ["%RH"] = Wording.Same("%"),
        ["mm[Hg]"] = Wording.Same("mmHg"),
        ["deg"] = Wording.Same("°"),
        ["beat/min"] = new("beats/min", "次/分"),
        ["/min"] = new("/min", "次/分"),
        ["l"] = Wording.Same("L"),
        ["mmol/l"] = Wording.Same("mmol/L"),
        ["count"] = Wording.None,
        ["/"] = Wording.None,
    };

    public static string Name(Metric metric, string language) => Texts.Of("metric." + metric.Name, language);

    /// <summary>A value with its unit: 12.3 m³, yes, sos, 23.11000, 113.86000.</summary>
    public static string Value(Reading reading, string language) =>
        reading.Metric.Kind switch
        {
            MetricKind.Event => reading.Event ?? "",
            MetricKind.State => Texts.Of(reading.Value != 0 ? "device.yes" : "device.no", language),
            MetricKind.Location => string.Create(CultureInfo.InvariantCulture, $"{reading.Value:0.00000}, {reading.Longitude:0.00000}"),
            _ => $"{Number(reading.Value)} {Unit(reading.Metric.Unit, language)}".TrimEnd(),
        };

    private static string Unit(string unit, string language) => Units.TryGetValue(unit, out var words) ? words.In(language) : unit;

    /// <summary>Twelve digits: conversions leave no 0.30000000000000004 behind.</summary>
    private static string Number(double value) =>
        double.Parse(value.ToString("G12", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
            .ToString("0.############", CultureInfo.InvariantCulture);
}
