using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>
/// Vital signs, the home's climate and batteries: limits with persistence, two readings, and hysteresis before all is well again.
/// </summary>
internal static class Gauges
{
    public static void Apply(in Turn turn, int series, in Reading r, long time)
    {
        ref var s = ref turn.Home.Series[series];
        if (time <= s.Time)
            return;
        var metric = s.Metric;
        if (ReferenceEquals(metric, Metric.AirTemperature))
            Climate(turn, series, r.Value, time);
        else if (ReferenceEquals(metric, Metric.BatteryLevel))
        {
            var rules = turn.Home.Rules;
            DeviceTrouble.Battery(
                turn,
                s.Device,
                series,
                r.Value <= rules[RuleParameter.BatteryBelow],
                r.Value >= rules[RuleParameter.BatteryClear],
                $"{Phrases.Number(r.Value)} %",
                $"{Phrases.Number(r.Value)}%",
                time
            );
        }
        else if (Limits(turn.Home.Rules, metric) is { } limits)
        {
            if (!(r.Value >= limits.Least && r.Value <= limits.Most))
                return; // says something of the sensor, nothing of the person
            Vital(turn, series, r, limits, time);
        }

        s.Time = time;
        s.Value = r.Value;
    }

    /// <summary>Plausible, and normal; outside what is plausible the sensor is wrong, not the person (0, 255, 999).</summary>
    private readonly record struct Limit(
        double Least,
        double Most,
        double Low,
        double High,
        double Hysteresis,
        string Name,
        string NameZh,
        string Unit
    );

    private static Limit? Limits(EffectiveRules rules, Metric metric) =>
        ReferenceEquals(metric, Metric.HeartRate)
            ? new Limit(20, 250, rules[RuleParameter.HeartLow], rules[RuleParameter.HeartHigh], 5, "heart rate", "心率", "/min")
        : ReferenceEquals(metric, Metric.BloodOxygen)
            ? new Limit(50, 100, rules[RuleParameter.OxygenLow], double.PositiveInfinity, 2, "blood oxygen", "血氧", "%")
        : ReferenceEquals(metric, Metric.BloodPressureSystolic)
            ? new Limit(
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
            ? new Limit(20, 200, 0, rules[RuleParameter.DiastolicHigh], 5, "diastolic blood pressure", "舒张压", "mmHg")
        : ReferenceEquals(metric, Metric.BodyTemperature)
            ? new Limit(30, 44, rules[RuleParameter.BodyLow], rules[RuleParameter.BodyHigh], 0.3, "body temperature", "体温", "°C")
        : ReferenceEquals(metric, Metric.BloodGlucose)
            ? new Limit(0.5, 40, rules[RuleParameter.GlucoseLow], rules[RuleParameter.GlucoseHigh], 0.3, "blood glucose", "血糖", "mmol/L")
        : ReferenceEquals(metric, Metric.RespirationRate)
            ? new Limit(2, 80, rules[RuleParameter.RespirationLow], rules[RuleParameter.RespirationHigh], 1, "respiration", "呼吸", "/min")
        : null;

    private static void Vital(in Turn turn, int series, in Reading r, in Limit limit, long time)
    {
        var home = turn.Home;
        var value = r.Value;
        ref var s = ref home.Series[series];
        var open = home.FindEpisode(AlarmKind.VitalSign, s.Device, series);
        var outside = value < limit.Low || value > limit.High;
        if (!outside)
        {
            s.Extra = 0;
            s.Since = 0;
            if (open >= 0 && value >= limit.Low + limit.Hysteresis && value <= limit.High - limit.Hysteresis)
                turn.Clear(
                    open,
                    time,
                    $"{limit.Name} {Phrases.Number(value)} {limit.Unit} at {turn.At(time, time)}",
                    $"{turn.AtZh(time, time)}{limit.NameZh}{Phrases.Number(value)} {limit.Unit}"
                );
            return;
        }

        // Too low, then too high: that is a loose sensor, not two readings that agree.
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
        if (!home.Rules.SpeaksAt(AlarmKind.VitalSign, time, turn))
            return;
        var late = turn.Now - time > TimeSpan.TicksPerHour;
        var en =
            $"{limit.Name} {Phrases.Number(value)} {limit.Unit}, {bound}, {Math.Abs(s.Extra):0} readings since "
            + $"{turn.At(s.Since, time)}{(late ? $", heard of at {turn.At(turn.Now, time)}" : "")}";
        var zh =
            $"{limit.NameZh}{Phrases.Number(value)} "
            + $"{limit.Unit}，{boundZh}，自{turn.AtZh(s.Since, time)}起{Math.Abs(s.Extra):0}次读数"
            + $"{(late ? $"，{turn.AtZh(turn.Now, time)}才收到" : "")}";
        // It was nearly well, or is on the other side now.
        if (open >= 0)
            turn.Update(open, time, en, zh);
        else
            turn.Open(AlarmKind.VitalSign, s.Since, time, s.Device, series, en, zh);
    }

    private static void Climate(in Turn turn, int series, double value, long time)
    {
        if (!(value is > -60 and < 80))
            return;
        var rules = turn.Home.Rules;
        var watch = turn.Home.OnWatch(time); // a cold wave, heat: sooner
        One(
            turn,
            series,
            AlarmKind.ColdHome,
            value < rules[RuleParameter.ColdBelow],
            value > rules[RuleParameter.ColdBelow] + rules[RuleParameter.ColdHysteresis],
            rules.Ticks(watch ? RuleParameter.ColdWatchFor : RuleParameter.ColdFor),
            value,
            -1,
            time
        );
        One(
            turn,
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

    private static void One(
        in Turn turn,
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
        var home = turn.Home;
        ref var s = ref home.Series[series];
        var open = home.FindEpisode(kind, s.Device, series);
        if (well && open >= 0)
        {
            turn.Clear(
                open,
                time,
                $"{Phrases.Number(value)} °C at home at {turn.At(time, time)}",
                $"{turn.AtZh(time, time)}室温{Phrases.Number(value)}°C"
            );
            return;
        }

        // Extra holds the side the condition is on: a room isn't too cold and too hot at once.
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

        if (open >= 0 || time - s.Since < longEnough || home.AbsenceAt(time) is not null || !home.Rules.SpeaksAt(kind, time, turn))
            return;
        var due = s.Since + longEnough;
        if (home.AbsenceAt(due) is not null || !home.Rules.SpeaksAt(kind, due, turn))
            due = time;
        var (en, zh) = side < 0 ? ("cold", "过低") : ("hot", "过高");
        var (more, moreZh) = Judgement.Watched(home, time);
        turn.Open(
            kind,
            s.Since,
            due,
            s.Device,
            series,
            $"{en} home: {Phrases.Number(value)} °C, since {turn.At(s.Since, time)}{more}",
            $"室温{zh}：{Phrases.Number(value)}°C，自{turn.AtZh(s.Since, time)}起{moreZh}"
        );
    }
}
