using System.Buffers.Binary;
using System.IO.Hashing;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// A batch in a segment file of the spool: its length, the CRC-32 of what follows, the time it was put there (ticks, UTC), its bytes. A
/// torn frame (power cut, full disk) was never acknowledged and ends its segment.
/// </summary>
internal static class SpoolFrame
{
    public const int HeaderLength = 16;

    private const int LongestBatch = 64 << 20;

    /// <param name="frame">Gets header and bytes.</param>
    /// <param name="batch">The bytes.</param>
    /// <param name="now">When it is put into the spool, UTC.</param>
    public static void Write(Span<byte> frame, ReadOnlySpan<byte> batch, DateTime now)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame, batch.Length);
        BinaryPrimitives.WriteInt64LittleEndian(frame[8..], now.Ticks);
        batch.CopyTo(frame[HeaderLength..]);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], Crc32.HashToUInt32(frame[8..(HeaderLength + batch.Length)]));
    }

    public static int BatchLength(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadInt32LittleEndian(header);

    /// <summary>When the frame at an offset of a segment file was put there; null at its end.</summary>
    public static DateTime? TimeAt(string path, long offset)
    {
        var header = new byte[HeaderLength];
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0);
        file.Position = offset;
        return file.ReadAtLeast(header, HeaderLength, throwOnEndOfStream: false) == HeaderLength
            ? new DateTime(BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(8)), DateTimeKind.Utc)
            : null;
    }

    /// <summary>The length of a segment file up to its first torn frame.</summary>
    public static long WholeLength(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16);
        var header = new byte[HeaderLength];
        long end = 0;
        while (file.ReadAtLeast(header, HeaderLength, throwOnEndOfStream: false) == HeaderLength)
        {
            var length = BatchLength(header);
            if (length is <= 0 or > LongestBatch || file.Length - file.Position < length)
                break;
            var batch = new byte[length];
            file.ReadExactly(batch);
            var crc = new Crc32();
            crc.Append(header.AsSpan(8));
            crc.Append(batch);
            if (crc.GetCurrentHashAsUInt32() != BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4)))
                break;
            end += HeaderLength + length;
        }

        return end;
    }
}
