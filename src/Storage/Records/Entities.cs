using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>An older person who is cared for (服务对象). Registry data follow Annex 1 of the policy document.</summary>
public sealed class Resident
{
    /// <summary>The registry's own number, 1–64 characters.</summary>
    public required string Id { get; set; }
    public required string Name { get; set; }

    /// <summary>Village, 12 digits.</summary>
    public required string Area { get; set; }

    /// <summary>People's own identity number (GB 11643), 18 characters; empty when unknown. Never in a message or a log.</summary>
    public string IdentityNumber { get; set; } = "";
    public string Phone { get; set; } = "";
    public string Address { get; set; } = "";
    public string Gender { get; set; } = "";
    public DateOnly? BirthDate { get; set; }

    /// <summary>户籍地址; <see cref="Address"/> is where the person lives.</summary>
    public string RegisteredAddress { get; set; } = "";

    /// <summary>残疾人证号, of severely disabled residents.</summary>
    public string DisabilityCertificate { get; set; } = "";

    /// <summary>建档日期.</summary>
    public DateOnly? FiledOn { get; set; }

    /// <summary>Whether water, electricity, gas and housing are safe, in the words of the form (Annex 1, part three).</summary>
    public string DrinkingWater { get; set; } = "";
    public string ElectricitySafety { get; set; } = "";
    public string GasSafety { get; set; } = "";
    public string Housing { get; set; } = "";

    /// <summary>Yuan a month, of the household; null when not stated.</summary>
    public double? MonthlyIncome { get; set; }

    /// <summary>Yuan a month of old-age insurance.</summary>
    public double? MonthlyPension { get; set; }

    /// <summary>Yuan a month of social assistance and welfare.</summary>
    public double? MonthlyBenefits { get; set; }

    /// <summary>帮扶单位, 帮扶责任人, 帮扶措施 (Annex 1, part four).</summary>
    public string HelpedBy { get; set; } = "";
    public string HelpContact { get; set; } = "";
    public string Help { get; set; } = "";
    public List<HouseholdMember> Household { get; set; } = [];

    /// <summary>Categories of the policy document, comma-separated: 独居, 空巢, 留守, 失能, 重残, 计生特殊家庭.</summary>
    public string Categories { get; set; } = "";

    /// <summary>Key (重点) rather than general (一般): visited more often.</summary>
    public bool KeyClass { get; set; }

    /// <summary>Agreed to being cared for (接受探访关爱服务的意愿).</summary>
    public bool ConsentService { get; set; } = true;

    /// <summary>Agreed that contacts may see daily-life information.</summary>
    public bool ConsentDailyLife { get; set; }

    /// <summary>zh or en: the language people are told in about this resident, unless the person's own says otherwise.</summary>
    public string Language { get; set; } = "zh";

    /// <summary>Home, WGS-84 degrees; null when unknown.</summary>
    public double? HomeLatitude { get; set; }
    public double? HomeLongitude { get; set; }
    public double HomeRadiusMetres { get; set; } = 300;
    public string? VisitorId { get; set; }
    public Visitor? Visitor { get; set; }
    public List<Contact> Contacts { get; set; } = [];
    public List<Device> Devices { get; set; } = [];
    public DateTime CreatedAt { get; set; }
    public DateTime UpdatedAt { get; set; }
}

/// <summary>Family or neighbour (紧急联系人), told in order.</summary>
public sealed class Contact
{
    public Guid Id { get; set; }
    public required string ResidentId { get; set; }

    /// <summary>1 is told first.</summary>
    public int Order { get; set; }
    public required string Name { get; set; }
    public string Relation { get; set; } = "";

    /// <summary>E.164, such as +8613800138000; empty when there is none.</summary>
    public string Phone { get; set; } = "";
    public string Mail { get; set; } = "";

    /// <summary>zh, yue (voice only) or en.</summary>
    public string Language { get; set; } = "zh";
    public bool DailyDigest { get; set; }
}

/// <summary>The digest of one day for one contact who wanted it: a row before it is sent, so that it is sent once.</summary>
public sealed class DailyDigest
{
    public Guid ContactId { get; set; }

    /// <summary>The day it tells of, local to the service's time zone.</summary>
    public DateOnly Day { get; set; }

    /// <summary>Mail or SMS.</summary>
    public required Channel Channel { get; set; }
    public int Attempts { get; set; }
    public DateTime DueAt { get; set; }
    public DateTime? SentAt { get; set; }
    public DateTime? GivenUpAt { get; set; }
    public string Note { get; set; } = "";
}

/// <summary>Who else belongs to the household (Annex 1, part two).</summary>
public sealed class HouseholdMember
{
    public Guid Id { get; set; }
    public required string ResidentId { get; set; }

    /// <summary>1 is the head of the household (户主).</summary>
    public int Order { get; set; }
    public required string Name { get; set; }
    public string Gender { get; set; } = "";
    public string IdentityNumber { get; set; } = "";

    /// <summary>Relation to the head of the household.</summary>
    public string Relation { get; set; } = "";
    public string Health { get; set; } = "";

    /// <summary>Receives subsistence allowance or special support (低保对象, 特困人员).</summary>
    public bool Supported { get; set; }
}

/// <summary>The person assigned to go there (探访关爱服务联系人).</summary>
public sealed class Visitor
{
    public required string Id { get; set; }
    public required string Name { get; set; }
    public string Phone { get; set; } = "";
    public string Mail { get; set; } = "";
    public string Area { get; set; } = "";
    public string Language { get; set; } = "zh";

    /// <summary>Who goes instead while this visitor is away or off duty.</summary>
    public string? SubstituteId { get; set; }
    public bool Away { get; set; }

    /// <summary>First and last day away, local days of the service's time zone; null leaves that side open, both null: not away.</summary>
    public DateOnly? AwayFrom { get; set; }
    public DateOnly? AwayUntil { get; set; }
}

/// <summary>Staff at the desk of a town or county (值班人员); a supervisor stands above.</summary>
public sealed class DutyOfficer
{
    public required string Id { get; set; }
    public required string Name { get; set; }
    public required string Area { get; set; }
    public string Phone { get; set; } = "";
    public string Mail { get; set; } = "";
    public string Webhook { get; set; } = "";
    public string Language { get; set; } = "zh";
    public bool Supervisor { get; set; }

    /// <summary>Who takes this officer's shifts while they are away.</summary>
    public string? SubstituteId { get; set; }

    /// <summary>First and last day away, local days of the service's time zone; null leaves that side open, both null: not away.</summary>
    public DateOnly? AwayFrom { get; set; }
    public DateOnly? AwayUntil { get; set; }
}

/// <summary>
/// A line of the rota (值班表): somebody is on duty in these hours on these weekdays. Who has no line at all is always on duty; who has some,
/// in these alone. Local days and hours of the service's time zone.
/// </summary>
public sealed class Shift
{
    public Guid Id { get; set; }

    /// <summary>officer:{id} or visitor:{id}.</summary>
    public required string Who { get; set; }

    /// <summary>The weekdays it begins on, a bit each: Monday 1, Tuesday 2, … Sunday 64.</summary>
    public int Days { get; set; } = 127;

    /// <summary>From this time of day…</summary>
    public TimeOnly From { get; set; }

    /// <summary>…up to this one, which does not belong to it; the same or an earlier one lies on the next day.</summary>
    public TimeOnly Until { get; set; }

    /// <summary>First and last day it begins on; null leaves that side open.</summary>
    public DateOnly? FirstDay { get; set; }
    public DateOnly? LastDay { get; set; }

    /// <summary>Whether a local moment lies in it; a night shift belongs to the day on which it begins.</summary>
    public bool Covers(DateTime local)
    {
        var (day, time) = (DateOnly.FromDateTime(local), TimeOnly.FromDateTime(local));
        if (From < Until)
            return BeginsOn(day) && time >= From && time < Until;
        return (BeginsOn(day) && time >= From) || (BeginsOn(day.AddDays(-1)) && time < Until);
    }

    private bool BeginsOn(DateOnly day) =>
        (Days >> (((int)day.DayOfWeek + 6) % 7) & 1) == 1 && (FirstDay is null || day >= FirstDay) && (LastDay is null || day <= LastDay);
}

/// <summary>A county, town or village; heightened watch tightens limits and asks for visits.</summary>
public sealed class Area
{
    /// <summary>6, 9 or 12 digits.</summary>
    public required string Code { get; set; }
    public required string Name { get; set; }
    public DateTime? WatchFrom { get; set; }
    public DateTime? WatchUntil { get; set; }
    public string WatchReason { get; set; } = "";
}

/// <summary>A registered device in somebody's home.</summary>
public sealed class Device
{
    public required string Id { get; set; }

    /// <summary>The profile that reads it, such as <c>wmbusmeters/multical21</c>.</summary>
    public required string Profile { get; set; }

    /// <summary>Null while it is in stock.</summary>
    public string? ResidentId { get; set; }
    public string Label { get; set; } = "";

    /// <summary>Silence is counted from here even if it never spoke.</summary>
    public DateTime InstalledAt { get; set; }
    public DateTime? FirstSeenAt { get; set; }
    public DateTime? LastSeenAt { get; set; }

    /// <summary>How often it is expected to report; null for the profile's own.</summary>
    public int? ReportMinutes { get; set; }

    /// <summary>When a test press last arrived.</summary>
    public DateTime? TestedAt { get; set; }
}

/// <summary>Who may connect to the embedded broker: a device or a gateway, with the devices it may speak for.</summary>
public sealed class Credential
{
    /// <summary>MQTT user name.</summary>
    public required string Username { get; set; }

    /// <summary>Salted hash of the password, see <see cref="Vigil.Storage.Records.PasswordHash"/>.</summary>
    public required string PasswordHash { get; set; }

    /// <summary>A gateway speaks for other devices; a device for itself alone.</summary>
    public bool Gateway { get; set; }

    /// <summary>
    /// For a gateway: topic filters it may publish to, one a line; empty means those of its profile with its own name as {device}.
    /// </summary>
    public string Topics { get; set; } = "";
    public DateTime CreatedAt { get; set; }
    public bool Disabled { get; set; }
}

/// <summary>A bearer key of the HTTP API; only its hash is kept.</summary>
public sealed class ApiKey
{
    public Guid Id { get; set; }
    public required string Name { get; set; }

    /// <summary>SHA-256 of the key (256 random bits), base64.</summary>
    public required string Hash { get; set; }

    /// <summary>Comma-separated: read, write, admin.</summary>
    public required string Scopes { get; set; }

    /// <summary>Area the key is bound to; empty for all.</summary>
    public string Area { get; set; } = "";
    public DateTime CreatedAt { get; set; }
    public DateTime? ExpiresAt { get; set; }
}

public enum AlarmState
{
    Open = 0,
    Acknowledged = 1,

    /// <summary>A visitor is on the way.</summary>
    InHand = 2,
    Resolved = 3,
}

/// <summary>Coded reason of a closed alarm.</summary>
public enum Resolution
{
    None = 0,

    /// <summary>Somebody needed help.</summary>
    True = 1,
    FalseAway = 2,
    FalseHabit = 3,
    FalseDevice = 4,
    FalseMistake = 5,
    Test = 6,
    Technical = 7,

    /// <summary>Life resumed by itself.</summary>
    Cleared = 8,
}

/// <summary>Something that somebody has to answer for. One open alarm per subject and kind.</summary>
public sealed class Alarm
{
    public Guid Id { get; set; }

    /// <summary>Resident id, or <c>area:{code}</c>.</summary>
    public required string Subject { get; set; }
    public string? ResidentId { get; set; }
    public Resident? Resident { get; set; }
    public required string Area { get; set; }
    public required string Kind { get; set; }
    public Severity Severity { get; set; }
    public AlarmState State { get; set; }
    public required string Episode { get; set; }
    public string? DeviceId { get; set; }
    public required string Reason { get; set; }
    public required string ReasonZh { get; set; }

    /// <summary>When it became true, in reading time.</summary>
    public DateTime RaisedAt { get; set; }

    /// <summary>When it was committed here.</summary>
    public DateTime OpenedAt { get; set; }

    /// <summary>When the cause went away by itself; the alarm stays until somebody resolves it if it was acknowledged.</summary>
    public DateTime? ClearedAt { get; set; }
    public DateTime? AcknowledgedAt { get; set; }
    public string? AcknowledgedBy { get; set; }

    /// <summary>"Seen well by": when it runs out, escalation resumes above whoever acknowledged.</summary>
    public DateTime? SeenWellBy { get; set; }
    public DateTime? ResolvedAt { get; set; }
    public string? ResolvedBy { get; set; }
    public Resolution Resolution { get; set; }

    /// <summary>How often it happened again.</summary>
    public int Repeats { get; set; }

    /// <summary>"subject|kind" while not resolved, else null: its unique index keeps one open alarm per subject and kind.</summary>
    public string? OpenKey { get; set; }

    /// <summary>Counts changes.</summary>
    public int Version { get; set; }

    /// <summary>
    /// The version at which people began to be told of what stands now: it opened, was opened again, or happened again. An answer to
    /// something older doesn't count.
    /// </summary>
    public int Round { get; set; }

    /// <summary>When people last began to be told because it happened again; null when it never did.</summary>
    public DateTime? RangAt { get; set; }

    /// <summary>When it last happened again after somebody had acknowledged it, and was opened again at once.</summary>
    public DateTime? ReopenedAt { get; set; }

    /// <summary>W3C traceparent of its opening, by which a notice hours later is linked to the reading; empty when nobody traced.</summary>
    public string Trace { get; set; } = "";
    public List<TimelineEntry> Timeline { get; set; } = [];
    public List<EscalationStep> Steps { get; set; } = [];
}

/// <summary>What happened to an alarm, who did it, when and why. Only ever appended.</summary>
public sealed class TimelineEntry
{
    public long Id { get; set; }
    public Guid AlarmId { get; set; }
    public DateTime Time { get; set; }
    public required TimelineEvent What { get; set; }

    /// <summary>Who: <c>rules</c>, <c>escalation</c>, <c>contact:…</c>, <c>visitor:…</c>, <c>duty:…</c>, <c>api:…</c>.</summary>
    public required string Who { get; set; }
    public required string Text { get; set; }
    public string TextZh { get; set; } = "";
}

/// <summary>
/// Stored as numbers; 1 is none. A step is done in the commit that writes its messages: what is on its way is a message's state, never a
/// step's.
/// </summary>
public enum StepState
{
    Waiting = 0,
    Done = 2,
    Skipped = 3,
    Cancelled = 4,
}

/// <summary>A step of the plan, frozen when the alarm opened; who is meant is resolved when it runs.</summary>
public sealed class EscalationStep
{
    public Guid Id { get; set; }
    public Guid AlarmId { get; set; }
    public Alarm? Alarm { get; set; }
    public int Order { get; set; }

    /// <summary>contacts, contact 1…9, visitor, duty, supervisor.</summary>
    public required string To { get; set; }

    /// <summary>In this order; empty for a step that tells nobody.</summary>
    public required IReadOnlyList<Channel> Via { get; set; }
    public DateTime DueAt { get; set; }

    /// <summary>How long the next step waits after this one.</summary>
    public int WaitSeconds { get; set; }
    public StepState State { get; set; }
    public DateTime? StartedAt { get; set; }
    public DateTime? FinishedAt { get; set; }
    public Wording Note { get; set; } = Wording.None;

    /// <summary>What is said.</summary>
    public MessageKind Template { get; set; }
}

public enum NoticeState
{
    Waiting = 0,

    /// <summary>Committed before the request goes out; the outcome is unknown until it says so.</summary>
    Sending = 1,

    /// <summary>The provider accepted it.</summary>
    Sent = 2,
    Delivered = 3,
    Failed = 4,

    /// <summary>Held back by a limit or quiet hours; never dropped.</summary>
    Deferred = 5,
    Cancelled = 6,
}

/// <summary>One message or call to one person over one channel.</summary>
public sealed class Notice
{
    public Guid Id { get; set; }
    public Guid AlarmId { get; set; }
    public Guid? StepId { get; set; }

    public required Channel Channel { get; set; }

    /// <summary>outbox, twilio, aliyun…</summary>
    public string Provider { get; set; } = "";

    /// <summary>contact:{id}, visitor:{id}, duty:{id}.</summary>
    public required string Recipient { get; set; }
    public required string RecipientName { get; set; }

    /// <summary>Phone number, mail address or web address.</summary>
    public required string Address { get; set; }
    public required string Text { get; set; }

    /// <summary>The page of whoever is told, as it stands in the text; empty where there is nothing to answer.</summary>
    public string Link { get; set; } = "";

    /// <summary>zh, yue or en.</summary>
    public string Language { get; set; } = "zh";

    /// <summary>What it says: domestic providers take templates, not texts.</summary>
    public MessageKind Template { get; set; }
    public NoticeState State { get; set; }

    /// <summary>The provider's own id of it, for receipts.</summary>
    public string? ProviderId { get; set; }

    /// <summary>The provider doesn't work; it is sent when that is back.</summary>
    public bool Held { get; set; }

    /// <summary>The notice that was sent in the place of this and of others to the same address.</summary>
    public Guid? DigestId { get; set; }

    /// <summary>For people alone.</summary>
    public string Note { get; set; } = "";
    public int Attempts { get; set; }
    public DateTime CreatedAt { get; set; }

    /// <summary>When it is to be sent; while Sending, until when the sender has it to itself: after that its outcome is unknown.</summary>
    public DateTime DueAt { get; set; }
    public DateTime? SentAt { get; set; }
    public DateTime? FinishedAt { get; set; }

    /// <summary>Code this recipient replies with for this alarm.</summary>
    public string? ReplyCode { get; set; }

    /// <summary>The alarm's <see cref="Alarm.Round"/> that it tells of.</summary>
    public int Round { get; set; }
}

/// <summary>
/// A phone that takes nothing over one channel, by its provider's word: opted out, no longer in service, a landline. Remembered between
/// alarms, until the number is edited (then it is another address) or something arrives there after all.
/// </summary>
public sealed class BlockedNumber
{
    public Guid Id { get; set; }
    public required string Address { get; set; }

    /// <summary>SMS or voice.</summary>
    public required Channel Channel { get; set; }
    public required string Reason { get; set; }
    public DateTime Since { get; set; }
}

/// <summary>A finding that has been committed: makes redelivery invisible.</summary>
public sealed class CommittedFinding
{
    /// <summary>subject|kind|episode|sequence.</summary>
    public required string Key { get; set; }
    public DateTime CommittedAt { get; set; }
}

/// <summary>The resident is known to be away. Has a start, an end and an author; never silences SOS, smoke, gas or falls.</summary>
public sealed class Absence
{
    public Guid Id { get; set; }
    public required string ResidentId { get; set; }
    public DateTime From { get; set; }
    public DateTime Until { get; set; }
    public required string Author { get; set; }
    public string Reason { get; set; } = "";
    public DateTime? EndedAt { get; set; }
    public string EndedBy { get; set; } = "";
}

/// <summary>A visit record (附件2).</summary>
public sealed class Visit
{
    public Guid Id { get; set; }
    public required string ResidentId { get; set; }
    public string? VisitorId { get; set; }
    public Guid? AlarmId { get; set; }
    public DateTime Time { get; set; }

    /// <summary>home, phone, video, remote.</summary>
    public required string Form { get; set; }
    public string Condition { get; set; } = "";
    public string Needs { get; set; } = "";
    public string Actions { get; set; } = "";
    public string Notes { get; set; } = "";

    /// <summary>老年人服务满意度评价.</summary>
    public string Satisfaction { get; set; } = "";
    public required string RecordedBy { get; set; }
}

/// <summary>A payload that could not be read: kept with its topic, bytes and reason.</summary>
public sealed class RejectedPayload
{
    public long Id { get; set; }
    public DateTime Received { get; set; }
    public required string Topic { get; set; }
    public string Username { get; set; } = "";
    public string Device { get; set; } = "";
    public string Profile { get; set; } = "";
    public required byte[] Payload { get; set; }
    public required Wording Reason { get; set; }
}

/// <summary>A device that speaks and that nobody has registered: waits to be bound.</summary>
public sealed class UnboundDevice
{
    public required string Id { get; set; }
    public string Profile { get; set; } = "";
    public required string Topic { get; set; }
    public DateTime FirstSeenAt { get; set; }
    public DateTime LastSeenAt { get; set; }
    public long Messages { get; set; }
    public byte[] LastPayload { get; set; } = [];

    /// <summary>What it announces of itself (Home Assistant discovery), JSON; else empty.</summary>
    public string Announced { get; set; } = "";
}

/// <summary>
/// What a device announced of itself (Home Assistant's discovery), as it came: by it its topics are read, also after a start.
/// </summary>
public sealed class DeviceAnnouncement
{
    /// <summary>The discovery topic it came on.</summary>
    public required string Topic { get; set; }
    public required byte[] Payload { get; set; }
    public DateTime ReceivedAt { get; set; }
}

/// <summary>
/// Who did or read what. A second after it was written it gets its place in the chain, and with it the hash of the row before: see <see
/// cref="AuditChain"/>.
/// </summary>
public sealed class AuditEntry
{
    public long Id { get; set; }
    public DateTime Time { get; set; }
    public required string Who { get; set; }

    /// <summary>read, import, bind, sign-in…; for a line of an alarm's timeline the timeline's word.</summary>
    public required string Action { get; set; }
    public required string Subject { get; set; }
    public string Detail { get; set; } = "";

    /// <summary>Place in the chain, from 1 and without gaps; null until it has one.</summary>
    public long? Place { get; set; }

    /// <summary>The line of a timeline that this row stands for; null when it stands for itself.</summary>
    public long? Line { get; set; }

    /// <summary>Digest of that line.</summary>
    public string? LineDigest { get; set; }

    /// <summary>Digest of who answered for the alarm and how it ended, after that line.</summary>
    public string? AlarmDigest { get; set; }
    public string PreviousHash { get; set; } = "";
    public string Hash { get; set; } = "";
}

/// <summary>One day of one home, kept after the raw readings are gone.</summary>
public sealed class DailyUse
{
    public required string ResidentId { get; set; }

    /// <summary>Local day of the service's time zone.</summary>
    public DateOnly Day { get; set; }
    public double? Litres { get; set; }
    public double? KilowattHours { get; set; }
    public DateTime? FirstUse { get; set; }
    public DateTime? LastUse { get; set; }
}
