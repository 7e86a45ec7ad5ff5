using System.Buffers.Binary;
using System.IO.Hashing;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// Batches that wait on disk, first in, first out. A frame is its length, its CRC-32 and its bytes; a torn last frame (power cut) was never
/// acknowledged and is cut off. How far it has been emptied stands in a file beside it: after a crash the last batch may be sent twice, never not at all.
/// </summary>
internal sealed class Spool : IDisposable
{
    private const int Header = 8;

    private readonly FileStream file;
    private readonly FileStream position;
    private readonly long cap;
    private readonly SemaphoreSlim gate = new(1, 1);
    private long taken;

    public Spool(string path, long cap)
    {
        this.cap = cap;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        position = new FileStream(path + ".position", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        Span<byte> stored = stackalloc byte[8];
        if (position.Read(stored) == 8) taken = Math.Clamp(BinaryPrimitives.ReadInt64LittleEndian(stored), 0, file.Length);
        CutTornTail();
        taken = Math.Min(taken, file.Length);
        Remember(taken);
    }

    public long Bytes => file.CanRead ? file.Length - Volatile.Read(ref taken) : 0;

    /// <summary>Durable when it returns; false when the cap is reached and nothing was written.</summary>
    public async Task<bool> AddAsync(ReadOnlyMemory<byte> lines)
    {
        await gate.WaitAsync();
        try
        {
            if (file.Length - taken + Header + lines.Length > cap) return false;
            var frame = new byte[Header];
            BinaryPrimitives.WriteInt32LittleEndian(frame, lines.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), Crc32.HashToUInt32(lines.Span));
            var before = file.Length;
            try
            {
                file.Position = before;
                await file.WriteAsync(frame);
                await file.WriteAsync(lines);
                file.Flush(flushToDisk: true);
            }
            catch (IOException e)
            {
                file.SetLength(before);
                throw new ReadingStoreException($"the spool could not be written: {e.Message}", e);
            }

            return true;
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Hands the oldest batch to <paramref name="send"/> and forgets it when that returns null.</summary>
    public async Task<string?> TakeAsync(Func<ReadOnlyMemory<byte>, Task<string?>> send)
    {
        byte[] lines;
        await gate.WaitAsync();
        try
        {
            if (file.Length == taken) return null;
            file.Position = taken;
            var frame = new byte[Header];
            await file.ReadExactlyAsync(frame);
            lines = new byte[BinaryPrimitives.ReadInt32LittleEndian(frame)];
            await file.ReadExactlyAsync(lines);
        }
        finally
        {
            gate.Release();
        }

        if (await send(lines) is { } trouble) return trouble;
        await gate.WaitAsync();
        try
        {
            var next = taken + Header + lines.Length;
            var empty = next == file.Length;
            // The position first: cut off in between, everything is sent once more; the other way round, something would be skipped.
            Remember(empty ? 0 : next);
            if (empty) file.SetLength(0);
            Volatile.Write(ref taken, empty ? 0 : next);
            return null;
        }
        finally
        {
            gate.Release();
        }
    }

    public void Dispose()
    {
        file.Dispose();
        position.Dispose();
        gate.Dispose();
    }

    private void Remember(long at)
    {
        Span<byte> stored = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(stored, at);
        position.Position = 0;
        position.Write(stored);
        position.Flush(flushToDisk: true);
    }

    private void CutTornTail()
    {
        var at = taken;
        var frame = new byte[Header];
        while (at + Header <= file.Length)
        {
            file.Position = at;
            file.ReadExactly(frame);
            var length = BinaryPrimitives.ReadInt32LittleEndian(frame);
            if (length <= 0 || at + Header + length > file.Length) break;
            var lines = new byte[length];
            file.ReadExactly(lines);
            if (Crc32.HashToUInt32(lines) != BinaryPrimitives.ReadUInt32LittleEndian(frame.AsSpan(4))) break;
            at += Header + length;
        }

        file.SetLength(at);
    }
}
