using System.Buffers.Binary;
using System.IO.Hashing;

namespace Vigil.Storage.Readings.Influx;

/// <summary>Up to where the spool has been emptied: a segment and an offset in it. Stored in a file with a checksum.</summary>
internal readonly record struct SpoolPosition(long Segment, long Offset)
{
    private const int Length = 20,
        Checked = 16;

    /// <returns>Null where there is none, or it is damaged.</returns>
    public static SpoolPosition? Read(string path)
    {
        if (!File.Exists(path))
            return null;
        var stored = File.ReadAllBytes(path);
        return
            stored.Length == Length
            && Crc32.HashToUInt32(stored.AsSpan(0, Checked)) == BinaryPrimitives.ReadUInt32LittleEndian(stored.AsSpan(Checked))
            ? new SpoolPosition(BinaryPrimitives.ReadInt64LittleEndian(stored), BinaryPrimitives.ReadInt64LittleEndian(stored.AsSpan(8)))
            : null;
    }

    /// <summary>Not synced to disk: after a power cut an older position means that batches are sent once more, which is harmless.</summary>
    public void Write(string path)
    {
        Span<byte> stored = stackalloc byte[Length];
        BinaryPrimitives.WriteInt64LittleEndian(stored, Segment);
        BinaryPrimitives.WriteInt64LittleEndian(stored[8..], Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(stored[Checked..], Crc32.HashToUInt32(stored[..Checked]));
        using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write);
        file.Write(stored);
    }
}
