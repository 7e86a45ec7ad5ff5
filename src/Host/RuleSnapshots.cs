using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Vigil.Rules;

namespace Vigil.Host;

/// <summary>
/// The snapshots of the rules on disk, one file for each partition with the generation before it, and which stored readings each partition
/// still needs after they were loaded.
/// </summary>
internal sealed class RuleSnapshots
{
    /// <summary>
    /// A reading is applied shortly after it arrived: a snapshot may lack readings that arrived up to this long before it was taken.
    /// </summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(1);

    private readonly RuleEngine[] engines;
    private readonly Lock[] locks;
    private readonly int[] lengths;
    private readonly Lock writing = new();
    private readonly long[] copied,
        written;
    private readonly DateTime[] replayFrom,
        replayUntil;

    public RuleSnapshots(RuleEngine[] engines, Lock[] locks)
    {
        (this.engines, this.locks) = (engines, locks);
        lengths = new int[engines.Length];
        (copied, written) = (new long[engines.Length], new long[engines.Length]);
        (replayFrom, replayUntil) = (new DateTime[engines.Length], new DateTime[engines.Length]);
        Array.Fill(replayUntil, DateTime.MaxValue);
    }

    /// <summary>Whether a stored reading that arrived at this time is not in the partition's snapshot yet.</summary>
    public bool Lacks(int partition, DateTime received) => received >= replayFrom[partition] && received <= replayUntil[partition];

    /// <summary>
    /// Writes a partition to its file, atomically. Its homes wait while it is copied in memory, not for the disk.
    /// </summary>
    /// <param name="folder">Folder of the snapshots.</param>
    /// <param name="partition">Number of the partition.</param>
    /// <param name="now">Everything that arrived until then is in the snapshot.</param>
    /// <param name="settled">Waits until all findings that the copy knows of are committed; false: it isn't written.</param>
    public async Task SaveAsync(string folder, int partition, DateTime now, Func<Task<bool>> settled)
    {
        Directory.CreateDirectory(folder);
        using var buffer = new MemoryStream(lengths[partition] + lengths[partition] / 8);
        long copy;
        lock (locks[partition])
        {
            engines[partition].Save(buffer);
            copy = ++copied[partition];
        }

        lengths[partition] = (int)buffer.Length;
        if (!await settled())
            return;
        // The housekeeping and an erasure may save at the same time: an older copy never takes the place of a newer one.
        lock (writing)
        {
            if (copy < written[partition])
                return;
            written[partition] = copy;
            SnapshotFile.Write(PathOf(folder, partition), buffer.GetBuffer().AsSpan(0, (int)buffer.Length), now);
        }
    }

    /// <summary>Whether a file of a partition has this id among its bytes.</summary>
    public bool Names(string folder, int partition, string home)
    {
        var path = PathOf(folder, partition);
        var bytes = System.Text.Encoding.UTF8.GetBytes(home);
        return new[] { path, SnapshotFile.Before(path) }.Any(f => File.Exists(f) && File.ReadAllBytes(f).AsSpan().IndexOf(bytes) >= 0);
    }

    /// <summary>
    /// Loads the newest snapshot of each partition; where it is damaged the one before, and where both are, the partition has to learn
    /// again from the stored readings.
    /// </summary>
    /// <param name="folder">Folder of the snapshots.</param>
    /// <param name="relearn">From when on a partition without a snapshot learns.</param>
    /// <param name="damaged">Told of each file that can't be used, and why.</param>
    /// <param name="started">The time of this start.</param>
    /// <returns>From when on readings have to be replayed; when the newest snapshot was taken, null where there is none; and the times at
    /// which the service wasn't listening, as the newest snapshot knows them.</returns>
    public (DateTime ReplayFrom, DateTime? Newest, IReadOnlyList<(DateTime From, DateTime Until)> Deaf) Load(
        string folder,
        DateTime relearn,
        Action<string, string> damaged,
        DateTime? started
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
            // Taken after the clock was set back: it contains readings whose arrival times lie in the future by now, and those since.
            replayUntil[p] =
                started is { } now && taken[p] <= now && engines[p].HasHeardBeyond(now) ? now + ClockWatch.Jump : DateTime.MaxValue;
        }

        var newest = taken.Max();
        return (replayFrom.Min(), newest, newest is null ? [] : [.. engines[Array.IndexOf(taken, newest)].Downtimes]);
    }

    /// <returns>When it was taken; null when there is none or it can't be used. In that case the engine is empty.</returns>
    private DateTime? Load(int partition, string path, ConcurrentQueue<(string File, string Why)> bad)
    {
        if (!File.Exists(path))
            return null;
        try
        {
            var (snapshot, taken) = SnapshotFile.Read(path);
            using var stream = MemoryMarshal.TryGetArray(snapshot, out var bytes) // a county's are not copied: hundreds of megabytes each
                ? new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false)
                : new MemoryStream(snapshot.ToArray(), writable: false);
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
}
