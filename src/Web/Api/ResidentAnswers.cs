using Vigil.Registry;
using Vigil.Registry.Edits;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>A resident in a list.</summary>
/// <param name="KeyClass">Key (重点) rather than general (一般).</param>
/// <param name="Categories">Of Annex 1, comma-separated.</param>
internal sealed record ResidentBrief(string Id, string Name, string Area, bool KeyClass, string Categories);

/// <summary>A resident with contacts and devices.</summary>
/// <param name="HomeRadiusMetres">Farther away than this the resident is not at home.</param>
/// <param name="Visitor">Name of the assigned visitor.</param>
/// <param name="VisitorId">The assigned visitor's.</param>
/// <param name="Version">Of the resident's own data; to be given back with a change.</param>
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
    IReadOnlyList<DeviceBrief> Devices,
    string? VisitorId,
    string Version
);

/// <summary>Somebody who is told.</summary>
/// <param name="Order">1 is told first.</param>
/// <param name="Phone">Masked.</param>
/// <param name="Mail">Masked.</param>
/// <param name="Language">zh, yue or en.</param>
/// <param name="DailyDigest">Is told each morning how the day before was.</param>
/// <param name="Version">To be given back with a change.</param>
internal sealed record ContactAnswer(
    int Order,
    string Name,
    string Relation,
    string Phone,
    Guid Id,
    string Mail,
    string Language,
    bool DailyDigest,
    string Version
)
{
    public static ContactAnswer Of(Contact c, FieldKeys? keys, bool inFull = false) =>
        new(
            c.Order,
            c.Name,
            c.Relation,
            inFull ? FieldKeys.Shown(c.Phone) : Caller.Masked(c.Phone),
            c.Id,
            c.Mail.Length == 0 ? "" : ImportChanges.Shown("mail", c.Mail).En,
            c.Language,
            c.DailyDigest,
            RecordKind.Contact.VersionOf(keys, c)
        );
}

/// <summary>Who else belongs to the household.</summary>
/// <param name="Order">1 is the head of the household.</param>
/// <param name="IdentityNumber">Masked.</param>
/// <param name="Relation">To the head of the household.</param>
/// <param name="Health">In words.</param>
/// <param name="Supported">Receives subsistence allowance or special support.</param>
/// <param name="Version">To be given back with a change.</param>
internal sealed record MemberAnswer(
    Guid Id,
    int Order,
    string Name,
    string Gender,
    string IdentityNumber,
    string Relation,
    string Health,
    bool Supported,
    string Version
)
{
    public static MemberAnswer Of(HouseholdMember m, FieldKeys? keys) =>
        new(
            m.Id,
            m.Order,
            m.Name,
            m.Gender,
            m.IdentityNumber.Length == 0 ? "" : ImportChanges.Shown("identity", m.IdentityNumber).En,
            m.Relation,
            FieldKeys.Shown(m.Health),
            m.Supported,
            RecordKind.Member.VersionOf(keys, m)
        );
}

/// <summary>A resident's own data as they are edited.</summary>
/// <param name="Version">To be given back with a change.</param>
/// <param name="Fields">By the names that a change gives them; numbers are masked, what is empty is null.</param>
internal sealed record RecordAnswer(string Version, IReadOnlyDictionary<string, string?> Fields);

/// <summary>A device in a resident's home.</summary>
internal sealed record DeviceBrief(string Id, string Profile, DateTime InstalledAt, DateTime? FirstSeenAt, DateTime? LastSeenAt);

/// <summary>What the rules expect of a resident's devices.</summary>
internal sealed record OutlooksAnswer(IReadOnlyList<OutlookAnswer> Outlooks);

/// <summary>The earliest time at which an alarm could be raised, if nothing more is heard or used from now on.</summary>
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
