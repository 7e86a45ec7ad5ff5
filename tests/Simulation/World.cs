namespace Vigil.Tests.Simulation;

/// <summary>
/// A week of two villages and of the service that watches over them, in one thread and in simulated time. The same seed gives the same
/// week, event by event.
/// </summary>
internal sealed class World : IDisposable
{
    public static readonly TimeSpan Week = TimeSpan.FromDays(7);

    private readonly PriorityQueue<Action, (TimeSpan At, long Order)> events = new();
    private readonly Agenda agenda;
    private long order;
    private TimeSpan networkBadUntil,
        frozenUntil;
    private TimeSpan? frozenSince;

    public World(int seed, Weather weather, System.Text.StringBuilder? whole = null)
    {
        Seed = seed;
        Random = new Random(seed);
        Folder = Path.Combine(
            Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(),
            $"vigil-simulation-{Environment.ProcessId}-{seed}-{Guid.NewGuid():N}"
        );
        Directory.CreateDirectory(Folder);
        Clock = new SimulatedClock(SimulatedRegistry.Start);
        Journal = new Journal(Clock) { Whole = whole };
        Faults = new InjectedFaults(new Random(seed + 1), Clock, Journal);
        Readings = new SimulatedReadings(new Random(seed + 2), Faults, Journal);
        Records = new SimulatedRecords(SimulatedRegistry.Shared, Folder, new Random(seed + 3), Faults, Journal, Clock);
        Phones = new SimulatedPhones(this);
        Homes = [.. Enumerable.Range(1, SimulatedRegistry.Homes).Select(h => new SimulatedHome(this, h))];
        agenda = new Agenda(Records.ConnectionString, Clock);
        Promises = new Promises(this, agenda);
        foreach (var home in Homes)
            home.Begin();
        for (var hours = 3; hours < Week.TotalHours; hours += 6)
            At(TimeSpan.FromHours(hours), () => Service?.Audit());
        weather.Fall(this);
        Start();
    }

    public int Seed { get; }

    public Random Random { get; }

    public string Folder { get; }

    public SimulatedClock Clock { get; }

    public Journal Journal { get; }

    public InjectedFaults Faults { get; }

    public SimulatedReadings Readings { get; }

    public SimulatedRecords Records { get; }

    public SimulatedPhones Phones { get; }

    public IReadOnlyList<SimulatedHome> Homes { get; }

    public Promises Promises { get; }

    public SimulatedService? Service { get; private set; }

    public bool Frozen => Clock.Elapsed < frozenUntil;

    public bool NetworkIsBad => Clock.Elapsed < networkBadUntil;

    /// <summary>How long the service has been running and not frozen.</summary>
    public TimeSpan Listened { get; private set; }

    /// <summary>How long, in addition, its stores have worked.</summary>
    public TimeSpan Well { get; private set; }

    /// <summary>How long, in addition, its provider has worked.</summary>
    public TimeSpan AllWell { get; private set; }

    public long Steps { get; private set; }

    public int Crashes { get; private set; }

    /// <summary>How often the service has started.</summary>
    public int Lives { get; private set; }

    public int Jumps { get; private set; }

    /// <summary>Until when, and by how much, the wall clock was wrong before it was last set.</summary>
    public (TimeSpan Until, TimeSpan By) WrongBefore { get; private set; }

    /// <summary>The first promise that was broken; null while none was.</summary>
    public BrokenPromiseException? Broken { get; set; }

    /// <summary>Schedules something that happens outside of the service, whatever state the service is in.</summary>
    public void At(TimeSpan wait, Action what) => events.Enqueue(what, (Clock.Elapsed + wait, order++));

    /// <summary>Called at each press, because trouble is more likely then.</summary>
    public Action<SimulatedHome>? OnPress { get; set; }

    public void Pressed(SimulatedHome home, Sent press)
    {
        Promises.Pressed(home, press);
        OnPress?.Invoke(home);
    }

    public void Run()
    {
        while (true)
        {
            if (Service is { } service && !Frozen)
                service.Thread.RunReady(() => Faults.Crashed);
            if (Faults.Crashed)
                Crash();
            if (Service is { Ended: true })
                StartAgain("it could not take up its work");
            Steps++;
            Promises.Check();
            if (Service?.Thread.Strayed is { } where)
                throw new BrokenPromiseException($"something ran on another thread, so that this seed can't be repeated: {where}");
            if (Broken is not null)
                throw Broken;
            if (!Move())
                break;
        }

        Promises.CheckEnd();
    }

    /// <summary>Ends the process at the n-th point from now at which it waits for something.</summary>
    public void CrashAfter(int points)
    {
        if (Service is null)
            return;
        Faults.CrashAfter(points);
    }

    /// <summary>
    /// Freezes the process (SIGSTOP, SIGCONT). A freeze that begins during another one extends it, and the loops see a single long wait.
    /// </summary>
    public void Freeze(TimeSpan time)
    {
        Journal.Note($"frozen for {time}");
        frozenSince ??= Clock.Elapsed;
        if (frozenUntil < Clock.Elapsed + time)
            frozenUntil = Clock.Elapsed + time;
        At(
            time,
            () =>
            {
                if (Frozen || frozenSince is not { } since)
                    return;
                frozenSince = null;
                Journal.Note("goes on");
                Service?.Thaw(Clock.Elapsed - since);
            }
        );
    }

    public void SetClock(TimeSpan by)
    {
        Jumps++;
        Journal.Note($"the wall clock jumps by {by}");
        Journal.Cover(by < TimeSpan.Zero ? "the clock was put back" : "the clock was put forward");
        if (agenda.StepsWait)
            Journal.Cover(
                by < TimeSpan.Zero ? "the clock was put back while a step waited" : "the clock was put forward while a step waited"
            );
        WrongBefore = (Clock.Elapsed, Clock.Ahead.Duration());
        Clock.Ahead += by;
        // While the process is frozen, it looks at its clock only after the freeze, and sees both changes then.
        At(
            TimeSpan.FromMilliseconds(Random.Next(1000)),
            () =>
            {
                if (!Frozen)
                    Service?.LookAtClock();
            }
        );
    }

    public void BadNetwork(TimeSpan time) => networkBadUntil = Clock.Elapsed + time;

    public void Dispose()
    {
        Service?.Dispose();
        agenda.Dispose();
        Records.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Lets time pass until the next event and runs it; returns false at the end of the week.</summary>
    private bool Move()
    {
        var next = events.TryPeek(out _, out var first) ? first.At : TimeSpan.MaxValue;
        var service = Service;
        if (service is not null)
        {
            var its = Min(Clock.NextTimer ?? TimeSpan.MaxValue, service.NextWake(agenda));
            next = Min(
                next,
                its > frozenUntil ? its
                    : frozenUntil > Clock.Elapsed ? frozenUntil
                    : its
            );
        }

        if (next > Week)
            return false;
        Pass(next);
        if (events.TryPeek(out _, out first) && first.At <= Clock.Elapsed)
        {
            events.Dequeue()();
            return true;
        }

        if (service is null || Frozen)
            return true;
        if (Clock.NextTimer <= Clock.Elapsed)
            service.Thread.Run(() => Clock.Fire(), bare: true);
        else
            service.Thread.Run(() => service.WakeWhoIsDue(agenda), bare: true);
        return true;
    }

    private void Pass(TimeSpan until)
    {
        var time = until - Clock.Elapsed;
        if (time <= TimeSpan.Zero)
            return;
        if (Service is { Ready: true } && !Frozen)
        {
            Listened += time;
            if (Faults.IsWell(Place.Records, Recovery) && Faults.IsWell(Place.Readings, Recovery))
            {
                Well += time;
                if (Faults.IsWell(Place.Provider, Recovery))
                    AllWell += time;
            }
        }

        Clock.AdvanceTo(until);
    }

    /// <summary>How long it may take until something that failed is tried again.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(50);

    private void Start()
    {
        Faults.Revived();
        Service = new SimulatedService(this, ++Lives);
        Faults.Thread = Service.Thread;
    }

    private void Crash()
    {
        Crashes++;
        StartAgain("killed");
    }

    private void StartAgain(string why)
    {
        Journal.Note($"the service is down: {why}");
        Service!.Dispose();
        Service = null;
        Faults.Thread = null;
        Clock.DropTimers();
        Records.Crash();
        Readings.Crash();
        (frozenSince, frozenUntil) = (null, TimeSpan.Zero);
        Faults.Revived();
        Promises.CheckAcknowledged();
        foreach (var link in Homes.SelectMany(h => h.Links))
            link.Broken();
        At(Random.Next(6) == 0 ? TimeSpan.FromMinutes(Random.Next(1, 300)) : TimeSpan.FromSeconds(Random.Next(1, 20)), Start);
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
