using System.Globalization;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Host.Backtest;

/// <summary>Collects findings into episodes and writes each as a line of JSON: when it is over, or at the end.</summary>
/// <param name="from">Episodes that began earlier (ticks) are not written.</param>
/// <param name="output">Receives the lines.</param>
internal sealed class Episodes(long from, TextWriter output)
{
    private readonly Dictionary<(string Subject, string Episode), Open> open = [];
    private readonly SortedDictionary<string, int> counts = new(StringComparer.Ordinal);

    public int Count { get; private set; }

    public string Summary => string.Join(", ", counts.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Key} {c.Value}")));

    public void Take(List<Finding> findings)
    {
        foreach (var f in findings)
        {
            var key = (f.Subject, f.Episode);
            if (!open.TryGetValue(key, out var episode))
            {
                if (f.Change == FindingChange.Cleared)
                    continue;
                open[key] = episode = new Open(f) { Severity = f.Severity };
            }

            if (f.Severity > episode.Severity)
                episode.Severity = f.Severity;
            if (f.Change != FindingChange.Cleared)
                continue;
            open.Remove(key);
            Write(episode, f.Time);
        }
    }

    public void End()
    {
        foreach (var episode in open.Values)
            Write(episode, null);
        open.Clear();
    }

    private void Write(Open episode, DateTime? cleared)
    {
        var f = episode.First;
        if (f.Time.Ticks < from)
            return;
        Count++;
        counts[f.Kind.Name] = counts.GetValueOrDefault(f.Kind.Name) + 1;
        output.Write("{\"resident\":");
        Text(f.Subject);
        output.Write(",\"kind\":\"");
        output.Write(f.Kind.Name);
        output.Write("\",\"severity\":\"");
        output.Write(episode.Severity.ToString().ToLowerInvariant());
        output.Write("\",\"raised\":\"");
        output.Write(Iso(f.Time));
        output.Write(cleared is { } c ? $"\",\"cleared\":\"{Iso(c)}\",\"episode\":" : "\",\"cleared\":null,\"episode\":");
        Text(f.Episode);
        output.Write(",\"reason\":");
        Text(f.Reason);
        output.Write("}\n");
    }

    private void Text(string value)
    {
        output.Write('"');
        output.Write(JsonEncodedText.Encode(value, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping).Value);
        output.Write('"');
    }

    private static string Iso(DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture) + "Z";

    private sealed class Open(Finding first)
    {
        public Finding First { get; } = first;
        public Severity Severity { get; set; }
    }
}
