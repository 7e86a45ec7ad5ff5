using System.Runtime.InteropServices;

namespace Vigil.Rules;

/// <summary>
/// How often a device speaks by itself, learned from the times between its messages: a heartbeat limits them, so that the longest comes
/// again and again. Of a button that is only pressed there is none. 20 bytes.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal struct Cadence
{
    /// <summary>So many of the longest times make a cadence…</summary>
    private const int Enough = 5;

    /// <summary>…which reach this share of the longest…</summary>
    private const double Nearly = 0.8;

    /// <summary>…and of a device that is known for so long.</summary>
    private const long Known = 7 * TimeSpan.TicksPerDay;

    /// <summary>A weekly heartbeat, and a day's delay. What speaks more rarely is not waited for.</summary>
    private const long Rarest = 8 * TimeSpan.TicksPerDay;

    /// <summary>A message may be lost, and the next two.</summary>
    private const int Missed = 4;

    /// <summary>The longest time between two messages, slowly forgotten.</summary>
    public long Longest;

    /// <summary>When it was first heard.</summary>
    public long Since;

    /// <summary>How many times were nearly the longest.</summary>
    public int Near;

    /// <summary>A message arrived.</summary>
    /// <param name="before">The one before; 0: it is the first.</param>
    /// <param name="now">When.</param>
    public void Heard(long before, long now)
    {
        if (before == 0)
        {
            Since = now;
            return;
        }

        if (before / TimeSpan.TicksPerDay != now / TimeSpan.TicksPerDay)
            Longest -= Longest / 64;
        var gap = now - before;
        if (gap > Longest * (2 - Nearly))
            Near = 0; // another cadence, or none
        Longest = Math.Max(Longest, gap);
        if (gap >= Longest * Nearly)
            Near = Math.Min(Near + 1, Enough);
    }

    /// <summary>After how long it is missed; long.MaxValue: it has no cadence.</summary>
    /// <param name="now">When it was last heard.</param>
    /// <param name="least">Not sooner.</param>
    public readonly long Allowed(long now, long least) =>
        Near < Enough || Longest > Rarest || now - Since < Known ? long.MaxValue : Math.Max(least, Missed * Longest);

    public readonly void Write(BinaryWriter to)
    {
        to.Write(Longest);
        to.Write(Since);
        to.Write(Near);
    }

    public static Cadence Read(BinaryReader from) =>
        new()
        {
            Longest = from.ReadInt64(),
            Since = from.ReadInt64(),
            Near = from.ReadInt32(),
        };
}
