using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>A device as somebody enters it.</summary>
/// <param name="Id">Its id on the wire.</param>
/// <param name="Profile">The profile that reads it.</param>
/// <param name="Label">Such as kitchen.</param>
/// <param name="Resident">In whose home it is; empty: in stock.</param>
/// <param name="StockArea">In whose stock; empty: of the area that the person is bound to.</param>
/// <param name="ReportMinutes">How often it reports; null for the profile's own.</param>
/// <param name="Since">When it was installed; null: now.</param>
internal sealed record DeviceEntry(
    string Id,
    string Profile,
    string Label = "",
    string Resident = "",
    string StockArea = "",
    int? ReportMinutes = null,
    DateTime? Since = null
)
{
    private const int LongestMinutes = 100_000;

    /// <summary>What is wrong with it by itself, by column: whether its resident exists is another question.</summary>
    public List<(string Column, string Value, Wording Why)> Problems(KnowsProfile profiles, string area)
    {
        var found = new List<(string, string, Wording)>();
        void Wrong(string column, string value, Wording? why)
        {
            if (why is not null)
                found.Add((column, value, why));
        }

        Wrong("device", Id, IdProblem(Id));
        Wrong("profile", Profile, profiles(Profile) ? null : DeviceRefusal.NoProfile(Profile).Why);
        Wrong("label", Label, LabelProblem(Label));
        Wrong("stock", StockArea, StockProblem(area));
        Wrong("report", $"{ReportMinutes}", MinutesProblem(ReportMinutes));
        return found;
    }

    public Device ToDevice(DateTime now, string area) =>
        new()
        {
            Id = Id,
            Profile = Profile,
            Label = Label.Trim(),
            ResidentId = Resident.Length > 0 ? Resident : null,
            StockArea =
                Resident.Length > 0 ? ""
                : StockArea.Length > 0 ? StockArea
                : area,
            ReportMinutes = ReportMinutes is 0 ? null : ReportMinutes,
            InstalledAt = Since ?? now,
            RegisteredAt = now,
        };

    public static Wording? IdProblem(string id) =>
        id.Length == 0 ? new Wording("the device's id is missing", "未填写设备编号")
        : DeviceId.TryParse(id, out _) && !id.Contains('/', StringComparison.Ordinal) ? null
        : new Wording(
            $"'{id}' is no id of a device: 1 to {DeviceId.MaxLength} characters without white space, +, # or /",
            $"“{id}”不是设备编号：1 至 {DeviceId.MaxLength} 个字符，不含空格、+、# 和 /"
        );

    public static Wording? LabelProblem(string? label) =>
        label is null || (label.Length <= Device.LongestLabel && !label.Any(char.IsControl))
            ? null
            : new Wording(
                $"the label has more than {Device.LongestLabel} characters, or one that can't be shown",
                $"名称超过 {Device.LongestLabel} 个字，或含有无法显示的字符"
            );

    public static Wording? MinutesProblem(int? minutes) =>
        minutes is null or (>= 0 and <= LongestMinutes)
            ? null
            : new Wording(
                $"{minutes} is no reporting interval: 1 to {LongestMinutes} minutes, 0 for the profile's own",
                $"{minutes} 不是上报间隔：1 至 {LongestMinutes} 分钟，0 表示按型号"
            );

    private Wording? StockProblem(string area) =>
        StockArea.Length == 0 ? null
        : !AreaCode.TryParse(StockArea, out _)
            ? new Wording($"'{StockArea}' is no area code of 2, 4, 6, 9 or 12 digits", $"“{StockArea}”不是 2、4、6、9 或 12 位区划代码")
        : StockArea.StartsWith(area, StringComparison.Ordinal) ? null
        : new Wording($"area '{StockArea}' is not yours", $"区划“{StockArea}”不在您的管辖范围");
}

/// <summary>What is changed of a device; null leaves a value as it is.</summary>
/// <param name="ReportMinutes">0: as the profile says.</param>
internal sealed record DeviceEdit(string? Label, string? Profile, int? ReportMinutes, DateTime? Installed);
