using Vigil.Model;
using Vigil.Rules.Inactivity;

namespace Vigil.Rules.Kinds;

/// <summary>
/// <c>inactivity</c>: where the learned pattern of a life meets the readings of its meters. Until 28 days are learned, only the fixed rules
/// hold. While an inactivity episode is open, the fixed rule of the same utility speaks through it: two alarms for one silence are two
/// false ones.
/// </summary>
internal static class Judgement
{
    public static void Inactivity(in Turn turn, in Consumption.Utility utility, UseTracker use, long from, long time, double used)
    {
        var home = turn.Home;
        if (!home.Rules.Enabled(AlarmKind.Inactivity))
            return;
        var pattern = use.Pattern ??= new LifePattern(utility.IsWater ? LifeMeter.Water : LifeMeter.Electricity);
        var (budget, learn) = (
            home.Rules[home.OnWatch(time) ? RuleParameter.InactivityWatchBudgetDays : RuleParameter.InactivityBudgetDays],
            (int)(home.Rules.Ticks(RuleParameter.InactivityLearn) / TimeSpan.TicksPerDay)
        );
        // The fixed rule stays as the floor, as it holds for this home now: sooner for the key class and under heightened watch.
        var floor = Consumption.Within(turn, utility, time) / (double)TimeSpan.TicksPerHour;
        if (pattern.Settings.BudgetDays != budget || pattern.Settings.LearnDays != learn || pattern.Settings.FloorHours != floor)
            pattern.Settings = pattern.Settings with { BudgetDays = budget, LearnDays = learn, FloorHours = floor };
        pattern.Observe(
            new DateTime(from, DateTimeKind.Utc),
            new DateTime(time, DateTimeKind.Utc),
            used,
            new DateTime(use.Frontier, DateTimeKind.Utc),
            turn.Zone
        );

        var series = SeriesOf(utility);
        var open = home.FindEpisode(AlarmKind.Inactivity, series: series);
        if (open >= 0)
        {
            // The fixed rule's hysteresis: a flush ends the episode, a drip or one litre doesn't, or the same absence cries twice.
            var resume = home.Rules[utility.Resume];
            var hours = (time - from) / (double)TimeSpan.TicksPerHour;
            use.Resumed = Math.Max(0, use.Resumed + used - (pattern.Quiet + resume / 6) * hours);
            if (pattern.LastUse.Ticks <= home.Episodes[open].Opened || use.Resumed + resume / 6 * Math.Min(hours, 1) < resume)
                return;
            turn.Clear(
                open,
                time,
                $"{utility.Name} used again at {turn.At(pattern.LastUse.Ticks, time)} ({utility.Amount(use.Resumed)})",
                $"{turn.AtZh(pattern.LastUse.Ticks, time)}恢复{utility.NameZh}（{utility.Amount(use.Resumed)}）"
            );
            use.Resumed = 0;
            use.Floor = Math.Max(use.Floor, pattern.LastUse.Ticks); // the fixed rule begins again too
            home.Village?.Recheck(turn, time);
            return;
        }

        if (home.AbsenceAt(time) is { } absence)
        {
            pattern.Forgive(absence.Until < new DateTime(time, DateTimeKind.Utc) ? absence.Until : new DateTime(time, DateTimeKind.Utc));
            return;
        }

        if (!pattern.Learned || !pattern.IsDue || home.FindEpisode(utility.Kind) >= 0)
            return;
        var due = pattern.DueAt!.Value;
        if (!home.Rules.SpeaksAt(AlarmKind.Inactivity, due.Ticks, turn))
        {
            // Due at an hour in which nobody wants to hear of it: told in the next one in which they do.
            if (!home.Rules.SpeaksAt(AlarmKind.Inactivity, time, turn))
                return;
            due = new DateTime(time, DateTimeKind.Utc);
        }

        // The words say what is so now; the alarm is dated when the silence became surprising.
        var why = pattern.Explain(due);
        use.Resumed = 0;
        var (more, moreZh) = Phrases.Corroborate(home, turn.Zone, utility.Kind, due.Ticks);
        var (watch, watchZh) = Watched(home, time);
        turn.Open(
            AlarmKind.Inactivity,
            pattern.LastUse.Ticks,
            due.Ticks,
            -1,
            series,
            why.Reason + more + watch,
            why.ReasonZh + moreZh + watchZh
        );
    }

    /// <summary>Heightened watch of the area asks for a visit.</summary>
    public static (string En, string Zh) Watched(Home home, long time) =>
        home.OnWatch(time) ? (", area under heightened watch: please visit", "，该区域处于重点关注期，请上门探访") : ("", "");

    /// <summary>
    /// Once a home's life is learned, its pattern keeps the fixed rule as its own floor (never later than 24 h after the newest use), by
    /// what use means in this home: the general "under 10 L" would cry wolf where few litres are a normal day.
    /// </summary>
    public static bool HoldsTheFloor(Home home, UseTracker use) =>
        use.Pattern is { Learned: true } && home.Rules.Enabled(AlarmKind.Inactivity);

    /// <summary>The fixed rule has come true during an inactivity episode: it becomes more certain, not another alarm.</summary>
    public static bool SpeaksFor(in Turn turn, in Consumption.Utility utility, long due, string en, string zh)
    {
        var open = turn.Home.FindEpisode(AlarmKind.Inactivity, series: SeriesOf(utility));
        if (open < 0)
            return false;
        ref var episode = ref turn.Home.Episodes[open];
        if (episode.Again < due)
            turn.Update(open, due, en, zh);
        return true;
    }

    /// <summary>An episode of inactivity belongs to a utility, not to a device: 0 water, 1 electricity.</summary>
    private static int SeriesOf(in Consumption.Utility utility) => utility.IsWater ? 0 : 1;
}
