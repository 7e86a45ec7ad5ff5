using Vigil.Model;

namespace Vigil.Rules;

/// <summary>One metric of one device.</summary>
internal struct Series
{
    public int Device;
    public Metric Metric;
    public string Channel;

    /// <summary>Time of the newest reading that was used.</summary>
    public long Time;
    public double Value;

    /// <summary>Since when a condition holds; 0 when it doesn't.</summary>
    public long Since;

    /// <summary>When the condition has lasted long enough, or has been over for long enough; 0 when nothing is awaited.</summary>
    public long Due;

    /// <summary>Readings in a row that meet the condition; longitude for locations; candidate value of a gauge.</summary>
    public double Extra;

    /// <summary>
    /// Times of the newest events, to recognise a repeated delivery; of a locator a candidate position; null for other metrics.
    /// </summary>
    public long[]? Events;
}
