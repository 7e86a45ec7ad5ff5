using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>An alarm.</summary>
/// <param name="Subject">Resident's number, or <c>area:</c> and a code.</param>
/// <param name="Resident">Number of the resident; null for an area's alarm.</param>
/// <param name="Name">The resident's name; the subject where there is no resident.</param>
/// <param name="Area">Village, 12 digits.</param>
/// <param name="Severity">critical, high, warning or technical.</param>
/// <param name="State">open, acknowledged, in-hand or resolved.</param>
/// <param name="Episode">Id of the episode: the same while one cause lasts.</param>
/// <param name="Device">The device whose readings raised it.</param>
/// <param name="RaisedAt">When it happened, by the time of the readings.</param>
/// <param name="OpenedAt">When the service recorded it.</param>
/// <param name="ClearedAt">When its cause went away by itself.</param>
/// <param name="SeenWellBy">By when somebody has to have seen the resident well; after that escalation goes on above whoever
/// acknowledged.</param>
/// <param name="Resolution">The coded reason of a resolved alarm: True, FalseAway, FalseHabit, FalseDevice, FalseMistake, Test, Technical
/// or Cleared.</param>
/// <param name="Repeats">How often it happened again.</param>
/// <param name="Version">Number of changes so far.</param>
/// <param name="Told">Who has been told, in order.</param>
/// <param name="Next">The step that is due next; null when nothing waits.</param>
internal sealed record AlarmAnswer(
    Guid Id,
    string Subject,
    string? Resident,
    string Name,
    string Area,
    string Kind,
    string Severity,
    string State,
    string Episode,
    string? Device,
    string Reason,
    string ReasonZh,
    DateTime RaisedAt,
    DateTime OpenedAt,
    DateTime? ClearedAt,
    DateTime? AcknowledgedAt,
    string? AcknowledgedBy,
    DateTime? SeenWellBy,
    DateTime? ResolvedAt,
    string? ResolvedBy,
    string? Resolution,
    int Repeats,
    int Version,
    IReadOnlyList<string>? Told = null,
    NextStep? Next = null
)
{
    public static AlarmAnswer Of(Alarm a, IReadOnlyList<string>? told = null, EscalationStep? next = null) =>
        new(
            a.Id,
            a.Subject,
            a.ResidentId,
            a.Resident?.Name ?? a.Subject,
            a.Area,
            a.Kind,
            a.Severity.ToString().ToLowerInvariant(),
            AlarmOperations.StateName(a.State),
            a.Episode,
            a.DeviceId,
            a.Reason,
            a.ReasonZh,
            a.RaisedAt,
            a.OpenedAt,
            a.ClearedAt,
            a.AcknowledgedAt,
            a.AcknowledgedBy,
            a.SeenWellBy,
            a.ResolvedAt,
            a.ResolvedBy,
            a.Resolution == Storage.Records.Resolution.None ? null : a.Resolution.ToString(),
            a.Repeats,
            a.Version,
            told,
            next is null ? null : new NextStep(next.To, Words.List(next.Via), next.DueAt)
        );
}

/// <summary>Who is told next.</summary>
/// <param name="To">contacts, contact 1…9, visitor, duty or supervisor.</param>
/// <param name="Via">Channels in order, comma-separated.</param>
internal sealed record NextStep(string To, string Via, DateTime DueAt);

/// <summary>An alarm with what was done about it.</summary>
internal sealed record AlarmWhole(AlarmAnswer Alarm, IReadOnlyList<TimelineAnswer> Timeline, IReadOnlyList<StepAnswer> Steps);

/// <summary>What happened to an alarm. The timeline is only ever appended to.</summary>
/// <param name="What">opened, repeated, sent, acknowledged, resolved…</param>
/// <param name="Who">Person, rules, or escalation.</param>
internal sealed record TimelineAnswer(DateTime Time, string What, string Who, string Text, string TextZh);

/// <summary>A step of the escalation plan, frozen when the alarm opened.</summary>
/// <param name="To">contacts, contact 1…9, visitor, duty or supervisor.</param>
/// <param name="Via">Channels in order, comma-separated.</param>
/// <param name="State">waiting, done, skipped or cancelled.</param>
/// <param name="Note">Why it was skipped, or how it went.</param>
internal sealed record StepAnswer(
    int Order,
    string To,
    string Via,
    DateTime DueAt,
    string State,
    DateTime? StartedAt,
    DateTime? FinishedAt,
    string Note
);

/// <summary>A message or call to one person over one channel.</summary>
/// <param name="Recipient">contact:, visitor: or duty: and an id.</param>
/// <param name="Address">Masked.</param>
/// <param name="Text">The signed link in it is shown to administrators alone.</param>
/// <param name="State">waiting, sending, sent, delivered, failed, deferred or cancelled.</param>
internal sealed record NoticeAnswer(
    Guid Id,
    Guid AlarmId,
    string Channel,
    string Provider,
    string Recipient,
    string RecipientName,
    string Address,
    string Text,
    string State,
    int Attempts,
    DateTime CreatedAt,
    DateTime? SentAt,
    DateTime? FinishedAt,
    string Note
);

/// <summary>What became of many alarms that were changed together.</summary>
/// <param name="Done">Changed, each with a line on its own timeline.</param>
/// <param name="Refused">Left as they were, and why.</param>
internal sealed record BulkAnswer(IReadOnlyList<Guid> Done, IReadOnlyList<BulkRefused> Refused);

/// <param name="Why">Why it was left as it was.</param>
internal sealed record BulkRefused(Guid Alarm, string Why);
