using System.Runtime.InteropServices;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// One resident's life as one meter shows it: learns in which half hours something is used, and says from when on the present silence is
/// surprising. About 1.2 KB; nothing is allocated after construction but by <see cref="Explain"/>. Not thread-safe. Judged by reading time
/// alone.
/// </summary>
/// <remarks>
/// Of the engine it asks: call <see cref="Observe"/> for each interval between two totals (however long), then open <c>inactivity</c> at
/// <see cref="DueAt"/> when <see cref="IsDue"/>. While that episode is open, the fixed rule (no-water, no-electricity) on the same silence
/// only raises its severity and its words: two alarms for one silence are two false ones. Close it when <see cref="LastUse"/> is later than
/// the opening. During an absence don't open it, and after one begin with <see cref="Forgive"/>. Give each meter its own pattern: the
/// reason of one names the other. Intervals over three hours are placed late in themselves when something was used, and say nothing about
/// habits; over a meter that reports once a day only the floor ever holds.
/// </remarks>
public sealed class LifePattern
{
    private const byte Version = 2;
    private const long Minute = TimeSpan.TicksPerMinute;
    private const long Hour = TimeSpan.TicksPerHour;
    private const long Placeable = 3 * Hour;
    private const long KnownDay = 1290 * Minute;

    /// <summary>What one false alarm of its own makes a home more careful by; each day takes its part of the budget back.</summary>
    private const double Step = 0.8;
    private const double MostCaution = 3;

    /// <summary>
    /// What a false alarm weighs for each day of the budget: at 1.5 the budget is kept on the homes of the ADR, with something to spare.
    /// </summary>
    private const double WeightOfDay = 1.5;
    private const double LearnFromHours = 0.9;

    private readonly LifeMeter meter;
    private InactivitySettings settings;
    private PastDays days = new();
    private SteadyUse steady;
    private long first;
    private long through;
    private long last;
    private long knownToday;
    private int learned;
    private readonly Habits habits = new();

    /// <summary>How much more a false alarm weighs in this home than the budget says, logarithm: it has had some.</summary>
    private double caution;
    private long pendingFrom;
    private double pendingUse;

    /// <summary>
    /// Use of a time that was taken as known already, or that not all meters of the home have reported yet: it goes into the next interval.
    /// </summary>
    private double waiting;

    /// <summary>When electricity was found flat in this silence; 0 when it wasn't.</summary>
    private long flat;
    private long dueFor = -1;
    private long due;
    private long offset;
    private long offsetHour = -1;

    public LifePattern(LifeMeter meter, InactivitySettings? settings = null)
    {
        this.meter = meter;
        this.settings = settings ?? InactivitySettings.Default;
        steady = new SteadyUse(meter);
    }

    /// <summary>
    /// End of the newest interval in which something was used above leak or base load, UTC; where observation began when there was none.
    /// </summary>
    public DateTime LastUse => Utc(last);

    /// <summary>May be changed while it learns.</summary>
    public InactivitySettings Settings
    {
        get => settings;
        set
        {
            settings = value;
            dueFor = -1;
        }
    }

    /// <summary>Everything up to here is known, UTC.</summary>
    public DateTime Through => Utc(through);

    /// <summary>True when 28 days (as set) have been learned from.</summary>
    public bool Learned =>
        first > 0 && learned >= settings.LearnDays * 3 / 4 && through - first >= settings.LearnDays * TimeSpan.TicksPerDay;

    /// <summary>What a false alarm weighs here: what the budget says, and more after each that this home had.</summary>
    public double Weight => WeightOfDay * settings.BudgetDays * Math.Exp(caution);

    /// <summary>Leak or base load that isn't life, m³/h or kW.</summary>
    public double Quiet => steady.Quiet;

    /// <summary>When to tell, if nothing is used until then; never later than the floor. Null before the first interval. UTC.</summary>
    public DateTime? DueAt
    {
        get
        {
            if (first == 0)
                return null;
            if (dueFor != last)
            {
                due = Judge();
                dueFor = last;
            }

            return Utc(flat > 0 ? Math.Min(due, flat) : due);
        }
    }

    /// <summary>
    /// The moment to tell has come, in what is known. Costs next to nothing until <see cref="InactivitySettings.LeastHours"/> have passed.
    /// </summary>
    public bool IsDue => through - last >= Least && first > 0 && DueAt!.Value.Ticks <= through;

    private long Least => (long)(Math.Min(settings.LeastHours, settings.FloorHours) * Hour);

    /// <summary>
    /// Takes one interval of one meter in a home that has several of the same kind (kitchen and bathroom, two feeders). Use counts at once,
    /// whoever reports it; silence only as far as all of them have reported it. A use that comes too late for its own time counts from the
    /// next report on.
    /// </summary>
    /// <param name="fromUtc">The earlier total of this meter.</param>
    /// <param name="toUtc">The later one.</param>
    /// <param name="use">Used between them, m³ or kWh; 0 or more.</param>
    /// <param name="allUtc">Everything up to here has been reported by all meters that still speak.</param>
    /// <param name="zone">Where the home is.</param>
    public void Observe(DateTime fromUtc, DateTime toUtc, double use, DateTime allUtc, TimeZoneInfo zone)
    {
        var lives = use > steady.Quiet * (toUtc - fromUtc).TotalHours;
        var known = lives || toUtc < allUtc ? toUtc : allUtc;
        if (known.Ticks <= through || known <= fromUtc && first == 0)
        {
            if (use >= 0 && double.IsFinite(use))
                waiting += use;
            return;
        }

        // Where one meter's reports begin later than what is known ends, another has reported the time between; with one meter nobody has.
        var several = allUtc != toUtc;
        var from = first > 0 && (several || fromUtc.Ticks < through) ? Through : fromUtc;
        use += waiting;
        waiting = 0;
        Observe(from, known, use, zone);
    }

    /// <summary>
    /// Takes one interval. What is known already (late, repeated, overlapping) is left out: it never moves <see cref="DueAt"/>.
    /// </summary>
    /// <param name="fromUtc">The earlier total.</param>
    /// <param name="toUtc">The later one.</param>
    /// <param name="use">Used between them, m³ or kWh; 0 or more.</param>
    /// <param name="zone">Where the home is.</param>
    public void Observe(DateTime fromUtc, DateTime toUtc, double use, TimeZoneInfo zone)
    {
        long from = fromUtc.Ticks,
            to = toUtc.Ticks;
        if (to <= from || !(use >= 0) || double.IsInfinity(use))
            return;
        if (first == 0)
        {
            first = through = last = pendingFrom = from;
            Localize(from, zone);
            days.StartAt((from + offset) / TimeSpan.TicksPerDay);
        }

        if (to <= through)
            return;
        if (from < through)
        {
            use *= (to - through) / (double)(to - from);
            from = through;
        }

        Localize(to, zone);
        if (from > through)
        {
            // Nothing is known of the time between: the silence is not counted over it.
            Settle(through);
            last = Math.Max(last, Math.Min(from, last + (from - through)));
            pendingFrom = from;
            steady.Restart(from / PastDays.SlotTicks);
        }

        if (to - from > Placeable)
        {
            Settle(from);
            Unplaced(from, to, use);
            pendingFrom = through = to;
            return;
        }

        // Half an hour at a time: a refrigerator's cycle or a meter's whole litre is neither life nor silence within minutes.
        pendingUse += use;
        through = to;
        var much = meter == LifeMeter.Water ? 0.003 : 0.15;
        if (to - pendingFrom >= PastDays.SlotTicks || pendingUse >= steady.Quiet * (to - pendingFrom) / Hour + much)
            Settle(to);
    }

    /// <summary>The silence begins again here: an absence ended, the meter was changed. UTC.</summary>
    public void Forgive(DateTime atUtc)
    {
        if (atUtc.Ticks > last && first > 0)
            last = atUtc.Ticks;
    }

    /// <summary>How surprising the silence is at a moment, and why. UTC.</summary>
    public Surprise Explain(DateTime atUtc)
    {
        long from = last + offset,
            at = Math.Max(atUtc.Ticks, last) + offset;
        Span<double> lasts = stackalloc double[Silence.Hours + 1];
        habits.Lasts(days, from, lasts);
        var chance = lasts[(int)Math.Clamp((at - from + Hour / 2) / Hour, 0, Silence.Hours)];
        return Surprise.Of(
            chance,
            days.Compare(from, at),
            Learned,
            meter,
            new DateTime(from),
            new DateTime(at),
            flat > 0 && atUtc.Ticks >= flat ? steady.Least : 0
        );
    }

    /// <summary>How likely a silence that began when the present one did lasts until a moment, in this home. UTC.</summary>
    public double ChanceOfSilenceUntil(DateTime atUtc)
    {
        Span<double> lasts = stackalloc double[Silence.Hours + 1];
        habits.Lasts(days, last + offset, lasts);
        return lasts[(int)Math.Clamp((atUtc.Ticks - last) / Hour, 0, Silence.Hours)];
    }

    /// <summary>For comparing methods: what is known of the home, and its newest use by the clock on the wall, ticks.</summary>
    internal (PastDays Days, long LastUse) Past => (days, last + offset);

    /// <summary>For comparing methods: how likely the present silence lasts so many hours, 0 to 24.</summary>
    internal void Lasts(Span<double> lasts) => habits.Lasts(days, last + offset, lasts);

    public void Write(BinaryWriter to)
    {
        ArgumentNullException.ThrowIfNull(to);
        to.Write(Version);
        foreach (
            var v in (ReadOnlySpan<long>)[first, through, last, knownToday, pendingFrom, offset, offsetHour, dueFor, due, flat, days.Day]
        )
            to.Write(v);
        to.Write(learned);
        to.Write(caution);
        to.Write(waiting);
        to.Write(pendingUse);
        to.Write(days.Usual);
        to.Write(MemoryMarshal.AsBytes(habits.Weights.AsSpan()));
        Write(to, days.Known);
        Write(to, days.Weekend);
        to.Write(MemoryMarshal.AsBytes(days.Used.AsSpan()));
        steady.Write(to);
    }

    /// <exception cref="InvalidDataException">Written by another version: learn again from the readings.</exception>
    public void Read(BinaryReader from)
    {
        ArgumentNullException.ThrowIfNull(from);
        if (from.ReadByte() != Version)
            throw new InvalidDataException("a life pattern of another version");
        first = from.ReadInt64();
        through = from.ReadInt64();
        last = from.ReadInt64();
        knownToday = from.ReadInt64();
        pendingFrom = from.ReadInt64();
        offset = from.ReadInt64();
        offsetHour = from.ReadInt64();
        dueFor = from.ReadInt64();
        due = from.ReadInt64();
        flat = from.ReadInt64();
        days.Day = from.ReadInt64();
        learned = from.ReadInt32();
        caution = from.ReadDouble();
        waiting = from.ReadDouble();
        pendingUse = from.ReadDouble();
        days.Usual = from.ReadSingle();
        from.ReadExactly(MemoryMarshal.AsBytes(habits.Weights.AsSpan()));
        days.Known = ReadDays(from);
        days.Weekend = ReadDays(from);
        from.ReadExactly(MemoryMarshal.AsBytes(days.Used.AsSpan()));
        steady.Read(from);
    }

    /// <summary>A whole silence or use of minutes to hours: is it life?</summary>
    private void Settle(long to)
    {
        var from = pendingFrom;
        if (to <= from)
            return;
        var use = pendingUse;
        pendingFrom = to;
        pendingUse = 0;
        var leakSince = steady.Fill(from, to, use);
        AdvanceTo(from + offset);
        var alive = use > steady.Quiet * (to - from) / Hour;
        if (alive)
        {
            Ended(from, true);
            last = to;
            flat = 0;
        }
        else if (flat == 0 && Learned && steady.Flat)
        {
            flat = to;
        }

        long localFrom = from + offset,
            localTo = to + offset;
        // To the nearest half hour, so that a use in an hourly reading counts for one hour, whenever the meter reports.
        var firstSlot = (localFrom + PastDays.SlotTicks / 2) / PastDays.SlotTicks;
        var lastSlot = Math.Max(firstSlot, (localTo + PastDays.SlotTicks / 2) / PastDays.SlotTicks - 1);
        Know(localFrom, localTo);
        AdvanceTo(Math.Max(localTo, lastSlot * PastDays.SlotTicks));
        if (alive)
        {
            for (var slot = firstSlot; slot <= lastSlot; slot++)
                days.MarkUsed(slot);
        }

        // What looked like use was the beginning of a leak: the silence is older than it seemed.
        if (!alive && leakSince < last)
        {
            // To the reading before the leak's first whole half hour: the use that it reported was the last.
            var step = to - from;
            var before = (step - (to - leakSince) % step) % step;
            last = before < PastDays.SlotTicks ? leakSince - before : leakSince;
        }
    }

    private void Know(long from, long to)
    {
        while (from < to)
        {
            var end = Math.Min(to, (from / TimeSpan.TicksPerDay + 1) * TimeSpan.TicksPerDay);
            AdvanceTo(from);
            knownToday += end - from;
            from = end;
        }

        AdvanceTo(to);
    }

    /// <summary>
    /// A long interval: that something was used in it is certain, when isn't. It is taken as spread evenly, half a floor back at most.
    /// </summary>
    private void Unplaced(long from, long to, double use)
    {
        var least = meter == LifeMeter.Water ? 0.01 : 0.3;
        if (use <= Math.Max(meter == LifeMeter.Water ? 0.0005 : 0.03, steady.Quiet * (to - from) / Hour))
        {
            Know(from + offset, to + offset); // the total stood still: that is known of every hour
            return;
        }

        AdvanceTo(to + offset);
        Ended(from, false);
        var spread = to - (long)((to - from) * Math.Min(1, least / use));
        last = Math.Max(last, Math.Max(spread, to - (long)(settings.FloorHours / 2 * Hour)));
        flat = 0;
        steady.Restart(to / PastDays.SlotTicks);
    }

    /// <summary>A silence is over: what it teaches, and whether it would have raised an alarm for nothing.</summary>
    private void Ended(long at, bool certain)
    {
        var hours = (at - last) / (double)Hour;
        if (!Learned || hours < LearnFromHours)
            return;
        if (hours >= settings.LeastHours && hours < settings.FloorHours && DueAt!.Value.Ticks <= at)
            caution = Math.Min(MostCaution, caution + Step);
        habits.Learn(days, last + offset, hours, certain);
    }

    private void AdvanceTo(long local)
    {
        var day = local / TimeSpan.TicksPerDay;
        if (day - days.Day > 120)
        {
            days.StartAt(day); // months unheard: begin again
            learned = 0;
            first = through;
        }

        while (days.Day < day)
        {
            var known = knownToday >= KnownDay;
            days.NextDay(known);
            steady.NextDay();
            knownToday = 0;
            if (!known)
                continue;
            learned++;
            caution = Math.Max(0, caution - Step / settings.BudgetDays);
        }
    }

    private long Judge()
    {
        var floor = last + (long)(settings.FloorHours * Hour);
        if (!Learned)
            return floor;
        Span<double> lasts = stackalloc double[Silence.Hours + 1];
        habits.Lasts(days, last + offset, lasts);
        var hours = Habits.Wait(lasts, Weight, (int)Math.Ceiling(settings.LeastHours), floor: true);
        return Math.Min(last + hours * Hour, floor);
    }

    /// <summary>The clock on the wall; asked of the zone once an hour.</summary>
    private void Localize(long utc, TimeZoneInfo zone)
    {
        if (utc / Hour == offsetHour)
            return;
        offsetHour = utc / Hour;
        offset = zone.GetUtcOffset(Utc(utc)).Ticks;
    }

    private static DateTime Utc(long ticks) => new(ticks, DateTimeKind.Utc);

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
}
