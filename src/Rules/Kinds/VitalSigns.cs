using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>The plausible range (outside of it the sensor is wrong, as with 0, 255, 999) and the limits of a normal value.</summary>
internal readonly record struct VitalLimit(
    double Least,
    double Most,
    double Low,
    double High,
    double Hysteresis,
    string Name,
    string NameZh,
    string Unit
);

/// <summary>Pulse, blood oxygen, blood pressure, temperature, glucose, respiration: several readings in a row outside the limits.</summary>
internal static class VitalSigns
{
    public static VitalLimit? LimitOf(EffectiveRules rules, Metric metric) =>
        ReferenceEquals(metric, Metric.HeartRate)
            ? new VitalLimit(20, 250, rules[RuleParameter.HeartLow], rules[RuleParameter.HeartHigh], 5, "heart rate", "心率", "/min")
        : ReferenceEquals(metric, Metric.BloodOxygen)
            ? new VitalLimit(50, 100, rules[RuleParameter.OxygenLow], double.PositiveInfinity, 2, "blood oxygen", "血氧", "%")
        : ReferenceEquals(metric, Metric.BloodPressureSystolic)
            ? new VitalLimit(
                50,
                280,
                rules[RuleParameter.SystolicLow],
                rules[RuleParameter.SystolicHigh],
                5,
                "systolic blood pressure",
                "收缩压",
                "mmHg"
            )
        : ReferenceEquals(metric, Metric.BloodPressureDiastolic)
            ? new VitalLimit(20, 200, 0, rules[RuleParameter.DiastolicHigh], 5, "diastolic blood pressure", "舒张压", "mmHg")
        : ReferenceEquals(metric, Metric.BodyTemperature)
            ? new VitalLimit(30, 44, rules[RuleParameter.BodyLow], rules[RuleParameter.BodyHigh], 0.3, "body temperature", "体温", "°C")
        : ReferenceEquals(metric, Metric.BloodGlucose)
            ? new VitalLimit(
                0.5,
                40,
                rules[RuleParameter.GlucoseLow],
                rules[RuleParameter.GlucoseHigh],
                0.3,
                "blood glucose",
                "血糖",
                "mmol/L"
            )
        : ReferenceEquals(metric, Metric.RespirationRate)
            ? new VitalLimit(
                2,
                80,
                rules[RuleParameter.RespirationLow],
                rules[RuleParameter.RespirationHigh],
                1,
                "respiration",
                "呼吸",
                "/min"
            )
        : null;

    public static void Apply(in RuleContext context, int series, in Reading r, in VitalLimit limit, long time)
    {
        var home = context.Home;
        var value = r.Value;
        ref var s = ref home.Series[series];
        var open = home.FindEpisode(AlarmKind.VitalSign, s.Device, series);
        var outside = value < limit.Low || value > limit.High;
        if (!outside)
        {
            s.Extra = 0;
            s.Since = 0;
            if (open >= 0 && value >= limit.Low + limit.Hysteresis && value <= limit.High - limit.Hysteresis)
                context.Clear(
                    open,
                    time,
                    $"{limit.Name} {Phrases.Number(value)} {limit.Unit} at {context.At(time, time)}",
                    $"{context.AtZh(time, time)}{limit.NameZh}{Phrases.Number(value)} {limit.Unit}"
                );
            return;
        }

        // One value too low and the next too high is a loose sensor: they don't count together.
        var side = value < limit.Low ? -1 : 1;
        if (s.Since == 0 || Math.Sign(s.Extra) == -side || time - s.Time > home.Rules.Ticks(RuleParameter.VitalWithin))
        {
            s.Since = time;
            s.Extra = 0;
        }

        s.Extra += side;
        if (
            Math.Abs(s.Extra) < home.Rules[RuleParameter.VitalReadings]
            || time - s.Since < home.Rules.Ticks(RuleParameter.VitalFor)
            || r.Has(ReadingFlags.Retained)
        )
            return;
        if (open >= 0 && home.Episodes[open].Again >= s.Since)
            return;
        var bound = value < limit.Low ? $"below {Phrases.Number(limit.Low)}" : $"above {Phrases.Number(limit.High)}";
        var boundZh = value < limit.Low ? $"低于{Phrases.Number(limit.Low)}" : $"高于{Phrases.Number(limit.High)}";
        if (!home.Rules.IsActiveAt(AlarmKind.VitalSign, time, context))
            return;
        var late = context.Now - time > TimeSpan.TicksPerHour;
        var en =
            $"{limit.Name} {Phrases.Number(value)} {limit.Unit}, {bound}, {Math.Abs(s.Extra):0} readings since "
            + $"{context.At(s.Since, time)}{(late ? $", heard of at {context.At(context.Now, time)}" : "")}";
        var zh =
            $"{limit.NameZh}{Phrases.Number(value)} "
            + $"{limit.Unit}，{boundZh}，自{context.AtZh(s.Since, time)}起{Math.Abs(s.Extra):0}次读数"
            + $"{(late ? $"，{context.AtZh(context.Now, time)}才收到" : "")}";
        if (open >= 0)
            context.Update(open, time, en, zh);
        else
            context.Open(AlarmKind.VitalSign, s.Since, time, s.Device, series, en, zh);
    }
}
