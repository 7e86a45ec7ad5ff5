using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// Collects the readings of one payload. Reused from payload to payload, so that it is not allocated for each. A decoder sets the device
/// when the payload names one, then adds values, events and locations in the metrics' canonical units.
/// </summary>
public sealed class DecodedPayload
{
    /// <summary>A clock further ahead of the arrival than this is wrong (invariant 4).</summary>
    public static readonly TimeSpan FutureTolerance = TimeSpan.FromMinutes(10);

    /// <summary>An earlier time is that of a clock that was never set (1970, 1980, 1111).</summary>
    public static readonly DateTime EarliestPlausible = new(1990, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly List<Reading> readings = [];
    private ReadingFlags always;

    public IReadOnlyList<Reading> Readings => readings;

    /// <summary>The device that readings added from now on belong to: the topic's until the payload names another.</summary>
    public string Device
    {
        get;
        set => field = StorableText.Of(value, DeviceId.MaxLength);
    } = "";

    /// <summary>
    /// Why a part of the payload could not be read, such as one bad frame among good ones. The rest counts, and the payload is kept among
    /// the refused too (invariant 10). Null when all of it was read.
    /// </summary>
    public Wording? Partly { get; set; }

    /// <summary>When the payload arrived, UTC.</summary>
    public DateTime Received { get; private set; }

    /// <summary>Empties it for the next payload.</summary>
    /// <param name="topicDevice">The device the topic names; empty where it names none.</param>
    /// <param name="received">Time of arrival, UTC.</param>
    /// <param name="flags">Flags of every reading of this payload, such as <see cref="ReadingFlags.Retained"/>.</param>
    public void Reset(string topicDevice, DateTime received, ReadingFlags flags = ReadingFlags.None)
    {
        readings.Clear();
        Device = topicDevice;
        Partly = null;
        Received = received;
        always = flags;
    }

    /// <param name="metric">What is measured.</param>
    /// <param name="value">In the metric's canonical unit. NaN and infinities are ignored.</param>
    /// <param name="time">When it was measured, UTC; null when the device doesn't say: then the arrival is used and flagged.</param>
    /// <param name="channel">Which of several inputs, see <see cref="Reading.Channel"/>.</param>
    /// <param name="flags">Of this reading alone.</param>
    public void Add(Metric metric, double value, DateTime? time = null, string channel = "", ReadingFlags flags = ReadingFlags.None)
    {
        if (!double.IsFinite(value))
            return;
        var at = Plausible(time, ref flags);
        readings.Add(
            new Reading
            {
                Device = new DeviceId(Device),
                Metric = metric,
                Channel = StorableText.Of(channel, StorableText.LongWord),
                Time = at,
                Received = Received,
                Value = value,
                Flags = flags,
            }
        );
    }

    /// <param name="metric">A metric whose kind is <see cref="MetricKind.Event"/>.</param>
    /// <param name="word">What happened: <c>pressed</c>, <c>sos</c>, <c>double</c>, <c>long</c>, <c>fall</c>…</param>
    /// <param name="time">When, UTC; null when the device doesn't say.</param>
    /// <param name="channel">Which button.</param>
    /// <param name="flags">Of this reading alone.</param>
    public void AddEvent(Metric metric, string word, DateTime? time = null, string channel = "", ReadingFlags flags = ReadingFlags.None)
    {
        var at = Plausible(time, ref flags);
        readings.Add(
            new Reading
            {
                Device = new DeviceId(Device),
                Metric = metric,
                Channel = StorableText.Of(channel, StorableText.LongWord),
                Time = at,
                Received = Received,
                Value = 1,
                Event = StorableText.Of(word, StorableText.LongWord),
                Flags = flags,
            }
        );
    }

    /// <param name="latitude">WGS-84 degrees, north positive.</param>
    /// <param name="longitude">WGS-84 degrees, east positive.</param>
    /// <param name="time">When the fix was taken, UTC; null when the device doesn't say.</param>
    /// <param name="accuracy">Radius in metres; NaN when unknown, as is what no number can hold.</param>
    /// <param name="speed">Ground speed in m/s; NaN when unknown, as is what no number can hold.</param>
    /// <param name="flags">Of this reading alone; a position out of range is flagged suspect.</param>
    public void AddLocation(
        double latitude,
        double longitude,
        DateTime? time = null,
        float accuracy = float.NaN,
        float speed = float.NaN,
        ReadingFlags flags = ReadingFlags.None
    )
    {
        if (!double.IsFinite(latitude) || !double.IsFinite(longitude))
            return;
        if (Math.Abs(latitude) > 90 || Math.Abs(longitude) > 180)
            flags |= ReadingFlags.Suspect;
        var at = Plausible(time, ref flags);
        readings.Add(
            new Reading
            {
                Device = new DeviceId(Device),
                Metric = Metric.Location,
                Time = at,
                Received = Received,
                Value = latitude,
                Longitude = longitude,
                Accuracy = float.IsFinite(accuracy) ? accuracy : float.NaN,
                Speed = float.IsFinite(speed) ? speed : float.NaN,
                Flags = flags,
            }
        );
    }

    /// <summary>The time itself, or the arrival when it is missing or can't be right.</summary>
    private DateTime Plausible(DateTime? time, ref ReadingFlags flags)
    {
        flags |= always;
        if (time is not { } at)
        {
            flags |= ReadingFlags.ArrivalTime;
            return Received;
        }

        if (at < EarliestPlausible || at > Received + FutureTolerance)
        {
            flags |= ReadingFlags.ArrivalTime | ReadingFlags.ClockWrong;
            return Received;
        }

        return at;
    }
}
