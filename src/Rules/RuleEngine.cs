using Vigil.Model;
using Vigil.Rules.Inactivity;
using Vigil.Rules.Kinds;

namespace Vigil.Rules;

/// <summary>
/// One partition of residents: (state, reading or tick, settings) → (state, findings). Pure: no I/O, no clock of its own, no randomness.
/// Not thread-safe: one owner at a time. All homes of a village belong in one partition, or an outage is not seen.
/// </summary>
public sealed class RuleEngine
{
    private const long RetryAfterFailure = TimeSpan.TicksPerMinute;

    /// <summary>At one moment more things aren't due in one home: a rule that never has enough would stop all others.</summary>
    private const int MostLooks = 100;

    private readonly PartitionHomes homes = new();

    /// <summary>
    /// Homes by when to look at them; those of the same moment by their hash, so that the order is the same in every process.
    /// </summary>
    private readonly PriorityQueue<Home, (long At, uint IdHash)> due = new();
    private readonly Downtimes downtimes = new();

    /// <summary>Up to when time has passed for all homes, ticks of arrival time.</summary>
    private long advancedTo;

    /// <summary>The same at the snapshot from which it was restored.</summary>
    private long snapshotTime;

    /// <summary>Up to when, by the old time, arrivals were applied before the clock was set back; 0: it never was.</summary>
    private long heardAhead;

    /// <summary>Restored from a snapshot and not listening yet: what arrived since is being replayed.</summary>
    private bool restored;

    public RuleEngine(RuleSet rules, TimeZoneInfo zone)
    {
        Rules = rules;
        Zone = zone;
    }

    public RuleSet Rules { get; private set; }

    public TimeZoneInfo Zone { get; }

    /// <summary>What is expected of homes whose own habits aren't learned yet.</summary>
    public LifePriors Priors { get; set; } = LifePriors.Shipped;

    /// <summary>When <see cref="AdvanceTo"/> has something to do next; null when nothing is awaited. May be early, never late.</summary>
    public DateTime? NextDue => due.TryPeek(out _, out var next) ? new DateTime(next.At, DateTimeKind.Utc) : null;

    /// <summary>Told of each finding that is held back, and why, for the log: absence, outage, hours of the rule.</summary>
    public Action<Finding, string>? HeldBack { get; set; }

    /// <summary>
    /// Told of each meter total that the rules don't believe, with resident, device and why: a reset, a replaced meter, a step back, more
    /// than can have flowed.
    /// </summary>
    public Action<string, string, string>? Doubted { get; set; }

    /// <summary>Told when looking at a home failed, and why; the other homes are looked at all the same.</summary>
    public Action<string, Exception>? Failed { get; set; }

    /// <summary>The downtimes that are remembered.</summary>
    public IEnumerable<(DateTime From, DateTime Until)> Downtimes =>
        downtimes.All.Select(d => (new DateTime(d.From, DateTimeKind.Utc), new DateTime(d.Until, DateTimeKind.Utc)));

    /// <summary>In a replay each home is asked by itself what is due, and the queue stays empty.</summary>
    internal bool Replaying { get; init; }

    internal int Count => homes.All.Count;

    /// <summary>Adds a resident or replaces what is known; learned state is kept.</summary>
    public void Put(ResidentFacts facts)
    {
        var home = homes.Of(facts.Id.Value);
        if ((facts.Refused & ~home.Refused) is not Refusals.None and var refused)
            home.Forget(refused);
        home.Facts = facts;
        home.Rules = Rules.For(facts);
        homes.Assign(home, facts.Area.Value);
        foreach (var device in facts.Devices)
            if (home.FindDevice(device.Id.Value) is >= 0 and var back && home.Devices[back].TakenOut)
                ComesBack(home, back, device.InstalledAt.Ticks);
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
            d.ReportEvery = device.Expected.ReportEvery?.Ticks ?? 0;
            d.OnlyCalls = device.OnlyCalls;
            foreach (var metric in device.Expected.Expects)
                if (ReferenceEquals(metric, Metric.WaterVolume) || ReferenceEquals(metric, Metric.ElectricityEnergy))
                    d.Meter = true;
        }

        CountAbsence(home, home.Water);
        CountAbsence(home, home.Electricity);
        if (
            home.Life is { } life
            && life.Last > advancedTo
            && !facts.Absences.Any(a => a.Until.Ticks == life.Last && a.From.Ticks > home.EndedAbsence)
        )
            life.CountFrom(advancedTo); // the absence until then was ended or taken back

        // A device that was taken out of the registry is not expected to report any more.
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
        if (homes.Remove(resident.Value, out var home))
            home!.QueuedDue = long.MinValue;
    }

    /// <summary>Replaces the rules without losing state.</summary>
    public void Use(RuleSet rules)
    {
        Rules = rules;
        foreach (var home in homes.All)
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
        Apply(homes.Find(resident.Value) ?? Add(resident.Value), reading, into);
    }

    /// <summary>
    /// Lets time pass up to a moment of arrival time and finds what was due by then. Called only when everything that arrived before it has
    /// been applied (invariant 3).
    /// </summary>
    public void AdvanceTo(DateTime now, List<Finding> into)
    {
        Resume(now);
        (Home? Home, long At) last = default;
        var looks = 0;
        while (due.TryPeek(out var home, out var look) && look.At <= now.Ticks)
        {
            due.Dequeue();
            if (home.QueuedDue != look.At)
                continue; // queued again for another time, or removed
            home.QueuedDue = long.MaxValue;
            looks = last == (home, look.At) ? looks + 1 : 0;
            last = (home, look.At);
            try
            {
                if (looks > MostLooks)
                    throw new InvalidOperationException($"what was due at {new DateTime(look.At):O} stays due, whatever is done about it");
                var at = DueOf(home);
                // Findings are made in the order of their own moments, whenever homes are looked at, because an outage depends on that
                // order.
                if (at <= look.At)
                    AdvanceHome(home, look.At, into);
                else if (at <= now.Ticks)
                    Enqueue(home, at);
                else
                    Queue(home, at);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // What was found is kept, and the other homes are looked at. This one is tried again later, because at once would be an
                // endless loop.
                home.QueuedDue = long.MaxValue;
                Enqueue(home, now.Ticks + RetryAfterFailure);
                Failed?.Invoke(home.Id, e);
            }
        }
    }

    /// <summary>
    /// The service could not hear its devices for a while (stopped, the broker unreachable): that time doesn't count as their silence
    /// (invariant 3). What they report afterwards is judged as always. Told twice, it counts once.
    /// </summary>
    public void AddDowntime(DateTime from, DateTime to)
    {
        if (to > from)
            downtimes.Add(from.Ticks, to.Ticks);
    }

    /// <summary>
    /// The service's clock was set: what is counted from an arrival moves along, so that silence is judged when it would have been. Set
    /// forward, no time has passed for anybody. Set back, nothing may lie in the future, or the next readings would be ignored as old.
    /// </summary>
    /// <param name="by">Forward; negative: back.</param>
    /// <param name="now">The new time.</param>
    public void SetClock(TimeSpan by, DateTime now) => SetClock(by, now, onlyAhead: false);

    /// <summary>Whether readings that arrived after this moment were applied already, before the clock was set back.</summary>
    public bool HasHeardBeyond(DateTime now) => heardAhead > now.Ticks;

    /// <summary>
    /// Called when the service listens again after a start and what was replayed: the time between was a downtime. Where the clock was
    /// ahead and has been set back, what the snapshot knows by the new time already stays.
    /// </summary>
    public void Resume(DateTime now)
    {
        if (restored)
        {
            restored = false;
            if (now.Ticks - advancedTo > 5 * TimeSpan.TicksPerMinute && advancedTo > 0)
                AddDowntime(new DateTime(advancedTo, DateTimeKind.Utc), now);
        }

        if (now.Ticks < advancedTo - TimeSpan.TicksPerMinute)
            SetClock(new TimeSpan(now.Ticks - advancedTo), now, onlyAhead: snapshotTime <= now.Ticks);
        advancedTo = Math.Max(advancedTo, now.Ticks);
    }

    /// <summary>
    /// The earliest moments at which trouble could be told of each device of a resident, if nothing more is heard or used.
    /// </summary>
    public IReadOnlyList<Outlook> OutlooksOf(ResidentId resident) => homes.Find(resident.Value) is { } home ? Outlooks.Of(this, home) : [];

    /// <summary>What the devices of a home could show right now; nothing of a home that isn't known.</summary>
    public HomeSigns SignsOf(ResidentId resident) => homes.Find(resident.Value) is { } home ? Signs.Of(home) : default;

    /// <summary>Adds what the homes of this partition have learned.</summary>
    public void AddTo(LifePriors.Sum sum)
    {
        foreach (var home in homes.All)
        {
            var key = home.Facts is { KeyClass: true };
            home.Water?.Pattern?.AddTo(sum, key);
            home.Electricity?.Pattern?.AddTo(sum, key);
            home.Life?.AddTo(sum, key);
        }
    }

    /// <summary>Writes all state; <see cref="Load"/> reads it back, and the readings that arrived since are applied again.</summary>
    public void Save(Stream stream) => Snapshot.Write(stream, advancedTo, heardAhead, downtimes.All, homes.All, homes.Areas);

    /// <param name="stream">What <see cref="Save"/> wrote.</param>
    /// <param name="taken">When it was written; null: when something was last due.</param>
    /// <exception cref="InvalidDataException">Not a snapshot, or of another version: the state has to be rebuilt from the
    /// readings.</exception>
    public void Load(Stream stream, DateTime? taken = null)
    {
        (advancedTo, heardAhead) = Snapshot.Read(stream, downtimes.All, homes.Of, homes.AreaOf);
        if (taken is { } at)
            advancedTo = Math.Max(advancedTo, at.Ticks); // nothing was due for a while, but everything was heard
        snapshotTime = advancedTo;
        restored = true;
        foreach (var home in homes.All)
        {
            home.Rules ??= Rules.For(home.Facts);
            home.Water?.Pattern?.Follow(Rules.Calendar);
            home.Electricity?.Pattern?.Follow(Rules.Calendar);
            if (home.Facts is { } facts)
                Put(facts);
            else
                Queue(home, DueOf(home));
        }
    }

    /// <summary>Empties the state, after a snapshot that could be read only in part.</summary>
    public void Forget()
    {
        homes.Clear();
        due.Clear();
        downtimes.All.Clear();
        (advancedTo, heardAhead, restored) = (0, 0, false);
    }

    /// <summary>Finds what is due in one home.</summary>
    internal void AdvanceHome(Home home, long now, List<Finding> into)
    {
        home.QueuedDue = long.MaxValue;
        HomeDue.Fire(new RuleContext(this, home, into, now));
        Queue(home, DueOf(home));
    }

    internal Home? Find(string resident) => homes.Find(resident);

    internal Home Add(string resident)
    {
        var home = homes.Of(resident);
        home.Rules ??= Rules.For(null);
        return home;
    }

    internal void Apply(Home home, in Reading reading, List<Finding> into)
    {
        if ((home.Refused & reading.Metric.EndedBy) != 0)
            return; // stored before consent was withdrawn, or on its way
        var device = home.FindDevice(reading.Device.Value);
        if (device < 0)
            device = home.AddDevice(reading.Device.Value);
        var received = reading.Received.Ticks;
        if (received > advancedTo && restored)
            advancedTo = received; // replayed after a restart: it was heard
        var context = new RuleContext(this, home, into, received);
        if (restored && home.Life is not null)
            HomeInactivity.FireDue(context, received - 1); // while the time of a replay doesn't pass by ticks, its readings let it
        DeviceTrouble.Seen(context, device, received);
        home.Life?.Hear(received, Zone);
        if (reading.Has(ReadingFlags.Suspect) || !double.IsFinite(reading.Value))
            return;
        var time = DeviceClock.TimeOf(context, device, reading);
        var metric = reading.Metric;
        var channel = reading.Channel ?? "";
        var series = home.FindSeries(device, metric, channel);
        if (series < 0)
        {
            if (!ReadingRules.LookAt(home.Devices[device], metric))
                return;
            series = home.AddSeries(device, metric, channel);
        }
        ReadingRules.Apply(context, series, reading, time);
    }

    /// <summary>A moment of the registry; 0 when it lies ahead, because the clock was set back since.</summary>
    internal long UnlessAhead(long at) => at <= advancedTo + 5 * TimeSpan.TicksPerMinute ? at : 0;

    /// <summary>The moment at which the service has listened for <paramref name="allowed"/> since <paramref name="since"/>.</summary>
    internal long ListenedFor(long since, long allowed) => downtimes.ListenedFor(since, allowed);

    /// <summary>
    /// Has this home looked at by then, and somewhat earlier when that is long off. The reports of a million homes come at full hours, and
    /// so would their deadlines, nearly all of which have moved on by then: each home's hash spreads the looks. What is found due is dated
    /// by its own moment, not by the look.
    /// </summary>
    internal void Queue(Home home, long at)
    {
        if (!Replaying && at != long.MaxValue && (at - advancedTo) / 8 is > TimeSpan.TicksPerMinute and var spread)
            at -= (long)(spread / (double)uint.MaxValue * home.IdHash);
        Enqueue(home, at);
    }

    private void Enqueue(Home home, long at)
    {
        if (at >= home.QueuedDue)
            return; // is looked at earlier anyway
        home.QueuedDue = at;
        if (!Replaying)
            due.Enqueue(home, (at, home.IdHash));
    }

    private void SetClock(TimeSpan by, DateTime now, bool onlyAhead)
    {
        if (by > TimeSpan.Zero)
            AddDowntime(now - by, now);
        else
        {
            heardAhead = now.Ticks - by.Ticks;
            advancedTo = now.Ticks;
            if (!onlyAhead)
                downtimes.Move(by.Ticks);
        }

        foreach (var area in homes.Areas)
            ClockShift.Move(area, by.Ticks, now.Ticks);
        foreach (var home in homes.All)
        {
            ClockShift.Move(home, by.Ticks, now.Ticks, onlyAhead);
            Queue(home, DueOf(home));
        }
    }

    /// <summary>
    /// A device that was taken out is in the home again. If it was put there anew, it has been elsewhere: what its meter counted there was
    /// not used here, and its silence there was none.
    /// </summary>
    private static void ComesBack(Home home, int device, long installed)
    {
        ref var d = ref home.Devices[device];
        if (installed <= d.Installed)
            return; // taken out by mistake, or the registry couldn't be read for a while
        (d.Received, d.Cadence, d.GoodClock) = (0, default, 0);
        home.Water?.Forget(home, device);
        home.Electricity?.Forget(home, device);
    }

    /// <summary>Silence was to count from the end of an absence; where that absence was ended or taken back, it counts from now.</summary>
    private void CountAbsence(Home home, UseTracker? use)
    {
        if (use is null || use.CountedFrom <= advancedTo)
            return; // only an absence sets a moment in the future
        foreach (var absence in home.Facts!.Absences)
            if (absence.Until.Ticks == use.CountedFrom && absence.From.Ticks > home.EndedAbsence)
                return;
        use.CountFrom(use.ReportedUntil);
    }

    private long DueOf(Home home) => HomeDue.Of(this, home, advancedTo);
}
