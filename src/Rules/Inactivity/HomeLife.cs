namespace Vigil.Rules.Inactivity;

/// <summary>
/// The one learned life of a home: signs of all its sensors and the use of its meters, in which half hours of the day they come, and from
/// when on it is unusual that none does. One pattern a home, not one a sensor; about 1.5 KB. Times are UTC ticks.
/// </summary>
internal sealed class HomeLife
{
    /// <summary>A longer time without anything received, even a battery's state, isn't known as silence.</summary>
    private const long LongestUnheard = TimeSpan.TicksPerDay;

    /// <summary>Time that is known is added in steps of at least this.</summary>
    private const long Step = 10 * TimeSpan.TicksPerMinute;

    /// <summary>How often a sensor fires in an empty home, per hour: 13 times in 75 h in one that was recorded.</summary>
    private const double Ghost = 0.1;

    private readonly LearnedSilence life = new(InactivitySettings.Default);
    private Evidence evidence = new();
    private long heard;

    /// <summary>The silence (by <see cref="Last"/>) that people were told of, that was looked at, and that has to wait for hours.</summary>
    private long toldOf,
        lookedAt,
        postponed,
        notBefore;

    /// <summary>The sensors that have shown life.</summary>
    public Source[] Sources = [];

    /// <summary>The newest moment at which somebody certainly was up.</summary>
    public long Sure { get; private set; }

    /// <summary>From when the silence counts. A lone sign moves it a part of the way.</summary>
    public long Last => life.Last;

    /// <summary>The newest sign, however weak.</summary>
    public long NewestSign { get; private set; }

    /// <summary>Something of the home's devices arrived last.</summary>
    public long Heard => heard;

    public bool Learned => life.Learned;

    public bool Begun => life.First > 0;

    public InactivitySettings Settings
    {
        get => life.Settings;
        set => life.Settings = value;
    }

    /// <summary>When to look whether an alarm is due: early rather than exact, until it was looked once, because that costs little.</summary>
    public long LookAt => lookedAt == Last ? Math.Max(Due, postponed == Last ? notBefore : 0) : Earliest;

    /// <summary>People know of this silence.</summary>
    public bool IsTold => toldOf == Last;

    private long Earliest => Math.Min(life.Last + (long)(Settings.LeastHours * TimeSpan.TicksPerHour), Floor);

    /// <summary>When an alarm is due if no further sign comes.</summary>
    public long Due => Math.Min(life.Due, Floor);

    private long Floor => Sure + (long)(Settings.FloorHours * TimeSpan.TicksPerHour);

    /// <summary>Something arrived from a device of the home, so that a time without signs is known as one.</summary>
    public void Hear(long received, TimeZoneInfo zone)
    {
        if (received - heard < Step || !Begun)
            return;
        life.SetClock(received, zone);
        if (received - heard <= LongestUnheard)
        {
            life.Know(heard + life.Offset, received + life.Offset);
            life.KnownUntil = received;
        }

        heard = received;
    }

    /// <summary>A sign of life; returns whether somebody is certainly up now.</summary>
    /// <param name="series">Of which series of the home.</param>
    /// <param name="strength">Of the metric.</param>
    /// <param name="time">When.</param>
    /// <param name="zone">Where the home is.</param>
    public bool Sign(int series, float strength, long time, TimeZoneInfo zone)
    {
        if (!Begun)
        {
            life.Begin(time, zone);
            heard = Sure = NewestSign = time;
        }

        ref var source = ref SourceOf(series);
        var alone = Sources.Length == 1;
        source.Newest = Math.Max(source.Newest, time);
        if (time < NewestSign)
        {
            life.MarkLived(time + life.Offset); // came late: known, but nothing new
            return false;
        }

        NewestSign = time;
        life.SetClock(time, zone);
        var strengthNow = evidence.Add(series, time, strength, alone);
        var sure = strengthNow >= 1;
        if (sure)
        {
            life.Ended(time, certain: true);
            life.Last = time;
            NoteQuiet(time);
            Sure = time;
        }
        else
            life.Last += (long)((time - life.Last) * Explained(time, alone ? 1 : strengthNow));
        life.MarkLived(time + life.Offset);
        source.Quiet = 0;
        return sure;
    }

    public void Told() => toldOf = Last;

    public void LookedAt() => lookedAt = Last;

    /// <summary>The alarm may not come before this.</summary>
    public void Postpone(long until) => (postponed, notBefore) = (Last, until);

    /// <summary>The silence is counted from here: an absence ended.</summary>
    public void RestartSilence(long at)
    {
        life.Last = Math.Max(life.Last, at);
        Sure = Math.Max(Sure, at);
    }

    /// <summary>The chance that the silence lasts until a moment, in this home.</summary>
    public double ChanceUntil(long at) => life.ChanceUntil(at, rounding: TimeSpan.TicksPerHour / 2);

    /// <summary>
    /// On how many days of how many somebody was up between these times of day, and by when on nearly all of those; local ticks.
    /// </summary>
    public (int Used, int Of, long Usually) Compare(long at) => life.Days.Compare(life.Last + life.Offset, at + life.Offset);

    public long Local(long utc) => utc + life.Offset;

    /// <summary>The absence until when the silence was not to count has ended, or is none any more.</summary>
    public void CountFrom(long time)
    {
        life.Last = Math.Min(life.Last, Math.Max(time, NewestSign));
        Sure = Math.Min(Sure, life.Last);
    }

    /// <summary>Moves what it remembers with the service's clock.</summary>
    /// <param name="lasts">For what lasts.</param>
    /// <param name="back">For moments that lie in the future now.</param>
    public void Move(Func<long, long> lasts, Func<long, long> back)
    {
        (life.Last, Sure, NewestSign, heard) = (lasts(life.Last), lasts(Sure), back(NewestSign), back(heard));
        foreach (ref var source in Sources.AsSpan())
            source.Newest = back(source.Newest);
        foreach (ref var sign in evidence.Signs.AsSpan())
            sign.Time = back(sign.Time);
    }

    public void Write(BinaryWriter to)
    {
        life.Write(to);
        evidence.Write(to);
        foreach (var v in (ReadOnlySpan<long>)[heard, Sure, NewestSign, toldOf, lookedAt, postponed, notBefore])
            to.Write(v);
        to.Write7BitEncodedInt(Sources.Length);
        foreach (var source in Sources)
        {
            to.Write(source.Series);
            to.Write(source.Newest);
            to.Write(source.Quiet);
        }
    }

    public void Read(BinaryReader from)
    {
        life.Read(from);
        evidence.Read(from);
        (heard, Sure, NewestSign) = (from.ReadInt64(), from.ReadInt64(), from.ReadInt64());
        (toldOf, lookedAt, postponed, notBefore) = (from.ReadInt64(), from.ReadInt64(), from.ReadInt64(), from.ReadInt64());
        Sources = new Source[from.Read7BitEncodedInt()];
        for (var i = 0; i < Sources.Length; i++)
            Sources[i] = new Source
            {
                Series = from.ReadInt32(),
                Newest = from.ReadInt64(),
                Quiet = from.ReadInt32(),
            };
    }

    /// <summary>
    /// How much of the silence a lone sign undoes: as likely as life explains it better than a sensor that fires by itself. The less
    /// likely the silence was here, and the less usual a sign at this hour, the less.
    /// </summary>
    private double Explained(long time, float strength)
    {
        var lasted = Learned ? life.ChanceUntil(time) : 0.5;
        var usual = Learned ? life.UsualAt(time) : 0.5;
        return strength * lasted * usual / (lasted * usual + Ghost);
    }

    private ref Source SourceOf(int series)
    {
        for (var i = 0; i < Sources.Length; i++)
            if (Sources[i].Series == series)
                return ref Sources[i];
        Array.Resize(ref Sources, Sources.Length + 1);
        Sources[^1].Series = series;
        return ref Sources[^1];
    }

    /// <summary>Counts the half hours in which the home lived, for each sensor since it last showed so.</summary>
    private void NoteQuiet(long time)
    {
        if (time / PastDays.SlotTicks == Sure / PastDays.SlotTicks)
            return;
        foreach (ref var source in Sources.AsSpan())
            if (source.Newest < time - PastDays.SlotTicks)
                source.Quiet++;
    }

    /// <summary>A sensor that shows life.</summary>
    internal struct Source
    {
        public int Series;

        /// <summary>Its newest sign.</summary>
        public long Newest;

        /// <summary>Half hours in which others showed life since.</summary>
        public int Quiet;
    }
}
