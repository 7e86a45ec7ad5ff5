using System.Globalization;
using Vigil.Rules.Inactivity;

namespace Vigil.Bench;

/// <summary>
/// Compares methods to notice that life in a home has stopped, on recorded homes: false alarms per home and 30 days on the record as it is,
/// against the delay if life had stopped at any reading. All methods see the same use (leak and base load removed as in the product) and
/// alarm after 24 hours at the latest. evaluate.py measures the whole product; here each silence is at most one alarm, and nothing else
/// counts.
/// </summary>
internal static class Silences
{
    private static readonly double[] Harm = [.. Enumerable.Range(0, 25).Select(h => 1 / (1 + Math.Exp((10 - h) / 1.5)) + 0.01 * h)];

    /// <summary>Hours to wait in a silence, given the silences before it.</summary>
    private delegate double Method(List<Gap> gaps, int index);

    private sealed record Result(double False, double Median, double Late, double Mean);

    public static int Run(string file, Arguments arguments)
    {
        var part = arguments.Text("--part") ?? "tuning";
        var homes = RecordedHome
            .Load(file)
            .Where(h => h.Tuning == (part == "tuning") && (h.LivedIn || arguments.Text("--homes") == "all"))
            .ToList();
        if (homes.Count == 0)
            return 1;
        if (arguments.Text("--fit") is not null)
            return Fit(homes);

        var gaps = homes.ToDictionary(h => h, h => h.Replay(100));
        Console.WriteLine(Line($"{Path.GetFileName(file)}, {part}: {homes.Count} homes, {homes.Sum(h => h.ScoredDays):0} days"));
        var twelve = Score(gaps, (_, _) => 12).False;
        var sixteen = Score(gaps, (_, _) => 16).False;
        Console.WriteLine(
            Line($"| method | at {sixteen:0.00} (nothing for 16 h): median / 95 % / mean | at {twelve:0.00} (nothing for 12 h) |")
        );
        Console.WriteLine("|---|---|---|");
        Row("nothing used for N hours", Range(4, 24, 1).Select(n => Score(gaps, (_, _) => n)));
        Row("hazard by hour and weekend, forgetting", Range(2, 60, 1.06).Select(t => Score(gaps, Hazard(gaps, t))));
        var usual = gaps.Values.ToDictionary(g => g, g => g.Select((_, i) => Quantile(g, i)).ToArray());
        Row(
            "longest of 50 past silences that began at that time, times x",
            Range(0.5, 5, 1.06).Select(x => Score(gaps, (g, i) => Math.Clamp(usual[g][i] * x, 3, 24)))
        );
        Row("learned chance, common threshold", Range(2, 9, 1.02).Select(t => Score(gaps, Threshold(t))));
        Row("learned chance, least cost", Range(5, 1500, 1.12).Select(w => Score(gaps, Cheapest(w))));
        Row("the product: and more careful after a false alarm", Range(4, 600, 1.15).Select(b => Score(homes, b)));
        return 0;

        void Row(string name, IEnumerable<Result> curve)
        {
            var list = curve.ToList();
            Console.WriteLine($"| {name} | {At(list, sixteen)} | {At(list, twelve)} |");
        }
    }

    /// <summary>
    /// The delays of a method at a given number of false alarms, interpolated between the two neighbouring points of its curve.
    /// </summary>
    private static string At(List<Result> curve, double most)
    {
        for (var i = 0; i < curve.Count; i++)
        {
            if (curve[i].False > most + 1e-9)
                continue;
            var (a, b) = (curve[Math.Max(0, i - 1)], curve[i]);
            var w = a.False > most && a.False > b.False ? (a.False - most) / (a.False - b.False) : 1;
            return Line(
                $"{a.Median + w * (b.Median - a.Median):0.0} / {a.Late + w * (b.Late - a.Late):0.0} / {a.Mean + w * (b.Mean - a.Mean):0.0}"
            );
        }

        return "not reached";
    }

    private static Method Threshold(double surprise) =>
        (gaps, i) =>
        {
            if (gaps[i].Lasts is not { } lasts)
                return 24;
            for (var h = 3; h < 24; h++)
                if (-Math.Log(Math.Max(lasts[h], 1e-12)) >= surprise)
                    return h;
            return 24;
        };

    private static Method Cheapest(double weight) =>
        (gaps, i) => gaps[i].Lasts is { } lasts ? Habits.Wait(lasts, weight, 4, floor: true) : 24;

    /// <summary>
    /// The length that one in fifty past silences exceeded, among those that began within two hours of the same time of day, weighted by
    /// age and kind of day.
    /// </summary>
    private static double Quantile(List<Gap> gaps, int i)
    {
        var now = gaps[i];
        if (now.Lasts is null)
            return 24;
        Span<double> longer = stackalloc double[26];
        longer.Clear();
        double all = 0;
        for (var j = i - 1; j >= 0 && now.Start - gaps[j].Start < 120 * 24; j--)
        {
            var apart = Math.Abs((now.Start - gaps[j].Start + 12) % 24 - 12);
            if (apart > 2 || !gaps[j].Over)
                continue;
            var weight =
                Math.Exp(-(now.Start - gaps[j].Start) / (45 * 24))
                * (1 - apart / 2.5)
                * (Weekend(gaps[j].Start) == Weekend(now.Start) ? 1 : 0.5);
            all += weight;
            for (var h = 0; h <= Math.Min(25, gaps[j].Hours); h++)
                longer[h] += weight;
        }

        for (var h = 1; h < 24; h++)
            if (longer[h] <= 0.02 * (all + 1))
                return h;
        return 24;
    }

    /// <summary>
    /// Uses the chance of use in each hour of the day, with working days and weekends apart and older days forgotten over 45 days; alarms
    /// when the sum over the silence reaches the surprise.
    /// </summary>
    private static Method Hazard(Dictionary<RecordedHome, List<Gap>> homes, double surprise)
    {
        var tables = homes.Values.ToDictionary(g => g, Rates);
        return (gaps, i) =>
        {
            if (gaps[i].Lasts is null)
                return 24;
            var rates = tables[gaps][(int)(gaps[i].Start / 24)];
            double sum = 0;
            for (var h = 0; h < 24; h++)
            {
                var at = gaps[i].Start + h;
                sum += rates[(Weekend(at) ? 24 : 0) + (int)(at % 24)];
                if (sum >= surprise)
                    return Math.Max(3, h + 1);
            }

            return 24;
        };
    }

    private static Dictionary<int, double[]> Rates(List<Gap> gaps)
    {
        var uses = gaps.Select(g => (long)(g.Start - 1e-6)).ToHashSet();
        var (used, seen) = (new double[48], new double[48]);
        var tables = new Dictionary<int, double[]>();
        for (var day = (int)(gaps[0].Start / 24); day <= (int)(gaps[^1].Until / 24) + 1; day++)
        {
            tables[day] = [.. used.Select((u, h) => -Math.Log(1 - Math.Min(0.98, (u + 0.3) / (seen[h] + 1.5))))];
            for (var h = 0; h < 48; h++)
            {
                used[h] *= Math.Exp(-1 / 45.0);
                seen[h] *= Math.Exp(-1 / 45.0);
            }

            for (var h = 0; h < 24; h++)
            {
                var slot = (Weekend(day * 24) ? 24 : 0) + h;
                seen[slot]++;
                if (uses.Contains(day * 24L + h))
                    used[slot]++;
            }
        }

        return tables;
    }

    private static Result Score(Dictionary<RecordedHome, List<Gap>> homes, Method method)
    {
        var tally = new Tally();
        foreach (var (home, gaps) in homes)
        {
            tally.Next(home);
            for (var i = 0; i < gaps.Count; i++)
                tally.Add(gaps[i], method(gaps, i));
        }

        return tally.Result();
    }

    private static Result Score(List<RecordedHome> homes, double budget)
    {
        var tally = new Tally();
        foreach (var home in homes)
        {
            tally.Next(home);
            home.Replay(budget, tally.Add);
        }

        return tally.Result();
    }

    /// <summary>Fits where every home begins: logistic regression by Newton's method.</summary>
    private static int Fit(List<RecordedHome> homes)
    {
        var rows = new List<(ReadOnlyMemory<float> Facts, bool Ended)>();
        foreach (var gap in homes.SelectMany(h => h.Replay(100, facts: true)))
        {
            if (gap.Facts is null || gap.Lasts is null || gap.Hours < 0.9)
                continue;
            for (var hour = 1; hour < Silence.Hours; hour++)
            {
                var lasted = hour + 1 <= gap.Hours + 0.26;
                if (!lasted && !gap.Over)
                    break;
                rows.Add((gap.Facts.AsMemory(hour * Silence.Features, Silence.Features), !lasted));
                if (!lasted)
                    break;
            }
        }

        const int N = Silence.Features;
        var weights = new double[N];
        for (var round = 0; round < 12; round++)
        {
            var slope = new double[N];
            var curve = new double[N, N];
            foreach (var (memory, ended) in rows)
            {
                var facts = memory.Span;
                double sum = 0;
                for (var i = 0; i < N; i++)
                    sum += weights[i] * facts[i];
                var chance = 1 / (1 + Math.Exp(-sum));
                for (var i = 0; i < N; i++)
                {
                    slope[i] += ((ended ? 1 : 0) - chance) * facts[i];
                    for (var j = 0; j < N; j++)
                        curve[i, j] += chance * (1 - chance) * facts[i] * facts[j];
                }
            }

            for (var i = 0; i < N; i++)
            {
                slope[i] -= weights[i];
                curve[i, i]++;
            }

            for (var i = 0; i < N; i++)
            {
                for (var row = 0; row < N; row++)
                {
                    if (row == i)
                        continue;
                    var factor = curve[row, i] / curve[i, i];
                    for (var j = i; j < N; j++)
                        curve[row, j] -= factor * curve[i, j];
                    slope[row] -= factor * slope[i];
                }
            }

            for (var i = 0; i < N; i++)
                weights[i] += slope[i] / curve[i, i];
        }

        Console.WriteLine(
            Line($"{rows.Count} hours of {homes.Count} homes: ") + string.Join(", ", weights.Select(w => Line($"{w:0.000}")))
        );
        return 0;
    }

    private static bool Weekend(double hours) => (long)(hours / 24) % 7 >= 5;

    private static IEnumerable<double> Range(double from, double to, double by)
    {
        for (var x = from; x <= to; x = by == 1 ? x + 1 : x * by)
            yield return x;
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed class Tally
    {
        private readonly List<(double Delay, double Weight)> delays = [];
        private readonly List<double> own = [];
        private RecordedHome? home;
        private int alarms;
        private double days;

        public void Next(RecordedHome next)
        {
            Close();
            home = next;
            days += next.ScoredDays;
        }

        public void Add(Gap gap, double wait)
        {
            var due = gap.Start + Math.Min(wait, 24);
            if (due <= gap.Until && due >= home!.ScoredFrom)
                alarms++;
            foreach (var cut in gap.Cuts)
                if (cut <= due)
                    own.Add(due - cut);
        }

        public Result Result()
        {
            Close();
            delays.Sort();
            var all = delays.Sum(d => d.Weight);
            double At(double share)
            {
                double sum = 0;
                foreach (var (delay, weight) in delays)
                    if ((sum += weight) >= share * all)
                        return delay;
                return double.NaN;
            }

            // Hourly meters make the median jump by whole hours; the average of the middle tenth is smoother.
            var median = Enumerable.Range(45, 11).Average(p => At(p / 100.0));
            return new Result(alarms / days * 30, median, At(0.95), delays.Sum(d => d.Delay * d.Weight) / all);
        }

        private void Close()
        {
            foreach (var delay in own)
                delays.Add((delay, 1.0 / own.Count));
            own.Clear();
        }
    }
}
