using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Vigil.Model;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// Recognises messages that are sent again, so that they keep the time at which they first came: then their readings and findings are the
/// known ones, and a press is not taken for another. "Again" means the DUP flag, the same packet id, topic and payload, of the same
/// credential and client id, within <see cref="Window"/>. A second press is a new message without DUP; a message and its repetition may
/// arrive in either order. Kept in memory and, through the page cache, in a file, which survives kill -9. After a power cut a press may be
/// told twice, but is never lost.
/// </summary>
public sealed class Redeliveries : IDisposable
{
    /// <summary>Less than the fifteen minutes after which a press counts as late (config/rules.yaml, late_after).</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    private const int Ways = 4;
    private const int Sets = 1 << 16;
    private const int SlotBytes = 32;
    private const int HeaderBytes = 24;
    private const long Version = 0x0002_5645_4C49_4745;

    private readonly Slot[] slots = new Slot[Sets * Ways];

    /// <summary>
    /// Two connections of one client are read in any order: for so long a message may arrive after its own repetition.
    /// </summary>
    private static readonly TimeSpan Overtaken = TimeSpan.FromSeconds(10);

    private readonly Lock[] gates = [.. Enumerable.Range(0, 64).Select(_ => new Lock())];
    private readonly TimeProvider clock;
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle? file;
    private readonly long seed;
    private long known;

    /// <param name="path">The file; null: kept in memory only.</param>
    /// <param name="clock">The service's.</param>
    public Redeliveries(string? path, TimeProvider clock)
    {
        this.clock = clock;
        seed = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8));
        if (path is null)
            return;
        try
        {
            file = Open(path, ref seed);
        }
        catch (IOException e)
        {
            Trouble = e.Message;
        }
        catch (UnauthorizedAccessException e)
        {
            Trouble = e.Message;
        }
    }

    /// <summary>Why it is kept in memory only; null when the file works.</summary>
    public string? Trouble { get; private set; }

    /// <summary>How many messages were recognised as sent again.</summary>
    public long Known => Interlocked.Read(ref known);

    /// <summary>Identifies a client by its credential and client id.</summary>
    public ulong Origin(string username, string clientId) => Hash(clientId, (long)Hash(username, seed));

    /// <summary>When this message first came: now, or earlier when it is sent again.</summary>
    /// <param name="origin">Its sender.</param>
    /// <param name="id">Its packet identifier; 0 at QoS 0, which is never sent again.</param>
    /// <param name="dup">Its DUP flag: it was sent before.</param>
    /// <param name="topic">Its topic.</param>
    /// <param name="payload">Its bytes.</param>
    /// <param name="key">For <see cref="Forget"/>.</param>
    public DateTime FirstCame(ulong origin, ushort id, bool dup, string topic, ReadOnlySpan<byte> payload, out ulong key)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)); // the precision of the stores
        key = 0;
        if (id == 0)
            return now;
        key = (origin ^ (id * 0x9E3779B97F4A7C15UL)) | 1; // 0 is an empty slot
        var content = XxHash3.HashToUInt64(payload, (long)Hash(topic, seed));
        var set = (int)(key >> 32) & (Sets - 1);
        lock (gates[set & 63])
        {
            var at = Find(set, key);
            ref var slot = ref slots[at];
            if (
                slot.Key == key
                && slot.Content == content
                && (dup ? Age(slot, now) <= Window : slot.Filled < 0 && Age(slot, now) <= Overtaken)
            )
            {
                if (!dup)
                    slot = slot with { Filled = -slot.Filled };
                Interlocked.Increment(ref known);
                return new DateTime(slot.Ticks, DateTimeKind.Utc);
            }

            slot = new Slot(key, content, now.Ticks, dup ? -clock.GetTimestamp() : clock.GetTimestamp());
            Keep(at);
            return now;
        }
    }

    /// <summary>The client has its acknowledgement: the next message with this packet id is a new one.</summary>
    public void Forget(ulong key)
    {
        var set = (int)(key >> 32) & (Sets - 1);
        lock (gates[set & 63])
        {
            var at = Find(set, key);
            if (slots[at].Key != key)
                return;
            slots[at] = default;
            Keep(at);
        }
    }

    public void Dispose() => file?.Dispose();

    private TimeSpan Age(in Slot slot, DateTime now) =>
        slot.Filled != 0 ? clock.GetElapsedTime(Math.Abs(slot.Filled)) : (now - new DateTime(slot.Ticks, DateTimeKind.Utc)).Duration();

    /// <summary>The slot of a key; else a free one or the oldest of its set.</summary>
    private int Find(int set, ulong key)
    {
        var oldest = set * Ways;
        for (var at = set * Ways; at < (set + 1) * Ways; at++)
        {
            if (slots[at].Key == key)
                return at;
            if (slots[at].Ticks < slots[oldest].Ticks)
                oldest = at;
        }

        return oldest;
    }

    private void Keep(int at)
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

    private Microsoft.Win32.SafeHandles.SafeFileHandle Open(string path, ref long seed)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var handle = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        var header = new byte[HeaderBytes];
        var boot = (long)Hash(SteadyClock.Boot, 0);
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

    private static ulong Hash(string text, long seed) => XxHash3.HashToUInt64(MemoryMarshal.AsBytes(text.AsSpan()), seed);

    /// <param name="Key">Hash of sender and packet id; 0 is an empty slot.</param>
    /// <param name="Content">Hash of topic and payload.</param>
    /// <param name="Ticks">When it first came.</param>
    /// <param name="Filled">The same by the monotonic clock; negative: of a message with DUP; 0: not known, because the machine was
    /// rebooted since.</param>
    [StructLayout(LayoutKind.Sequential, Pack = 8, Size = SlotBytes)]
    private readonly record struct Slot(ulong Key, ulong Content, long Ticks, long Filled);
}
