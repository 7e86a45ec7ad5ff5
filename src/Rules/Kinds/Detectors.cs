using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>Smoke, gas, leak and tamper: an alarm at once, cleared when the detector has been off for a while.</summary>
internal static class Detectors
{
    /// <summary>How many periods in which a detector was on are remembered.</summary>
    private const int RememberedPeriods = 6;

    public static void Apply(
        in RuleContext context,
        int series,
        AlarmKind kind,
        RuleParameter clearAfter,
        RuleParameter lateAfter,
        bool on,
        in Reading r,
        long time
    )
    {
        var home = context.Home;
        ref var s = ref home.Series[series];
        var open = home.FindEpisode(kind, s.Device, series);
        if (on)
        {
            var late = r.Has(ReadingFlags.History) || r.Has(ReadingFlags.Retained) || context.Now - time > home.Rules.Ticks(lateAfter);
            var cameBack = s.Due != 0;
            s.Due = 0;
            s.Since = 0;
            if (r.Has(ReadingFlags.Test))
                return;
            if (open < 0)
            {
                var (more, moreZh) = Phrases.OtherEvidence(home, context.Zone, kind, time);
                var at = context.At(time, context.Now);
                var atZh = context.AtZh(time, context.Now);
                if (late)
                    context.Open(
                        kind,
                        time,
                        time,
                        s.Device,
                        series,
                        $"late: {What(kind)} at {at}, heard of at {context.At(context.Now, context.Now)}",
                        $"迟到的消息：{atZh}{WhatZh(kind)}，{context.AtZh(context.Now, context.Now)}才收到",
                        LateSeverity(kind, home)
                    );
                else
                    context.Open(kind, time, time, s.Device, series, $"{What(kind)} at {at}{more}", $"{atZh}{WhatZh(kind)}{moreZh}");
            }
            else if (!late && (cameBack || home.Episodes[open].Severity < home.Rules.SeverityOf(kind)))
            {
                context.Update(
                    open,
                    time,
                    $"{What(kind)} again at {context.At(time, context.Now)}",
                    $"{context.AtZh(time, context.Now)}再次{WhatZh(kind)}",
                    home.Rules.SeverityOf(kind),
                    notify: true
                );
            }

            return;
        }

        if (open < 0 || s.Due != 0)
            return;
        s.Since = time;
        s.Due = time + home.Rules.Ticks(clearAfter);
        if (s.Due <= time)
            States.Fire(context, series, time);
        else
            context.Engine.Queue(home, s.Due);
    }

    /// <summary>Remembers from when to when a detector was on, newest first.</summary>
    public static void RememberOn(ref Series s, long time, bool goesOn)
    {
        var known = s.Events ??= new long[RememberedPeriods * 2];
        if (!goesOn || known[0] == 0)
        {
            Array.Copy(known, 0, known, 2, known.Length - 2);
            known[0] = time;
        }

        known[1] = time;
    }

    /// <summary>
    /// An alarm that arrives after its own end: overtaken on the way, or kept by a gateway. People are told of it all the same, unless the
    /// same message was delivered before.
    /// </summary>
    public static void OutOfOrder(in RuleContext context, int series, in Reading r, long time)
    {
        ref var s = ref context.Home.Series[series];
        if (
            KindOf(s.Metric) is not { } kind
            || ReferenceEquals(kind, AlarmKind.Tamper)
            || context.Home.FindEpisode(kind, s.Device, series) >= 0
        )
            return;
        var known = s.Events ??= new long[RememberedPeriods * 2];
        for (var i = 0; i < known.Length; i += 2)
            if (known[i] <= time && time <= known[i + 1])
                return;
        Array.Copy(known, 2, known, 4, known.Length - 4);
        known[2] = known[3] = time;
        var late =
            r.Has(ReadingFlags.History)
            || r.Has(ReadingFlags.Retained)
            || context.Now - time > context.Home.Rules.Ticks(RuleParameter.SmokeLateAfter);
        var index = context.Open(
            kind,
            time,
            time,
            s.Device,
            series,
            $"late: {What(kind)} at {context.At(time, context.Now)}, heard of at {context.At(context.Now, context.Now)}, after news from "
                + $"{context.At(s.Time, context.Now)}",
            $"迟到的消息：{context.AtZh(time, context.Now)}{WhatZh(kind)}，{context.AtZh(context.Now, context.Now)}才收到，"
                + $"晚于{context.AtZh(s.Time, context.Now)}的消息",
            late ? LateSeverity(kind, context.Home) : null
        );
        // Closed at once: what the detector reports from now on opens another episode.
        if (index >= 0 && context.Home.Episodes[index].HeldUntil == 0)
            context.Home.RemoveEpisode(index);
    }

    /// <summary>An alarm that arrived late is at most high.</summary>
    private static Severity LateSeverity(AlarmKind kind, Home home) =>
        (Severity)Math.Min((int)Severity.High, (int)home.Rules.SeverityOf(kind));

    /// <summary>The alarm of a detector's metric; null for other states.</summary>
    public static AlarmKind? KindOf(Metric metric) =>
        ReferenceEquals(metric, Metric.Smoke) ? AlarmKind.Smoke
        : ReferenceEquals(metric, Metric.Gas) ? AlarmKind.Gas
        : ReferenceEquals(metric, Metric.WaterLeak) ? AlarmKind.WaterLeak
        : ReferenceEquals(metric, Metric.Tamper) ? AlarmKind.Tamper
        : null;

    public static string What(AlarmKind kind) =>
        ReferenceEquals(kind, AlarmKind.Smoke) ? "smoke"
        : ReferenceEquals(kind, AlarmKind.Gas) ? "gas"
        : ReferenceEquals(kind, AlarmKind.WaterLeak) ? "water leak"
        : "device opened or removed";

    public static string WhatZh(AlarmKind kind) =>
        ReferenceEquals(kind, AlarmKind.Smoke) ? "烟雾报警"
        : ReferenceEquals(kind, AlarmKind.Gas) ? "燃气报警"
        : ReferenceEquals(kind, AlarmKind.WaterLeak) ? "漏水报警"
        : "设备被拆动";
}
