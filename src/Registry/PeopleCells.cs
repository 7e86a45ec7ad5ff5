using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>The same as <see cref="ResidentCells"/> for officers, visitors and areas.</summary>
internal static class PeopleCells
{
    public static void Officer(RegistryRow row, DutyOfficer officer, WholeFile? whole)
    {
        officer.Name = row.Needed("name", officer.Name);
        officer.Area = AreaOf(row, officer.Area, whole);
        officer.Phone = row.Phone("phone", officer.Phone);
        officer.Mail = row.Text("mail", officer.Mail);
        officer.Webhook = row.Text("webhook", officer.Webhook);
        if (officer.Webhook.Length > 0 && !Uri.TryCreate(officer.Webhook, UriKind.Absolute, out _))
            row.Wrong("webhook", officer.Webhook, new Wording("is not a web address", "不是网址"));
        officer.Language = ResidentCells.LanguageOf(row, "language", officer.Language, voiceToo: true);
        officer.Supervisor = row.Cell(
            "record",
            officer.Supervisor,
            false,
            text => SupervisorIn(row, text, officer.Supervisor),
            v => v ? "主管" : "值班"
        );
        (officer.SubstituteId, officer.AwayFrom, officer.AwayUntil) = SubstituteOf(
            row,
            officer.Id,
            officer.SubstituteId,
            officer.AwayFrom,
            officer.AwayUntil
        );
    }

    /// <summary>The word of a file's row, or the yes or no of an edit.</summary>
    private static bool SupervisorIn(RegistryRow row, string text, bool kept)
    {
        switch (text)
        {
            case "主管" or "supervisor" or "是":
                return true;
            case "值班" or "duty" or "否":
                return false;
            default:
                row.Wrong("record", text, new Wording("is neither yes nor no", "应为是或否"));
                return kept;
        }
    }

    public static void Visitor(RegistryRow row, Visitor visitor, WholeFile? whole)
    {
        visitor.Name = row.Needed("name", visitor.Name);
        visitor.Area = AreaOf(row, visitor.Area, whole);
        visitor.Phone = row.Phone("phone", visitor.Phone);
        visitor.Mail = row.Text("mail", visitor.Mail);
        if (visitor.Phone.Length == 0 && visitor.Mail.Length == 0 && row["phone"].Length == 0)
            row.Wrong("phone", "", new Wording("a visitor has a phone number or a mail address", "探访人应有电话或邮箱"));
        visitor.Language = ResidentCells.LanguageOf(row, "language", visitor.Language, voiceToo: true);
        (visitor.SubstituteId, visitor.AwayFrom, visitor.AwayUntil) = SubstituteOf(
            row,
            visitor.Id,
            visitor.SubstituteId,
            visitor.AwayFrom,
            visitor.AwayUntil
        );
    }

    public static void Area(RegistryRow row, Area area) => area.Name = row.Needed("name", area.Name);

    private static string AreaOf(RegistryRow row, string kept, WholeFile? whole)
    {
        var code = row.Needed("area", kept);
        if (code == kept)
            return code;
        if (IsCode(row, code))
            whole?.Lies(row, code);
        return code;
    }

    /// <summary>Says it where it is none.</summary>
    public static bool IsCode(RegistryRow row, string code)
    {
        if (AreaCode.TryParse(code, out _))
            return true;
        row.Wrong("area", code, new Wording("is not an area code of 6, 9 or 12 digits", "不是 6、9 或 12 位区划代码"));
        return false;
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
