using System.Numerics;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// In which half hours of the last 128 days a home was alive: one bit a day and half hour (local wall clock), the newest day in bit 0.
/// Comparing the present silence with every past day is then an AND and a population count for each half hour of it.
/// </summary>
internal struct PastDays
{
    public const int Slots = 48;
    public const long SlotTicks = TimeSpan.TicksPerHour / 2;

    /// <summary>Silent that long on comparable days, the habit of the hour counts as so many days more. Tuned on the homes of the ADR.</summary>
    private const double HabitDays = 12;
    /// <summary>Who has been silent so far is likelier to stay silent (out, away, asleep): the habit of the hour counts by this part.</summary>
    private const double HabitShare = 0.25;
    /// <summary>A working day tells half as much of a weekend as a weekend does.</summary>
    private const double OtherKind = 0.5;
    private const double Surest = 0.97;

    public readonly UInt128[] Used = new UInt128[Slots];
    /// <summary>Days of which at least 21.5 hours are known.</summary>
    public UInt128 Known;
    public UInt128 Weekend;
    /// <summary>The day of bit 0, days since 0001-01-01 (a Monday).</summary>
    public long Day = -1;

    public PastDays()
    {
    }

    private static bool IsWeekend(long day) => day % 7 >= 5;

    /// <summary>Begins a new day.</summary>
    public void NextDay(bool known)
    {
        foreach (ref var slot in Used.AsSpan()) slot <<= 1;
        if (known) Known |= 1;
        Known <<= 1;
        Weekend <<= 1;
        Day++;
        if (IsWeekend(Day)) Weekend |= 1;
    }

    public void StartAt(long day)
    {
        Array.Clear(Used);
        Known = 0;
        Weekend = IsWeekend(day) ? UInt128.One : 0;
        Day = day;
    }

    /// <param name="slot">Half hours since 0001-01-01, local.</param>
    public readonly void MarkUsed(long slot)
    {
        var back = Day - slot / Slots;
        if (back is >= 0 and < 128) Used[slot % Slots] |= UInt128.One << (int)back;
    }

    /// <summary>
    /// Walks a silence half hour by half hour and adds up how surprising each is: -ln of the share of comparable days that, silent so far, stayed so.
    /// </summary>
    /// <param name="from">Newest use, local ticks.</param>
    /// <param name="to">Where to stop, local ticks.</param>
    /// <param name="enough">Where to stop, surprise.</param>
    /// <param name="reached">When the surprise became enough, local ticks; long.MaxValue when it didn't.</param>
    public readonly double Surprise(long from, long to, double enough, out long reached)
    {
        reached = long.MaxValue;
        var startDay = from / TimeSpan.TicksPerDay;
        var silent = Before(startDay);
        var all = silent;
        var score = 0.0;
        for (var slot = (from + SlotTicks - 1) / SlotTicks; slot * SlotTicks < to; slot++)
        {
            var offset = (int)(slot / Slots - startDay);
            if (offset > 3) return score;
            var used = Used[slot % Slots] << offset;
            var known = Known << offset;
            var same = IsWeekend(slot / Slots) ? Weekend << offset : ~(Weekend << offset);
            silent &= known;
            var valid = all & known;
            var habit = (Count(valid & used, same) + 0.3) / (Count(valid, same) + 1);
            var chance = (Count(silent & used, same) + HabitDays * HabitShare * habit) / (Count(silent, same) + HabitDays);
            var more = -Math.Log(1 - Math.Min(chance, Surest));
            silent &= ~used;
            if (score + more >= enough)
            {
                reached = slot * SlotTicks + (long)(SlotTicks * (enough - score) / more);
                return enough;
            }

            score += more;
        }

        return score;
    }

    /// <summary>On how many days, of how many, was something used between these two clock times; and by when on nearly all of those.</summary>
    public readonly (int Used, int Of, long Usually) Compare(long from, long to)
    {
        var startDay = from / TimeSpan.TicksPerDay;
        var end = Math.Min(to, (startDay + 3) * TimeSpan.TicksPerDay) / SlotTicks;
        var start = (from + SlotTicks - 1) / SlotTicks;
        var valid = Before(startDay);
        for (var offset = 0; offset <= (int)((end - 1) / Slots - startDay); offset++) valid &= Known << offset;
        var silent = valid;
        for (var slot = start; slot < end; slot++) silent &= ~(Used[slot % Slots] << (int)(slot / Slots - startDay));
        var of = Pop(valid);
        var used = of - Pop(silent);
        silent = valid;
        for (var slot = start; slot < end; slot++)
        {
            silent &= ~(Used[slot % Slots] << (int)(slot / Slots - startDay));
            if (of - Pop(silent) >= used * 0.97) return (used, of, (slot + 1) * SlotTicks);
        }

        return (used, of, to);
    }

    /// <summary>Known days before one, aligned to it.</summary>
    private readonly UInt128 Before(long day)
    {
        var back = Day - day;
        return back is < 0 or > 125 ? 0 : Known & ~((UInt128.One << ((int)back + 1)) - 1);
    }

    private static double Count(UInt128 days, UInt128 same) => OtherKind * Pop(days) + (1 - OtherKind) * Pop(days & same);

    private static int Pop(UInt128 days) => BitOperations.PopCount((ulong)days) + BitOperations.PopCount((ulong)(days >> 64));
}
