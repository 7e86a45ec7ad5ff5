using System.Runtime.CompilerServices;
using Vigil.Model;

namespace Vigil.Rules;

/// <summary>
/// The use of water or electricity in a home, from meters that count upwards. Keeps the newest uses exactly, and the use in each of 24
/// slots of the rule's window (to subtract a leak or a refrigerator).
/// </summary>
internal sealed class UseTracker
{
    /// <summary>Slots in a window.</summary>
    public const int Slots = 24;

    /// <summary>A window of whole slots and the newest, which is still filling.</summary>
    private const int Ring = Slots + 1;
    private const int MostUses = 16;

    /// <summary>Adding many small uses must not miss the threshold by a rounding error.</summary>
    private const double Rounding = 1e-6;

    /// <summary>
    /// In a longer interval (a radio gap, a meter that reports once a day) the time of a use isn't known well enough.
    /// </summary>
    public const long LongestPreciseInterval = 3 * TimeSpan.TicksPerHour;

    public Register[] Registers = [];

    /// <summary>The newest uses that together make up the least amount that counts, oldest first.</summary>
    public Use[] Uses = [];
    public int UseCount;
    public double UseSum;
    public Used Slot;

    /// <summary>Number of the newest slot: ticks divided by the slot length.</summary>
    public long SlotIndex;
    public long SlotLength;

    /// <summary>Slots before this moment hold use whose time isn't known well enough.</summary>
    public long ImpreciseUntil;

    /// <summary>Silence is counted from here at the earliest: the first reading, a return, the end of an alarm.</summary>
    public long CountedFrom;

    /// <summary>Up to here all meters that still report have reported.</summary>
    public long ReportedUntil;

    /// <summary>End of the newest interval with use above leak or base load.</summary>
    public long LastUse;

    /// <summary>Leak or base load in units per hour, learned from the quietest hours.</summary>
    public double BaseRate;

    /// <summary>Use since the alarm was opened, as a leaky bucket: when it is full, the utility is in use again.</summary>
    public double Resumed;

    /// <summary>Since when much water has flowed without a pause; 0 when it doesn't.</summary>
    public long RunningSince;

    /// <summary>Since when some water has flowed in every interval, and how much; 0 when it doesn't.</summary>
    public long DrippingSince;
    public double Dripped;

    /// <summary>The local day of <see cref="DayUse"/>, days since 0001-01-01.</summary>
    public int Day;
    public double DayUse;
    public bool DayTold;

    /// <summary>The habits learned from this utility; null while the rule is off.</summary>
    public Inactivity.LifePattern? Pattern;

    /// <summary>The newest slot that was judged.</summary>
    public long Judged;

    /// <summary>Since when less than <paramref name="amount"/> was used.</summary>
    public long SilenceStart(double amount) =>
        Math.Max(CountedFrom, UseCount > 0 && UseSum >= amount - Rounding ? Uses[0].Time : CountedFrom);

    /// <summary>The meter's next total is its first.</summary>
    public void Forget(Home home, int device) => Registers = [.. Registers.Where(r => home.Series[r.Series].Device != device)];

    /// <summary>Lets silence count from an earlier moment (an absence that has ended early).</summary>
    public void CountFrom(long time) => CountedFrom = Math.Min(CountedFrom, time);

    /// <summary>Adds a use; older ones that are not needed to make up <paramref name="amount"/> are dropped.</summary>
    public void AddUse(long time, double used, double amount)
    {
        if (UseCount == MostUses)
        {
            // The two oldest are joined at the time of the older, so that the alarm comes rather early than late.
            Uses[0].Amount += Uses[1].Amount;
            Array.Copy(Uses, 2, Uses, 1, UseCount - 2);
            UseCount--;
        }

        if (UseCount == Uses.Length)
            Array.Resize(ref Uses, Math.Min(MostUses, Uses.Length + 2));
        Uses[UseCount++] = new Use { Time = time, Amount = used };
        UseSum += used;
        var drop = 0;
        while (drop < UseCount - 1 && UseSum - Uses[drop].Amount >= amount - Rounding)
            UseSum -= Uses[drop++].Amount;
        if (drop == 0)
            return;
        UseCount -= drop;
        Array.Copy(Uses, drop, Uses, 0, UseCount);
        UseSum = 0;
        for (var i = 0; i < UseCount; i++)
            UseSum += Uses[i].Amount;
    }

    /// <summary>Spreads the use of an interval over the slots that it covers.</summary>
    public void Fill(long from, long to, double used, long window)
    {
        var length = window / Slots;
        if (length != SlotLength)
        {
            // The rule's window has changed: the slots start empty.
            Slot = default;
            SlotLength = length;
            SlotIndex = to / length;
            Judged = SlotIndex;
            ImpreciseUntil = to;
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
                Slot[(int)(s % Ring)] += (float)(used * overlap / total);
        }
    }

    /// <summary>
    /// The use in the window that ended with the slot before the newest, and its steady part: the quietest block, taken as the whole
    /// window.
    /// </summary>
    /// <param name="block">Slots in a block.</param>
    /// <param name="even">
    /// Leave the highest and the lowest slot out of each block. A total with a wrong time moves a leak's litres from one hour to the next;
    /// multiplied to the whole window, that error would be larger than what the rule looks for, and hide a silent home for a day.
    /// </param>
    public (double Sum, double Steady) Window(int block, bool even)
    {
        // From the oldest to the newest, without the one that is still filling.
        double sum = 0,
            quietest = double.MaxValue;
        for (var i = 0; i < Slots; i++)
        {
            sum += Slot[(int)((SlotIndex + 1 + i) % Ring)];
            if (i < block - 1)
                continue;
            double of = 0,
                most = 0,
                least = double.MaxValue;
            for (var b = 0; b < block; b++)
            {
                var value = Slot[(int)((SlotIndex + 1 + i - b) % Ring)];
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
            Slot = default;
        else
            for (var s = SlotIndex + 1; s <= index; s++)
                Slot[(int)(s % Ring)] = 0;
        if (index > SlotIndex)
            SlotIndex = index;
    }

    /// <summary>What was used in each slot.</summary>
    [InlineArray(Ring)]
    internal struct Used
    {
        private float first;
    }
}

/// <summary>One meter of a home.</summary>
internal struct Register
{
    public int Series;
    public MeterTotal Total;

    /// <summary>The start of the newest interval with use: a reading that comes late may narrow it.</summary>
    public long UsedFrom;
    public double UsedFromValue;
}

/// <summary>An amount that was used by a moment.</summary>
internal struct Use
{
    public long Time;
    public double Amount;
}
