using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Vigil.Web;

/// <summary>The meters named <c>Vigil</c> as Prometheus text. Counters are summed here, gauges are asked when somebody looks.</summary>
public sealed class MetricsText : IDisposable
{
    private readonly MeterListener listener = new();
    private readonly ConcurrentDictionary<string, (string Help, string Type, double Value)> values = new(StringComparer.Ordinal);

    public MetricsText()
    {
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name != "Vigil")
                return;
            var type = instrument is Counter<long> ? "counter" : "gauge";
            values[instrument.Name] = (instrument.Description ?? "", type, 0);
            l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((i, v, _, _) => Take(i, v));
        listener.SetMeasurementEventCallback<double>((i, v, _, _) => Take(i, v));
        listener.SetMeasurementEventCallback<int>((i, v, _, _) => Take(i, v));
        listener.Start();
    }

    public string Write()
    {
        listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var (name, (help, type, value)) in values.OrderBy(v => v.Key, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n{name} {value:R}\n");
        }

        return text.ToString();
    }

    public void Dispose() => listener.Dispose();

    private void Take(Instrument instrument, double value) =>
        values.AddOrUpdate(
            instrument.Name,
            _ => (instrument.Description ?? "", "gauge", value),
            (_, known) => known with { Value = known.Type == "counter" ? known.Value + value : value }
        );
}
