using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// What one field name of a decoder's object stands for. A name may have several: a battery in per cent, volts or millivolts; a code that
/// is tamper or leak by its number.
/// </summary>
/// <param name="Metric">The metric it becomes.</param>
/// <param name="Unit">The decoder's unit, empty for the metric's own. A unit that stands beside the value, or in its name, wins.</param>
internal sealed record Meaning(Metric Metric, string Unit = "")
{
    public Conversion Conversion { get; } = Find(Metric, Unit);

    /// <summary>Of an event: the word it has, whatever the decoder calls it. A call for help is one only where this says so.</summary>
    public string Event { get; init; } = "";

    /// <summary>
    /// Fixed text; <c>#</c> is the number behind the name, <c>{field}</c> what another field of the same object says.
    /// </summary>
    public string Channel { get; init; } = "#";

    /// <summary>
    /// Parts of the decoder's text, in the order tried, and what each means: 0 or 1 of a state, an event's word. An empty part is
    /// everything else; a text without any of them gives no reading.
    /// </summary>
    public IReadOnlyList<(string Part, string Means)> Values { get; init; } = [];

    /// <summary>Counts only where another field of the same object has this text; an empty text: where it has none.</summary>
    public (string Field, string Text)? When { get; init; }

    /// <summary>No reading without a unit beside the value or in the name.</summary>
    public bool UnitSaid { get; init; }

    /// <summary>A number under this name is a measure (soil water in per cent), no state.</summary>
    public bool TextOnly { get; init; }

    /// <summary>The decoder says true for what we call false: closed, good.</summary>
    public bool Inverted { get; init; }

    /// <summary>Below 13, a value with a fraction isn't one: a battery of 3.6 has volts, one of 87 has per cent.</summary>
    public bool Whole { get; init; }

    /// <summary>Whether a unit that stands beside a value is one of this metric.</summary>
    public bool Takes(string unit) =>
        Metric.Unit.Length > 0 && Metric.Kind != MetricKind.State && Units.TryConvert(unit, Metric.Unit, out _);

    private static Conversion Find(Metric metric, string unit) =>
        Units.TryConvert(unit, metric.Unit, out var conversion)
            ? conversion
            : throw new ArgumentException($"{metric} isn't measured in {unit}", nameof(unit));
}
