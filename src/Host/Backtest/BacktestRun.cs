using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using Vigil.Model;
using Vigil.Rules;
using Vigil.Rules.Inactivity;

namespace Vigil.Host.Backtest;

/// <summary>
/// Runs the service's rules over recorded readings. Each resident has a virtual clock at the time of their newest reading, so that
/// residents may follow each other in the file or be mixed. Uses neither network nor store.
/// </summary>
internal static class BacktestRun
{
    private const int ShownTroubles = 20;

    /// <param name="rules">The rules to try.</param>
    /// <param name="zone">Where the homes are.</param>
    /// <param name="csv">Columns <c>resident,device,metric,time,value</c>, plain or gzip; a sixth column may hold the arrival time.</param>
    /// <param name="from">Earlier readings teach the rules, but their alarms are not shown.</param>
    /// <param name="to">Later readings are left out.</param>
    /// <param name="stdout">Receives an episode a line, as JSON.</param>
    /// <param name="stderr">Receives rows that can't be used, with line and value, and a summary.</param>
    /// <returns>Exit code: 0, or 1 when nothing could be read.</returns>
    public static int Run(RuleSet rules, TimeZoneInfo zone, Stream csv, DateTime? from, DateTime? to, TextWriter stdout, TextWriter stderr)
    {
        var watch = Stopwatch.StartNew();
        var rows = new CsvRows(Unzipped(csv));
        var replay = new Replay(rules, zone);
        var episodes = new Episodes(from?.Ticks ?? long.MinValue, stdout);
        var findings = new List<Finding>();
        long good = 0,
            bad = 0;
        var last = to?.Ticks ?? long.MaxValue;
        while (rows.Next())
        {
            if (rows.Trouble is { } trouble)
            {
                if (++bad <= ShownTroubles)
                    stderr.WriteLine(string.Create(CultureInfo.InvariantCulture, $"line {rows.Line}: {trouble}"));
                continue;
            }

            if (rows.Time > last)
                continue;
            good++;
            replay.Apply(
                rows.Resident,
                new Reading
                {
                    Device = new DeviceId(rows.Device),
                    Metric = rows.Metric!,
                    Time = new DateTime(rows.Time, DateTimeKind.Utc),
                    Received = new DateTime(rows.Received, DateTimeKind.Utc),
                    Value = rows.Value,
                    Longitude = rows.Longitude,
                    Event = rows.Event,
                },
                findings
            );
            if (findings.Count == 0)
                continue;
            episodes.Take(findings);
            findings.Clear();
        }

        episodes.End();
        stdout.Flush();
        if (bad > ShownTroubles)
            stderr.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{bad - ShownTroubles} more rows can't be used"));
        var seconds = watch.Elapsed.TotalSeconds;
        stderr.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{good} readings of {replay.Count} residents, {bad} rows not used, {episodes.Count} episodes ({episodes.Summary}) "
                    + $"in {seconds:0.00} s: {good / Math.Max(seconds, 1e-9):0} readings/s"
            )
        );
        return good == 0 ? 1 : 0;
    }

    /// <summary>
    /// The same for the readings that a service has stored: one home after the other, each with its facts from the registry.
    /// </summary>
    /// <param name="rules">The rules to try.</param>
    /// <param name="zone">Where the homes are.</param>
    /// <param name="homes">Homes with their readings, in any order of time.</param>
    /// <param name="from">Earlier readings teach the rules, but their alarms are not shown.</param>
    /// <param name="to">Until when silence is judged.</param>
    /// <param name="stdout">Receives an episode a line, as JSON.</param>
    /// <param name="stderr">Receives a summary.</param>
    /// <param name="priors">What is expected of homes that aren't known yet; null: as shipped.</param>
    /// <returns>Exit code: 0, or 1 when there was nothing to read.</returns>
    public static async Task<int> RunAsync(
        RuleSet rules,
        TimeZoneInfo zone,
        IAsyncEnumerable<(ResidentFacts Facts, IReadOnlyList<Reading> Readings)> homes,
        DateTime? from,
        DateTime to,
        TextWriter stdout,
        TextWriter stderr,
        LifePriors? priors = null
    )
    {
        var watch = Stopwatch.StartNew();
        var episodes = new Episodes(from?.Ticks ?? long.MinValue, stdout);
        var findings = new List<Finding>();
        long good = 0;
        var residents = 0;
        await foreach (var (facts, readings) in homes)
        {
            residents++;
            // An engine for each home, with a clock of its own. So an outage of a whole village can't be recognised.
            var engine = new RuleEngine(rules, zone) { Priors = priors ?? LifePriors.Shipped };
            engine.Put(facts);
            foreach (var reading in readings.OrderBy(r => r.Received).ThenBy(r => r.Time))
            {
                good++;
                engine.AdvanceTo(reading.Received.AddTicks(-1), findings);
                engine.Apply(facts.Id, reading, findings);
                if (findings.Count == 0)
                    continue;
                episodes.Take(findings);
                findings.Clear();
            }

            if (readings.Count > 0)
                engine.AdvanceTo(to, findings);
            episodes.Take(findings);
            findings.Clear();
        }

        episodes.End();
        await stdout.FlushAsync();
        var seconds = watch.Elapsed.TotalSeconds;
        await stderr.WriteLineAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{good} readings of {residents} residents, {episodes.Count} episodes ({episodes.Summary}) in {seconds:0.00} s: "
                    + $"{good / Math.Max(seconds, 1e-9):0} readings/s"
            )
        );
        return good == 0 ? 1 : 0;
    }

    /// <summary>Unpacks gzip, which is recognised by its first two bytes (RFC 1952).</summary>
    private static Stream Unzipped(Stream stream)
    {
        if (stream is GZipStream || !stream.CanSeek)
            return stream;
        var at = stream.Position;
        var zipped = stream.ReadByte() == 0x1F && stream.ReadByte() == 0x8B;
        stream.Position = at;
        return zipped ? new GZipStream(stream, CompressionMode.Decompress) : stream;
    }
}
