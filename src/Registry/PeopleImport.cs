using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>Rows 值班 (duty), 主管 (supervisor), 探访人 (visitor) and 区划 (area).</summary>
internal sealed class PeopleImport(RecordsDb db, string bound)
{
    public async Task OfficerAsync(RegistryRow row, bool supervisor, CancellationToken cancellation)
    {
        var id = row.Required("id");
        var officer = await db.DutyOfficers.FindAsync([id], cancellation);
        if (officer is not null && !officer.Area.StartsWith(bound, StringComparison.Ordinal))
            row.Wrong("id", id, new Wording("belongs to a duty officer or supervisor of another area", "属于其他区域的值班人员或主管"));
        if (officer is null)
            db.DutyOfficers.Add(
                officer = new DutyOfficer
                {
                    Id = id,
                    Name = "",
                    Area = "",
                }
            );
        officer.Name = row.Required("name");
        officer.Area = row.Required("area");
        if (officer.Area.Length > 0 && !AreaCode.TryParse(officer.Area, out _))
            row.Wrong("area", officer.Area, new Wording("is not an area code of 6, 9 or 12 digits", "不是 6、9 或 12 位区划代码"));
        officer.Phone = row.Phone("phone", officer.Phone);
        officer.Mail = row.Text("mail", officer.Mail);
        officer.Webhook = row.Text("webhook", officer.Webhook);
        if (officer.Webhook.Length > 0 && !Uri.TryCreate(officer.Webhook, UriKind.Absolute, out _))
            row.Wrong("webhook", officer.Webhook, new Wording("is not a web address", "不是网址"));
        if (row["language"] is { Length: > 0 } language)
            officer.Language = language;
        officer.Supervisor = supervisor;
        (officer.SubstituteId, officer.AwayFrom, officer.AwayUntil) = SubstituteOf(
            row,
            id,
            officer.SubstituteId,
            officer.AwayFrom,
            officer.AwayUntil
        );
    }

    public async Task VisitorAsync(RegistryRow row, CancellationToken cancellation)
    {
        var id = row.Required("id");
        var visitor = await db.Visitors.FindAsync([id], cancellation);
        if (visitor is not null && !visitor.Area.StartsWith(bound, StringComparison.Ordinal))
            row.Wrong("id", id, new Wording("belongs to a visitor of another area", "属于其他区域的探访人"));
        if (visitor is null)
            db.Visitors.Add(visitor = new Visitor { Id = id, Name = "" });
        visitor.Name = row.Required("name");
        visitor.Area = row.Required("area");
        if (visitor.Area.Length > 0 && !AreaCode.TryParse(visitor.Area, out _))
            row.Wrong("area", visitor.Area, new Wording("is not an area code of 6, 9 or 12 digits", "不是 6、9 或 12 位区划代码"));
        visitor.Phone = row.Phone("phone", visitor.Phone);
        visitor.Mail = row.Text("mail", visitor.Mail);
        if (visitor.Phone.Length == 0 && visitor.Mail.Length == 0)
            row.Wrong("phone", "", new Wording("a visitor has a phone number or a mail address", "探访人应有电话或邮箱"));
        if (row["language"] is { Length: > 0 } language)
            visitor.Language = language;
        (visitor.SubstituteId, visitor.AwayFrom, visitor.AwayUntil) = SubstituteOf(
            row,
            id,
            visitor.SubstituteId,
            visitor.AwayFrom,
            visitor.AwayUntil
        );
    }

    /// <summary>
    /// Who stands in for the person, and on which days the person is away. Whether the substitute exists is not checked: it may be in a
    /// later row, and a missing one is shown on an alarm's timeline.
    /// </summary>
    private static (string? Substitute, DateOnly? From, DateOnly? Until) SubstituteOf(
        RegistryRow row,
        string id,
        string? kept,
        DateOnly? keptFrom,
        DateOnly? keptUntil
    )
    {
        var substitute = row.Text("substitute", kept ?? "") is { Length: > 0 } text ? text : null;
        if (substitute == id)
            row.Wrong("substitute", id, new Wording("is the same person", "替班人与本人相同"));
        var (from, until) = (row.Date("away from", keptFrom), row.Date("away until", keptUntil));
        if (from > until)
            row.Wrong("away until", row["away until"], new Wording("lies before the first day away", "早于离岗首日"));
        return (substitute, from, until);
    }

    public async Task AreaAsync(RegistryRow row, CancellationToken cancellation)
    {
        var code = row.Required("area");
        if (code.Length > 0 && !AreaCode.TryParse(code, out _))
            row.Wrong("area", code, new Wording("is not an area code of 6, 9 or 12 digits", "不是 6、9 或 12 位区划代码"));
        var area = await db.Areas.FindAsync([code], cancellation);
        if (area is null)
            db.Areas.Add(area = new Area { Code = code, Name = "" });
        area.Name = row.Required("name");
    }
}
