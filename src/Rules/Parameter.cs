using Vigil.Model;

namespace Vigil.Rules;

internal enum ParameterType
{
    Number,
    Duration,
    TimeOfDay,
}

/// <param name="Id">Its index in the array of values.</param>
/// <param name="Kind">The rule it belongs to.</param>
/// <param name="Name">Its key in rules.yaml.</param>
/// <param name="Type">How it is written.</param>
/// <param name="Default">As written in rules.yaml.</param>
/// <param name="Least">Smallest value; seconds for durations.</param>
/// <param name="Most">Largest value; seconds for durations.</param>
internal sealed record Parameter(
    RuleParameter Id,
    AlarmKind Kind,
    string Name,
    ParameterType Type,
    string Default,
    double Least,
    double Most
)
{
    /// <summary>In the order of <see cref="RuleParameter"/>. m³ and kWh, metres, m/s, and the metrics' canonical units.</summary>
    public static readonly Parameter[] All =
    [
        N(RuleParameter.WaterLessThan, AlarmKind.NoWater, "less_than", "0.01", 0.0001, 10),
        D(RuleParameter.WaterWithin, AlarmKind.NoWater, "within", "24h", 1, 96),
        D(RuleParameter.WaterWatchWithin, AlarmKind.NoWater, "within_on_watch", "12h", 1, 96),
        N(RuleParameter.WaterResume, AlarmKind.NoWater, "resume", "0.005", 0.0001, 10),
        D(RuleParameter.WaterCriticalAfter, AlarmKind.NoWater, "critical_after", "48h", 1, 720),
        N(RuleParameter.WaterLeakMost, AlarmKind.NoWater, "leak_at_most", "0.005", 0, 1),
        N(RuleParameter.PowerLessThan, AlarmKind.NoElectricity, "less_than", "0.1", 0.001, 100),
        D(RuleParameter.PowerWithin, AlarmKind.NoElectricity, "within", "24h", 1, 96),
        D(RuleParameter.PowerWatchWithin, AlarmKind.NoElectricity, "within_on_watch", "12h", 1, 96),
        N(RuleParameter.PowerResume, AlarmKind.NoElectricity, "resume", "0.1", 0.001, 100),
        D(RuleParameter.PowerCriticalAfter, AlarmKind.NoElectricity, "critical_after", "48h", 1, 720),
        N(RuleParameter.PowerAboveBase, AlarmKind.NoElectricity, "less_than_above_base", "0.15", 0, 100),
        N(RuleParameter.PowerBaseMost, AlarmKind.NoElectricity, "base_load_at_most", "0.15", 0, 100),
        N(RuleParameter.RunningRate, AlarmKind.WaterRunning, "rate", "0.1", 0.0001, 10),
        D(RuleParameter.RunningFor, AlarmKind.WaterRunning, "for", "3h", 0.1, 48),
        D(RuleParameter.RunningDripFor, AlarmKind.WaterRunning, "never_stops_for", "24h", 1, 168),
        N(RuleParameter.OveruseWater, AlarmKind.Overuse, "water", "2", 0.01, 1000),
        N(RuleParameter.OveruseElectricity, AlarmKind.Overuse, "electricity", "60", 0.1, 10000),
        D(RuleParameter.PressAgainWithin, AlarmKind.Sos, "again_within", "30m", 0, 24),
        D(RuleParameter.PressLateAfter, AlarmKind.Sos, "late_after", "15m", 0.01, 24),
        D(RuleParameter.FallAgainWithin, AlarmKind.Fall, "again_within", "30m", 0, 24),
        D(RuleParameter.FallLateAfter, AlarmKind.Fall, "late_after", "15m", 0.01, 24),
        D(RuleParameter.VoiceAgainWithin, AlarmKind.VoiceHelp, "again_within", "30m", 0, 24),
        D(RuleParameter.VoiceLateAfter, AlarmKind.VoiceHelp, "late_after", "15m", 0.01, 24),
        D(RuleParameter.SmokeClearAfter, AlarmKind.Smoke, "clear_after", "60s", 0, 24),
        D(RuleParameter.SmokeLateAfter, AlarmKind.Smoke, "late_after", "15m", 0.01, 24),
        D(RuleParameter.GasClearAfter, AlarmKind.Gas, "clear_after", "60s", 0, 24),
        D(RuleParameter.GasLateAfter, AlarmKind.Gas, "late_after", "15m", 0.01, 24),
        D(RuleParameter.LeakClearAfter, AlarmKind.WaterLeak, "clear_after", "60s", 0, 24),
        N(RuleParameter.HeartLow, AlarmKind.VitalSign, "heart_rate_low", "40", 0, 300),
        N(RuleParameter.HeartHigh, AlarmKind.VitalSign, "heart_rate_high", "130", 0, 300),
        N(RuleParameter.OxygenLow, AlarmKind.VitalSign, "blood_oxygen_low", "90", 0, 100),
        N(RuleParameter.SystolicLow, AlarmKind.VitalSign, "systolic_low", "90", 0, 300),
        N(RuleParameter.SystolicHigh, AlarmKind.VitalSign, "systolic_high", "180", 0, 300),
        N(RuleParameter.DiastolicHigh, AlarmKind.VitalSign, "diastolic_high", "110", 0, 250),
        N(RuleParameter.BodyLow, AlarmKind.VitalSign, "body_temperature_low", "35", 20, 45),
        N(RuleParameter.BodyHigh, AlarmKind.VitalSign, "body_temperature_high", "38.5", 20, 45),
        N(RuleParameter.GlucoseLow, AlarmKind.VitalSign, "blood_glucose_low", "3.9", 0, 40),
        N(RuleParameter.GlucoseHigh, AlarmKind.VitalSign, "blood_glucose_high", "16.7", 0, 40),
        N(RuleParameter.RespirationLow, AlarmKind.VitalSign, "respiration_low", "8", 0, 100),
        N(RuleParameter.RespirationHigh, AlarmKind.VitalSign, "respiration_high", "30", 0, 100),
        N(RuleParameter.VitalReadings, AlarmKind.VitalSign, "readings", "2", 1, 20),
        D(RuleParameter.VitalWithin, AlarmKind.VitalSign, "readings_within", "30m", 0.01, 24),
        D(RuleParameter.VitalFor, AlarmKind.VitalSign, "for", "1m", 0, 24),
        D(RuleParameter.WanderLonger, AlarmKind.Wandering, "longer_than", "4h", 0, 240),
        D(RuleParameter.WanderNightLonger, AlarmKind.Wandering, "night_longer_than", "15m", 0, 24),
        T(RuleParameter.WanderNightFrom, AlarmKind.Wandering, "night_from", "22:00"),
        T(RuleParameter.WanderNightTo, AlarmKind.Wandering, "night_to", "05:00"),
        N(RuleParameter.WanderFar, AlarmKind.Wandering, "far_metres", "5000", 50, 1e6),
        N(RuleParameter.WanderMaxSpeed, AlarmKind.Wandering, "jump_metres_per_second", "56", 1, 400),
        D(RuleParameter.OutOfBedLonger, AlarmKind.OutOfBed, "longer_than", "45m", 0.01, 24),
        D(RuleParameter.DoorLonger, AlarmKind.DoorOpen, "longer_than", "60m", 0.01, 240),
        D(RuleParameter.DoorNightLonger, AlarmKind.DoorOpen, "night_longer_than", "15m", 0.01, 24),
        T(RuleParameter.DoorNightFrom, AlarmKind.DoorOpen, "night_from", "22:00"),
        T(RuleParameter.DoorNightTo, AlarmKind.DoorOpen, "night_to", "06:00"),
        N(RuleParameter.ColdBelow, AlarmKind.ColdHome, "below", "12", -40, 40),
        D(RuleParameter.ColdFor, AlarmKind.ColdHome, "for", "2h", 0, 96),
        D(RuleParameter.ColdWatchFor, AlarmKind.ColdHome, "for_on_watch", "30m", 0, 96),
        N(RuleParameter.ColdHysteresis, AlarmKind.ColdHome, "hysteresis", "2", 0, 20),
        N(RuleParameter.HotAbove, AlarmKind.HotHome, "above", "33", 0, 60),
        D(RuleParameter.HotFor, AlarmKind.HotHome, "for", "2h", 0, 96),
        D(RuleParameter.HotWatchFor, AlarmKind.HotHome, "for_on_watch", "30m", 0, 96),
        N(RuleParameter.HotHysteresis, AlarmKind.HotHome, "hysteresis", "2", 0, 20),
        N(RuleParameter.SilentMissed, AlarmKind.DeviceSilent, "missed_reports", "3", 1, 100),
        D(RuleParameter.SilentLeast, AlarmKind.DeviceSilent, "at_least", "2h", 0.01, 720),
        D(RuleParameter.SilentUnknown, AlarmKind.DeviceSilent, "meter_of_unknown_rate", "72h", 1, 2160),
        D(RuleParameter.SilentWelfareAfter, AlarmKind.DeviceSilent, "welfare_check_after", "24h", 1, 720),
        D(RuleParameter.SilentWelfareWatch, AlarmKind.DeviceSilent, "welfare_check_after_on_watch", "12h", 1, 720),
        D(RuleParameter.NeverSeenAfter, AlarmKind.DeviceNeverSeen, "after", "48h", 0.01, 720),
        N(RuleParameter.BatteryBelow, AlarmKind.BatteryLow, "below", "20", 0, 100),
        N(RuleParameter.BatteryClear, AlarmKind.BatteryLow, "clear_above", "30", 0, 100),
        D(RuleParameter.ClockTolerance, AlarmKind.ClockWrong, "tolerance", "10m", 0.01, 24),
        N(RuleParameter.OutageShare, AlarmKind.Outage, "share", "0.5", 0.1, 1),
        N(RuleParameter.OutageHomes, AlarmKind.Outage, "homes", "5", 2, 10000),
        D(RuleParameter.OutageQuiet, AlarmKind.Outage, "quiet", "12h", 1, 96),
        D(RuleParameter.OutageHoldMost, AlarmKind.Outage, "hold_at_most", "12h", 0.1, 96),
        D(RuleParameter.OutageSettle, AlarmKind.Outage, "settle", "1h", 0, 12),
        N(RuleParameter.InactivityBudgetDays, AlarmKind.Inactivity, "one_false_alarm_in_days", "60", 1, 10000),
        N(RuleParameter.InactivityWatchBudgetDays, AlarmKind.Inactivity, "one_false_alarm_in_days_on_watch", "30", 1, 10000),
        D(RuleParameter.InactivityLearn, AlarmKind.Inactivity, "learn", "672h", 24, 8760),
        D(RuleParameter.InactivityLeast, AlarmKind.Inactivity, "at_least", "4h", 1, 24),
        N(RuleParameter.InactivityElectricityBudgetDays, AlarmKind.Inactivity, "one_false_alarm_of_electricity_in_days", "110", 1, 10000),
        N(RuleParameter.InactivitySensorBudgetDays, AlarmKind.Inactivity, "one_false_alarm_of_sensors_in_days", "30", 1, 10000),
        D(RuleParameter.InactivityWithin, AlarmKind.Inactivity, "within", "24h", 1, 96),
        D(RuleParameter.InactivityWatchWithin, AlarmKind.Inactivity, "within_on_watch", "12h", 1, 96),
    ];

    /// <summary>The value of what a person wrote; null when it can't be read or is out of range.</summary>
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
                if (!Settings.DurationText.TryParse(text, out var span))
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

    public Wording Expected =>
        Type switch
        {
            ParameterType.Number => new Wording(
                FormattableString.Invariant($"a number from {Least} to {Most}"),
                FormattableString.Invariant($" {Least} 至 {Most} 之间的数字")
            ),
            ParameterType.Duration => new Wording(
                FormattableString.Invariant($"a duration from {Least / 3600:0.###}h to {Most / 3600:0.###}h, such as 90s, 15m, 24h"),
                FormattableString.Invariant($" {Least / 3600:0.###}h 至 {Most / 3600:0.###}h 之间的时长，如 90s、15m、24h")
            ),
            _ => new Wording("a time of day such as 22:00", "时刻，如 22:00"),
        };

    private static Parameter N(RuleParameter id, AlarmKind kind, string name, string standard, double least, double most) =>
        new(id, kind, name, ParameterType.Number, standard, least, most);

    private static Parameter D(RuleParameter id, AlarmKind kind, string name, string standard, double leastHours, double mostHours) =>
        new(id, kind, name, ParameterType.Duration, standard, leastHours * 3600, mostHours * 3600);

    private static Parameter T(RuleParameter id, AlarmKind kind, string name, string standard) =>
        new(id, kind, name, ParameterType.TimeOfDay, standard, 0, 86400);
}
