using System.Globalization;
using Microsoft.EntityFrameworkCore;
using PhoneNumbers;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// Reads the registry from CSV or XLSX: residents after Annex 1 of the policy document with their contacts, visitor and devices; duty
/// officers, supervisors and areas as rows of their own. Headings in Chinese or English; docs/registry.md describes them. Every error is
/// reported with its line, column and value, and nothing is written when there is any. A second import updates by id.
/// </summary>
public sealed class RegistryImport(IDbContextFactory<RecordsDb> records, TimeProvider clock, Func<string, bool> isProfile)
{
    private static readonly Dictionary<string, string> Headings = new(StringComparer.OrdinalIgnoreCase)
    {
        ["记录"] = "record",
        ["编号"] = "id",
        ["姓名"] = "name",
        ["区划代码"] = "area",
        ["身份证号"] = "identity",
        ["身份证号码"] = "identity",
        ["性别"] = "gender",
        ["出生日期"] = "birth",
        ["对象类型"] = "categories",
        ["电话"] = "phone",
        ["联系电话"] = "phone",
        ["住址"] = "address",
        ["居住地址"] = "address",
        ["类别"] = "categories",
        ["重点"] = "key",
        ["接受服务"] = "consent",
        ["同意共享日常生活信息"] = "share",
        ["纬度"] = "latitude",
        ["经度"] = "longitude",
        ["活动半径米"] = "radius",
        ["邮箱"] = "mail",
        ["语言"] = "language",
        ["网络钩子"] = "webhook",
        ["户籍地址"] = "registered address",
        ["残疾人证号"] = "disability certificate",
        ["建档日期"] = "filed",
        ["饮水是否安全"] = "drinking water",
        ["生活用电是否安全"] = "electricity",
        ["生活用气是否安全"] = "gas",
        ["住房是否安全"] = "housing",
        ["家庭每月收入"] = "income",
        ["养老保险每月"] = "pension",
        ["社会救助和福利补贴每月"] = "benefits",
        ["帮扶单位"] = "helped by",
        ["帮扶责任人"] = "help contact",
        ["帮扶措施"] = "help",
        ["替班编号"] = "substitute",
        ["离岗自"] = "away from",
        ["离岗至"] = "away until",
        ["星期"] = "days",
        ["时段"] = "hours",
        ["起始日"] = "first day",
        ["截止日"] = "last day",
        ["探访人编号"] = "visitor id",
        ["探访人姓名"] = "visitor name",
        ["探访人电话"] = "visitor phone",
    };

    private static readonly HashSet<string> Known = [.. Headings.Values];

    /// <summary>Headings that carry a number from 1 to 9: 紧急联系人1姓名, <c>contact 1 name</c>.</summary>
    private static readonly (string KindZh, string Kind, string Zh, string En)[] Numbered =
    [
        .. new[]
        {
            ("姓名", "name"),
            ("电话", "phone"),
            ("关系", "relation"),
            ("邮箱", "mail"),
            ("语言", "language"),
            ("每日摘要", "digest"),
        }.Select(p => ("紧急联系人", "contact", p.Item1, p.Item2)),
        .. new[] { ("编号", "id"), ("型号", "profile"), ("安装日期", "installed"), ("上报分钟", "report") }.Select(p =>
            ("设备", "device", p.Item1, p.Item2)
        ),
        .. new[]
        {
            ("姓名", "name"),
            ("性别", "gender"),
            ("身份证号码", "identity"),
            ("与户主关系", "relation"),
            ("健康状况", "health"),
            ("低保特困", "support"),
        }.Select(p => ("家庭成员", "household", p.Item1, p.Item2)),
    ];

    private readonly List<Problem> problems = [];
    private string file = "";
    private string within = "";

    /// <summary>Imports a file; what is wrong with it is returned, and then nothing was written.</summary>
    public async Task<(IReadOnlyList<Problem> Problems, Wording Summary)> ImportAsync(
        string path,
        bool dryRun,
        CancellationToken cancellation
    )
    {
        await using var stream = File.OpenRead(path);
        return await ImportAsync(stream, Path.GetFileName(path), dryRun, cancellation);
    }

    /// <param name="content">The file; for XLSX seekable.</param>
    /// <param name="fileName">As it stands in the problems; its ending tells CSV from XLSX.</param>
    /// <param name="dryRun">Checks everything, writes nothing.</param>
    /// <param name="cancellation">Ends the import with nothing written.</param>
    /// <param name="bound">Area code of whoever imports: rows outside it are refused.</param>
    public async Task<(IReadOnlyList<Problem> Problems, Wording Summary)> ImportAsync(
        Stream content,
        string fileName,
        bool dryRun,
        CancellationToken cancellation,
        string bound = ""
    )
    {
        within = bound;
        try
        {
            return await ImportAsync(Sheet.Read(content, fileName), fileName, dryRun, cancellation);
        }
        catch (Exception e) when (e is InvalidDataException or FormatException or System.Xml.XmlException or KeyNotFoundException)
        {
            return (
                [new Problem(fileName, 0, "", "", new Wording($"is not a readable workbook: {e.Message}", "不是可读取的表格文件"))],
                Wording.None
            );
        }
    }

    public Task<(IReadOnlyList<Problem> Problems, Wording Summary)> ImportAsync(
        TextReader reader,
        string fileName,
        bool dryRun,
        CancellationToken cancellation
    ) => ImportAsync(Sheet.ReadCsv(reader), fileName, dryRun, cancellation);

    private async Task<(IReadOnlyList<Problem> Problems, Wording Summary)> ImportAsync(
        IEnumerable<(int Line, List<string> Fields)> rows,
        string fileName,
        bool dryRun,
        CancellationToken cancellation
    )
    {
        file = fileName;
        problems.Clear();
        await using var db = await records.CreateDbContextAsync(cancellation);
        var counts = new Dictionary<Wording, int>();
        List<string>? columns = null;
        var ids = new HashSet<string>();
        var shifts = new RotaImport(clock, within);
        foreach (var (line, fields) in rows)
        {
            if (columns is null)
            {
                columns = [.. fields.Select((f, i) => Column(f.Trim(), i))];
                continue;
            }

            var row = new Row(line, columns, fields, this);
            if (fields.Count > columns.Count)
                row.Wrong(
                    "",
                    fields[^1],
                    new Wording(
                        $"the row has {fields.Count} fields, the heading {columns.Count}",
                        $"此行有 {fields.Count} 列，表头只有 {columns.Count} 列"
                    )
                );
            var kind = row["record"] is { Length: > 0 } record ? record : "resident";
            var shift = kind is "duty shift" or "visitor shift" or "值班班次" or "探访班次";
            if (!shift && row["id"].Length > 0 && !ids.Add((kind == "老人" ? "resident" : kind) + row["id"]))
                row.Wrong("id", row["id"], new Wording("stands in this file twice", "在文件中重复出现"));
            if (row["area"].Length > 0 && !row["area"].StartsWith(within, StringComparison.Ordinal))
                row.Wrong(
                    "area",
                    row["area"],
                    new Wording($"lies outside {within}, which you are bound to", $"不在您的管理范围 {within} 内")
                );
            counts[Rows(kind)] = counts.GetValueOrDefault(Rows(kind)) + 1;
            switch (kind)
            {
                case "resident" or "老人":
                    await ResidentAsync(db, row, cancellation);
                    break;
                case "duty" or "supervisor" or "值班" or "主管":
                    await OfficerAsync(db, row, kind is "supervisor" or "主管", cancellation);
                    break;
                case "area" or "区划":
                    await AreaAsync(db, row, cancellation);
                    break;
                case "visitor" or "探访人":
                    await VisitorAsync(db, row, cancellation);
                    break;
                case "duty shift" or "值班班次":
                    await shifts.ReadAsync(db, row, "officer", cancellation);
                    break;
                case "visitor shift" or "探访班次":
                    await shifts.ReadAsync(db, row, "visitor", cancellation);
                    break;
                default:
                    row.Wrong(
                        "record",
                        kind,
                        new Wording(
                            "is not one of resident, duty, supervisor, visitor, duty shift, visitor shift, area",
                            "应为老人、值班、主管、探访人、值班班次、探访班次或区划"
                        )
                    );
                    break;
            }
        }

        if (columns is null)
            problems.Add(new Problem(file, 1, "", "", new Wording("the file is empty", "文件为空")));
        var summary = Wording.Join([.. counts.Select(c => new Wording($"{c.Value} {c.Key.En}", $"{c.Key.Zh} {c.Value} 条"))]);
        if (problems.Count > 0 || dryRun)
            return (problems, summary);
        await db.SaveChangesAsync(cancellation);
        return (problems, summary);
    }

    /// <summary>What a row's first field says it is.</summary>
    private static Wording Rows(string kind) =>
        kind switch
        {
            "resident" or "老人" => new Wording("resident", "老人"),
            "duty" or "值班" => new Wording("duty", "值班"),
            "supervisor" or "主管" => new Wording("supervisor", "主管"),
            "visitor" or "探访人" => new Wording("visitor", "探访人"),
            "duty shift" or "值班班次" => new Wording("duty shift", "值班班次"),
            "visitor shift" or "探访班次" => new Wording("visitor shift", "探访班次"),
            "area" or "区划" => new Wording("area", "区划"),
            _ => Wording.Same(kind),
        };

    /// <summary>
    /// A problem's column as the file's reader knows it: contact 1 phone is 紧急联系人1电话. What is no column of ours stays as it is.
    /// </summary>
    public static Wording Heading(string column)
    {
        if (column.Length == 0)
            return Wording.None;
        if (Headings.FirstOrDefault(h => h.Value == column).Key is { } heading)
            return new Wording(column, heading);
        if (column.Split(' ', 3) is [var kind, var digit, var part])
            foreach (var (kindZh, kindEn, zh, en) in Numbered)
                if (kind == kindEn && part == en)
                    return new Wording(column, $"{kindZh}{digit}{zh}");
        return column.Split(' ') is ["column", var number] ? new Wording(column, $"第 {number} 列") : Wording.Same(column);
    }

    private string Column(string heading, int index)
    {
        if (Headings.TryGetValue(heading, out var column))
            return column;
        if (Known.Contains(heading))
            return heading;
        var digit = heading.FirstOrDefault(char.IsAsciiDigit);
        if (digit is >= '1' and <= '9')
            foreach (var (kindZh, kind, zh, en) in Numbered)
                if (heading == $"{kindZh}{digit}{zh}" || heading == $"{kind} {digit} {en}")
                    return $"{kind} {digit} {en}";

        problems.Add(
            new Problem(
                file,
                1,
                $"column {index + 1}",
                heading,
                new Wording("is not a known heading (docs/registry.md lists them)", "不是已知的列名（见 docs/registry.md）")
            )
        );
        return heading;
    }

    private async Task ResidentAsync(RecordsDb db, Row row, CancellationToken cancellation)
    {
        var id = row.Required("id");
        if (id.Length > 0 && !ResidentId.TryParse(id, out _))
            row.Wrong("id", id, new Wording("has white space or more than 64 characters", "含有空格或超过 64 个字符"));
        // A row that stands twice is an error of the file, and goes on to have its other errors found.
        var resident =
            db.Residents.Local.FindEntry(id)?.Entity
            ?? await db
                .Residents.AsSplitQuery()
                .Include(r => r.Contacts)
                .Include(r => r.Devices)
                .Include(r => r.Household)
                .FirstOrDefaultAsync(r => r.Id == id, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        if (resident is not null && !resident.Area.StartsWith(within, StringComparison.Ordinal))
            row.Wrong("id", id, new Wording("belongs to a resident of another area", "属于其他区域的服务对象"));
        if (resident is null)
            db.Residents.Add(
                resident = new Resident
                {
                    Id = id,
                    Name = "",
                    Area = "",
                    CreatedAt = now,
                }
            );
        resident.Name = row.Required("name");
        resident.Area = row.Required("area");
        if (resident.Area.Length > 0 && (resident.Area.Length != 12 || !AreaCode.TryParse(resident.Area, out _)))
            row.Wrong("area", resident.Area, new Wording("is not a village code of 12 digits", "不是 12 位村（社区）代码"));
        resident.IdentityNumber = row["identity"].ToUpperInvariant();
        if (resident.IdentityNumber.Length > 0 && !IsIdentityNumber(resident.IdentityNumber))
            row.Wrong(
                "identity",
                Masked(resident.IdentityNumber),
                new Wording(
                    "is not an identity number: 18 characters, of which the last checks the others (GB 11643)",
                    "不是身份证号码：应为 18 位，末位为校验码（GB 11643）"
                )
            );
        resident.Phone = row.Phone("phone");
        resident.Gender = row["gender"];
        resident.BirthDate = row.Date("birth");
        resident.Address = row["address"];
        resident.Categories = row["categories"];
        resident.RegisteredAddress = row["registered address"];
        resident.DisabilityCertificate = row["disability certificate"];
        resident.FiledOn = row.Date("filed");
        (resident.DrinkingWater, resident.ElectricitySafety, resident.GasSafety, resident.Housing) = (
            row["drinking water"],
            row["electricity"],
            row["gas"],
            row["housing"]
        );
        (resident.MonthlyIncome, resident.MonthlyPension, resident.MonthlyBenefits) = (
            row.Number("income", 0, 10_000_000),
            row.Number("pension", 0, 10_000_000),
            row.Number("benefits", 0, 10_000_000)
        );
        (resident.HelpedBy, resident.HelpContact, resident.Help) = (row["helped by"], row["help contact"], row["help"]);
        resident.KeyClass = row.Flag("key", false);
        resident.ConsentService = row.Flag("consent", true);
        resident.ConsentDailyLife = row.Flag("share", false);
        resident.HomeLatitude = row.Number("latitude", -90, 90);
        resident.HomeLongitude = row.Number("longitude", -180, 180);
        resident.HomeRadiusMetres = row.Number("radius", 10, 100_000) ?? 300;
        resident.UpdatedAt = now;
        if (row["visitor id"] is { Length: > 0 } visitorId)
        {
            var visitor =
                db.Visitors.Local.FirstOrDefault(v => v.Id == visitorId) ?? await db.Visitors.FindAsync([visitorId], cancellation);
            if (visitor is null)
                db.Visitors.Add(
                    visitor = new Visitor
                    {
                        Id = visitorId,
                        Name = row.Required("visitor name"),
                        Area = resident.Area,
                    }
                );
            if (row["visitor name"].Length > 0)
                visitor.Name = row["visitor name"];
            if (row.Phone("visitor phone") is { Length: > 0 } phone)
                visitor.Phone = phone;
            resident.VisitorId = visitorId;
        }

        for (var n = 1; n <= 9; n++)
        {
            if (row[$"contact {n} name"] is not { Length: > 0 } name)
                continue;
            var contact = resident.Contacts.Find(c => c.Order == n);
            if (contact is null)
                resident.Contacts.Add(
                    contact = new Contact
                    {
                        Id = Guid.CreateVersion7(clock.GetUtcNow()),
                        ResidentId = id,
                        Order = n,
                        Name = name,
                    }
                );
            contact.Name = name;
            contact.Phone = row.Phone($"contact {n} phone");
            contact.Relation = row[$"contact {n} relation"];
            contact.Mail = row[$"contact {n} mail"];
            if (row[$"contact {n} language"] is { Length: > 0 } language)
                contact.Language = language;
            contact.DailyDigest = row.Flag($"contact {n} digest", contact.DailyDigest);
            if (contact.Phone.Length == 0 && contact.Mail.Length == 0)
                row.Wrong($"contact {n} phone", "", new Wording("a contact has a phone number or a mail address", "联系人应有电话或邮箱"));
        }

        for (var n = 1; n <= 9; n++)
        {
            if (row[$"household {n} name"] is not { Length: > 0 } name)
                continue;
            var member = resident.Household.Find(m => m.Order == n);
            if (member is null)
                resident.Household.Add(
                    member = new HouseholdMember
                    {
                        Id = Guid.CreateVersion7(clock.GetUtcNow()),
                        ResidentId = id,
                        Order = n,
                        Name = name,
                    }
                );
            (member.Name, member.Gender, member.Relation, member.Health) = (
                name,
                row[$"household {n} gender"],
                row[$"household {n} relation"],
                row[$"household {n} health"]
            );
            member.Supported = row.Flag($"household {n} support", false);
            member.IdentityNumber = row[$"household {n} identity"].ToUpperInvariant();
            if (member.IdentityNumber.Length > 0 && !IsIdentityNumber(member.IdentityNumber))
                row.Wrong(
                    $"household {n} identity",
                    Masked(member.IdentityNumber),
                    new Wording(
                        "is not an identity number: 18 characters, of which the last checks the others (GB 11643)",
                        "不是身份证号码：应为 18 位，末位为校验码（GB 11643）"
                    )
                );
        }

        for (var n = 1; n <= 9; n++)
        {
            if (row[$"device {n} id"] is not { Length: > 0 } device)
                continue;
            if (!DeviceId.TryParse(device, out _))
                row.Wrong($"device {n} id", device, new Wording("has white space, + or #", "含有空格、+ 或 #"));
            var profile = row.Required($"device {n} profile");
            if (profile.Length > 0 && !isProfile(profile))
                row.Wrong(
                    $"device {n} profile",
                    profile,
                    new Wording("is not a device profile (see: vigil profiles)", "没有此设备型号（可用“vigil profiles”查看）")
                );
            var known = db.Devices.Local.FirstOrDefault(d => d.Id == device) ?? await db.Devices.FindAsync([device], cancellation);
            if (known is not null && known.ResidentId is { } other && other != id)
                row.Wrong($"device {n} id", device, new Wording($"belongs to resident {other}", $"属于服务对象 {other}"));
            if (known is null)
                db.Devices.Add(
                    known = new Device
                    {
                        Id = device,
                        Profile = profile,
                        InstalledAt = now,
                    }
                );
            known.Profile = profile;
            known.ResidentId = id;
            if (row.Date($"device {n} installed") is { } installed)
                known.InstalledAt = installed.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc);
            if (row.Number($"device {n} report", 1, 100_000) is { } minutes)
                known.ReportMinutes = (int)minutes;
        }
    }

    private static async Task OfficerAsync(RecordsDb db, Row row, bool supervisor, CancellationToken cancellation)
    {
        var id = row.Required("id");
        var officer = await db.DutyOfficers.FindAsync([id], cancellation);
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
        officer.Phone = row.Phone("phone");
        officer.Mail = row["mail"];
        officer.Webhook = row["webhook"];
        if (officer.Webhook.Length > 0 && !Uri.TryCreate(officer.Webhook, UriKind.Absolute, out _))
            row.Wrong("webhook", officer.Webhook, new Wording("is not a web address", "不是网址"));
        if (row["language"] is { Length: > 0 } language)
            officer.Language = language;
        officer.Supervisor = supervisor;
        (officer.SubstituteId, officer.AwayFrom, officer.AwayUntil) = Standing(row, id);
    }

    private async Task VisitorAsync(RecordsDb db, Row row, CancellationToken cancellation)
    {
        var id = row.Required("id");
        var visitor = await db.Visitors.FindAsync([id], cancellation);
        if (visitor is not null && !visitor.Area.StartsWith(within, StringComparison.Ordinal))
            row.Wrong("id", id, new Wording("belongs to a visitor of another area", "属于其他区域的探访人"));
        if (visitor is null)
            db.Visitors.Add(visitor = new Visitor { Id = id, Name = "" });
        visitor.Name = row.Required("name");
        visitor.Area = row.Required("area");
        if (visitor.Area.Length > 0 && !AreaCode.TryParse(visitor.Area, out _))
            row.Wrong("area", visitor.Area, new Wording("is not an area code of 6, 9 or 12 digits", "不是 6、9 或 12 位区划代码"));
        visitor.Phone = row.Phone("phone");
        visitor.Mail = row["mail"];
        if (visitor.Phone.Length == 0 && visitor.Mail.Length == 0)
            row.Wrong("phone", "", new Wording("a visitor has a phone number or a mail address", "探访人应有电话或邮箱"));
        if (row["language"] is { Length: > 0 } language)
            visitor.Language = language;
        (visitor.SubstituteId, visitor.AwayFrom, visitor.AwayUntil) = Standing(row, id);
    }

    /// <summary>
    /// Who stands in, and when. Whether the substitute exists is not asked: it may stand in a later row, and a missing one is seen on the
    /// timeline when it matters.
    /// </summary>
    private static (string? Substitute, DateOnly? From, DateOnly? Until) Standing(Row row, string id)
    {
        var substitute = row["substitute"] is { Length: > 0 } text ? text : null;
        if (substitute == id)
            row.Wrong("substitute", id, new Wording("is the same person", "替班人与本人相同"));
        var (from, until) = (row.Date("away from"), row.Date("away until"));
        if (from > until)
            row.Wrong("away until", row["away until"], new Wording("lies before the first day away", "早于离岗首日"));
        return (substitute, from, until);
    }

    private static async Task AreaAsync(RecordsDb db, Row row, CancellationToken cancellation)
    {
        var code = row.Required("area");
        if (code.Length > 0 && !AreaCode.TryParse(code, out _))
            row.Wrong("area", code, new Wording("is not an area code of 6, 9 or 12 digits", "不是 6、9 或 12 位区划代码"));
        var area = await db.Areas.FindAsync([code], cancellation);
        if (area is null)
            db.Areas.Add(area = new Area { Code = code, Name = "" });
        area.Name = row.Required("name");
    }

    /// <summary>GB 11643-1999: ISO 7064 MOD 11-2 over 17 digits, and a date that exists.</summary>
    public static bool IsIdentityNumber(string text)
    {
        if (
            text.Length != 18
            || !text.AsSpan(0, 17).ContainsOnlyDigits()
            || !DateOnly.TryParseExact(text.AsSpan(6, 8), "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _)
        )
            return false;
        var sum = 0;
        for (var i = 0; i < 17; i++)
            sum += (text[i] - '0') * ((1 << (17 - i)) % 11);
        return text[17] == "10X98765432"[sum % 11];
    }

    private static string Masked(string identity) =>
        identity.Length > 8 ? identity[..4] + new string('*', identity.Length - 6) + identity[^2..] : "****";

    internal sealed class Row(int line, List<string> columns, List<string> fields, RegistryImport import)
    {
        public string this[string column] => columns.IndexOf(column) is var i and >= 0 && i < fields.Count ? Plain(fields[i].Trim()) : "";

        /// <summary>Without the apostrophe that our own export puts before what looks like a formula, such as +86….</summary>
        private static string Plain(string text) => text is ['\'', '=' or '+' or '-' or '@', ..] ? text[1..] : text;

        public string Required(string column)
        {
            if (this[column] is { Length: > 0 } text)
                return text;
            Wrong(column, "", new Wording("is missing", "未填写"));
            return "";
        }

        public string Phone(string column)
        {
            var text = this[column];
            if (text.Length == 0)
                return "";
            try
            {
                var util = PhoneNumberUtil.GetInstance();
                var number = util.Parse(text, "CN");
                if (util.IsValidNumber(number))
                    return util.Format(number, PhoneNumberFormat.E164);
            }
            catch (NumberParseException)
            {
                // said below
            }

            Wrong(
                column,
                text,
                new Wording(
                    "is not a phone number (numbers without + are taken for mainland China)",
                    "不是电话号码（不带 + 的按中国内地号码处理）"
                )
            );
            return "";
        }

        public DateOnly? Date(string column)
        {
            var text = this[column];
            if (text.Length == 0)
                return null;
            if (
                DateOnly.TryParseExact(
                    text,
                    ["yyyy-MM-dd", "yyyy/M/d", "yyyy.M.d", "yyyyMMdd", "yyyy年M月d日"],
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.None,
                    out var date
                )
            )
                return date;
            Wrong(column, text, new Wording("is not a date such as 1941-05-17", "不是日期，应如 1941-05-17"));
            return null;
        }

        public bool Flag(string column, bool otherwise)
        {
            var text = this[column];
            if (text.Length == 0)
                return otherwise;
            if (text is "是" or "yes" or "true" or "1" or "重点" or "愿意" or "同意")
                return true;
            if (text is "否" or "no" or "false" or "0" or "一般" or "不愿意" or "不同意")
                return false;
            Wrong(column, text, new Wording("is neither 是 (yes) nor 否 (no)", "应填“是”或“否”"));
            return otherwise;
        }

        public double? Number(string column, double least, double most)
        {
            var text = this[column];
            if (text.Length == 0)
                return null;
            if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most)
                return value;
            Wrong(column, text, new Wording($"is not a number from {least} to {most}", $"应为 {least} 至 {most} 之间的数字"));
            return null;
        }

        public void Wrong(string column, string value, Wording message) =>
            import.problems.Add(new Problem(import.file, line, column, value, message));
    }
}

internal static class SpanText
{
    public static bool ContainsOnlyDigits(this ReadOnlySpan<char> text) => text.IndexOfAnyExceptInRange('0', '9') < 0;
}
