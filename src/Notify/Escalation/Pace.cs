namespace Vigil.Notify.Escalation;

/// <summary>Lets a loop look about once a second of its clock, and at once when something changed.</summary>
internal sealed class Pace(TimeProvider clock) : IDisposable
{
    /// <summary>Shortest real pause, so that a clock that runs 700 times faster (the demo) doesn't keep the loops busy.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(20);

    private readonly SemaphoreSlim wake = new(0, 1);

    public void Wake()
    {
        try
        {
            wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // it is awake already
        }
    }

    /// <summary>Ends when woken, when a second has passed, or when one of the tasks is done.</summary>
    public async Task NextAsync(IEnumerable<Task> orThese, CancellationToken cancellation)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await Task.WhenAny([wake.WaitAsync(over.Token), SecondAsync(over.Token), .. orThese]);
        await over.CancelAsync();
    }

    public void Dispose() => wake.Dispose();

    private async Task SecondAsync(CancellationToken cancellation)
    {
        await Task.Delay(TimeSpan.FromSeconds(1), clock, cancellation);
        if (clock != TimeProvider.System)
            await Task.Delay(Shortest, TimeProvider.System, cancellation);
    }
}
