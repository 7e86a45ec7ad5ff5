using System.Numerics;
using System.Runtime.InteropServices;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// In which half hours of the last 128 days something was used: a set of days (one bit each, the newest in bit 0) for each half hour of
/// local time. Comparing a silence with all past days is then an AND and a population count per hour.
/// </summary>
internal struct PastDays
{
    public const int Slots = 48;
    public const long SlotTicks = TimeSpan.TicksPerHour / 2;
    private const int UsualDays = 30;

    public readonly UInt128[] Used = new UInt128[Slots];

    /// <summary>Days of which at least 21.5 hours are known.</summary>
    public UInt128 Known;
    public UInt128 Weekend;

    /// <summary>The day in bit 0, as days since 0001-01-01 (a Monday).</summary>
    public long Day = -1;

    /// <summary>Half hours with use per day, on average of the last thirty known days.</summary>
    public float Usual = 10;

    private WorkCalendar calendar = WorkCalendar.None;

    /// <summary>The chance of life in each hour of a local day in homes like this one; null where its own past is known.</summary>
    public float[]? Prior;

    public PastDays() { }

    public readonly bool IsWeekend(long day) => calendar.IsWeekend(day);

    /// <summary>
    /// Worked weekends; days that are known already are sorted anew. Costs a comparison when it is the same calendar.
    /// </summary>
    public void Follow(WorkCalendar followed)
    {
        if (ReferenceEquals(calendar, followed))
            return;
        calendar = followed;
        SortDays();
    }

    private void SortDays()
    {
        Weekend = 0;
        for (var back = 0; back < 128 && back <= Day; back++)
            if (IsWeekend(Day - back))
                Weekend |= UInt128.One << back;
    }

    /// <summary>Begins a new day.</summary>
    public void NextDay(bool known)
    {
        foreach (ref var slot in Used.AsSpan())
            slot <<= 1;
        if (known)
            Known |= 1;
        Known <<= 1;
        Weekend <<= 1;
        Day++;
        if (IsWeekend(Day))
            Weekend |= 1;
        var recent = Known & ((UInt128.One << (UsualDays + 1)) - 1);
        var days = CountDays(recent);
        if (days == 0)
            return;
        var sum = 0;
        foreach (var slot in Used)
            sum += CountDays(slot & recent);
        Usual = (float)sum / days;
    }

    public void StartAt(long day)
    {
        Array.Clear(Used);
        Known = 0;
        Day = day;
        SortDays();
        Usual = 10;
    }

    /// <param name="slot">Half hours since 0001-01-01, local.</param>
    public readonly void MarkUsed(long slot)
    {
        var back = Day - slot / Slots;
        if (back is >= 0 and < 128)
            Used[slot % Slots] |= UInt128.One << (int)back;
    }

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
        return back is >= 0 and < 128 && (Used[slot % Slots] >> (int)back & 1) != 0;
    }

    /// <summary>Half hours with use in the 24 hours before a half hour.</summary>
    public readonly int UsedInDayBefore(long slot)
    {
        var back = Day - slot / Slots;
        if (back is < -1 or > 125)
            return 0;
        var before = (int)(slot % Slots);
        UInt128 today = back < 0 ? 0 : UInt128.One << (int)back,
            yesterday = UInt128.One << (int)(back + 1);
        var used = 0;
        for (var i = 0; i < before; i++)
            if ((Used[i] & today) != 0)
                used++;
        for (var i = before; i < Slots; i++)
            if ((Used[i] & yesterday) != 0)
                used++;
        return used;
    }

    /// <summary>
    /// Days on which something was used in the hour that begins with this half hour, shifted so that they line up with the day on which the
    /// silence began.
    /// </summary>
    public readonly UInt128 DaysUsedInHour(long slot, long startDay) =>
        (Used[slot % Slots] << (int)(slot / Slots - startDay)) | (Used[(slot + 1) % Slots] << (int)((slot + 1) / Slots - startDay));

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
            silent &= ~(Used[slot % Slots] << (int)(slot / Slots - startDay));
        var of = CountDays(valid);
        var used = of - CountDays(silent);
        silent = valid;
        for (var slot = start; slot < end; slot++)
        {
            silent &= ~(Used[slot % Slots] << (int)(slot / Slots - startDay));
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
        foreach (var slot in Used)
            any |= slot;
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
        Write(to, Known);
        Write(to, Weekend);
        to.Write(MemoryMarshal.AsBytes(Used.AsSpan()));
    }

    public void Read(BinaryReader from)
    {
        Known = ReadDays(from);
        Weekend = ReadDays(from);
        from.ReadExactly(MemoryMarshal.AsBytes(Used.AsSpan()));
    }

    private static void Write(BinaryWriter to, UInt128 value)
    {
        to.Write((ulong)value);
        to.Write((ulong)(value >> 64));
    }

    private static UInt128 ReadDays(BinaryReader from)
    {
        var low = from.ReadUInt64();
        return new UInt128(from.ReadUInt64(), low);
    }

    /// <summary>How many days a set has.</summary>
    public static int CountDays(UInt128 days) => BitOperations.PopCount((ulong)days) + BitOperations.PopCount((ulong)(days >> 64));
}
