using System.Globalization;

namespace Vigil.Tests.Simulation;

/// <summary>
/// The whole service with everything around it failing, seed by seed: pipeline, rules, alarm desk, escalator and dispatcher, with stores, a
/// network, a provider, people and clocks that fail. A failing seed prints the broken promise, what happened before it, and how to run it
/// alone. No server is needed.
/// </summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    [Fact]
    public void In_good_weather_nothing_is_repeated_late_or_lost() => Weeks(1, 1, Weather.Good, everyPointIsReached: false);

    [Fact]
    public void Four_weeks_of_bad_weather_break_no_promise() => Weeks(1, 4, Weather.Bad, everyPointIsReached: false);

    /// <summary>As many seeds as <c>./test simulation [SEEDS]</c> says; 2,000 in <c>./test long</c>.</summary>
    [Fact]
    [Trait("Category", "Long")]
    public void Weeks_of_bad_weather_break_no_promise() =>
        Weeks(
            Number("VIGIL_SIMULATION_FROM", 1),
            Number("VIGIL_SIMULATION_SEEDS", 2000),
            Weather.Bad,
            Number("VIGIL_SIMULATION_SEEDS", 2000) >= 500
        );

    [Fact]
    public void A_week_is_the_same_week_whenever_it_is_run()
    {
        var (one, two) = (Run(7, Weather.Bad), Run(7, Weather.Bad));
        Assert.Equal((one.Hash, one.Events), (two.Hash, two.Events));
    }

    private static Journal Run(int seed, Weather weather)
    {
        using var world = new World(seed, weather);
        world.Run();
        return world.Journal;
    }

    private void Weeks(int from, int count, Weather weather, bool everyPointIsReached)
    {
        if (Number("VIGIL_SIMULATION_SEED", 0) is > 0 and var alone)
            (from, count, everyPointIsReached) = (alone, 1, false);
        var covered = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var broken = new SortedDictionary<int, string>();
        var (steps, crashes, jumps, alarms, told) = (0L, 0, 0, 0, 0L);
        _ = SimulatedRegistry.Shared;
        Parallel.For(
            from,
            from + count,
            seed =>
            {
                using var world = new World(seed, weather);
                string? why = null;
                try
                {
                    world.Run();
                }
                catch (Exception e)
                {
                    why = e is BrokenPromiseException ? e.Message : e.ToString();
                }

                lock (covered)
                {
                    (steps, crashes, jumps, alarms, told) = (
                        steps + world.Steps,
                        crashes + world.Crashes,
                        jumps + world.Jumps,
                        alarms + world.Promises.Alarms,
                        told + world.Phones.Accepted
                    );
                    foreach (var (point, times) in world.Journal.Covered)
                        covered[point] = covered.GetValueOrDefault(point) + times;
                    if (why is not null)
                        broken[seed] =
                            $"seed {seed}, step {world.Steps}: "
                            + $"{why}\n{(count == 1 || broken.Count < 3 ? world.Journal.Last : "")}\nalone: "
                            + $"VIGIL_SIMULATION_SEED={seed} ./test simulation";
                }
            }
        );
        output.WriteLine(
            $"{count} weeks from seed {from}: {steps} steps, {crashes} crashes, {jumps} clock jumps, {alarms} alarms, {told} "
                + $"messages and calls, {broken.Count} broken"
        );
        foreach (var (point, times) in covered)
            output.WriteLine($"{times, 7} {point}");
        Assert.True(
            broken.Count == 0,
            $"{broken.Count} of {count} weeks: {string.Join(", ", broken.Keys)}\n{string.Join("\n\n", broken.Values)}"
        );
        if (everyPointIsReached)
            Assert.DoesNotContain(Points, p => !covered.ContainsKey(p));
    }

    /// <summary>What must happen in at least one of the weeks; otherwise they prove little.</summary>
    private static readonly string[] Points =
    [
        "crash at a query",
        "crash at a statement",
        "crash at before a commit",
        "crash at between a commit and whoever waits for it",
        "crash at sync of readings",
        "crash at between the sync of readings and the rules",
        "crash at before the provider hears of a notice",
        "crash at between the provider's acceptance and its answer",
        "readings were torn by a crash",
        "the readings' disk failed",
        "the records failed",
        "a commit succeeded and said that it failed",
        "a message came again",
        "a message was not acknowledged",
        "an acknowledgement was lost",
        "the provider was down",
        "the provider accepted and its answer was lost",
        "a notice was found at the provider",
        "a receipt was never sent",
        "a call was ended because somebody had answered",
        "somebody answered what another has",
        "somebody answered and never reported",
        "a promise to look after somebody ran out",
        "a silent device was found",
        "a home without water was found",
        "the clock was put back while a step waited",
        "the clock was put forward while a step waited",
    ];

    private static int Number(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : otherwise;
}
