using Vigil.Model;
using Vigil.Rules.Inactivity;

namespace Vigil.Rules.Kinds;

/// <summary>
/// <c>inactivity</c> and <c>not-back</c> in a home with sensors: no sign of life from any of them, nor from its meters, for longer than is
/// usual here. Judged when it is due, not when something reports: a motion sensor says nothing about stillness.
/// </summary>
internal static class HomeInactivity
{
    /// <summary>The series of its episodes; those of water and electricity are 0 and 1.</summary>
    public const int Series = 2;

    /// <summary>The sources of a home that are meters, not series.</summary>
    private const int Water = -1,
        Electricity = -2;

    /// <summary>Who was seen for so long after the last use fell silent with the meter; longer, and the meter alone stood still.</summary>
    private const long SameSilence = 4 * TimeSpan.TicksPerHour;

    /// <summary>Where life isn't to be expected yet, it is looked at again after so long.</summary>
    private const long LookAgain = TimeSpan.TicksPerDay / 2;

    /// <summary>A sign of a sensor.</summary>
    public static void Sign(in RuleContext context, int series, in LifeSign sign, long time)
    {
        var home = context.Home;
        if (home.Life is null && !Founds(sign.Sense))
            return;
        var life = home.Life ??= new HomeLife();
        Take(context, life);
        var source = series < 0 ? series : SourceOf(home, series);
        var sure = life.Sign(source, sign.Sense, sign.Strength, time, context.Zone);
        if (sure)
            home.NoteActivity(time);
        if (sure && home.AbsenceAt(time) is { } absence && life.IsBack(absence.From.Ticks, time))
            context.EndAbsence(absence, time);
        if (home.EpisodeCount > 0)
            End(context, life, sign.Sense, sure, time);
        SensorFault.Check(context, life, source, sure, time);
        var look = DueOf(context.Engine, home);
        if (look < home.QueuedDue)
            context.Engine.Queue(home, look);
    }

    /// <summary>
    /// A sensor that shows one movement in several ways (motion, presence, a lamp that goes on) is one source, named by the first of its
    /// series; the zones of a panel are channels, and several.
    /// </summary>
    private static int SourceOf(Home home, int series)
    {
        ref var s = ref home.Series[series];
        for (var i = 0; i < series; i++)
        {
            ref var other = ref home.Series[i];
            if (other.Device == s.Device && other.Metric.Life.IsOne && other.Channel == s.Channel)
                return i;
        }

        return series;
    }

    /// <summary>
    /// Whether a sensor of this sort shows how somebody lives through the day. Others (a button that is pressed once a year, a cuff)
    /// confirm what is seen, and nothing is expected of them.
    /// </summary>
    private static bool Founds(LifeSense sense) =>
        sense is LifeSense.Movement or LifeSense.Door or LifeSense.Bed or LifeSense.Switch or LifeSense.Appliance or LifeSense.Steps;

    /// <summary>Water or electricity was used, as its own pattern has found.</summary>
    public static void Used(in RuleContext context, in Utility utility, long time)
    {
        if (context.Home.Life is not { Begun: true } life || time <= life.NewestSign)
            return;
        var metric = utility.IsWater ? Metric.WaterVolume : Metric.ElectricityEnergy;
        Sign(context, utility.IsWater ? Water : Electricity, metric.Life, time);
    }

    /// <summary>
    /// Somebody was seen after the newest use: that a tap is dry is unusual then, and no sign that life has stopped.
    /// </summary>
    public static bool Contradicts(Home home, DateTime lastUse) => home.Life is { } life && life.Sure > lastUse.AddMinutes(30).Ticks;

    /// <summary>When the home has to be looked at: early rather than exact while the silence is short.</summary>
    public static long DueOf(RuleEngine engine, Home home) =>
        home.Life is not { Begun: true, IsTold: false } life || !home.Rules.Enabled(KindOf(life)) ? long.MaxValue : DueOf(engine, life);

    /// <summary>Waits are counted as time that was listened to; the hours of the rule are o'clock.</summary>
    private static long DueOf(RuleEngine engine, HomeLife life) =>
        Math.Max(engine.ListenedFor(life.Last, life.LookAt - life.Last), life.NotBefore);

    /// <summary>Tells of the home's silence if it is due by now; a look that was early may find it due at once.</summary>
    public static void FireDue(in RuleContext context, long now)
    {
        for (var step = 0; step < 2 && DueOf(context.Engine, context.Home) is var due && due <= now; step++)
            Fire(context, due);
    }

    private static void Fire(in RuleContext context, long now)
    {
        var home = context.Home;
        var life = home.Life!;
        Take(context, life);
        life.LookedAt();
        var due = DueOf(context.Engine, life);
        if (due > now)
            return; // it is queued again for then
        if (home.AbsenceAt(due) is { } absence)
            life.RestartSilence(absence.Until.Ticks);
        else if (home.ReturnWithin(life.Last, due) is > 0 and var back)
            life.RestartSilence(back);
        else if (!life.IsExpected(due))
        {
            if (due - life.Last < HomeLife.LongestDoubt)
                life.Postpone(due + LookAgain);
            else
                life.Told(); // there is nothing to tell of
        }
        else if (home.Rules.IsActiveAt(KindOf(life), due, context))
            Tell(context, life, due);
        else if (home.Rules.Window(KindOf(life)).Next(due, context.Zone, context.Engine.Rules.Calendar) is var opens && opens > due)
            life.Postpone(opens);
        else
            life.Told(); // its hours never come
    }

    private static void Tell(in RuleContext context, HomeLife life, long at)
    {
        var home = context.Home;
        life.Told();
        var open = home.FindEpisode(AlarmKind.Inactivity, series: Series);
        if (open < 0)
            open = home.FindEpisode(AlarmKind.NotBack);
        if (open >= 0 && home.Episodes[open].Start == life.Last)
            return; // told already, before the service's clock was set
        if (open >= 0)
            // A lone sign came, which proves nothing, and then silence again: people are told anew.
            context.Clear(
                open,
                at,
                $"a single sign of life at {context.At(life.NewestSign, at)}, then silence again",
                $"{context.AtZh(life.NewestSign, at)}有过一次迹象，此后又无动静"
            );
        var (en, zh) = LifePhrases.Why(context, life, at);
        if (ToldByMeter(home, life.Sure, out var isSame) is >= 0 and var told)
        {
            context.Update(told, at, en, zh, notify: !isSame);
            return;
        }

        var (watch, watchZh) = LearnedInactivity.WatchNote(home, at);
        context.Open(KindOf(life), life.Last, at, -1, Series, en + watch, zh + watchZh);
    }

    /// <summary>
    /// What a meter has told of the same silence, or the alarm of the same kind that is open for a meter which has stood still for longer:
    /// then people are told anew. -1: none.
    /// </summary>
    private static int ToldByMeter(Home home, long sure, out bool isSame)
    {
        var other = -1;
        for (var i = 0; i < home.EpisodeCount; i++)
        {
            ref var e = ref home.Episodes[i];
            var isLearned = ReferenceEquals(e.Kind, AlarmKind.Inactivity) && e.Series != Series;
            if (
                e.HeldUntil != 0
                || !(isLearned || ReferenceEquals(e.Kind, AlarmKind.NoWater) || ReferenceEquals(e.Kind, AlarmKind.NoElectricity))
            )
                continue;
            isSame = e.Start + SameSilence > sure;
            if (isSame)
                return i;
            if (isLearned)
                other = i;
        }

        isSame = false;
        return other;
    }

    /// <summary>Ends what was told when somebody certainly is up, or comes back through the door.</summary>
    private static void End(in RuleContext context, HomeLife life, LifeSense sense, bool sure, long time)
    {
        var home = context.Home;
        var away = home.FindEpisode(AlarmKind.NotBack);
        if (away >= 0 && (sure || sense == LifeSense.Door) && time > home.Episodes[away].Opened)
            context.Clear(away, time, $"back at {context.At(time, time)}", $"{context.AtZh(time, time)}已回家");
        var open = home.FindEpisode(AlarmKind.Inactivity, series: Series);
        if (open < 0)
            return;
        if (sure && time > home.Episodes[open].Opened)
            context.Clear(open, time, $"signs of life again at {context.At(time, time)}", $"{context.AtZh(time, time)}恢复生活迹象");
        else if (life.Last <= home.Episodes[open].Opened)
            life.Told(); // a lone sign: still the silence that people know of
    }

    private static AlarmKind KindOf(HomeLife life) => life.IsOut ? AlarmKind.NotBack : AlarmKind.Inactivity;

    /// <summary>The settings as they hold for this home now.</summary>
    private static void Take(in RuleContext context, HomeLife life)
    {
        var (home, now) = (context.Home, context.Now);
        life.Expect(context.Engine.Priors.Of(LifeBasis.Sensors, home.Facts is { KeyClass: true }));
        life.Follow(context.Engine.Rules.Calendar);
        life.KnowsOutings = home.Rules.Enabled(AlarmKind.NotBack);
        var watch = home.OnWatch(now);
        var rules = home.Rules;
        var (budget, learn, floor, least) = (
            rules[watch ? RuleParameter.InactivityWatchBudgetDays : RuleParameter.InactivitySensorBudgetDays],
            (int)(rules.Ticks(RuleParameter.InactivityLearn) / TimeSpan.TicksPerDay),
            rules.Ticks(watch ? RuleParameter.InactivityWatchWithin : RuleParameter.InactivityWithin) / (double)TimeSpan.TicksPerHour,
            rules.Ticks(RuleParameter.InactivityLeast) / (double)TimeSpan.TicksPerHour
        );
        if (watch)
            budget = Math.Min(budget, rules[RuleParameter.InactivitySensorBudgetDays]);
        var s = life.Settings;
        if (s.BudgetDays != budget || s.LearnDays != learn || s.FloorHours != floor || s.LeastHours != least)
            life.Settings = new InactivitySettings(budget, floor, learn, least);
    }
}
