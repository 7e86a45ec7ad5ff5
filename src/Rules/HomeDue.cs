using Vigil.Model;
using Vigil.Rules.Kinds;

namespace Vigil.Rules;

/// <summary>What becomes true in a home by time alone: conditions that last, silent devices, findings that were held back.</summary>
internal static class HomeDue
{
    /// <summary>The next moment at which something is due in a home, ticks; long.MaxValue when nothing is awaited.</summary>
    public static long Of(RuleEngine engine, Home home, long advancedTo)
    {
        var at = long.MaxValue;
        for (var i = 0; i < home.SeriesCount; i++)
            if (home.Series[i].Due is not 0 and var d && d < at)
                at = d;
        for (var i = 0; i < home.DeviceCount; i++)
            at = Math.Min(at, DeviceTrouble.DueOf(engine, home, i));
        at = Math.Min(at, HomeInactivity.DueOf(engine, home));
        for (var i = 0; i < home.EpisodeCount; i++)
        {
            ref var e = ref home.Episodes[i];
            if (e.HeldUntil is not 0 and var h && h < at)
                at = h;
            if (IsOfRemovedDevice(home, e) || IsRefused(home, e))
                at = Math.Min(at, Math.Max(advancedTo, e.Opened));
        }

        return at;
    }

    /// <summary>Finds everything that is due by now.</summary>
    public static void Fire(in RuleContext context)
    {
        var (home, now) = (context.Home, context.Now);
        for (var i = 0; i < home.SeriesCount; i++)
            if (home.Series[i].Due is not 0 and var at && at <= now)
                States.Fire(context, i, at);
        for (var i = 0; i < home.DeviceCount; i++)
        {
            // A silence and its welfare check may be due at once.
            for (var step = 0; step < 3 && DeviceTrouble.DueOf(context.Engine, home, i) is var at && at <= now; step++)
                DeviceTrouble.Fire(context, i, at);
        }

        HomeInactivity.FireDue(context, now);
        for (var i = 0; i < home.EpisodeCount; i++)
            if (home.Episodes[i].HeldUntil is not 0 and var until && until <= now)
                HeldBackFindings.Release(context, until);
        for (var i = home.EpisodeCount - 1; i >= 0; i--)
            if (IsRefused(home, home.Episodes[i]))
                context.End(i, now, Consents.WhyEnded(home.Episodes[i].Kind, home.Refused));
        for (var i = home.EpisodeCount - 1; i >= 0; i--)
            if (IsOfRemovedDevice(home, home.Episodes[i]))
                context.Clear(i, now, "the device was taken out of the registry", "设备已从登记中移除");
    }

    /// <summary>It was found by what the resident has refused since.</summary>
    private static bool IsRefused(Home home, in Episode e) =>
        home.Refused != Refusals.None
        && (
            (Consents.Ending(e.Kind) & home.Refused) != 0
            || (
                e.Device >= 0
                && (ReferenceEquals(e.Kind, AlarmKind.DeviceSilent) || ReferenceEquals(e.Kind, AlarmKind.DeviceNeverSeen))
                && DeviceTrouble.IsNobodysMatter(home, home.Devices[e.Device])
            )
        );

    /// <summary>A device that was taken out of the registry: its own troubles (not a person's) end.</summary>
    private static bool IsOfRemovedDevice(Home home, in Episode e) =>
        e.Device >= 0 && e.Kind.DefaultSeverity <= Severity.Warning && home.Devices[e.Device].TakenOut;
}
