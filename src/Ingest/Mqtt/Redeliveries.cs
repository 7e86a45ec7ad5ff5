using System.IO.Hashing;
using System.Runtime.InteropServices;

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

    /// <summary>
    /// Two connections of one client are read in any order: for so long a message may arrive after its own repetition.
    /// </summary>
    private static readonly TimeSpan Overtaken = TimeSpan.FromSeconds(10);

    private readonly Lock[] gates = [.. Enumerable.Range(0, 64).Select(_ => new Lock())];
    private readonly TimeProvider clock;
    private readonly SeenMessages seen;
    private long known;

    /// <param name="path">The file; null: kept in memory only.</param>
    /// <param name="clock">The service's.</param>
    public Redeliveries(string? path, TimeProvider clock) => (this.clock, seen) = (clock, new SeenMessages(path));

    /// <inheritdoc cref="SeenMessages.Trouble"/>
    public string? Trouble => seen.Trouble;

    /// <summary>How many messages were recognised as sent again.</summary>
    public long Known => Interlocked.Read(ref known);

    /// <summary>Identifies a client by its credential and client id.</summary>
    public ulong Origin(string username, string clientId) => Hash(clientId, (long)Hash(username, seen.Seed));

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
        var content = XxHash3.HashToUInt64(payload, (long)Hash(topic, seen.Seed));
        var set = SeenMessages.SetOf(key);
        lock (gates[set & 63])
        {
            ref var slot = ref seen.Find(set, key, out var at);
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

            slot = new SeenMessages.Slot(key, content, now.Ticks, dup ? -clock.GetTimestamp() : clock.GetTimestamp());
            seen.Keep(at);
            return now;
        }
    }

    /// <summary>The client has its acknowledgement: the next message with this packet id is a new one.</summary>
    public void Forget(ulong key)
    {
        var set = SeenMessages.SetOf(key);
        lock (gates[set & 63])
        {
            ref var slot = ref seen.Find(set, key, out var at);
            if (slot.Key != key)
                return;
            slot = default;
            seen.Keep(at);
        }
    }

    public void Dispose() => seen.Dispose();

    private TimeSpan Age(in SeenMessages.Slot slot, DateTime now) =>
        slot.Filled != 0 ? clock.GetElapsedTime(Math.Abs(slot.Filled)) : (now - new DateTime(slot.Ticks, DateTimeKind.Utc)).Duration();

    private static ulong Hash(string text, long seed) => XxHash3.HashToUInt64(MemoryMarshal.AsBytes(text.AsSpan()), seed);
}
