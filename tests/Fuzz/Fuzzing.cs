using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Vigil.Tests.Fuzz;

/// <summary>One input of a fuzzed target.</summary>
/// <param name="About">What belongs to the input besides its bytes: a profile, a topic, a path.</param>
/// <param name="Bytes">What is fuzzed, and made shorter when it fails.</param>
internal readonly record struct Sample(string About, byte[] Bytes);

/// <summary>
/// Runs a target on one input after another for <c>VIGIL_FUZZ_SECONDS</c> (default 0.5). A failure names the seed and the number of the
/// input, and shows the smallest input found that fails in the same way. <c>VIGIL_FUZZ_SEED</c> sets the seed (default 1); a line about
/// each run is appended to the file <c>VIGIL_FUZZ_REPORT</c>.
/// </summary>
internal static class Fuzzing
{
    /// <summary>An input that takes longer than this is a failure, even on a busy machine.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private const int MostFailures = 12;

    public static double Seconds { get; } =
        double.TryParse(Environment.GetEnvironmentVariable("VIGIL_FUZZ_SECONDS"), CultureInfo.InvariantCulture, out var s) ? s : 0.5;

    public static int Seed { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("VIGIL_FUZZ_SEED"), CultureInfo.InvariantCulture, out var s) ? s : 1;

    /// <summary>The random numbers for one input. Seed and number alone decide them, whatever ran before.</summary>
    public static Random RandomOf(long number) => new(unchecked(Seed * 1_000_003 + (int)number * 7919));

    /// <param name="target">Name of the target in the report.</param>
    /// <param name="next">Makes an input.</param>
    /// <param name="run">Runs the target on an input; throws when something is wrong.</param>
    /// <param name="mostBytes">An input for which the target allocates more is a failure.</param>
    /// <param name="share">Share of the seconds that this target may run.</param>
    public static async Task RunAsync(
        string target,
        Func<Random, Sample> next,
        Action<Sample> run,
        long mostBytes = 64 << 20,
        double share = 1
    )
    {
        // On a thread of its own, so that the test notices and shows an input which never ends.
        var state = new State();
        var worker = new Thread(() => Work(state, next, run, mostBytes, share)) { IsBackground = true, Name = "fuzz" };
        worker.Start();
        while (worker.IsAlive && state.Failure is null)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            if (!state.Shrinking && Stopwatch.GetElapsedTime(Interlocked.Read(ref state.Begun)) > Patience && worker.IsAlive)
                state.Failure = Told(target, state.Number, state.Current, $"does not end within {Patience.TotalSeconds} s");
        }

        Report(target, state.Number, state.Elapsed);
        if (state.Failure is not null)
            Assert.Fail(state.Failure.Replace("TARGET", target, StringComparison.Ordinal));
    }

    /// <summary>The same for a target that waits for a service or a socket.</summary>
    public static async Task RunAsync(string target, Func<Random, Sample> next, Func<Sample, Task> run, double share = 1)
    {
        var begun = Stopwatch.GetTimestamp();
        var number = 0L;
        List<string> failures = [];
        HashSet<string> kinds = [];
        for (; Stopwatch.GetElapsedTime(begun).TotalSeconds < Seconds * share && failures.Count < MostFailures; number++)
        {
            var sample = next(RandomOf(number));
            try
            {
                await run(sample).WaitAsync(Patience);
            }
            catch (Exception e)
            {
                if (kinds.Add(Kind(e)))
                    failures.Add(Told(target, number, sample, e.ToString()));
            }
        }

        Report(target, number, Stopwatch.GetElapsedTime(begun));
        if (failures.Count > 0)
            Assert.Fail(string.Join("\n\n", failures));
    }

    public static void Report(string target, long executions, TimeSpan elapsed)
    {
        if (Environment.GetEnvironmentVariable("VIGIL_FUZZ_REPORT") is { Length: > 0 } path)
            File.AppendAllText(
                path,
                string.Create(CultureInfo.InvariantCulture, $"{target}\t{Seed}\t{elapsed.TotalSeconds:F1}\t{executions}\n")
            );
    }

    public static string Told(string target, long number, Sample sample, string what) =>
        $"{target}: seed {Seed}, input {number} ({sample.About}): {what}\nhex:  {Convert.ToHexString(sample.Bytes)}\ntext: "
        + $"{Encoding.UTF8.GetString(sample.Bytes)}";

    private static void Work(State state, Func<Random, Sample> next, Action<Sample> run, long mostBytes, double share)
    {
        var begun = Stopwatch.GetTimestamp();
        List<string> failures = [];
        HashSet<string> kinds = [];
        for (; Stopwatch.GetElapsedTime(begun).TotalSeconds < Seconds * share; state.Number++)
        {
            state.Current = next(RandomOf(state.Number));
            Interlocked.Exchange(ref state.Begun, Stopwatch.GetTimestamp());
            // Goes on after a failure, so that one run reports several faults, each with its smallest input.
            if (Failure(state.Current) is not { } failure || !kinds.Add(Kind(failure)))
                continue;
            state.Shrinking = true;
            var smallest = Smallest(state.Current, s => Failure(s) is { } other && Kind(other) == Kind(failure));
            failures.Add(Told("TARGET", state.Number, smallest, (Failure(smallest) ?? failure).ToString()));
            state.Shrinking = false;
            if (failures.Count == MostFailures)
                break;
        }

        state.Elapsed = Stopwatch.GetElapsedTime(begun);
        if (failures.Count > 0)
            state.Failure = string.Join("\n\n", failures);

        Exception? Failure(Sample sample)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                run(sample);
            }
            catch (Exception e)
            {
                return e;
            }

            var used = GC.GetAllocatedBytesForCurrentThread() - before;
            return used > mostBytes ? new InvalidOperationException($"{used >> 20} MiB were allocated") : null;
        }
    }

    /// <summary>
    /// Two failures count as the same fault when their exceptions have the same type and the same words, apart from numbers.
    /// </summary>
    private static string Kind(Exception e) =>
        e.GetType().Name
        + new string([.. e.Message.TakeWhile(c => c is not ('\'' or '"' or '\n')).Where(c => !char.IsAsciiDigit(c)).Take(80)]);

    /// <summary>
    /// Leaves out pieces of the input that the failure doesn't need, smaller and smaller ones, for at most three seconds.
    /// </summary>
    private static Sample Smallest(Sample sample, Func<Sample, bool> fails)
    {
        var begun = Stopwatch.GetTimestamp();
        for (var piece = Math.Max(1, sample.Bytes.Length / 2); piece >= 1; piece /= 2)
        {
            for (var at = 0; at < sample.Bytes.Length; )
            {
                if (Stopwatch.GetElapsedTime(begun) > TimeSpan.FromSeconds(3))
                    return sample;
                var without = sample with { Bytes = [.. sample.Bytes[..at], .. sample.Bytes[Math.Min(sample.Bytes.Length, at + piece)..]] };
                if (fails(without))
                    sample = without;
                else
                    at += piece;
            }
        }

        return sample;
    }

    private sealed class State
    {
        public long Begun = Stopwatch.GetTimestamp();
        public long Number;
        public Sample Current;
        public volatile string? Failure;
        public volatile bool Shrinking;
        public TimeSpan Elapsed;
    }
}
