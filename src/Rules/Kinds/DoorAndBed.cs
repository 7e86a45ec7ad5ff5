using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>A door that stays open, and a bed that stays empty.</summary>
internal static class DoorAndBed
{
    public static void Door(in RuleContext context, int series, bool open, bool was, bool first, long time)
    {
        var home = context.Home;
        ref var s = ref home.Series[series];
        if (!first && open == was)
            return;
        if (!first)
            context.Home.NoteActivity(time);
        var episode = home.FindEpisode(AlarmKind.DoorOpen, s.Device, series);
        if (!open)
        {
            s.Due = 0;
            s.Since = time; // closed since then; a sensor that repeats its state changes nothing
            if (episode >= 0)
                context.Clear(episode, time, $"door closed at {context.At(time, time)}", $"{context.AtZh(time, time)}门已关上");
            return;
        }

        s.Since = time;
        Schedule(context, ref s, Due(context, AlarmKind.DoorOpen, time, Longest(context, time)));
    }

    /// <summary>How long a door may stay open: less at night.</summary>
    private static long Longest(in RuleContext context, long since)
    {
        var rules = context.Home.Rules;
        var (day, night) = (rules.Ticks(RuleParameter.DoorLonger), rules.Ticks(RuleParameter.DoorNightLonger));
        var hours = new RuleWindow((int)rules[RuleParameter.DoorNightFrom], (int)rules[RuleParameter.DoorNightTo], 127, HolidayUse.Any);
        if (hours.From == hours.To)
            return day;
        // A door that was opened in the evening gets the shorter time once night begins.
        return Math.Min(day, hours.Next(since, context.Zone, context.Engine.Rules.Calendar) - since + night);
    }

    public static void DoorLasts(in RuleContext context, int series, long due)
    {
        ref var s = ref context.Home.Series[series];
        if (s.Value == 0 || context.Home.FindEpisode(AlarmKind.DoorOpen, s.Device, series) >= 0)
            return;
        var (more, moreZh) = Phrases.OtherEvidence(context.Home, context.Zone, AlarmKind.DoorOpen, due);
        context.Open(
            AlarmKind.DoorOpen,
            s.Since,
            due,
            s.Device,
            series,
            $"door open for {Phrases.Span(due - s.Since)}, since {context.At(s.Since, due)}{more}",
            $"门自{context.AtZh(s.Since, due)}起已开{Phrases.SpanZh(due - s.Since)}{moreZh}"
        );
    }

    public static void Bed(in RuleContext context, int series, bool occupied, bool was, bool first, long time)
    {
        var home = context.Home;
        ref var s = ref home.Series[series];
        if (!first && occupied == was)
            return;
        if (!first)
            context.Home.NoteActivity(time);
        var episode = home.FindEpisode(AlarmKind.OutOfBed, s.Device, series);
        if (occupied)
        {
            s.Due = 0;
            s.Since = 0;
            if (episode >= 0)
                context.Clear(episode, time, $"back in bed at {context.At(time, time)}", $"{context.AtZh(time, time)}回到床上");
            return;
        }

        if (first)
            return; // the first reading doesn't say when the bed was left
        s.Since = time;
        Schedule(context, ref s, Due(context, AlarmKind.OutOfBed, time, home.Rules.Ticks(RuleParameter.OutOfBedLonger)));
    }

    public static void BedLasts(in RuleContext context, int series, long due)
    {
        ref var s = ref context.Home.Series[series];
        if (s.Since == 0 || context.Home.AbsenceAt(due) is not null || context.Home.FindEpisode(AlarmKind.OutOfBed, s.Device, series) >= 0)
            return;
        var (more, moreZh) = Phrases.OtherEvidence(context.Home, context.Zone, AlarmKind.OutOfBed, due);
        context.Open(
            AlarmKind.OutOfBed,
            s.Since,
            due,
            s.Device,
            series,
            $"out of bed for {Phrases.Span(due - s.Since)}, since {context.At(s.Since, due)}{more}",
            $"自{context.AtZh(s.Since, due)}起离床{Phrases.SpanZh(due - s.Since)}{moreZh}"
        );
    }

    /// <summary>
    /// When a condition that began at <paramref name="since"/> has lasted long enough within the rule's hours; 0 when it never has.
    /// </summary>
    private static long Due(in RuleContext context, AlarmKind kind, long since, long longest)
    {
        var window = context.Home.Rules.Window(kind);
        var due = since + longest;
        if (window.IsAlways)
            return due;
        return window.Next(due, context.Zone, context.Engine.Rules.Calendar); // outside the hours: when they begin
    }

    private static void Schedule(in RuleContext context, ref Series s, long due)
    {
        s.Due = due;
        if (due != 0)
            context.Engine.Queue(context.Home, due);
    }
}
