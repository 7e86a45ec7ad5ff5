using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>
/// Decides what findings, answers and time change on an alarm: open → acknowledged → in hand → resolved, and open again. Pure functions of
/// what is passed in; <see cref="AlarmDesk"/> and the escalator write the result down.
/// </summary>
internal static class AlarmLife
{
    /// <summary>The name on the timeline under which the rules open alarms, and resolve those that end by themselves.</summary>
    public const string Rules = "rules";

    /// <param name="openEpisode">Of the alarm that is open for its subject and kind; null when there is none.</param>
    public static FindingMeaning Meaning(Finding finding, string? openEpisode) =>
        (finding.Change, openEpisode) switch
        {
            (FindingChange.Cleared, null) => FindingMeaning.ClearsNothing,
            (FindingChange.Cleared, _) => openEpisode == finding.Episode ? FindingMeaning.Clears : FindingMeaning.ClearsNothing,
            (_, not null) => FindingMeaning.HappensAgain,
            _ => finding.Change == FindingChange.Opened || finding.Notify ? FindingMeaning.Opens : FindingMeaning.ResolvedBefore,
        };

    /// <summary>An alarm that is open becomes more severe, never less.</summary>
    public static Severity SeverityWith(Standing before, Finding finding) =>
        finding.Severity > before.Severity ? finding.Severity : before.Severity;

    /// <param name="policy">The policy for its severity after this finding (<see cref="SeverityWith"/>).</param>
    public static HappenedAgain HappensAgain(Standing before, Finding finding, Policy policy, DateTime now)
    {
        var severity = SeverityWith(before, finding);
        var rose = severity != before.Severity;
        var repeated = finding.Notify || finding.Change == FindingChange.Opened;
        var what =
            rose ? TimelineEvent.Severity
            : repeated ? TimelineEvent.Repeated
            : TimelineEvent.Updated;
        var after = before with
        {
            Version = before.Version + 1,
            Episode = finding.Episode,
            ClearedAt = before.Episode == finding.Episode ? before.ClearedAt : null, // it began again before anybody resolved it
            Severity = severity,
            Repeats = before.Repeats + (repeated ? 1 : 0),
        };
        if (!rose && repeated && CountedUntil(after, policy, now) is { } until)
            return new(after, what, TellingAgain.Counted, until);
        if (!rose && !finding.Notify)
        {
            if (!repeated || after.AcknowledgedAt is not { } acknowledged)
                return new(after, what, TellingAgain.Recorded);
            if (now - acknowledged < policy.RenotifyAfter)
                return new(after, what, TellingAgain.Later, acknowledged + policy.RenotifyAfter);
        }

        return after.State == AlarmState.Open
            ? new(after with { Round = after.Version, RangAt = now }, what, TellingAgain.Now)
            : new(OpenAgain(after) with { RangAt = now, ReopenedAt = rose ? after.ReopenedAt : now }, what, TellingAgain.Anew);
    }

    /// <summary>
    /// Until when a critical alarm that happens again is only counted, because people were told of it a moment ago; null when it is told
    /// now. The first time after an acknowledgement it is told at once. A moment that lies in the future, because the clock was put back,
    /// delays nothing.
    /// </summary>
    public static DateTime? CountedUntil(Standing alarm, Policy policy, DateTime now)
    {
        if (alarm.Severity != Severity.Critical)
            return null;
        var told = alarm.State == AlarmState.Open ? alarm.RangAt ?? alarm.OpenedAt : alarm.ReopenedAt;
        return told is { } at && at <= now && now - at < policy.RingAgainAfter ? at + policy.RingAgainAfter : null;
    }

    /// <param name="final">Nothing is to be looked after any more, whoever has taken it.</param>
    public static Cleared Clear(Standing before, DateTime now, bool final = false)
    {
        var after = before with { Version = before.Version + 1, ClearedAt = now };
        return before.Severity == Severity.Critical ? new(after, Clearing.StaysOpen)
            : before.State == AlarmState.Open || final ? new(Close(after, Rules, Resolution.Cleared, now), Clearing.Ends)
            : new(after, Clearing.Eases);
    }

    /// <summary>Somebody takes it.</summary>
    /// <param name="seen">The version that they answer to; null when that is not known.</param>
    /// <param name="within">How long they have to report the person seen well.</param>
    public static Answered Acknowledge(Standing before, string who, int? seen, TimeSpan within, DateTime now) =>
        before.State == AlarmState.Resolved ? new(before, Refusal.Resolved)
        : before.State != AlarmState.Open ? new(before, Refusal.Acknowledged)
        : seen < before.Round ? new(before, Refusal.HappenedSince)
        : new(before with { State = AlarmState.Acknowledged, AcknowledgedAt = now, AcknowledgedBy = who, SeenWellBy = now + within });

    /// <summary>A visitor is on the way. The promise of whoever acknowledged it before stands.</summary>
    public static Answered TakeInHand(Standing before, string who, TimeSpan within, DateTime now) =>
        before.State == AlarmState.Resolved ? new(before, Refusal.Resolved)
        : before.State == AlarmState.InHand ? new(before, Refusal.InHand)
        : new(
            before with
            {
                State = AlarmState.InHand,
                AcknowledgedAt = before.AcknowledgedAt ?? now,
                AcknowledgedBy = before.AcknowledgedBy ?? who,
                SeenWellBy = before.SeenWellBy ?? now + within,
            }
        );

    /// <summary>Somebody else answers for it; the first promise stands.</summary>
    public static Answered HandOver(Standing before, string to) =>
        before.State switch
        {
            AlarmState.Acknowledged or AlarmState.InHand => new(before with { AcknowledgedBy = to }),
            AlarmState.Open => new(before, Refusal.NotAcknowledged),
            _ => new(before, Refusal.Resolved),
        };

    public static Answered Resolve(Standing before, string who, Resolution resolution, DateTime now) =>
        resolution is Resolution.None or Resolution.Cleared || !Enum.IsDefined(resolution) ? new(before, Refusal.NoReason)
        : before.State == AlarmState.Resolved ? new(before, Refusal.Resolved)
        : new(Close(before, who, resolution, now));

    /// <summary>Resolved too early.</summary>
    public static Answered Reopen(Standing before, bool newerIsOpen) =>
        before.State != AlarmState.Resolved ? new(before, Refusal.NotResolved)
        : newerIsOpen ? new(before, Refusal.NewerIsOpen)
        : new(OpenAgain(before with { ResolvedAt = null, ResolvedBy = null, Resolution = Resolution.None }));

    /// <summary>
    /// It happened again after somebody acknowledged it, and the time that they had to finish it is over: it is open again. Null when it is
    /// open already, or resolved.
    /// </summary>
    public static Standing? FinishedTooLate(Standing before, DateTime now) =>
        before.State is AlarmState.Acknowledged or AlarmState.InHand ? OpenAgain(before) with { RangAt = now, ReopenedAt = now } : null;

    /// <summary>
    /// Nobody reported the person seen well in time: it is open again. Null when there is time left, or nobody had acknowledged it.
    /// </summary>
    public static Standing? PromiseBroken(Standing before, DateTime now) => before.SeenWellBy <= now ? OpenAgain(before) : null;

    private static Standing OpenAgain(Standing before) =>
        before with
        {
            State = AlarmState.Open,
            AcknowledgedAt = null,
            AcknowledgedBy = null,
            SeenWellBy = null,
            Version = before.Version + 1,
            Round = before.Version + 1,
        };

    private static Standing Close(Standing before, string who, Resolution resolution, DateTime now) =>
        before with
        {
            State = AlarmState.Resolved,
            ResolvedAt = now,
            ResolvedBy = who,
            Resolution = resolution,
            SeenWellBy = null,
        };
}
