using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Rules.Backtest;

/// <summary>
/// The same engine over recorded readings: columns <c>resident,device,metric,time,value</c> with a heading, a virtual clock that each resident's readings
/// push forward, no network and no store. Alarms as JSON lines; bad rows are reported with their line and left out.
/// </summary>
public static class BacktestRun
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="rules">The rules to try.</param>
    /// <param name="zone">Time zone of the homes.</param>
    /// <param name="csv">The readings.</param>
    /// <param name="from">Rows measured before are left out.</param>
    /// <param name="to">Rows measured at or after are left out.</param>
    /// <param name="output">Alarms, a JSON object a line.</param>
    /// <param name="errors">Bad rows, the summary and the throughput.</param>
    /// <returns>0; 1 when there were bad rows; 2 when the file has no such columns.</returns>
    public static int Run(RuleSet rules, TimeZoneInfo zone, Stream csv, DateTime? from, DateTime? to, TextWriter output, TextWriter errors)
    {
        var started = TimeProvider.System.GetTimestamp();
        using var reader = new StreamReader(csv, Encoding.UTF8, detectEncodingFromByteOrderMarks: true, 1 << 16);
        var heading = reader.ReadLine()?.Trim().Split(',') ?? [];
        if (!heading.SequenceEqual(["resident", "device", "metric", "time", "value"]))
        {
            errors.WriteLine($"line 1: the columns are '{string.Join(',', heading)}'; expected are resident,device,metric,time,value");
            return 2;
        }

        var engine = new RuleEngine(rules, zone);
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        var lookup = names.GetAlternateLookup<ReadOnlySpan<char>>();
        var residents = new HashSet<string>(StringComparer.Ordinal);
        var open = new Dictionary<(string, string), Raised>();
        var findings = new List<Finding>();
        long rows = 0, bad = 0, alarms = 0, line = 1;
        while (reader.ReadLine() is { } text)
        {
            line++;
            if (text.Length == 0) continue;
            if (!TryRow(text, lookup, out var resident, out var reading, out var why))
            {
                if (++bad <= 100) errors.WriteLine($"line {line}: {why}: '{(text.Length > 200 ? text[..200] : text)}'");
                continue;
            }

            if (reading.Time < from || reading.Time >= to) continue;
            rows++;
            if (residents.Add(resident)) engine.Put(new ResidentFacts { Id = new ResidentId(resident), Area = new AreaCode("000000000000") });
            engine.Apply(new ResidentId(resident), reading, findings);
            if (findings.Count == 0) continue;
            foreach (var finding in findings) alarms += Take(finding, open, output);
            findings.Clear();
        }

        foreach (var raised in open.Values) Write(raised, null, output);
        output.Flush();
        var seconds = TimeProvider.System.GetElapsedTime(started).TotalSeconds;
        errors.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rows} readings of {residents.Count} residents, {alarms} alarms, {bad} bad rows, {seconds:0.00} s, {rows / Math.Max(seconds, 1e-9):0} readings/s"));
        return bad > 0 ? 1 : 0;
    }

    private static int Take(Finding finding, Dictionary<(string, string), Raised> open, TextWriter output)
    {
        var key = (finding.Subject, finding.Episode);
        switch (finding.Change)
        {
            case FindingChange.Opened:
                open[key] = new Raised(finding);
                return 1;
            case FindingChange.Updated:
                if (open.TryGetValue(key, out var raised)) open[key] = raised with { First = raised.First with { Severity = finding.Severity } };
                return 0;
            default:
                if (open.Remove(key, out raised)) Write(raised, finding.Time, output);
                return 0;
        }
    }

    private static void Write(Raised raised, DateTime? cleared, TextWriter output) => output.WriteLine(JsonSerializer.Serialize(
        new
        {
            resident = raised.First.Subject, kind = raised.First.Kind.Name, severity = raised.First.Severity.ToString().ToLowerInvariant(), raised = raised.First.Time, cleared,
            episode = raised.First.Episode, reason = raised.First.Reason,
        },
        Json));

    private static bool TryRow(string text, Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> names, out string resident, out Reading reading, out string why)
    {
        (resident, reading, why) = ("", default, "");
        Span<Range> fields = stackalloc Range[6];
        var row = text.AsSpan();
        if (row.Split(fields, ',') != 5)
        {
            why = "does not have five fields";
            return false;
        }

        if (!Metric.TryParse(Name(row[fields[2]], names), out var metric))
        {
            why = "unknown metric";
            return false;
        }

        if (!TryTime(row[fields[3]], out var time))
        {
            why = "not a time such as 2026-01-01T00:00:00+08:00";
            return false;
        }

        var word = (string?)null;
        var value = 1.0;
        if (metric.Kind == MetricKind.Event) word = row[fields[4]].ToString();
        else if (!double.TryParse(row[fields[4]], NumberStyles.Float, CultureInfo.InvariantCulture, out value) || !double.IsFinite(value))
        {
            why = "not a number";
            return false;
        }

        resident = Name(row[fields[0]], names);
        if (resident.Length == 0)
        {
            why = "no resident";
            return false;
        }

        reading = new Reading { Device = new DeviceId(Name(row[fields[1]], names)), Metric = metric, Time = time, Received = time, Value = value, Event = word };
        return true;
    }

    private static string Name(ReadOnlySpan<char> text, Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> names)
    {
        if (names.TryGetValue(text, out var known)) return known;
        var made = text.ToString();
        names[text] = made;
        return made;
    }

    /// <summary>ISO 8601, the common form by hand (it is most of the work of a backtest), any other by the framework.</summary>
    private static bool TryTime(ReadOnlySpan<char> text, out DateTime time)
    {
        time = default;
        if (text.Length >= 20 && text[4] == '-' && text[7] == '-' && text[10] is 'T' or ' ' && text[13] == ':' && text[16] == ':' && text[19] is 'Z' or '+' or '-')
        {
            int Two(ReadOnlySpan<char> s, int at) => (s[at] - '0') * 10 + s[at + 1] - '0';
            int year = Two(text, 0) * 100 + Two(text, 2), month = Two(text, 5), day = Two(text, 8), hour = Two(text, 11), minute = Two(text, 14), second = Two(text, 17);
            if (year is < 1900 or > 2200 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour is < 0 or > 23 || minute is < 0 or > 59 || second is < 0 or > 59) return false;
            var offset = 0;
            if (text[19] != 'Z')
            {
                if (text.Length != 25 || text[22] != ':') return false;
                offset = (Two(text, 20) * 60 + Two(text, 23)) * (text[19] == '-' ? -1 : 1);
            }

            time = new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc).AddMinutes(-offset);
            return true;
        }

        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed)) return false;
        time = parsed.UtcDateTime;
        return true;
    }

    private sealed record Raised(Finding First);
}
