using Vigil.Model;
using Vigil.Rules.Kinds;

namespace Vigil.Rules;

/// <summary>
/// One partition of residents: (state, reading or tick, settings) → (state, findings). Pure: no I/O, no clock of its own, no randomness.
/// Not thread-safe: one owner at a time. All homes of a village belong in one partition, or an outage is not seen.
/// </summary>
public sealed class RuleEngine
{
    private readonly Dictionary<string, Home> homes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Village> villages = new(StringComparer.Ordinal);

    /// <summary>Homes by when to look at them; two of the same moment in an order of their own, the same in every process.</summary>
    private readonly PriorityQueue<Home, (long At, uint Share)> due = new();
    private readonly List<(long From, long Until)> deaf = [];
    private long ticked;

    /// <summary>When the snapshot was taken that it goes on from.</summary>
    private long saved;

    /// <summary>Until when, by the old time, arrivals were applied before the clock was set back; 0: it never was.</summary>
    private long ahead;
    private bool loaded;

    public RuleEngine(RuleSet rules, TimeZoneInfo zone)
    {
        Rules = rules;
        Zone = zone;
    }

    public RuleSet Rules { get; private set; }

    public TimeZoneInfo Zone { get; }

    /// <summary>When <see cref="AdvanceTo"/> has something to do next; null when nothing is awaited. May be early, never late.</summary>
    public DateTime? NextDue => due.TryPeek(out _, out var next) ? new DateTime(next.At, DateTimeKind.Utc) : null;

    /// <summary>Told of each finding that is held back, and why (English, Chinese): absence, outage.</summary>
    public Action<Finding, string, string>? HeldBack { get; set; }

    /// <summary>
    /// Told of each total that rules don't believe: resident, device and why. A reset, a changed meter, a jump back, more than can have
    /// flowed.
    /// </summary>
    public Action<string, string, string>? Doubted { get; set; }

    /// <summary>Told when a home can't be looked at, and why; it is left out of this look.</summary>
    public Action<string, Exception>? Failed { get; set; }

    private const long AgainAfterFailure = TimeSpan.TicksPerMinute;

    /// <summary>Adds a resident or replaces what is known; learned state is kept.</summary>
    public void Put(ResidentFacts facts)
    {
        var home = HomeOf(facts.Id.Value);
        home.Facts = facts;
        home.Rules = Rules.For(facts);
        Settle(home, facts.Area.Value);
        for (var i = 0; i < home.DeviceCount; i++)
            home.Devices[i].Registered = false;
        foreach (var device in facts.Devices)
        {
            var index = home.FindDevice(device.Id.Value);
            if (index < 0)
                index = home.AddDevice(device.Id.Value);
            ref var d = ref home.Devices[index];
            d.Id = device.Id.Value;
            d.Registered = true;
            d.Installed = device.InstalledAt.Ticks;
            d.ReportEvery = device.ReportEvery?.Ticks ?? 0;
            foreach (var metric in device.Expects)
                if (ReferenceEquals(metric, Metric.WaterVolume) || ReferenceEquals(metric, Metric.ElectricityEnergy))
                    d.Meter = true;
        }

        CountAbsence(home, home.Water);
        CountAbsence(home, home.Electricity);

        // A device that was taken away is not missed any more.
        for (var i = 0; i < home.DeviceCount; i++)
        {
            ref var d = ref home.Devices[i];
            if (d.Registered)
                continue;
            d.ReportEvery = 0;
            d.Meter = false;
        }

        Queue(home, DueOf(home));
    }

    public void Remove(ResidentId resident)
    {
        if (!homes.Remove(resident.Value, out var home))
            return;
        home.Village?.Homes.Remove(home);
        home.QueuedDue = long.MinValue;
    }

    /// <summary>Replaces the rules without losing state.</summary>
    public void Use(RuleSet rules)
    {
        Rules = rules;
        foreach (var home in homes.Values)
        {
            home.Rules = rules.For(home.Facts);
            Queue(home, DueOf(home));
        }
    }

    /// <summary>
    /// Takes one reading of a resident's device. Within one delivery, readings come in the order of their time. A reading that is known
    /// already changes nothing.
    /// </summary>
    public void Apply(ResidentId resident, in Reading reading, List<Finding> into)
    {
        if (!homes.TryGetValue(resident.Value, out var home))
        {
            home = HomeOf(resident.Value);
            home.Rules = Rules.For(null);
        }

        Apply(home, reading, into);
    }

    /// <summary>
    /// Lets time pass up to a moment of arrival time: what was due by then is found. Called only when the queue before it has been applied
    /// (invariant 3).
    /// </summary>
    public void AdvanceTo(DateTime now, List<Finding> into)
    {
        ComeBack(now);
        while (due.TryPeek(out var home, out var look) && look.At <= now.Ticks)
        {
            due.Dequeue();
            if (home.QueuedDue != look.At)
                continue; // queued again for another time, or removed
            home.QueuedDue = long.MaxValue;
            try
            {
                var at = DueOf(home);
                // Findings come in the order of their own moments, whenever homes were looked at: what they say together (an outage)
                // depends on it.
                if (at <= look.At)
                    AdvanceHome(home, look.At, into);
                else if (at <= now.Ticks)
                    Enqueue(home, at);
                else
                    Queue(home, at);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // What has been found stands, the other homes are looked at, and this one is tried again later: not at once, or it would be
                // looked at for ever.
                home.QueuedDue = long.MaxValue;
                Enqueue(home, now.Ticks + AgainAfterFailure);
                Failed?.Invoke(home.Id, e);
            }
        }
    }

    /// <summary>
    /// The service itself was deaf for a while (our own downtime, the broker gone): that time doesn't count as silence of devices
    /// (invariant 3). What they say afterwards is judged as always. Told twice, it counts once.
    /// </summary>
    public void ForgiveDeafness(DateTime from, DateTime to)
    {
        if (to <= from)
            return;
        var (first, last) = (from.Ticks, to.Ticks);
        for (var i = deaf.Count - 1; i >= 0; i--)
        {
            if (deaf[i].Until < first || deaf[i].From > last)
                continue;
            first = Math.Min(first, deaf[i].From);
            last = Math.Max(last, deaf[i].Until);
            deaf.RemoveAt(i);
        }

        if (deaf.Count == 64)
            deaf.RemoveAt(0);
        deaf.Add((first, last));
    }

    /// <summary>The times that <see cref="ForgiveDeafness"/> was told of and that are remembered.</summary>
    public IEnumerable<(DateTime From, DateTime Until)> Deaf =>
        deaf.Select(d => (new DateTime(d.From, DateTimeKind.Utc), new DateTime(d.Until, DateTimeKind.Utc)));

    /// <summary>
    /// The earliest moments at which trouble could be told of each device of a resident, if nothing more is heard or used.
    /// </summary>
    public IReadOnlyList<Outlook> OutlooksOf(ResidentId resident) =>
        homes.TryGetValue(resident.Value, out var home) ? Outlooks.Of(this, home) : [];

    /// <summary>Writes all state; <see cref="Load"/> reads it back, and the readings that arrived since are applied again.</summary>
    public void Save(Stream stream) => Snapshot.Write(stream, ticked, ahead, deaf, homes.Values, villages.Values);

    /// <param name="stream">What <see cref="Save"/> wrote.</param>
    /// <param name="taken">When it was; without, when something was last due.</param>
    /// <exception cref="InvalidDataException">Not a snapshot, or of another version: learn again from the readings.</exception>
    public void Load(Stream stream, DateTime? taken = null)
    {
        (ticked, ahead) = Snapshot.Read(stream, deaf, HomeOf, VillageOf);
        if (taken is { } at)
            ticked = Math.Max(ticked, at.Ticks); // nothing was due for a while, and all was heard
        saved = ticked;
        loaded = true;
        foreach (var home in homes.Values)
        {
            home.Rules ??= Rules.For(home.Facts);
            if (home.Facts is { } facts)
                Put(facts);
            else
                Queue(home, DueOf(home));
        }
    }

    /// <summary>Empties it: a snapshot that could be read in part is not believed in part.</summary>
    public void Forget()
    {
        homes.Clear();
        villages.Clear();
        due.Clear();
        deaf.Clear();
        (ticked, ahead, loaded) = (0, 0, false);
    }

    /// <summary>For a replay of readings: what was due in this home before the next of them.</summary>
    internal void AdvanceHome(Home home, long now, List<Finding> into)
    {
        home.QueuedDue = long.MaxValue;
        var turn = new Turn(this, home, into, now);
        for (var i = 0; i < home.SeriesCount; i++)
            if (home.Series[i].Due is not 0 and var at && at <= now)
                States.Fire(turn, i, at);
        for (var i = 0; i < home.DeviceCount; i++)
        {
            // Silent, then a welfare check: two steps may be due at once.
            for (var step = 0; step < 3 && DeviceTrouble.DueOf(this, home, i) is var at && at <= now; step++)
                DeviceTrouble.Fire(turn, i, at);
        }

        for (var i = 0; i < home.EpisodeCount; i++)
            if (home.Episodes[i].HeldUntil is not 0 and var until && until <= now)
                Village.Release(turn, until);
        for (var i = home.EpisodeCount - 1; i >= 0; i--)
            if (IsTakenAway(home, home.Episodes[i]))
                turn.Clear(i, now, "the device was taken out of the registry", "设备已从登记中移除");
        Queue(home, DueOf(home));
    }

    /// <summary>A replay asks each home for itself what is due: the queue stays empty.</summary>
    internal bool Replaying { get; init; }

    internal int Count => homes.Count;

    internal Home? Find(string resident) => homes.GetValueOrDefault(resident);

    internal Home Add(string resident)
    {
        var home = HomeOf(resident);
        home.Rules ??= Rules.For(null);
        return home;
    }

    internal void Apply(Home home, in Reading reading, List<Finding> into)
    {
        var device = home.FindDevice(reading.Device.Value);
        if (device < 0)
            device = home.AddDevice(reading.Device.Value);
        var received = reading.Received.Ticks;
        if (received > ticked && loaded)
            ticked = received; // replayed after a restart: we heard it
        var turn = new Turn(this, home, into, received);
        DeviceTrouble.Seen(turn, device, received);
        if (reading.Has(ReadingFlags.Suspect) || !double.IsFinite(reading.Value))
            return;
        var time = DeviceTrouble.TimeOf(turn, device, reading);
        var metric = reading.Metric;
        var channel = reading.Channel ?? "";
        var series = home.FindSeries(device, metric, channel);
        if (series < 0)
        {
            if (!Judged(metric))
                return;
            series = home.AddSeries(device, metric, channel);
        }

        switch (metric.Kind)
        {
            case MetricKind.Cumulative:
                if (reading.Value >= 0)
                    Consumption.Apply(turn, series, reading, time);
                break;
            case MetricKind.Gauge:
                Gauges.Apply(turn, series, reading, time);
                break;
            case MetricKind.State:
                States.Apply(turn, series, reading, time);
                break;
            case MetricKind.Location:
                Whereabouts.Apply(turn, series, reading, time);
                break;
            default:
                Presses.Apply(turn, series, reading, time);
                break;
        }
    }

    /// <summary>
    /// Has this home looked at by then, and somewhat before when that is long off: the reports of a million homes come at full hours, and
    /// so would their deadlines, of which nearly all have moved on by then. Each home's own share of the wait spreads the looks; what is
    /// due is found at its own moment.
    /// </summary>
    internal void Queue(Home home, long at)
    {
        if (!Replaying && at != long.MaxValue && (at - ticked) / 8 is > TimeSpan.TicksPerMinute and var share)
            at -= (long)(share / (double)uint.MaxValue * home.Share);
        Enqueue(home, at);
    }

    private void Enqueue(Home home, long at)
    {
        if (at >= home.QueuedDue)
            return; // looked at earlier anyway
        home.QueuedDue = at;
        if (!Replaying)
            due.Enqueue(home, (at, home.Share));
    }

    /// <summary>
    /// The service's clock is set: what is counted from an arrival moves along, so that silence is judged when it would have been. Forward,
    /// no time has passed for anybody; back, nothing may lie in a time to come, or the next readings would pass for old ones and be left
    /// out.
    /// </summary>
    /// <param name="by">Forward, or negative: back.</param>
    /// <param name="now">The new time.</param>
    public void SetClock(TimeSpan by, DateTime now) => SetClock(by, now, onlyAhead: false);

    /// <summary>Arrivals of a time that is still to come were heard before the clock was set back, and are known.</summary>
    public bool HeardBeyond(DateTime now) => ahead > now.Ticks;

    /// <summary>
    /// After a start, and after what was replayed: from now on it is listened again. A clock that was ahead has been set back; what the
    /// snapshot knows by the new time already stays.
    /// </summary>
    public void ComeBack(DateTime now)
    {
        if (loaded)
        {
            loaded = false;
            if (now.Ticks - ticked > 5 * TimeSpan.TicksPerMinute && ticked > 0)
                ForgiveDeafness(new DateTime(ticked, DateTimeKind.Utc), now);
        }

        if (now.Ticks < ticked - TimeSpan.TicksPerMinute)
            SetClock(new TimeSpan(now.Ticks - ticked), now, onlyAhead: saved <= now.Ticks);
        ticked = Math.Max(ticked, now.Ticks);
    }

    private void SetClock(TimeSpan by, DateTime now, bool onlyAhead)
    {
        if (by > TimeSpan.Zero)
            ForgiveDeafness(now - by, now);
        else
        {
            ahead = now.Ticks - by.Ticks;
            ticked = now.Ticks;
            for (var i = 0; i < deaf.Count && !onlyAhead; i++)
                deaf[i] = (deaf[i].From + by.Ticks, deaf[i].Until + by.Ticks);
        }

        foreach (var village in villages.Values)
            ClockSet.Move(village, by.Ticks, now.Ticks);
        foreach (var home in homes.Values)
        {
            ClockSet.Move(home, by.Ticks, now.Ticks, onlyAhead);
            Queue(home, DueOf(home));
        }
    }

    /// <summary>The moment at which we have listened for <paramref name="allowed"/> since <paramref name="since"/>.</summary>
    internal long Heard(long since, long allowed)
    {
        var at = since + allowed;
        foreach (var (from, until) in deaf)
        {
            if (until <= since || from >= at)
                continue;
            at += until - Math.Max(from, since);
        }

        return at;
    }

    /// <summary>Silence counts from the end of an absence; where that absence was ended or taken back, from now.</summary>
    private void CountAbsence(Home home, UseTracker? use)
    {
        if (use is null || use.Floor <= ticked)
            return; // only an absence lets silence count from a time to come
        foreach (var absence in home.Facts!.Absences)
            if (absence.Until.Ticks == use.Floor && absence.From.Ticks > home.AbsenceOver)
                return;
        use.CountFrom(use.Frontier);
    }

    private static bool Judged(Metric metric) =>
        ReferenceEquals(metric, Metric.WaterVolume)
        || ReferenceEquals(metric, Metric.ElectricityEnergy)
        || metric.Kind is MetricKind.Location or MetricKind.State
        || ReferenceEquals(metric, Metric.Button)
        || ReferenceEquals(metric, Metric.Fall)
        || ReferenceEquals(metric, Metric.VoiceHelp)
        || ReferenceEquals(metric, Metric.AirTemperature)
        || ReferenceEquals(metric, Metric.BatteryLevel)
        || ReferenceEquals(metric, Metric.HeartRate)
        || ReferenceEquals(metric, Metric.BloodOxygen)
        || ReferenceEquals(metric, Metric.RespirationRate)
        || ReferenceEquals(metric, Metric.BloodPressureSystolic)
        || ReferenceEquals(metric, Metric.BloodPressureDiastolic)
        || ReferenceEquals(metric, Metric.BodyTemperature)
        || ReferenceEquals(metric, Metric.BloodGlucose);

    private long DueOf(Home home)
    {
        var at = long.MaxValue;
        for (var i = 0; i < home.SeriesCount; i++)
            if (home.Series[i].Due is not 0 and var d && d < at)
                at = d;
        for (var i = 0; i < home.DeviceCount; i++)
            at = Math.Min(at, DeviceTrouble.DueOf(this, home, i));
        for (var i = 0; i < home.EpisodeCount; i++)
        {
            ref var e = ref home.Episodes[i];
            if (e.HeldUntil is not 0 and var h && h < at)
                at = h;
            if (IsTakenAway(home, e))
                at = Math.Min(at, Math.Max(ticked, e.Opened));
        }

        return at;
    }

    /// <summary>What is the matter with a device that the registry had and has no longer is nobody's trouble any more.</summary>
    private static bool IsTakenAway(Home home, in Episode e) =>
        e.Device >= 0 && e.Kind.DefaultSeverity <= Severity.Warning && home.Devices[e.Device] is { Registered: false, Installed: not 0 };

    private Home HomeOf(string id)
    {
        if (!homes.TryGetValue(id, out var home))
            homes[id] = home = new Home(id);
        return home;
    }

    private Village VillageOf(string area)
    {
        if (!villages.TryGetValue(area, out var village))
            villages[area] = village = new Village(area);
        return village;
    }

    private void Settle(Home home, string? area)
    {
        if (home.Village?.Area == area)
            return;
        home.Village?.Homes.Remove(home);
        home.Village = string.IsNullOrEmpty(area) ? null : VillageOf(area);
        home.Village?.Homes.Add(home);
    }
}
