using Vigil.Model;
using Vigil.Rules.Inactivity;

namespace Vigil.Rules.Kinds;

/// <summary>
/// <c>sensor-fault</c>: a sensor that has shown nothing for far longer than it ever did, while the other sensors of the home show life. Its
/// battery may report all the same.
/// </summary>
internal static class SensorFault
{
    public static void Check(in RuleContext context, HomeLife life, long time)
    {
        foreach (var source in life.Sources)
        {
            if (!source.IsMissed || source.Series < 0)
                continue;
            var home = context.Home;
            var device = home.Series[source.Series].Device;
            if (home.Devices[device] is { Registered: false, Installed: not 0 })
                continue; // taken out of the registry
            if (home.FindEpisode(AlarmKind.SensorFault, device, source.Series) >= 0 || home.AbsenceAt(time) is not null)
                continue;
            var what = LifePhrases.Source(context, source);
            context.Open(
                AlarmKind.SensorFault,
                source.Newest,
                time,
                device,
                source.Series,
                $"no {what.En} since {context.At(source.Newest, time)}, while other sensors show life every day: check the sensor",
                $"{what.Zh}自{context.AtZh(source.Newest, time)}起没有反应，而其他传感器每天都有动静：请检查该传感器"
            );
        }
    }

    /// <summary>It shows life again.</summary>
    public static void Spoke(in RuleContext context, int series, long time)
    {
        if (context.Home.EpisodeCount == 0)
            return;
        var open = context.Home.FindEpisode(AlarmKind.SensorFault, series: series);
        if (open >= 0)
            context.Clear(open, time, $"works again since {context.At(time, time)}", $"{context.AtZh(time, time)}恢复正常");
    }
}
