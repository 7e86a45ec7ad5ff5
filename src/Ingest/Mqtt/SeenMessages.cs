using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Vigil.Model;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// The newest messages, by the hash of their sender and packet id: a table of fixed size in memory, of which each change is also written,
/// through the page cache, to a file. The caller holds the lock of a set while it uses a slot of it.
/// </summary>
internal sealed class SeenMessages : IDisposable
{
    private const int Ways = 4;
    private const int SetCount = 1 << 16;
    private const int SlotBytes = 32;
    private const int HeaderBytes = 24;
    private const long Version = 0x0002_5645_4C49_4745;

    private readonly Slot[] slots = new Slot[SetCount * Ways];
    private readonly SafeFileHandle? file;
    private long seed = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8));

    /// <param name="path">The file; null: kept in memory only.</param>
    public SeenMessages(string? path)
    {
        if (path is null)
            return;
        try
        {
            file = Open(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Trouble = e.Message;
        }
    }

    /// <summary>Why it is kept in memory only; null when the file works.</summary>
    public string? Trouble { get; private set; }

    /// <summary>Of the hashes; kept in the file, so that another process makes the same ones.</summary>
    public long Seed => seed;

    /// <summary>The set in which a key is looked for.</summary>
    public static int SetOf(ulong key) => (int)(key >> 32) & (SetCount - 1);

    /// <summary>The slot of a key; else a free one or the oldest of its set.</summary>
    public ref Slot Find(int set, ulong key, out int at)
    {
        var oldest = set * Ways;
        for (at = set * Ways; at < (set + 1) * Ways; at++)
        {
            if (slots[at].Key == key)
                return ref slots[at];
            if (slots[at].Ticks < slots[oldest].Ticks)
                oldest = at;
        }

        at = oldest;
        return ref slots[at];
    }

    /// <summary>Writes a changed slot to the file.</summary>
    public void Keep(int at)
    {
        if (file is null || Trouble is not null)
            return;
        try
        {
            RandomAccess.Write(file, MemoryMarshal.AsBytes(slots.AsSpan(at, 1)), HeaderBytes + (long)at * SlotBytes);
        }
        catch (IOException e)
        {
            Trouble = e.Message; // a full disk: messages are handled all the same
        }
    }

    public void Dispose() => file?.Dispose();

    private SafeFileHandle Open(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var handle = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        var header = new byte[HeaderBytes];
        var boot = (long)XxHash3.HashToUInt64(MemoryMarshal.AsBytes(SteadyClock.Boot.AsSpan()));
        if (RandomAccess.Read(handle, header, 0) == HeaderBytes && BinaryPrimitives.ReadInt64LittleEndian(header) == Version)
        {
            seed = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(8));
            var bytes = MemoryMarshal.AsBytes(slots.AsSpan());
            for (var read = 0; read < bytes.Length; )
            {
                var got = RandomAccess.Read(handle, bytes[read..], HeaderBytes + read);
                if (got == 0)
                    break; // a shorter file: the rest is empty
                read += got;
            }

            if (BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(16)) == boot && SteadyClock.Boot != "-")
                return handle;
            // The machine was rebooted and its monotonic clock restarted: only the wall clock tells how old these are.
            foreach (ref var slot in slots.AsSpan())
                slot = slot with { Filled = 0 };
            RandomAccess.Write(handle, bytes, HeaderBytes);
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), boot);
            RandomAccess.Write(handle, header, 0);
            return handle;
        }

        RandomAccess.SetLength(handle, 0);
        BinaryPrimitives.WriteInt64LittleEndian(header, Version);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(8), seed);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), boot);
        RandomAccess.Write(handle, header, 0);
        return handle;
    }

    /// <param name="Key">Hash of sender and packet id; 0 is an empty slot.</param>
    /// <param name="Content">Hash of topic and payload.</param>
    /// <param name="Ticks">When it first came.</param>
    /// <param name="Filled">The same by the monotonic clock; negative: of a message with DUP; 0: not known, because the machine was
    /// rebooted since.</param>
    [StructLayout(LayoutKind.Sequential, Pack = 8, Size = SlotBytes)]
    internal readonly record struct Slot(ulong Key, ulong Content, long Ticks, long Filled);
}
