namespace Vigil.Ingest.Mqtt;

/// <summary>
/// A token bucket that may go into debt: tells how long a sender has to pause after a message to keep to its rate. Nothing is dropped.
/// Shared by all connections of one credential.
/// </summary>
internal sealed class TokenBucket(double rate, int burst, TimeProvider clock)
{
    private readonly Lock gate = new();
    private double tokens = burst;
    private long last = clock.GetTimestamp();

    public TimeSpan Take()
    {
        lock (gate)
        {
            var now = clock.GetTimestamp();
            tokens = Math.Min(burst, tokens + clock.GetElapsedTime(last, now).TotalSeconds * rate) - 1;
            last = now;
            return tokens >= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(-tokens / rate);
        }
    }

    /// <summary>More was taken than there was.</summary>
    public bool IsOverdrawn
    {
        get
        {
            lock (gate)
                return tokens < 0;
        }
    }

    /// <summary>It is full again: no different from a new one.</summary>
    public bool IsFull
    {
        get
        {
            lock (gate)
                return tokens + clock.GetElapsedTime(last).TotalSeconds * rate >= burst;
        }
    }
}
