using Vigil.Model;

namespace Vigil.Registry.Protection;

/// <summary>
/// What is missing at a home so that trouble there could be noticed and told right now. With one of the first six a home is not protected;
/// the others are weaknesses of a protected one (<see cref="ProtectionGaps.Unprotects"/>).
/// </summary>
public enum ProtectionGap
{
    /// <summary>Remote monitoring was refused: nothing is noticed but what the person presses.</summary>
    Refused,

    /// <summary>No device is registered in the home.</summary>
    NoDevice,

    /// <summary>Every device was never heard, or is missed by what is expected of it or by its own cadence.</summary>
    AllSilent,

    /// <summary>No contact with a phone number or mail address.</summary>
    NoContact,

    /// <summary>No provider that can be used now carries anything to any contact: no route, or its channel has failed.</summary>
    NoRoute,

    /// <summary>Every contact's number has failed: the last reach test, or a provider has said that it takes nothing.</summary>
    NumberFailed,

    /// <summary>No contact's number has been verified by a reach test.</summary>
    NumberUnverified,

    /// <summary>No visitor is assigned, or the visitor is away and nobody stands in.</summary>
    NoVisitor,

    /// <summary>There is a locator and no home point to compare with.</summary>
    NoHomePoint,

    /// <summary>The battery of a device is low.</summary>
    BatteryLow,

    /// <summary>A call button was not tested for longer than <c>Protection:TestDays</c>.</summary>
    TestOverdue,
}

public static class ProtectionGaps
{
    private static readonly ProtectionGap[] Gaps = Enum.GetValues<ProtectionGap>();

    /// <summary>All, the worst first.</summary>
    public static IReadOnlyList<ProtectionGap> All => Gaps;

    /// <summary>Nothing could be noticed, or nobody told: the home is not protected. Else it is a weakness.</summary>
    public static bool Unprotects(this ProtectionGap gap) => gap <= ProtectionGap.NumberFailed;

    public static Wording Words(this ProtectionGap gap) =>
        gap switch
        {
            ProtectionGap.Refused => new("monitoring refused", "未同意远程监测"),
            ProtectionGap.NoDevice => new("no device", "未安装设备"),
            ProtectionGap.AllSilent => new("all devices silent", "设备全部无数据"),
            ProtectionGap.NoContact => new("no contact", "无紧急联系人"),
            ProtectionGap.NoRoute => new("no way to reach the contacts", "通知渠道不通"),
            ProtectionGap.NumberFailed => new("contacts' numbers don't answer", "联系人号码不通"),
            ProtectionGap.NumberUnverified => new("no number verified", "号码未核验"),
            ProtectionGap.NoVisitor => new("no visitor", "无探访人"),
            ProtectionGap.NoHomePoint => new("no home point for the locator", "定位设备缺住所位置"),
            ProtectionGap.BatteryLow => new("battery low", "设备电量低"),
            _ => new("test press overdue", "按键测试逾期"),
        };
}
