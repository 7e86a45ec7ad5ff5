using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>An alarm.</summary>
/// <param name="Subject">Resident's number, or <c>area:</c> and a code.</param>
/// <param name="Resident">Number of the resident; null for an area's alarm.</param>
/// <param name="Name">Of the resident, else the subject.</param>
/// <param name="Area">Village, 12 digits.</param>
/// <param name="Severity">critical, high, warning or technical.</param>
/// <param name="State">open, acknowledged, in-hand or resolved.</param>
/// <param name="Episode">The same while one trouble lasts.</param>
/// <param name="Device">Which device told of it.</param>
/// <param name="RaisedAt">When it became true, by the readings' time.</param>
/// <param name="OpenedAt">When it was committed.</param>
/// <param name="ClearedAt">When its cause went away by itself.</param>
/// <param name="SeenWellBy">When this runs out, escalation goes on above whoever acknowledged.</param>
/// <param name="Resolution">The coded reason of a resolved alarm: True, FalseAway, FalseHabit, FalseDevice, FalseMistake, Test, Technical
/// or Cleared.</param>
/// <param name="Repeats">How often it happened again.</param>
/// <param name="Version">Counts changes.</param>
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
/// <param name="State">waiting, running, done, skipped or cancelled.</param>
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

/// <param name="Why">In words.</param>
internal sealed record BulkRefused(Guid Alarm, string Why);

/// <summary>A registered device.</summary>
/// <param name="ResidentId">Null while it is in stock.</param>
/// <param name="ReportMinutes">How often it is expected to report; null for its profile's own.</param>
/// <param name="TestedAt">When a test press last arrived.</param>
internal sealed record DeviceAnswer(
    string Id,
    string Profile,
    string? ResidentId,
    string Label,
    DateTime InstalledAt,
    DateTime? FirstSeenAt,
    DateTime? LastSeenAt,
    int? ReportMinutes,
    DateTime? TestedAt
);

/// <summary>A device that speaks and that nobody has registered.</summary>
/// <param name="Messages">Heard so far.</param>
/// <param name="LastPayload">Text, else hexadecimal digits; null for a caller bound to an area: what it said may be about a person
/// elsewhere.</param>
/// <param name="Announced">What it announces of itself, a line each.</param>
internal sealed record UnboundAnswer(
    string Id,
    string Profile,
    string Topic,
    DateTime FirstSeenAt,
    DateTime LastSeenAt,
    long Messages,
    string? LastPayload,
    string Announced
);

/// <summary>A payload that could not be read, kept with its bytes.</summary>
/// <param name="Username">MQTT user it came from.</param>
/// <param name="Payload">The bytes, base64.</param>
/// <param name="Preview">The first 512 bytes as text, else as hexadecimal digits.</param>
/// <param name="Hex">The bytes as hexadecimal digits.</param>
internal sealed record RejectedAnswer(
    long Id,
    DateTime Received,
    string Topic,
    string Username,
    string Device,
    string Profile,
    string Reason,
    string Payload,
    string Preview,
    string Hex
);

/// <summary>A known absence. It ends by itself and never silences SOS, smoke, gas or falls.</summary>
/// <param name="EndedAt">When somebody said that the resident is back.</param>
internal sealed record AbsenceAnswer(
    Guid Id,
    string ResidentId,
    DateTime From,
    DateTime Until,
    string Author,
    string Reason,
    DateTime? EndedAt,
    string EndedBy
)
{
    public static AbsenceAnswer Of(Absence a) => new(a.Id, a.ResidentId, a.From, a.Until, a.Author, a.Reason, a.EndedAt, a.EndedBy);
}

/// <summary>A visit record (Annex 2).</summary>
/// <param name="AlarmId">The alarm that asked for it.</param>
/// <param name="Form">home, phone, video or remote.</param>
internal sealed record VisitAnswer(
    Guid Id,
    string ResidentId,
    string? VisitorId,
    Guid? AlarmId,
    DateTime Time,
    string Form,
    string Condition,
    string Needs,
    string Actions,
    string Notes,
    string Satisfaction,
    string RecordedBy
)
{
    public static VisitAnswer Of(Visit v) =>
        new(
            v.Id,
            v.ResidentId,
            v.VisitorId,
            v.AlarmId,
            v.Time,
            v.Form,
            v.Condition,
            v.Needs,
            v.Actions,
            v.Notes,
            v.Satisfaction,
            v.RecordedBy
        );
}

/// <summary>A county, town or village.</summary>
/// <param name="Code">6, 9 or 12 digits.</param>
/// <param name="WatchFrom">Heightened watch since.</param>
/// <param name="WatchUntil">Heightened watch until.</param>
internal sealed record AreaAnswer(string Code, string Name, DateTime? WatchFrom, DateTime? WatchUntil, string WatchReason);

/// <summary>Who may connect to the embedded broker.</summary>
/// <param name="Gateway">Speaks for other devices.</param>
/// <param name="Topics">Topic filters a gateway may publish to, one a line.</param>
internal sealed record CredentialAnswer(string Username, bool Gateway, string Topics, DateTime CreatedAt, bool Disabled);

/// <summary>A new credential.</summary>
/// <param name="Password">Shown in this one answer.</param>
internal sealed record CredentialCreated(string Username, string Password);

/// <summary>What an import did, or would do.</summary>
/// <param name="Imported">False for a dry run.</param>
/// <param name="Summary">In words.</param>
internal sealed record ImportAnswer(bool Imported, string Summary);

/// <summary>A resident in a list.</summary>
/// <param name="KeyClass">Key (重点) rather than general (一般).</param>
/// <param name="Categories">Of Annex 1, comma-separated.</param>
internal sealed record ResidentBrief(string Id, string Name, string Area, bool KeyClass, string Categories);

/// <summary>A resident with contacts and devices.</summary>
/// <param name="HomeRadiusMetres">Beyond it somebody is away from home.</param>
/// <param name="Visitor">Name of the assigned visitor.</param>
internal sealed record ResidentAnswer(
    string Id,
    string Name,
    string Area,
    bool KeyClass,
    string Categories,
    string Gender,
    DateOnly? BirthDate,
    string Address,
    string Language,
    bool ConsentService,
    bool ConsentDailyLife,
    double? HomeLatitude,
    double? HomeLongitude,
    double HomeRadiusMetres,
    IReadOnlyList<ContactAnswer> Contacts,
    string? Visitor,
    IReadOnlyList<DeviceBrief> Devices
);

/// <param name="Order">1 is told first.</param>
/// <param name="Phone">Masked.</param>
internal sealed record ContactAnswer(int Order, string Name, string Relation, string Phone);

/// <summary>A device in a resident's home.</summary>
internal sealed record DeviceBrief(string Id, string Profile, DateTime InstalledAt, DateTime? FirstSeenAt, DateTime? LastSeenAt);

/// <summary>What the rules expect of a resident's devices.</summary>
internal sealed record OutlooksAnswer(IReadOnlyList<OutlookAnswer> Outlooks);

/// <summary>The earliest moment at which trouble could be told, if nothing more is heard or used.</summary>
/// <param name="Kind">no-water, no-electricity, inactivity, device-silent or device-never-seen.</param>
internal sealed record OutlookAnswer(string Device, string Kind, DateTime At);

/// <summary>A reading.</summary>
/// <param name="Channel">Of a device with several of the same metric.</param>
/// <param name="Time">Measured.</param>
/// <param name="Received">Arrived.</param>
/// <param name="Value">For a location the latitude, degrees WGS-84.</param>
/// <param name="Unit">Of SenML (RFC 8428), else UCUM.</param>
/// <param name="Longitude">Degrees WGS-84; of a location alone.</param>
/// <param name="Event">Of a button or detector: what happened.</param>
/// <param name="Flags">What is doubtful about it.</param>
internal sealed record ReadingAnswer(
    string Device,
    string Metric,
    string Channel,
    DateTime Time,
    DateTime Received,
    double Value,
    string Unit,
    double? Longitude,
    string? Event,
    string Flags
);
