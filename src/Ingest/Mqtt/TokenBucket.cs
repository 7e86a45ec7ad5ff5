namespace Vigil.Ingest.Mqtt;

/// <summary>How long the next message has to wait so that a sender keeps to its rate. Nothing is dropped. One sender at a time.</summary>
internal sealed class TokenBucket(double rate, int burst, TimeProvider clock)
{
    private double tokens = burst;
    private long last = clock.GetTimestamp();

    public TimeSpan Take()
    {
        var now = clock.GetTimestamp();
        tokens = Math.Min(burst, tokens + clock.GetElapsedTime(last, now).TotalSeconds * rate) - 1;
        last = now;
        return tokens >= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(-tokens / rate);
    }
}
