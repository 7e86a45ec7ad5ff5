using System.Collections.Concurrent;
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
    private readonly ConcurrentDictionary<ResidentId, int> partitionOf = new();

    public RulePartitions(RuleSet rules, TimeZoneInfo zone, int partitions = 16)
    {
        engines = [.. Enumerable.Range(0, partitions).Select(_ => new RuleEngine(rules, zone))];
        locks = [.. engines.Select(_ => new Lock())];
        lengths = new int[partitions];
    }

    public void Apply(ResidentId resident, in Reading reading, List<Finding> into)
    {
        if (!partitionOf.TryGetValue(resident, out var p)) return;
        lock (locks[p]) engines[p].Apply(resident, reading, into);
    }

    public void AdvanceTo(DateTime now, List<Finding> into)
    {
        for (var p = 0; p < engines.Length; p++)
            lock (locks[p])
                if (engines[p].NextDue <= now)
                    engines[p].AdvanceTo(now, into);
    }

    public void Update(IEnumerable<ResidentFacts> changed, IEnumerable<ResidentId> gone)
    {
        foreach (var facts in changed)
        {
            var p = PartitionOf(facts.Area);
            if (partitionOf.TryGetValue(facts.Id, out var before) && before != p)
                lock (locks[before]) engines[before].Remove(facts.Id); // moved to another village: learns anew there
            partitionOf[facts.Id] = p;
            lock (locks[p]) engines[p].Put(facts);
        }

        foreach (var id in gone)
        {
            if (!partitionOf.TryRemove(id, out var p)) continue;
            lock (locks[p]) engines[p].Remove(id);
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
        if (!partitionOf.TryGetValue(resident, out var p)) return [];
        lock (locks[p]) return engines[p].OutlooksOf(resident);
    }

    public void ForgiveDeafness(DateTime from, DateTime to)
    {
        for (var p = 0; p < engines.Length; p++)
            lock (locks[p])
                engines[p].ForgiveDeafness(from, to);
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
                    if (engines[p].NextDue is { } due && (next is null || due < next)) next = due;
            return next;
        }
    }

    /// <summary>Told of each finding that is held back, and why (English, Chinese).</summary>
    public void OnHeldBack(Action<Finding, string, string> told)
    {
        foreach (var engine in engines) engine.HeldBack = told;
    }

    public void OnDoubted(Action<string, string, string> told)
    {
        foreach (var engine in engines) engine.Doubted = told;
    }

    /// <summary>Writes a partition to its own file, whole or not at all. Its homes wait while it is copied, not while the disk writes.</summary>
    public void Save(string folder, int partition)
    {
        Directory.CreateDirectory(folder);
        var path = PathOf(folder, partition);
        using (var buffer = new MemoryStream(lengths[partition] + lengths[partition] / 8))
        {
            lock (locks[partition]) engines[partition].Save(buffer);
            lengths[partition] = (int)buffer.Length;
            using var file = new FileStream(path + ".new", FileMode.Create, FileAccess.Write);
            buffer.WriteTo(file);
            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>Reads what <see cref="Save"/> wrote; returns when the oldest partition was written, null when any is missing or unreadable (then everything is learned again from the readings).</summary>
    public DateTime? Load(string folder)
    {
        var paths = engines.Select((_, p) => PathOf(folder, p)).ToList();
        if (!paths.TrueForAll(File.Exists)) return null;
        try
        {
            Parallel.For(0, engines.Length, p =>
            {
                using var file = File.OpenRead(paths[p]);
                lock (locks[p]) engines[p].Load(file);
            });
        }
        catch (AggregateException e)
        {
            throw e.InnerExceptions[0];
        }

        return paths.Min(File.GetLastWriteTimeUtc);
    }

    private string PathOf(string folder, int partition) => Path.Combine(folder, $"rules-{partition}-of-{engines.Length}.state");

    /// <summary>A village is in one partition whole, so that an outage is seen. FNV-1a: the same after a restart, which string.GetHashCode doesn't promise.</summary>
    private int PartitionOf(AreaCode village)
    {
        var hash = 2166136261u;
        foreach (var c in village.Value) hash = (hash ^ c) * 16777619u;
        return (int)(hash % (uint)engines.Length);
    }
}
