using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Vigil.Web;

/// <summary>
/// The meters named <c>Vigil</c> as Prometheus text (version 0.0.4). Counters are summed here, a series for each set of tags; gauges are
/// asked when somebody looks. Why this is not a library's: docs/adr/0008-own-or-library.md.
/// </summary>
public sealed class MetricsText : IDisposable
{
    private readonly MeterListener listener = new();
    private readonly ConcurrentDictionary<Instrument, ConcurrentDictionary<string, double>> series = new();

    public MetricsText()
    {
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name != "Vigil")
                return;
            var values = series[instrument] = new ConcurrentDictionary<string, double>(StringComparer.Ordinal);
            if (IsCounter(instrument))
                values[""] = 0; // 0 from the start, so that the first one counted is a rise
            l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((i, v, tags, _) => Take(i, v, tags));
        listener.SetMeasurementEventCallback<double>((i, v, tags, _) => Take(i, v, tags));
        listener.SetMeasurementEventCallback<int>((i, v, tags, _) => Take(i, v, tags));
        listener.Start();
    }

    public string Write()
    {
        listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var (instrument, values) in series.OrderBy(s => s.Key.Name, StringComparer.Ordinal))
        {
            var type = IsCounter(instrument) ? "counter" : "gauge";
            text.Append(
                CultureInfo.InvariantCulture,
                $"# HELP {instrument.Name} {instrument.Description}\n# TYPE {instrument.Name} {type}\n"
            );
            foreach (var (labels, value) in values.OrderBy(v => v.Key, StringComparer.Ordinal))
                if (labels.Length > 0 || value != 0 || values.Count == 1)
                    text.Append(CultureInfo.InvariantCulture, $"{instrument.Name}{labels} {value:R}\n");
        }

        return text.ToString();
    }

    public void Dispose() => listener.Dispose();

    private static bool IsCounter(Instrument instrument) => instrument is Counter<long> or Counter<double> or Counter<int>;

    private void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (!series.TryGetValue(instrument, out var values))
            return;
        if (IsCounter(instrument))
            values.AddOrUpdate(Labels(tags), static (_, more) => more, static (_, sum, more) => sum + more, value);
        else
            values[Labels(tags)] = value;
    }

    /// <summary><c>{kind="no-water"}</c>; empty without tags.</summary>
    private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.Length == 0)
            return "";
        var text = new StringBuilder("{");
        foreach (var (name, value) in tags)
        {
            var escaped = Convert
                .ToString(value, CultureInfo.InvariantCulture)!
                .Replace("\\", "\\\\", StringComparison.Ordinal)
                .Replace("\"", "\\\"", StringComparison.Ordinal)
                .Replace("\n", "\\n", StringComparison.Ordinal);
            text.Append(text.Length > 1 ? "," : "").Append(name).Append("=\"").Append(escaped).Append('"');
        }

        return text.Append('}').ToString();
    }
}
