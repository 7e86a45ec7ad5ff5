using Vigil.Model;
using Vigil.Rules.Inactivity;

namespace Vigil.Rules.Kinds;

/// <summary>
/// <c>sensor-fault</c>: a sensor that has shown nothing for far longer than it ever did, while the other sensors of the home show life (its
/// battery may report all the same), or that fires without a pause.
/// </summary>
internal static class SensorFault
{
    /// <param name="context">The home.</param>
    /// <param name="life">What its sensors show.</param>
    /// <param name="spoke">The source that fired now.</param>
    /// <param name="sure">Somebody is certainly up, so that the others are missed.</param>
    /// <param name="time">When.</param>
    public static void Check(in RuleContext context, HomeLife life, int spoke, bool sure, long time)
    {
        foreach (ref var source in life.Sources.AsSpan())
        {
            if (source.Series < 0)
                continue; // a meter has rules of its own
            if (source.Series == spoke)
                Fired(context, source, time);
            else if (sure && source.IsMissed)
                Open(
                    context,
                    source,
                    source.Newest,
                    time,
                    (what, at) =>
                        new(
                            $"no {what.En} since {at.En}, while other sensors show life every day: check the sensor",
                            $"{what.Zh}自{at.Zh}起没有反应，而其他传感器每天都有动静：请检查该传感器"
                        )
                );
        }
    }

    private static void Fired(in RuleContext context, in LifeSource source, long time)
    {
        if (source.IsStuck)
        {
            Open(
                context,
                source,
                source.Since,
                time,
                (what, at) =>
                    new(
                        $"{what.En} without a pause since {at.En}, day and night: not believed; check the sensor",
                        $"{what.Zh}自{at.Zh}起昼夜不停，不再作为生活迹象：请检查该传感器"
                    )
            );
            return;
        }

        if (context.Home.EpisodeCount == 0)
            return;
        var open = context.Home.FindEpisode(AlarmKind.SensorFault, series: source.Series);
        if (open >= 0)
            context.Clear(open, time, $"works again since {context.At(time, time)}", $"{context.AtZh(time, time)}恢复正常");
    }

    private static void Open(in RuleContext context, in LifeSource source, long since, long time, Func<Wording, Wording, Wording> why)
    {
        var home = context.Home;
        var device = home.Series[source.Series].Device;
        if (
            home.Devices[device].TakenOut
            || home.FindEpisode(AlarmKind.SensorFault, device, source.Series) >= 0
            || home.AbsenceAt(time) is not null
        )
            return;
        var words = why(LifePhrases.Source(context, source), new(context.At(since, time), context.AtZh(since, time)));
        context.Open(AlarmKind.SensorFault, since, time, device, source.Series, words.En, words.Zh);
    }
}
