using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>A home that is too cold or too hot for too long.</summary>
internal static class RoomClimate
{
    public static void Apply(in RuleContext context, int series, double value, long time)
    {
        if (!(value is > -60 and < 80))
            return;
        var rules = context.Home.Rules;
        var watch = context.Home.OnWatch(time); // in a cold or heat wave: sooner
        Check(
            context,
            series,
            AlarmKind.ColdHome,
            value < rules[RuleParameter.ColdBelow],
            value > rules[RuleParameter.ColdBelow] + rules[RuleParameter.ColdHysteresis],
            rules.Ticks(watch ? RuleParameter.ColdWatchFor : RuleParameter.ColdFor),
            value,
            -1,
            time
        );
        Check(
            context,
            series,
            AlarmKind.HotHome,
            value > rules[RuleParameter.HotAbove],
            value < rules[RuleParameter.HotAbove] - rules[RuleParameter.HotHysteresis],
            rules.Ticks(watch ? RuleParameter.HotWatchFor : RuleParameter.HotFor),
            value,
            1,
            time
        );
    }

    private static void Check(
        in RuleContext context,
        int series,
        AlarmKind kind,
        bool outside,
        bool well,
        long longEnough,
        double value,
        int side,
        long time
    )
    {
        var home = context.Home;
        ref var s = ref home.Series[series];
        var open = home.FindEpisode(kind, s.Device, series);
        if (well && open >= 0)
        {
            context.Clear(
                open,
                time,
                $"{Phrases.Number(value)} °C at home at {context.At(time, time)}",
                $"{context.AtZh(time, time)}室温{Phrases.Number(value)}°C"
            );
            return;
        }

        // Extra is the side of the condition (-1 cold, 1 hot): a room isn't both at once.
        if (!outside)
        {
            if (s.Extra == side)
                s.Extra = s.Since = 0;
            return;
        }

        if (s.Extra != side)
        {
            s.Extra = side;
            s.Since = time;
        }

        if (open >= 0 || time - s.Since < longEnough || home.AbsenceAt(time) is not null || !home.Rules.IsActiveAt(kind, time, context))
            return;
        var due = s.Since + longEnough;
        if (home.AbsenceAt(due) is not null || !home.Rules.IsActiveAt(kind, due, context))
            due = time;
        var (en, zh) = side < 0 ? ("cold", "过低") : ("hot", "过高");
        var (more, moreZh) = LearnedInactivity.WatchNote(home, time);
        context.Open(
            kind,
            s.Since,
            due,
            s.Device,
            series,
            $"{en} home: {Phrases.Number(value)} °C, since {context.At(s.Since, time)}{more}",
            $"室温{zh}：{Phrases.Number(value)}°C，自{context.AtZh(s.Since, time)}起{moreZh}"
        );
    }
}
