using Vigil.Model;

namespace Vigil.Rules;

/// <summary>
/// Every number a rule can be tuned by. Held as doubles: durations in seconds, flags as 0 or 1, times of day in seconds after midnight.
/// </summary>
internal enum P
{
    WaterLessThan,
    WaterWithin,
    WaterWatchWithin,
    WaterResume,
    WaterCriticalAfter,
    WaterLeakMost,
    PowerLessThan,
    PowerWithin,
    PowerWatchWithin,
    PowerResume,
    PowerCriticalAfter,
    PowerAboveBase,
    PowerBaseMost,
    RunningRate,
    RunningFor,
    RunningDripFor,
    OveruseWater,
    OveruseElectricity,
    PressAgainWithin,
    PressLateAfter,
    FallAgainWithin,
    FallLateAfter,
    VoiceAgainWithin,
    VoiceLateAfter,
    SmokeClearAfter,
    SmokeLateAfter,
    GasClearAfter,
    GasLateAfter,
    LeakClearAfter,
    HeartLow,
    HeartHigh,
    OxygenLow,
    SystolicLow,
    SystolicHigh,
    DiastolicHigh,
    BodyLow,
    BodyHigh,
    GlucoseLow,
    GlucoseHigh,
    RespirationLow,
    RespirationHigh,
    VitalReadings,
    VitalWithin,
    VitalFor,
    WanderLonger,
    WanderNightLonger,
    WanderNightFrom,
    WanderNightTo,
    WanderFar,
    WanderMaxSpeed,
    OutOfBedLonger,
    DoorLonger,
    DoorNightLonger,
    DoorNightFrom,
    DoorNightTo,
    ColdBelow,
    ColdFor,
    ColdWatchFor,
    ColdHysteresis,
    HotAbove,
    HotFor,
    HotWatchFor,
    HotHysteresis,
    SilentMissed,
    SilentLeast,
    SilentUnknown,
    SilentWelfareAfter,
    SilentWelfareWatch,
    NeverSeenAfter,
    BatteryBelow,
    BatteryClear,
    ClockTolerance,
    OutageShare,
    OutageHomes,
    OutageQuiet,
    OutageHoldMost,
    OutageSettle,
    InactivityBudgetDays,
    InactivityWatchBudgetDays,
    InactivityLearn,
}

internal enum ParameterType
{
    Number,
    Duration,
    TimeOfDay,
}

/// <param name="Id">Where it stands in the array of values.</param>
/// <param name="Kind">The rule it belongs to.</param>
/// <param name="Name">Its key in rules.yaml.</param>
/// <param name="Type">How it is written.</param>
/// <param name="Default">As written in rules.yaml.</param>
/// <param name="Least">Smallest value; seconds for durations.</param>
/// <param name="Most">Largest value; seconds for durations.</param>
internal sealed record Parameter(P Id, AlarmKind Kind, string Name, ParameterType Type, string Default, double Least, double Most)
{
    /// <summary>In the order of <see cref="P"/>. Units: m³ and kWh, metres, m/s, and the canonical units of the metrics.</summary>
    public static readonly Parameter[] All =
    [
        N(P.WaterLessThan, AlarmKind.NoWater, "less_than", "0.01", 0.0001, 10),
        D(P.WaterWithin, AlarmKind.NoWater, "within", "24h", 1, 96),
        D(P.WaterWatchWithin, AlarmKind.NoWater, "within_on_watch", "12h", 1, 96),
        N(P.WaterResume, AlarmKind.NoWater, "resume", "0.005", 0.0001, 10),
        D(P.WaterCriticalAfter, AlarmKind.NoWater, "critical_after", "48h", 1, 720),
        N(P.WaterLeakMost, AlarmKind.NoWater, "leak_at_most", "0.005", 0, 1),
        N(P.PowerLessThan, AlarmKind.NoElectricity, "less_than", "0.1", 0.001, 100),
        D(P.PowerWithin, AlarmKind.NoElectricity, "within", "24h", 1, 96),
        D(P.PowerWatchWithin, AlarmKind.NoElectricity, "within_on_watch", "12h", 1, 96),
        N(P.PowerResume, AlarmKind.NoElectricity, "resume", "0.1", 0.001, 100),
        D(P.PowerCriticalAfter, AlarmKind.NoElectricity, "critical_after", "48h", 1, 720),
        N(P.PowerAboveBase, AlarmKind.NoElectricity, "less_than_above_base", "0.15", 0, 100),
        N(P.PowerBaseMost, AlarmKind.NoElectricity, "base_load_at_most", "0.15", 0, 100),
        N(P.RunningRate, AlarmKind.WaterRunning, "rate", "0.1", 0.0001, 10),
        D(P.RunningFor, AlarmKind.WaterRunning, "for", "3h", 0.1, 48),
        D(P.RunningDripFor, AlarmKind.WaterRunning, "never_stops_for", "24h", 1, 168),
        N(P.OveruseWater, AlarmKind.Overuse, "water", "2", 0.01, 1000),
        N(P.OveruseElectricity, AlarmKind.Overuse, "electricity", "60", 0.1, 10000),
        D(P.PressAgainWithin, AlarmKind.Sos, "again_within", "30m", 0, 24),
        D(P.PressLateAfter, AlarmKind.Sos, "late_after", "15m", 0.01, 24),
        D(P.FallAgainWithin, AlarmKind.Fall, "again_within", "30m", 0, 24),
        D(P.FallLateAfter, AlarmKind.Fall, "late_after", "15m", 0.01, 24),
        D(P.VoiceAgainWithin, AlarmKind.VoiceHelp, "again_within", "30m", 0, 24),
        D(P.VoiceLateAfter, AlarmKind.VoiceHelp, "late_after", "15m", 0.01, 24),
        D(P.SmokeClearAfter, AlarmKind.Smoke, "clear_after", "60s", 0, 24),
        D(P.SmokeLateAfter, AlarmKind.Smoke, "late_after", "15m", 0.01, 24),
        D(P.GasClearAfter, AlarmKind.Gas, "clear_after", "60s", 0, 24),
        D(P.GasLateAfter, AlarmKind.Gas, "late_after", "15m", 0.01, 24),
        D(P.LeakClearAfter, AlarmKind.WaterLeak, "clear_after", "60s", 0, 24),
        N(P.HeartLow, AlarmKind.VitalSign, "heart_rate_low", "40", 0, 300),
        N(P.HeartHigh, AlarmKind.VitalSign, "heart_rate_high", "130", 0, 300),
        N(P.OxygenLow, AlarmKind.VitalSign, "blood_oxygen_low", "90", 0, 100),
        N(P.SystolicLow, AlarmKind.VitalSign, "systolic_low", "90", 0, 300),
        N(P.SystolicHigh, AlarmKind.VitalSign, "systolic_high", "180", 0, 300),
        N(P.DiastolicHigh, AlarmKind.VitalSign, "diastolic_high", "110", 0, 250),
        N(P.BodyLow, AlarmKind.VitalSign, "body_temperature_low", "35", 20, 45),
        N(P.BodyHigh, AlarmKind.VitalSign, "body_temperature_high", "38.5", 20, 45),
        N(P.GlucoseLow, AlarmKind.VitalSign, "blood_glucose_low", "3.9", 0, 40),
        N(P.GlucoseHigh, AlarmKind.VitalSign, "blood_glucose_high", "16.7", 0, 40),
        N(P.RespirationLow, AlarmKind.VitalSign, "respiration_low", "8", 0, 100),
        N(P.RespirationHigh, AlarmKind.VitalSign, "respiration_high", "30", 0, 100),
        N(P.VitalReadings, AlarmKind.VitalSign, "readings", "2", 1, 20),
        D(P.VitalWithin, AlarmKind.VitalSign, "readings_within", "30m", 0.01, 24),
        D(P.VitalFor, AlarmKind.VitalSign, "for", "1m", 0, 24),
        D(P.WanderLonger, AlarmKind.Wandering, "longer_than", "4h", 0, 240),
        D(P.WanderNightLonger, AlarmKind.Wandering, "night_longer_than", "15m", 0, 24),
        T(P.WanderNightFrom, AlarmKind.Wandering, "night_from", "22:00"),
        T(P.WanderNightTo, AlarmKind.Wandering, "night_to", "05:00"),
        N(P.WanderFar, AlarmKind.Wandering, "far_metres", "5000", 50, 1e6),
        N(P.WanderMaxSpeed, AlarmKind.Wandering, "jump_metres_per_second", "56", 1, 400),
        D(P.OutOfBedLonger, AlarmKind.OutOfBed, "longer_than", "45m", 0.01, 24),
        D(P.DoorLonger, AlarmKind.DoorOpen, "longer_than", "60m", 0.01, 240),
        D(P.DoorNightLonger, AlarmKind.DoorOpen, "night_longer_than", "15m", 0.01, 24),
        T(P.DoorNightFrom, AlarmKind.DoorOpen, "night_from", "22:00"),
        T(P.DoorNightTo, AlarmKind.DoorOpen, "night_to", "06:00"),
        N(P.ColdBelow, AlarmKind.ColdHome, "below", "12", -40, 40),
        D(P.ColdFor, AlarmKind.ColdHome, "for", "2h", 0, 96),
        D(P.ColdWatchFor, AlarmKind.ColdHome, "for_on_watch", "30m", 0, 96),
        N(P.ColdHysteresis, AlarmKind.ColdHome, "hysteresis", "2", 0, 20),
        N(P.HotAbove, AlarmKind.HotHome, "above", "33", 0, 60),
        D(P.HotFor, AlarmKind.HotHome, "for", "2h", 0, 96),
        D(P.HotWatchFor, AlarmKind.HotHome, "for_on_watch", "30m", 0, 96),
        N(P.HotHysteresis, AlarmKind.HotHome, "hysteresis", "2", 0, 20),
        N(P.SilentMissed, AlarmKind.DeviceSilent, "missed_reports", "3", 1, 100),
        D(P.SilentLeast, AlarmKind.DeviceSilent, "at_least", "2h", 0.01, 720),
        D(P.SilentUnknown, AlarmKind.DeviceSilent, "meter_of_unknown_rate", "72h", 1, 2160),
        D(P.SilentWelfareAfter, AlarmKind.DeviceSilent, "welfare_check_after", "24h", 1, 720),
        D(P.SilentWelfareWatch, AlarmKind.DeviceSilent, "welfare_check_after_on_watch", "12h", 1, 720),
        D(P.NeverSeenAfter, AlarmKind.DeviceNeverSeen, "after", "48h", 0.01, 720),
        N(P.BatteryBelow, AlarmKind.BatteryLow, "below", "20", 0, 100),
        N(P.BatteryClear, AlarmKind.BatteryLow, "clear_above", "30", 0, 100),
        D(P.ClockTolerance, AlarmKind.ClockWrong, "tolerance", "10m", 0.01, 24),
        N(P.OutageShare, AlarmKind.Outage, "share", "0.5", 0.1, 1),
        N(P.OutageHomes, AlarmKind.Outage, "homes", "5", 2, 10000),
        D(P.OutageQuiet, AlarmKind.Outage, "quiet", "12h", 1, 96),
        D(P.OutageHoldMost, AlarmKind.Outage, "hold_at_most", "12h", 0.1, 96),
        D(P.OutageSettle, AlarmKind.Outage, "settle", "1h", 0, 12),
        N(P.InactivityBudgetDays, AlarmKind.Inactivity, "one_false_alarm_in_days", "100", 1, 10000),
        N(P.InactivityWatchBudgetDays, AlarmKind.Inactivity, "one_false_alarm_in_days_on_watch", "30", 1, 10000),
        D(P.InactivityLearn, AlarmKind.Inactivity, "learn", "672h", 24, 8760),
    ];

    /// <summary>The number behind what a person wrote; null when it isn't one or is out of range.</summary>
    public double? Read(string text)
    {
        double value;
        switch (Type)
        {
            case ParameterType.Number:
                if (
                    !double.TryParse(
                        text,
                        System.Globalization.NumberStyles.Float,
                        System.Globalization.CultureInfo.InvariantCulture,
                        out value
                    )
                )
                    return null;
                break;
            case ParameterType.Duration:
                if (!Settings.YamlSection.TryDuration(text, out var span))
                    return null;
                value = span.TotalSeconds;
                break;
            default:
                if (
                    !TimeOnly.TryParseExact(
                        text,
                        "HH:mm",
                        System.Globalization.CultureInfo.InvariantCulture,
                        System.Globalization.DateTimeStyles.None,
                        out var time
                    )
                )
                    return null;
                value = time.ToTimeSpan().TotalSeconds;
                break;
        }

        return value >= Least && value <= Most ? value : null;
    }

    /// <summary>As one would write it in rules.yaml; <see cref="Read"/> reads it back.</summary>
    public string Write(double value) =>
        Type switch
        {
            ParameterType.Number => FormattableString.Invariant($"{value}"),
            ParameterType.Duration when value % 3600 == 0 => FormattableString.Invariant($"{value / 3600}h"),
            ParameterType.Duration when value % 60 == 0 => FormattableString.Invariant($"{value / 60}m"),
            ParameterType.Duration => FormattableString.Invariant($"{value}s"),
            _ => TimeSpan.FromSeconds(value).ToString(@"hh\:mm", System.Globalization.CultureInfo.InvariantCulture),
        };

    public string Expected =>
        Type switch
        {
            ParameterType.Number => FormattableString.Invariant($"a number from {Least} to {Most}"),
            ParameterType.Duration => FormattableString.Invariant(
                $"a duration from {Least / 3600:0.###}h to {Most / 3600:0.###}h, such as 90s, 15m, 24h"
            ),
            _ => "a time of day such as 22:00",
        };

    private static Parameter N(P id, AlarmKind kind, string name, string standard, double least, double most) =>
        new(id, kind, name, ParameterType.Number, standard, least, most);

    private static Parameter D(P id, AlarmKind kind, string name, string standard, double leastHours, double mostHours) =>
        new(id, kind, name, ParameterType.Duration, standard, leastHours * 3600, mostHours * 3600);

    private static Parameter T(P id, AlarmKind kind, string name, string standard) =>
        new(id, kind, name, ParameterType.TimeOfDay, standard, 0, 86400);
}
