using System.Runtime.InteropServices;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// What is learned from the days of a meter or of a home, and from when on its present silence is unusual. Whoever feeds it decides what a
/// sign of life is: <see cref="LifePattern"/> for a meter, <see cref="HomeLife"/> for all sensors of a home. Times are UTC ticks unless
/// they are called local. About 0.2 KB, and six bytes for each day that is known.
/// </summary>
/// <param name="settings">As the rules have them.</param>
/// <param name="sensors">It is fed by sensors, not by a meter.</param>
internal struct LearnedSilence(InactivitySettings settings, bool sensors)
{
    private const long Hour = TimeSpan.TicksPerHour;

    /// <summary>A day counts as known with 21.5 hours of readings.</summary>
    private const long KnownDay = 1290 * TimeSpan.TicksPerMinute;

    /// <summary>No alarm comes sooner while a home's own habits aren't known.</summary>
    private const double UnlearnedLeast = 12;

    /// <summary>
    /// Hours added to a wait, because a sensor that reports at full hours is not punctual: its sign may still come.
    /// </summary>
    private const double SensorSlack = 0.27;

    /// <summary>A shorter silence teaches nothing.</summary>
    private const double LearnFromHours = 0.9;

    private Habits habits = new();
    private InactivitySettings settings = settings;
    private PastDays days = new();
    private FalseAlarms falseAlarms;
    private LocalClock clock = new();
    private long knownToday;
    private int learned;
    private long dueFor = -1;
    private long due;

    /// <summary>When observation began; 0: not yet.</summary>
    public long First { get; private set; }

    /// <summary>Up to here it is known whether there was life.</summary>
    public long KnownUntil { get; set; }

    /// <summary>The end of the newest sign of life, from which the silence counts; where observation began when there was none.</summary>
    public long Last { get; set; }

    /// <summary>Local time minus UTC.</summary>
    public readonly long Offset => clock.Offset;

    public InactivitySettings Settings
    {
        readonly get => settings;
        set
        {
            settings = value.Shared();
            dueFor = -1;
        }
    }

    /// <summary>True when 28 days (as set) have been learned from.</summary>
    public readonly bool Learned =>
        First > 0 && learned >= settings.LearnDays * 3 / 4 && KnownUntil - First >= settings.LearnDays * TimeSpan.TicksPerDay;

    /// <summary>What a false alarm costs here: set by the budget, and more after each that this home had.</summary>
    public readonly double Weight => falseAlarms.Weight(settings.BudgetDays);

    public readonly PastDays Days => days;

    /// <summary>
    /// What is known of other homes, by the hour of the day; null: nothing. Until this one's own days are learned it says how long to wait,
    /// from the next silence on.
    /// </summary>
    public float[]? Prior
    {
        readonly get => days.Prior;
        set => days.Prior = value;
    }

    /// <summary>It can say more than the fixed rule.</summary>
    public readonly bool Judges => Learned || (learned >= FirstDays && days.Prior is not null);

    /// <summary>Days that have to be known before what is usual in other homes is applied to this one.</summary>
    private readonly int FirstDays => sensors ? 3 : 7;

    /// <summary>Hours that are added to a wait.</summary>
    private readonly double Slack => sensors ? SensorSlack : 0;

    /// <summary>When to alarm in the present silence, at the latest by the fixed rule.</summary>
    public long Due
    {
        get
        {
            if (dueFor != Last)
            {
                due = Decide();
                dueFor = Last;
            }

            return due;
        }
    }

    public void Begin(long at, TimeZoneInfo zone)
    {
        First = KnownUntil = Last = at;
        clock.Set(at, zone);
        days.StartAt((at + clock.Offset) / TimeSpan.TicksPerDay);
    }

    /// <inheritdoc cref="LifePattern.Follow"/>
    public void Follow(WorkCalendar calendar) => days.Follow(calendar);

    public void SetClock(long utc, TimeZoneInfo zone) => clock.Set(utc, zone);

    /// <summary>The chance that a silence that began when this one did lasts at least so many full hours, from 0 to 24.</summary>
    public readonly void Lasts(Span<double> lasts) => habits.Lasts(days, Last + clock.Offset, lasts);

    /// <summary>The chance that this silence lasts until a moment.</summary>
    /// <param name="at">UTC ticks.</param>
    /// <param name="rounding">Added before whole hours are counted.</param>
    public readonly double ChanceUntil(long at, long rounding = 0)
    {
        Span<double> lasts = stackalloc double[Silence.Hours + 1];
        Lasts(lasts);
        return lasts[(int)Math.Clamp((at - Last + rounding) / Hour, 0, Silence.Hours)];
    }

    /// <summary>
    /// Local times between which it is known whether there was life. Rounded to half hours, so that a use in an hourly reading counts for
    /// one hour whenever the meter reports. Returns how many days were closed.
    /// </summary>
    public int Know(long localFrom, long localTo, bool lived)
    {
        var first = (localFrom + PastDays.SlotTicks / 2) / PastDays.SlotTicks;
        var last = Math.Max(first, (localTo + PastDays.SlotTicks / 2) / PastDays.SlotTicks - 1);
        var closed = Know(localFrom, localTo) + AdvanceTo(Math.Max(localTo, last * PastDays.SlotTicks));
        for (var slot = first; lived && slot <= last; slot++)
            days.MarkUsed(slot);
        return closed;
    }

    /// <summary>The share of the known days on which there was life in the hour around a moment, UTC.</summary>
    public readonly double UsualAt(long at)
    {
        var slot = (at + clock.Offset - PastDays.SlotTicks / 2) / PastDays.SlotTicks;
        var valid = days.Before(slot / PastDays.Slots);
        var used = days.DaysUsedInHour(slot, slot / PastDays.Slots) & valid;
        return (PastDays.CountDays(used) + 0.3) / (PastDays.CountDays(valid) + 1.5);
    }

    /// <summary>The share of the known days on which there was life in an hour of the day.</summary>
    public readonly double ChanceInHour(int hour)
    {
        var known = days.Known;
        var used = (days.UsedIn(2 * hour) | days.UsedIn(2 * hour + 1)) & known;
        return PastDays.CountDays(used) / (double)Math.Max(1, PastDays.CountDays(known));
    }

    /// <summary>There was life at this local time.</summary>
    public void MarkLived(long local)
    {
        AdvanceTo(local);
        days.MarkUsed(local / PastDays.SlotTicks);
    }

    /// <summary>
    /// Adds time in which it is known whether there was life to the day's count, local ticks; returns how many days were closed.
    /// </summary>
    public int Know(long from, long to)
    {
        var closed = 0;
        while (from < to)
        {
            var end = Math.Min(to, (from / TimeSpan.TicksPerDay + 1) * TimeSpan.TicksPerDay);
            closed += AdvanceTo(from);
            knownToday += end - from;
            from = end;
        }

        return closed + AdvanceTo(to);
    }

    /// <summary>A silence is over: learns from it, and counts a false alarm if it would have raised one.</summary>
    /// <param name="at">When it ended, UTC.</param>
    /// <param name="certain">False: it ended at some unknown moment after.</param>
    public void Ended(long at, bool certain)
    {
        var hours = (at - Last) / (double)Hour;
        if (!Learned || hours < LearnFromHours)
            return;
        if (hours >= settings.LeastHours && hours < settings.FloorHours && Due <= at)
            falseAlarms.Add();
        habits.Learn(days, Last + clock.Offset, hours, certain, sensors ? -Slack : Habits.Late);
    }

    /// <summary>Closes the days that have passed, local ticks; returns how many.</summary>
    public int AdvanceTo(long local)
    {
        var day = local / TimeSpan.TicksPerDay;
        if (day - days.Day > 120)
        {
            days.StartAt(day); // not heard for months: learn from the beginning
            learned = 0;
            First = KnownUntil;
        }

        var closed = 0;
        for (; days.Day < day; closed++)
        {
            var known = knownToday >= KnownDay;
            days.NextDay(known);
            knownToday = 0;
            if (!known)
                continue;
            learned++;
            falseAlarms.NextDay(settings.BudgetDays);
        }

        return closed;
    }

    public readonly void Write(BinaryWriter to)
    {
        foreach (var v in (ReadOnlySpan<long>)[First, KnownUntil, Last, knownToday, clock.Offset, clock.Hour, dueFor, due, days.Day])
            to.Write(v);
        foreach (var v in (ReadOnlySpan<double>)[settings.BudgetDays, settings.FloorHours, settings.LeastHours])
            to.Write(v);
        to.Write(settings.LearnDays);
        to.Write(learned);
        to.Write(falseAlarms.Caution);
        to.Write(days.Usual);
        to.Write(MemoryMarshal.AsBytes((ReadOnlySpan<float>)habits.Weights));
        days.Write(to);
    }

    /// <param name="from">What <see cref="Write"/> wrote.</param>
    /// <param name="wide"><inheritdoc cref="PastDays.Read" path="/param[@name='wide']"/></param>
    public void Read(BinaryReader from, bool wide)
    {
        (First, KnownUntil, Last, knownToday) = (from.ReadInt64(), from.ReadInt64(), from.ReadInt64(), from.ReadInt64());
        (clock.Offset, clock.Hour, dueFor, due) = (from.ReadInt64(), from.ReadInt64(), from.ReadInt64(), from.ReadInt64());
        days.Day = from.ReadInt64();
        // Else the rules' own, set after the start, would seem new ones, and the wait be chosen again in the middle of a silence.
        var (budget, floor, least) = (from.ReadDouble(), from.ReadDouble(), from.ReadDouble());
        settings = new InactivitySettings(budget, floor, from.ReadInt32(), least).Shared();
        learned = from.ReadInt32();
        falseAlarms.Caution = from.ReadDouble();
        days.Usual = from.ReadSingle();
        from.ReadExactly(MemoryMarshal.AsBytes((Span<float>)habits.Weights));
        days.Read(from, wide);
    }

    private readonly long Decide()
    {
        var floor = Last + (long)(settings.FloorHours * Hour);
        if (!Judges)
            return floor;
        Span<double> lasts = stackalloc double[Silence.Hours + 1];
        Lasts(lasts);
        // What is expected of homes in general is less certain than a habit.
        var least = Learned ? settings.LeastHours : Math.Max(settings.LeastHours, UnlearnedLeast);
        var hours = Habits.Wait(lasts, Weight, (int)Math.Ceiling(least), floor: true);
        return Math.Min(Last + (long)((hours + Slack) * Hour), floor);
    }
}
