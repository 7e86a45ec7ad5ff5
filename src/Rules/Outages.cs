using Vigil.Model;
using Vigil.Rules.Kinds;

namespace Vigil.Rules;

/// <summary>Which findings a common cause may explain.</summary>
internal static class Outages
{
    public static bool HoldsBack(AlarmKind kind) =>
        ReferenceEquals(kind, AlarmKind.NoWater)
        || ReferenceEquals(kind, AlarmKind.NoElectricity)
        || ReferenceEquals(kind, AlarmKind.Inactivity)
        || ReferenceEquals(kind, AlarmKind.DeviceSilent);

    /// <summary>Rules that look at their hours before they speak; the others are held back until theirs begin.</summary>
    public static bool JudgesItsHours(AlarmKind kind) =>
        ReferenceEquals(kind, AlarmKind.NoWater)
        || ReferenceEquals(kind, AlarmKind.NoElectricity)
        || ReferenceEquals(kind, AlarmKind.Inactivity)
        || ReferenceEquals(kind, AlarmKind.Wandering)
        || ReferenceEquals(kind, AlarmKind.VitalSign)
        || ReferenceEquals(kind, AlarmKind.ColdHome)
        || ReferenceEquals(kind, AlarmKind.HotHome)
        || ReferenceEquals(kind, AlarmKind.DoorOpen)
        || ReferenceEquals(kind, AlarmKind.OutOfBed);
}

/// <summary>
/// The homes of a village. One broken main or feeder silences them all: that is one finding for the area, and theirs are held back with the
/// reason, for some hours at most. What a person does (SOS, fall) or a detector says (smoke, gas) is never held back.
/// </summary>
internal sealed class Village(string area)
{
    public readonly List<Home> Homes = [];
    public string Area { get; } = area;
    public long OutageSince;
    public long LastChecked;
    public int Quiet;
    public int Counted;
    public int Sequence;
    private string what = "";
    private string whatZh = "";

    public string Reason(TimeZoneInfo zone) =>
        $"{Quiet} of {Counted} homes of {Area} have no {what} since about {Phrases.At(OutageSince, zone, LastChecked)}";

    public string ReasonZh(TimeZoneInfo zone) =>
        $"{Area}的{Counted}户中有{Quiet}户自{Phrases.AtZh(OutageSince, zone, LastChecked)}左右没有{whatZh}";

    /// <summary>Whether this finding of a home is held back; says the outage when it is the first.</summary>
    public bool Hold(in Turn turn, ref Episode episode, long time)
    {
        var rules = turn.Home.Rules;
        if (
            !rules.Enabled(AlarmKind.Outage)
            || Homes.Count < rules[RuleParameter.OutageHomes]
            || !rules.SpeaksAt(AlarmKind.Outage, time, turn)
        )
            return false;
        // Of what this finding is about: a broken main doesn't explain a home without electricity.
        if (!Count(episode, turn.Home, time, rules))
            return false;
        if (OutageSince == 0)
        {
            OutageSince = episode.Start;
            LastChecked = time;
            Sequence = 0;
            turn.Into.Add(
                Say(
                    FindingChange.Opened,
                    rules.SeverityOf(AlarmKind.Outage),
                    time,
                    $"outage: {Reason(turn.Zone)}; findings of the homes are held back",
                    $"区域中断：{ReasonZh(turn.Zone)}；各户相关预警暂不通知"
                )
            );
        }

        episode.HeldUntil = time + rules.Ticks(RuleParameter.OutageHoldMost);
        return true;
    }

    /// <summary>Whom it holds back, and what of: the timeline of the area's alarm names each home.</summary>
    public Finding Held(in Turn turn, string en, string zh, long time)
    {
        LastChecked = time;
        return Say(
            FindingChange.Updated,
            turn.Home.Rules.SeverityOf(AlarmKind.Outage),
            time,
            $"outage: {Reason(turn.Zone)}; held back: {turn.Home.Id}, {en}",
            $"区域中断：{ReasonZh(turn.Zone)}；暂不通知：{turn.Home.Id}，{zh}"
        );
    }

    /// <summary>Something came back in one home: is it over for all?</summary>
    public void Recheck(in Turn turn, long time)
    {
        if (OutageSince == 0)
            return;
        var rules = turn.Home.Rules;
        var silent = 0;
        foreach (var home in Homes)
            if (Held(home))
                silent++;
        if (silent > rules[RuleParameter.OutageShare] / 2 * Counted && silent >= rules[RuleParameter.OutageHomes] / 2)
            return;
        // Others report within the hour: who is silent after that is told of.
        var settled = time + rules.Ticks(RuleParameter.OutageSettle);
        turn.Into.Add(
            Say(
                FindingChange.Cleared,
                rules.SeverityOf(AlarmKind.Outage),
                time,
                $"outage over at {turn.At(time, time)}: {silent} homes are still silent and are told of one by one at "
                    + $"{turn.At(settled, time)}, if they stay so",
                $"{turn.AtZh(time, time)}区域中断结束：仍有{silent}户没有恢复，到{turn.AtZh(settled, time)}仍未恢复的将逐户通知"
            )
        );
        OutageSince = 0;
        foreach (var home in Homes)
        {
            for (var i = 0; i < home.EpisodeCount; i++)
            {
                ref var e = ref home.Episodes[i];
                if (e.HeldUntil == 0 || !Outages.HoldsBack(e.Kind) || ForItsHours(home, e, turn))
                    continue;
                e.HeldUntil = Math.Min(e.HeldUntil, settled);
                turn.Engine.Queue(home, e.HeldUntil);
            }
        }
    }

    /// <summary>Tells what has been held back of a home for long enough.</summary>
    public static void Release(in Turn turn, long now)
    {
        var home = turn.Home;
        for (var i = 0; i < home.EpisodeCount; i++)
        {
            ref var e = ref home.Episodes[i];
            if (e.HeldUntil == 0 || e.HeldUntil > now)
                continue;
            var time = e.HeldUntil; // each at its own moment, whenever we look
            e.HeldUntil = 0;
            var (more, moreZh) = Phrases.Corroborate(home, turn.Zone, e.Kind, time);
            var (what, whatZh) = Phrases.Held(e.Kind);
            var hours = ForItsHours(home, e, turn);
            var device = e.Device >= 0 ? home.Devices[e.Device].Id : null;
            turn.Into.Add(
                new Finding(
                    home.Id,
                    e.Kind,
                    e.Severity,
                    FindingChange.Opened,
                    Phrases.Episode(e.Kind, e.Start, device),
                    e.Sequence++,
                    new DateTime(time, DateTimeKind.Utc),
                    $"{what} since {turn.At(e.Start, time)}, held back "
                        + $"{(hours ? "outside the hours of the rule" : "during an outage of the area")} until now{more}",
                    $"自{turn.AtZh(e.Start, time)}起{whatZh}，{(hours ? "规则时段外" : "区域中断期间")}暂未通知{moreZh}",
                    device is null ? null : new DeviceId(device)
                )
            );
        }
    }

    /// <summary>Held back because its rule doesn't speak at the hour in which it was found, not because of an outage.</summary>
    private static bool ForItsHours(Home home, in Episode e, in Turn turn) =>
        !Outages.JudgesItsHours(e.Kind) && !home.Rules.SpeaksAt(e.Kind, e.Opened, turn);

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

    private static bool Held(Home home)
    {
        for (var i = 0; i < home.EpisodeCount; i++)
            if (Outages.HoldsBack(home.Episodes[i].Kind))
                return true;
        return false;
    }

    /// <summary>Whether enough homes are quiet at once.</summary>
    private bool Count(in Episode episode, Home self, long time, EffectiveRules rules)
    {
        var quiet = rules.Ticks(RuleParameter.OutageQuiet);
        var device = ReferenceEquals(episode.Kind, AlarmKind.DeviceSilent);
        var electricity =
            ReferenceEquals(episode.Kind, AlarmKind.NoElectricity)
            || (ReferenceEquals(episode.Kind, AlarmKind.Inactivity) && episode.Series == 1);
        var (before, beforeOf) = (Quiet, Counted);
        Counted = Quiet = 0;
        var (name, nameZh) =
            device ? ("signal", "信号")
            : electricity ? ("electricity", "用电")
            : ("water", "用水");
        foreach (var home in Homes)
        {
            if (device)
            {
                // All of its reporting devices have missed a report and a half.
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
                Counted++;
                if (missing == reporting)
                    Quiet++;
            }
            else
            {
                var use = electricity ? home.Electricity : home.Water;
                if (use is null || home.AbsenceAt(time) is not null)
                    continue;
                // A day's readings come in one batch: of a home whose batch isn't here yet nobody knows whether it is quiet.
                if (!ReferenceEquals(home, self) && use.Frontier < time - quiet)
                    continue;
                Counted++;
                if (ReferenceEquals(home, self) || IsQuiet(home, use, Math.Min(time, use.Frontier), quiet))
                    Quiet++;
            }
        }

        if (Quiet >= rules[RuleParameter.OutageHomes] && Quiet >= rules[RuleParameter.OutageShare] * Counted)
        {
            (what, whatZh) = (name, nameZh);
            return true;
        }

        (Quiet, Counted) = (before, beforeOf);
        return false;
    }

    /// <summary>
    /// Silent for long, or for what is unusual in this home and at this hour: a main that breaks at ten in the morning silences a village
    /// by the afternoon, while a whole village is silent at five in the morning because it sleeps.
    /// </summary>
    private static bool IsQuiet(Home home, UseTracker use, long time, long quiet)
    {
        if (time - Math.Max(use.LastUse, use.Floor) >= quiet)
            return true;
        return Judgement.HoldsTheFloor(home, use)
            && use.Pattern is { } pattern
            && pattern.ChanceOfSilenceUntil(new DateTime(time, DateTimeKind.Utc)) < UnusualSilence;
    }

    private const double UnusualSilence = 0.2;

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
