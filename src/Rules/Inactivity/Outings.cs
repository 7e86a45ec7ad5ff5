using Vigil.Model;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// When the people of a home are out: a door, then no sign for half an hour, then the same door as the first sign. Which of its doors
/// lead out is learned by this, so that a refrigerator's never counts. Keeps the lengths of the newest outings.
/// </summary>
internal struct Outings()
{
    /// <summary>With fewer, nothing is known of them: a silence after a door is a silence.</summary>
    private const int Enough = 8;

    /// <summary>A shorter pause between two openings is somebody at the door.</summary>
    private const long Shortest = 30 * TimeSpan.TicksPerMinute;

    /// <summary>A longer one is a journey, which is no measure for an outing.</summary>
    private const long Utmost = TimeSpan.TicksPerDay;
    private const int Kept = 32;

    /// <summary>As long as what is known of them: most homes have no door by which their people leave.</summary>
    private ushort[] minutes = [];
    private int count;
    private int door = int.MinValue;

    /// <summary>How long an outing may last before somebody is missed: a quarter and half an hour more than the second longest.</summary>
    public readonly long Longest
    {
        get
        {
            var (longest, second) = (0, 0);
            foreach (var m in minutes.AsSpan(0, Math.Min(count, Kept)))
                (longest, second) = m > longest ? (m, longest) : (longest, Math.Max(second, m));
            return Math.Max(120, second * 5 / 4 + 30) * TimeSpan.TicksPerMinute;
        }
    }

    /// <summary>How long most of them last.</summary>
    public readonly long Usual
    {
        get
        {
            Span<ushort> sorted = stackalloc ushort[Kept];
            var known = sorted[..Math.Min(count, Kept)];
            minutes.AsSpan(0, known.Length).CopyTo(known);
            known.Sort();
            return known.Length == 0 ? 0 : known[known.Length / 2] * TimeSpan.TicksPerMinute;
        }
    }

    /// <summary>Whether a series is the door by which this home's people leave, and enough is known of their outings.</summary>
    public readonly bool Known(int series) => count >= Enough && series == door;

    /// <summary>A sign came after a pause.</summary>
    /// <param name="before">The series of the sign before the pause.</param>
    /// <param name="series">Its own.</param>
    /// <param name="sense">What it shows.</param>
    /// <param name="pause">How long nothing was seen.</param>
    public void Note(int before, int series, LifeSense sense, long pause)
    {
        if (sense != LifeSense.Door || before != series || pause is < Shortest or > Utmost)
            return;
        if (door != series)
            (door, count) = (count >= Enough ? door : series, count >= Enough ? count : 0); // another door leads out, or this one does
        if (door != series)
            return;
        if (count % Kept >= minutes.Length)
            Array.Resize(ref minutes, Math.Min(Kept, minutes.Length + Enough));
        minutes[count % Kept] = (ushort)(pause / TimeSpan.TicksPerMinute);
        count = count >= 2 * Kept - 1 ? count - Kept + 1 : count + 1;
    }

    public readonly void Write(BinaryWriter to)
    {
        to.Write(door);
        to.Write(count);
        for (var i = 0; i < Kept; i++)
            to.Write(i < minutes.Length ? minutes[i] : (ushort)0);
    }

    public void Read(BinaryReader from)
    {
        door = from.ReadInt32();
        count = from.ReadInt32();
        minutes = count == 0 ? [] : new ushort[Math.Min(Kept, (count + Enough - 1) / Enough * Enough)];
        for (var i = 0; i < Kept; i++)
            if (from.ReadUInt16() is var m && i < minutes.Length)
                minutes[i] = m;
    }
}
