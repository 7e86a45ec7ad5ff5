using System.Numerics;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// Walks through one silence hour by hour and gives the features of each hour, from which the chance is computed that the hour ends the
/// silence: how often something was used in this hour of the day, how often on days that had been silent just as long, how unusual the
/// silence is so far.
/// </summary>
/// <remarks>
/// Hours are counted from the newest use, so that a meter that reports once an hour is judged at its own readings.
/// </remarks>
internal struct Silence
{
    /// <summary>Features per hour.</summary>
    public const int Features = 9;

    /// <summary>How many hours are looked at; after them the fixed rule decides.</summary>
    public const int Hours = 24;

    /// <summary>Weight of a working day in judging a weekend, and the other way round.</summary>
    private const float OtherKindOfDay = 0.35f;

    /// <summary>Where few past days were silent just as long, the habit of the hour counts as so many more days…</summary>
    private const float HabitDays = 4;

    /// <summary>…at this part of its chance: whoever has been silent so far (out, asleep) is likelier to stay so.</summary>
    private const float HabitShare = 0.25f;

    /// <summary>What is known of other homes counts as so many days.</summary>
    private const float PriorDays = 6;

    /// <summary>No habit counts as more certain.</summary>
    private const float MostCertain = 0.97f;

    /// <summary>Weight of days 1–16, 17–40, 41–64 and 65–120 back: exp(-days / 45) in steps.</summary>
    private const float Days16 = 0.83f,
        Days40 = 0.54f,
        Days64 = 0.315f,
        Days128 = 0.136f;

    private readonly PastDays days;
    private readonly long start;
    private readonly long startDay;
    private readonly UInt128 all;
    private readonly UInt128 sameWeekday;
    private readonly UInt128 weekend;
    private readonly float activity;
    private UInt128 silent;
    private float surprise;
    private float surpriseSoFar;
    private int hour;

    /// <param name="past">What is known of the home.</param>
    /// <param name="from">Newest use, local ticks.</param>
    public Silence(PastDays past, long from)
    {
        days = past;
        start = (from + PastDays.SlotTicks / 2) / PastDays.SlotTicks;
        startDay = Math.Min(start / PastDays.Slots, past.Day);
        weekend = past.Weekend;
        all = silent = past.Before(startDay);
        // Bit i is the day Day - i; one, two … eight weeks before the day on which the silence began.
        for (var week = 1; week <= 8; week++)
            sameWeekday |= UInt128.One << (int)Math.Clamp(past.Day - startDay + 7 * week, 0, 127);
        var used = past.UsedInDayBefore(start);
        activity = MathF.Log((used + 2) / (past.Usual + 2));
    }

    /// <summary>The features of the next hour, in the order of <see cref="Habits.Prior"/>.</summary>
    public void Next(Span<float> features)
    {
        var slot = start + 2 * hour++;
        var offset = (int)(slot / PastDays.Slots - startDay);
        var used = days.DaysUsedInHour(slot, startDay);
        var known = days.Known << offset;
        var same = days.IsWeekend(slot / PastDays.Slots) ? weekend << offset : ~(weekend << offset);
        silent &= known;
        var valid = all & known;
        var (likely, weight) = days.Prior is { } prior ? (prior[slot / 2 % 24], PriorDays) : (0.2f, 1.5f);
        var habit = (Count(valid & used, same) + likely * weight) / (Count(valid, same) + weight);
        var silentDays = Count(silent, same);
        var chance = (Count(silent & used, same) + HabitDays * HabitShare * habit) / (silentDays + HabitDays);
        var weeks = valid & sameWeekday;
        var weekly = (PastDays.CountDays(weeks & used) + 3 * habit) / (PastDays.CountDays(weeks) + 3);
        silent &= ~used;

        features[0] = 1;
        features[1] = LogOdds(habit);
        features[2] = LogOdds(chance);
        features[3] = MathF.Log(1 + surprise);
        features[4] = MathF.Log(1 + surpriseSoFar);
        features[5] = days.UsedInHour(slot - PastDays.Slots) switch
        {
            true => 1,
            false => -1,
            _ => 0,
        };
        features[6] = LogOdds(weekly) - features[1];
        features[7] = activity;
        features[8] = MathF.Log(1 + silentDays);
        surprise -= MathF.Log(1 - Math.Min(habit, MostCertain));
        surpriseSoFar -= MathF.Log(1 - Math.Min(chance, MostCertain));
    }

    private static float LogOdds(float p)
    {
        p = Math.Clamp(p, 0.005f, 0.98f);
        return MathF.Log(p / (1 - p));
    }

    private static float Count(UInt128 of, UInt128 same) => OtherKindOfDay * Weigh(of) + (1 - OtherKindOfDay) * Weigh(of & same);

    private static float Weigh(UInt128 of)
    {
        ulong newer = (ulong)of,
            older = (ulong)(of >> 64);
        return Days16 * BitOperations.PopCount(newer & 0x1FFFF)
            + Days40 * BitOperations.PopCount(newer & 0x1FFFFFE0000)
            + Days64 * BitOperations.PopCount(newer & 0xFFFFFE0000000000)
            + Days128 * BitOperations.PopCount(older);
    }
}
