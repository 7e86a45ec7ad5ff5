using Vigil.Model;

namespace Vigil.Rules;

/// <summary>
/// What is used of water or electricity in a home, from meters that only count upwards. Keeps the newest use that still matters
/// (exact), and what was used in each of 24 slots of the rule's window (to subtract a leak or a refrigerator).
/// </summary>
internal sealed class UseTracker
{
    /// <summary>Slots in a window.</summary>
    public const int Slots = 24;

    /// <summary>A window of whole slots and the newest, which is still filling.</summary>
    private const int Ring = Slots + 1;
    private const int MostSips = 16;

    /// <summary>Ten litres in ten sips are ten litres.</summary>
    private const double Rounding = 1e-6;

    /// <summary>
    /// An interval longer than this can't be placed: when in it something was used isn't known (radio gaps, once-a-day meters).
    /// </summary>
    public const long Placeable = 3 * TimeSpan.TicksPerHour;

    public Register[] Registers = [];

    /// <summary>Uses that together make up the least amount, oldest first.</summary>
    public Sip[] Sips = [];
    public int SipCount;
    public double SipSum;
    public readonly float[] Slot = new float[Ring];

    /// <summary>Number of the newest slot: ticks / slot length.</summary>
    public long SlotIndex;
    public long SlotLength;

    /// <summary>Slots before this moment hold use whose time isn't known.</summary>
    public long UnplacedUntil;

    /// <summary>When observation began, and later: silence is counted from here at the earliest.</summary>
    public long Floor;

    /// <summary>Everything up to here has been reported by all meters that still speak.</summary>
    public long Frontier;

    /// <summary>Newest use above leak or base load, end of its interval.</summary>
    public long LastUse;

    /// <summary>Leak or base load in units per hour, learned from the quietest hours.</summary>
    public double BaseRate;

    /// <summary>What was used since an episode was opened, draining away.</summary>
    public double Resumed;
    public long RunningSince;
    public long DrippingSince;
    public double Dripped;
    public int Day;
    public double DayUse;
    public bool DayTold;

    /// <summary>What is learned of this home's life from this utility; null while the rule is off.</summary>
    public Inactivity.LifePattern? Pattern;

    /// <summary>Slot path judged up to this slot.</summary>
    public long Judged;

    /// <summary>When the newest <paramref name="amount"/> had not yet been used: the window since then holds less.</summary>
    public long Anchor(double amount) => Math.Max(Floor, SipCount > 0 && SipSum >= amount - Rounding ? Sips[0].Time : Floor);

    /// <summary>Silence counts from there, if it was to count from later (an absence that has ended early).</summary>
    public void CountFrom(long time) => Floor = Math.Min(Floor, time);

    /// <summary>Adds a use; keeps no more than what makes up <paramref name="amount"/>.</summary>
    public void Use(long time, double used, double amount)
    {
        if (SipCount == MostSips)
        {
            // The two oldest become one, at the time of the older: the alarm comes rather early than late.
            Sips[0].Amount += Sips[1].Amount;
            Array.Copy(Sips, 2, Sips, 1, SipCount - 2);
            SipCount--;
        }

        if (SipCount == Sips.Length)
            Array.Resize(ref Sips, Math.Min(MostSips, Sips.Length == 0 ? 4 : Sips.Length * 2));
        Sips[SipCount++] = new Sip { Time = time, Amount = used };
        SipSum += used;
        var drop = 0;
        while (drop < SipCount - 1 && SipSum - Sips[drop].Amount >= amount - Rounding)
            SipSum -= Sips[drop++].Amount;
        if (drop == 0)
            return;
        SipCount -= drop;
        Array.Copy(Sips, drop, Sips, 0, SipCount);
        SipSum = 0;
        for (var i = 0; i < SipCount; i++)
            SipSum += Sips[i].Amount;
    }

    /// <summary>A use in an interval, in the slots that it covers.</summary>
    public void Fill(long from, long to, double used, long window)
    {
        var length = window / Slots;
        if (length != SlotLength)
        {
            // The rule's window has changed: the slots begin again.
            Array.Clear(Slot);
            SlotLength = length;
            SlotIndex = to / length;
            Judged = SlotIndex;
            UnplacedUntil = to;
        }

        Advance((to - 1) / length);
        if (used <= 0)
            return;
        var first = Math.Max(from / length, SlotIndex - Ring + 1);
        var total = (double)(to - from);
        for (var s = first; s <= (to - 1) / length && s <= SlotIndex; s++)
        {
            var overlap = Math.Min(to, (s + 1) * length) - Math.Max(from, s * length);
            if (overlap > 0)
                Slot[s % Ring] += (float)(used * overlap / total);
        }
    }

    /// <summary>
    /// Sum of the window that ended with the slot before the newest, and the steady part of it: the quietest block, repeated.
    /// </summary>
    /// <param name="block">Slots that a block has.</param>
    /// <param name="even">
    /// Leave out of each block its loudest and its quietest slot. A total that is dated wrongly moves a leak's litres from one hour to the
    /// next; repeated over the window, that error would be larger than what the rule looks for, and hide a silent home for a day.
    /// </param>
    public (double Sum, double Steady) Window(int block, bool even)
    {
        // Oldest to newest, without the one that is still filling.
        double sum = 0,
            quietest = double.MaxValue;
        for (var i = 0; i < Slots; i++)
        {
            sum += Slot[(SlotIndex + 1 + i) % Ring];
            if (i < block - 1)
                continue;
            double of = 0,
                most = 0,
                least = double.MaxValue;
            for (var b = 0; b < block; b++)
            {
                var value = Slot[(SlotIndex + 1 + i - b) % Ring];
                of += value;
                most = Math.Max(most, value);
                least = Math.Min(least, value);
            }

            quietest = Math.Min(quietest, even ? (of - most - least) / (block - 2) : of / block);
        }

        return (sum, quietest * Slots);
    }

    private void Advance(long index)
    {
        if (index - SlotIndex >= Ring)
            Array.Clear(Slot);
        else
            for (var s = SlotIndex + 1; s <= index; s++)
                Slot[s % Ring] = 0;
        if (index > SlotIndex)
            SlotIndex = index;
    }
}

/// <summary>One meter of a home.</summary>
internal struct Register
{
    public int Series;
    public MeterTotal Total;

    /// <summary>The newest interval with use: a reading that comes late may place the use better.</summary>
    public long UsedFrom;
    public double UsedFromValue;
}

internal struct Sip
{
    public long Time;
    public double Amount;
}
