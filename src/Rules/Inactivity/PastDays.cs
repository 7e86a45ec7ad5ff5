using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// In which half hours of the last 128 days something was used: a set of days (one bit each, the newest in bit 0) for each half hour of
/// local time. Comparing a silence with all past days is then an AND and a population count per hour. A home of which a week is known takes
/// a byte for each half hour, one of which all 128 days are known sixteen.
/// </summary>
internal struct PastDays
{
    public const int Slots = 48;
    public const long SlotTicks = TimeSpan.TicksPerHour / 2;
    private const int UsualDays = 30;

    /// <summary>Bytes for each half hour.</summary>
    private const int Widest = 16;

    /// <summary>So that the last half hour can be read like the others.</summary>
    private static readonly byte[] Nothing = new byte[Widest];
    private static readonly UInt128[] Masks =
    [
        .. Enumerable.Range(0, Widest + 1).Select(w => w == Widest ? UInt128.MaxValue : (UInt128.One << (8 * w)) - 1),
    ];

    /// <summary>The days of one half hour after another, lowest byte first, and what <see cref="Nothing"/> is for.</summary>
    private byte[] used = Nothing;
    private int width;

    /// <summary>Days of which at least 21.5 hours are known.</summary>
    public UInt128 Known;

    /// <summary>The days that are weekends by the calendar that is followed.</summary>
    public readonly UInt128 Weekend => calendar.WeekendsUntil(Day);

    /// <summary>The day in bit 0, as days since 0001-01-01 (a Monday).</summary>
    public long Day = -1;

    /// <summary>Half hours with use per day, on average of the last thirty known days.</summary>
    public float Usual = 10;

    private WorkCalendar calendar = WorkCalendar.None;

    /// <summary>The chance of life in each hour of a local day in homes like this one; null where its own past is known.</summary>
    public float[]? Prior;

    public PastDays() { }

    public readonly bool IsWeekend(long day) => calendar.IsWeekend(day);

    /// <summary>Worked weekends, also of days that are known already.</summary>
    public void Follow(WorkCalendar followed) => calendar = followed;

    /// <summary>Begins a new day.</summary>
    public void NextDay(bool known)
    {
        ShiftDays();
        if (known)
            Known |= 1;
        Known <<= 1;
        Day++;
        var recent = Known & ((UInt128.One << (UsualDays + 1)) - 1);
        var days = CountDays(recent);
        if (days == 0)
            return;
        var sum = 0;
        for (var slot = 0; slot < Slots; slot++)
            sum += CountDays(UsedIn(slot) & recent);
        Usual = (float)sum / days;
    }

    public void StartAt(long day)
    {
        (used, width) = (Nothing, 0);
        Known = 0;
        Day = day;
        Usual = 10;
    }

    /// <param name="slot">Half hours since 0001-01-01, local.</param>
    public void MarkUsed(long slot)
    {
        var back = Day - slot / Slots;
        if (back is < 0 or >= 128)
            return;
        if (back / 8 >= width)
            Widen((int)back / 8 + 1);
        used[slot % Slots * width + back / 8] |= (byte)(1 << (int)(back % 8));
    }

    /// <summary>The days on which something was used in a half hour of the day, 0 to 47.</summary>
    public readonly UInt128 UsedIn(int slot) => BinaryPrimitives.ReadUInt128LittleEndian(used.AsSpan(slot * width)) & Masks[width];

    /// <summary>Whether something was used in the hour that begins with this half hour; null when that isn't known.</summary>
    public readonly bool? UsedInHour(long slot)
    {
        var back = Day - slot / Slots;
        if (back is < 0 or > 126)
            return null;
        if (back > 0 && (Known >> (int)back & 1) == 0)
            return null;
        return IsUsed(slot) || IsUsed(slot + 1);
    }

    public readonly bool IsUsed(long slot)
    {
        var back = Day - slot / Slots;
        return back is >= 0 and < 128 && Has((int)(slot % Slots), (int)back);
    }

    /// <summary>Half hours with use in the 24 hours before a half hour.</summary>
    public readonly int UsedInDayBefore(long slot)
    {
        var back = Day - slot / Slots;
        if (back is < -1 or > 125)
            return 0;
        var before = (int)(slot % Slots);
        var count = 0;
        for (var i = 0; i < before && back >= 0; i++)
            if (Has(i, (int)back))
                count++;
        for (var i = before; i < Slots; i++)
            if (Has(i, (int)back + 1))
                count++;
        return count;
    }

    /// <summary>
    /// Days on which something was used in the hour that begins with this half hour, shifted so that they line up with the day on which the
    /// silence began.
    /// </summary>
    public readonly UInt128 DaysUsedInHour(long slot, long startDay) => OfDay(slot, startDay) | OfDay(slot + 1, startDay);

    /// <summary>
    /// On how many days of how many something was used between these two times of day, and by when on nearly all (97 %) of those.
    /// </summary>
    public readonly (int Used, int Of, long Usually) Compare(long from, long to)
    {
        var startDay = from / TimeSpan.TicksPerDay;
        var end = Math.Min(to, (startDay + 3) * TimeSpan.TicksPerDay) / SlotTicks;
        var start = (from + SlotTicks - 1) / SlotTicks;
        var valid = Before(startDay);
        for (var offset = 0; offset <= (int)((end - 1) / Slots - startDay); offset++)
            valid &= Known << offset;
        var silent = valid;
        for (var slot = start; slot < end; slot++)
            silent &= ~OfDay(slot, startDay);
        var of = CountDays(valid);
        var used = of - CountDays(silent);
        silent = valid;
        for (var slot = start; slot < end; slot++)
        {
            silent &= ~OfDay(slot, startDay);
            if (of - CountDays(silent) >= used * 0.97)
                return (used, of, (slot + 1) * SlotTicks);
        }

        return (used, of, to);
    }

    /// <summary>Of the last days, how many are known, and on how many of these there was life.</summary>
    public readonly (int Known, int Lived) Recent(int days = UsualDays)
    {
        var recent = Known & ((UInt128.One << (days + 1)) - 1);
        UInt128 any = 0;
        for (var slot = 0; slot < Slots; slot++)
            any |= UsedIn(slot);
        return (CountDays(recent), CountDays(recent & any));
    }

    /// <summary>The known days before a day.</summary>
    public readonly UInt128 Before(long day)
    {
        var back = Day - day;
        return back is < 0 or > 125 ? 0 : Known & ~((UInt128.One << ((int)back + 1)) - 1);
    }

    public readonly void Write(BinaryWriter to)
    {
        to.Write((ulong)Known);
        to.Write((ulong)(Known >> 64));
        to.Write((byte)width);
        to.Write(used.AsSpan(0, Slots * width));
    }

    /// <param name="from">What <see cref="Write"/> wrote.</param>
    /// <param name="wide">By an older version: the weekends too, and 128 days of each half hour.</param>
    /// <exception cref="InvalidDataException">It isn't what was written.</exception>
    public void Read(BinaryReader from, bool wide)
    {
        var low = from.ReadUInt64();
        Known = new UInt128(from.ReadUInt64(), low);
        (used, width) = (Nothing, 0);
        Span<byte> all = stackalloc byte[Slots * Widest];
        int written;
        if (wide)
        {
            from.ReadExactly(all[..Widest]); // the weekends, which the calendar knows
            written = Widest;
        }
        else
        {
            written = from.ReadByte();
            if (written > Widest)
                throw new InvalidDataException($"{written} bytes for a half hour of the day");
        }

        all = all[..(Slots * written)];
        from.ReadExactly(all);
        var widest = 0;
        for (var i = 0; i < all.Length; i++)
            if (all[i] != 0)
                widest = Math.Max(widest, i % written + 1);
        if (widest == 0)
            return;
        Widen(widest);
        for (var slot = 0; slot < Slots; slot++)
            all.Slice(slot * written, widest).CopyTo(used.AsSpan(slot * widest));
    }

    private readonly bool Has(int slot, int back) => back / 8 < width && (used[slot * width + back / 8] >> (back % 8) & 1) != 0;

    private readonly UInt128 OfDay(long slot, long startDay) => UsedIn((int)(slot % Slots)) << (int)(slot / Slots - startDay);

    /// <summary>Each day becomes one older, and the 128th is forgotten.</summary>
    private void ShiftDays()
    {
        var full = false;
        for (var slot = 1; slot <= Slots && width > 0; slot++)
            full |= used[slot * width - 1] >= 0x80;
        if (full && width < Widest)
            Widen(width + 1);
        else if (full)
            for (var slot = 1; slot <= Slots; slot++)
                used[slot * Widest - 1] &= 0x7F;
        // No half hour runs over into the next: all are moved as one long number.
        var carry = 0UL;
        foreach (ref var word in MemoryMarshal.Cast<byte, ulong>(used.AsSpan(0, Slots * width)))
            (word, carry) = ((word << 1) | carry, word >> 63);
    }

    private void Widen(int to)
    {
        var wider = new byte[Slots * to + Widest - to];
        for (var slot = 0; slot < Slots; slot++)
            used.AsSpan(slot * width, width).CopyTo(wider.AsSpan(slot * to));
        (used, width) = (wider, to);
    }

    /// <summary>How many days a set has.</summary>
    public static int CountDays(UInt128 days) => BitOperations.PopCount((ulong)days) + BitOperations.PopCount((ulong)(days >> 64));
}
