namespace Vigil.Registry;

/// <summary>
/// The headings of an empty registry file, in the words and the order of the policy document's form (Annex 1, 基本信息登记表), and behind
/// them what the service needs besides: visitor, position of the home, devices.
/// </summary>
public static class RegistryTemplate
{
    private static readonly string[] Form =
    [
        "编号",
        "建档日期",
        "姓名",
        "性别",
        "身份证号码",
        "出生日期",
        "联系电话",
        .. Numbered("紧急联系人", 2, "姓名", "关系", "电话", "语言", "每日摘要"),
        "户籍地址",
        "居住地址",
        "区划代码",
        "对象类型",
        "残疾人证号",
        "重点",
        "接受服务",
        "同意共享日常生活信息",
        .. Numbered("家庭成员", 4, "姓名", "性别", "身份证号码", "与户主关系", "健康状况", "低保特困"),
        "饮水是否安全",
        "生活用电是否安全",
        "生活用气是否安全",
        "住房是否安全",
        "家庭每月收入",
        "养老保险每月",
        "社会救助和福利补贴每月",
        "帮扶单位",
        "帮扶责任人",
        "帮扶措施",
        "探访人编号",
        "探访人姓名",
        "探访人电话",
        "纬度",
        "经度",
        "活动半径米",
        .. Numbered("设备", 4, "编号", "型号", "安装日期", "上报分钟"),
    ];

    /// <summary>In Chinese or English; the import reads both.</summary>
    public static IReadOnlyList<string> Headings(string language) =>
        language == "zh" ? Form : [.. RegistryHeadings.Read([.. Form], 1, "", []).Names];

    private static IEnumerable<string> Numbered(string kind, int most, params string[] parts) =>
        Enumerable.Range(1, most).SelectMany(n => parts.Select(p => $"{kind}{n}{p}"));
}
