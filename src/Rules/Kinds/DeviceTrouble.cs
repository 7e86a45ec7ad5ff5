using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>
/// A device that is silent, was never seen, or has a low battery. Judged by arrival time and by the registry, so that a device that never
/// reported is found too. When a meter stays silent nobody knows how its resident is: then a welfare check is asked for.
/// </summary>
internal static class DeviceTrouble
{
    /// <summary>When a device has to be looked at next, ticks; long.MaxValue when nothing is awaited.</summary>
    public static long DueOf(RuleEngine engine, Home home, int index)
    {
        ref var d = ref home.Devices[index];
        if (IsNobodysMatter(home, d))
            return long.MaxValue;
        var rules = home.Rules;
        if (d.Received == 0)
        {
            if (
                !d.Registered
                || d.Installed == 0
                || home.FindEpisode(AlarmKind.DeviceNeverSeen, index) >= 0
                || !rules.Enabled(AlarmKind.DeviceNeverSeen)
            )
                return long.MaxValue;
            return engine.ListenedFor(d.Installed, rules.Ticks(RuleParameter.NeverSeenAfter));
        }

        var silent = home.FindEpisode(AlarmKind.DeviceSilent, index);
        if (silent < 0)
        {
            var allowed = Allowed(home, d);
            if (allowed == long.MaxValue || !rules.Enabled(AlarmKind.DeviceSilent))
                return long.MaxValue;
            // Nor is it missed for the time before it was registered, or its resident agreed to be watched again.
            var due = engine.ListenedFor(Math.Max(d.Received, engine.UnlessAhead(d.Installed)), allowed);
            // What has no interval may have spoken because somebody was at home.
            return !d.HasInterval && home.AbsenceAt(due) is { } absence ? absence.Until.Ticks : due;
        }

        return d.Meter && home.Episodes[silent].Severity < Severity.High ? Welfare(home, home.Episodes[silent].Again) : long.MaxValue;
    }

    /// <summary>Where remote monitoring is refused, a device that watches is not missed: nothing of it is taken.</summary>
    public static bool IsNobodysMatter(Home home, in DeviceState d) => !d.OnlyCalls && (home.Refused & Refusals.Monitoring) != 0;

    /// <summary>When a welfare check is due after a silence: sooner under heightened watch, but not before the watch began.</summary>
    private static long Welfare(Home home, long since)
    {
        var usual = since + home.Rules.Ticks(RuleParameter.SilentWelfareAfter);
        if (home.Facts is not { WatchUntil: not null } facts || !home.OnWatch(Math.Max(since, facts.WatchFrom.Ticks)))
            return usual;
        var watched = since + home.Rules.Ticks(RuleParameter.SilentWelfareWatch);
        return Math.Min(usual, Math.Max(watched, facts.WatchFrom.Ticks));
    }

    private static long Allowed(Home home, in DeviceState d)
    {
        if (d.ReportEvery > 0)
            return Math.Max((long)(d.ReportEvery * home.Rules[RuleParameter.SilentMissed]), home.Rules.Ticks(RuleParameter.SilentLeast));
        return d.Meter
            ? home.Rules.Ticks(RuleParameter.SilentUnknown)
            : d.Cadence.Allowed(d.Received, home.Rules.Ticks(RuleParameter.SilentUnknown)); // a button may report only when it is pressed
    }

    public static void Fire(in RuleContext context, int index, long due)
    {
        var home = context.Home;
        ref var d = ref home.Devices[index];
        if (d.Received == 0)
        {
            context.Open(
                AlarmKind.DeviceNeverSeen,
                d.Installed,
                due,
                index,
                -1,
                $"installed or registered {context.At(d.Installed, due)}, nothing ever received",
                $"{context.AtZh(d.Installed, due)}安装或登记，从未收到数据"
            );
            return;
        }

        var silent = home.FindEpisode(AlarmKind.DeviceSilent, index);
        if (silent < 0)
        {
            var (every, everyZh) =
                d.ReportEvery > 0 ? ($", expected every {Phrases.Span(d.ReportEvery)}", $"，应每{Phrases.SpanZh(d.ReportEvery)}上报一次")
                : d.HasInterval ? ("", "")
                : (
                    $", heard at least every {Phrases.Span(d.Cadence.Longest)} before",
                    $"，此前至少每{Phrases.SpanZh(d.Cadence.Longest)}有一次数据"
                );
            context.Open(
                AlarmKind.DeviceSilent,
                d.Received,
                due,
                index,
                -1,
                $"nothing received since {context.At(d.Received, due)}{every}",
                $"自{context.AtZh(d.Received, due)}起没有收到数据{everyZh}"
            );
            return;
        }

        // No check is needed while another meter or sensor still shows how the resident is.
        if (home.AbsenceAt(due) is not null || IsSeenOtherwise(home, index, due))
        {
            home.Episodes[silent].Again = due; // checked again after the same time
            return;
        }

        var (more, moreZh) = Phrases.OtherEvidence(home, context.Zone, AlarmKind.DeviceSilent, due);
        context.Update(
            silent,
            due,
            $"welfare check: nobody knows how the resident is, the meter has been silent since {context.At(d.Received, due)}{more}",
            $"请探访：电表或水表自{context.AtZh(d.Received, due)}起没有数据，无人知道老人情况{moreZh}",
            Severity.High,
            notify: true
        );
    }

    /// <summary>Whether something other than this device shows how the resident is.</summary>
    private static bool IsSeenOtherwise(Home home, int but, long at)
    {
        if (home.LastActivity > at - 24 * TimeSpan.TicksPerHour)
            return true;
        for (var i = 0; i < home.DeviceCount; i++)
            if (i != but && home.Devices[i].Meter && home.Devices[i].Received != 0 && home.FindEpisode(AlarmKind.DeviceSilent, i) < 0)
                return true;
        return false;
    }

    /// <summary>A message of a device arrived.</summary>
    public static void Seen(in RuleContext context, int index, long received)
    {
        var home = context.Home;
        ref var d = ref home.Devices[index];
        var before = d.Received;
        if (received > before)
        {
            d.Received = received;
            if (!d.HasInterval)
                d.Cadence.Heard(before, received);
        }
        if (home.EpisodeCount == 0)
        {
            if (before == 0)
                context.Engine.Queue(home, DueOf(context.Engine, home, index));
            return;
        }

        var never = home.FindEpisode(AlarmKind.DeviceNeverSeen, index);
        if (never >= 0)
            context.Clear(
                never,
                received,
                $"first heard at {context.At(received, received)}",
                $"{context.AtZh(received, received)}首次收到数据"
            );
        var silent = home.FindEpisode(AlarmKind.DeviceSilent, index);
        if (silent >= 0 && received > before)
        {
            context.Clear(
                silent,
                received,
                $"heard again at {context.At(received, received)}",
                $"{context.AtZh(received, received)}恢复上报"
            );
            home.OutageArea?.CheckEnd(context, received);
            before = 0;
        }

        if (before == 0)
            context.Engine.Queue(home, DueOf(context.Engine, home, index));
    }

    public static void Battery(in RuleContext context, int device, int series, bool low, bool well, string what, string whatZh, long time)
    {
        var open = context.Home.FindEpisode(AlarmKind.BatteryLow, device, series);
        if (low && open < 0)
            context.Open(
                AlarmKind.BatteryLow,
                time,
                time,
                device,
                series,
                $"battery low ({what}) at {context.At(time, time)}",
                $"{context.AtZh(time, time)}电量低（{whatZh}）"
            );
        else if (well && open >= 0)
            context.Clear(open, time, $"battery well again at {context.At(time, time)}", $"{context.AtZh(time, time)}电量恢复");
    }
}
