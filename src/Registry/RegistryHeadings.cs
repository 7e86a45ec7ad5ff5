using Vigil.Model;

namespace Vigil.Registry;

/// <summary>The headings of a registry file in Chinese and English, and the columns that they name.</summary>
public static class RegistryHeadings
{
    private static readonly Dictionary<string, string> Names = new(StringComparer.OrdinalIgnoreCase)
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

    private static readonly HashSet<string> Known = [.. Names.Values];

    /// <summary>Headings with a number from 1 to 9: 紧急联系人1姓名, <c>contact 1 name</c>.</summary>
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

    /// <summary>Every heading; those with a number have N in its place.</summary>
    internal static IEnumerable<(string Zh, string En)> All =>
        Names.Select(n => (n.Key, n.Value)).Concat(Numbered.Select(n => ($"{n.KindZh}N{n.Zh}", $"{n.Kind} N {n.En}")));

    /// <summary>The column of each heading; an unknown heading is a problem.</summary>
    internal static List<string> Read(List<string> headings, string file, List<Problem> problems) =>
        [.. headings.Select((h, i) => Column(h.Trim(), i, file, problems))];

    /// <summary>
    /// The heading of a column, for a problem that is shown: <c>contact 1 phone</c> is 紧急联系人1电话. An unknown heading stays as it is.
    /// </summary>
    public static Wording Heading(string column)
    {
        if (column.Length == 0)
            return Wording.None;
        if (Names.FirstOrDefault(h => h.Value == column).Key is { } heading)
            return new Wording(column, heading);
        if (column.Split(' ', 3) is [var kind, var digit, var part])
            foreach (var (kindZh, kindEn, zh, en) in Numbered)
                if (kind == kindEn && part == en)
                    return new Wording(column, $"{kindZh}{digit}{zh}");
        return column.Split(' ') is ["column", var number] ? new Wording(column, $"第 {number} 列") : Wording.Same(column);
    }

    private static string Column(string heading, int index, string file, List<Problem> problems)
    {
        if (Names.TryGetValue(heading, out var column))
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
}
