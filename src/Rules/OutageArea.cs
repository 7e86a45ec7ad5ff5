using Vigil.Model;
using Vigil.Rules.Kinds;

namespace Vigil.Rules;

/// <summary>
/// The homes of a village, which a broken main or feeder silences together: that is one finding for the area, and those of the homes are
/// held back with this reason, for some hours at most. What a person does (SOS, fall) or a detector reports (smoke, gas) is never held
/// back.
/// </summary>
internal sealed class OutageArea(string area)
{
    public readonly List<Home> Homes = [];
    public string Area { get; } = area;

    /// <summary>UTC ticks; 0 when there is no outage.</summary>
    public long OutageSince;
    public long LastChecked;

    /// <summary>Homes that were quiet at the last check, of those that could be judged.</summary>
    public int Quiet;
    public int Counted;
    public int Sequence;
    private string what = "";
    private string whatZh = "";

    public string Reason(TimeZoneInfo zone) =>
        $"{Quiet} of {Counted} homes of {Area} have no {what} since about {Phrases.At(OutageSince, zone, LastChecked)}";

    public string ReasonZh(TimeZoneInfo zone) =>
        $"{Area}的{Counted}户中有{Quiet}户自{Phrases.AtZh(OutageSince, zone, LastChecked)}左右没有{whatZh}";

    /// <summary>Whether a finding of a home is to be held back. The first one opens the outage.</summary>
    public bool TryHold(in RuleContext context, ref Episode episode, long time)
    {
        var rules = context.Home.Rules;
        if (
            !rules.Enabled(AlarmKind.Outage)
            || Homes.Count < rules[RuleParameter.OutageHomes]
            || !rules.IsActiveAt(AlarmKind.Outage, time, context)
        )
            return false;
        // No broken main stops people from moving; what silences the sensors of a village is the power, or their radio.
        var cause =
            ReferenceEquals(episode.Kind, AlarmKind.Inactivity) && episode.Series == HomeInactivity.Series
                ? episode with
                {
                    Kind = AlarmKind.DeviceSilent,
                }
                : episode;
        if (QuietHomes.Count(Homes, cause, context.Home, time, rules) is not { } found)
            return false;
        (Quiet, Counted, what, whatZh) = found;
        if (OutageSince == 0)
        {
            OutageSince = episode.Start;
            LastChecked = time;
            Sequence = 0;
            context.Into.Add(
                Say(
                    FindingChange.Opened,
                    rules.SeverityOf(AlarmKind.Outage),
                    time,
                    $"outage: {Reason(context.Zone)}; findings of the homes are held back",
                    $"区域中断：{ReasonZh(context.Zone)}；各户相关预警暂不通知"
                )
            );
        }

        episode.HeldUntil = time + rules.Ticks(RuleParameter.OutageHoldMost);
        return true;
    }

    /// <summary>An update of the outage that names the home and the finding held back, for the timeline of the alarm.</summary>
    public Finding HeldBack(in RuleContext context, string en, string zh, long time)
    {
        LastChecked = time;
        return Say(
            FindingChange.Updated,
            context.Home.Rules.SeverityOf(AlarmKind.Outage),
            time,
            $"outage: {Reason(context.Zone)}; held back: {context.Home.Id}, {en}",
            $"区域中断：{ReasonZh(context.Zone)}；暂不通知：{context.Home.Id}，{zh}"
        );
    }

    /// <summary>One home is in use again: ends the outage when most of the others are too.</summary>
    public void CheckEnd(in RuleContext context, long time)
    {
        if (OutageSince == 0)
            return;
        var rules = context.Home.Rules;
        var silent = 0;
        foreach (var home in Homes)
            if (HasHeldBackKind(home))
                silent++;
        if (silent > rules[RuleParameter.OutageShare] / 2 * Counted && silent >= rules[RuleParameter.OutageHomes] / 2)
            return;
        // The other homes report within the hour; those that stay silent after it are alarms of their own.
        var settled = time + rules.Ticks(RuleParameter.OutageSettle);
        context.Into.Add(
            Say(
                FindingChange.Cleared,
                rules.SeverityOf(AlarmKind.Outage),
                time,
                $"outage over at {context.At(time, time)}: {silent} homes are still silent and are told of one by one at "
                    + $"{context.At(settled, time)}, if they stay so",
                $"{context.AtZh(time, time)}区域中断结束：仍有{silent}户没有恢复，到{context.AtZh(settled, time)}仍未恢复的将逐户通知"
            )
        );
        OutageSince = 0;
        foreach (var home in Homes)
        {
            for (var i = 0; i < home.EpisodeCount; i++)
            {
                ref var e = ref home.Episodes[i];
                if (e.HeldUntil == 0 || !Outages.HoldsBack(e.Kind) || HeldBackFindings.AreOutsideRuleHours(home, e, context))
                    continue;
                e.HeldUntil = Math.Min(e.HeldUntil, settled);
                context.Engine.Queue(home, e.HeldUntil);
            }
        }
    }

    public void Write(BinaryWriter w)
    {
        w.Write(Area);
        w.Write(OutageSince);
        w.Write(LastChecked);
        w.Write(Quiet);
        w.Write(Counted);
        w.Write(Sequence);
        w.Write(what);
        w.Write(whatZh);
    }

    public void Read(BinaryReader r)
    {
        OutageSince = r.ReadInt64();
        LastChecked = r.ReadInt64();
        Quiet = r.ReadInt32();
        Counted = r.ReadInt32();
        Sequence = r.ReadInt32();
        what = r.ReadString();
        whatZh = r.ReadString();
    }

    private static bool HasHeldBackKind(Home home)
    {
        for (var i = 0; i < home.EpisodeCount; i++)
            if (Outages.HoldsBack(home.Episodes[i].Kind))
                return true;
        return false;
    }

    private Finding Say(FindingChange change, Severity severity, long time, string en, string zh) =>
        new(
            $"area:{Area}",
            AlarmKind.Outage,
            severity,
            change,
            Phrases.Episode(AlarmKind.Outage, OutageSince, null),
            Sequence++,
            new DateTime(time, DateTimeKind.Utc),
            en,
            zh
        );
}
