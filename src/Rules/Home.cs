using System.IO.Hashing;
using System.Runtime.InteropServices;
using Vigil.Model;
using Vigil.Rules.Inactivity;

namespace Vigil.Rules;

/// <summary>
/// The rules' state of one resident. Arrays of structs, because there may be a million homes; times are UTC ticks, 0 means never.
/// </summary>
internal sealed class Home(string id)
{
    /// <summary>
    /// More than any home needs. A device that names a new channel in each message would otherwise slow down every evaluation of its home.
    /// </summary>
    public const int MostSeries = 1024;

    /// <summary>The channel to which all further ones are counted.</summary>
    private const string Overflow = "other";

    public readonly string Id = id;
    public ResidentFacts? Facts;
    public EffectiveRules Rules = null!;
    public OutageArea? OutageArea;
    public DeviceState[] Devices = [];
    public int DeviceCount;
    public Series[] Series = [];
    public int SeriesCount;
    public Episode[] Episodes = [];
    public int EpisodeCount;
    public UseTracker? Water;
    public UseTracker? Electricity;

    /// <summary>What its sensors show; null while none has shown life.</summary>
    public HomeLife? Life;

    /// <summary>When the due queue will look at this home; long.MaxValue when it won't.</summary>
    public long QueuedDue = long.MaxValue;

    /// <summary>The start of the last absence that ended early, because something was used.</summary>
    public long EndedAbsence;

    /// <summary>The newest moment at which the resident certainly did something: a door, a bed, a press.</summary>
    public long LastActivity;

    /// <summary>Orders homes that are due at the same moment, the same in every process.</summary>
    public readonly uint IdHash = XxHash32.HashToUInt32(MemoryMarshal.AsBytes(id.AsSpan()));

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
            channel = Overflow;
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

    /// <summary>The absence at a moment, unless it ended early.</summary>
    public AbsenceFacts? AbsenceAt(long time)
    {
        if (Facts is null)
            return null;
        foreach (var absence in Facts.Absences)
            if (absence.From.Ticks <= time && time < absence.Until.Ticks && absence.From.Ticks > EndedAbsence)
                return absence;
        return null;
    }

    /// <summary>
    /// The end of the last absence that ended within a silence; 0 when there is none. Before it nobody was at home to use anything.
    /// </summary>
    public long ReturnWithin(long since, long at)
    {
        var back = 0L;
        if (Facts is null)
            return back;
        foreach (var absence in Facts.Absences)
            if (absence.Until.Ticks > since && absence.Until.Ticks <= at && absence.From.Ticks < at && absence.From.Ticks > EndedAbsence)
                back = Math.Max(back, absence.Until.Ticks);
        return back;
    }

    /// <summary>What the resident has refused, and with it every trace in the state of the rules.</summary>
    public Refusals Refused => Facts?.Refused ?? Refusals.None;

    /// <summary>
    /// Forgets what was learned under a consent that isn't there any more. Places in the arrays stay: episodes name them.
    /// </summary>
    public void Forget(Refusals refused)
    {
        for (var i = 0; i < SeriesCount; i++)
            if ((Series[i].Metric.EndedBy & refused) != 0)
                Series[i] = new Series
                {
                    Device = Series[i].Device,
                    Metric = Series[i].Metric,
                    Channel = Series[i].Channel,
                };
        if ((refused & Refusals.Monitoring) != 0)
            (Water, Electricity, Life, LastActivity) = (null, null, null, 0);
    }

    /// <summary>The resident did something at this moment: a door, a bed, a press, a movement.</summary>
    public void NoteActivity(long time) => LastActivity = Math.Max(LastActivity, time);

    /// <summary>The resident's area is under heightened watch.</summary>
    public bool OnWatch(long time) => Facts is { WatchUntil: { } until } facts && until.Ticks > time && facts.WatchFrom.Ticks <= time;
}
