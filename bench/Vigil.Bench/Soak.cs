using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Vigil.Bench;

/// <summary>Measures a running service at intervals and reports at the end what has grown.</summary>
internal sealed class Soak(Process process, int http, Func<string> folder, TemporaryPostgres? postgres)
{
    private readonly List<Sample> samples = [];
    private readonly long begun = Stopwatch.GetTimestamp();

    public TimeSpan Elapsed { get; private set; }

    public async Task WatchAsync(TimeSpan every, TimeSpan atMost, Func<bool> ended)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(500), TimeProvider.System);
        var next = Stopwatch.GetTimestamp();
        while (await timer.WaitForNextTickAsync() && !ended() && Stopwatch.GetElapsedTime(begun) < atMost)
        {
            Elapsed = Stopwatch.GetElapsedTime(begun);
            if (Stopwatch.GetTimestamp() < next)
                continue;
            next += (long)(every.TotalSeconds * Stopwatch.Frequency);
            if (await LookAsync(client) is { } sample)
            {
                samples.Add(sample);
                Console.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{sample.Minutes:0.0} min: RSS {sample.Resident:0} MiB, heap {sample.Heap:0} MiB, {sample.Handles} "
                            + $"handles, {sample.Threads} threads, late {sample.Late:0}, not stored {sample.NotStored:0}, files "
                            + $"{sample.Files:0.0} MiB"
                    )
                );
            }
        }
    }

    /// <summary>Adds a section to the report; returns 0 when all limits held.</summary>
    public int Report(Arguments arguments, string what, string load, string? failure)
    {
        var path = arguments.Text("--report") ?? Path.Combine(Directory.GetCurrentDirectory(), "bench", "reports", "soak.md");
        // Without measurements nothing is known to have held.
        if (samples.Count < 3)
            failure ??= $"the service answered {samples.Count} looks";
        var verdict = new List<string>();
        if (failure is not null)
            verdict.Add($"**failed: {failure}**");
        var settled = samples.Where(s => s.Minutes >= Elapsed.TotalMinutes / 4).ToList();
        if (settled.Count >= 3)
        {
            Slope("resident memory", s => s.Resident, "MB");
            Slope("managed heap", s => s.Heap, "MB");
            Slope("handles", s => s.Handles, "");
            Slope("threads", s => s.Threads, "");
            Slope("readings.duckdb with its log", s => s.Readings, "MB");
            Slope(postgres is null ? "records.db with its log" : "the PostgreSQL database", s => s.Records, "MB");
        }
        else
        {
            verdict.Add("too few samples for a slope");
        }

        var (late, lost) = (samples.Count == 0 ? 0 : samples.Max(s => s.Late), samples.Count == 0 ? 0 : samples.Max(s => s.NotStored));
        if (samples.Count > 0)
            verdict.Add(
                late == 0
                    ? "no step or notice was late at any look"
                    : $"**{late:0} steps or notices late at the worst look, by up to {samples.Max(s => s.LateBy):0} s**"
            );
        if (samples.Count > 0)
            verdict.Add(lost == 0 ? "no message was left unacknowledged by a store" : $"**{lost:0} messages were not stored**");
        var text = new StringBuilder();
        if (!File.Exists(path))
            text.Append(
                "# For long: memory, files, handles, deadlines\n\n`./vigil-bench soak village` and `./vigil-bench soak broker` "
                    + "(bench/Vigil.Bench/SoakLoad.cs) add a section each run; none is picked. Slopes are least squares over the "
                    + "last three quarters of a run.\n"
            );
        text.Append(
            CultureInfo.InvariantCulture,
            $"\n## {what}, {TimeProvider.System.GetUtcNow():yyyy-MM-dd HH:mm} UTC\n\n{load}\n\nMachine: "
                + $"{Environment.ProcessorCount} cores, .NET {Environment.Version}, load average {LoadAverage()} at the end.\n\n"
        );
        foreach (var line in verdict)
            text.Append("- ").Append(line).Append('\n');
        text.Append(
            "\n| min | RSS MiB | heap MiB | handles | threads | readings MiB | records MiB | rules MiB | messages | late "
                + "|\n|---|---|---|---|---|---|---|---|---|---|\n"
        );
        // About thirty rows are enough to show the curve.
        for (var i = 0; i < samples.Count; i += Math.Max(1, samples.Count / 30))
            text.Append(samples[i].Row());
        File.AppendAllText(path, text.ToString());
        Console.WriteLine(text.ToString());
        return failure is null && late == 0 && lost == 0 ? 0 : 1;

        void Slope(string name, Func<Sample, double> value, string unit)
        {
            var (x, y) = (settled.Average(s => s.Minutes / 60), settled.Average(value));
            var over = settled.Sum(s => (s.Minutes / 60 - x) * (value(s) - y));
            var under = settled.Sum(s => (s.Minutes / 60 - x) * (s.Minutes / 60 - x));
            var slope = under > 0 ? over / under * (unit == "MB" ? 1.048576 : 1) : 0;
            verdict.Add(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name}: {slope:+0.00;-0.00;0} {unit}{(unit.Length > 0 ? "/h" : " an hour")}, from {value(settled[0]):0.#} to "
                        + $"{value(settled[^1]):0.#} (most {settled.Max(value):0.#}){(unit == "MB" ? " MiB" : "")}"
                )
            );
        }
    }

    private async Task<Sample?> LookAsync(HttpClient client)
    {
        try
        {
            var status = await File.ReadAllLinesAsync($"/proc/{process.Id}/status");
            double Of(string name) =>
                double.Parse(
                    status
                        .First(l => l.StartsWith(name, StringComparison.Ordinal))
                        .Split(':')[1]
                        .Replace("kB", "", StringComparison.Ordinal),
                    CultureInfo.InvariantCulture
                );
            var metrics = (await client.GetStringAsync(new Uri($"http://127.0.0.1:{http}/metrics"))).Split('\n');
            double Metric(string name) =>
                metrics.FirstOrDefault(l => l.StartsWith(name + " ", StringComparison.Ordinal)) is { } line
                    ? double.Parse(line[(name.Length + 1)..], CultureInfo.InvariantCulture)
                    : 0;
            var handles = Directory.GetFiles($"/proc/{process.Id}/fd").Length;
            var data = folder();
            var records = postgres is null ? Size(data, "records.db*") : await postgres.SizeAsync() / 1048576.0;
            return new Sample(
                Stopwatch.GetElapsedTime(begun).TotalMinutes,
                Of("VmRSS") / 1024,
                Metric("vigil_process_heap_bytes") / 1048576,
                handles,
                (int)Of("Threads"),
                Metric("vigil_escalation_late"),
                Metric("vigil_escalation_lateness_seconds"),
                Metric("vigil_messages_not_stored"),
                Metric("vigil_messages_received"),
                Size(data, "readings.duckdb*"),
                records,
                Size(Path.Combine(data, "rules"), "*"),
                Size(data, "*")
            );
        }
        catch (Exception e) when (e is IOException or HttpRequestException or TaskCanceledException or UnauthorizedAccessException)
        {
            return null; // not started yet, or just ended
        }
    }

    private static double Size(string folder, string pattern) =>
        Directory.Exists(folder)
            ? Directory
                .EnumerateFiles(folder, pattern, SearchOption.AllDirectories)
                .Sum(f => new FileInfo(f) is { Exists: true } file ? file.Length : 0) / 1048576.0
            : 0;

    private static string LoadAverage() =>
        File.Exists("/proc/loadavg") ? string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3]) : "unknown";

    private sealed record Sample(
        double Minutes,
        double Resident,
        double Heap,
        int Handles,
        int Threads,
        double Late,
        double LateBy,
        double NotStored,
        double Messages,
        double Readings,
        double Records,
        double Rules,
        double Files
    )
    {
        public string Row() =>
            string.Create(
                CultureInfo.InvariantCulture,
                $"| {Minutes:0.0} | {Resident:0} | {Heap:0} | {Handles} | {Threads} | {Readings:0.0} | {Records:0.0} | {Rules:0.0} "
                    + $"| {Messages:0} | {Late:0} |\n"
            );
    }
}
