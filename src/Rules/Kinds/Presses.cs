using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>A press, a fall, a call for help: an event is an alarm at once, whatever else is known. Another one notifies again.</summary>
internal static class Presses
{
    private const int Remembered = 8;

    public static void Apply(in Turn turn, int series, in Reading r, long time)
    {
        var home = turn.Home;
        var rules = home.Rules;
        ref var s = ref home.Series[series];
        var (kind, again, late) =
            ReferenceEquals(r.Metric, Metric.Button) ? (AlarmKind.Sos, RuleParameter.PressAgainWithin, RuleParameter.PressLateAfter)
            : ReferenceEquals(r.Metric, Metric.Fall) ? (AlarmKind.Fall, RuleParameter.FallAgainWithin, RuleParameter.FallLateAfter)
            : (AlarmKind.VoiceHelp, RuleParameter.VoiceAgainWithin, RuleParameter.VoiceLateAfter);
        if (Remember(ref s, time, turn.Now) is not { } isNew)
            return; // delivered again
        var word = r.Event ?? "";
        if (r.Has(ReadingFlags.Test) || (ReferenceEquals(kind, AlarmKind.Sos) && word.Length > 0 && rules.IgnoredPresses.Contains(word)))
            return;
        var device = s.Device;
        var isLate = r.Has(ReadingFlags.History) || r.Has(ReadingFlags.Retained) || turn.Now - time > rules.Ticks(late);
        if (!isLate)
            home.LifeAt = Math.Max(home.LifeAt, time);
        var open = home.FindEpisode(kind, device);
        if (open >= 0)
        {
            ref var e = ref home.Episodes[open];
            var begun = Math.Min(e.Start, e.Opened); // its name is a time that lies ahead when the clock has been set back
            if (Math.Abs(time - e.Again) <= rules.Ticks(again) || (time >= begun && time <= e.Again))
            {
                // A retained message is the broker's memory, not another press; a key still held is the press that is known (a locator
                // tells its alarm bit with every position).
                if (r.Has(ReadingFlags.Retained) || !isNew || IsHeld(home, device, time))
                    return;
                if (isLate && e.Severity == Severity.Critical)
                {
                    turn.Update(
                        open,
                        time,
                        $"a press of {turn.At(time, turn.Now)} has arrived late",
                        $"{turn.AtZh(time, turn.Now)}的呼叫迟到",
                        notify: false,
                        isEvent: true
                    );
                    return;
                }

                turn.Update(
                    open,
                    time,
                    Again(kind, turn, time),
                    AgainZh(kind, turn, time),
                    isLate ? null : Severity.Critical,
                    notify: true,
                    isEvent: true
                );
                return;
            }

            if (time < begun)
                open = -1; // older news than the episode: its own case
            else
                home.RemoveEpisode(open);
        }

        var (more, moreZh) = Phrases.Corroborate(home, turn.Zone, kind, time);
        var at = turn.At(time, turn.Now);
        var atZh = turn.AtZh(time, turn.Now);
        if (!isLate)
        {
            turn.Open(
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

        // Old news is still somebody who called: a case of its own, said to be late, not a live alarm.
        var severity = r.Has(ReadingFlags.Retained) ? Severity.Technical : Severity.High;
        var why = r.Has(ReadingFlags.Retained) ? "kept by the broker, time unknown" : $"heard of at {turn.At(turn.Now, turn.Now)}";
        var whyZh = r.Has(ReadingFlags.Retained) ? "服务器保留的旧消息，时间不明" : $"{turn.AtZh(turn.Now, turn.Now)}才收到";
        var index = turn.Open(
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

    private static string Again(AlarmKind kind, in Turn turn, long time) => $"{What(kind)} again at {turn.At(time, turn.Now)}";

    private static string AgainZh(AlarmKind kind, in Turn turn, long time) => $"{turn.AtZh(time, turn.Now)}再次{WhatZh(kind)}";

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
    /// Null when this very event is known already: a reading is unique by series and time. False when it is older than all that are
    /// remembered: perhaps known, and told rather twice than never, under a name that is its time. Of presses that lie ahead, from before
    /// the clock was set back, nothing is older news.
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
