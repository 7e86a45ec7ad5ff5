using Vigil.Model;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// The one learned life of a home: signs of all its sensors and the use of its meters, in which half hours of the day they come, and from
/// when on it is unusual that none does. One pattern a home, not one a sensor; about 0.6 KB, and six bytes a day. Times are UTC ticks.
/// </summary>
internal sealed class HomeLife
{
    /// <summary>A longer time without anything received, even a battery's state, isn't known as silence.</summary>
    private const long LongestUnheard = TimeSpan.TicksPerDay;

    /// <summary>Time that is known is added in steps of at least this.</summary>
    private const long Step = 10 * TimeSpan.TicksPerMinute;

    /// <summary>How much of the silence is undone by a sign of the only sensor there is, until its next one confirms it…</summary>
    private const double AloneShare = 0.85;

    private const long MostLag = 2 * TimeSpan.TicksPerHour;

    /// <summary>…and by a weak sign that none of the other sensors confirms, times its strength. Compared with others in ADR 9.</summary>
    private const double WeakShare = 0.5;

    /// <summary>More sensors than any home has.</summary>
    private const int MostSources = 64;

    /// <summary>Who is seen again and again for so long, by two sensors where there are two, is at home…</summary>
    private const long Stays = 2 * TimeSpan.TicksPerHour;

    /// <summary>…and who moves about so soon after the beginning of an absence hasn't left yet.</summary>
    private const long Packs = 2 * TimeSpan.TicksPerHour;

    /// <summary>Lone signs for so long are how this home lives.</summary>
    private const long Doubtful = 3 * TimeSpan.TicksPerDay;

    /// <summary>Half hours with life on a day with life, with fewer of which a silence means nothing…</summary>
    private const float LeastUsual = 4;

    /// <summary>…unless on nearly all of so many days there was a sign in its time: a false alarm a month at most.</summary>
    private const int EnoughDays = 14;
    private const double NearlyAll = 0.97;

    /// <summary>Who lives here on most days is missed after so long all the same.</summary>
    public const long LongestDoubt = 3 * TimeSpan.TicksPerDay;

    private LearnedSilence life = new(InactivitySettings.Default, sensors: true);
    private Evidence evidence;
    private long heard;

    /// <summary>The silence (by <see cref="Last"/>) that people were told of, that was looked at, and that has to wait for hours.</summary>
    private long told,
        confirmed,
        toldOf,
        toldSure,
        lookedAt,
        postponed,
        notBefore;

    /// <summary>The sensors that have shown life.</summary>
    public LifeSource[] Sources = [];

    /// <summary>When and for how long this home's people are out.</summary>
    public Outings Outings = new();

    /// <summary>The series of the newest sign.</summary>
    private int newestSource;

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

    /// <summary>When to look whether an alarm is due: early rather than exact, until it was looked at once; that costs little.</summary>
    public long LookAt => lookedAt == Last ? Math.Max(Due, toldSure == Sure ? Newest + Least : 0) : Earliest;

    /// <summary>The alarm of this silence waits until then; 0: for nothing.</summary>
    public long NotBefore => postponed == Last ? notBefore : 0;

    /// <summary>People know of this silence.</summary>
    public bool IsTold => toldOf == Last;

    /// <summary>The newest sign, or the end of an absence after it.</summary>
    private long Newest => Math.Max(NewestSign, Last);

    private long Earliest => Math.Min(life.Last + Least, Floor);

    private long Least => (long)(Settings.LeastHours * TimeSpan.TicksPerHour);

    /// <summary>When an alarm is due if no further sign comes.</summary>
    public long Due => Math.Min(IsOut ? Newest + Outings.Longest : life.Due, Math.Min(Floor, Again));

    /// <summary>
    /// A silence that people know of was broken by a lone sign, which proves little: where nothing follows, it is told again after half the
    /// time of the fixed rule, whatever a home without people would make of it.
    /// </summary>
    private long Again =>
        told >= confirmed && told > 0 && NewestSign - told < Doubtful
            ? Newest + (long)(Settings.FloorHours / 2 * TimeSpan.TicksPerHour)
            : long.MaxValue;

    /// <summary>
    /// The newest sign was a door through which this home's people leave, and how long they stay out is known: nobody is at home to move.
    /// </summary>
    public bool IsOut => KnowsOutings && Outings.Known(newestSource) && !IsAlone(newestSource, NewestSign);

    /// <summary>Outings are watched; where they aren't, a silence behind the door is one like any other.</summary>
    public bool KnowsOutings { get; set; } = true;

    /// <summary>The fixed rule, once for a silence: a lone sign doesn't put it off.</summary>
    private long Floor => toldSure == Sure ? long.MaxValue : Sure + (long)(Settings.FloorHours * TimeSpan.TicksPerHour);

    /// <inheritdoc cref="LifePattern.Follow"/>
    public void Follow(WorkCalendar calendar) => life.Follow(calendar);

    /// <inheritdoc cref="LifePattern.Expect"/>
    public void Expect(float[] prior) => life.Prior = life.Learned ? null : prior;

    public void AddTo(LifePriors.Sum sum, bool keyClass) => sum.Add(LifeBasis.Sensors, keyClass, life);

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
    /// <param name="series">The sensor, by a series of the home.</param>
    /// <param name="sense">What shows it.</param>
    /// <param name="strength">Of the metric.</param>
    /// <param name="time">When.</param>
    /// <param name="zone">Where the home is.</param>
    public bool Sign(int series, LifeSense sense, float strength, long time, TimeZoneInfo zone)
    {
        if (!Begun)
        {
            life.Begin(time, zone);
            heard = Sure = NewestSign = time;
        }

        ref var source = ref SourceOf(series, sense);
        source.Fired(time);
        if (source.IsStuck)
            return false;
        if (time < NewestSign)
        {
            life.MarkLived(time + life.Offset); // came late: known, but nothing new
            source.Spoke();
            return false;
        }

        var alone = IsAlone(series, time);
        if (!alone) // a door by itself doesn't tell who is in from who is out
            Outings.Note(newestSource, series, sense, time - NewestSign);
        (NewestSign, newestSource) = (time, series);
        life.SetClock(time, zone);
        var (strengthNow, repeats) = evidence.Add(series, time, strength, alone);
        var sure = alone || strengthNow >= 1;
        if (strengthNow >= 1)
            confirmed = time;
        if (sure)
        {
            life.Ended(time, certain: true);
            life.Last = strengthNow >= 1 ? time : time - Math.Min((long)((time - life.Last) * (1 - AloneShare)), MostLag);
            NoteQuiet(time);
            Sure = time;
        }
        else if (!repeats)
            life.Last += (long)(Math.Max(0, time - life.Last) * WeakShare * strengthNow); // not back, where an absence ends later
        life.MarkLived(time + life.Offset);
        if (!repeats)
            source.Spoke();
        return sure;
    }

    /// <summary>People know. Of what is told anew because nothing but lone signs came, the first telling counts.</summary>
    public void Told() => (toldOf, toldSure, told) = (Last, Sure, told >= confirmed && told > 0 ? told : NewestSign);

    public void LookedAt() => lookedAt = Last;

    /// <summary>The alarm may not come before this.</summary>
    public void Postpone(long until) => (postponed, notBefore) = (Last, until);

    /// <summary>The silence is counted from here: an absence ended.</summary>
    public void RestartSilence(long at)
    {
        life.Last = Math.Max(life.Last, at);
        Sure = Math.Max(Sure, at);
    }

    /// <summary>
    /// On how many days of how many somebody was up between these times of day, and by when on nearly all of those; local ticks.
    /// </summary>
    public (int Used, int Of, long Usually) Compare(long at) =>
        life.Days.Compare(Math.Max(life.Last, Sure) + life.Offset, at + life.Offset);

    /// <summary>
    /// Whether life is to be expected of what its sensors show: a door alone, or a sensor in a room that is hardly used, says nothing for
    /// days in a home that is lived in, unless there hardly ever was such a silence. Until a week is known, movement or a bed will do.
    /// </summary>
    /// <param name="at">Until when there was no sign, UTC.</param>
    public bool IsExpected(long at)
    {
        var (known, lived) = life.Days.Recent();
        if (known < 7)
            return Array.Exists(Sources, s => s.Sense is LifeSense.Movement or LifeSense.Bed);
        // Of thirty days, or since somebody is back from the hospital.
        var isHome = lived * 2 > known || life.Days.Recent(7).Lived >= 5;
        if (isHome && (life.Days.Usual * known >= LeastUsual * lived || at - life.Last >= LongestDoubt))
            return true;
        var (used, of, _) = Compare(at);
        return of >= EnoughDays && used >= NearlyAll * of;
    }

    /// <summary>
    /// Whether somebody lives here again in spite of an absence that was told: longer than a neighbour stays who waters the flowers.
    /// </summary>
    /// <param name="left">When the absence began.</param>
    /// <param name="time">Of a certain sign.</param>
    public bool IsBack(long left, long time)
    {
        var seen = 0;
        foreach (ref var source in Sources.AsSpan())
            if (source is { Series: >= 0, IsStuck: false } && source.StillSeen(time) - Math.Max(source.Since, left + Packs) >= Stays)
                seen++;
        return seen >= 2 || (seen == 1 && IsAlone(newestSource, left));
    }

    /// <summary>The absence until when the silence was not to count has ended, or is none any more.</summary>
    public void CountFrom(long time)
    {
        life.Last = Math.Min(life.Last, Math.Max(time, NewestSign));
        Sure = Math.Min(Sure, life.Last);
    }

    /// <summary>
    /// Moves what it remembers back with the service's clock. What it skips when it is set forward is a downtime, and counts as none.
    /// </summary>
    /// <param name="back">For moments that lie in the future now.</param>
    public void Move(Func<long, long> back)
    {
        (life.Last, Sure, NewestSign, heard) = (back(life.Last), back(Sure), back(NewestSign), back(heard));
        // What was told and looked at stays so; what waited for an hour of the day waits for the next one.
        (toldOf, lookedAt, toldSure, told, confirmed) = (back(toldOf), back(lookedAt), back(toldSure), back(told), back(confirmed));
        postponed = 0;
        foreach (ref var source in Sources.AsSpan())
            (source.Newest, source.Since) = (back(source.Newest), back(source.Since));
        foreach (ref var sign in (Span<Evidence.Sign>)evidence.Signs)
            sign.Time = back(sign.Time);
    }

    public void Write(BinaryWriter to)
    {
        life.Write(to);
        evidence.Write(to);
        foreach (var v in (ReadOnlySpan<long>)[heard, Sure, NewestSign, told, confirmed, toldOf, toldSure, lookedAt, postponed, notBefore])
            to.Write(v);
        to.Write7BitEncodedInt(Sources.Length);
        foreach (var source in Sources)
        {
            to.Write(source.Series);
            to.Write((byte)source.Sense);
            to.Write(source.Newest);
            to.Write(source.Quiet);
            to.Write(source.MostQuiet);
            to.Write(source.Signs);
            to.Write(source.Since);
        }

        to.Write(newestSource);
        Outings.Write(to);
    }

    public void Read(BinaryReader from, bool wide)
    {
        life.Read(from, wide);
        evidence.Read(from);
        (heard, Sure, NewestSign) = (from.ReadInt64(), from.ReadInt64(), from.ReadInt64());
        (told, confirmed) = (from.ReadInt64(), from.ReadInt64());
        (toldOf, toldSure, lookedAt) = (from.ReadInt64(), from.ReadInt64(), from.ReadInt64());
        (postponed, notBefore) = (from.ReadInt64(), from.ReadInt64());
        Sources = new LifeSource[from.Read7BitEncodedInt()];
        for (var i = 0; i < Sources.Length; i++)
            Sources[i] = new LifeSource
            {
                Series = from.ReadInt32(),
                Sense = (LifeSense)from.ReadByte(),
                Newest = from.ReadInt64(),
                Quiet = from.ReadInt32(),
                MostQuiet = from.ReadInt32(),
                Signs = from.ReadInt32(),
                Since = from.ReadInt64(),
            };
        newestSource = from.ReadInt32();
        Outings.Read(from);
    }

    private ref LifeSource SourceOf(int series, LifeSense sense)
    {
        for (var i = 0; i < Sources.Length; i++)
            if (Sources[i].Series == series)
                return ref Sources[i];
        if (Sources.Length == MostSources)
            return ref Sources[^1]; // a device that invents channels
        Array.Resize(ref Sources, Sources.Length + 1);
        (Sources[^1].Series, Sources[^1].Sense) = (series, sense);
        return ref Sources[^1];
    }

    /// <summary>Whether no other sensor or meter has shown life for long: one that died or was taken away confirms nothing.</summary>
    private bool IsAlone(int series, long time)
    {
        foreach (ref var source in Sources.AsSpan())
            if (source.Series != series && !source.IsStuck && !source.IsGone(time))
                return false;
        return true;
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
}
