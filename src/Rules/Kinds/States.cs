using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>
/// What is on or off: smoke, gas and leak detectors alarm at once, a door or an empty bed when it lasts; tamper and battery are about the
/// device. A state that is only repeated changes nothing.
/// </summary>
internal static class States
{
    public static void Apply(in RuleContext context, int series, in Reading r, long time)
    {
        ref var s = ref context.Home.Series[series];
        if (time <= s.Time)
        {
            if (time < s.Time && r.Value != 0 && !r.Has(ReadingFlags.Test))
                Detectors.OutOfOrder(context, series, r, time);
            return;
        }

        if (s.Due != 0 && time >= s.Due)
            Fire(context, series, s.Due);
        var first = s.Time == 0;
        var on = r.Value != 0;
        var was = !first && s.Value != 0;
        s.Time = time;
        s.Value = on ? 1 : 0;
        var metric = s.Metric;
        if (on && Detectors.KindOf(metric) is not null)
            Detectors.RememberOn(ref s, time, was);
        if (ReferenceEquals(metric, Metric.Smoke))
            Detectors.Apply(context, series, AlarmKind.Smoke, RuleParameter.SmokeClearAfter, RuleParameter.SmokeLateAfter, on, r, time);
        else if (ReferenceEquals(metric, Metric.Gas))
            Detectors.Apply(context, series, AlarmKind.Gas, RuleParameter.GasClearAfter, RuleParameter.GasLateAfter, on, r, time);
        else if (ReferenceEquals(metric, Metric.WaterLeak))
            Detectors.Apply(context, series, AlarmKind.WaterLeak, RuleParameter.LeakClearAfter, RuleParameter.SmokeLateAfter, on, r, time);
        else if (ReferenceEquals(metric, Metric.Tamper))
            Detectors.Apply(context, series, AlarmKind.Tamper, RuleParameter.LeakClearAfter, RuleParameter.SmokeLateAfter, on, r, time);
        else if (ReferenceEquals(metric, Metric.BatteryLow))
            DeviceTrouble.Battery(context, s.Device, series, on, !on, "the device says so", "设备自报", time);
        else if (ReferenceEquals(metric, Metric.DoorOpen))
            DoorAndBed.Door(context, series, on, was, first, time);
        else if (ReferenceEquals(metric, Metric.BedOccupied))
            DoorAndBed.Bed(context, series, on, was, first, time);
        else if (on && (ReferenceEquals(metric, Metric.Presence) || ReferenceEquals(metric, Metric.Motion)))
        {
            s.Since = time; // newest movement
            context.Home.NoteActivity(time);
        }
        else if (on && !was && ReferenceEquals(metric, Metric.PowerLost))
            s.Since = time; // is named in the reasons of other alarms
    }

    /// <summary>A condition has lasted long enough, or has been over for long enough to clear the alarm.</summary>
    public static void Fire(in RuleContext context, int series, long due)
    {
        var home = context.Home;
        ref var s = ref home.Series[series];
        s.Due = 0;
        var metric = s.Metric;
        if (ReferenceEquals(metric, Metric.DoorOpen))
            DoorAndBed.DoorLasts(context, series, due);
        else if (ReferenceEquals(metric, Metric.BedOccupied))
            DoorAndBed.BedLasts(context, series, due);
        else if (ReferenceEquals(metric, Metric.Location))
            Whereabouts.Lasts(context, series, due);
        else if (Detectors.KindOf(metric) is { } kind && home.FindEpisode(kind, s.Device, series) is >= 0 and var open)
            context.Clear(
                open,
                s.Since,
                $"{Detectors.What(kind)} is over since {context.At(s.Since, due)}",
                $"{Detectors.WhatZh(kind)}自{context.AtZh(s.Since, due)}起解除"
            );
    }
}
