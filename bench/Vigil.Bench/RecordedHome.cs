using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Vigil.Rules.Inactivity;

namespace Vigil.Bench;

/// <summary>A silence in a recorded home, from a use to the last reading before the next use.</summary>
/// <param name="Start">Time of the use, in hours since the epoch of the file.</param>
/// <param name="Until">Time of the last reading without a use.</param>
/// <param name="Over">Whether another use ended it; false at the end of the record.</param>
/// <param name="Cuts">Readings after which life could have stopped: only after 28 days, and not in natural silences of 24 h and
/// more.</param>
/// <param name="Lasts">How likely it is that the silence lasts so many hours, by what was learned before it began; null in the first 28
/// days.</param>
/// <param name="Facts">The facts of 24 hours, each as long as <see cref="Silence.Features"/>.</param>
internal sealed record Gap(double Start, double Until, bool Over, double[] Cuts, double[]? Lasts, float[]? Facts)
{
    public double Hours => Until - Start;
}

/// <summary>
/// One household of a public data set, read as the comparison in docs/adr/0003 requires: local times, totals at the ends of intervals.
/// </summary>
internal sealed class RecordedHome
{
    private const double Learning = 28 * 24;
    private static readonly DateTime Epoch = new(2000, 1, 3, 0, 0, 0, DateTimeKind.Utc); // a Monday
    private static readonly TimeZoneInfo Zone = TimeZoneInfo.Utc;

    private readonly List<(double At, double Use)> rows = [];
    private readonly List<(double From, double To)> absences = [];

    public required string Id { get; init; }

    public required LifeMeter Meter { get; init; }

    /// <summary>
    /// Whether parameters may be chosen with this home: so when the first byte of the SHA-256 of its name is even. The others are used
    /// once, for the reported figures.
    /// </summary>
    public bool Tuning => (SHA256.HashData(Encoding.UTF8.GetBytes(Id))[0] & 1) == 0;

    public bool LivedIn { get; private set; }

    public double ScoredFrom => rows[0].At + Learning;

    public double ScoredDays => Math.Max(0, rows[^1].At - ScoredFrom) / 24;

    public static List<RecordedHome> Load(string file)
    {
        var homes = new SortedDictionary<string, RecordedHome>(StringComparer.Ordinal);
        using var lines = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress));
        var columns = lines.ReadLine()!.Split(',');
        int Column(string name) => Array.IndexOf(columns, name);
        var (time, value, unit, start, minutes) = (
            Column("timestamp"),
            Column("value"),
            Column("unit"),
            Column("start"),
            Column("interval_minutes")
        );
        while (lines.ReadLine() is { } line)
        {
            var cells = line.Split(',');
            var at = (DateTime.ParseExact(cells[time][..19], "yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture) - Epoch).TotalHours;
            if (start < 0)
                at += double.Parse(cells[minutes], CultureInfo.InvariantCulture) / 60;
            var water = cells[unit].StartsWith('L');
            if (!homes.TryGetValue(cells[0], out var home))
                homes[cells[0]] = home = new RecordedHome { Id = cells[0], Meter = water ? LifeMeter.Water : LifeMeter.Electricity };
            home.rows.Add((at, double.Parse(cells[value], CultureInfo.InvariantCulture) * (water ? 0.001 : 1)));
        }

        foreach (var home in homes.Values)
            home.Settle();
        return [.. homes.Values];
    }

    /// <summary>Replays the home through the product's own learned pattern.</summary>
    /// <param name="budget">The budget: days per false alarm.</param>
    /// <param name="each">Called for each silence with the hours after which the product would alarm.</param>
    /// <param name="facts">Whether to keep the facts, which fitting needs.</param>
    public List<Gap> Replay(double budget, Action<Gap, double>? each = null, bool facts = false)
    {
        var pattern = new LifePattern(Meter, new InactivitySettings(BudgetDays: budget));
        var gaps = new List<Gap>();
        var reads = new List<double> { rows[0].At };
        double start = rows[0].At,
            until = start,
            wait = 24;
        double[]? lasts = null;
        float[]? known = null;
        for (var i = 1; i < rows.Count; i++)
        {
            if (rows[i].At <= rows[i - 1].At)
                continue;
            pattern.Observe(Utc(rows[i - 1].At), Utc(rows[i].At), rows[i].Use, Zone);
            var last = (pattern.LastUse - Epoch).TotalHours;
            if (last > start + 1e-6)
            {
                Close(true);
                reads.RemoveAll(t => t < last - 1e-6);
                start = until = last;
                Begin();
            }

            until = Math.Max(until, rows[i].At);
            reads.Add(rows[i].At);
        }

        Close(false);
        return gaps;

        void Begin()
        {
            wait = (pattern.DueAt!.Value - pattern.LastUse).TotalHours;
            lasts = null;
            if (!pattern.Learned)
                return;
            lasts = new double[Silence.Hours + 1];
            pattern.Lasts(lasts);
            if (!facts)
                return;
            known = new float[Silence.Hours * Silence.Features];
            var silence = new Silence(pattern.Past.Days, pattern.Past.LastUse);
            for (var hour = 0; hour < Silence.Hours; hour++)
                silence.Next(known.AsSpan(hour * Silence.Features, Silence.Features));
        }

        void Close(bool over)
        {
            var cuts = reads
                .Where(t =>
                    t >= start - 1e-6
                    && t <= until + 1e-6
                    && t >= ScoredFrom
                    && !absences.Exists(a => t >= a.From - 1e-6 && t <= a.To + 1e-6)
                )
                .ToArray();
            var gap = new Gap(start, until, over, cuts, lasts, known);
            gaps.Add(gap);
            each?.Invoke(gap, wait);
        }
    }

    private static DateTime Utc(double hours) => Epoch.AddTicks((long)Math.Round(hours * TimeSpan.TicksPerHour));

    private void Settle()
    {
        rows.Sort((a, b) => a.At.CompareTo(b.At));
        var days = rows.GroupBy(r => Math.Floor(r.At / 24)).Select(d => d.Sum(r => r.Use)).ToList();
        LivedIn = days.Count >= 180 && days.Count(u => u >= (Meter == LifeMeter.Water ? 0.01 : 0.5)) >= 0.9 * days.Count;
        var floor = Meter == LifeMeter.Water ? 0 : rows.Select(r => r.Use).Order().ElementAt(rows.Count / 20) + 0.05;
        double? since = null;
        foreach (var (at, use) in rows)
        {
            if (use > floor)
            {
                if (since is { } from && at - from >= 24)
                    absences.Add((from, at));
                since = at;
            }

            since ??= at;
        }
    }
}
