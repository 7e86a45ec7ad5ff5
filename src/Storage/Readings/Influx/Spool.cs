using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;

namespace Vigil.Storage.Readings.Influx;

/// <summary>What waits on disk for the server.</summary>
/// <param name="Bytes">Bytes that wait.</param>
/// <param name="Cap">How many may; at the cap nothing more is taken.</param>
/// <param name="Oldest">When the oldest of them was put there, UTC; null when nothing waits.</param>
public readonly record struct SpoolState(long Bytes, long Cap, DateTime? Oldest)
{
    /// <summary>From four fifths of the cap on somebody must be told.</summary>
    public bool NearlyFull => Bytes >= Cap / 5 * 4;
}

/// <summary>How far the spool has been emptied.</summary>
internal readonly record struct SpoolPosition(long Segment, long Offset);

/// <summary>
/// Batches that wait on disk, first in, first out, in numbered segment files. A frame is its length, the CRC-32 of what follows, the time
/// it was put there and its bytes. A torn frame (power cut, full disk) was never acknowledged; it ends its segment. How far the spool has
/// been emptied stands in a file beside the segments: after a crash a batch may be sent twice, which changes nothing, never not at all. One
/// thread adds, one takes.
/// </summary>
internal sealed class Spool : IDisposable
{
    private const int Header = 16;
    private const int LargestFrame = 64 << 20;

    private readonly string folder;
    private readonly long cap;
    private readonly long segmentSize;
    private readonly TimeProvider clock;
    private readonly Lock gate = new();

    /// <summary>Number and length (of whole frames) of each segment file, oldest first.</summary>
    private readonly SortedList<long, long> segments = [];
    private FileStream? tail;
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
                segments[number] = WholeFrames(file);
        onDisk = segments.Values.Sum();
        head = Recall();
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

    /// <summary>Durable when it returns true; false when the cap is reached and nothing was taken.</summary>
    /// <exception cref="ReadingStoreException">The disk refused it; nothing was taken.</exception>
    public bool TryAdd(ReadOnlySpan<byte> lines)
    {
        lock (gate)
        {
            var size = Header + lines.Length;
            if (onDisk + size > cap)
                return false;
            try
            {
                tail ??= OpenSegment();
                var frame = ArrayPool<byte>.Shared.Rent(size);
                try
                {
                    var now = clock.GetUtcNow().UtcDateTime;
                    BinaryPrimitives.WriteInt32LittleEndian(frame, lines.Length);
                    BinaryPrimitives.WriteInt64LittleEndian(frame.AsSpan(8), now.Ticks);
                    lines.CopyTo(frame.AsSpan(Header));
                    BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), Crc32.HashToUInt32(frame.AsSpan(8, size - 8)));
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

    /// <summary>The oldest batches together, up to <paramref name="most"/> bytes but at least one; false when nothing waits.</summary>
    /// <param name="next">Handed to <see cref="Take"/> once the server has them.</param>
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
            var header = new byte[Header];
            while (next.Offset < segments[head.Segment])
            {
                file.ReadExactly(header);
                var length = BinaryPrimitives.ReadInt32LittleEndian(header);
                if (into.Count > 0 && into.Count + length > most)
                    break;
                file.ReadExactly(into.GetSpan(length)[..length]);
                into.Advance(length);
                next = next with { Offset = next.Offset + Header + length };
            }

            return into.Count > 0;
        }
    }

    /// <summary>Forgets what came before a position: the server has it.</summary>
    public void Take(SpoolPosition until)
    {
        lock (gate)
        {
            head = until;
            DropEmptied();
            // The position need not be synced: an old one means that batches are sent once more.
            Span<byte> stored = stackalloc byte[20];
            BinaryPrimitives.WriteInt64LittleEndian(stored, head.Segment);
            BinaryPrimitives.WriteInt64LittleEndian(stored[8..], head.Offset);
            BinaryPrimitives.WriteUInt32LittleEndian(stored[16..], Crc32.HashToUInt32(stored[..16]));
            using var file = new FileStream(Path.Combine(folder, "position"), FileMode.OpenOrCreate, FileAccess.Write);
            file.Write(stored);
        }
    }

    public void Dispose()
    {
        lock (gate)
            CloseTail();
    }

    /// <summary>A new segment is begun at every start and after every failure, so nothing is ever appended behind a torn frame.</summary>
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
            // What a failed write left behind goes, so that a full disk gets its space back.
            if (tail.Length > segments[number])
                tail.SetLength(segments[number]);
            tail.Dispose();
        }
        catch (IOException)
        {
            // a torn tail: reading stops before it
        }

        tail = null;
        if (segments[number] == 0)
            DropEmptied();
    }

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
        oldest = segments.Count == 0 ? null : TimeAt(head);
    }

    private DateTime? TimeAt(SpoolPosition position)
    {
        var header = new byte[Header];
        using var file = new FileStream(Name(position.Segment), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0);
        file.Position = position.Offset;
        return file.ReadAtLeast(header, Header, throwOnEndOfStream: false) == Header
            ? new DateTime(BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(8)), DateTimeKind.Utc)
            : null;
    }

    private SpoolPosition Recall()
    {
        var first = new SpoolPosition(segments.Count > 0 ? segments.Keys[0] : 0, 0);
        var path = Path.Combine(folder, "position");
        if (!File.Exists(path))
            return first;
        var stored = File.ReadAllBytes(path);
        if (stored.Length != 20 || Crc32.HashToUInt32(stored.AsSpan(0, 16)) != BinaryPrimitives.ReadUInt32LittleEndian(stored.AsSpan(16)))
            return first;
        var position = new SpoolPosition(
            BinaryPrimitives.ReadInt64LittleEndian(stored),
            BinaryPrimitives.ReadInt64LittleEndian(stored.AsSpan(8))
        );
        return position.Segment >= first.Segment ? position : first;
    }

    private string Name(long segment) => Path.Combine(folder, $"{segment:D10}.spool");

    /// <summary>The length of a segment up to its first torn frame.</summary>
    private static long WholeFrames(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16);
        var header = new byte[Header];
        long end = 0;
        while (file.ReadAtLeast(header, Header, throwOnEndOfStream: false) == Header)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(header);
            if (length is <= 0 or > LargestFrame || file.Length - file.Position < length)
                break;
            var rest = new byte[length];
            file.ReadExactly(rest);
            var crc = new Crc32();
            crc.Append(header.AsSpan(8));
            crc.Append(rest);
            if (crc.GetCurrentHashAsUInt32() != BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4)))
                break;
            end += Header + length;
        }

        return end;
    }
}
