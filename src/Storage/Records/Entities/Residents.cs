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

    /// <summary>
    /// Refused or withdrew; unless they said so, remote monitoring, location and health readings go on as they were set up. These columns
    /// and the two above are what holds now; how it came to that is in <see cref="Consent"/>.
    /// </summary>
    public bool RefusesMonitoring { get; set; }
    public bool RefusesLocation { get; set; }
    public bool RefusesHealth { get; set; }

    public Refusals Refused =>
        (RefusesMonitoring ? Refusals.Monitoring : 0) | (RefusesLocation ? Refusals.Location : 0) | (RefusesHealth ? Refusals.Health : 0);

    /// <summary>Contacts may see daily life: it was agreed to, and there is monitoring that tells of it.</summary>
    public bool SharesDailyLife => ConsentDailyLife && !RefusesMonitoring;

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
