using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Vigil.Model;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// Knows a message that is sent again, so that it keeps the time at which it first came: then its readings and findings are the ones that
/// are known, and a press is not told as another. Again means: the DUP flag, the same packet id, topic and payload, of the same credential
/// and client id, within
/// <see cref="Window"/>. Whoever presses a second time sends a new message, without DUP; that and its repetition may also come in the other
/// order. What is known lies in memory and, a page of the system's cache later, in a file: it outlives kill -9. What a power cut takes from
/// it is told twice, not never.
/// </summary>
public sealed class Redeliveries : IDisposable
{
    /// <summary>Below the fifteen minutes after which a press is old news (config/rules.yaml, late_after).</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    private const int Ways = 4;
    private const int Sets = 1 << 16;
    private const int SlotBytes = 32;
    private const int HeaderBytes = 24;
    private const long Version = 0x0002_5645_4C49_4745;

    private readonly Slot[] slots = new Slot[Sets * Ways];

    /// <summary>
    /// Two connections of one client are read in no order: for so long the first of a message may come after its repetition.
    /// </summary>
    private static readonly TimeSpan Overtaken = TimeSpan.FromSeconds(10);

    private readonly Lock[] gates = [.. Enumerable.Range(0, 64).Select(_ => new Lock())];
    private readonly TimeProvider clock;
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle? file;
    private readonly long seed;
    private long known;

    /// <param name="path">Where it outlives the process; null: in memory alone.</param>
    /// <param name="clock">Of all arrivals.</param>
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

    /// <summary>Why it is in memory alone; null when it isn't.</summary>
    public string? Trouble { get; private set; }

    /// <summary>Messages known as sent again.</summary>
    public long Known => Interlocked.Read(ref known);

    /// <summary>What a credential's client is called here.</summary>
    public ulong Origin(string username, string clientId) => Hash(clientId, (long)Hash(username, seed));

    /// <summary>When this message first came: now, or earlier when it is sent again.</summary>
    /// <param name="origin">Of whom.</param>
    /// <param name="id">Its packet identifier; 0 at QoS 0, which is never sent again.</param>
    /// <param name="dup">It says that it was sent before.</param>
    /// <param name="topic">Its topic.</param>
    /// <param name="payload">Its bytes.</param>
    /// <param name="key">By which it can be forgotten.</param>
    public DateTime FirstCame(ulong origin, ushort id, bool dup, string topic, ReadOnlySpan<byte> payload, out ulong key)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)); // as fine as the coarsest store
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

    /// <summary>The client has had its acknowledgement: what comes under this id next is another message.</summary>
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

    /// <summary>The slot of a key, else the one that is free or the oldest of its set.</summary>
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
            Trouble = e.Message; // a full disk: a press goes on all the same
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
                    break; // shorter: what is missing is empty
                read += got;
            }

            if (BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(16)) == boot && SteadyClock.Boot != "-")
                return handle;
            // The machine was started anew, and its monotonic clock with it: the wall clock alone says how old these are.
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

    /// <param name="Key">Of the message; 0 is an empty slot.</param>
    /// <param name="Content">Of its topic and payload.</param>
    /// <param name="Ticks">When it first came.</param>
    /// <param name="Filled">The same by the monotonic clock, which nobody sets; negative: of a message that said it was sent again; 0: not
    /// known, the machine was started anew since.</param>
    [StructLayout(LayoutKind.Sequential, Pack = 8, Size = SlotBytes)]
    private readonly record struct Slot(ulong Key, ulong Content, long Ticks, long Filled);
}
