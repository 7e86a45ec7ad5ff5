using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>A press, a fall, a spoken call for help: an alarm at once, whatever else is known. Each further one notifies again.</summary>
internal static class Presses
{
    private const int Remembered = 8;

    public static void Apply(in RuleContext context, int series, in Reading r, long time)
    {
        var home = context.Home;
        var rules = home.Rules;
        ref var s = ref home.Series[series];
        var (kind, again, late) =
            ReferenceEquals(r.Metric, Metric.Button) ? (AlarmKind.Sos, RuleParameter.PressAgainWithin, RuleParameter.PressLateAfter)
            : ReferenceEquals(r.Metric, Metric.Fall) ? (AlarmKind.Fall, RuleParameter.FallAgainWithin, RuleParameter.FallLateAfter)
            : (AlarmKind.VoiceHelp, RuleParameter.VoiceAgainWithin, RuleParameter.VoiceLateAfter);
        if (Remember(ref s, time, context.Now) is not { } isNew)
            return; // delivered again
        var word = r.Event ?? "";
        if (r.Has(ReadingFlags.Test) || (ReferenceEquals(kind, AlarmKind.Sos) && word.Length > 0 && rules.IgnoredPresses.Contains(word)))
            return;
        var device = s.Device;
        var isLate = r.Has(ReadingFlags.History) || r.Has(ReadingFlags.Retained) || context.Now - time > rules.Ticks(late);
        if (!isLate)
            home.LastActivity = Math.Max(home.LastActivity, time);
        var open = home.FindEpisode(kind, device);
        if (open >= 0)
        {
            ref var e = ref home.Episodes[open];
            var begun = Math.Min(e.Start, e.Opened); // Start may lie in the future after the clock was set back
            if (Math.Abs(time - e.Again) <= rules.Ticks(again) || (time >= begun && time <= e.Again))
            {
                // A retained message is not another press; and while a key is held, a locator repeats its alarm bit with every position.
                if (r.Has(ReadingFlags.Retained) || !isNew || IsHeld(home, device, time))
                    return;
                if (isLate && e.Severity == Severity.Critical)
                {
                    context.Update(
                        open,
                        time,
                        $"a press of {context.At(time, context.Now)} has arrived late",
                        $"{context.AtZh(time, context.Now)}的呼叫迟到",
                        notify: false,
                        isEvent: true
                    );
                    return;
                }

                context.Update(
                    open,
                    time,
                    Again(kind, context, time),
                    AgainZh(kind, context, time),
                    isLate ? null : Severity.Critical,
                    notify: true,
                    isEvent: true
                );
                return;
            }

            if (time < begun)
                open = -1; // older than the episode: an episode of its own
            else
                home.RemoveEpisode(open);
        }

        var (more, moreZh) = Phrases.OtherEvidence(home, context.Zone, kind, time);
        var at = context.At(time, context.Now);
        var atZh = context.AtZh(time, context.Now);
        if (!isLate)
        {
            context.Open(
                kind,
                time,
                time,
                device,
                series,
                $"{What(kind)} at {at}{(word.Length > 0 ? $" ({word})" : "")}{more}",
                $"{atZh}{WhatZh(kind)}{WordZh(word)}{moreZh}",
                Severity.Critical
            );
            return;
        }

        // A call that arrives late is still told of, as an episode of its own with a lower severity.
        var severity = r.Has(ReadingFlags.Retained) ? Severity.Technical : Severity.High;
        var why = r.Has(ReadingFlags.Retained) ? "kept by the broker, time unknown" : $"heard of at {context.At(context.Now, context.Now)}";
        var whyZh = r.Has(ReadingFlags.Retained) ? "服务器保留的旧消息，时间不明" : $"{context.AtZh(context.Now, context.Now)}才收到";
        var index = context.Open(
            kind,
            time,
            time,
            device,
            series,
            $"late {What(kind)}: at {at}, {why}",
            $"迟到的{WhatZh(kind)}：{atZh}，{whyZh}",
            severity
        );
        if (open < 0 && index >= 0 && home.FindEpisode(kind, device) != index)
            home.RemoveEpisode(index);
    }

    private static bool IsHeld(Home home, int device, long time)
    {
        var held = home.FindSeries(device, Metric.ButtonHeld, "");
        return held >= 0 && home.Series[held].Value != 0 && home.Series[held].Time < time;
    }

    private static string What(AlarmKind kind) =>
        ReferenceEquals(kind, AlarmKind.Sos) ? "SOS pressed"
        : ReferenceEquals(kind, AlarmKind.Fall) ? "fall"
        : "call for help";

    private static string WhatZh(AlarmKind kind) =>
        ReferenceEquals(kind, AlarmKind.Sos) ? "按下紧急呼叫"
        : ReferenceEquals(kind, AlarmKind.Fall) ? "检测到跌倒"
        : "语音呼救";

    private static string Again(AlarmKind kind, in RuleContext context, long time) =>
        $"{What(kind)} again at {context.At(time, context.Now)}";

    private static string AgainZh(AlarmKind kind, in RuleContext context, long time) =>
        $"{context.AtZh(time, context.Now)}再次{WhatZh(kind)}";

    private static string WordZh(string word) =>
        word.ToLowerInvariant() switch
        {
            "" or "pressed" or "sos" or "fall" => "",
            "single" => "（单击）",
            "double" => "（双击）",
            "triple" => "（三击）",
            "long" or "hold" => "（长按）",
            _ => $"（{word}）",
        };

    /// <summary>
    /// Null when this event is known: a reading is unique by series and time. False when it is older than all remembered ones: it may be
    /// known, but is rather told twice than never. Remembered times in the future, from before the clock was set back, don't make an event
    /// old.
    /// </summary>
    private static bool? Remember(ref Series s, long time, long now)
    {
        var events = s.Events ??= new long[Remembered];
        var oldest = 0;
        for (var i = 0; i < Remembered; i++)
        {
            if (events[i] == time)
                return null;
            if (events[i] < events[oldest])
                oldest = i;
        }

        if (events[oldest] != 0 && time < events[oldest] && events[oldest] <= now)
            return false;
        events[oldest] = time;
        s.Time = Math.Max(s.Time, time);
        return true;
    }
}
