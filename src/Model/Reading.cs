namespace Vigil.Model;

/// <summary>What else is known about a reading.</summary>
[Flags]
public enum ReadingFlags : byte
{
    None = 0,

    /// <summary>The device's clock was missing or implausible: <see cref="Reading.Time"/> is the time of arrival.</summary>
    ArrivalTime = 1,

    /// <summary>The device sent a time that can't be right (1970, 1111, tomorrow).</summary>
    ClockWrong = 2,

    /// <summary>Sent by the device as history (a stored batch, a back-fill): kept with its time, raises no live alarm.</summary>
    History = 4,

    /// <summary>Came as a retained message: old, and not a new event.</summary>
    Retained = 8,

    /// <summary>Out of range or impossible: stored, but not used by rules.</summary>
    Suspect = 16,

    /// <summary>A test press or a drill.</summary>
    Test = 32,
}

/// <summary>
/// One value of one metric of one device. The canonical unit is the metric's. Times are UTC.
/// A series is (device, metric, channel); a reading is unique by series and time.
/// </summary>
public readonly record struct Reading
{
    public required DeviceId Device { get; init; }

    public required Metric Metric { get; init; }

    /// <summary>
    /// Which of several inputs of the same metric: a phase (<c>l1</c>), a relay (<c>2</c>), a tariff (<c>t1</c>); empty where there is one.
    /// </summary>
    public string Channel { get; init; } = "";

    /// <summary>When it was measured, UTC. Rules judge by this one (invariant 4).</summary>
    public required DateTime Time { get; init; }

    /// <summary>When it arrived, UTC. "Is the device silent" is judged by this one.</summary>
    public required DateTime Received { get; init; }

    /// <summary>The value in <see cref="Metric.Unit"/>; the latitude of a location; 1 for an event.</summary>
    public double Value { get; init; }

    /// <summary>Longitude of a location, WGS-84 degrees; else 0.</summary>
    public double Longitude { get; init; }

    /// <summary>Accuracy radius of a location in metres; NaN when the device doesn't say.</summary>
    public float Accuracy { get; init; } = float.NaN;

    /// <summary>Ground speed of a location in m/s; NaN when the device doesn't say.</summary>
    public float Speed { get; init; } = float.NaN;

    /// <summary>What happened, of an event: <c>pressed</c>, <c>sos</c>, <c>double</c>, <c>long</c>, <c>fall</c>…</summary>
    public string? Event { get; init; }

    public ReadingFlags Flags { get; init; }

    public Reading() { }

    public bool Has(ReadingFlags flag) => (Flags & flag) != 0;

    /// <summary>Somebody needs help now: a press, a fall, a call for help, or smoke or gas that is present.</summary>
    public bool IsLifeSafety => Metric.IsLifeSafety && (Metric.Kind == MetricKind.Event || Value != 0);
}
