using System.IO.Hashing;
using System.Runtime.InteropServices;
using Vigil.Model;

namespace Vigil.Rules;

/// <summary>
/// All that is remembered of one resident. Arrays of structs, because there may be a million homes; times are UTC ticks, 0 means never.
/// </summary>
internal sealed class Home(string id)
{
    /// <summary>
    /// More than any home has. A device that names a new channel in each message would make every look at its home longer, and others wait
    /// for it.
    /// </summary>
    public const int MostSeries = 1024;

    /// <summary>The channel that stands for all that come when there are enough.</summary>
    private const string Else = "other";

    public readonly string Id = id;
    public ResidentFacts? Facts;
    public EffectiveRules Rules = null!;
    public Village? Village;
    public DeviceState[] Devices = [];
    public int DeviceCount;
    public Series[] Series = [];
    public int SeriesCount;
    public Episode[] Episodes = [];
    public int EpisodeCount;
    public UseTracker? Water;
    public UseTracker? Electricity;

    /// <summary>When the due queue will look at this home; long.MaxValue when it won't.</summary>
    public long QueuedDue = long.MaxValue;

    /// <summary>The start of the last absence that a use has ended before its time.</summary>
    public long AbsenceOver;

    /// <summary>Newest moment the resident certainly did something: a door, a bed, a press.</summary>
    public long LifeAt;

    /// <summary>Where this home stands among others that fall due at the same moment: a hash of its id.</summary>
    public readonly uint Share = XxHash32.HashToUInt32(MemoryMarshal.AsBytes(id.AsSpan()));

    public int FindDevice(string device)
    {
        for (var i = 0; i < DeviceCount; i++)
            if (ReferenceEquals(Devices[i].Id, device))
                return i;
        for (var i = 0; i < DeviceCount; i++)
            if (Devices[i].Id == device)
                return i;
        return -1;
    }

    public int AddDevice(string device)
    {
        if (DeviceCount == Devices.Length)
            Array.Resize(ref Devices, Math.Max(DeviceCount + 1, DeviceCount * 3 / 2));
        Devices[DeviceCount] = new DeviceState { Id = device };
        return DeviceCount++;
    }

    public int FindSeries(int device, Metric metric, string channel)
    {
        for (var i = 0; i < SeriesCount; i++)
        {
            ref var s = ref Series[i];
            if (s.Device == device && ReferenceEquals(s.Metric, metric) && (ReferenceEquals(s.Channel, channel) || s.Channel == channel))
                return i;
        }

        return -1;
    }

    public int AddSeries(int device, Metric metric, string channel)
    {
        if (SeriesCount >= MostSeries)
        {
            channel = Else;
            if (FindSeries(device, metric, channel) is >= 0 and var shared)
                return shared;
        }

        if (SeriesCount == Series.Length)
            Array.Resize(ref Series, Math.Max(SeriesCount + 2, SeriesCount * 3 / 2));
        Series[SeriesCount] = new Series
        {
            Device = device,
            Metric = metric,
            Channel = channel,
        };
        return SeriesCount++;
    }

    public int FindEpisode(AlarmKind kind, int device = -1, int series = -1)
    {
        for (var i = 0; i < EpisodeCount; i++)
        {
            ref var e = ref Episodes[i];
            if (ReferenceEquals(e.Kind, kind) && (device < 0 || e.Device == device) && (series < 0 || e.Series == series))
                return i;
        }

        return -1;
    }

    public int AddEpisode(in Episode episode)
    {
        if (EpisodeCount == Episodes.Length)
            Array.Resize(ref Episodes, EpisodeCount + 2);
        Episodes[EpisodeCount] = episode;
        return EpisodeCount++;
    }

    public void RemoveEpisode(int index)
    {
        Episodes[index] = Episodes[--EpisodeCount];
        Episodes[EpisodeCount] = default;
    }

    /// <summary>The absence that holds at a moment, unless a use has ended it.</summary>
    public AbsenceFacts? AbsenceAt(long time)
    {
        if (Facts is null)
            return null;
        foreach (var absence in Facts.Absences)
            if (absence.From.Ticks <= time && time < absence.Until.Ticks && absence.From.Ticks > AbsenceOver)
                return absence;
        return null;
    }

    /// <summary>
    /// The end of an absence that covers a part of a silence and is over; 0 when there is none. What lies before it was no silence at home.
    /// </summary>
    public long BackSince(long since, long at)
    {
        var back = 0L;
        if (Facts is null)
            return back;
        foreach (var absence in Facts.Absences)
            if (absence.Until.Ticks > since && absence.Until.Ticks <= at && absence.From.Ticks < at && absence.From.Ticks > AbsenceOver)
                back = Math.Max(back, absence.Until.Ticks);
        return back;
    }

    public bool OnWatch(long time) => Facts is { WatchUntil: { } until } facts && until.Ticks > time && facts.WatchFrom.Ticks <= time;
}

/// <summary>A device of a home.</summary>
internal struct DeviceState
{
    public string Id;

    /// <summary>0 when the registry doesn't know it.</summary>
    public long Installed;

    /// <summary>How often it should report, ticks; 0 when unknown.</summary>
    public long ReportEvery;

    /// <summary>When something of it last arrived, by arrival time.</summary>
    public long Received;

    /// <summary>It measures use: its silence ends in a welfare check.</summary>
    public bool Meter;

    /// <summary>Good clock readings in a row since the clock was wrong.</summary>
    public byte GoodClock;

    /// <summary>In the registry now; a device taken away is not missed.</summary>
    public bool Registered;
}

/// <summary>One metric of one device.</summary>
internal struct Series
{
    public int Device;
    public Metric Metric;
    public string Channel;

    /// <summary>Time of the newest reading used.</summary>
    public long Time;
    public double Value;

    /// <summary>Since when a condition holds; 0 when it doesn't.</summary>
    public long Since;

    /// <summary>When the condition has lasted long enough, or when a clear becomes certain; 0 when nothing is awaited.</summary>
    public long Due;

    /// <summary>Readings in a row that meet the condition; longitude for locations; candidate value of a gauge.</summary>
    public double Extra;

    /// <summary>Newest event times, to know a repeated delivery; null for other metrics.</summary>
    public long[]? Events;
}

/// <summary>An open episode of an alarm.</summary>
internal struct Episode
{
    public AlarmKind Kind;
    public int Device;
    public int Series;

    /// <summary>Names the episode.</summary>
    public long Start;

    /// <summary>When it was opened, reading time.</summary>
    public long Opened;

    /// <summary>When it last happened again.</summary>
    public long Again;
    public int Sequence;
    public Severity Severity;

    /// <summary>Held back because of an outage until then; 0 when people know of it.</summary>
    public long HeldUntil;
}
