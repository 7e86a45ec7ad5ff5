using System.Runtime.InteropServices;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// What flows without anybody: a leak (water that is the same in every half hour for six hours) or what is left on (electricity: the second
/// loudest half hour of each day's quietest six hours, followed slowly; the loudest may be a water heater's one cycle, above which no life
/// would show). Use up to <see cref="Quiet"/> is not life.
/// </summary>
internal struct SteadyUse(LifeMeter meter)
{
    public const int Ring = 24;

    /// <summary>Half hours in which a leak must not change: a dishwasher or a night with some flushes is no leak.</summary>
    private const int LeakSlots = 12;
    private const int QuietSlots = 12;

    /// <summary>More than 10 L/h without a pause is "water running", another rule; m³/h.</summary>
    private const double MostLeak = 0.010;
    private const int FlatSlots = 6;
    private const double FlatShare = 0.25;
    private const int KnownDays = 21;

    public readonly float[] Slot = new float[Ring];

    /// <summary>Half hours since 0001-01-01 UTC of the newest slot.</summary>
    public long Index = -1;

    /// <summary>m³/h or kW.</summary>
    public double Rate;

    /// <summary>The slot from which on the ring is filled.</summary>
    private long began;
    private double quietest = double.MaxValue;
    private double secondLoudest;

    /// <summary>The least of any three hours of today, and of the weeks before (rising slowly), kWh.</summary>
    private double leastToday = double.MaxValue;
    private double least = double.MaxValue;
    private int leastDays;

    /// <summary>The least this home has used in three hours, kWh; 0 while that isn't known.</summary>
    public readonly double Least => leastDays < KnownDays || least == double.MaxValue ? 0 : least;

    /// <summary>
    /// Far less than what is always left on, for three hours: the power is out, or switched off. No refrigerator does that, so it is worth
    /// more than a silence. Below 20 W on average a home has nothing left on, and this says nothing.
    /// </summary>
    public readonly bool Flat =>
        meter == LifeMeter.Electricity && Least > 0.06 && Index - began >= FlatSlots && Newest() < Least * FlatShare;

    /// <summary>Below that rate nothing tells of life: m³/h or kW. A meter counts whole litres; a refrigerator's cycles differ.</summary>
    public readonly double Quiet => meter == LifeMeter.Water ? Rate * 1.2 + 0.0003 : Rate * 1.2 + 0.03;

    /// <returns>Since when, UTC ticks, only a leak has flowed; long.MaxValue when none is seen.</returns>
    public long Fill(long from, long to, double use)
    {
        var since = long.MaxValue;
        for (var s = from / PastDays.SlotTicks; s <= (to - 1) / PastDays.SlotTicks; s++)
        {
            if (Index < 0 || s - Index > Ring)
                Restart(s);
            while (Index < s)
            {
                Index++;
                Slot[Index % Ring] = 0;
                if (meter == LifeMeter.Water)
                    since = Math.Min(since, FindLeak());
                else
                    FindQuiet();
            }

            var overlap = Math.Min(to, (s + 1) * PastDays.SlotTicks) - Math.Max(from, s * PastDays.SlotTicks);
            Slot[s % Ring] += (float)(use * overlap / (to - from));
        }

        return since;
    }

    public void Restart(long index)
    {
        Array.Clear(Slot);
        Index = index;
        began = index + 1; // the first is not whole
    }

    /// <summary>Follows the day's quietest six hours: up a little faster than down, so that three days in five lie below.</summary>
    public void NextDay()
    {
        if (meter == LifeMeter.Water || quietest == double.MaxValue)
            return;
        var step = Math.Max(0.004, Rate * 0.06);
        Rate =
            Rate == 0 ? secondLoudest
            : secondLoudest > Rate ? Rate + 0.6 * step
            : Rate - 0.4 * step;
        quietest = double.MaxValue;
        if (leastToday == double.MaxValue)
            return;
        least = Math.Min(least == double.MaxValue ? leastToday : least * 1.01, leastToday);
        leastToday = double.MaxValue;
        leastDays++;
    }

    public readonly void Write(BinaryWriter to)
    {
        to.Write(Index);
        to.Write(began);
        to.Write(Rate);
        to.Write(quietest);
        to.Write(secondLoudest);
        to.Write(leastToday);
        to.Write(least);
        to.Write(leastDays);
        to.Write(MemoryMarshal.AsBytes(Slot.AsSpan()));
    }

    public void Read(BinaryReader from)
    {
        Index = from.ReadInt64();
        began = from.ReadInt64();
        Rate = from.ReadDouble();
        quietest = from.ReadDouble();
        secondLoudest = from.ReadDouble();
        leastToday = from.ReadDouble();
        least = from.ReadDouble();
        leastDays = from.ReadInt32();
        from.ReadExactly(MemoryMarshal.AsBytes(Slot.AsSpan()));
    }

    /// <summary>Back from the newest full half hour: all the same, and none without.</summary>
    private long FindLeak()
    {
        if (Index - began < LeakSlots)
            return long.MaxValue;
        double least = double.MaxValue,
            most = 0;
        for (var i = 1; i <= LeakSlots; i++)
        {
            var rate = Slot[(Index - i) % Ring] * 2.0;
            least = Math.Min(least, rate);
            most = Math.Max(most, rate);
        }

        if (least <= 0 || least > MostLeak)
        {
            Rate = 0;
            return long.MaxValue;
        }

        if (most > least * 1.2 + 0.0003)
        {
            Rate = Math.Min(Rate, least);
            return long.MaxValue;
        }

        Rate = least;
        var back = LeakSlots;
        while (back < Ring - 2 && Index - back - 1 >= began && Slot[(Index - back - 1) % Ring] * 2.0 <= Quiet)
            back++;
        return (Index - back) * PastDays.SlotTicks;
    }

    /// <summary>The three hours before the newest slot, kWh.</summary>
    private readonly double Newest()
    {
        double sum = 0;
        for (var i = 1; i <= FlatSlots; i++)
            sum += Slot[(Index - i) % Ring];
        return sum;
    }

    private void FindQuiet()
    {
        if (Index - began >= FlatSlots)
            leastToday = Math.Min(leastToday, Newest());
        if (Index - began < QuietSlots)
            return;
        double sum = 0,
            loudest = 0,
            second = 0;
        for (var i = 1; i <= QuietSlots; i++)
        {
            double use = Slot[(Index - i) % Ring];
            sum += use;
            second = Math.Max(second, Math.Min(use, loudest));
            loudest = Math.Max(loudest, use);
        }

        if (sum >= quietest)
            return;
        quietest = sum;
        secondLoudest = second * 2;
    }
}
