namespace Vigil.Rules.Inactivity;

/// <summary>
/// A resident's habits as one meter shows them: learns in which half hours water or electricity is used, and from when on the present
/// silence (no use) is unusual. About 0.4 KB, and six bytes for each day that is known, up to 128: room for them is all that is allocated
/// after construction, except by <see cref="Explain"/>. Not thread-safe. Judged by reading time alone.
/// </summary>
/// <remarks>
/// How the engine uses it: call <see cref="Observe(DateTime, DateTime, double, DateTime, TimeZoneInfo)"/> for each interval between two
/// totals (however long), then open <c>inactivity</c> at <see cref="DueAt"/> when <see cref="IsDue"/>. While that episode is open, the
/// fixed rule (no-water, no-electricity) for the same silence only adds to it: two alarms for one silence are two false ones. Close it when
/// <see cref="LastUse"/> is later than the opening. During an absence don't open it, and begin again with <see cref="RestartSilence"/>.
/// Each meter has its own pattern. With a meter that reports once a day only the fixed rule ever holds.
/// </remarks>
public sealed class LifePattern
{
    private const long Hour = TimeSpan.TicksPerHour;
    private const long LongestPreciseInterval = 3 * Hour;
    private const byte Version = 4;

    /// <summary>With 128 days for each half hour, however few were known.</summary>
    private const byte WideVersion = 3;

    private readonly LifeMeter meter;
    private LearnedSilence life;
    private SteadyUse steady;
    private SeveralMeters meters;

    private long pendingFrom;
    private double pendingUse;

    /// <summary>When electricity was found flat in this silence, ticks; 0 when it wasn't.</summary>
    private long flat;

    public LifePattern(LifeMeter meter, InactivitySettings? settings = null)
    {
        this.meter = meter;
        life = new LearnedSilence(settings ?? InactivitySettings.Default, sensors: false);
        steady = new SteadyUse(meter);
    }

    /// <summary>
    /// End of the newest interval in which something was used above leak or base load, UTC; where observation began when there was none.
    /// </summary>
    public DateTime LastUse => Utc(life.Last);

    /// <summary>May be changed while it learns.</summary>
    public InactivitySettings Settings
    {
        get => life.Settings;
        set => life.Settings = value;
    }

    /// <summary>From the next silence on, a worked weekend counts as working days.</summary>
    internal void Follow(WorkCalendar calendar) => life.Follow(calendar);

    /// <summary>Up to here all readings are known, UTC.</summary>
    public DateTime KnownUntil => Utc(life.KnownUntil);

    /// <inheritdoc cref="LearnedSilence.Learned"/>
    public bool Learned => life.Learned;

    /// <inheritdoc cref="LearnedSilence.Judges"/>
    public bool Judges => life.Judges;

    /// <summary>What other homes are like, until this one is learned.</summary>
    internal void Expect(float[] prior) => life.Prior = life.Learned ? null : prior;

    internal void AddTo(LifePriors.Sum sum, bool keyClass) =>
        sum.Add(meter == LifeMeter.Water ? LifeBasis.Water : LifeBasis.Electricity, keyClass, life);

    /// <inheritdoc cref="LearnedSilence.Weight"/>
    public double Weight => life.Weight;

    /// <summary>Use up to this rate is a leak or base load and no sign of life, m³/h or kW.</summary>
    public double Background => steady.Background;

    /// <summary>
    /// When to alarm if nothing is used until then, at the latest by the fixed rule. Null before the first interval. UTC.
    /// </summary>
    public DateTime? DueAt => life.First == 0 ? null : Utc(flat > 0 ? Math.Min(life.Due, flat) : life.Due);

    /// <summary>
    /// The known readings reach <see cref="DueAt"/>. Costs next to nothing until <see cref="InactivitySettings.LeastHours"/> have passed.
    /// </summary>
    public bool IsDue => life.KnownUntil - life.Last >= Least && life.First > 0 && DueAt!.Value.Ticks <= life.KnownUntil;

    private long Least => (long)(Math.Min(Settings.LeastHours, Settings.FloorHours) * Hour);

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
        if (meters.Merge(fromUtc, toUtc, use, allUtc, lives, life.First > 0 ? KnownUntil : null) is { } merged)
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
        if (life.First == 0)
        {
            life.Begin(from, zone);
            pendingFrom = from;
        }

        var known = life.KnownUntil;
        if (to <= known)
            return;
        if (from < known)
        {
            use *= (to - known) / (double)(to - from);
            from = known;
        }

        life.SetClock(to, zone);
        if (from > known)
        {
            // A gap in the readings doesn't count as silence.
            Settle(known);
            life.Last = Math.Max(life.Last, Math.Min(from, life.Last + (from - known)));
            pendingFrom = from;
            steady.Restart(from / PastDays.SlotTicks);
        }

        if (to - from > LongestPreciseInterval)
        {
            Settle(from);
            SettleImprecise(from, to, use);
            pendingFrom = life.KnownUntil = to;
            return;
        }

        // Judged in steps of half an hour: within minutes, a refrigerator's cycle or a meter that counts whole litres proves nothing.
        pendingUse += use;
        life.KnownUntil = to;
        var much = meter == LifeMeter.Water ? 0.003 : 0.15;
        if (to - pendingFrom >= PastDays.SlotTicks || pendingUse >= steady.Background * (to - pendingFrom) / Hour + much)
            Settle(to);
    }

    /// <summary>The silence is counted from here: an absence ended, or the meter was changed. UTC.</summary>
    public void RestartSilence(DateTime atUtc)
    {
        if (atUtc.Ticks > life.Last && life.First > 0)
            life.Last = atUtc.Ticks;
    }

    /// <summary>How unusual the silence is at a moment, and why. UTC.</summary>
    public Surprise Explain(DateTime atUtc)
    {
        var at = Math.Max(atUtc.Ticks, life.Last);
        long localFrom = life.Last + life.Offset,
            localAt = at + life.Offset;
        return Surprise.Of(
            life.ChanceUntil(at, rounding: Hour / 2),
            life.Days.Compare(localFrom, localAt),
            Learned,
            meter,
            new DateTime(localFrom),
            new DateTime(localAt),
            flat > 0 && atUtc.Ticks >= flat ? steady.Least : 0
        );
    }

    /// <summary>The chance that a silence that began when this one did lasts until a moment, in this home. UTC.</summary>
    public double ChanceOfSilenceUntil(DateTime atUtc) => life.ChanceUntil(atUtc.Ticks);

    /// <summary>For comparing methods: the days known of the home, and its newest use in local time, ticks.</summary>
    internal (PastDays Days, long LastUse) Past => (life.Days, life.Last + life.Offset);

    /// <summary>For comparing methods: the chance that this silence lasts at least so many hours, 0 to 24.</summary>
    internal void Lasts(Span<double> lasts) => life.Lasts(lasts);

    public void Write(BinaryWriter to)
    {
        ArgumentNullException.ThrowIfNull(to);
        to.Write(Version);
        life.Write(to);
        foreach (var v in (ReadOnlySpan<long>)[pendingFrom, flat])
            to.Write(v);
        to.Write(meters.Waiting);
        to.Write(pendingUse);
        steady.Write(to);
    }

    /// <exception cref="InvalidDataException">Written by another version: the pattern has to be learned again from the
    /// readings.</exception>
    public void Read(BinaryReader from)
    {
        ArgumentNullException.ThrowIfNull(from);
        var version = from.ReadByte();
        if (version is not (Version or WideVersion))
            throw new InvalidDataException("a life pattern of another version");
        life.Read(from, wide: version == WideVersion);
        pendingFrom = from.ReadInt64();
        flat = from.ReadInt64();
        meters.Waiting = from.ReadDouble();
        pendingUse = from.ReadDouble();
        steady.Read(from);
    }

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
        long localFrom = from + life.Offset,
            localTo = to + life.Offset;
        CloseDays(life.AdvanceTo(localFrom));
        var alive = use > steady.Background * (to - from) / Hour;
        if (alive)
        {
            life.Ended(from, true);
            life.Last = to;
            flat = 0;
        }
        else if (flat == 0 && Learned && steady.Flat)
        {
            flat = to;
        }

        CloseDays(life.Know(localFrom, localTo, alive));
        // What looked like use was the beginning of a leak: the silence began earlier.
        if (!alive && leakSince < life.Last)
        {
            // It began with the reading before the leak's first whole half hour, which reported the last use.
            var step = to - from;
            var before = (step - (to - leakSince) % step) % step;
            life.Last = before < PastDays.SlotTicks ? leakSince - before : leakSince;
        }
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
            CloseDays(life.Know(from + life.Offset, to + life.Offset)); // the total stood still: nothing was used in any of these hours
            return;
        }

        CloseDays(life.AdvanceTo(to + life.Offset));
        life.Ended(from, false);
        var spread = to - (long)((to - from) * Math.Min(1, least / use));
        life.Last = Math.Max(life.Last, Math.Max(spread, to - (long)(Settings.FloorHours / 2 * Hour)));
        flat = 0;
        steady.Restart(to / PastDays.SlotTicks);
    }

    private void CloseDays(int days)
    {
        for (var i = 0; i < days; i++)
            steady.NextDay();
    }

    private static DateTime Utc(long ticks) => new(ticks, DateTimeKind.Utc);
}
