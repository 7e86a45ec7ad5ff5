using System.Globalization;
using Vigil.Model;
using Vigil.Rules.Inactivity;

namespace Vigil.Rules.Kinds;

/// <summary>
/// <c>inactivity</c> in a home with sensors: no sign of life from any of them, nor from its meters, for longer than is usual here. Judged
/// when it is due, not when something reports: a motion sensor says nothing about stillness.
/// </summary>
internal static class HomeInactivity
{
    /// <summary>The series of its episodes; those of water and electricity are 0 and 1.</summary>
    public const int Series = 2;

    /// <summary>A sign of a sensor.</summary>
    public static void Sign(in RuleContext context, int series, float strength, long time)
    {
        var home = context.Home;
        var life = home.Life ??= new HomeLife();
        Take(context, life);
        var sure = life.Sign(series, strength, time, context.Zone);
        if (sure)
            home.NoteActivity(time);
        var open = home.FindEpisode(AlarmKind.Inactivity, series: Series);
        if (open >= 0 && sure && time > home.Episodes[open].Opened)
            context.Clear(open, time, $"signs of life again at {context.At(time, time)}", $"{context.AtZh(time, time)}恢复生活迹象");
        else if (open >= 0 && life.Last <= home.Episodes[open].Opened)
            life.Told(); // a lone sign: still the silence that people know of
        var earliest = DueOf(context.Engine, home);
        if (earliest < home.QueuedDue)
            context.Engine.Queue(home, earliest);
    }

    /// <summary>Water or electricity was used, as its own pattern has found.</summary>
    public static void Used(in RuleContext context, in Utility utility, long time)
    {
        if (context.Home.Life is not { Begun: true } life || time <= life.NewestSign)
            return;
        var metric = utility.IsWater ? Metric.WaterVolume : Metric.ElectricityEnergy;
        Sign(context, utility.IsWater ? -1 : -2, metric.Life.Strength, time);
    }

    /// <summary>The settings as they hold for this home now.</summary>
    private static void Take(in RuleContext context, HomeLife life)
    {
        var (home, now) = (context.Home, context.Now);
        var watch = home.OnWatch(now);
        var (budget, learn, floor) = (
            home.Rules[watch ? RuleParameter.InactivityWatchBudgetDays : RuleParameter.InactivityBudgetDays],
            (int)(home.Rules.Ticks(RuleParameter.InactivityLearn) / TimeSpan.TicksPerDay),
            home.Rules.Ticks(watch ? RuleParameter.InactivityWatchWithin : RuleParameter.InactivityWithin) / (double)TimeSpan.TicksPerHour
        );
        if (life.Settings.BudgetDays != budget || life.Settings.LearnDays != learn || life.Settings.FloorHours != floor)
            life.Settings = life.Settings with { BudgetDays = budget, LearnDays = learn, FloorHours = floor };
    }

    /// <summary>When the home has to be looked at: early rather than exact while the silence is short.</summary>
    public static long DueOf(RuleEngine engine, Home home)
    {
        if (home.Life is not { Begun: true } life || !home.Rules.Enabled(AlarmKind.Inactivity) || life.IsTold)
            return long.MaxValue;
        return engine.ListenedFor(life.Last, life.LookAt - life.Last);
    }

    public static void Fire(in RuleContext context, long due)
    {
        var home = context.Home;
        var life = home.Life!;
        Take(context, life);
        var at = context.Engine.ListenedFor(life.Last, life.Due - life.Last);
        life.LookedAt();
        if (at > due)
            return; // looked at early; it is queued again for then
        if (home.AbsenceAt(at) is { } absence)
        {
            life.RestartSilence(absence.Until.Ticks);
            return;
        }

        if (home.ReturnWithin(life.Last, at) is > 0 and var back)
        {
            life.RestartSilence(back);
            return;
        }

        if (!home.Rules.IsActiveAt(AlarmKind.Inactivity, at, context))
        {
            life.Postpone(home.Rules.Window(AlarmKind.Inactivity).Next(at, context.Zone, context.Engine.Rules.Holidays));
            return;
        }

        life.Told();
        var open = home.FindEpisode(AlarmKind.Inactivity);
        if (open >= 0 && home.Episodes[open].Series != Series)
            return; // its meter has told of the same silence
        var (en, zh) = Why(context, life, at);
        if (open >= 0)
            // A lone sign had come since, which proved nothing, and then silence again: people are told anew.
            context.Clear(
                open,
                at,
                $"a single sign of life at {context.At(life.NewestSign, at)}, and silence again",
                $"{context.AtZh(life.NewestSign, at)}有一次微弱迹象，之后又无动静"
            );
        context.Open(AlarmKind.Inactivity, life.Last, at, -1, Series, en, zh);
    }

    private static (string En, string Zh) Why(in RuleContext context, HomeLife life, long at) =>
        ($"no sign of life since {context.At(life.Sure, at)}", $"自{context.AtZh(life.Sure, at)}起没有生活迹象");
}
