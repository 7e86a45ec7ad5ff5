using System.Globalization;
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

    private static readonly HashSet<string> Known = new(Names.Values, StringComparer.OrdinalIgnoreCase);

    /// <summary>Headings with a number from 1 to 99: 紧急联系人1姓名, <c>contact 1 name</c>.</summary>
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

    /// <summary>How many rows may stand above the headings: titles, who filled it in, when.</summary>
    internal const int MostAbove = 10;

    /// <summary>Whether a row is the one with the headings: it has that of the ids, or two that are known.</summary>
    internal static bool Are(List<string> row)
    {
        var columns = row.Select(f => Column(Bare(f.Trim()))).OfType<string>().ToList();
        return columns.Contains("id") || columns.Count >= 2;
    }

    /// <summary>The column of each heading; an unknown heading is a problem, and so is one that stands there twice.</summary>
    internal static RegistryColumns Read(List<string> headings, int line, string file, List<Problem> problems)
    {
        var columns = new List<string>();
        var cleared = new HashSet<string>();
        foreach (var (i, heading) in headings.Select(h => h.Trim()).Index())
        {
            void Wrong(string column, Wording why) => problems.Add(new Problem(file, line, column, heading, why));
            var column = Column(Bare(heading));
            if (column is null)
                Wrong(
                    $"column {i + 1}",
                    new Wording("is not a known heading (docs/registry.md lists them)", "不是已知的列名（见 docs/registry.md）")
                );
            else if (columns.Contains(column))
                Wrong(column, new Wording("stands in the headings twice", "列名重复出现"));
            else if (Bare(heading) != heading && !MayBeEmptied(column))
                Wrong(
                    column,
                    new Wording(
                        "can't be emptied; what the file no longer names is removed with --replace",
                        "此列不能清空；文件中不再出现的内容可用“--replace”移除"
                    )
                );
            else if (Bare(heading) != heading)
                cleared.Add(column);
            columns.Add(column ?? heading);
        }

        return new RegistryColumns(columns, cleared, line);
    }

    /// <summary>Without the <c>=</c> that says: an empty cell of this column empties what stands in the registry.</summary>
    private static string Bare(string heading) => heading is [.., '=' or '＝'] ? heading[..^1].TrimEnd() : heading;

    /// <summary>Not what tells one record from another, and not what everybody has.</summary>
    internal static bool MayBeEmptied(string column) =>
        column is not ("record" or "id" or "name" or "area" or "visitor name")
        && !(
            column.Split(' ') is [var kind, _, var part]
            && (part is "id" or "profile" or "installed" || (part == "name" && kind != "device"))
        );

    /// <summary>
    /// The heading of a column, for a problem that is shown: <c>contact 1 phone</c> is 紧急联系人1电话. An unknown heading stays as it is.
    /// </summary>
    public static Wording Heading(string column)
    {
        if (column.Length == 0)
            return Wording.None;
        if (column is "order")
            return new Wording(column, "顺序"); // of edits alone: in a file the heading's number says it
        if (Names.FirstOrDefault(h => h.Value == column).Key is { } heading)
            return new Wording(column, heading);
        if (column.Split(' ', 3) is [var kind, var digit, var part])
            foreach (var (kindZh, kindEn, zh, en) in Numbered)
                if (kind == kindEn && part == en)
                    return new Wording(column, $"{kindZh}{digit}{zh}");
        return column.Split(' ') is ["column", var number] ? new Wording(column, $"第 {number} 列") : Wording.Same(column);
    }

    /// <summary>The column that a heading names; null when it is none.</summary>
    private static string? Column(string heading)
    {
        if (Names.TryGetValue(heading, out var column))
            return column;
        if (Known.TryGetValue(heading, out var known))
            return known;
        var from = heading.AsSpan().IndexOfAnyInRange('1', '9');
        if (from < 0)
            return null;
        var digits = heading.Length > from + 1 && char.IsAsciiDigit(heading[from + 1]) ? 2 : 1;
        var number = heading.Substring(from, digits);
        foreach (var (kindZh, kind, zh, en) in Numbered)
            if (heading == $"{kindZh}{number}{zh}" || heading.Equals($"{kind} {number} {en}", StringComparison.OrdinalIgnoreCase))
                return $"{kind} {number} {en}";
        return null;
    }
}

/// <summary>The columns of a file, in the file's order.</summary>
/// <param name="names">In English.</param>
/// <param name="cleared">Those whose empty cells empty what stands in the registry.</param>
/// <param name="line">Of the headings.</param>
internal sealed class RegistryColumns(List<string> names, HashSet<string> cleared, int line)
{
    private readonly Dictionary<string, int> places = names.Index().GroupBy(n => n.Item).ToDictionary(g => g.Key, g => g.First().Index);

    public int Count => names.Count;

    public IReadOnlyList<string> Names => names;

    public int Line => line;

    /// <summary>Numbers of the contacts, of the household's members, of the devices that the file has columns for.</summary>
    public IReadOnlyList<int> Contacts { get; } = NumbersOf("contact", names);
    public IReadOnlyList<int> Household { get; } = NumbersOf("household", names);
    public IReadOnlyList<int> Devices { get; } = NumbersOf("device", names);

    public bool Has(string column) => places.ContainsKey(column);

    public bool Clears(string column) => cleared.Contains(column);

    public int Place(string column) => places.GetValueOrDefault(column, -1);

    /// <summary>Unknown headings are among the names too, and may look like anything.</summary>
    private static List<int> NumbersOf(string kind, List<string> names) =>
        [
            .. names
                .Select(n =>
                    n.Split(' ') is [var k, var number, _]
                    && k == kind
                    && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed)
                        ? parsed
                        : 0
                )
                .Where(n => n is > 0 and < 100)
                .Distinct()
                .Order(),
        ];
}
