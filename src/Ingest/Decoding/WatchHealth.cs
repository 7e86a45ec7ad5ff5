using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>Health values of care watches. 0 and 255 mean "not measured" and never become a reading.</summary>
internal static class WatchHealth
{
    /// <summary>A pulse means that the watch is worn; no pulse doesn't mean that it isn't.</summary>
    public static Wording? Heart(double? value, string kind, DecodedPayload into)
    {
        if (Vital(Metric.HeartRate, value, kind, into) is { } reason)
            return reason;
        if (value is > 0 and < 255)
            into.Add(Metric.Worn, 1);
        return null;
    }

    public static Wording? Vital(Metric metric, double? value, string kind, DecodedPayload into)
    {
        if (value is not { } v)
            return new Wording($"{kind} has no number", $"{kind} 中没有数值");
        if (v is > 0 and < 255)
            into.Add(metric, v);
        return null;
    }

    public static void Pressure(double? systolic, double? diastolic, DecodedPayload into)
    {
        if (systolic is not (> 0 and < 255 or > 255 and < 400) || diastolic is not (> 0 and < 255))
            return; // one of the two alone is no measurement
        into.Add(Metric.BloodPressureSystolic, systolic.Value);
        into.Add(Metric.BloodPressureDiastolic, diastolic.Value);
    }

    public static void Say(Metric metric, double? value, DecodedPayload into, DateTime? time = null, ReadingFlags flags = ReadingFlags.None)
    {
        if (value is >= 0 || (value is { } && ReferenceEquals(metric, Metric.LocationAltitude)))
            into.Add(metric, value.Value, time, flags: flags);
    }
}
