namespace Vigil.Tests.Simulation;

/// <summary>What the service waits for outside of itself.</summary>
internal enum Place
{
    Records,
    Readings,
    Provider,
}

/// <summary>
/// Decides what goes wrong, and when. It is asked wherever the service waits: nothing happens, a delay, an error, or the process ends.
/// </summary>
internal sealed class InjectedFaults(Random random, SimulatedClock clock, Journal journal)
{
    private readonly TimeSpan[] slowUntil = new TimeSpan[3],
        flakyUntil = new TimeSpan[3],
        downUntil = new TimeSpan[3];
    private int pointsToCrash = -1;

    public SimulatedThread? Thread { get; set; }

    /// <summary>The process has died at a point and nothing of it may run again.</summary>
    public bool Crashed { get; private set; }

    public long Points { get; private set; }

    public void CrashAfter(int points) => pointsToCrash = points;

    public void Revived() => (Crashed, pointsToCrash) = (false, -1);

    public void Slow(Place place, TimeSpan time) => slowUntil[(int)place] = clock.Elapsed + time;

    public void Flaky(Place place, TimeSpan time) => flakyUntil[(int)place] = clock.Elapsed + time;

    public void Down(Place place, TimeSpan time) => downUntil[(int)place] = clock.Elapsed + time;

    public bool IsDown(Place place) => clock.Elapsed < downUntil[(int)place];

    /// <summary>While a place is flaky, one access in five fails.</summary>
    public bool Fails(Place place) => IsDown(place) || (clock.Elapsed < flakyUntil[(int)place] && random.Next(5) == 0);

    /// <summary>Whether a place has been well for as long as it may take to recover.</summary>
    public bool IsWell(Place place, TimeSpan allowance) =>
        clock.Elapsed > slowUntil[(int)place] + allowance
        && clock.Elapsed > flakyUntil[(int)place] + allowance
        && clock.Elapsed > downUntil[(int)place] + allowance;

    public TimeSpan EndOf(Place place) => new[] { slowUntil[(int)place], flakyUntil[(int)place], downUntil[(int)place] }.Max();

    /// <summary>Called where the service waits: may delay it, or end the process here by never returning.</summary>
    public ValueTask PointAsync(Place place, string what, bool maySlow = true)
    {
        Points++;
        if (Thread is { } thread)
            thread.Here();
        if (Crashed)
            return new ValueTask(Never());
        if (pointsToCrash >= 0 && pointsToCrash-- == 0)
        {
            Crashed = true;
            journal.Note($"crash at {what}");
            journal.Cover($"crash at {what}");
            return new ValueTask(Never());
        }

        if (!maySlow || clock.Elapsed >= slowUntil[(int)place] || random.Next(3) != 0)
            return ValueTask.CompletedTask;
        var wait = TimeSpan.FromMilliseconds(random.Next(10) == 0 ? random.Next(1, 8000) : random.Next(1, 300));
        return new ValueTask(DelayAsync(wait));
    }

    /// <summary>Continues without the caller's context, as library code does.</summary>
    private async Task DelayAsync(TimeSpan wait)
    {
        await Task.Delay(wait, clock).ConfigureAwait(false);
        if (Crashed)
            await Never().ConfigureAwait(false);
    }

    private static Task Never() => new TaskCompletionSource().Task;
}
