namespace Vigil.Ingest.Mqtt;

/// <summary>
/// How long a sender has to pause after a message so that it keeps to its rate. Nothing is dropped. Shared by all connections of one
/// credential.
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

    /// <summary>Nothing is owed and nothing was taken for so long that a new one would be no other.</summary>
    public bool IsFull
    {
        get
        {
            lock (gate)
                return tokens + clock.GetElapsedTime(last).TotalSeconds * rate >= burst;
        }
    }
}
