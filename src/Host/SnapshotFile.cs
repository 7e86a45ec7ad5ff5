using System.Buffers.Binary;
using System.IO.Hashing;

namespace Vigil.Host;

/// <summary>
/// The file of a partition's snapshot: magic, version, time, length, an XXH128 checksum over these and the snapshot, and the snapshot
/// itself. A corrupted or truncated file is detected before any of it is used. The generation before is kept beside it.
/// </summary>
internal static class SnapshotFile
{
    private static ReadOnlySpan<byte> Magic => "VIGILRUL"u8;
    private const int Version = 4;
    private const int Hashed = 28;
    private const int Header = Hashed + 16;

    /// <summary>The file of the generation before.</summary>
    public static string Before(string path) => path + ".before";

    /// <summary>Writes a snapshot atomically; the existing one becomes the generation before.</summary>
    public static void Write(string path, ReadOnlySpan<byte> snapshot, DateTime taken)
    {
        Span<byte> header = stackalloc byte[Header];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(header[12..], taken.Ticks);
        BinaryPrimitives.WriteInt64LittleEndian(header[20..], snapshot.Length);
        Hash(header[..Hashed], snapshot, header[Hashed..]);
        using (var file = new FileStream(path + ".new", FileMode.Create, FileAccess.Write))
        {
            file.Write(header);
            file.Write(snapshot);
            file.Flush(flushToDisk: true);
        }

        // Replaced in one step, because a backup may read the file at any time.
        if (File.Exists(path))
            File.Replace(path + ".new", path, Before(path));
        else
            File.Move(path + ".new", path);
    }

    /// <returns>The snapshot and when it was taken.</returns>
    /// <exception cref="InvalidDataException">It is damaged, or of another version.</exception>
    public static (ReadOnlyMemory<byte> Snapshot, DateTime Taken) Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        if (bytes.Length < Header)
            throw new InvalidDataException("it ends too early");
        if (!bytes.AsSpan(0, 8).SequenceEqual(Magic))
            throw new InvalidDataException("it is not a snapshot of the rules with a checksum");
        Span<byte> hash = stackalloc byte[16];
        Hash(bytes.AsSpan(0, Hashed), bytes.AsSpan(Header), hash);
        if (!bytes.AsSpan(Hashed, 16).SequenceEqual(hash))
            throw new InvalidDataException("its checksum is wrong");
        if (BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(8)) is var version && version != Version)
            throw new InvalidDataException($"it is of version {version}, this program reads {Version}");
        if (BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(20)) != bytes.Length - Header)
            throw new InvalidDataException("its length is wrong");
        return (bytes.AsMemory(Header), new DateTime(BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(12)), DateTimeKind.Utc));
    }

    private static void Hash(ReadOnlySpan<byte> header, ReadOnlySpan<byte> snapshot, Span<byte> into)
    {
        var hash = new XxHash128();
        hash.Append(header);
        hash.Append(snapshot);
        hash.GetCurrentHash(into);
    }
}
