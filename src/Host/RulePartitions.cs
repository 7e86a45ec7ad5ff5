using System.IO.Hashing;
using System.Runtime.InteropServices;
using Vigil.Host.Intake;
using Vigil.Model;
using Vigil.Rules;
using Vigil.Rules.Inactivity;

namespace Vigil.Host;

/// <summary>
/// Residents divided among rule engines, each with a lock. A partition is the unit that could be moved to another machine.
/// </summary>
internal sealed class RulePartitions
{
    private readonly RuleEngine[] engines;
    private readonly Lock[] locks;
    private readonly RuleSnapshots snapshots;
    private readonly IdTable<ResidentFacts> homes = new(h => h.Id.Value);

    public RulePartitions(RuleSet rules, TimeZoneInfo zone, int partitions = 16)
    {
        engines = [.. Enumerable.Range(0, partitions).Select(_ => new RuleEngine(rules, zone))];
        locks = [.. engines.Select(_ => new Lock())];
        snapshots = new RuleSnapshots(engines, locks);
        Unbound = new UnboundCalls(rules, zone);
        foreach (var engine in engines)
            engine.Failed = (home, e) => Failed?.Invoke(home, e);
    }

    /// <summary>The homes that the rules know.</summary>
    public IEnumerable<ResidentFacts> Homes => homes.All;

    public int HomeCount => homes.Count;

    /// <summary>Calls of devices that are in nobody's home: in no partition.</summary>
    public UnboundCalls Unbound { get; }

    /// <summary>
    /// Told when the rules fail in a home: resident and why. What they found before is kept, and other homes are not affected.
    /// </summary>
    public Action<string, Exception>? Failed { get; set; }

    public ResidentFacts? FactsOf(ResidentId resident) => homes.Find(resident.Value);

    /// <summary>Gives the rules a reading. A failure in one home is reported and doesn't affect others.</summary>
    public void Apply(ResidentId resident, in Reading reading, List<Finding> into)
    {
        if (PartitionOf(resident) is not { } p)
            return;
        try
        {
            lock (locks[p])
                engines[p].Apply(resident, reading, into);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Failed?.Invoke(resident.Value, e);
        }
    }

    /// <summary>Applies a reading from the store at a start, unless the partition's snapshot contains it.</summary>
    public void Replay(ResidentId resident, in Reading reading, List<Finding> into)
    {
        if (PartitionOf(resident) is { } p && snapshots.Lacks(p, reading.Received))
            Apply(resident, reading, into);
    }

    /// <summary>
    /// Lets time pass until now. The time is asked for under the lock of each partition, because <see cref="SetClock"/> may set the clock
    /// in between.
    /// </summary>
    public void Advance(TimeProvider clock, List<Finding> into)
    {
        for (var p = 0; p < engines.Length; p++)
            lock (locks[p])
                if (clock.GetUtcNow().UtcDateTime is var now && engines[p].NextDue <= now)
                    engines[p].AdvanceTo(now, into);
    }

    public void Update(IEnumerable<ResidentFacts> changed, IEnumerable<ResidentId> gone)
    {
        foreach (var facts in changed)
        {
            var p = PartitionOf(facts.Area);
            if (PartitionOf(facts.Id) is { } before && before != p)
                lock (locks[before])
                    engines[before].Remove(facts.Id); // moved to a village of another partition, where it learns from the beginning
            homes.Put(facts);
            lock (locks[p])
                engines[p].Put(facts);
        }

        foreach (var id in gone)
        {
            if (homes.Remove(id.Value) is not { } facts)
                continue;
            var p = PartitionOf(facts.Area);
            lock (locks[p])
                engines[p].Remove(id);
        }
    }

    public void Use(RuleSet rules)
    {
        Unbound.Use(rules);
        for (var p = 0; p < engines.Length; p++)
            lock (locks[p])
                engines[p].Use(rules);
    }

    /// <summary>What homes are like of which nothing is known yet.</summary>
    public void Use(LifePriors priors)
    {
        for (var p = 0; p < engines.Length; p++)
            lock (locks[p])
                engines[p].Priors = priors;
    }

    /// <summary>What the known homes have taught; null while they are too few. One partition is locked at a time.</summary>
    public LifePriors? LearnPriors()
    {
        var sum = new LifePriors.Sum();
        for (var p = 0; p < engines.Length; p++)
            lock (locks[p])
                engines[p].AddTo(sum);
        return sum.Priors();
    }

    public IReadOnlyList<Outlook> OutlooksOf(ResidentId resident)
    {
        if (PartitionOf(resident) is not { } p)
            return [];
        lock (locks[p])
            return engines[p].OutlooksOf(resident);
    }

    /// <summary>What the devices of a home could show right now. A partition is locked for one home alone.</summary>
    public HomeSigns SignsOf(ResidentId resident)
    {
        if (PartitionOf(resident) is not { } p)
            return default;
        lock (locks[p])
            return engines[p].SignsOf(resident);
    }

    /// <summary>The service didn't listen to devices in this time: their silence then doesn't count.</summary>
    public void ForgiveDeafness(DateTime from, DateTime to)
    {
        for (var p = 0; p < engines.Length; p++)
            lock (locks[p])
                engines[p].AddDowntime(from, to);
    }

    /// <summary>Sets the clock under the locks of all partitions, and moves the times that the rules remember.</summary>
    public void SetClock(TimeSpan by, SteadyClock clock)
    {
        foreach (var one in locks)
            one.Enter();
        try
        {
            clock.Set(by);
            var now = clock.GetUtcNow().UtcDateTime;
            foreach (var engine in engines)
                engine.SetClock(by, now);
        }
        finally
        {
            foreach (var one in locks)
                one.Exit();
        }
    }

    /// <summary>At a start: the clock was set while the service was down.</summary>
    public void SetClock(TimeSpan by, DateTime now)
    {
        for (var p = 0; p < engines.Length && by != TimeSpan.Zero; p++)
            lock (locks[p])
                engines[p].SetClock(by, now);
    }

    /// <summary>After a replay: corrects arrival times that were taken while the clock was ahead.</summary>
    public void ComeBack(DateTime now)
    {
        for (var p = 0; p < engines.Length; p++)
            lock (locks[p])
                engines[p].Resume(now);
    }

    public int Count => engines.Length;

    /// <summary>When <see cref="Advance"/> has something to do next; null when it has nothing.</summary>
    internal DateTime? NextDue
    {
        get
        {
            DateTime? next = null;
            for (var p = 0; p < engines.Length; p++)
                lock (locks[p])
                    if (engines[p].NextDue is { } due && (next is null || due < next))
                        next = due;
            return next;
        }
    }

    /// <summary>Sets who is told of each finding that is held back, and why, for the log.</summary>
    public void OnHeldBack(Action<Finding, string> told)
    {
        foreach (var engine in engines)
            engine.HeldBack = told;
    }

    /// <summary>Sets who is told of each meter total that isn't believed: resident, device, why.</summary>
    public void OnDoubted(Action<string, string, string> told)
    {
        foreach (var engine in engines)
            engine.Doubted = told;
    }

    public Task SaveAsync(string folder, int partition, DateTime now, Func<Task<bool>> settled) =>
        snapshots.SaveAsync(folder, partition, now, settled);

    /// <summary>Whether a snapshot of a partition names a home, in one of its two generations.</summary>
    public bool IsNamedOnDisk(string folder, int partition, string home) => snapshots.Names(folder, partition, home);

    public (DateTime ReplayFrom, DateTime? Newest) Load(
        string folder,
        DateTime relearn,
        Action<string, string> damaged,
        DateTime? started = null
    )
    {
        var (from, newest, deaf) = snapshots.Load(folder, relearn, damaged, started);
        foreach (var (begin, end) in deaf) // a freeze that ended after the other snapshots were taken is not in them
            ForgiveDeafness(begin, end);
        return (from, newest);
    }

    private int? PartitionOf(ResidentId resident) => homes.Find(resident.Value) is { } facts ? PartitionOf(facts.Area) : null;

    /// <summary>
    /// All homes of a village are in one partition, so that an outage of the village can be recognised. The hash is stable across restarts,
    /// unlike string.GetHashCode.
    /// </summary>
    private int PartitionOf(AreaCode village) =>
        (int)(XxHash32.HashToUInt32(MemoryMarshal.AsBytes(village.Value.AsSpan())) % (uint)engines.Length);
}
