using System.Buffers;

namespace Vigil.Storage.Readings.Influx;

/// <summary>What waits on disk for the server.</summary>
/// <param name="Bytes">How many bytes wait.</param>
/// <param name="Cap">How many may wait; at the cap the spool takes no more.</param>
/// <param name="Oldest">When the oldest batch was put there, UTC; null when nothing waits.</param>
public readonly record struct SpoolState(long Bytes, long Cap, DateTime? Oldest)
{
    /// <summary>From four fifths of the cap on the duty desk is told.</summary>
    public bool NearlyFull => Bytes >= Cap / 5 * 4;
}

/// <summary>
/// Batches that wait on disk, first in, first out, as frames (<see cref="SpoolFrame"/>) in numbered segment files. How far they have been
/// sent is kept in a file beside them: after a crash a batch may be sent twice, which changes nothing, but none is left out. One thread
/// adds, another takes.
/// </summary>
internal sealed class Spool : IDisposable
{
    private readonly string folder;
    private readonly long cap;
    private readonly long segmentSize;
    private readonly TimeProvider clock;
    private readonly Lock gate = new();

    /// <summary>Number and length (of whole frames) of each segment file, oldest first.</summary>
    private readonly SortedList<long, long> segments = [];

    /// <summary>The newest segment, while frames are appended to it.</summary>
    private FileStream? tail;

    /// <summary>Up to here the server has everything.</summary>
    private SpoolPosition head;
    private long onDisk;
    private DateTime? oldest;

    public Spool(string folder, long cap, TimeProvider clock)
    {
        this.folder = folder;
        this.cap = cap;
        this.clock = clock;
        segmentSize = Math.Clamp(cap / 16, 64 << 10, 16 << 20);
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(folder, "*.spool"))
            if (long.TryParse(Path.GetFileNameWithoutExtension(file), out var number))
                segments[number] = SpoolFrame.WholeLength(file);
        onDisk = segments.Values.Sum();
        var first = new SpoolPosition(segments.Count > 0 ? segments.Keys[0] : 0, 0);
        head = SpoolPosition.Read(PositionFile) is { } stored && stored.Segment >= first.Segment ? stored : first;
        DropEmptied();
    }

    public SpoolState State
    {
        get
        {
            lock (gate)
                return new SpoolState(onDisk - head.Offset, cap, oldest);
        }
    }

    public bool IsEmpty
    {
        get
        {
            lock (gate)
                return segments.Count == 0;
        }
    }

    /// <summary>True when the batch is durable; false when the cap is reached and it was not added.</summary>
    /// <exception cref="ReadingStoreException">It could not be written, and was not added.</exception>
    public bool TryAdd(ReadOnlySpan<byte> batch)
    {
        lock (gate)
        {
            var size = SpoolFrame.HeaderLength + batch.Length;
            if (onDisk + size > cap)
                return false;
            try
            {
                tail ??= OpenSegment();
                var frame = ArrayPool<byte>.Shared.Rent(size);
                try
                {
                    var now = clock.GetUtcNow().UtcDateTime;
                    SpoolFrame.Write(frame, batch, now);
                    tail.Write(frame, 0, size);
                    tail.Flush(flushToDisk: true);
                    oldest ??= now;
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(frame);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                CloseTail();
                throw new ReadingStoreException($"readings could not be spooled for InfluxDB: {e.Message}", e);
            }

            var number = segments.Keys[^1];
            segments[number] += size;
            onDisk += size;
            if (segments[number] >= segmentSize)
                CloseTail();
            return true;
        }
    }

    /// <summary>Reads the oldest batches, up to <paramref name="most"/> bytes but at least one; false when nothing waits.</summary>
    /// <param name="into">Gets them, one behind the other.</param>
    /// <param name="most">Bytes.</param>
    /// <param name="next">The position behind them, for <see cref="Take"/> once the server has them.</param>
    public bool TryPeek(PooledBytes into, int most, out SpoolPosition next)
    {
        lock (gate)
        {
            next = head;
            into.Clear();
            if (segments.Count == 0)
                return false;
            using var file = new FileStream(
                Name(head.Segment),
                FileMode.Open,
                FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete,
                1 << 16
            );
            file.Position = head.Offset;
            var header = new byte[SpoolFrame.HeaderLength];
            while (next.Offset < segments[head.Segment])
            {
                file.ReadExactly(header);
                var length = SpoolFrame.BatchLength(header);
                if (into.Count > 0 && into.Count + length > most)
                    break;
                file.ReadExactly(into.GetSpan(length)[..length]);
                into.Advance(length);
                next = next with { Offset = next.Offset + SpoolFrame.HeaderLength + length };
            }

            return into.Count > 0;
        }
    }

    /// <summary>Removes everything before a position: the server has it.</summary>
    public void Take(SpoolPosition until)
    {
        lock (gate)
        {
            head = until;
            DropEmptied();
            head.Write(PositionFile);
        }
    }

    public void Dispose()
    {
        lock (gate)
            CloseTail();
    }

    /// <summary>Every start and every failure begins a new segment, so that nothing is appended behind a torn frame.</summary>
    private FileStream OpenSegment()
    {
        var number = Math.Max(head.Segment, segments.Count > 0 ? segments.Keys[^1] : 0) + 1;
        var file = new FileStream(Name(number), FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, 0);
        if (segments.Count == 0)
            head = new SpoolPosition(number, 0);
        segments[number] = 0;
        return file;
    }

    private void CloseTail()
    {
        if (tail is null)
            return;
        var number = segments.Keys[^1];
        try
        {
            // What a failed write has left in the file is cut off, which also gives a full disk some space back.
            if (tail.Length > segments[number])
                tail.SetLength(segments[number]);
            tail.Dispose();
        }
        catch (IOException)
        {
            // a torn frame is left at the end of the segment, and is not read
        }

        tail = null;
        if (segments[number] == 0)
            DropEmptied();
    }

    /// <summary>Deletes the segments before the head.</summary>
    private void DropEmptied()
    {
        while (
            segments.Count > 0
            && (
                segments.Keys[0] < head.Segment
                || (segments.Keys[0] == head.Segment && segments.Values[0] <= head.Offset)
                || segments.Values[0] == 0
            )
        )
        {
            var number = segments.Keys[0];
            if (segments.Count == 1 && tail is { } open)
            {
                tail = null;
                open.Dispose();
            }

            onDisk -= segments.Values[0];
            segments.RemoveAt(0);
            File.Delete(Name(number));
            if (number >= head.Segment)
                head = new SpoolPosition(segments.Count > 0 ? segments.Keys[0] : number, 0);
        }

        if (segments.Count > 0 && segments.Keys[0] > head.Segment)
            head = new SpoolPosition(segments.Keys[0], 0);
        oldest = segments.Count == 0 ? null : SpoolFrame.TimeAt(Name(head.Segment), head.Offset);
    }

    private string PositionFile => Path.Combine(folder, "position");

    private string Name(long segment) => Path.Combine(folder, $"{segment:D10}.spool");
}
