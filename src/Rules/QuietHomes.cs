using Vigil.Model;
using Vigil.Rules.Kinds;

namespace Vigil.Rules;

/// <summary>Counts the homes of an area that are quiet at once.</summary>
internal static class QuietHomes
{
    /// <summary>A silence that lasts this long in fewer than one case in five is unusual.</summary>
    private const double UnusualSilence = 0.2;

    /// <param name="homes">All homes of the area.</param>
    /// <param name="episode">The finding that may have a common cause: only the same utility counts, because a broken main doesn't explain
    /// missing electricity.</param>
    /// <param name="self">The home that it is about.</param>
    /// <param name="time">When, UTC ticks.</param>
    /// <param name="rules">How many homes, and which share of them, make an outage.</param>
    /// <returns>How many of how many homes are quiet, and what they lack; null when they are too few for an outage.</returns>
    public static (int Quiet, int Counted, string What, string WhatZh)? Count(
        List<Home> homes,
        in Episode episode,
        Home self,
        long time,
        EffectiveRules rules
    )
    {
        var quiet = rules.Ticks(RuleParameter.OutageQuiet);
        var device = ReferenceEquals(episode.Kind, AlarmKind.DeviceSilent);
        var electricity =
            ReferenceEquals(episode.Kind, AlarmKind.NoElectricity)
            || (ReferenceEquals(episode.Kind, AlarmKind.Inactivity) && episode.Series == 1);
        var (quietHomes, counted) = (0, 0);
        var (name, nameZh) =
            device ? ("signal", "信号")
            : electricity ? ("electricity", "用电")
            : ("water", "用水");
        foreach (var home in homes)
        {
            if (device)
            {
                // A home counts as quiet when all its devices are half a report overdue.
                var (reporting, missing) = (0, 0);
                for (var i = 0; i < home.DeviceCount; i++)
                {
                    ref var d = ref home.Devices[i];
                    if (d.ReportEvery == 0 || d.Received == 0)
                        continue;
                    reporting++;
                    if (time - d.Received > d.ReportEvery * 1.5)
                        missing++;
                }

                if (reporting == 0)
                    continue;
                counted++;
                if (missing == reporting)
                    quietHomes++;
            }
            else
            {
                var use = electricity ? home.Electricity : home.Water;
                if (use is null || home.AbsenceAt(time) is not null)
                    continue;
                // Some meters send a day's readings in one batch: without today's batch nobody knows whether the home is quiet.
                if (!ReferenceEquals(home, self) && use.ReportedUntil < time - quiet)
                    continue;
                counted++;
                if (ReferenceEquals(home, self) || IsQuiet(home, use, Math.Min(time, use.ReportedUntil), quiet))
                    quietHomes++;
            }
        }

        return quietHomes >= rules[RuleParameter.OutageHomes] && quietHomes >= rules[RuleParameter.OutageShare] * counted
            ? (quietHomes, counted, name, nameZh)
            : null;
    }

    /// <summary>
    /// Silent for long, or for longer than is usual in this home at this hour: when a main breaks at ten in the morning the village is
    /// quiet by the afternoon, but at five in the morning it is quiet because people sleep.
    /// </summary>
    private static bool IsQuiet(Home home, UseTracker use, long time, long quiet)
    {
        if (time - Math.Max(use.LastUse, use.CountedFrom) >= quiet)
            return true;
        return LearnedInactivity.ReplacesFixedRule(home, use)
            && use.Pattern is { } pattern
            && pattern.ChanceOfSilenceUntil(new DateTime(time, DateTimeKind.Utc)) < UnusualSilence;
    }
}
