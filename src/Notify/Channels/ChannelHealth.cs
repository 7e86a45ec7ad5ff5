using System.Diagnostics.Metrics;
using Vigil.Model;

namespace Vigil.Notify.Channels;

/// <summary>
/// Whether a provider can be used. It goes down when its circuit opens, its credentials are refused or its credit is gone; then notices
/// take another way and wait for it, and one in <see cref="ProbeEvery"/> is let through to find out whether it is back. Thread-safe.
/// </summary>
public sealed class ChannelHealth
{
    /// <summary>How often a provider that refuses us is tried.</summary>
    public static readonly TimeSpan ProbeEvery = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long a provider has to be down before the duty desk is told: shorter failures mend themselves, and after two minutes it would be
    /// too late to be told.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TimeProvider clock;
    private readonly Lock gate = new();
    private readonly Troubles? troubles;
    private Wording? trouble;

    /// <summary>Monotonic timestamp of the last try: setting the wall clock must not delay the next one.</summary>
    private long tried;

    /// <param name="provider">Becomes part of the metric's name: vigil_channel_down_twilio.</param>
    /// <param name="clock">Runs in real time, also where the service's own clock runs faster (the demo).</param>
    public ChannelHealth(string provider, TimeProvider clock, Meter? meter = null, Troubles? troubles = null)
    {
        (Provider, this.clock, this.troubles) = (provider, clock, troubles);
        meter?.CreateObservableGauge(
            $"vigil_channel_down_{provider}",
            () => trouble is null ? 0 : 1,
            description: $"1 while {provider} can't be used; its notices take other ways and wait for it"
        );
    }

    public string Provider { get; }

    /// <summary>Why it can't be used; null while it can.</summary>
    public Wording? Trouble => trouble;

    /// <summary>It can be used again.</summary>
    public event Action? Recovered;

    /// <summary>
    /// True when up, and once in a while when down. A caller that got true makes a request, and calls <see cref="Up"/> or
    /// <see cref="Down"/>.
    /// </summary>
    public bool MayTry()
    {
        lock (gate)
        {
            if (trouble is null)
                return true;
            if (clock.GetElapsedTime(tried) < ProbeEvery)
                return false;
            tried = clock.GetTimestamp();
            return true;
        }
    }

    public void Down(Wording why)
    {
        lock (gate)
            (trouble, tried) = (why, clock.GetTimestamp());
        troubles?.Say(
            $"channel {Provider}",
            $"{Provider} can't be used, its messages take other ways and wait for it: {why.En}",
            $"{Provider} 不可用，消息改走其他渠道并等待恢复：{why.Zh}",
            Patience
        );
    }

    public void Up()
    {
        lock (gate)
        {
            if (trouble is null)
                return;
            trouble = null;
        }

        troubles?.Over($"channel {Provider}");
        Recovered?.Invoke();
    }
}
