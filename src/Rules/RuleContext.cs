using Vigil.Model;

namespace Vigil.Rules;

/// <summary>One home in one evaluation: the state that rules read, and where they open, update and clear episodes.</summary>
/// <param name="Engine">The partition.</param>
/// <param name="Home">The home.</param>
/// <param name="Into">Where findings go.</param>
/// <param name="Now">Arrival time of this evaluation, ticks.</param>
internal readonly record struct RuleContext(RuleEngine Engine, Home Home, List<Finding> Into, long Now)
{
    public TimeZoneInfo Zone => Engine.Zone;

    public string At(long ticks, long seenFrom) => Phrases.At(ticks, Engine.Zone, seenFrom);

    public string AtZh(long ticks, long seenFrom) => Phrases.AtZh(ticks, Engine.Zone, seenFrom);

    /// <summary>Opens an episode, unless the rule is off or one is open.</summary>
    /// <returns>The episode's index, or -1.</returns>
    public int Open(AlarmKind kind, long start, long time, int device, int series, string en, string zh, Severity? severity = null)
    {
        if (!Home.Rules.Enabled(kind))
            return -1;
        var episode = new Episode
        {
            Kind = kind,
            Device = device,
            Series = series,
            Start = start,
            Opened = time,
            Again = time,
            Severity = severity ?? Home.Rules.SeverityOf(kind),
        };
        if (!Outages.ChecksItsHours(kind) && !Home.Rules.IsActiveAt(kind, time, this))
        {
            // Outside the hours of the rule: told when they begin, if it still holds then.
            if (Home.Rules.Window(kind).Next(time, Zone, Engine.Rules.Calendar) is not (> 0 and var opens))
                return -1;
            episode.HeldUntil = opens;
            Engine.HeldBack?.Invoke(
                Finding(episode, FindingChange.Opened, time, en, zh, false),
                $"outside the hours of the rule until {At(opens, time)}"
            );
            Engine.Queue(Home, opens);
            return Home.AddEpisode(episode);
        }

        if (
            Home.OutageArea is { } area
            && Outages.HoldsBack(kind)
            && episode.Severity < Severity.Critical
            && area.TryHold(this, ref episode, time)
        )
        {
            Engine.HeldBack?.Invoke(Finding(episode, FindingChange.Opened, time, en, zh, false), $"held back: {area.Reason(Zone)}");
            Into.Add(area.HeldBack(this, en, zh, time));
            var held = Home.AddEpisode(episode);
            Engine.Queue(Home, episode.HeldUntil);
            return held;
        }

        var index = Home.AddEpisode(episode);
        Say(index, FindingChange.Opened, time, en, zh);
        return index;
    }

    /// <param name="isEvent">It happened at one moment, as a press does, which identifies it.</param>
    public void Update(int index, long time, string en, string zh, Severity? severity = null, bool notify = false, bool isEvent = false)
    {
        ref var e = ref Home.Episodes[index];
        var rose = severity > e.Severity;
        if (severity is { } s)
            e.Severity = s;
        e.Again = Math.Max(e.Again, time);
        if (e.HeldUntil != 0)
        {
            // An alarm held back that has become worse meanwhile is told now, and as a new one, because nobody knows of it.
            if (!rose || e.Severity < Severity.High)
                return;
            e.HeldUntil = 0;
            Say(index, FindingChange.Opened, time, en, zh, notify);
            return;
        }

        Say(index, FindingChange.Updated, time, en, zh, notify, isEvent);
    }

    public void Clear(int index, long time, string en, string zh)
    {
        if (Home.Episodes[index].HeldUntil == 0)
            Say(index, FindingChange.Cleared, Math.Max(time, Home.Episodes[index].Opened), en, zh);
        Home.RemoveEpisode(index);
    }

    /// <summary>It is not looked after any more, whoever has taken it.</summary>
    public void End(int index, long time, Wording why)
    {
        var said = Into.Count;
        Clear(index, time, why.En, why.Zh);
        if (Into.Count > said)
            Into[^1] = Into[^1] with { IsFinal = true };
    }

    /// <summary>The resident is back early: silence counts again from here.</summary>
    public void EndAbsence(AbsenceFacts absence, long time)
    {
        Home.EndedAbsence = absence.From.Ticks;
        Home.Water?.CountFrom(time);
        Home.Electricity?.CountFrom(time);
        Home.Life?.CountFrom(time);
        Engine.Queue(Home, Kinds.HomeInactivity.DueOf(Engine, Home));
    }

    private void Say(int index, FindingChange change, long time, string en, string zh, bool notify = false, bool isEvent = false)
    {
        ref var e = ref Home.Episodes[index];
        var finding = Finding(e, change, time, en, zh, notify);
        Into.Add(isEvent ? finding with { Event = Phrases.Episode(e.Kind, time, finding.Device?.Value) } : finding);
        e.Sequence++;
    }

    private Finding Finding(in Episode e, FindingChange change, long time, string en, string zh, bool notify)
    {
        var device = e.Device >= 0 ? Home.Devices[e.Device].Id : null;
        return new Finding(
            Home.Id,
            e.Kind,
            e.Severity,
            change,
            e.NameIn(Home),
            e.Sequence,
            new DateTime(time, DateTimeKind.Utc),
            en,
            zh,
            device is null ? null : new DeviceId(device),
            notify
        );
    }
}
