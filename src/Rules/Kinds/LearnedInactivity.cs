using Vigil.Model;
using Vigil.Rules.Inactivity;

namespace Vigil.Rules.Kinds;

/// <summary>
/// <c>inactivity</c>: no use for longer than is usual for this resident. Until 28 days are learned, only the fixed rules (no-water,
/// no-electricity) hold. While an inactivity episode is open, the fixed rule of the same utility updates it and opens no second alarm for
/// the same silence.
/// </summary>
internal static class LearnedInactivity
{
    /// <summary>An episode of inactivity belongs to a utility, not to a device; those of a home's sensors come after these.</summary>
    public const int Water = 0,
        Electricity = 1;

    public static void Apply(in RuleContext context, in Utility utility, UseTracker use, long from, long time, double used)
    {
        var home = context.Home;
        if (!home.Rules.Enabled(AlarmKind.Inactivity))
            return;
        var pattern = use.Pattern ??= new LifePattern(utility.IsWater ? LifeMeter.Water : LifeMeter.Electricity);
        var (budget, learn) = (
            home.Rules[
                home.OnWatch(time) ? RuleParameter.InactivityWatchBudgetDays
                : utility.IsWater ? RuleParameter.InactivityBudgetDays
                : RuleParameter.InactivityElectricityBudgetDays
            ],
            (int)(home.Rules.Ticks(RuleParameter.InactivityLearn) / TimeSpan.TicksPerDay)
        );
        // The alarm comes at the latest with the fixed rule as it holds for this home now: sooner for key residents and under heightened
        // watch.
        var floor = Consumption.Within(context, utility, time) / (double)TimeSpan.TicksPerHour;
        if (pattern.Settings.BudgetDays != budget || pattern.Settings.LearnDays != learn || pattern.Settings.FloorHours != floor)
            pattern.Settings = pattern.Settings with { BudgetDays = budget, LearnDays = learn, FloorHours = floor };
        var lastUse = pattern.LastUse;
        pattern.Expect(
            context.Engine.Priors.Of(utility.IsWater ? LifeBasis.Water : LifeBasis.Electricity, home.Facts is { KeyClass: true })
        );
        pattern.Follow(context.Engine.Rules.Calendar);
        pattern.Observe(
            new DateTime(from, DateTimeKind.Utc),
            new DateTime(time, DateTimeKind.Utc),
            used,
            new DateTime(use.ReportedUntil, DateTimeKind.Utc),
            context.Zone
        );
        if (pattern.LastUse > lastUse)
            HomeInactivity.Used(context, utility, pattern.LastUse.Ticks);

        var series = SeriesOf(utility);
        var open = home.FindEpisode(AlarmKind.Inactivity, series: series);
        if (open >= 0)
        {
            // The hysteresis of the fixed rule: a flush ends the episode, a drip or one litre doesn't, or one silence would alarm twice.
            var resume = home.Rules[utility.Resume];
            var hours = (time - from) / (double)TimeSpan.TicksPerHour;
            use.Resumed = Math.Max(0, use.Resumed + used - (pattern.Background + resume / 6) * hours);
            if (pattern.LastUse.Ticks <= home.Episodes[open].Opened || use.Resumed + resume / 6 * Math.Min(hours, 1) < resume)
                return;
            context.Clear(
                open,
                time,
                $"{utility.Name} used again at {context.At(pattern.LastUse.Ticks, time)} ({utility.Amount(use.Resumed)})",
                $"{context.AtZh(pattern.LastUse.Ticks, time)}恢复{utility.NameZh}（{utility.Amount(use.Resumed)}）"
            );
            use.Resumed = 0;
            use.CountedFrom = Math.Max(use.CountedFrom, pattern.LastUse.Ticks); // the fixed rule counts from here too
            home.OutageArea?.CheckEnd(context, time);
            return;
        }

        if (home.AbsenceAt(time) is { } absence)
        {
            pattern.RestartSilence(
                absence.Until < new DateTime(time, DateTimeKind.Utc) ? absence.Until : new DateTime(time, DateTimeKind.Utc)
            );
            return;
        }

        if (!pattern.Judges || !pattern.IsDue || home.FindEpisode(utility.Kind) >= 0)
            return;
        var due = pattern.DueAt!.Value;
        if (HomeInactivity.Contradicts(home, pattern.LastUse))
        {
            due = pattern.LastUse.AddHours(floor); // the fixed rule stays, whoever was seen
            if (due.Ticks > time)
                return;
        }

        if (home.FindEpisode(AlarmKind.Inactivity) >= 0)
            return; // the home's sensors have told of the same silence
        if (!home.Rules.IsActiveAt(AlarmKind.Inactivity, due.Ticks, context))
        {
            // Due outside the hours of the rule: told at the first reading within them.
            if (!home.Rules.IsActiveAt(AlarmKind.Inactivity, time, context))
                return;
            due = new DateTime(time, DateTimeKind.Utc);
        }

        // The alarm is dated by when the silence became unusual.
        var why = pattern.Explain(due);
        use.Resumed = 0;
        var (more, moreZh) = Phrases.OtherEvidence(home, context.Zone, utility.Kind, due.Ticks);
        var (watch, watchZh) = WatchNote(home, time);
        context.Open(
            AlarmKind.Inactivity,
            pattern.LastUse.Ticks,
            due.Ticks,
            -1,
            series,
            why.Reason + more + watch,
            why.ReasonZh + moreZh + watchZh
        );
    }

    /// <summary>Asks for a visit when the area is under heightened watch.</summary>
    public static (string En, string Zh) WatchNote(Home home, long time) =>
        home.OnWatch(time) ? (", area under heightened watch: please visit", "，该区域处于重点关注期，请上门探访") : ("", "");

    /// <summary>
    /// Once a home's habits are learned, its pattern applies the fixed rule itself (at the latest 24 h after the newest use), by this
    /// home's own idea of use: the general "under 10 L" would raise false alarms where few litres are a normal day.
    /// </summary>
    public static bool ReplacesFixedRule(Home home, UseTracker use) =>
        use.Pattern is { Learned: true } && home.Rules.Enabled(AlarmKind.Inactivity);

    /// <summary>Adds the fixed rule's finding to an open inactivity episode; false when none is open.</summary>
    public static bool MergeFixedRule(in RuleContext context, in Utility utility, long due, string en, string zh)
    {
        var open = context.Home.FindEpisode(AlarmKind.Inactivity, series: SeriesOf(utility));
        if (open < 0)
            open = context.Home.FindEpisode(AlarmKind.Inactivity, series: HomeInactivity.Series);
        if (open < 0)
            return false;
        ref var episode = ref context.Home.Episodes[open];
        if (episode.Again <= episode.Opened) // once: with a leak it holds again in every hour
            context.Update(open, Math.Max(due, episode.Opened + 1), en, zh);
        return true;
    }

    private static int SeriesOf(in Utility utility) => utility.IsWater ? Water : Electricity;
}
