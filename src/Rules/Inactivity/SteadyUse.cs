using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// Use that nobody causes. Water: a leak, the same in every half hour for six hours. Electricity: the base load, a slow average of the
/// second highest half hour of each day's quietest six hours (the highest may be one cycle of a water heater, which would hide real use).
/// Use up to <see cref="Background"/> is no sign of life.
/// </summary>
internal struct SteadyUse(LifeMeter meter)
{
    public const int Ring = 24;

    /// <summary>Half hours in which a leak must not change, so that a dishwasher or a night with some flushes is none.</summary>
    private const int LeakSlots = 12;
    private const int QuietSlots = 12;

    /// <summary>More than 10 L/h without a pause is the rule <c>water-running</c>; m³/h.</summary>
    private const double MostLeak = 0.010;
    private const int FlatSlots = 6;
    private const double FlatShare = 0.25;

    /// <summary>Days until <see cref="Least"/> is known.</summary>
    private const int KnownDays = 21;

    private HalfHours slots;

    /// <summary>Half hours since 0001-01-01 UTC of the newest slot.</summary>
    public long Index = -1;

    /// <summary>m³/h or kW.</summary>
    public double Rate;

    /// <summary>The first whole slot in the ring.</summary>
    private long began;
    private double quietest = double.MaxValue;
    private double secondHighest;

    /// <summary>The least used in any three hours of today, and of the weeks before (rising slowly), kWh.</summary>
    private double leastToday = double.MaxValue;
    private double least = double.MaxValue;
    private int leastDays;

    /// <summary>The least this home has used in three hours, kWh; 0 while that isn't known.</summary>
    public readonly double Least => leastDays < KnownDays || least == double.MaxValue ? 0 : least;

    /// <summary>
    /// Far below the base load for three hours: the power is out or switched off. That is a stronger sign than a silence, because even a
    /// refrigerator uses more. A home with less than 20 W on average has no base load, and this is always false.
    /// </summary>
    public readonly bool Flat =>
        meter == LifeMeter.Electricity && Least > 0.06 && Index - began >= FlatSlots && Newest() < Least * FlatShare;

    /// <summary>
    /// Use up to this rate is no sign of life, m³/h or kW: with a margin, because meters count whole litres and cycles differ.
    /// </summary>
    public readonly double Background => meter == LifeMeter.Water ? Rate * 1.2 + 0.0003 : Rate * 1.2 + 0.03;

    /// <summary>Takes the use of an interval.</summary>
    /// <returns>Since when, UTC ticks, only a leak has flowed; long.MaxValue when there is none.</returns>
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
                slots[(int)(Index % Ring)] = 0;
                if (meter == LifeMeter.Water)
                    since = Math.Min(since, FindLeak());
                else
                    FindQuiet();
            }

            var overlap = Math.Min(to, (s + 1) * PastDays.SlotTicks) - Math.Max(from, s * PastDays.SlotTicks);
            slots[(int)(s % Ring)] += (float)(use * overlap / (to - from));
        }

        return since;
    }

    public void Restart(long index)
    {
        slots = default;
        Index = index;
        began = index + 1; // the first slot is only partly filled
    }

    /// <summary>
    /// Follows each day's quietest six hours, up a little faster than down, so that three days in five lie below the rate.
    /// </summary>
    public void NextDay()
    {
        if (meter == LifeMeter.Water || quietest == double.MaxValue)
            return;
        var step = Math.Max(0.004, Rate * 0.06);
        Rate =
            Rate == 0 ? secondHighest
            : secondHighest > Rate ? Rate + 0.6 * step
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
        to.Write(secondHighest);
        to.Write(leastToday);
        to.Write(least);
        to.Write(leastDays);
        to.Write(MemoryMarshal.AsBytes((ReadOnlySpan<float>)slots));
    }

    public void Read(BinaryReader from)
    {
        Index = from.ReadInt64();
        began = from.ReadInt64();
        Rate = from.ReadDouble();
        quietest = from.ReadDouble();
        secondHighest = from.ReadDouble();
        leastToday = from.ReadDouble();
        least = from.ReadDouble();
        leastDays = from.ReadInt32();
        from.ReadExactly(MemoryMarshal.AsBytes((Span<float>)slots));
    }

    /// <summary>Looks back from the newest full half hour: a leak is about the same in each, and never 0.</summary>
    private long FindLeak()
    {
        if (Index - began < LeakSlots)
            return long.MaxValue;
        double least = double.MaxValue,
            most = 0;
        for (var i = 1; i <= LeakSlots; i++)
        {
            var rate = slots[(int)((Index - i) % Ring)] * 2.0;
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
        while (back < Ring - 2 && Index - back - 1 >= began && slots[(int)((Index - back - 1) % Ring)] * 2.0 <= Background)
            back++;
        return (Index - back) * PastDays.SlotTicks;
    }

    /// <summary>The three hours before the newest slot, kWh.</summary>
    private readonly double Newest()
    {
        double sum = 0;
        for (var i = 1; i <= FlatSlots; i++)
            sum += slots[(int)((Index - i) % Ring)];
        return sum;
    }

    private void FindQuiet()
    {
        if (Index - began >= FlatSlots)
            leastToday = Math.Min(leastToday, Newest());
        if (Index - began < QuietSlots)
            return;
        double sum = 0,
            highest = 0,
            second = 0;
        for (var i = 1; i <= QuietSlots; i++)
        {
            double use = slots[(int)((Index - i) % Ring)];
            sum += use;
            second = Math.Max(second, Math.Min(use, highest));
            highest = Math.Max(highest, use);
        }

        if (sum >= quietest)
            return;
        quietest = sum;
        secondHighest = second * 2;
    }

    [InlineArray(Ring)]
    private struct HalfHours
    {
        private float first;
    }
}
