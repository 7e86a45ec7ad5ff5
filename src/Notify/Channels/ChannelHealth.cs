using System.Diagnostics.Metrics;

namespace Vigil.Notify.Channels;

/// <summary>
/// Whether a provider can be used. It goes down when its circuit opens, its credentials are refused or its credit is gone; then notices take another way and
/// wait for it, and one in <see cref="ProbeEvery"/> is let through to find out whether it is back. Thread-safe.
/// </summary>
public sealed class ChannelHealth
{
    /// <summary>How often a provider that refuses us is tried.</summary>
    public static readonly TimeSpan ProbeEvery = TimeSpan.FromSeconds(15);

    private readonly TimeProvider clock;
    private readonly Lock gate = new();
    private string? trouble;
    /// <summary>The clock's timestamp of the last try: a provider that is down must not wait for a wall clock.</summary>
    private long tried;

    /// <param name="provider">Becomes part of the metric's name: vigil_channel_down_twilio.</param>
    /// <param name="clock">The time that providers live in: the wall clock's, also where the demo's runs faster.</param>
    public ChannelHealth(string provider, TimeProvider clock, Meter? meter = null)
    {
        (Provider, this.clock) = (provider, clock);
        meter?.CreateObservableGauge($"vigil_channel_down_{provider}", () => trouble is null ? 0 : 1, description: $"1 while {provider} can't be used; its notices take other ways and wait for it");
    }

    public string Provider { get; }

    /// <summary>Why it can't be used; null while it can.</summary>
    public string? Trouble => trouble;

    /// <summary>It can be used again.</summary>
    public event Action? Recovered;

    /// <summary>True when up, and once in a while when down. A caller that got true sends, and says what became of it.</summary>
    public bool MayTry()
    {
        lock (gate)
        {
            if (trouble is null) return true;
            if (clock.GetElapsedTime(tried) < ProbeEvery) return false;
            tried = clock.GetTimestamp();
            return true;
        }
    }

    public void Down(string why)
    {
        lock (gate) (trouble, tried) = (why, clock.GetTimestamp());
    }

    public void Up()
    {
        lock (gate)
        {
            if (trouble is null) return;
            trouble = null;
        }

        Recovered?.Invoke();
    }
}
