using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>Rows 值班 (duty), 主管 (supervisor), 探访人 (visitor) and 区划 (area).</summary>
internal sealed class PeopleImport(KnownRecords known, ImportOptions options, WholeFile? whole)
{
    public void Officer(RegistryRow row, bool supervisor)
    {
        var id = row["id"];
        if (id.Length == 0)
            return; // said already
        var there = known.Officers.GetValueOrDefault(id);
        if (there is not null && !there.Area.StartsWith(options.Bound, StringComparison.Ordinal))
            row.Wrong("id", id, new Wording("belongs to a duty officer or supervisor of another area", "属于其他区域的值班人员或主管"));
        var officer =
            there
            ?? new DutyOfficer
            {
                Id = id,
                Name = "",
                Area = "",
                Supervisor = supervisor,
            };
        if (there is null)
        {
            known.Officers[id] = officer;
            known.NewOfficers.Add(officer);
        }

        row.Of(
            supervisor ? ImportKind.Supervisor : ImportKind.Duty,
            there is not null,
            () =>
            {
                officer.Name = row.Needed("name", officer.Name);
                officer.Area = AreaOf(row, officer.Area);
                officer.Phone = row.Phone("phone", officer.Phone);
                officer.Mail = row.Text("mail", officer.Mail);
                officer.Webhook = row.Text("webhook", officer.Webhook);
                if (officer.Webhook.Length > 0 && !Uri.TryCreate(officer.Webhook, UriKind.Absolute, out _))
                    row.Wrong("webhook", officer.Webhook, new Wording("is not a web address", "不是网址"));
                officer.Language = ResidentImport.LanguageOf(row, "language", officer.Language, voiceToo: true);
                officer.Supervisor = row.Cell("record", officer.Supervisor, supervisor, _ => supervisor, v => v ? "是" : "否");
                (officer.SubstituteId, officer.AwayFrom, officer.AwayUntil) = SubstituteOf(
                    row,
                    id,
                    officer.SubstituteId,
                    officer.AwayFrom,
                    officer.AwayUntil
                );
            }
        );
    }

    public void Visitor(RegistryRow row)
    {
        var id = row["id"];
        if (id.Length == 0)
            return; // said already
        var there = known.Visitors.GetValueOrDefault(id);
        if (there is not null && !there.Area.StartsWith(options.Bound, StringComparison.Ordinal))
            row.Wrong("id", id, new Wording("belongs to a visitor of another area", "属于其他区域的探访人"));
        var visitor = there ?? new Visitor { Id = id, Name = "" };
        if (there is null)
        {
            known.Visitors[id] = visitor;
            known.NewVisitors.Add(visitor);
        }

        row.Of(
            ImportKind.Visitor,
            there is not null,
            () =>
            {
                visitor.Name = row.Needed("name", visitor.Name);
                visitor.Area = AreaOf(row, visitor.Area);
                visitor.Phone = row.Phone("phone", visitor.Phone);
                visitor.Mail = row.Text("mail", visitor.Mail);
                if (visitor.Phone.Length == 0 && visitor.Mail.Length == 0 && row["phone"].Length == 0)
                    row.Wrong("phone", "", new Wording("a visitor has a phone number or a mail address", "探访人应有电话或邮箱"));
                visitor.Language = ResidentImport.LanguageOf(row, "language", visitor.Language, voiceToo: true);
                (visitor.SubstituteId, visitor.AwayFrom, visitor.AwayUntil) = SubstituteOf(
                    row,
                    id,
                    visitor.SubstituteId,
                    visitor.AwayFrom,
                    visitor.AwayUntil
                );
            }
        );
    }

    public void Area(RegistryRow row)
    {
        var code = row["area"];
        if (code.Length == 0)
        {
            row.Wrong("area", "", new Wording("is missing", "未填写"));
            return;
        }

        if (!AreaCode.TryParse(code, out _))
            row.Wrong("area", code, new Wording("is not an area code of 6, 9 or 12 digits", "不是 6、9 或 12 位区划代码"));
        var there = known.Areas.GetValueOrDefault(code);
        var area = there ?? new Area { Code = code, Name = "" };
        if (there is null)
        {
            known.Areas[code] = area;
            known.NewAreas.Add(area);
            whole?.Has(code);
        }

        row.Of(ImportKind.Area, there is not null, () => area.Name = row.Needed("name", area.Name));
    }

    private string AreaOf(RegistryRow row, string kept)
    {
        var code = row.Needed("area", kept);
        if (code == kept)
            return code;
        if (AreaCode.TryParse(code, out _))
            whole?.Lies(row, code);
        else
            row.Wrong("area", code, new Wording("is not an area code of 6, 9 or 12 digits", "不是 6、9 或 12 位区划代码"));
        return code;
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
        var substitute = row.Cell("substitute", kept, null, text => text, v => v ?? "");
        if (substitute == id)
            row.Wrong("substitute", id, new Wording("is the same person", "替班人与本人相同"));
        var (from, until) = (row.Date("away from", keptFrom), row.Date("away until", keptUntil));
        if (from > until)
            row.Wrong("away until", row["away until"], new Wording("lies before the first day away", "早于离岗首日"));
        return (substitute, from, until);
    }
}
