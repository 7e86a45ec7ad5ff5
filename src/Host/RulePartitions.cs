using System.Collections.Concurrent;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Host;

/// <summary>
/// Residents divided among rule engines, each with one owner at a time. A partition is what could be moved to another machine whole.
/// </summary>
internal sealed class RulePartitions
{
    private readonly RuleEngine[] engines;
    private readonly Lock[] locks;
    private readonly int[] lengths;
    private readonly DateTime[] replayFrom,
        replayUntil;
    private readonly ConcurrentDictionary<ResidentId, int> partitionOf = new();

    /// <summary>A reading is applied a moment after it arrived: a snapshot may lack what came so shortly before it.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(1);

    public RulePartitions(RuleSet rules, TimeZoneInfo zone, int partitions = 16)
    {
        engines = [.. Enumerable.Range(0, partitions).Select(_ => new RuleEngine(rules, zone))];
        locks = [.. engines.Select(_ => new Lock())];
        lengths = new int[partitions];
        (replayFrom, replayUntil) = (new DateTime[partitions], new DateTime[partitions]);
        Array.Fill(replayUntil, DateTime.MaxValue);
        foreach (var engine in engines)
            engine.Failed = (home, e) => Failed?.Invoke(home, e);
    }

    /// <summary>
    /// Told when the rules fail in a home: resident and why. What they had found stands, and other homes are not touched.
    /// </summary>
    public Action<string, Exception>? Failed { get; set; }

    /// <summary>A fault of the rules in one home is told and stops no other.</summary>
    public void Apply(ResidentId resident, in Reading reading, List<Finding> into)
    {
        if (!partitionOf.TryGetValue(resident, out var p))
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

    /// <summary>The same for a reading that is replayed from the store: left out where the partition's snapshot has it already.</summary>
    public void Replay(ResidentId resident, in Reading reading, List<Finding> into)
    {
        if (!partitionOf.TryGetValue(resident, out var p) || reading.Received < replayFrom[p] || reading.Received > replayUntil[p])
            return;
        Apply(resident, reading, into);
    }

    /// <summary>Lets time pass up to now, which is asked for with the partition in hand: <see cref="SetClock"/> may come between.</summary>
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
            if (partitionOf.TryGetValue(facts.Id, out var before) && before != p)
                lock (locks[before])
                    engines[before].Remove(facts.Id); // moved to another village: learns anew there
            partitionOf[facts.Id] = p;
            lock (locks[p])
                engines[p].Put(facts);
        }

        foreach (var id in gone)
        {
            if (!partitionOf.TryRemove(id, out var p))
                continue;
            lock (locks[p])
                engines[p].Remove(id);
        }
    }

    public void Use(RuleSet rules)
    {
        for (var p = 0; p < engines.Length; p++)
            lock (locks[p])
                engines[p].Use(rules);
    }

    public IReadOnlyList<Outlook> OutlooksOf(ResidentId resident)
    {
        if (!partitionOf.TryGetValue(resident, out var p))
            return [];
        lock (locks[p])
            return engines[p].OutlooksOf(resident);
    }

    public void ForgiveDeafness(DateTime from, DateTime to)
    {
        for (var p = 0; p < engines.Length; p++)
            lock (locks[p])
                engines[p].AddDowntime(from, to);
    }

    /// <summary>Sets the clock while no home is looked at, and tells the rules of it.</summary>
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

    /// <summary>At a start: the clock was set before it.</summary>
    public void SetClock(TimeSpan by, DateTime now)
    {
        for (var p = 0; p < engines.Length && by != TimeSpan.Zero; p++)
            lock (locks[p])
                engines[p].SetClock(by, now);
    }

    /// <summary>After a replay: what was heard by a clock that was ahead is moved to where it belongs.</summary>
    public void ComeBack(DateTime now)
    {
        for (var p = 0; p < engines.Length; p++)
            lock (locks[p])
                engines[p].Resume(now);
    }

    public int Count => engines.Length;

    /// <summary>When <see cref="AdvanceTo"/> has something to do next; null when nothing is awaited.</summary>
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

    /// <summary>Told of each finding that is held back, and why (English, Chinese).</summary>
    public void OnHeldBack(Action<Finding, string, string> told)
    {
        foreach (var engine in engines)
            engine.HeldBack = told;
    }

    public void OnDoubted(Action<string, string, string> told)
    {
        foreach (var engine in engines)
            engine.Doubted = told;
    }

    /// <summary>
    /// Writes a partition to its own file, whole or not at all. Its homes wait while it is copied, not while the disk writes.
    /// </summary>
    /// <param name="folder">Where.</param>
    /// <param name="partition">Which.</param>
    /// <param name="now">What arrived by then is in it.</param>
    /// <param name="settled">Waits until all that the copy knows is committed; false: it is not written.</param>
    public async Task SaveAsync(string folder, int partition, DateTime now, Func<Task<bool>> settled)
    {
        Directory.CreateDirectory(folder);
        using var buffer = new MemoryStream(lengths[partition] + lengths[partition] / 8);
        lock (locks[partition])
            engines[partition].Save(buffer);
        lengths[partition] = (int)buffer.Length;
        if (await settled())
            SnapshotFile.Write(PathOf(folder, partition), buffer.GetBuffer().AsSpan(0, (int)buffer.Length), now);
    }

    /// <summary>
    /// Reads what <see cref="SaveAsync"/> wrote. Where the newest snapshot of a partition is damaged the one before it is taken, and where
    /// both are, what is learned again from the readings takes their place.
    /// </summary>
    /// <param name="folder">Where.</param>
    /// <param name="relearn">From when on a partition without a snapshot is to learn.</param>
    /// <param name="damaged">Told of each file that can't be used, and why.</param>
    /// <param name="started">The time at this start.</param>
    /// <returns>From when on readings are to be replayed, and when the newest snapshot was taken: null without any.</returns>
    public (DateTime ReplayFrom, DateTime? Newest) Load(
        string folder,
        DateTime relearn,
        Action<string, string> damaged,
        DateTime? started = null
    )
    {
        var taken = new DateTime?[engines.Length];
        var bad = new ConcurrentQueue<(string File, string Why)>();
        Parallel.For(
            0,
            engines.Length,
            p => taken[p] = Load(p, PathOf(folder, p), bad) ?? Load(p, SnapshotFile.Before(PathOf(folder, p)), bad)
        );
        foreach (var (file, why) in bad)
            damaged(file, why);
        for (var p = 0; p < engines.Length; p++)
        {
            replayFrom[p] = taken[p] - Overlap ?? relearn;
            // A snapshot from after the clock was set back has what arrived before, by times that are still to come, and knows what came
            // after it.
            replayUntil[p] =
                started is { } now && taken[p] <= now && engines[p].HasHeardBeyond(now) ? now + ClockWatch.Jump : DateTime.MaxValue;
        }

        // The newest snapshot may know of a freeze that ended after the others were taken; the service was deaf as a whole.
        if (taken.Max() is { } newest)
            foreach (var (from, until) in engines[Array.IndexOf(taken, newest)].Downtimes.ToList())
                ForgiveDeafness(from, until);
        return (replayFrom.Min(), taken.Max());
    }

    /// <returns>When it was taken; null when there is none or it can't be used, and then nothing of it is left in the engine.</returns>
    private DateTime? Load(int partition, string path, ConcurrentQueue<(string File, string Why)> bad)
    {
        if (!File.Exists(path))
            return null;
        try
        {
            var (snapshot, taken) = SnapshotFile.Read(path);
            using var stream = new MemoryStream(snapshot.ToArray(), writable: false);
            lock (locks[partition])
                engines[partition].Load(stream, taken);
            return taken;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            lock (locks[partition])
                engines[partition].Forget();
            bad.Enqueue((Path.GetFileName(path), e.Message));
            return null;
        }
    }

    private string PathOf(string folder, int partition) => Path.Combine(folder, $"rules-{partition}-of-{engines.Length}.state");

    /// <summary>
    /// A village is in one partition whole, so that an outage is seen. The hash is the same after a restart, which string.GetHashCode
    /// doesn't promise.
    /// </summary>
    private int PartitionOf(AreaCode village) =>
        (int)(XxHash32.HashToUInt32(MemoryMarshal.AsBytes(village.Value.AsSpan())) % (uint)engines.Length);
}
