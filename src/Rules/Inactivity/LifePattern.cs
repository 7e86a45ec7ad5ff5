namespace Vigil.Rules.Inactivity;

/// <summary>
/// A resident's habits as one meter shows them: learns in which half hours water or electricity is used, and from when on the present
/// silence (no use) is unusual. About 1.2 KB; nothing is allocated after construction except by <see cref="Explain"/>. Not thread-safe.
/// Judged by reading time alone.
/// </summary>
/// <remarks>
/// How the engine uses it: call <see cref="Observe(DateTime, DateTime, double, DateTime, TimeZoneInfo)"/> for each interval between two
/// totals (however long), then open <c>inactivity</c> at <see cref="DueAt"/> when <see cref="IsDue"/>. While that episode is open, the
/// fixed rule (no-water, no-electricity) for the same silence only adds to it: two alarms for one silence are two false ones. Close it when
/// <see cref="LastUse"/> is later than the opening. During an absence don't open it, and begin again with <see cref="RestartSilence"/>.
/// Each meter has its own pattern. With a meter that reports once a day only the fixed rule ever holds.
/// </remarks>
public sealed partial class LifePattern
{
    private const long Hour = TimeSpan.TicksPerHour;
    private const long LongestPreciseInterval = 3 * Hour;

    /// <summary>A day counts as known with 21.5 hours of readings.</summary>
    private const long KnownDay = 1290 * TimeSpan.TicksPerMinute;

    /// <summary>A shorter silence teaches nothing.</summary>
    private const double LearnFromHours = 0.9;

    private readonly LifeMeter meter;
    private InactivitySettings settings;
    private PastDays days = new();
    private SteadyUse steady;
    private long first;
    private long knownUntil;
    private long last;
    private long knownToday;
    private int learned;
    private readonly Habits habits = new();
    private FalseAlarms falseAlarms;
    private SeveralMeters meters;
    private LocalClock clock = new();

    private long pendingFrom;
    private double pendingUse;

    /// <summary>When electricity was found flat in this silence, ticks; 0 when it wasn't.</summary>
    private long flat;
    private long dueFor = -1;
    private long due;

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

    /// <summary>Up to here all readings are known, UTC.</summary>
    public DateTime KnownUntil => Utc(knownUntil);

    /// <summary>True when 28 days (as set) have been learned from.</summary>
    public bool Learned =>
        first > 0 && learned >= settings.LearnDays * 3 / 4 && knownUntil - first >= settings.LearnDays * TimeSpan.TicksPerDay;

    /// <summary>What a false alarm costs here: set by the budget, and more after each that this home had.</summary>
    public double Weight => falseAlarms.Weight(settings.BudgetDays);

    /// <summary>Use up to this rate is a leak or base load and no sign of life, m³/h or kW.</summary>
    public double Background => steady.Background;

    /// <summary>
    /// When to alarm if nothing is used until then, at the latest by the fixed rule. Null before the first interval. UTC.
    /// </summary>
    public DateTime? DueAt
    {
        get
        {
            if (first == 0)
                return null;
            if (dueFor != last)
            {
                due = Decide();
                dueFor = last;
            }

            return Utc(flat > 0 ? Math.Min(due, flat) : due);
        }
    }

    /// <summary>
    /// The known readings reach <see cref="DueAt"/>. Costs next to nothing until <see cref="InactivitySettings.LeastHours"/> have passed.
    /// </summary>
    public bool IsDue => knownUntil - last >= Least && first > 0 && DueAt!.Value.Ticks <= knownUntil;

    private long Least => (long)(Math.Min(settings.LeastHours, settings.FloorHours) * Hour);

    /// <summary>
    /// Takes one interval of one meter in a home that may have several of the same kind (kitchen and bathroom, two feeders). Use counts at
    /// once, whichever meter reports it; silence counts only as far as all of them have reported.
    /// </summary>
    /// <param name="fromUtc">The earlier total of this meter.</param>
    /// <param name="toUtc">The later one.</param>
    /// <param name="use">Used between them, m³ or kWh; 0 or more.</param>
    /// <param name="allUtc">Up to here all meters that still report have reported.</param>
    /// <param name="zone">Where the home is.</param>
    public void Observe(DateTime fromUtc, DateTime toUtc, double use, DateTime allUtc, TimeZoneInfo zone)
    {
        var lives = use > steady.Background * (toUtc - fromUtc).TotalHours;
        if (meters.Merge(fromUtc, toUtc, use, allUtc, lives, first > 0 ? KnownUntil : null) is { } merged)
            Observe(merged.From, merged.To, merged.Use, zone);
    }

    /// <summary>
    /// Takes one interval. A part that is known already (late, repeated, overlapping) is ignored and never moves <see cref="DueAt"/>.
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
            first = knownUntil = last = pendingFrom = from;
            clock.Set(from, zone);
            days.StartAt((from + clock.Offset) / TimeSpan.TicksPerDay);
        }

        if (to <= knownUntil)
            return;
        if (from < knownUntil)
        {
            use *= (to - knownUntil) / (double)(to - from);
            from = knownUntil;
        }

        clock.Set(to, zone);
        if (from > knownUntil)
        {
            // A gap in the readings doesn't count as silence.
            Settle(knownUntil);
            last = Math.Max(last, Math.Min(from, last + (from - knownUntil)));
            pendingFrom = from;
            steady.Restart(from / PastDays.SlotTicks);
        }

        if (to - from > LongestPreciseInterval)
        {
            Settle(from);
            SettleImprecise(from, to, use);
            pendingFrom = knownUntil = to;
            return;
        }

        // Judged in steps of half an hour: within minutes, a refrigerator's cycle or a meter that counts whole litres proves nothing.
        pendingUse += use;
        knownUntil = to;
        var much = meter == LifeMeter.Water ? 0.003 : 0.15;
        if (to - pendingFrom >= PastDays.SlotTicks || pendingUse >= steady.Background * (to - pendingFrom) / Hour + much)
            Settle(to);
    }

    /// <summary>The silence is counted from here: an absence ended, or the meter was changed. UTC.</summary>
    public void RestartSilence(DateTime atUtc)
    {
        if (atUtc.Ticks > last && first > 0)
            last = atUtc.Ticks;
    }

    /// <summary>How unusual the silence is at a moment, and why. UTC.</summary>
    public Surprise Explain(DateTime atUtc)
    {
        long from = last + clock.Offset,
            at = Math.Max(atUtc.Ticks, last) + clock.Offset;
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

    /// <summary>The chance that a silence that began when this one did lasts until a moment, in this home. UTC.</summary>
    public double ChanceOfSilenceUntil(DateTime atUtc)
    {
        Span<double> lasts = stackalloc double[Silence.Hours + 1];
        habits.Lasts(days, last + clock.Offset, lasts);
        return lasts[(int)Math.Clamp((atUtc.Ticks - last) / Hour, 0, Silence.Hours)];
    }

    /// <summary>For comparing methods: the days known of the home, and its newest use in local time, ticks.</summary>
    internal (PastDays Days, long LastUse) Past => (days, last + clock.Offset);

    /// <summary>For comparing methods: the chance that this silence lasts at least so many hours, 0 to 24.</summary>
    internal void Lasts(Span<double> lasts) => habits.Lasts(days, last + clock.Offset, lasts);

    /// <summary>Decides whether the pending minutes to hours hold a sign of life, and learns from them.</summary>
    private void Settle(long to)
    {
        var from = pendingFrom;
        if (to <= from)
            return;
        var use = pendingUse;
        pendingFrom = to;
        pendingUse = 0;
        var leakSince = steady.Fill(from, to, use);
        AdvanceTo(from + clock.Offset);
        var alive = use > steady.Background * (to - from) / Hour;
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

        long localFrom = from + clock.Offset,
            localTo = to + clock.Offset;
        // Rounded to half hours, so that a use in an hourly reading counts for one hour whenever the meter reports.
        var firstSlot = (localFrom + PastDays.SlotTicks / 2) / PastDays.SlotTicks;
        var lastSlot = Math.Max(firstSlot, (localTo + PastDays.SlotTicks / 2) / PastDays.SlotTicks - 1);
        Know(localFrom, localTo);
        AdvanceTo(Math.Max(localTo, lastSlot * PastDays.SlotTicks));
        if (alive)
        {
            for (var slot = firstSlot; slot <= lastSlot; slot++)
                days.MarkUsed(slot);
        }

        // What looked like use was the beginning of a leak: the silence began earlier.
        if (!alive && leakSince < last)
        {
            // It began with the reading before the leak's first whole half hour, which reported the last use.
            var step = to - from;
            var before = (step - (to - leakSince) % step) % step;
            last = before < PastDays.SlotTicks ? leakSince - before : leakSince;
        }
    }

    /// <summary>Adds time in which readings are known to the day's count, local ticks.</summary>
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
    /// A long interval: something was used in it, but it isn't known when. The use is taken as spread evenly, and the last of it as no
    /// older than half the fixed rule's time.
    /// </summary>
    private void SettleImprecise(long from, long to, double use)
    {
        var least = meter == LifeMeter.Water ? 0.01 : 0.3;
        if (use <= Math.Max(meter == LifeMeter.Water ? 0.0005 : 0.03, steady.Background * (to - from) / Hour))
        {
            Know(from + clock.Offset, to + clock.Offset); // the total stood still: nothing was used in any of these hours
            return;
        }

        AdvanceTo(to + clock.Offset);
        Ended(from, false);
        var spread = to - (long)((to - from) * Math.Min(1, least / use));
        last = Math.Max(last, Math.Max(spread, to - (long)(settings.FloorHours / 2 * Hour)));
        flat = 0;
        steady.Restart(to / PastDays.SlotTicks);
    }

    /// <summary>A silence is over: learns from it, and counts a false alarm if it would have raised one.</summary>
    private void Ended(long at, bool certain)
    {
        var hours = (at - last) / (double)Hour;
        if (!Learned || hours < LearnFromHours)
            return;
        if (hours >= settings.LeastHours && hours < settings.FloorHours && DueAt!.Value.Ticks <= at)
            falseAlarms.Add();
        habits.Learn(days, last + clock.Offset, hours, certain);
    }

    /// <summary>Closes the days that have passed, local ticks.</summary>
    private void AdvanceTo(long local)
    {
        var day = local / TimeSpan.TicksPerDay;
        if (day - days.Day > 120)
        {
            days.StartAt(day); // not heard for months: learn from the beginning
            learned = 0;
            first = knownUntil;
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
            falseAlarms.NextDay(settings.BudgetDays);
        }
    }

    /// <summary>When to alarm in the present silence, ticks.</summary>
    private long Decide()
    {
        var floor = last + (long)(settings.FloorHours * Hour);
        if (!Learned)
            return floor;
        Span<double> lasts = stackalloc double[Silence.Hours + 1];
        habits.Lasts(days, last + clock.Offset, lasts);
        var hours = Habits.Wait(lasts, Weight, (int)Math.Ceiling(settings.LeastHours), floor: true);
        return Math.Min(last + hours * Hour, floor);
    }

    private static DateTime Utc(long ticks) => new(ticks, DateTimeKind.Utc);
}
