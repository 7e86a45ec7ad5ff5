using Vigil.Model;

namespace Vigil.Rules;

/// <summary>Findings of a home that wait: until an outage of the area is over, or until the hours of their rule begin.</summary>
internal static class HeldBackFindings
{
    /// <summary>Opens the findings of a home that were held back and have waited long enough.</summary>
    public static void Release(in RuleContext context, long now)
    {
        var home = context.Home;
        for (var i = 0; i < home.EpisodeCount; i++)
        {
            ref var e = ref home.Episodes[i];
            if (e.HeldUntil == 0 || e.HeldUntil > now)
                continue;
            var time = e.HeldUntil; // dated by when it was due, not by when the home is looked at
            e.HeldUntil = 0;
            var (more, moreZh) = Phrases.OtherEvidence(home, context.Zone, e.Kind, time);
            var (what, whatZh) = Phrases.HeldBack(e.Kind);
            var hours = AreOutsideRuleHours(home, e, context);
            var device = e.Device >= 0 ? home.Devices[e.Device].Id : null;
            context.Into.Add(
                new Finding(
                    home.Id,
                    e.Kind,
                    e.Severity,
                    FindingChange.Opened,
                    e.NameIn(home),
                    e.Sequence++,
                    new DateTime(time, DateTimeKind.Utc),
                    $"{what} since {context.At(e.Start, time)}, held back "
                        + $"{(hours ? "outside the hours of the rule" : "during an outage of the area")} until now{more}",
                    $"自{context.AtZh(e.Start, time)}起{whatZh}，{(hours ? "规则时段外" : "区域中断期间")}暂未通知{moreZh}",
                    device is null ? null : new DeviceId(device)
                )
            );
        }
    }

    /// <summary>Held back because it was found outside the hours of its rule, not because of an outage.</summary>
    public static bool AreOutsideRuleHours(Home home, in Episode e, in RuleContext context) =>
        !Outages.ChecksItsHours(e.Kind) && !home.Rules.IsActiveAt(e.Kind, e.Opened, context);
}
